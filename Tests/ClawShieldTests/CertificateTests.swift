import ClawShield
import Crypto
import Records
import Testing

/// Somebody's earlier certificates are refused by the log's word (Decision 028).
/// States: none; refused before T. Events: a revocation, a lift. Failure cases: a time to come, one that goes less far,
/// two that cross on their way.
struct CertificateTests {
  static let node = Principal.node("n1")

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
    #expect(world.state.oldestCertificate(of: .node("n11")) == nil, "whose name begins alike")
    try world.use(.revoke, try Self.target(start - 5), id: "c2")
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 5) * 1_000_000_000)
    #expect(world.state.isLifted("c1") && !world.state.isLifted("c2"))
    #expect(world.state.inForce(limit: 10).map(\.incidentID) == ["c2"])
    #expect(world.state.nodeCertificates.map(\.leaf) == [world.last])
    try world.use(.lift, id: "l", lifts: ["c2"])
    #expect(world.state.oldestCertificate(of: Self.node) == nil)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
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
    #expect(
      try world.refusal(world.incident(.revoke, try Self.target(start + 1), id: "c")) == .invalidArgument)
    try world.use(.revoke, try Self.target(start - 5), id: "c1")
    for seconds in [start - 5, start - 6] {
      #expect(
        try world.refusal(world.incident(.revoke, try Self.target(seconds), id: "c2")) == .alreadyExists)
    }
    #expect(world.admits(world.incident(.revoke, try Self.target(start - 4), id: "c2")) == .accept)
    let kill = world.incident(.kill, try Self.target(start - 4), id: "k")
    #expect(throws: RecordError.self) { try Record(parsing: Record(at: world.now, body: kill.0).bytes) }
    let old = try Governed(semantics: Semantics.certificates - 1)
    #expect(
      try old.refusal(old.incident(.revoke, try Self.target(start - 5), id: "c")) == .failedPrecondition)
  }

  @Test("of two that cross on their way the one that goes further holds, whichever comes last")
  func cross() throws {
    var world = try Governed()
    let less = world.incident(.revoke, try Self.target(start - 9), id: "less")
    let more = world.incident(.revoke, try Self.target(start - 2), id: "more")
    #expect(try world.append(more.0, more.1) == .effective)
    let late = try world.append(less.0, less.1)
    #expect(late != .effective, "a state that has more refuses less: \(late)")
    #expect(world.state.oldestCertificate(of: Self.node)?.nanoseconds == (start - 2) * 1_000_000_000)
  }

  @Test(
    "leases name nodes' certificates for good, others' as long as what restricts: executors meet nodes alone")
  func leases() throws {
    var world = try Governed()
    try world.use(.revoke, try Self.target(start - 5), id: "c1")
    try world.use(.revoke, try Self.target(start - 5, of: Governed.agent), id: "c2")
    #expect(world.state.restrictions.entries.map(\.incidentID) == ["c1", "c2"])
    try world.pass(seconds: 900)
    #expect(world.state.restrictions.entries.map(\.incidentID) == ["c1"])
    let list = try RestrictionList(parsing: world.state.restrictions.json.canonicalBytes())
    #expect(list.oldestCertificate(of: Self.node)?.nanoseconds == (start - 5) * 1_000_000_000)
    #expect(list.oldestCertificate(of: .node("n2")) == nil)
    #expect(
      list.forbids(tokenID: "t", tenant: "acme", agent: Governed.agent, executor: Governed.executor) == nil)
    #expect(world.state.oldestCertificate(of: Governed.agent) != nil, "nodes know it all the same")
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
    #expect(world.state.inForce(limit: 9).map(\.incidentID) == ["q", "t"])
    try world.pass(seconds: 1)
    #expect(world.state.inForce(limit: 9).map(\.incidentID) == ["q"])
    #expect(world.state.isRestricted(by: "t"), "the log holds it all the same")
  }
}
