import Canonical
import Foundation
import Network
import Records
import Testing
import Wire

/// A node that was away for long, among real nodes that send the state to who is far behind.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 20_300) })
struct SnapshotClusterTests {
  @Test(
    "it gets the state, then the leaves before it, and tells every one of them with its proof, over a restart too"
  )
  func stateFirst() throws {
    let cluster = try LiveCluster.current
    let agent = try Caller(founded: "agents/agent-1", of: cluster)
    for number in 1...3 {
      #expect(cluster.stop(node: number) == 0)
      try cluster.configure(node: number, "snapshot_lag", 20)
      try cluster.start(node: number)
    }
    func checkpoint(_ node: Int) throws -> CheckpointNote {
      let client = try agent.connect(to: cluster.clients(node))
      let shown = try client.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
      let text = try #require(shown.note.components(separatedBy: "\n\n").first)
      return try CheckpointNote(parsing: text + "\n")
    }
    for number in 1...3 {
      try cluster.waitUntil("node \(number) answers", seconds: 20) { (try? checkpoint(number)) != nil }
    }
    func propose(_ count: Int, named name: String) throws {
      let proposals = try Proposals(agent, try agent.connect(to: cluster.clients(1)))
      for number in 0..<count {
        let request = try proposals.request("shell", [:], id: "\(name)-\(number)")
        try cluster.waitUntil("\(name)-\(number) is decided", seconds: 20) {
          guard let client = try? agent.connect(to: cluster.clients(1)) else { return false }
          return client.status("Governance/Submit", request, within: .seconds(5)) == .ok
        }
      }
    }
    try propose(1, named: "before")
    #expect(cluster.stop(node: 3) == 0)
    let left = try checkpoint(1).size
    try propose(30, named: "away")
    try cluster.start(node: 3)
    try cluster.waitUntil("node 3 has the leaves before its snapshot", seconds: 30) {
      cluster.log("node-3").contains("the leaves before the snapshot of size")
    }
    try cluster.waitUntil("node 3 is where node 1 is", seconds: 20) {
      guard let third = try? checkpoint(3), third.size > left + 40 else { return false }
      let first = try checkpoint(1)
      return first.size == third.size && first.root == third.root && first.stateRoot == third.stateRoot
    }
    for round in 1...2 {
      let auditor = try Caller(founded: "auditors/auditor-1", of: cluster)
      let whole = try auditor.connect(to: cluster.clients(1))
      let client = try auditor.connect(to: cluster.clients(3))
      for index in 0..<(left + 40) {
        let shown = try client.call("Ledger/Entry", EntryRequest(index: index), of: EntryResponse.self)
        let other = try whole.call("Ledger/Entry", EntryRequest(index: index), of: EntryResponse.self)
        #expect(shown.leaf == other.leaf && shown.attachment == other.attachment, "leaf \(index)")
        #expect(!shown.proof.isEmpty, "leaf \(index)")
      }
      guard round == 1 else { break }
      #expect(cluster.stop(node: 3) == 0)
      try cluster.start(node: 3)
      try cluster.waitUntil("node 3 answers", seconds: 20) { (try? checkpoint(3)) != nil }
    }
    // Of the two who must sign, it is one.
    cluster.kill(node: 2)
    let before = try checkpoint(1).size
    try propose(3, named: "with-its-share")
    #expect(try checkpoint(1).size > before)
  }
}
