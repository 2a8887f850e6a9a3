import Canonical
import Crypto
import Merkle
import Raft
import Records
import Testing

@testable import ClawLedger

/// SplitMix64: small, seeded, the same everywhere.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

private func time(_ seconds: Int64) throws -> Timestamp {
  try #require(Timestamp(nanoseconds: seconds * 1_000_000_000))
}

/// A record that is told apart by its number.
private func payload(_ number: UInt64, at seconds: Int64 = 1) throws -> [UInt8] {
  let record = Record(at: try time(seconds), body: .term(number: number, leader: 1))
  return EntryPayload(record: record.bytes, attachment: []).bytes
}

private func referenceRoot(_ records: [[UInt8]]) -> Digest {
  var frontier = Frontier()
  for record in records { frontier.append(TreeHash.leaf(record)) }
  return frontier.root
}

struct LedgerTests {
  @Test("a leaf that cannot be in any log has no note, whoever asks for it")
  func noNoteBeyondTheLog() throws {
    let ledger = try Ledger.open(MemoryStore(), keys: .unsealed).ledger
    #expect(ledger.notes(covering: LeafIndex(.max), limit: 64).isEmpty)
    #expect(ledger.leaf(at: LeafIndex(.max)) == nil)
  }

  @Test(
    "the first note that consents to a leaf is found among those that do not, and nothing is read beyond a limit"
  )
  func consentingNote() throws {
    var store = MemoryStore()
    var ledger = try Ledger.open(store, keys: .unsealed).ledger
    ledger.append(
      try (1...100).map { (number: UInt64) in
        Entry(
          term: Term(rawValue: 1), index: LogIndex(rawValue: number), payload: try payload(number))
      })
    // Sizes from 11 on, one note each: leaf 10 is in the range of the 30th, 10 and 11 of the 40th, and excepted of the 20th.
    let zero = SHA256.hash("")
    var batch = WriteBatch()
    let proven: [UInt64: [UInt64]] = [30: [10], 40: [11]]
    for position in 1...60 as ClosedRange<UInt64> {
      let consent: ConsentLine? =
        switch position {
        case 20:
          ConsentLine(first: LeafIndex(1), last: LeafIndex(11), exceptions: [LeafIndex(10), LeafIndex(11)])
        case 30: ConsentLine(first: LeafIndex(10), last: LeafIndex(10))
        case 40: ConsentLine(first: LeafIndex(9), last: LeafIndex(11))
        default: nil
        }
      let note = CheckpointNote(
        cluster: zero, size: 10 + position, root: zero, stateRoot: zero, time: try time(9), consent: consent)
      ledger.keep(
        SignedNote(text: note.text, name: "x", keyID: [0, 0, 0, 0], signature: [1]), note,
        consentingTo: (proven[position] ?? []).map { LeafIndex($0) }, in: &batch)
    }
    // What says of another leaf that a note consents to it is not believed.
    batch.put(.consents, StoreKey.leaf(12), StoreKey.note(40, try time(9)))
    batch.put(.consents, StoreKey.leaf(99), StoreKey.note(50, try time(9)))
    store.write(batch)
    ledger.store = store
    func found(_ leaf: UInt64) throws -> UInt64? {
      try ledger.note(consentingTo: LeafIndex(leaf)).map { try CheckpointNote(parsing: $0.text).size }
    }
    #expect(try found(10) == 40 && found(11) == 50)
    #expect(try found(5) == nil && found(12) == nil && found(99) == nil && found(.max) == nil)
  }

  @Test("appends, truncations, late syncs and crashes: the ledger is always the log of its model")
  func model() throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var store = MemoryStore()
      var ledger = try Ledger.open(store, keys: .unsealed).ledger
      var log: [(term: UInt64, payload: [UInt8])] = []  // what is appended
      var synced: [(term: UInt64, payload: [UInt8])] = []  // what is on disk
      var inFlight: [(ticket: UInt64, batch: WriteBatch, log: [(term: UInt64, payload: [UInt8])])] = []
      var ticket: UInt64 = 0
      for step in 0..<120 {
        switch random.next() % 10 {
        case 0...4:
          var truncateAfter: LogIndex?
          if random.next() % 4 == 0, log.count > synced.count / 2 {
            let keep = Int(random.next() % UInt64(log.count + 1))
            ledger.truncate(after: LogIndex(rawValue: UInt64(keep)))
            truncateAfter = LogIndex(rawValue: UInt64(keep))
            log.removeSubrange(keep...)
          }
          var entries: [Entry] = []
          for _ in 0..<(random.next() % 5) {
            let entry = Entry(
              term: Term(rawValue: UInt64(step + 1)), index: LogIndex(rawValue: UInt64(log.count + 1)),
              payload: try payload(random.next() % 1000))
            entries.append(entry)
            log.append((entry.term.rawValue, entry.payload))
          }
          ledger.append(entries)
          ticket += 1
          let request = PersistRequest.make(
            ticket: ticket, truncateAfter: truncateAfter, entries: entries)
          inFlight.append((ticket, ledger.batch(for: request), log))
        case 5...7:
          guard !inFlight.isEmpty else { continue }
          let done = inFlight.removeFirst()
          store.write(done.batch)
          ledger.store = store
          ledger.persisted(ticket: done.ticket)
          synced = done.log
        case 8:
          // A crash: what was not synced is gone.
          inFlight.removeAll()
          log = synced
          ledger = try Ledger.open(store, keys: .unsealed).ledger
        default: break
        }
        #expect(ledger.lastIndex.rawValue == UInt64(log.count))
        #expect(
          ledger.rootHash
            == referenceRoot(try log.map { try EntryPayload(parsing: $0.payload).record }), "seed \(seed)")
        if let last = log.indices.randomElement(using: &random) {
          let index = LogIndex(rawValue: UInt64(last + 1))
          #expect(ledger.term(at: index)?.rawValue == log[last].term)
          #expect(
            ledger.entries(from: index, through: index, maxBytes: 1).map(\.payload) == [log[last].payload])
          let path = try #require(
            ledger.inclusionProof(of: LeafIndex(UInt64(last)), size: UInt64(log.count)))
          try Proof.verifyInclusion(
            leaf: TreeHash.leaf(try EntryPayload(parsing: log[last].payload).record), index: UInt64(last),
            size: UInt64(log.count), path: path, root: ledger.rootHash)
        }
      }
    }
  }

  @Test("a long log leaves memory once it is durable, and is read from the store just the same")
  func longLog() throws {
    var store = MemoryStore()
    var ledger = try Ledger.open(store, keys: .unsealed).ledger
    var records: [[UInt8]] = []
    for batch in 0..<60 as Range<UInt64> {
      var entries: [Entry] = []
      for number in 0..<100 as Range<UInt64> {
        let entry = Entry(
          term: Term(rawValue: 1), index: LogIndex(rawValue: batch * 100 + number + 1),
          payload: try payload(batch * 100 + number))
        entries.append(entry)
        records.append(try EntryPayload(parsing: entry.payload).record)
      }
      ledger.append(entries)
      store.write(ledger.batch(for: .make(ticket: batch + 1, truncateAfter: nil, entries: entries)))
      ledger.store = store
      ledger.persisted(ticket: batch + 1)
    }
    #expect(ledger.rootHash == referenceRoot(records))
    #expect(ledger.leaf(at: LeafIndex(3)) == records[3])
    #expect(ledger.rootHash(ofSize: 777) == referenceRoot(Array(records[..<777])))
    let page = ledger.entries(from: LogIndex(rawValue: 5), through: LogIndex(rawValue: 50), maxBytes: 500)
    #expect(!page.isEmpty && page.count < 46)
    let reopened = try Ledger.open(store, keys: .unsealed).ledger
    #expect(reopened.rootHash == ledger.rootHash)
    #expect(reopened.term(at: LogIndex(rawValue: 6000))?.rawValue == 1)
  }

  @Test("term and vote come back together; a corrupt one is no vote at all")
  func hardState() throws {
    var store = MemoryStore()
    var ledger = try Ledger.open(store, keys: .unsealed).ledger
    let state = HardState(currentTerm: Term(rawValue: 7), votedFor: NodeID(rawValue: 3))
    store.write(ledger.batch(for: .make(ticket: 1, hardState: state)))
    #expect(try Ledger.open(store, keys: .unsealed).hardState == state)
    let row = try #require(try store.scan(.meta, from: [], limit: 1).first)
    var batch = WriteBatch()
    batch.put(.meta, row.key, row.value.map { $0 ^ 1 })
    store.write(batch)
    #expect(throws: LedgerFault.self) { try Ledger.open(store, keys: .unsealed) }
  }

  /// A store with `count` entries of term 1 and the hard state of term 4.
  private func stored(_ count: UInt64) throws -> MemoryStore {
    var store = MemoryStore()
    var ledger = try Ledger.open(store, keys: .unsealed).ledger
    let entries = try (1...count).map {
      Entry(term: Term(rawValue: 1), index: LogIndex(rawValue: $0), payload: try payload($0))
    }
    ledger.append(entries)
    let state = HardState(currentTerm: Term(rawValue: 4))
    store.write(ledger.batch(for: .make(ticket: 1, hardState: state, entries: entries)))
    return store
  }

  private func damage(_ store: inout MemoryStore, _ leaf: UInt64, at position: Int? = nil) throws {
    let row = try #require(try store.scan(.entries, from: StoreKey.leaf(leaf), limit: 1).first)
    var value = row.value
    value[position ?? value.count - 1] ^= 0x10
    var batch = WriteBatch()
    batch.put(.entries, row.key, value)
    store.write(batch)
  }

  @Test("a flipped bit anywhere in a stored entry is found: the entry is lost, not absent")
  func corruption() throws {
    let store = try stored(1)
    let length = try #require(try store.last(.entries)).value.count
    for position in 0..<length {
      var damaged = store
      try damage(&damaged, 0, at: position)
      let recovered = try Ledger.open(damaged, keys: .unsealed)
      #expect(recovered.ledger.size == 0)
      // Of its own term nothing can be read: the latest that it can have been of.
      #expect(recovered.lost == LogEnd(term: Term(rawValue: 4), index: LogIndex(rawValue: 1)))
    }
    #expect(try Ledger.open(store, keys: .unsealed).lost == nil, "the control")
  }

  @Test("what is lost is remembered over restarts, with what followed it, until it is back")
  func lossIsRemembered() throws {
    var store = try stored(5)
    try damage(&store, 2)
    let lost = LogEnd(term: Term(rawValue: 1), index: LogIndex(rawValue: 5))
    let recovered = try Ledger.open(store, keys: .unsealed)
    #expect(recovered.ledger.size == 2 && recovered.lost == lost)
    store.write(try #require(recovered.repair))
    let again = try Ledger.open(store, keys: .unsealed)
    #expect(again.ledger.size == 2 && again.lost == lost && again.repair == nil)
    store.write(again.ledger.recovery)
    #expect(try Ledger.open(store, keys: .unsealed).lost == nil)
  }

  @Test("a leaf is mended by what hashes to what the tree has for it, and by nothing else")
  func mending() throws {
    var store = try stored(5)
    var ledger = try Ledger.open(store, keys: .unsealed).ledger
    ledger.append([])
    for leaf in [UInt64(2), 4] { try damage(&store, leaf) }
    // As after a restart whose last note covers all of them: nothing is read again.
    ledger.store = store
    ledger.forgetTail()
    #expect((0..<5).map { ledger.isIntact(LeafIndex($0)) } == [true, true, false, true, false])
    #expect(ledger.leaf(at: LeafIndex(2)) == nil && ledger.payload(at: LeafIndex(2)) == nil)
    #expect(ledger.mending(LeafIndex(2), with: try payload(4)) == nil)
    #expect(ledger.mending(LeafIndex(2), with: []) == nil)
    store.write(try #require(ledger.mending(LeafIndex(2), with: try payload(3))))
    ledger.store = store
    #expect((0..<5).map { ledger.isIntact(LeafIndex($0)) } == [true, true, true, true, false])
    #expect(ledger.payload(at: LeafIndex(2)) == (try payload(3)))
    #expect(ledger.term(at: LogIndex(rawValue: 3))?.rawValue == 3, "a term's first record names it")
  }

  @Test("admission: log time ahead of the clock, log time that decreases, malformed and mismatched entries")
  func admission() throws {
    var ledger = try Ledger.open(MemoryStore(), keys: .unsealed).ledger
    ledger.clock = try time(100)
    func entry(_ payload: [UInt8]) -> Entry {
      Entry(
        term: Term(rawValue: 1), index: LogIndex(rawValue: ledger.lastIndex.rawValue + 1), payload: payload)
    }
    #expect(ledger.admission(of: entry(try payload(1, at: 102))) == .accept)
    #expect(ledger.admission(of: entry(try payload(1, at: 103))) == .ahead)
    ledger.append([entry(try payload(1, at: 50))])
    guard case .refuse = ledger.admission(of: entry(try payload(2, at: 49))) else {
      Issue.record("log time decreased")
      return
    }
    let record = Record(at: try time(60), body: .tick).bytes
    for bad in [
      [], [0, 0], [0, 0, 0, 9, 1], EntryPayload(record: [0x7B, 0x7D], attachment: []).bytes,
      EntryPayload(record: record, attachment: Array("{}".utf8) + [0x20]).bytes,
      EntryPayload(
        record: record,
        attachment: Attachment("reason", Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: 1))
          .bytes
      ).bytes,
    ] as [[UInt8]] {
      guard case .refuse = ledger.admission(of: entry(bad)) else {
        Issue.record("admitted \(bad)")
        continue
      }
    }
  }
}

extension Ledger {
  /// As after a restart that read none of it again.
  mutating func forgetTail() {
    tail.removeAll()
    tailFirst = frontier.size + 1
    durable = frontier.size
  }
}

extension PersistRequest {
  /// A request as consensus would make it.
  static func make(
    ticket: UInt64, hardState: HardState? = nil, truncateAfter: LogIndex? = nil, entries: [Entry] = []
  ) -> PersistRequest {
    PersistRequest(
      ticket: ticket, hardState: hardState, snapshot: nil, truncateAfter: truncateAfter, entries: entries)
  }
}
