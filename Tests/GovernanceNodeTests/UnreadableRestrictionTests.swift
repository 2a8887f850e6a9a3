import Canonical
import ClawLedger
import ClawShield
import Crypto
import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A party whose store does not give back a restriction that it may have acknowledged (Decision 030): it gives no
/// share and says so, until it has the restriction again or the log has its id. Events: a start, the restriction
/// shown again, another signed under its id, a lift of its id.
struct UnreadableRestrictionTests {
  private static let reason = Records.Attachment.Item(
    salt: [UInt8](repeating: 1, count: 16), value: "a bad day")
  private static func row(_ id: String) -> [UInt8] { Array("restriction/\(id)".utf8) }

  private func kill(_ id: String, _ rig: Rig, severity: Int = 1) -> StatementRequest {
    let act = IncidentAct(
      incidentID: id, kind: .kill, target: .tenant("acme"), severity: severity, reasonHash: Self.reason.hash,
      signedAt: rig.node.now.wall, validUntil: rig.node.now.wall.advanced(by: .seconds(600)))
    let signed = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
    return StatementRequest(
      statement: Statements.bytes(.incident(signed)),
      attachment: Records.Attachment("reason", Self.reason).bytes)
  }

  private func show(_ request: StatementRequest, _ rig: Rig) {
    rig.perform { node, _, effects in
      node.bind(statement: request.statement, attachment: request.attachment, into: &effects)
    }
  }

  private func gives(_ rig: Rig) throws -> Bool {
    if case .sign = rig.judge(try rig.note()) { true } else { false }
  }

  /// A party that was bound by "k" and starts with another row in its place.
  private func spoiled(_ change: (StatementRequest) -> [UInt8]) throws -> (Rig, StatementRequest) {
    let rig = try Rig()
    let request = kill("k", rig)
    rig.spoil(.meta, Self.row("k"), change(request))
    try rig.restart()
    return (rig, request)
  }

  private func status(_ rig: Rig, _ request: StatusRequest = StatusRequest()) throws -> JSON {
    rig.answers = []
    rig.step(
      .call(
        ClientCall(
          key: CallKey(connection: 6, call: 1), caller: .operator("pat"), method: Method.status.path,
          payload: request.encode())))
    for case .respond(_, let status, let payload) in rig.answers where status.code == .ok {
      return try JSON.parse(StatusResponse(decoding: payload).json)
    }
    throw SimulationError.setup("an answer")
  }

  @Test("a row that is as it was written binds, and the party gives its share: the control")
  func control() throws {
    let (rig, _) = try spoiled { $0.encode() }
    #expect(rig.node.restrictions.contains("k") && rig.node.unreadableRestrictions.isEmpty)
    #expect(try gives(rig))
    #expect(try status(rig)["unreadable_restrictions"]?.array == [])
  }

  @Test(
    "a row that is none, another's, without its reason or without a signature that verifies leaves no share")
  func unreadable() throws {
    let rows: [(String, (StatementRequest) -> [UInt8])] = [
      ("noise", { _ in [0xFF, 0xFF] }), ("empty", { _ in [] }),
      ("no statement", { StatementRequest(statement: [1], attachment: $0.attachment).encode() }),
      ("no reason", { StatementRequest(statement: $0.statement, attachment: []).encode() }),
      (
        "a signature that does not verify",
        { request in
          let text = String(decoding: request.statement, as: UTF8.self)
            .replacing("\"severity\":1", with: "\"severity\":2")
          return StatementRequest(statement: Array(text.utf8), attachment: request.attachment).encode()
        }
      ),
    ]
    for (name, change) in rows {
      let (rig, _) = try spoiled(change)
      #expect(rig.node.unreadableRestrictions == ["k"], "\(name)")
      #expect(try !gives(rig), "\(name)")
      let size = rig.node.finality.size
      rig.perform { node, _, effects in _ = node.append(.tick, Attachment(), into: &effects) }
      for _ in 0..<60 { rig.step(.tick) }
      #expect(rig.node.finality.size == size, "nothing is signed: \(name)")
      #expect(try status(rig)["unreadable_restrictions"]?.array?.compactMap(\.string) == ["k"])
      let asked = try status(rig, StatusRequest(incidents: ["k", "l"]))["incidents"]?.array
      #expect(asked?.map { $0["state"]?.string } == ["binding", "unknown"])
    }
    let rig = try Rig()
    rig.spoil(.meta, Self.row("j"), kill("k", rig).encode())
    try rig.restart()
    #expect(rig.node.unreadableRestrictions == ["j"], "another's")
  }

  @Test(
    "it gives shares again when somebody shows the restriction, or signs another under its id, also after a restart"
  )
  func shownAgain() throws {
    let (rig, request) = try spoiled { _ in [0xFF] }
    show(request, rig)
    #expect(rig.node.unreadableRestrictions.isEmpty && rig.node.restrictions.contains("k"))
    #expect(try gives(rig))
    try rig.restart()
    #expect(rig.node.unreadableRestrictions.isEmpty && rig.node.restrictions.contains("k"))
    let (other, _) = try spoiled { _ in [0xFF] }
    show(kill("l", other), other)
    #expect(other.node.unreadableRestrictions == ["k"], "of another id it says nothing")
    show(kill("k", other, severity: 2), other)
    #expect(try gives(other))
    for _ in 0..<60 { other.step(.tick) }
    #expect(other.node.overlay.final.isRestricted(by: "k"), "it is brought into the log as any other")
  }

  @Test("what the log has by then is no loss: the party gives its share, and the row goes with the next note")
  func settled() throws {
    let rig = try Rig()
    show(kill("k", rig), rig)
    for _ in 0..<60 { rig.step(.tick) }
    #expect(rig.node.overlay.final.isRestricted(by: "k"))
    #expect(try rig.stored(.meta, Self.row("k")) == nil)
    rig.spoil(.meta, Self.row("k"), [0xFF])
    try rig.restart()
    #expect(try gives(rig))
    for _ in 0..<60 { rig.step(.tick) }
    rig.perform { node, _, effects in _ = node.append(.tick, Attachment(), into: &effects) }
    for _ in 0..<10 { rig.step(.tick) }
    #expect(try rig.stored(.meta, Self.row("k")) == nil)
    #expect(rig.node.restrictions.unreadable.isEmpty)
  }

  @Test("a row says of itself whether it is what was written: wherever one bit of it is another")
  func everyBit() throws {
    let rig = try Rig()
    let request = kill("k", rig)
    show(request, rig)
    let row = try #require(try rig.stored(.meta, Self.row("k")))
    func reads(_ row: [UInt8]) -> Bool {
      BoundRestrictions.read(row, of: "k", cluster: rig.node.cluster)?.1 == request
    }
    #expect(reads(row) && row != request.encode())
    #expect(reads(request.encode()), "of a program before")
    for position in request.encode().indices {
      var damaged = row
      damaged[position] ^= 1 << UInt8(position % 8)
      #expect(
        BoundRestrictions.read(damaged, of: "k", cluster: rig.node.cluster) == nil, "byte \(position)")
    }
    for position in row.indices.dropFirst(request.encode().count) {
      var damaged = row
      damaged[position] ^= 1 << UInt8(position % 8)
      let read = BoundRestrictions.read(damaged, of: "k", cluster: rig.node.cluster)
      #expect(read == nil || read?.1 == request, "byte \(position)")
    }
  }

  @Test(
    "in a cluster the others go on without its share; a lift of the id gives it back, restriction or not, also where all lack it",
    arguments: [false, true])
  func lifted(_ isEverywhere: Bool) throws {
    let world = try World(seed: 5, nodes: 4, threshold: 3, faults: .none)
    let second: UInt64 = 1_000_000_000
    world.run(until: 2 * second)
    let host = try #require(world.hosts.first { $0.view?.role != .leader })
    for other in world.hosts where isEverywhere || other.id == host.id {
      other.node?.restrictions.forget("k")
    }
    let sizes = world.hosts.map { $0.view?.finalSize ?? 0 }
    let lift = IncidentAct(
      incidentID: "l", kind: .lift, target: .all, severity: 1, reasonHash: Self.reason.hash, lifts: ["k"],
      signedAt: world.wall(), validUntil: world.wall().advanced(by: .seconds(60)))
    #expect(host.node?.unreadableRestrictions == ["k"])
    let request = StatementRequest(
      statement: Statements.bytes(.incident(world.operators.signed(lift))),
      attachment: Records.Attachment("reason", Self.reason).bytes)
    world.step(
      host.id,
      .call(
        ClientCall(
          key: CallKey(connection: 99, call: 1), caller: world.operators.principal, method: Method.lift.path,
          payload: request.encode())))
    world.run(until: world.time + 5 * second)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
    #expect(zip(world.hosts, sizes).allSatisfy { ($0.view?.finalSize ?? 0) > $1 })
    #expect(host.node?.overlay.final.isLifted("k") == true && host.node?.unreadableRestrictions == [])
  }

  // MARK: What no start survives

  /// A store that reads all but this.
  private struct Holed: LogStore {
    let store: MemoryStore

    func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]? { try store.get(column, key) }
    func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])? {
      try store.last(column)
    }
    func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
      key: [UInt8], value: [UInt8]
    )] {
      guard column != .meta else { throw StoreFailure("checksum mismatch", isDamage: true) }
      return try store.scan(column, from: first, limit: limit)
    }
  }

  @Test(
    "a store that gives none of them back, or one under no id, starts no party, and it is said what to do")
  func noStart() throws {
    let rig = try Rig()
    rig.spoil(.meta, Self.row("two words"), kill("k", rig).encode())
    #expect {
      try rig.restart()
    } throws: { error in
      "\(error)".contains("row of key \(Hex.encode(Self.row("two words")))")
        && "\(error)".contains("must be replaced (claw members replace)")
    }
    var random = SeededRandom(seed: 3)
    let cast = try Cast(using: &random)
    var store = MemoryStore()
    store.write(
      try Foundation<Ed25519SHA512>.generate(
        nodes: 1, threshold: 1, enrolments: cast.enrolments, using: &random
      ).genesis.batch())
    let ledger = try Ledger.open(Holed(store: store), keys: .unsealed).ledger
    #expect {
      _ = try BoundRestrictions(ledger: ledger, cluster: rig.node.cluster)
    } throws: { error in
      "\(error)".contains("checksum mismatch") && "\(error)".contains("must be replaced")
    }
  }
}

extension BoundRestrictions {
  /// As a start finds it whose store does not give this one back.
  fileprivate mutating func forget(_ id: String) { self = BoundRestrictions(unreadable: [id]) }
}
