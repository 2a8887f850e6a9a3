import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// People who are asked by what an action does, and rules of one tenant (INV-019, INV-020, POL-5).
struct ActionClassTests {
  private func asked(_ registry: Registry, by agent: Principal = Governed.agent) throws -> (
    rules: [String], demands: [ApprovalDemand], status: ProposalStatus
  ) {
    var world = try Governed(registry: registry)
    let index = try world.propose(by: agent, action: "costly", parameters: [:])
    try world.settle()
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    let view = try world.view(index)
    return (view.rules.map(\.rule), view.demands.map(\.demand), view.status)
  }

  @Test(
    "each class asks as many people as it takes, whatever cost and impact", arguments: ActionClass.allCases)
  func people(_ name: ActionClass) throws {
    let (rules, demands, status) = try asked(Registry(costlyHas: #""classes":["\#(name.rawValue)"],"#))
    #expect(rules.contains("floor.class.\(name.rawValue)") && status == .pending)
    #expect(demands == [ApprovalDemand(role: "approver", count: name.people)])
  }

  @Test("of several classes the strictest counts, and no class asks nobody")
  func several() throws {
    let (_, demands, _) = try asked(Registry(costlyHas: #""classes":["money","destructive"],"#))
    #expect(demands == [ApprovalDemand(role: "approver", count: 2)])
    #expect(try asked(Registry()).status == .approved)
  }

  @Test("two people who approve are what runs a destructive action, and one is not")
  func destructive() throws {
    var world = try Governed(registry: Registry(costlyHas: #""classes":["destructive"],"#))
    let index = try world.propose(action: "costly", parameters: [:])
    try world.settle()
    try world.vote("ann", on: index)
    try world.settle()
    #expect(try world.view(index).status == .pending)
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
  }

  @Test("an action may be for some tenants alone")
  func tenants() throws {
    let registry = Registry(costlyHas: #""tenants":["rival"],"#)
    #expect(try asked(registry).rules.contains("floor.action_tenant"))
    #expect(try asked(registry, by: Governed.foreignAgent).status == .approved)
  }

  @Test("a rule may be about classes and tenants")
  func rules() throws {
    func demands(_ rule: String, _ agent: Principal = Governed.agent) throws -> [Int] {
      var world = try Governed(registry: Registry(publishRuleHas: rule))
      let index = try world.propose(by: agent, action: "publish", parameters: [:])
      return try world.view(index).demands.map(\.demand.count)
    }
    #expect(try demands("") == [2])
    #expect(try demands(#""tenants":["acme"],"#) == [2])
    #expect(try demands(#""tenants":["rival"],"#) == [])
    #expect(try demands(#""tenants":["rival"],"#, Governed.foreignAgent) == [2])
    #expect(try demands(#""classes":["money"],"#) == [])
  }

  @Test(
    "what names no class or tenant is refused, and older semantics take none",
    arguments: [
      #""classes":["cash"],"#, #""classes":[],"#, #""classes":["money","money"],"#, #""tenants":[],"#,
      #""tenants":["a b"],"#,
    ])
  func faults(_ text: String) throws {
    #expect(throws: RecordError.self) { try Registry(costlyHas: text).bundle }
  }

  @Test("older semantics take neither")
  func older() throws {
    for text in [#""classes":["money"],"#, #""tenants":["acme"],"#] {
      #expect(throws: ShieldError.self) {
        try Governed(registry: Registry(costlyHas: text), semantics: Semantics.people - 1)
      }
    }
  }
}

/// API-8: decisions by tenant.
struct TenantDecisionTests {
  @Test("a tenant's decisions are listed in pages, and no other's")
  func pages() throws {
    var world = try Governed()
    var own: [LeafIndex] = []
    for number in 0..<5 {
      let index = try world.propose(by: number % 2 == 0 ? Governed.agent : Governed.foreignAgent)
      try world.settle()
      if number % 2 == 0 { own.append(try #require(try world.view(index).lastDecision)) }
    }
    // What an agent asks in another tenant's name stays its own's.
    let trespass = try world.propose(by: Governed.foreignAgent, tenant: "acme")
    try world.settle()
    let denied = try #require(try world.view(trespass).lastDecision)
    for state in [world.state, try world.restored()] {
      #expect(state.decisions(ofTenant: "acme", after: LeafIndex(0), limit: 9) == own)
      #expect(state.decisions(ofTenant: "acme", after: LeafIndex(0), limit: 2) == Array(own.prefix(2)))
      #expect(state.decisions(ofTenant: "acme", after: own[1], limit: 9) == [own[2]])
      #expect(state.decisions(ofTenant: "rival", after: LeafIndex(0), limit: 9).last == denied)
      #expect(state.decisions(ofTenant: "rival", after: LeafIndex(.max), limit: 9).isEmpty)
      #expect(state.decisions(ofTenant: "nobody", after: LeafIndex(0), limit: 9).isEmpty)
    }
  }
}
