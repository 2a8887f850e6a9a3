import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// `require_mfa`: a fresh challenge, signed by the second key of the person who answers for the agent.
struct ConfirmationTests {
  private let second = ["olga's second"]

  private func asked(alone: Bool = true, semantics: Int = Semantics.newest) throws -> (Governed, LeafIndex) {
    var world = try Governed(registry: Registry(confirmationAlone: alone), semantics: semantics)
    let index = try world.propose(action: "pay")
    try world.settle()
    return (world, index)
  }

  private func confirmation(
    _ world: Governed, _ index: LeafIndex, by voter: String = "olga", keys: [String],
    change: (inout Ballot) -> Void = { _ in }
  ) throws -> (RecordBody, Attachment) {
    try world.ballot(.approver(voter), on: index, vote: .confirm, keys: keys, change: change)
  }

  @Test(
    "the decision holds the challenge, and the owner's second key answers it: approved, attested by nobody")
  func confirmed() throws {
    var (world, index) = try asked()
    let view = try world.view(index)
    #expect(view.demands.isEmpty && view.status == .pending && view.responsible == "olga")
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.decisionType == .requireMFA && decision.challenge == view.challenge)
    #expect(view.challenge != nil)
    #expect(try world.vote("olga", on: index, vote: .confirm, keys: second) == .effective)
    #expect(try world.view(index).challenge == nil)
    try world.settle()
    #expect(try world.view(index).status == .approved)
    guard case .decision(let approval) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(approval.grant?.humanAttestors == [] && approval.challenge == nil)
  }

  @Test("neither the first key, nor another's second key, nor another person confirms")
  func keys() throws {
    let (world, index) = try asked()
    #expect(try world.refusal(confirmation(world, index, keys: ["approver/olga"])) == .permissionDenied)
    #expect(try world.refusal(confirmation(world, index, keys: ["ann's second"])) == .permissionDenied)
    #expect(
      try world.refusal(confirmation(world, index, by: "ann", keys: ["ann's second"])) == .permissionDenied)
    #expect(
      try world.refusal(world.ballot(Governed.agent, on: index, vote: .confirm)) == .permissionDenied)
    #expect(try world.refusal(confirmation(world, index, keys: second + ["approver/olga"])) == nil)
  }

  @Test("another challenge, role or proposal is refused, and a second confirmation as well")
  func binding() throws {
    var (world, index) = try asked(alone: false)
    #expect(
      try world.refusal(confirmation(world, index, keys: second) { $0.challenge = "other" })
        == .failedPrecondition)
    #expect(
      try world.refusal(confirmation(world, index, keys: second) { $0.role = "approver" })
        == .failedPrecondition)
    #expect(
      try world.refusal(confirmation(world, index, keys: second) { $0.proposalHash = SHA256.hash("x") })
        == .failedPrecondition)
    try world.vote("olga", on: index, vote: .confirm, keys: second)
    let again = try confirmation(world, index, keys: second) {
      $0.challenge = "none"
      $0.signedAt = .epoch
    }
    #expect(try world.refusal(again) == .failedPrecondition)
  }

  @Test(
    "a confirmation is no approval: whoever else is asked must approve too, and the owner never does (INV-002)"
  )
  func noApproval() throws {
    var (world, index) = try asked(alone: false)
    try world.vote("olga", on: index, vote: .confirm, keys: second)
    #expect(world.state.owed.isEmpty)
    #expect(try world.view(index).demands.map(\.approved) == [0])
    #expect(
      try world.refusal(world.ballot(.approver("olga"), on: index, keys: ["approver/olga", "olga's second"]))
        == .permissionDenied)
    try world.vote("ann", on: index, keys: ["approver/ann", "ann's second"])
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("where nobody asks for one, none is taken; nobody who confirms in time means denial")
  func notAsked() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish")
    try world.settle()
    #expect(try world.refusal(confirmation(world, index, keys: second)) == .failedPrecondition)
    var (late, waiting) = try asked()
    try late.pass(seconds: 3600)
    #expect(try late.rules(waiting) == ["ballots.expired"])
  }

  @Test("a confirmation stops counting when the agent gets another owner or the second key is replaced")
  func reevaluated() throws {
    let changes = [
      Governed.enrolment(Governed.agent, owner: "otto"),
      Governed.enrolment(
        .approver("olga"), owner: "olga", roles: ["approver"], secondKey: "olga's third"),
    ]
    for change in changes {
      var (world, index) = try asked(alone: false)
      try world.vote("olga", on: index, vote: .confirm, keys: second)
      #expect(try world.enrol(change) == .effective)
      #expect(try world.view(index).challenge != nil)
      try world.vote("ann", on: index, keys: ["approver/ann", "ann's second"])
      #expect(world.state.owed.isEmpty)
    }
  }

  @Test("a new bundle asks for another confirmation, with another challenge (ruling 3)")
  func newBundle() throws {
    var (world, index) = try asked(alone: false)
    let before = try world.view(index).challenge
    let old = try confirmation(world, index, keys: second)
    try world.activate(Registry(version: "2"))
    try world.settle()
    #expect(try world.view(index).challenge != before)
    #expect(try world.refusal(old) == .failedPrecondition)
  }

  @Test("semantics 2 knows no confirmation: both of a voter's keys are enough, as they were")
  func earlier() throws {
    var (world, index) = try asked(alone: false, semantics: 2)
    #expect(try world.view(index).challenge == nil)
    #expect(try world.refusal(confirmation(world, index, keys: second)) == .failedPrecondition)
    try world.vote("ann", on: index, keys: ["approver/ann", "ann's second"])
    try world.settle()
    #expect(try world.view(index).status == .approved)
    #expect(throws: ShieldError.self) {
      try Governed(registry: Registry(confirmationAlone: true), semantics: 2)
    }
  }
}
