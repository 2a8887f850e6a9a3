import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct BallotTests {
  /// A proposal that asks two approvers, its decision written.
  private func pending(_ action: String = "publish", registry: Registry = Registry()) throws -> (
    Governed, LeafIndex
  ) {
    var world = try Governed(registry: registry)
    let index = try world.propose(action: action)
    try world.settle()
    return (world, index)
  }

  @Test("a matching approval rule asks people, with what is demanded and until when (INV-019, INV-020)")
  func asks() throws {
    let (world, index) = try pending()
    let view = try world.view(index)
    #expect(view.status == .pending)
    #expect(view.demands.map(\.demand) == [ApprovalDemand(role: "approver", count: 2)])
    #expect(view.demands.map(\.approved) == [0])
    #expect(view.deadline == world.now.advanced(by: .seconds(3600)))
    #expect(world.state.nextExpiry == view.deadline)
    #expect(world.state.pending().map(\.index) == [index])
    #expect(try world.rules(index, .requireMultiSig) == ["policy.approvals.two-people"])
    #expect(world.state.approvals(in: 0...world.last.value).isEmpty)
  }

  @Test("two distinct people approve; the token names them in the order of their ballots (TOK-15)")
  func met() throws {
    var (world, index) = try pending()
    #expect(try world.vote("bob", on: index) == .effective)
    #expect(try world.view(index).demands.map(\.approved) == [1])
    #expect(world.state.owed.isEmpty)
    #expect(try world.vote("ann", on: index) == .effective)
    let cause = world.last
    try world.settle()
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body,
      let grant = decision.grant
    else { throw TestFailure("an approval") }
    #expect(decision.cause == cause)
    #expect(grant.humanAttestors == [.approver("bob"), .approver("ann")])
    #expect(grant.multiSigThreshold == 2)
    #expect(decision.rulesFired.map(\.rule).suffix(1) == ["ballots.met"])
    #expect(try world.view(index).status == .approved)
    #expect(world.state.trace("trace").count == 5)
  }

  @Test("the proposer, its owner, and an owner's other enrolment do not vote (INV-002)")
  func ownProposal() throws {
    let (world, index) = try pending()
    #expect(try world.refusal(world.ballot(Governed.agent, on: index)) == .permissionDenied)
    #expect(try world.refusal(world.ballot(.approver("olga"), on: index)) == .permissionDenied)
    #expect(try world.refusal(world.ballot(Governed.executor, on: index)) == .permissionDenied)
  }

  @Test("a voter without the role, with a role that is not asked, or of another tenant does not vote")
  func standing() throws {
    let (world, index) = try pending()
    #expect(try world.refusal(world.ballot(.approver("clerk"), on: index)) == .permissionDenied)
    #expect(
      try world.refusal(world.ballot(.approver("bob"), on: index, role: "security")) == .failedPrecondition)
    #expect(try world.refusal(world.ballot(.approver("rival-approver"), on: index)) == .permissionDenied)
    #expect(try world.refusal(world.ballot(.approver("nobody"), on: index)) == .permissionDenied)
    #expect(
      try world.refusal(world.ballot(.approver("ann"), on: index, keys: ["mallory"])) == .permissionDenied)
  }

  @Test("a person votes once, under whichever enrolment (INV-020)")
  func twice() throws {
    var (world, index) = try pending()
    let ballot = try world.ballot(.approver("bob"), on: index)
    #expect(try world.append(ballot.0, ballot.1) == .effective)
    let leaf = world.last
    #expect(world.admits(ballot) == .known(leaf))
    let again = try world.ballot(.approver("bob"), on: index) { $0.signedAt = .epoch }
    #expect(try world.refusal(again) == .alreadyExists)
    #expect(try world.refusal(world.ballot(.approver("bob-again"), on: index)) == .alreadyExists)
    #expect(try world.view(index).demands.map(\.approved) == [1])
  }

  @Test("a ballot binds proposal, parameters, bundle and preview")
  func binding() throws {
    let (world, index) = try pending()
    let other = SHA256.hash("other")
    let changes: [(inout Ballot) -> Void] = [
      { $0.proposalHash = other }, { $0.parametersHash = other }, { $0.policyBundleHash = other },
    ]
    for change in changes {
      #expect(
        try world.refusal(world.ballot(.approver("ann"), on: index, change: change)) == .failedPrecondition)
    }
    #expect(
      try world.refusal(world.ballot(.approver("ann"), on: index) { $0.previewHash = other })
        == .invalidArgument)
    #expect(
      try world.refusal(world.ballot(.approver("ann"), on: index) { $0.proposal = LeafIndex(0) }) == .notFound
    )
  }

  @Test("a ballot after its own or the proposal's deadline has no effect")
  func expired() throws {
    var (world, index) = try pending()
    let ballot = try world.ballot(.approver("ann"), on: index)
    world.now = world.now.advanced(by: .seconds(600))
    #expect(try world.refusal(ballot) == .permissionDenied)
    world.now = Governed.start.advanced(by: .seconds(3600))
    let late = try world.ballot(.approver("ann"), on: index)
    guard case .refuse(let refusal) = world.admits(late) else { throw TestFailure("expected a refusal") }
    #expect(refusal.code == .failedPrecondition && refusal.message.contains("people had until"))
    // Whichever leaf brings the time denies the proposal before it is looked at itself.
    guard case .void = try world.append(late.0, late.1) else { throw TestFailure("expected void") }
    #expect(try world.rules(index).contains("ballots.expired"))
  }

  @Test("one rejection denies")
  func rejected() throws {
    var (world, index) = try pending()
    try world.vote("ann", on: index)
    #expect(try world.vote("cyd", on: index, vote: .reject) == .effective)
    let cause = world.last
    try world.settle()
    #expect(try world.view(index).status == .denied)
    #expect(try world.rules(index) == ["ballots.rejected"])
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.cause == cause && decision.demands.isEmpty && decision.deadline == nil)
    #expect(try world.refusal(world.ballot(.approver("bob"), on: index)) == .failedPrecondition)
  }

  @Test("a tick at the deadline denies what people have not approved")
  func tick() throws {
    var (world, index) = try pending()
    try world.pass(seconds: 3599)
    #expect(world.state.owed.isEmpty)
    try world.pass(seconds: 1)
    try world.settle()
    #expect(try world.view(index).status == .denied)
    #expect(try world.rules(index) == ["ballots.expired"])
    #expect(world.state.nextExpiry == nil)
  }

  @Test("people have no longer than the proposal's own valid_until")
  func validUntil() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish", validFor: 60)
    #expect(try world.view(index).deadline == world.now.advanced(by: .seconds(60)))
    try world.settle()
    try world.pass(seconds: 60)
    #expect(try world.rules(index).contains("ballots.expired"))
  }

  @Test("require_mfa takes both of a voter's keys")
  func secondKey() throws {
    var (world, index) = try pending("pay")
    #expect(try world.rules(index, .requireMFA) == ["policy.approvals.both-keys"])
    #expect(try world.refusal(world.ballot(.approver("ann"), on: index)) == .permissionDenied)
    #expect(
      try world.refusal(world.ballot(.approver("ann"), on: index, keys: ["ann's second"]))
        == .permissionDenied
    )
    #expect(
      try world.refusal(
        world.ballot(.approver("ann"), on: index, keys: ["approver/ann", "bob's second"]))
        == .permissionDenied)
    #expect(try world.vote("ann", on: index, keys: ["approver/ann", "ann's second"]) == .effective)
    #expect(world.state.owed.isEmpty)
    #expect(try world.vote("olga", on: index, vote: .confirm, keys: ["olga's second"]) == .effective)
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("each role needs its own people: one person's two roles do not count twice")
  func roles() throws {
    var (world, index) = try pending("purge")
    try world.vote("bob", on: index, role: "approver")
    #expect(try world.refusal(world.ballot(.approver("bob"), on: index, role: "security")) == .alreadyExists)
    try world.vote("ann", on: index)
    #expect(world.state.owed.isEmpty)
    #expect(try world.view(index).demands.map(\.approved) == [2, 0])
  }

  @Test("a vote stops counting when its voter is no longer who voted")
  func revokedVoter() throws {
    var (world, index) = try pending()
    try world.vote("ann", on: index)
    #expect(try world.revoke(.approver("ann")) == .effective)
    #expect(try world.view(index).demands.map(\.approved) == [0])
    try world.vote("bob", on: index)
    #expect(world.state.owed.isEmpty)
    try world.vote("cyd", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("a vote stops counting when its voter has another key, another owner or no longer the role")
  func changedVoter() throws {
    let changes = [
      Governed.enrolment(.approver("ann"), owner: "ann", roles: ["approver"], keyName: "ann's new key"),
      Governed.enrolment(.approver("ann"), owner: "someone", roles: ["approver"]),
      Governed.enrolment(.approver("ann"), owner: "ann", roles: ["clerk"]),
    ]
    for change in changes {
      var (world, index) = try pending()
      try world.vote("ann", on: index)
      #expect(try world.enrol(change) == .effective)
      #expect(try world.view(index).demands.map(\.approved) == [0])
    }
  }

  @Test("people's consent does not replace the floor: it is asked again when they have met")
  func floorAgain() throws {
    var (world, index) = try pending()
    try world.vote("ann", on: index)
    let narrower = Governed.enrolment(Governed.agent, owner: "olga", scopes: [])
    #expect(try world.enrol(narrower) == .effective)
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .denied)
    #expect(try world.rules(index) == ["floor.scope_granted"])
  }

  @Test("an agent that is no longer enrolled gets nothing approved")
  func agentRevoked() throws {
    var (world, index) = try pending()
    try world.vote("ann", on: index)
    #expect(try world.revoke(Governed.agent) == .effective)
    try world.vote("bob", on: index)
    #expect(try world.rules(index) == ["floor.enrolment"])
  }
}
