import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct BreakerTests {
  /// Expects that the last proposal tripped `rule` and quarantined its agent.
  private func expectTripped(
    _ world: inout Governed, _ index: LeafIndex, _ rule: String,
    target: IncidentTarget = .principal(Governed.agent)
  ) throws {
    #expect(try world.rules(index) == [rule])
    let owed = world.state.owed
    guard case .decision(let decision) = owed[owed.count - 2], case .incident(let incident)? = owed.last
    else {
      throw TestFailure("a denial and an incident are owed, in this order")
    }
    #expect(decision.proposal == index && decision.decisionType == .deny)
    #expect(incident.kind == .breaker && incident.about == index && incident.cause == index)
    #expect(incident.target == target)
    #expect(incident.message.contains(rule))
    let entry = RestrictionList.Entry(incidentID: incident.incidentID, target: target)
    #expect(world.state.restrictions.entries == [entry])
    try world.settle()
    let next = try world.propose()
    #expect(
      try world.rules(next) == [
        target == .principal(Governed.agent) ? "floor.quarantined" : "floor.tenant_quarantined"
      ])
    #expect(world.state.owed.count == 1)
  }

  @Test("proposals above the limit of any sixty seconds trip once and quarantine the agent (INV-021, T5.1)")
  func rate() throws {
    var world = try Governed(registry: Registry(perMinute: 3))
    for _ in 0..<3 {
      let index = try world.propose()
      #expect(try world.rules(index).isEmpty)
      world.now = world.now.advanced(by: .seconds(10))
    }
    let index = try world.propose()
    try expectTripped(&world, index, "breaker.rate")
  }

  @Test("the window slides: as many proposals as the limit in each sixty seconds never trip")
  func window() throws {
    var world = try Governed(registry: Registry(perMinute: 3))
    for _ in 0..<12 {
      let index = try world.propose()
      #expect(try world.rules(index).isEmpty)
      world.now = world.now.advanced(by: .seconds(20))
    }
    #expect(world.state.restrictions.entries.isEmpty)
  }

  @Test("the same action with the same parameters again and again trips, whatever the salt (INV-021)")
  func repeats() throws {
    var world = try Governed(registry: Registry(repeats: 2))
    for text in ["a", "b", "a", "b"] {
      let index = try world.propose(parameters: ["text": .string(text)])
      #expect(try world.rules(index).isEmpty)
    }
    let index = try world.propose(parameters: ["text": "a"])
    try expectTripped(&world, index, "breaker.repeats")
    let other = try world.propose(by: Governed.otherAgent, parameters: ["text": "a"])
    #expect(try world.rules(other).isEmpty)
  }

  @Test("a loop of denied proposals trips too")
  func deniedLoop() throws {
    var world = try Governed(registry: Registry(repeats: 2))
    for _ in 0..<2 { _ = try world.propose(action: "nothing") }
    let index = try world.propose(action: "nothing")
    #expect(try world.rules(index) == ["floor.action_registered", "breaker.repeats"])
    #expect(!world.state.restrictions.entries.isEmpty)
  }

  @Test("nesting deeper than the limit trips")
  func depth() throws {
    var world = try Governed()
    let fine = try world.propose(depth: 3)
    #expect(try world.rules(fine).isEmpty)
    let index = try world.propose(depth: 4)
    try expectTripped(&world, index, "breaker.depth")
  }

  @Test("a request that may cost more than is allowed trips, by what is declared or registered (T5.2)")
  func requestCost() throws {
    var world = try Governed(registry: Registry(requestLimit: "50"))
    let index = try world.propose(action: "costly")
    try expectTripped(&world, index, "breaker.request_cost")
    world = try Governed(registry: Registry(requestLimit: "50"))
    let declared = RiskContext(
      estimatedCost: try #require(MicroUSD(text: "50.000001")), dataClassification: .public,
      impactLevel: .low)
    let second = try world.propose(risk: declared)
    try expectTripped(&world, second, "breaker.request_cost")
  }

  @Test("what is set aside counts against the tenant's day until the receipt settles it (INV-021)")
  func tenantDay() throws {
    var world = try Governed(registry: Registry(dayLimit: "100"))
    let first = try world.propose(action: "costly")
    try world.settle()
    let approval = try #require(try world.view(first).approval)
    let receipt = try world.receipt(for: approval, cost: try #require(MicroUSD(text: "40")))
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    // 40 spent and 60 set aside make 100.
    let second = try world.propose(action: "costly")
    #expect(try world.rules(second).isEmpty)
    try world.settle()
    let third = try world.propose()
    try expectTripped(&world, third, "breaker.tenant_cost", target: .tenant("acme"))
    // Another tenant has its own day.
    let foreign = try world.propose(by: Governed.foreignAgent, action: "costly")
    #expect(try world.rules(foreign).isEmpty)
  }

  @Test(
    "the tenant's money is the tenant's breaker: all of it is frozen until two people release it (IR-1, SEV-2)"
  )
  func tenantFrozen() throws {
    var world = try Governed(registry: Registry(dayLimit: "60"))
    let waiting = try world.propose(by: Governed.otherAgent, action: "publish")
    try world.settle()
    let first = try world.propose(action: "costly")
    try world.settle()
    let approval = try #require(try world.view(first).approval)
    #expect(world.state.isLiveApproval(at: approval, time: world.now))
    _ = try world.propose(action: "costly")
    try world.settle()
    let incident = try #require(world.state.inForce(limit: 4).entries.first)
    #expect(incident.target == .tenant("acme") && incident.derived == .breaker)
    // Every agent of it, what runs, and what people are asked about; and no other tenant.
    let isLive = world.state.isLiveApproval(at: approval, time: world.now)
    #expect(!isLive)
    #expect(try world.view(waiting).status == .denied)
    let other = try world.propose(by: Governed.otherAgent)
    #expect(try world.rules(other) == ["floor.tenant_quarantined"])
    let foreign = try world.propose(by: Governed.foreignAgent)
    #expect(try world.rules(foreign).isEmpty)
    let alone = world.incident(.lift, .all, id: "l", lifts: [incident.incidentID])
    #expect(try world.refusal(alone) == .permissionDenied)
    try world.use(.lift, id: "l2", lifts: [incident.incidentID])
    #expect(world.state.inForce(limit: 4).entries.isEmpty)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    // Who is refused by the floor costs nobody anything: an agent of another tenant, or one without the scope.
    var near = try Governed(registry: Registry(dayLimit: "60"))
    _ = try near.propose(action: "costly")
    try near.settle()
    let trespass = try near.propose(by: Governed.foreignAgent, action: "costly", tenant: "acme")
    #expect(try near.rules(trespass).contains("floor.tenant"))
    let unscoped = try near.propose(action: "costly", scopes: ["elsewhere"])
    #expect(try near.rules(unscoped).contains("floor.scope_granted"))
    try near.settle()
    #expect(near.state.inForce(limit: 4).entries.isEmpty)
    // Before semantics 3 it was the agent's alone.
    var old = try Governed(registry: Registry(dayLimit: "60"), semantics: Semantics.people - 1)
    for _ in 0..<2 {
      _ = try old.propose(action: "costly")
      try old.settle()
    }
    #expect(old.state.inForce(limit: 4).entries.map(\.target) == [.principal(Governed.agent)])
  }

  @Test("a new day begins at nothing, and yesterday's receipts do not touch it")
  func nextDay() throws {
    var world = try Governed(registry: Registry(dayLimit: "60"))
    let first = try world.propose(action: "costly")
    try world.settle()
    world.now = Governed.start.advanced(by: .seconds(86_400))
    let second = try world.propose(action: "costly")
    #expect(try world.rules(second).isEmpty)
    let approval = try #require(try world.view(first).approval)
    let receipt = try world.receipt(for: approval)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    let third = try world.propose()
    #expect(try world.rules(third) == ["breaker.tenant_cost"])
  }

  @Test("a receipt charges no more than was set aside, whatever its executor says, and no less than nothing")
  func falseCost() throws {
    for semantics in [2, Semantics.newest] {
      var world = try Governed(registry: Registry(dayLimit: "121"), semantics: semantics)
      let first = try world.propose(action: "costly")
      try world.settle()
      let approval = try #require(try world.view(first).approval)
      let receipt = try world.receipt(for: approval, cost: try #require(MicroUSD(text: "900")))
      #expect(try world.append(receipt.0, receipt.1) == .effective)
      let second = try world.propose(action: "costly")
      #expect(try world.rules(second) == (semantics == 2 ? ["breaker.tenant_cost"] : []))
    }
  }

  @Test("an agent that declares no cost still trips: the registry's maximum is what counts (T5.2)")
  func declaresZero() throws {
    var world = try Governed(registry: Registry(requestLimit: "59.999999"))
    let index = try world.propose(action: "costly")
    try expectTripped(&world, index, "breaker.request_cost")
    world = try Governed(registry: Registry(dayLimit: "120"))
    for _ in 0..<2 {
      let fine = try world.propose(action: "costly")
      #expect(try world.rules(fine).isEmpty)
    }
    let third = try world.propose(action: "costly")
    #expect(try world.rules(third) == ["breaker.tenant_cost"])
  }

  /// A run that ended like this, one second long.
  private func run(_ world: inout Governed, _ status: RunStatus, text: String = "hello") throws -> LeafIndex {
    let index = try world.propose(parameters: ["text": .string(text)])
    try world.settle()
    let approval = try #require(try world.view(index).approval)
    let receipt = try world.receipt(for: approval, status: status)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    world.now = world.now.advanced(by: .seconds(1))
    return index
  }

  @Test("what has failed is tried again as often as the bundle says, within an hour (T5.1)")
  func retries() throws {
    var world = try Governed(registry: Registry(retriesPerHour: 1))
    _ = try run(&world, .failed)
    _ = try run(&world, .succeeded)
    _ = try run(&world, .failed, text: "other")
    _ = try run(&world, .aborted)
    var later = world
    let index = try world.propose()
    try expectTripped(&world, index, "breaker.retries")
    // The first of the two is an hour old, but for a nanosecond; then it is.
    later.now = Governed.start.advanced(by: .seconds(3600))
    var edge = later
    let early = try edge.propose()
    #expect(try edge.rules(early) == ["breaker.retries"])
    later.now = Governed.start.advanced(by: Interval(nanoseconds: 3_600_000_000_001))
    let free = try later.propose()
    #expect(try later.rules(free).isEmpty)
  }

  @Test("an unknown outcome costs what was set aside; a denial for want of an executor costs nothing")
  func settledAtReservation() throws {
    var world = try Governed(registry: Registry(dayLimit: "100"))
    _ = try world.propose(action: "costly")
    try world.settle(executor: nil)
    _ = try world.propose(action: "costly")
    try world.settle()
    try world.pass(seconds: 400)
    try world.settle()
    let index = try world.propose(action: "costly")
    #expect(try world.rules(index) == ["breaker.tenant_cost"])
  }

  @Test("an approval that never came to be written costs nothing: expired, stopped or decided again")
  func unwritten() throws {
    var world = try Governed(registry: Registry(dayLimit: "60"))
    _ = try world.propose(action: "costly")
    try world.pass(seconds: 300)
    _ = try world.propose(action: "costly")
    try world.use(.quarantine, .principal(Governed.agent), id: "q")
    try world.use(.lift, id: "l", lifts: ["q"])
    let index = try world.propose(action: "costly")
    try world.activate(Registry(version: "2", dayLimit: "60"))
    #expect(try world.rules(index).isEmpty)
    try world.settle()
    #expect(try world.view(index).status == .approved)
    let next = try world.propose()
    #expect(try world.rules(next) == ["breaker.tenant_cost"])
  }

  @Test("a breaker makes the agent's tokens void and denies what it is waiting for (INV-021)")
  func voidsTokens() throws {
    var world = try Governed()
    let approval = try world.approved()
    let other = try world.approved(by: Governed.otherAgent)
    let waiting = try world.propose(action: "publish")
    try world.settle()
    _ = try world.propose(depth: 9)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(world.state.isLiveApproval(at: other, time: world.now))
    #expect(world.state.proposalView(decision: approval)?.status == .aborted)
    try world.settle()
    #expect(try world.view(waiting).status == .denied)
    #expect(try world.rules(waiting) == ["floor.restricted"])
  }

  @Test("two operators lift a breaker's quarantine; one does not (IR-3)")
  func lift() throws {
    var world = try Governed()
    _ = try world.propose(depth: 9)
    try world.settle()
    let id = world.state.restrictions.entries[0].incidentID
    #expect(try world.refusal(world.incident(.lift, .all, id: "l", lifts: [id])) == .permissionDenied)
    try world.use(.lift, id: "l", lifts: [id])
    #expect(world.state.isLifted(id))
    let index = try world.propose()
    #expect(try world.rules(index).isEmpty)
  }
}
