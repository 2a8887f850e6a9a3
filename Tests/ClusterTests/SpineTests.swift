import Foundation
import Testing

/// One governed action after another through a real cluster, end to end: nothing stands in for anything.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct SpineTests {
  @Test("propose, approve, run in a microVM, receipt, a dead node, a stranger's client and verifier")
  func spine() throws {
    let cluster = try LoopbackCluster(executors: 2, port: 21_900, images: Machines.images, warm: true)
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

    // Everything about it, by its trace: what was asked, what people said, what came of it (INV-022, IR-6).
    let trace = try #require(json["trace_id"] as? String)
    let found = try cluster.claw(["ledger", "trace", trace, "--json"], as: "auditors/auditor-1")
    for type in ["proposal", "ballot", "decision", "receipt"] {
      #expect(found.output.contains("\"\(type)\""), "\(type): \(found.output)")
    }

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

    try expectLogs(of: cluster)

    // Two more nodes gone: three of five are a majority, but not the four that consent.
    cluster.kill(node: 4)
    let without = try cluster.claw(
      ["propose", "add", "--params", "{\"a\":1,\"b\":1}", "--timeout", "5"], as: agent)
    #expect(without.code != 0, "\(without.output)")
  }

  /// Every line of every program's log is one JSON object; what ran is named by its hashes, and no
  /// parameter and no result of the runs above is in any line.
  private func expectLogs(of cluster: LoopbackCluster) throws {
    let wanted: [String: Set<String>] = [
      "decision": ["trace_id", "request_id", "action", "parameters_hash", "decision", "token_id"],
      "job_started": [
        "trace_id", "request_id", "action", "parameters_hash", "token_id", "execution_env",
      ],
      "job_ended": [
        "trace_id", "request_id", "action", "parameters_hash", "token_id", "execution_env",
        "executed_at", "finished_at", "status", "result_hash",
      ],
    ]
    var seen: Set<String> = []
    for name in (1...5).map({ "node-\($0)" }) + (1...2).map({ "executor-\($0)" }) {
      for line in cluster.log(name).split(separator: "\n") {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let event = try #require(object?["event"] as? String, "\(name): \(line)")
        seen.insert(event)
        let missing = (wanted[event] ?? []).subtracting(Set((object ?? [:]).keys))
        #expect(missing.isEmpty, "\(name): \(event) lacks \(missing.sorted())")
        for content in ["through it all", "from python", "one two", "a.txt"] {
          #expect(!line.contains(content), "\(name): \(line)")
        }
      }
    }
    #expect(seen.isSuperset(of: wanted.keys), "\(seen.sorted())")
  }
}
