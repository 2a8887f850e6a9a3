import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// Approvals that as many parties decline as sign a note (two of three here).
struct WithheldTests {
  private func decline(
    _ world: Governed, _ approval: LeafIndex, party: Int, key: String? = nil, id: String? = nil,
    cluster: Digest? = nil
  ) throws -> PartySigned<Decline> {
    guard case .decision(let decision) = world.log[Int(approval.value)].record.body else {
      throw TestFailure("leaf \(approval.value) is no decision")
    }
    let content = Decline(
      party: party, decision: approval, decisionID: id ?? decision.decisionID, reason: "not with our share",
      declinedAt: world.now)
    return PartySigned(content, cluster: cluster ?? world.cluster, with: Governed.key(key ?? "p\(party)"))
  }

  @Test("as many declines as sign a note make the token void, with the parties' words in the ledger")
  func withheld() throws {
    var world = try Governed()
    let approval = try world.approved()
    let declines = [try decline(world, approval, party: 1), try decline(world, approval, party: 3)]
    #expect(declines.allSatisfy { world.state.isDecline($0) })
    let incident = try #require(world.state.withheld(approval, declines: declines))
    #expect(incident.kind == .withheld && incident.message.contains("1, 3"))
    #expect(try world.append(.derivedIncident(incident)) == .effective)
    let view = try #require(world.state.proposalView(decision: approval))
    #expect(view.status == .aborted && view.rationale.contains("not with our share"))
    let isLive = world.state.isLiveApproval(at: approval, time: world.now)
    #expect(!isLive)
    #expect(world.state.trace("trace").contains(world.last))
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    // Once is enough.
    #expect(world.state.withheld(approval, declines: declines) == nil)
    guard case .divergent = try world.append(.derivedIncident(incident)) else {
      throw TestFailure("it took effect twice")
    }
  }

  @Test("too few, one party twice, another's key, another decision or another cluster make no record")
  func tooFew() throws {
    var world = try Governed()
    let approval = try world.approved()
    let other = try world.approved()
    let good = try decline(world, approval, party: 1)
    let bad = [
      [good], [good, good], [good, try decline(world, approval, party: 3, key: "p2")],
      [good, try decline(world, other, party: 3)],
      [good, try decline(world, approval, party: 3, id: "else")],
      [good, try decline(world, approval, party: 4, key: "p3")],
      [good, try decline(world, approval, party: 3, cluster: SHA256.hash("another"))],
      [try decline(world, approval, party: 3), good],
    ]
    for declines in bad { #expect(world.state.withheld(approval, declines: declines) == nil) }
    // A leader that writes it all the same says what no node derives.
    let right = try #require(
      world.state.withheld(approval, declines: [good, try decline(world, approval, party: 3)]))
    for declines in bad {
      var forged = right
      forged.declines = declines
      var copy = world
      guard case .divergent = try copy.append(.derivedIncident(forged)) else {
        throw TestFailure("\(declines.map(\.content.party)) took effect")
      }
    }
  }

  @Test("the word of a party that has left keeps nobody's from counting, and does not get into the record")
  func departed() throws {
    var world = try Governed()
    let approval = try world.approved()
    let good = [try decline(world, approval, party: 1), try decline(world, approval, party: 3)]
    let others = [try decline(world, approval, party: 2, key: "p3"), try decline(world, approval, party: 4)]
    let incident = try #require(
      world.state.withheld(approval, declines: [good[0], others[0], good[1], others[1]]))
    #expect(incident.declines == good)
    var forged = incident
    forged.declines.append(others[1])
    guard case .divergent = try world.append(.derivedIncident(forged)) else {
      throw TestFailure("a decline that nobody checked got into the record")
    }
    #expect(try world.append(.derivedIncident(incident)) == .effective)
  }

  @Test("what is over, or under older semantics, is not withheld")
  func over() throws {
    var world = try Governed()
    let approval = try world.approved()
    let declines = [try decline(world, approval, party: 1), try decline(world, approval, party: 2)]
    var old = try Governed(semantics: Semantics.people - 1)
    let oldApproval = try old.approved()
    let oldDeclines = [try decline(old, oldApproval, party: 1), try decline(old, oldApproval, party: 2)]
    #expect(old.state.withheld(oldApproval, declines: oldDeclines) == nil)
    let (receipt, attachment) = try world.receipt(for: approval)
    #expect(try world.append(receipt, attachment) == .effective)
    #expect(world.state.withheld(approval, declines: declines) == nil)
  }
}

/// A party's own bundle, which can only withhold.
struct LocalPolicyTests {
  private func policy(_ rules: String) throws -> LocalPolicy {
    try LocalPolicy(files: [("local.rego", "package openexec\n\n" + rules)])
  }

  private func objection(_ rules: String, withParameters: Bool = true) throws -> String? {
    var world = try Governed()
    let approval = try world.approved()
    guard case .decision(let decision) = world.log[Int(approval.value)].record.body,
      case .proposal(let proposal) = world.log[Int(decision.proposal.value)].record.body
    else { throw TestFailure("no approval") }
    return world.state.objection(
      to: decision, about: proposal.content, parameters: withParameters ? ["text": "hello"] : nil,
      by: try policy(rules))
  }

  @Test("reasons withhold: a set, an array, a text or true; nothing withholds nothing")
  func forms() throws {
    #expect(try objection("withhold contains \"no\" if input.action == \"echo\"") == "no")
    #expect(try objection("withhold contains \"no\" if input.action == \"other\"") == nil)
    #expect(try objection("withhold := [\"a\", \"b\"]") == "a; b")
    #expect(try objection("withhold := \"a\"") == "a")
    #expect(try objection("withhold := true") != nil)
    #expect(try objection("withhold := false") == nil)
    #expect(try objection("withhold := \"x\" if input.nothing") == nil)
  }

  @Test("it sees the decision, the request and its parameters")
  func input() throws {
    #expect(
      try objection(
        """
        withhold contains sprintf("%s by %s", [input.decision.decision_type, input.decision.grant.executor_id]) if {
          input.parameters.text == "hello"
          input.agent.owner == "olga"
          input.tenant_id == "acme"
          input.definition.name == "echo"
        }
        """) == "approve by executor/x1")
  }

  @Test("what cannot be decided withholds")
  func closed() throws {
    #expect(try objection("withhold := 1")?.contains("expected reasons") == true)
    #expect(try objection("withhold if input.parameters.text == \"x\"", withParameters: false) != nil)
    #expect(
      try objection("withhold if count(numbers.range(1, 10000000)) == 1")?.contains("cannot decide") == true)
  }

  @Test("a reason is no longer than a record takes")
  func long() throws {
    let reason = try #require(
      try objection("withhold contains concat(\"\", [\"x\" | numbers.range(1, 400)[_]])"))
    #expect(reason.utf8.count <= Decline.maximumReason)
  }

  @Test("a bundle without the rule, or with faults, is refused")
  func faults() throws {
    #expect(throws: ShieldError.self) { try policy("deny := true") }
    #expect(throws: ShieldError.self) { try policy("withhold := := 1") }
  }
}
