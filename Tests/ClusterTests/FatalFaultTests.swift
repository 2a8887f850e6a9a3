import Foundation
import Testing

/// How `clawshield` ends: whoever looks after the process learns from its exit code whether it was asked to.
struct FatalFaultTests {
  @Test("a fault that is fatal ends a node with 1 and a line that says why, and being asked to stop with 0")
  func exitCodes() throws {
    let cluster = try LoopbackCluster(nodes: 3, threshold: 2, port: 28_600)
    // Nothing of the tenant has come yet: the first of it needs a key, and this node can keep none.
    let keys = "\(cluster.folder)/nodes/node-3/data/tenant-keys"
    try #require(try FileManager.default.contentsOfDirectory(atPath: keys).isEmpty)
    try FileManager.default.removeItem(atPath: keys)
    try #require(FileManager.default.createFile(atPath: keys, contents: Data("no folder".utf8)))
    _ = try cluster.claw(["propose", "echo", "--params", #"{"text":"x"}"#], as: "agents/agent-1")
    try cluster.waitUntil("node 3 ends", seconds: 60) { try cluster.exitCode(node: 3) != nil }
    #expect(try cluster.exitCode(node: 3) == 1)
    let lines = LogLines(cluster.log("node-3"))
    let reason = try #require(lines.events("fatal").first?["reason"]?.string)
    #expect(reason.hasPrefix("tenant keys: ") && reason.contains("Not a directory"), "\(reason)")
    #expect(lines.has("stopped"), "it ends in order")
    // Put right, it goes on; and it ends as it was asked to, like one that had no fault.
    try FileManager.default.removeItem(atPath: keys)
    try cluster.start(node: 3)
    try cluster.waitUntil("node 3 answers", seconds: 60) {
      try cluster.claw(["status", "--node", "node-3"], as: "operators/operator-1").output.contains(
        "by node-3")
    }
    #expect(cluster.stop(node: 3) == 0)
    #expect(cluster.stop(node: 1) == 0)
    #expect(!LogLines(cluster.log("node-1")).has("fatal"))
  }
}
