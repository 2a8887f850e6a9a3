import Foundation
import Testing

/// `claw transfer` on real nodes.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 23_900) })
struct HandoverTests {
  let cluster: LoopbackCluster

  init() throws { cluster = try LiveCluster.current }

  private func leader() throws -> Int {
    let status = try cluster.claw(["status", "--json"], as: "operators/operator-1")
    let value = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
    return try #require(value?["leader"] as? Int)
  }

  @Test("an operator hands leadership to each node in turn, asking any of them, and the cluster goes on")
  func turns() throws {
    for target in [2, 3, 1, 2] {
      try cluster.waitUntil("node \(target) leads", seconds: 30) {
        // Another node's word is believed once in ten seconds.
        let outcome = try cluster.claw(["transfer", "\(target)"], as: "operators/operator-1")
        return outcome.code == 0 && outcome.output.contains("party \(target) leads")
      }
      #expect(try leader() == target)
      let denied = try cluster.claw(
        [
          "propose", "shell", "--params", "{}", "--request-id",
          "after-\(target)-\(UUID().uuidString.prefix(4))",
        ],
        as: "agents/agent-1")
      #expect(denied.code == 3, "\(denied.output)")
    }
  }

  @Test("a leader that is asked to end hands over first: another leads before it has ended")
  func stopped() throws {
    /// The times of a node's log lines that hold `text`, as they are written.
    func times(_ node: Int, _ text: String) throws -> [String] {
      try cluster.log("node-\(node)").split(separator: "\n").filter { $0.contains(text) }.map { line in
        let value = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        return try #require(value?["time"] as? String)
      }
    }
    let old = try leader()
    #expect(cluster.stop(node: old) == 0)
    defer { try? cluster.start(node: old) }
    let stopped = try #require(try times(old, "\"stopped\"").last)
    let stopping = try #require(try times(old, "\"stopping\"").last)
    let others = [1, 2, 3].filter { $0 != old }
    let led = try others.flatMap { try times($0, "leader of term") }
    #expect(led.count { stopping <= $0 && $0 <= stopped } == 1, "\(stopping) to \(stopped): \(led)")
    let denied = try cluster.claw(
      ["propose", "shell", "--params", "{}", "--request-id", "without-\(old)"], as: "agents/agent-1")
    #expect(denied.code == 3, "\(denied.output)")
  }

  @Test("nobody but an operator, and to a party only")
  func refused() throws {
    let unknown = try cluster.claw(["transfer", "9"], as: "operators/operator-1")
    #expect(unknown.code != 0 && unknown.output.contains("expected one of the parties' numbers, 1, 2, 3"))
    let agent = try cluster.claw(["transfer", "1"], as: "agents/agent-1")
    #expect(agent.code != 0 && agent.output.contains("operator"), "\(agent.output)")
    #expect(try cluster.claw(["transfer", "one"], as: "operators/operator-1").code == 2)
  }

  @Test("a node that is down does not take over, and the leader goes on")
  func down() throws {
    let now = try leader()
    let other = now == 3 ? 2 : 3
    cluster.kill(node: other)
    defer { try? cluster.start(node: other) }
    try cluster.waitUntil("the handover is tried, and given up", seconds: 30) {
      let outcome = try cluster.claw(["transfer", "\(other)"], as: "operators/operator-1")
      return outcome.code != 0 && outcome.output.contains("did not take over")
    }
    let denied = try cluster.claw(
      ["propose", "shell", "--params", "{}", "--request-id", "went-on"], as: "agents/agent-1")
    #expect(denied.code == 3, "\(denied.output)")
  }
}
