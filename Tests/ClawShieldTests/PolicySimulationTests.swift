import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// What another bundle would have decided about a history.
struct PolicySimulationTests {
  private func simulation(_ world: Governed, _ candidate: Registry) throws -> PolicySimulation {
    var simulation = try PolicySimulation(
      genesis: world.log[0].record, attachment: world.log[0].attachment, candidate: candidate.bundle)
    for leaf in world.log.dropFirst() {
      #expect(simulation.apply(leaf.record, attachment: leaf.attachment) == .effective)
    }
    return simulation
  }

  @Test("each decision that would be another is told, and no other")
  func changes() throws {
    var world = try Governed()
    let loud = try world.propose(parameters: ["text": "LOUD"])
    try world.settle()
    _ = try world.propose(parameters: ["text": "quiet"])
    try world.settle()
    let asked = try world.propose(action: "publish", parameters: [:])
    try world.settle()
    try world.vote("ann", on: asked)
    try world.vote("bob", on: asked)
    try world.settle()

    let same = try simulation(world, Registry())
    #expect(same.decided == 3 && same.changes.isEmpty)

    let other = try simulation(
      world,
      .rego(
        """
        decision := {"type": "deny", "rules": {"loud"}} if input.parameters.text == upper(input.parameters.text)
        else := {"type": "approve"}
        """))
    #expect(other.decided == 3)
    #expect(other.changes.map(\.leaf) == [loud])
    #expect(other.changes.first?.before.type == .approve)
    #expect(other.changes.first?.after.type == .deny)
    #expect(other.changes.first?.after.rules.first?.rule == "rego.loud")

    // Who is asked is part of a decision.
    let stricter = try simulation(
      world,
      .rego(
        """
        decision := {"type": "escalate", "demands": [{"role": "security", "count": 1}]} if input.action == "publish"
        else := {"type": "approve"}
        """))
    #expect(stricter.changes.map(\.leaf) == [asked])
    #expect(stricter.changes.first?.before.demands == [ApprovalDemand(role: "approver", count: 2)])
    #expect(
      stricter.changes.first?.after.demands
        == [ApprovalDemand(role: "approver", count: 2), ApprovalDemand(role: "security", count: 1)])
  }

  @Test("a bundle that could not be in force is not simulated")
  func refused() throws {
    let world = try Governed()
    #expect(throws: ShieldError.self) { try simulation(world, .rego("decision := x")) }
  }
}
