import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// An engine whose filters name the owner of who passes.
private struct OwnerFilter: PolicyEvaluating, ReadyPolicy {
  func compile(_ bundle: PolicyBundle) throws(ShieldError) -> any ReadyPolicy { self }
  func evaluate(_ input: PolicyInput) -> PolicyAnswer {
    PolicyAnswer(rules: [FiredRule(rule: "test.allow", effect: .approve, message: "may")])
  }
  func admits(_ voter: VoterInput, filter: String) -> Bool {
    filter == "anybody" || (filter == "not-\(voter.voter.tenantID)") || voter.voter.scopes.contains(filter)
  }
}

/// Whose votes count, and how many of which kind decide.
struct CountingTests {
  private func pending(
    _ registry: Registry = Registry(), evaluator: any PolicyEvaluating = BundlePolicy()
  )
    throws -> (Governed, LeafIndex)
  {
    var world = try Governed(registry: registry, evaluator: evaluator)
    let index = try world.propose(action: "publish")
    try world.settle()
    return (world, index)
  }

  @Test("one rejection beats any number of approvals, unless the rule names more")
  func rejections() throws {
    var (world, index) = try pending(Registry(publishRejections: 2))
    #expect(try world.view(index).rejections == 2)
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.rejections == 2)
    try world.vote("ann", on: index)
    try world.vote("cyd", on: index, vote: .reject)
    #expect(world.state.owed.isEmpty)
    var other = world
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
    // Cyd is gone, and with her what she said: the next rejection is the first.
    #expect(try other.revoke(.approver("cyd")) == .effective)
    try other.vote("bob", on: index, vote: .reject)
    #expect(other.state.owed.isEmpty)
    #expect(
      try other.enrol(Governed.enrolment(.approver("dan"), owner: "dan", roles: ["approver"])) == .effective)
    try other.vote("dan", on: index, vote: .reject)
    try other.settle()
    #expect(try other.rules(index) == ["ballots.rejected"])
  }

  @Test(
    "a filter in Rego sees the request and the voter; one that no rule defines is refused with its bundle")
  func filtersInRego() throws {
    func registry(_ filter: String) -> Registry {
      var registry = Registry.rego(#"decision := {"type": "approve"}"#, more: [("filters.rego", filter)])
      registry.publishFilters = ["senior"]
      return registry
    }
    let senior = registry(
      """
      package openexec.filters

      senior if {
        input.role == "approver"
        input.voter.owner != "bob"
        input.risk.impact_level in input.voter.scopes
        input.definition.name == "publish"
      }
      """)
    var (world, index) = try pending(senior)
    #expect(try world.refusal(world.ballot(.approver("ann"), on: index)) == .permissionDenied)
    for name in ["ann", "bob"] {
      let person = Governed.enrolment(
        .approver(name), owner: name, roles: ["approver"], scopes: ["low"])
      #expect(try world.enrol(person) == .effective)
    }
    try world.vote("ann", on: index)
    #expect(try world.view(index).demands.map(\.approved) == [1])
    #expect(try world.refusal(world.ballot(.approver("bob"), on: index)) == .permissionDenied)
    #expect(throws: ShieldError.self) {
      try Governed(registry: registry("package openexec.filters\n\njunior := true\n"))
    }
    // What is no `true` lets nobody count.
    let (other, number) = try pending(registry("package openexec.filters\n\nsenior := 1\n"))
    #expect(try other.refusal(other.ballot(.approver("ann"), on: number)) == .permissionDenied)
  }

  @Test("the engine's filter says who counts; one that nobody knows lets nobody count")
  func filters() throws {
    var (world, index) = try pending(Registry(publishFilters: ["senior"]), evaluator: OwnerFilter())
    #expect(try world.view(index).demands.map(\.demand.filters) == [["senior"]])
    #expect(try world.refusal(world.ballot(.approver("ann"), on: index)) == .permissionDenied)
    for name in ["ann", "bob"] {
      let person = Governed.enrolment(.approver(name), owner: name, roles: ["approver"], scopes: ["senior"])
      #expect(try world.enrol(person) == .effective)
    }
    try world.vote("ann", on: index)
    // Judged again when the next ballot comes: Ann is no senior any more.
    #expect(
      try world.enrol(Governed.enrolment(.approver("ann"), owner: "ann", roles: ["approver"])) == .effective)
    #expect(try world.view(index).demands.map(\.approved) == [0])
    try world.vote("bob", on: index)
    #expect(world.state.owed.isEmpty)
    #expect(throws: ShieldError.self) { try Governed(registry: Registry(publishFilters: ["senior"])) }
  }

  @Test("a restricted person votes no more, and what they voted counts no more")
  func restricted() throws {
    var (world, index) = try pending()
    try world.vote("ann", on: index)
    try world.use(.quarantine, .principal(.approver("ann")), id: "i-1")
    #expect(try world.view(index).demands.map(\.approved) == [0])
    let again = try world.ballot(.approver("ann"), on: index) { $0.signedAt = .epoch }
    #expect(try world.refusal(again) == .alreadyExists)
    try world.use(.quarantine, .principal(.approver("bob")), id: "i-2")
    #expect(try world.refusal(world.ballot(.approver("bob"), on: index)) == .permissionDenied)
    try world.use(.lift, id: "l-1", lifts: ["i-1", "i-2"])
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("who has become the agent's owner, or another tenant's, counts no more (INV-002)")
  func reevaluated() throws {
    let changes = [
      Governed.enrolment(Governed.agent, owner: "ann"),
      Governed.enrolment(.approver("ann"), owner: "ann", roles: ["approver"], tenant: "rival"),
    ]
    for change in changes {
      var (world, index) = try pending()
      try world.vote("ann", on: index)
      #expect(try world.enrol(change) == .effective)
      #expect(try world.view(index).demands.map(\.approved) == [0])
      try world.vote("bob", on: index)
      #expect(world.state.owed.isEmpty)
    }
  }

  @Test("more than twelve votes of one person within a minute are an incident that restricts nobody")
  func rate() throws {
    var world = try Governed()
    var waiting: [LeafIndex] = []
    for _ in 0..<27 {
      waiting.append(try world.propose(action: "publish"))
      try world.settle()
    }
    for index in waiting.prefix(12) { try world.vote("ann", on: index) }
    #expect(world.state.owed.isEmpty)
    world.now = world.now.advanced(by: .seconds(59))
    #expect(try world.vote("ann", on: waiting[12]) == .effective)
    let cause = world.last
    guard case .incident(let incident)? = world.state.owed.first else { throw TestFailure("an incident") }
    #expect(incident.kind == .ballotRate && incident.target == .principal(.approver("ann")))
    #expect(incident.cause == cause && incident.about == waiting[12])
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    try world.settle()
    #expect(world.state.owed.isEmpty && world.state.restrictions.entries.isEmpty)
    #expect(try world.vote("bob", on: waiting[12]) == .effective)
    // The count began anew with the flagged one; within the window eleven more go by.
    for index in waiting[13...23] { try world.vote("ann", on: index) }
    #expect(world.state.owed.allSatisfy { if case .incident = $0 { false } else { true } })
    world.now = world.now.advanced(by: .seconds(60))
    for index in waiting[24...26] { try world.vote("ann", on: index) }
    #expect(world.state.owed.allSatisfy { if case .incident = $0 { false } else { true } })
  }
}
