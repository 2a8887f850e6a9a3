import ClawLedger
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

// What is final is taken from any peer, against the note that vouches for it. A leader that starves a node, or
// that a node does not reach though it reaches others, keeps nobody from what the rest have agreed on.

/// What a node asks of others' final entries, and what it was shown so far.
struct HistoryKeeper: Sendable {
  struct Incoming: Sendable {
    let from: NodeID
    let first: UInt64
    var payloads: [[UInt8]] = []
    var bytes = 0
  }

  var incoming: Incoming?
  /// Whom this node asked last, and when.
  var asked: NodeID?
  var askedAt = Instant(nanoseconds: 0)
  /// The log's size when it last looked: who grows is served.
  var lastSize: UInt64 = 0
  var turns = Turns()

  /// How long nothing may have become final, nor the log have grown, before a node asks.
  static var patience: Nanoseconds { .seconds(2) }
  /// A peer is served at most so often.
  static var servingPause: Nanoseconds { .milliseconds(200) }
  static var pieceBytes: Int { 1 << 20 }
  /// Entries of one answer, where notes divide them.
  static var answerBytes: Int { 4 << 20 }
  /// Entries between one note and the next, as many as a peer shows.
  static var maximumBytes: Int { 64 << 20 }
  /// What an entry counts for beside its payload's bytes, where it is held: many small ones take memory too.
  static var entryBytes: Int { 64 }
  /// What an asking node holds at most; every entry that is true is longer than `entryBytes`.
  static var maximumHeldBytes: Int { 2 * maximumBytes }
}

extension GovernanceNode {
  /// Asks one peer after the other, where neither the log nor what is final of it has grown for a while. Called with
  /// every pulse.
  mutating func pursueHistory(into effects: inout NodeEffects) {
    guard history.askedAt + HistoryKeeper.patience <= now.monotonic else { return }
    let hasGrown = raft.log.size != history.lastSize
    history.lastSize = raft.log.size
    history.askedAt = now.monotonic
    guard !hasGrown, finality.lastAdvance + HistoryKeeper.patience <= now.monotonic else { return }
    askForHistory(into: &effects)
  }

  /// Asks the next peer in turn.
  mutating func askForHistory(into effects: inout NodeEffects) {
    #if SIMULATION
    if Mutant.historyUnasked.isActive { return }
    #endif
    let order = peers.sorted()
    guard let next = order.first(where: { $0 > history.asked ?? raft.id }) ?? order.first else { return }
    askHistory(of: next, into: &effects)
  }

  private mutating func askHistory(of peer: NodeID, into effects: inout NodeEffects) {
    history.asked = peer
    history.askedAt = now.monotonic
    history.incoming = nil
    effects.messages.append((peer, PeerMessage.historyWanted(HistoryWanted(first: finality.size))))
  }

  /// Shows final entries up to a note, in pieces; nothing where the sender lacks nothing, or what it lacks is not here.
  mutating func onHistoryWanted(
    _ wanted: HistoryWanted, from sender: NodeID, into effects: inout NodeEffects
  ) {
    guard wanted.first < finality.size,
      history.turns.serves(sender, at: now.monotonic, pause: HistoryKeeper.servingPause),
      let (entries, note) = history(from: wanted.first)
    else { return }
    var piece = HistoryShown(first: wanted.first, payloads: [])
    var bytes = 0
    for entry in entries {
      if bytes + entry.payload.count > HistoryKeeper.pieceBytes, !piece.payloads.isEmpty {
        effects.messages.append((sender, PeerMessage.historyShown(piece)))
        piece = HistoryShown(first: entry.index.rawValue - 1, payloads: [])
        bytes = 0
      }
      piece.payloads.append(entry.payload)
      bytes += entry.payload.count
    }
    piece.note = note.encoded
    effects.messages.append((sender, PeerMessage.historyShown(piece)))
  }

  /// The entries from `first` to the largest note that they reach within an answer, or to the next note.
  private func history(from first: UInt64) -> (entries: [Entry], note: SignedNote)? {
    var notes = raft.log.notes(covering: LeafIndex(first), limit: 64).compactMap { note in
      (try? CheckpointNote(parsing: note.text)).map { (size: $0.size, note: note) }
    }
    if let newest = finality.note { notes.append((finality.size, newest)) }
    // Who has not seen a key's record become final can check nothing that the key signed: up to there, and no further.
    if let link = links.next(after: first) {
      let turn = link.index.value + 1
      notes.removeAll { $0.size >= turn }
      if turn <= finality.size { notes.append((turn, link.note)) }
    }
    if let stand = continuations.first(where: { $0 >= first }) {
      // The leaf by which operators took the ledger from one key to another comes alone; what it says vouches for it.
      if stand == first,
        let entry = raft.log.entries(
          from: LogIndex(rawValue: first + 1), through: LogIndex(rawValue: first + 1), maxBytes: 0
        ).first,
        let note = finality.note
      {
        return ([entry], note)
      }
      notes.removeAll { $0.size > stand }
      if let note = noteOfSize(stand) { notes.append((stand, note)) }
    }
    guard let next = notes.first else { return nil }
    func entries(through size: UInt64, _ bytes: Int) -> [Entry] {
      raft.log.entries(
        from: LogIndex(rawValue: first + 1), through: LogIndex(rawValue: size), maxBytes: bytes)
    }
    let near = entries(through: notes.last?.size ?? finality.size, HistoryKeeper.answerBytes)
    guard near.first?.index.rawValue == first + 1 else { return nil }
    if let reached = notes.last(where: { $0.size <= first + UInt64(near.count) }) {
      return (Array(near.prefix(Int(reached.size - first))), reached.note)
    }
    let far = entries(through: next.size, HistoryKeeper.maximumBytes)
    return far.count == Int(next.size - first) ? (far, next.note) : nil
  }

  mutating func onHistoryShown(
    _ shown: HistoryShown, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard sender == history.asked else { return }
    var incoming =
      history.incoming ?? HistoryKeeper.Incoming(from: sender, first: shown.first)
    history.incoming = nil
    incoming.bytes += shown.payloads.reduce(0) { $0 + $1.count + HistoryKeeper.entryBytes }
    // No entry is empty: a peer that shows such has nothing to show.
    guard incoming.first == finality.size, !shown.payloads.contains(where: \.isEmpty),
      shown.first == incoming.first + UInt64(incoming.payloads.count), !shown.payloads.isEmpty,
      incoming.bytes <= HistoryKeeper.maximumHeldBytes
    else { return }
    incoming.payloads += shown.payloads
    guard !shown.note.isEmpty else {
      history.incoming = incoming
      return
    }
    guard adopt(incoming, shown.note, using: &random, into: &effects) else { return }
    // There may be more.
    askHistory(of: sender, into: &effects)
  }

  /// The final sizes after which operators took the ledger from one key to another; ascending.
  var continuations: [UInt64] {
    overlay.final.membership.epochs.dropFirst().map(\.firstSize).filter { size in
      !links.links.contains { $0.index.value + 2 == size }
    }.map { $0 - 1 }
  }

  /// The key from which on each is certified by the one before it, for who asks now: the genesis's, or the one to which
  /// operators took the ledger last.
  var anchorKey: PublicKey {
    guard let last = continuations.last else { return genesis.groupKey }
    return overlay.final.membership.key(signing: last + 1)
  }

  /// The links after that key but the first `known`.
  func anchoredLinks(after known: Int) -> [String] {
    let first = continuations.last ?? 0
    return links.links.filter { $0.index.value >= first }.dropFirst(max(0, known)).map(\.encoded)
  }

  /// The kept note of exactly a size; nil where there is none.
  func noteOfSize(_ size: UInt64) -> SignedNote? {
    guard size > 0 else { return nil }
    return raft.log.notes(covering: LeafIndex(size - 1), limit: 1).first { note in
      (try? CheckpointNote(parsing: note.text))?.size == size
    }
  }

  /// Takes in the leaf that follows what is final by the operators' word; nil where it is none.
  private mutating func adoptStanding(
    _ incoming: HistoryKeeper.Incoming, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) -> Bool? {
    guard incoming.payloads.count == 1, incoming.first == finality.size,
      let payload = try? EntryPayload(parsing: incoming.payloads[0]),
      RecordType(endOf: payload.record) == .recovery,
      case .recovery(let record)? = (try? Record(parsing: payload.record))?.body, record.key != nil,
      objection(toContinuing: record) == nil,
      let term = raft.log.term(at: LogIndex(rawValue: incoming.first)),
      let next = try? Continuation(
        payloads: incoming.payloads, first: LeafIndex(incoming.first), after: term)
    else { return nil }
    guard raft.takeVouched(next.entries, at: now.monotonic, into: &raftEffects) else { return false }
    takeUp(using: &random, into: &effects)
    return finality.size > incoming.first
  }

  /// Takes final entries into the log, where the note vouches for them.
  mutating func adopt(
    _ incoming: HistoryKeeper.Incoming, _ encoded: String, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) -> Bool {
    if let taken = adoptStanding(incoming, using: &random, into: &effects) { return taken }
    let first = LogIndex(rawValue: incoming.first)
    guard let (note, checkpoint) = groupSigned(encoded), let term = raft.log.term(at: first),
      checkpoint.size == incoming.first + UInt64(incoming.payloads.count),
      let continuation = try? Continuation(
        payloads: incoming.payloads, first: LeafIndex(incoming.first), after: term),
      continuation.root(following: raft.log) == checkpoint.root
    else {
      let isOwn = incoming.from == raft.id
      effects.notices.append(
        isOwn
          ? .warning("no note vouches for what the backup has after leaf \(incoming.first)")
          : .evidence("\(incoming.from) showed entries that no note vouches for"))
      return false
    }
    guard raft.takeVouched(continuation.entries, at: now.monotonic, into: &raftEffects) else { return false }
    takeUp(using: &random, into: &effects)
    onNoteShown(NoteShown(note: note.encoded), using: &random, into: &effects)
    return finality.size >= checkpoint.size
  }
}
