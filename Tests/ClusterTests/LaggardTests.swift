import Foundation
import Network
import Records
import Testing
import Wire

/// A node that was away while real nodes went on. None of them ever compacts its ledger, so that it is brought
/// up with entries; nodes whose log begins with a snapshot are tested in `NodeSnapshotTests`.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 23_600) })
struct LaggardTests {
  let cluster: LoopbackCluster
  let agent: Caller

  init() throws {
    cluster = try LiveCluster.current
    agent = try Caller(founded: "agents/agent-1", of: cluster)
  }

  private func checkpoint(_ node: Int) throws -> CheckpointNote {
    let client = try agent.connect(to: cluster.clients(node))
    let shown = try client.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    let text = try #require(shown.note.components(separatedBy: "\n\n").first)
    return try CheckpointNote(parsing: text + "\n")
  }

  /// Proposes through node 1 until `count` are decided.
  private func propose(_ count: Int, named name: String) throws {
    let client = try agent.connect(to: cluster.clients(1))
    let proposals = try Proposals(agent, client)
    for number in 0..<count {
      let request = try proposals.request("shell", [:], id: "\(name)-\(number)")
      try cluster.waitUntil("\(name)-\(number) is decided", seconds: 20) {
        client.status("Governance/Submit", request, within: .seconds(5)) == .ok
      }
    }
  }

  @Test("it takes what it lacks, comes to the same tree and state, and its share signs again")
  func returns() throws {
    try propose(1, named: "before")
    #expect(cluster.stop(node: 3) == 0)
    let left = try checkpoint(1).size
    try propose(40, named: "away")
    try cluster.start(node: 3)
    try cluster.waitUntil("node 3 is where node 1 is", seconds: 20) {
      guard let third = try? checkpoint(3), third.size > left + 40 else { return false }
      let first = try checkpoint(1)
      return first.size == third.size && first.root == third.root && first.stateRoot == third.stateRoot
    }
    // Of the two who must sign, it is one.
    cluster.kill(node: 2)
    let before = try checkpoint(1).size
    try propose(3, named: "with-its-share")
    #expect(try checkpoint(1).size > before)
    try cluster.start(node: 2)
  }

  @Test("one whose store is gone does not come back as if nothing were: it joins nothing and signs nothing")
  func wiped() throws {
    #expect(cluster.stop(node: 3) == 0)
    let data = "\(cluster.folder)/nodes/node-3/data"
    let log = cluster.log("node-3").utf8.count
    try FileManager.default.removeItem(atPath: "\(data)/rocks")
    try cluster.start(node: 3)
    try propose(5, named: "without-it")
    cluster.kill(node: 2)
    // Alone with it, node 1 has nobody to agree with.
    let client = try agent.connect(to: cluster.clients(1))
    let request = try Proposals(agent, client).request("shell", [:], id: "nobody-else")
    #expect(client.status("Governance/Submit", request, within: .seconds(4)).code == .deadlineExceeded)
    let said = String(decoding: Array(cluster.log("node-3").utf8.dropFirst(log)), as: UTF8.self)
    #expect(said.contains("\"key_generation\"") && !said.contains("\"started\""), "\(said)")
    try cluster.start(node: 2)
    try propose(1, named: "after")
  }
}
