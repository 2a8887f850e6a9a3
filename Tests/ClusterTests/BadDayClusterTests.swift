import Canonical
import Foundation
import Testing

/// The commands of a bad day against real nodes: what is wrong, SEV-1 in one go, what is lifted after, and a trace.
@Suite(
  .serialized,
  .cluster { try LoopbackCluster(nodes: 4, threshold: 3, port: 27_300) })
struct BadDayClusterTests {
  let cluster: LoopbackCluster
  private let operator1 = "operators/operator-1"
  private var second: [String] { ["--sign-with", "\(cluster.folder)/operators/operator-2"] }

  init() throws { cluster = try LiveCluster.current }

  private func lines(_ text: String) throws -> [JSON] {
    try text.split(separator: "\n").map { try JSON.parse(String($0)) }
  }

  @Test("a trace is rebuilt from proven records, here and from an export; another's is not found")
  func trace() throws {
    let asked = try cluster.claw(
      [
        "propose", "report", "--params", #"{"files":[{"path":"a","content":"x"}]}"#, "--trace-id", "t-1",
        "--json",
      ], as: "agents/agent-1")
    let leaf = try #require(try JSON.parse(asked.output)["proposal"]?.string)
    #expect(
      try cluster.claw(["reject", leaf, "--reason", "not today"], as: "approvers/approver-1").code == 0)
    let file = "\(cluster.folder)/trace.json"
    let traced = try cluster.claw(["trace", "t-1", "--out", file], as: "auditors/auditor-1")
    #expect(traced.code == 0, "\(traced.output)")
    for words in [
      "proposal", "ballot", "not today", "rejected it as approver", "hashes and signatures agree",
    ] {
      #expect(traced.output.contains(words), "\(words) in\n\(traced.output)")
    }
    let kept = try JSON.parse(String(contentsOfFile: file, encoding: .utf8))
    #expect(kept["records"]?.array?.count == 4)
    #expect(
      kept["records"]?.array?.allSatisfy { $0["proof"]?.string?.contains("tlog-proof") == true } == true)
    let export = "\(cluster.folder)/trace.export"
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    let offline = try cluster.claw(["trace", "t-1", "--from", export, "--json"])
    #expect(offline.code == 0, "\(offline.output)")
    #expect(try JSON.parse(offline.output)["records"]?.array?.count == 4)
    #expect(try cluster.claw(["trace", "nothing"], as: "auditors/auditor-1").code == 5)
    #expect(try cluster.claw(["trace", "nothing", "--from", export]).code == 5)
  }

  @Test("sev1 takes IR-8's steps in order and says what is left; release lifts what is in force on a target")
  func sev1() throws {
    let export = "\(cluster.folder)/sev1.export"
    let agent = "tenant/acme/agent/agent-2"
    let done = try cluster.claw(
      [
        "sev1", agent, "--reason", "a drill", "--auditor", "\(cluster.folder)/auditors/auditor-1", "--out",
        export, "--json",
      ]
        + second, as: operator1)
    #expect(done.code == 0, "\(done.output)")
    let report = try JSON.parse(done.output)
    #expect(
      report["steps"]?.array?.compactMap { $0["step"]?.string } == [
        "detect", "kill", "quarantine", "rotate", "export", "review",
      ])
    #expect(report["steps"]?.array?.allSatisfy { $0["done"]?.bool == true } == true, "\(done.output)")
    #expect(try cluster.claw(["ledger", "verify", export]).code == 0)
    let refused = try cluster.claw(["propose", "echo", "--params", #"{"text":"x"}"#], as: "agents/agent-1")
    #expect(refused.code == 3 && refused.output.contains("tenant acme is restricted"), "\(refused.output)")

    let check = try cluster.claw(["status", "--check"], as: operator1)
    #expect(
      check.code == 7 && check.output.contains("restriction: tenant/acme is restricted"), "\(check.output)")
    let alone = try cluster.claw(["release", "tenant/acme"], as: operator1)
    #expect(alone.code == 3, "\(alone.output)")
    for target in ["tenant/acme", agent] {
      let released = try cluster.claw(["release", target] + second, as: operator1)
      #expect(released.code == 0, "\(released.output)")
    }
    #expect(try cluster.claw(["release", agent] + second, as: operator1).code == 5)
    let again = try cluster.claw(["propose", "echo", "--params", #"{"text":"x"}"#], as: "agents/agent-1")
    #expect(again.output.contains("no eligible executor"), "\(again.output)")
    try cluster.waitUntil("the parties have another key", seconds: 60) {
      let listed = try cluster.claw(["members", "list"], as: operator1)
      return listed.output.contains("number 2") && !listed.output.contains("waits for")
    }

    let drafted = try cluster.claw(["sev1", agent, "--draft", "\(cluster.folder)/d"], as: operator1)
    #expect(drafted.code == 2 && drafted.output.contains("there is no option --draft"), "\(drafted.output)")
    #expect(try !cluster.claw(["status"], as: operator1).output.contains("forbidden"), "it did nothing")
    let without = try cluster.claw(["sev1", agent], as: operator1)
    #expect(without.code == 7, "\(without.output)")
    #expect(without.output.contains("4 rotate: NOT DONE") && without.output.contains("5 export: NOT DONE"))
    for target in ["tenant/acme", agent] {
      #expect(try cluster.claw(["release", target] + second, as: operator1).code == 0)
    }
  }

  @Test("another key in an agent's place: the old one is refused from then on, and nothing else changes")
  func rotate() throws {
    let folder = "\(cluster.folder)/agents/agent-2"
    let spare = "\(cluster.folder)/spare"
    let made = try cluster.claw([
      "identity", "create", "agent", "agent-2", "--tenant", "acme", "--owner", "x", "--dir", spare,
    ])
    #expect(made.code == 0, "\(made.output)")
    let rotated = try cluster.claw(
      ["rotate", "agent", "agent-2", "--tenant", "acme", "--key", "\(spare)/signing.pub"] + second,
      as: operator1)
    #expect(rotated.code == 0, "\(rotated.output)")
    let ask = ["propose", "echo", "--params", #"{"text":"y"}"#]
    let old = try cluster.claw(ask, as: "agents/agent-2")
    #expect(old.code == 3 && old.output.contains("the key that is enrolled"), "\(old.output)")
    try FileManager.default.removeItem(atPath: "\(folder)/signing.key")
    try FileManager.default.copyItem(atPath: "\(spare)/signing.key", toPath: "\(folder)/signing.key")
    let new = try cluster.claw(ask, as: "agents/agent-2")
    #expect(new.code == 3 && new.output.contains("no eligible executor"), "\(new.output)")
    #expect(
      try cluster.claw(
        ["rotate", "agent", "nobody", "--tenant", "acme", "--key", "\(spare)/signing.pub"] + second,
        as: operator1
      ).code == 5)
  }

  @Test("alerts say what comes and what is over; a node that is down is silent")
  func alerts() throws {
    #expect(try cluster.claw(["status", "--check"], as: "agents/agent-1").code == 3)
    cluster.kill(node: 4)
    let raised = try lines(try cluster.claw(["alerts"], as: operator1).output)
    let silent = raised.first { $0["kind"]?.string == "silent" }
    #expect(silent?["subject"]?.string == "node-4" && silent?["severity"]?.integer == 2, "\(raised)")
    #expect(try cluster.claw(["status", "--check"], as: operator1).code == 7)
    try cluster.start(node: 4)
    let followed = try lines(
      try cluster.claw(["alerts", "--follow", "--every", "1", "--for", "12"], as: operator1).output)
    #expect(followed.allSatisfy { $0["at"]?.string != nil })
    // How fast the disk of this machine fills is not this cluster's doing: other tests, and what builds beside them,
    // write to it as well.
    var left: [JSON] = []
    do {
      try cluster.waitUntil("nothing is wrong any more", seconds: 90) {
        let checked = try cluster.claw(["status", "--check"], as: operator1).code
        let found = try lines(try cluster.claw(["alerts"], as: operator1).output)
        left = found.filter { $0["kind"]?.string != "disk" }
        return left.isEmpty && (checked == 0 || left.count < found.count)
      }
    } catch { Issue.record("\(error): \(left.map(\.canonical))") }
  }
}
