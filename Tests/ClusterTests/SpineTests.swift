import Foundation
import Testing

/// One governed action after another through a real cluster, end to end: nothing stands in for anything.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct SpineTests {
  @Test("propose, approve, run in a microVM, receipt, a dead node, a stranger's client and verifier")
  func spine() throws {
    let cluster = try LoopbackCluster(executors: 2, port: 21_900, images: Machines.images)
    let agent = "agents/agent-1"
    try cluster.startExecutor(1)
    try cluster.startExecutor(2)
    try cluster.waitUntil("both executors offer a class", seconds: 120) {
      (1...2).allSatisfy { cluster.log("executor-\($0)").contains("\"isolation_classes\"") }
    }

    let echo = try cluster.claw(
      ["propose", "echo", "--params", "{\"text\":\"through it all\"}", "--wait"], as: agent)
    #expect(echo.code == 0, "\(echo.output)")
    #expect(echo.output.contains("through it all"))

    let report = "{\"files\":[{\"path\":\"a.txt\",\"content\":\"one two\"}]}"
    let asked = try cluster.claw(
      ["propose", "report", "--params", report, "--request-id", "r1"], as: agent)
    #expect(asked.code == 4, "\(asked.output)")
    let shown = try cluster.claw(["get", "r1", "--json"], as: agent)
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
    let proposal = try #require(json["proposal"])
    for approver in ["approvers/approver-1", "approvers/approver-2"] {
      let vote = try cluster.claw(["approve", "\(proposal)", "--reason", "seen"], as: approver)
      #expect(vote.code == 0 || vote.code == 4, "\(vote.output)")
    }
    let watched = try cluster.claw(["watch", "r1"], as: agent)
    #expect(watched.code == 0, "\(watched.output)")

    cluster.kill(node: 5)
    let add = try cluster.claw(["propose", "add", "--params", "{\"a\":19,\"b\":23}", "--wait"], as: agent)
    #expect(add.code == 0 && add.output.contains("42"), "\(add.output)")

    let python = try Programs.run(
      "/usr/bin/python3",
      ["Docs/Protocol/example.py", "\(cluster.folder)/\(agent)", "echo", "{\"text\":\"from python\"}"])
    #expect(python.code == 0 && python.output.contains("from python"), "\(python.output)")

    let file = cluster.folder + "/ledger.txt"
    #expect(try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1").code == 0)
    let ours = try cluster.claw(["ledger", "verify", file])
    #expect(ours.code == 0, "\(ours.output)")
    let theirs = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file])
    #expect(theirs.code == 0, "\(theirs.output)")
    let table = try cluster.claw(["ledger", "table", file])
    #expect(table.output.components(separatedBy: "succeeded").count == 5, "\(table.output)")

    // Two more nodes gone: three of five are a majority, but not the four that consent.
    cluster.kill(node: 4)
    let without = try cluster.claw(
      ["propose", "add", "--params", "{\"a\":1,\"b\":1}", "--timeout", "5"], as: agent)
    #expect(without.code != 0, "\(without.output)")
  }
}
