import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// INV-013: a result that is no artifact has labels, and they go along with the piece of work.
struct ResultLabelTests {
  /// A finished run of `echo` in a trace, over an input with these labels.
  private func ran(
    _ world: inout Governed, trace: String, labels: [String], status: RunStatus = .succeeded
  ) throws -> LeafIndex {
    let content = "file of \(trace) \(labels)"
    try world.append(world.artifact(content, of: Governed.agent, labels: labels).0)
    let index = try world.propose(traceID: trace, inputs: [SHA256.hash(content)])
    try world.settle()
    let approval = try #require(try world.view(index).approval)
    let (body, attachment) = try world.receipt(for: approval, status: status) {
      $0.inputs = [SHA256.hash(content)]
    }
    #expect(try world.append(body, attachment) == .effective)
    return index
  }

  @Test("a result has the labels of its tenant, agent, executor and inputs")
  func labels() throws {
    var world = try Governed()
    let index = try ran(&world, trace: "t", labels: ["untrusted"])
    let expected = ["acme", Governed.executor.path, Governed.agent.path, "untrusted"]
    #expect(world.state.resultLabels(of: index) == expected)
    #expect(try world.restored().resultLabels(of: index) == expected)
    let failed = try ran(&world, trace: "t", labels: ["untrusted"], status: .failed)
    #expect(world.state.resultLabels(of: failed) == nil)
  }

  @Test("what was given outside text in a trace needs a person for high impact in it, and nowhere else")
  func taint() throws {
    var world = try Governed()
    _ = try ran(&world, trace: "clean", labels: [])
    _ = try ran(&world, trace: "outside", labels: ["untrusted"])
    _ = try ran(&world, trace: "failed", labels: ["untrusted"], status: .failed)
    func rules(_ trace: String, _ action: String, by agent: Principal = Governed.agent) throws -> [String] {
      let index = try world.propose(by: agent, action: action, parameters: [:], traceID: trace)
      return try world.view(index).rules.map(\.rule).filter { $0.hasPrefix("floor") }
    }
    #expect(try rules("outside", "purge") == ["floor.untrusted_trace"])
    #expect(try rules("outside", "purge", by: Governed.otherAgent) == ["floor.untrusted_trace"])
    #expect(try rules("outside", "purge", by: Governed.foreignAgent) == [])
    #expect(try rules("outside", "costly") == [])
    #expect(try rules("clean", "purge") == [])
    #expect(try rules("failed", "purge") == [])
    world.state = try world.restored()
    #expect(try rules("outside", "purge") == ["floor.untrusted_trace"])
  }

  @Test("the policy sees the labels of the trace")
  func policy() throws {
    var world = try Governed(
      registry: .rego(
        """
        decision := {"type": "deny", "reason": "outside"} if "untrusted" in input.trace_labels

        else := {"type": "approve"}
        """))
    _ = try ran(&world, trace: "outside", labels: ["untrusted"])
    let tainted = try world.propose(traceID: "outside")
    let clean = try world.propose(traceID: "other")
    #expect(try world.rules(tainted) == ["data.openexec.decision"])
    #expect(try world.rules(clean) == [])
  }

  @Test("another trace id leaves nothing behind: the policy sees what its agent was given in the last hour")
  func anotherTrace() throws {
    var world = try Governed(
      registry: .rego(
        """
        decision := {"type": "deny", "reason": "outside"} if "untrusted" in input.agent_labels

        else := {"type": "approve"}
        """))
    func isDenied(by agent: Principal = Governed.agent) throws -> Bool {
      let trace = world.fresh()
      let index = try world.propose(by: agent, traceID: trace)
      return try world.rules(index) == ["data.openexec.decision"]
    }
    _ = try ran(&world, trace: "outside", labels: ["untrusted"])
    let asked = world.now
    #expect(try isDenied())
    #expect(try !isDenied(by: Governed.otherAgent), "another agent was given nothing, in another trace")
    world.state = try world.restored()
    world.now = asked.advanced(by: .seconds(3590))
    #expect(try isDenied())
    world.now = asked.advanced(by: .seconds(3700))
    #expect(try !isDenied())
  }
}
