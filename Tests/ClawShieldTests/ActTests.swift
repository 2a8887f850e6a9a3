import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// Denies, approves or says nothing by the action's name.
private struct ByName: PolicyEvaluating, ReadyPolicy {
  func compile(_ bundle: PolicyBundle) throws(ShieldError) -> any ReadyPolicy { self }

  func evaluate(_ input: PolicyInput) -> PolicyAnswer {
    switch input.action.name {
    case "echo":
      return PolicyAnswer(rules: [FiredRule(rule: "test.allow", effect: .approve, message: "may")])
    case "publish":
      return PolicyAnswer(rules: [FiredRule(rule: "test.forbid", effect: .deny, message: "may not")])
    case "costly":
      return PolicyAnswer(
        rules: [FiredRule(rule: "test.ask", effect: .escalate, message: "ask the clerk")],
        demands: [ApprovalDemand(role: "clerk", count: 1)], deadlineSeconds: 5)
    default: return PolicyAnswer(rules: [])
    }
  }
}

struct PolicyTests {
  @Test("a bundle changes by two distinct people, with the files whose hash they signed (POL-6, POL-7)")
  func people() throws {
    let world = try Governed()
    let bundle = try Registry(version: "2").bundle
    for operators in [["pat"], ["pat", "pat-again"]] {
      #expect(try world.refusal(world.policy(bundle, id: "p", by: operators)) == .permissionDenied)
    }
    #expect(
      try world.refusal(world.policy(bundle, id: "p", hash: SHA256.hash("other"))) == .invalidArgument)
    #expect(world.admits(world.policy(bundle, id: "p")) == .accept)
  }

  @Test("a bundle that could not be enforced in full is refused (POL-4, RT-8)")
  func unenforceable() throws {
    let world = try Governed()
    let bad = [
      Registry(echoSchema: #"{"unevaluatedProperties":false}"#),
      Registry(echoArguments: #"["/bin/bash"]"#),
      Registry(echoArguments: #"["/usr/bin/env","-i","sh","-c","x"]"#),
      Registry(files: [("policy.rego", "package openexec")]),
    ]
    for registry in bad {
      #expect(try world.refusal(world.policy(try registry.bundle, id: "p")) == .invalidArgument)
    }
    #expect(
      world.admits(world.policy(try Registry(files: [("README.md", "why")]).bundle, id: "p")) == .accept)
  }

  @Test("an act's id is taken by its content, and it cannot be replayed")
  func replay() throws {
    var world = try Governed()
    let act = world.policy(try Registry(version: "2").bundle, id: "p")
    #expect(try world.append(act.0, act.1) == .effective)
    let leaf = world.last
    #expect(world.admits(act) == .known(leaf))
    #expect(try world.refusal(world.policy(try Registry(version: "3").bundle, id: "p")) == .alreadyExists)
    try world.activate(Registry(version: "4"))
    try world.pass(seconds: 601)
    #expect(try world.refusal(act) == .permissionDenied)
    #expect(world.state.bundle.bundleVersion == "4")
  }

  @Test("a new bundle voids unburned tokens at one leaf, for good (TOK-9, POL-3, ruling 3)")
  func voidsTokens() throws {
    var world = try Governed()
    let approval = try world.approved()
    let token = try #require(world.state.proposalView(decision: approval)?.tokenID)
    try world.activate(Registry(version: "2"))
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(world.state.token(token) == .void)
    // The old bundle's return does not bring them back.
    try world.activate(Registry())
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    // What had begun runs to its end.
    #expect(world.state.proposalView(decision: approval)?.status == .approved)
    let receipt = try world.receipt(for: approval)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
  }

  @Test("a change that says kill ends what runs")
  func kills() throws {
    var world = try Governed()
    let approval = try world.approved()
    try world.activate(Registry(version: "2"), killRunning: true)
    #expect(world.state.proposalView(decision: approval)?.status == .aborted)
  }

  @Test("pending proposals are decided again, without the ballots they had (ruling 3)")
  func decidedAgain() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish")
    try world.settle()
    try world.vote("ann", on: index)
    let old = try world.ballot(.approver("bob"), on: index)
    try world.activate(Registry(version: "2"))
    let cause = world.last
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
    #expect(owed.cause == cause && owed.decisionType == .requireMultiSig)
    try world.settle()
    #expect(try world.view(index).demands.map(\.approved) == [0])
    #expect(try world.refusal(old) == .failedPrecondition)
    try world.vote("ann", on: index)
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("a bundle that returns does not bring its old ballots back")
  func oldBallots() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish")
    try world.settle()
    let old = try world.ballot(.approver("ann"), on: index)
    world.now = world.now.advanced(by: .seconds(1))
    try world.activate(Registry(version: "2"))
    try world.activate(Registry())
    try world.settle()
    #expect(try world.refusal(old) == .failedPrecondition)
    #expect(world.admits(try world.ballot(.approver("ann"), on: index)) == .accept)
  }

  @Test("a decision that is owed when a bundle is activated is replaced by its re-decision")
  func owedReplaced() throws {
    var world = try Governed()
    let index = try world.propose()
    guard case .decision(let first)? = world.state.owed.first else { throw TestFailure("owed") }
    let stale = world.state.decision(for: first, executor: Governed.executor)
    try world.activate(Registry(version: "2", withoutEcho: true))
    guard case .divergent = try world.append(.decision(stale)) else { throw TestFailure("evidence") }
    try world.settle()
    #expect(try world.rules(index) == ["floor.action_registered"])
  }

  @Test("a waiting proposal whose parameters' schema changes is denied: nobody has checked it against that")
  func schemaChange() throws {
    var world = try Governed(evaluator: ByName())
    let index = try world.propose(action: "costly")
    try world.settle()
    #expect(try world.view(index).status == .pending)
    try world.activate(Registry(version: "2"))
    try world.settle()
    #expect(try world.view(index).status == .pending)
    var world2 = try Governed()
    let echo = try world2.propose()
    try world2.activate(Registry(version: "2", echoSchema: #"{"type":"object"}"#))
    try world2.settle()
    #expect(try world2.rules(echo) == ["floor.parameters"])
  }

  @Test("what no rule approves is denied; any denial denies; a rule may ask people itself (POL-10)")
  func evaluator() throws {
    var world = try Governed(evaluator: ByName())
    let allowed = try world.propose(action: "echo")
    #expect(try world.rules(allowed, .approve) == ["test.allow"])
    let forbidden = try world.propose(action: "publish")
    #expect(try world.rules(forbidden) == ["test.forbid"])
    // The bundle's rule asks people, but the policy approves nothing that they could consent to.
    let unsaid = try world.propose(action: "purge")
    #expect(try world.rules(unsaid) == ["policy.default_deny"])
    let asked = try world.propose(action: "costly")
    try world.settle()
    #expect(try world.view(asked).demands.map(\.demand) == [ApprovalDemand(role: "clerk", count: 1)])
    #expect(try world.view(asked).deadline == world.now.advanced(by: .seconds(5)))
    try world.vote("clerk", on: asked, role: "clerk")
    try world.settle()
    #expect(try world.view(asked).status == .approved)
  }
}

struct EnrolmentTests {
  @Test("who may act changes by two distinct people (INV-020)")
  func people() throws {
    var world = try Governed()
    let new = Governed.enrolment(.approver("new"), owner: "new", roles: ["approver"])
    for operators in [["pat"], ["pat", "pat-again"]] {
      guard case .void = try world.enrol(new, by: operators) else { throw TestFailure("expected void") }
    }
    #expect(try world.enrol(new) == .effective)
    #expect(world.state.enrolment(of: .approver("new"), at: world.now) == new)
    #expect(world.state.enrolment(of: .approver("new"), at: Governed.far) == nil)
  }

  private func refusal(_ world: Governed, _ enrolment: Enrolment) throws -> Refusal.Code? {
    let act = EnrolmentAct(
      actID: "act", enrol: enrolment, validUntil: world.now.advanced(by: .seconds(60)))
    return try world.refusal((.enrol(world.cosigned(act, by: ["pat", "quin"])), Attachment()))
  }

  @Test("one key is one principal's; a second key differs from the first")
  func keys() throws {
    let world = try Governed()
    #expect(
      try refusal(world, Governed.enrolment(.approver("new"), owner: "new", keyName: "approver/ann"))
        == .alreadyExists)
    #expect(
      try refusal(world, Governed.enrolment(.approver("new"), owner: "new", keyName: "ann's second"))
        == .alreadyExists)
    #expect(
      try refusal(world, Governed.enrolment(.approver("new"), owner: "new", secondKey: "approver/new"))
        == .invalidArgument)
    #expect(
      try refusal(world, Governed.enrolment(.approver("ann"), owner: "ann", keyName: "ann's second")) == nil)
  }

  @Test("an ended enrolment, a node, or an executor that goes back in incarnation is refused")
  func refusals() throws {
    var world = try Governed()
    #expect(
      try refusal(world, Governed.enrolment(.approver("new"), expiresAt: world.now)) == .invalidArgument)
    #expect(try refusal(world, Governed.enrolment(.node("n9"))) == .invalidArgument)
    #expect(try world.enrol(Governed.enrolment(Governed.executor, incarnation: 3)) == .effective)
    #expect(
      try refusal(world, Governed.enrolment(Governed.executor, incarnation: 2)) == .invalidArgument)
  }

  @Test("a new incarnation voids what names the old one (INV-017)")
  func incarnation() throws {
    var world = try Governed()
    let approval = try world.approved()
    #expect(try world.enrol(Governed.enrolment(Governed.executor, incarnation: 2)) == .effective)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
  }

  @Test("a revoked agent's approvals are not live, and a revoked key is free again")
  func revoked() throws {
    var world = try Governed()
    let approval = try world.approved()
    #expect(try world.revoke(Governed.agent) == .effective)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    guard case .void = try world.revoke(Governed.agent) else { throw TestFailure("expected void") }
    #expect(
      try world.enrol(Governed.enrolment(.agent(tenant: "acme", name: "heir"), keyName: Governed.agent.path))
        == .effective)
  }

  @Test("an executor that is revoked and enrolled again does not go back in incarnation either")
  func revokedExecutor() throws {
    var world = try Governed()
    let approval = try world.approved()
    #expect(try world.enrol(Governed.enrolment(Governed.executor, incarnation: 3)) == .effective)
    #expect(try world.revoke(Governed.executor) == .effective)
    #expect(
      try refusal(world, Governed.enrolment(Governed.executor, incarnation: 1)) == .invalidArgument)
    // Nor does it come back to life what its lost nonce registry may have run.
    _ = try world.enrol(Governed.enrolment(Governed.executor, incarnation: 1))
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
  }

  @Test("the last two people who can act as operators cannot be removed")
  func lockout() throws {
    var world = try Governed()
    let act = EnrolmentAct(
      actID: "act", revoke: .operator("quin"), validUntil: world.now.advanced(by: .seconds(60)))
    #expect(
      try world.refusal((.enrol(world.cosigned(act, by: ["pat", "quin"])), Attachment()))
        == .failedPrecondition)
    #expect(
      try refusal(world, Governed.enrolment(.operator("quin"), owner: "pat")) == .failedPrecondition)
    #expect(try world.enrol(Governed.enrolment(.operator("ray"), owner: "ray")) == .effective)
    #expect(try world.revoke(.operator("quin")) == .effective)
  }
}
