import Canonical
import EventLoop
import Foundation
import Testing

/// What one node cannot do to `claw`, over real processes: hold up a restriction by standing still, or keep a lift of refused
/// certificates from who does not ask it alone (Decision 028).
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 4, threshold: 3, port: 30_300) })
struct NodeTrustClusterTests {
  let cluster: LoopbackCluster
  private static let operator1 = "operators/operator-1"
  private var second: [String] { ["--sign-with", "\(cluster.folder)/operators/operator-2"] }

  init() throws { cluster = try LiveCluster.current }

  @Test(
    "a kill binds while the first node stands still, and says so in a bounded time; the node is bound when it goes on"
  )
  func standstill() throws {
    let stopped = try #require(cluster.process(node: 1))
    let known = try cluster.claw(["ledger", "checkpoint"], as: Self.operator1)
    #expect(known.code == 0, "\(known.output)")
    kill(stopped, SIGSTOP)
    defer { kill(stopped, SIGCONT) }
    let begin = MonotonicInstant.now
    let killed = try cluster.claw(
      ["kill", "tenant/acme", "--reason", "a drill", "--json"], as: Self.operator1)
    let took = MonotonicInstant.now.since(begin)
    #expect(killed.code == 0, "\(killed.output)")
    // A lease lifetime is ten seconds, and a node has three for the handshake; the rest is this machine's.
    #expect(took < .seconds(30), "\(took)")
    let answer = try JSON.parse(killed.output)
    #expect(
      answer["answered"]?.array?.compactMap(\.string) == ["node-2", "node-3", "node-4"], "\(killed.output)")
    #expect(answer["vouched_for"]?.bool == true)
    #expect(answer["not_answered"]?.array?.first?["node"]?.string == "node-1", "\(killed.output)")
    let refused = try cluster.claw(["propose", "echo", "--params", #"{"text":"x"}"#], as: "agents/agent-1")
    #expect(refused.code == 3 && refused.output.contains("tenant acme is restricted"), "\(refused.output)")
    kill(stopped, SIGCONT)
    try cluster.waitUntil("node-1 has it too", seconds: 60) {
      let status = try cluster.claw(["status", "--node", "node-1"], as: Self.operator1)
      return status.output.contains("by node-1") && status.output.contains("forbidden tenant/acme")
    }
    let released = try cluster.claw(["release", "tenant/acme"] + second, as: Self.operator1)
    #expect(released.code == 0, "\(released.output)")
  }

  @Test("what two operators lift is taken back in certificates.json, by the next call")
  func lifted() throws {
    let folder = "\(cluster.folder)/nodes/node-2"
    let renewed = try cluster.claw(["party", "renew", "--dir", folder])
    #expect(renewed.code == 0, "\(renewed.output)")
    try cluster.waitUntil("node-2 takes it up", seconds: 30) {
      LogLines(cluster.log("node-2")).has("certificate_renewed")
    }
    let revoked = try cluster.claw(
      ["revoke-certificates", "node/node-2", "--since", "\(folder)/node.crt", "--id", "old-pair", "--json"]
        + second,
      as: Self.operator1)
    #expect(revoked.code == 0, "\(revoked.output)")
    let file = "\(cluster.folder)/agents/agent-1/certificates.json"
    func kept() throws -> JSON? {
      #expect(try cluster.claw(["ledger", "checkpoint"], as: "agents/agent-1").code == 0)
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
      return try JSON.parse(text)["node/node-2"]?.array?.first
    }
    try cluster.waitUntil("the agent hears of it", seconds: 30) { try kept()?["incident"] == "old-pair" }
    #expect(try kept()?["lifted"] == nil)
    let lifted = try cluster.claw(["lift", "old-pair"] + second, as: Self.operator1)
    #expect(lifted.code == 0, "\(lifted.output)")
    try cluster.waitUntil("the agent hears of the lift", seconds: 30) { try kept()?["lifted"]?.bool == true }
  }
}
