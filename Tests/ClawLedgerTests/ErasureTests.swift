import Canonical
import Crypto
import Merkle
import Raft
import Records
import Testing

@testable import ClawLedger

/// A log of proposals of two tenants, and an erasure of one of them, on a node's own store and keys.
private struct Bench {
  static let canary = "canary-4c1f"
  var store = MemoryStore()
  var ledger: Ledger
  var files: [String: [UInt8]] = [:]
  private var ticket: UInt64 = 0
  private let cluster = SHA256.hash("cluster")
  private let at: Timestamp

  init() throws {
    at = try #require(Timestamp(text: "2026-01-01T00:00:00Z"))
    ledger = try Ledger.open(store, keys: try Self.keys([:], seed: 1)).ledger
  }

  static func keys(_ files: [String: [UInt8]], seed: UInt8) throws -> TenantKeys {
    var storage = [UInt8](repeating: 9, count: 32)
    guard let wrapping = SymmetricKey(consuming: &storage) else { throw BenchError.key }
    return try TenantKeys(
      stored: files.sorted { $0.key < $1.key }.map { (name: $0.key, bytes: $0.value) }, wrapping: wrapping,
      seed: [UInt8](repeating: seed, count: 32))
  }

  private static func key() throws -> SigningKey {
    var seed = [UInt8](repeating: 5, count: 32)
    guard let key = SigningKey(seed: &seed) else { throw BenchError.key }
    return key
  }

  func proposal(_ tenant: String, _ number: Int) throws -> [UInt8] {
    let item = Records.Attachment.Item(
      salt: SHA256.hash("\(number)").bytes, value: ["text": .string("\(Self.canary) of \(tenant) \(number)")])
    let agent = Principal.agent(tenant: tenant, name: "a")
    let content = Proposal(
      traceID: "t", requestID: "r\(number)", tenantID: tenant, workspaceID: "w", requestedBy: agent,
      action: "echo", parametersHash: item.hash, scopes: [],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low), inputs: [],
      depth: 0, validUntil: at.advanced(by: .seconds(60)))
    let signed = Signed.sign(content, cluster: cluster, as: agent, with: try Self.key())
    return EntryPayload(
      record: Record(at: at, body: .proposal(signed)).bytes,
      attachment: Records.Attachment("parameters", item).bytes
    ).bytes
  }

  func erasure(_ tenant: String) throws -> [UInt8] {
    let item = Records.Attachment.Item(salt: [UInt8](repeating: 3, count: 16), value: "asked for")
    let act = IncidentAct(
      incidentID: "e", kind: .erase, target: .tenant(tenant), severity: 3, reasonHash: item.hash,
      signedAt: at,
      validUntil: at.advanced(by: .seconds(60)))
    let signed = Signed.sign(act, cluster: cluster, as: .operator("o"), with: try Self.key())
    return EntryPayload(
      record: Record(at: at, body: .incident(signed)).bytes,
      attachment: Records.Attachment("reason", item).bytes
    ).bytes
  }

  /// Appends payloads, and writes them as a node does: its keys first.
  mutating func append(_ payloads: [[UInt8]]) throws {
    let entries = payloads.enumerated().map { position, payload in
      Entry(
        term: Term(rawValue: 1), index: LogIndex(rawValue: ledger.size + UInt64(position) + 1),
        payload: payload)
    }
    ledger.append(entries)
    ticket += 1
    let batch = ledger.batch(for: .make(ticket: ticket, entries: entries))
    carryOut()
    store.write(batch)
    ledger.store = store
    ledger.persisted(ticket: ticket)
  }

  mutating func carryOut() {
    for change in ledger.takeKeyChanges() {
      switch change {
      case .keep(let name, let bytes): files[name] = bytes
      case .destroy(let name): files[name] = nil
      }
    }
  }

  mutating func reopen(seed: UInt8 = 2) throws {
    ledger = try Ledger.open(store, keys: try Self.keys(files, seed: seed)).ledger
  }

  /// Rows of the store that hold the canary as it is.
  func plainRows() throws -> Int {
    let canary = Array(Self.canary.utf8)
    return try Column.allCases.reduce(0) { sum, column in
      try sum
        + store.scan(column, from: [], limit: 1 << 20).count { row in
          row.value.indices.contains { row.value[$0...].starts(with: canary) }
        }
    }
  }

  mutating func isIntact(_ leaf: UInt64) -> Bool { ledger.isIntact(LeafIndex(leaf)) }

  mutating func mends(_ leaf: UInt64, with payload: [UInt8]) -> Bool {
    guard let batch = ledger.mending(LeafIndex(leaf), with: payload) else { return false }
    store.write(batch)
    ledger.store = store
    return true
  }

  func text(_ leaf: UInt64) -> String? {
    ledger.attachment(at: LeafIndex(leaf))?["parameters"]?.value["text"]?.string
  }
}

private enum BenchError: Error { case key }

struct ErasureTests {
  @Test(
    "what tenants attach is stored sealed, each tenant's with a key of its own, and is read again after a restart"
  )
  func sealed() throws {
    var bench = try Bench()
    try bench.append([bench.proposal("acme", 0), bench.proposal("rival", 1), bench.proposal("acme", 2)])
    #expect(bench.files.keys.sorted() == ["acme.0", "rival.0"])
    #expect(try bench.plainRows() == 0)
    try bench.reopen()
    #expect(bench.ledger.size == 3)
    #expect(bench.text(0) == "\(Bench.canary) of acme 0" && bench.text(1) == "\(Bench.canary) of rival 1")
    let intact = [bench.isIntact(0), bench.isIntact(2)]
    #expect(intact == [true, true])
  }

  @Test(
    "an erasure takes what stood before it, of that tenant alone, from memory, store and peers; the tree stays"
  )
  func erased() throws {
    var bench = try Bench()
    try bench.append([
      bench.proposal("acme", 0), bench.proposal("rival", 1), bench.erasure("acme"), bench.proposal("acme", 3),
    ])
    let root = bench.ledger.rootHash
    #expect(bench.files.keys.sorted() == ["acme.0", "acme.2", "rival.0"], "what comes after has another key")
    bench.ledger.erase("acme", before: 2)
    bench.carryOut()
    #expect(bench.files.keys.sorted() == ["acme.2", "rival.0"])
    for _ in 0..<2 {
      #expect(bench.text(0) == nil && bench.ledger.isErased(LeafIndex(0)))
      #expect(bench.text(1) == "\(Bench.canary) of rival 1" && bench.text(3) == "\(Bench.canary) of acme 3")
      #expect(bench.ledger.attachment(at: LeafIndex(2))?["reason"]?.value == "asked for")
      #expect(bench.ledger.rootHash == root && bench.ledger.record(at: LeafIndex(0)) != nil)
      let isIntact = bench.isIntact(0)
      #expect(isIntact, "erased is not damaged")
      // No peer can be sent the entry; a leaf by itself goes without.
      let first = LogIndex(rawValue: 1)
      #expect(bench.ledger.entries(from: first, through: LogIndex(rawValue: 4), maxBytes: 1 << 20).isEmpty)
      #expect(bench.ledger.isErased(at: first) && !bench.ledger.isErased(at: LogIndex(rawValue: 2)))
      let shown = try EntryPayload(parsing: try #require(bench.ledger.payload(at: LeafIndex(0))))
      #expect(shown.attachment.isEmpty)
      // From memory first; then from the store, as after a restart at a later final size.
      bench.ledger.tail.removeAll()
      bench.ledger.tailFirst = 5
    }
  }

  @Test(
    "a key that is missing without an erasure is damage, and is no reason to believe that anything was erased"
  )
  func lostKey() throws {
    var bench = try Bench()
    try bench.append([bench.proposal("acme", 0), bench.proposal("rival", 1)])
    bench.files["acme.0"] = nil
    let recovered = try Ledger.open(bench.store, keys: try Bench.keys(bench.files, seed: 2))
    #expect(recovered.ledger.size == 0 && recovered.lost != nil)
    bench.ledger.tail.removeAll()
    bench.ledger.tailFirst = 3
    bench.ledger.keys = try Bench.keys(bench.files, seed: 2)
    let intact = [bench.isIntact(0), bench.isIntact(1)]
    #expect(intact == [false, true])
    #expect(!bench.ledger.isErased(LeafIndex(0)))
    // A leaf without its attachment mends nothing here; with it, it is sealed anew.
    let whole = try EntryPayload(parsing: bench.proposal("acme", 0))
    let bare = EntryPayload(record: whole.record, attachment: [])
    let mended = [bench.mends(0, with: bare.bytes), bench.mends(0, with: whole.bytes), bench.isIntact(0)]
    #expect(mended == [false, true, true] && bench.text(0) == "\(Bench.canary) of acme 0")
  }

  @Test("what comes from peers and was erased meanwhile is not kept, whether they still have it or not")
  func arriving() throws {
    var bench = try Bench()
    try bench.append([bench.proposal("acme", 0), bench.proposal("acme", 1)])
    let whole = try bench.proposal("acme", 0)
    let bare = EntryPayload(record: try EntryPayload(parsing: whole).record, attachment: [])
    bench.ledger.erase("acme", before: 2)
    bench.ledger.tail.removeAll()
    bench.ledger.tailFirst = 3
    for payload in [whole, bare.bytes] {
      let isMended = bench.mends(0, with: payload)
      let isIntact = bench.isIntact(0)
      #expect(isMended && isIntact)
      #expect(try bench.plainRows() == 0)
      #expect(bench.ledger.isErased(LeafIndex(0)))
    }
    bench.carryOut()
    #expect(bench.files.isEmpty, "nothing new was sealed for the tenant")
  }

  @Test("an erasure that a later one has outdone makes no key, whenever its leaf comes")
  func outdone() throws {
    var keys = try Bench.keys([:], seed: 1)
    keys.erase("acme", before: 9)
    _ = keys.takeChanges()
    keys.turn("acme", at: 4)
    #expect(keys.takeChanges().isEmpty)
    keys.turn("acme", at: 9)
    #expect(keys.takeChanges().count == 1, "that of the last one is what comes after it is sealed with")
  }

  @Test("a key's file opens under its own name and its node's storage key alone")
  func keyFiles() throws {
    var bench = try Bench()
    try bench.append([bench.proposal("acme", 0)])
    let bytes = try #require(bench.files["acme.0"])
    #expect(throws: TenantKeyFault.self) { try Bench.keys(["rival.0": bytes], seed: 1) }
    #expect(throws: TenantKeyFault.self) { try Bench.keys(["acme": bytes], seed: 1) }
    var spoiled = bytes
    spoiled[30] ^= 1
    #expect(throws: TenantKeyFault.self) { try Bench.keys(["acme.0": spoiled], seed: 1) }
    #expect(throws: Never.self) { try Bench.keys(["acme.0": bytes], seed: 7) }
  }
}
