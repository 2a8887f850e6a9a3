import ClawShield
import Crypto
import Records
import Testing

/// Somebody's earlier certificates are refused by the log's word (Decision 028).
/// States: none; refused before T. Events: a revocation, a lift. Failure cases: a time to come, one that goes less far,
/// two that cross on their way.
struct CertificateTests {
  static let node = Principal.node("p1")

  static func target(_ seconds: Int64, of principal: Principal = node) throws -> IncidentTarget {
    .certificates(of: principal, before: try #require(Timestamp(nanoseconds: seconds * 1_000_000_000)))
  }

  private var start: Int64 { Governed.start.nanoseconds / 1_000_000_000 }

  @Test("what is refused is so from its leaf on, and a later time takes the place of an earlier one")
  func supersedes() throws {
    var world = try Governed()
    #expect(world.state.oldestCertificate(of: Self.node) == nil)
    try world.use(.revoke, try Self.target(start - 10), id: "c1")
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 10) * 1_000_000_000)
    #expect(world.state.oldestCertificate(of: .node("p11")) == nil, "whose name begins alike")
    try world.use(.revoke, try Self.target(start - 5), id: "c2")
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 5) * 1_000_000_000)
    #expect(world.state.inForce(limit: 10).entries.map(\.incidentID) == ["c2"])
    #expect(world.state.nodeCertificates.map(\.leaf) == [world.last])
    try world.use(.lift, id: "l", lifts: ["c2"])
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  /// Who is in force, after the log and after its cells alone.
  private func inForce(_ world: Governed) throws -> [String] {
    let restored = try world.restored()
    #expect(restored.stateRoot == world.state.stateRoot)
    let entries = world.state.inForce(limit: 10).entries
    #expect(restored.inForce(limit: 10).entries == entries)
    return entries.map(\.incidentID)
  }

  @Test(
    "a lift brings back the refusal in whose place the lifted one was, unless people have lifted that too")
  func broughtBack() throws {
    var world = try Governed()
    for (number, seconds) in [start - 40, start - 30, start - 20, start - 10].enumerated() {
      try world.use(.revoke, try Self.target(seconds), id: "c\(number + 1)")
    }
    #expect(try inForce(world) == ["c4"])
    let first = world.state.size - 4
    // One between two others: nobody is refused less, and it does not come back.
    try world.use(.lift, id: "l3", lifts: ["c3"])
    #expect(try inForce(world) == ["c4"])
    try world.use(.lift, id: "l4", lifts: ["c4"])
    #expect(try inForce(world) == ["c2"])
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 30) * 1_000_000_000)
    #expect(world.state.nodeCertificates.map(\.leaf.value) == [first + 1], "with the leaf that proves it")
    // What comes after is in the place of that one.
    try world.use(.revoke, try Self.target(start - 5), id: "c5")
    #expect(try inForce(world) == ["c5"])
    try world.use(.lift, id: "l1", lifts: ["c1"])
    try world.use(.lift, id: "l5", lifts: ["c5", "c2"])
    #expect(try inForce(world) == [])
    #expect(world.state.oldestCertificate(of: Self.node) == nil)
    for id in ["c1", "c2", "c3", "c4", "c5"] { #expect(world.state.isLifted(id)) }
  }

  @Test("the order in which one act lifts several makes no difference")
  func liftedTogether() throws {
    for lifts in [["c2", "c3"], ["c3", "c2"]] {
      var world = try Governed()
      for (number, seconds) in [start - 40, start - 30, start - 20].enumerated() {
        try world.use(.revoke, try Self.target(seconds), id: "c\(number + 1)")
      }
      try world.use(.lift, id: "l", lifts: lifts)
      #expect(try inForce(world) == ["c1"])
    }
  }

  @Test("nobody is restricted by it: tokens live on, proposals are taken")
  func restrictsNobody() throws {
    var world = try Governed()
    let approval = try world.approved()
    for (number, principal) in [Governed.agent, Governed.executor].enumerated() {
      try world.use(.revoke, try Self.target(start - 1, of: principal), id: "c\(number)")
    }
    #expect(world.state.isLiveApproval(at: approval, time: world.now))
    let index = try world.propose()
    #expect(try world.rules(index).isEmpty)
  }

  @Test("a time to come, one that goes less far, and another power than a revocation are refused")
  func refused() throws {
    var world = try Governed()
    let both = ["pat", "quin"]
    #expect(
      try world.refusal(world.incident(.revoke, try Self.target(start + 1), id: "c", by: both))
        == .invalidArgument)
    try world.use(.revoke, try Self.target(start - 5), id: "c1")
    for seconds in [start - 5, start - 6] {
      #expect(
        try world.refusal(world.incident(.revoke, try Self.target(seconds), id: "c2", by: both))
          == .alreadyExists)
    }
    #expect(world.admits(world.incident(.revoke, try Self.target(start - 4), id: "c2", by: both)) == .accept)
    let kill = world.incident(.kill, try Self.target(start - 4), id: "k")
    #expect(throws: RecordError.self) { try Record(parsing: Record(at: world.now, body: kill.0).bytes) }
    let old = try Governed(semantics: Semantics.certificates - 1)
    #expect(
      try old.refusal(old.incident(.revoke, try Self.target(start - 5), id: "c")) == .failedPrecondition)
  }

  @Test("of two that cross on their way the one that goes further holds, whichever comes last")
  func cross() throws {
    var world = try Governed()
    let both = ["pat", "quin"]
    let less = world.incident(.revoke, try Self.target(start - 9), id: "less", by: both)
    let more = world.incident(.revoke, try Self.target(start - 2), id: "more", by: both)
    #expect(try world.append(more.0, more.1) == .effective)
    let late = try world.append(less.0, less.1)
    #expect(late != .effective, "a state that has more refuses less: \(late)")
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 2) * 1_000_000_000)
  }

  @Test(
    "leases name what is refused of nodes' certificates until it is lifted, and nobody else's: executors meet nodes alone"
  )
  func leases() throws {
    var world = try Governed()
    try world.use(.revoke, try Self.target(start - 5), id: "c1")
    for (number, principal) in [Governed.agent, Governed.executor, .approver("ann"), .operator("pat")]
      .enumerated()
    {
      try world.use(.revoke, try Self.target(start - 5, of: principal), id: "d\(number)")
      #expect(world.state.oldestCertificate(of: principal) != nil, "nodes know it all the same")
    }
    #expect(world.state.restrictions.entries.map(\.incidentID) == ["c1"])
    try world.pass(seconds: 900)
    #expect(world.state.restrictions.entries.map(\.incidentID) == ["c1"])
    let list = try RestrictionList(parsing: world.state.restrictions.json.canonicalBytes())
    #expect(list.oldestCertificate(of: Self.node)?.nanoseconds == (start - 5) * 1_000_000_000)
    #expect(list.oldestCertificate(of: .node("p2")) == nil)
    #expect(
      list.forbids(tokenID: "t", tenant: "acme", agent: Governed.agent, executor: Governed.executor) == nil)
  }

  @Test(
    "a status names what stops something before what is refused of certificates, and counts what it leaves out"
  )
  func statusOrder() throws {
    var world = try Governed()
    try world.use(.revoke, try Self.target(start - 5), id: "c1")
    try world.use(.revoke, try Self.target(start - 5, of: Governed.agent), id: "c2")
    try world.use(.quarantine, .tenant("acme"), id: "t")
    try world.use(.kill, .principal(Governed.executor), id: "k")
    let all = world.state.inForce(limit: 4)
    #expect(all.entries.map(\.incidentID) == ["k", "t", "c1", "c2"] && all.leftOut == 0)
    let some = world.state.inForce(limit: 3)
    #expect(some.entries.map(\.incidentID) == ["k", "t", "c1"] && some.leftOut == 1)
    let few = world.state.inForce(limit: 1)
    #expect(few.entries.map(\.incidentID) == ["k"] && few.leftOut == 3)
  }

  @Test("a target of certificates has one text")
  func texts() throws {
    for text in ["certificates/node/n1/1700000000", "certificates/tenant/t/agent/a/1"] {
      #expect(IncidentTarget(text: text)?.text == text)
    }
    for text in [
      "certificates/node/n1", "certificates/node/n1/", "certificates/node/n1/0", "certificates/node/n1/01",
      "certificates/node/n1/-1", "certificates/node/n1/+1", "certificates/n1/1",
      "certificates/node/n1/9000000001",
      "certificates/tenant/t/1", "certificates//1",
    ] {
      #expect(IncidentTarget(text: text) == nil, "\(text)")
    }
  }

  @Test("a restriction on a token is over when no token from before it can be left")
  func tokensInForce() throws {
    var world = try Governed()
    let approval = try world.approved()
    let token = try #require(world.state.proposalView(decision: approval)?.tokenID)
    try world.use(.revoke, .token(token), id: "t")
    try world.use(.quarantine, .principal(Governed.agent), id: "q")
    try world.pass(seconds: 899)
    #expect(world.state.inForce(limit: 9).entries.map(\.incidentID) == ["q", "t"])
    try world.pass(seconds: 1)
    #expect(world.state.inForce(limit: 9).entries.map(\.incidentID) == ["q"])
    #expect(world.state.isRestricted(by: "t"), "the log holds it all the same")
  }
}
