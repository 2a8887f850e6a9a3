import Canonical
import Crypto
import Foundation
import Network
import Records
import Testing
import Wire

/// Files through a live cluster: put by an agent, named by a proposal, read by an action in a microVM; the
/// result is a file again.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct InputClusterTests {
  private static let rivalKey: UInt8 = 77
  private let agent = "agents/agent-1"

  private func cluster() throws -> LoopbackCluster {
    let rival = Enrolment(
      principal: .agent(tenant: "rival", name: "r"), key: try SampleLedger.key(Self.rivalKey).publicKey,
      tenantID: "rival", owner: "rita", expiresAt: .now.advanced(by: .seconds(3600)))
    let cluster = try LoopbackCluster(
      nodes: 3, threshold: 2, executors: 1, port: 24_800, images: Machines.images, people: [rival])
    try cluster.startExecutor(1)
    try cluster.waitUntil("the executor offers a class", seconds: 120) {
      cluster.log("executor-1").contains("\"isolation_classes\"")
    }
    return cluster
  }

  private func json(_ outcome: Outcome) throws -> JSON {
    try #require(try? JSON.parse(outcome.output), "\(outcome.output)")
  }

  /// Puts a file and answers its digest.
  private func put(
    _ content: String, name: String, in cluster: LoopbackCluster, workspace: String = "main"
  ) throws -> String {
    let path = "\(cluster.folder)/\(SHA256.hash(content).hex.prefix(8)).txt"
    try content.write(toFile: path, atomically: true, encoding: .utf8)
    let outcome = try cluster.claw(
      ["artifact", "put", path, "--name", name, "--type", "text/csv", "--workspace", workspace, "--json"],
      as: agent)
    #expect(outcome.code == 0, "\(outcome.output)")
    return try #require(try json(outcome)["digest"]?.string)
  }

  private func propose(
    _ action: String, _ parameters: String, _ inputs: [String], in cluster: LoopbackCluster,
    options: [String] = ["--wait"]
  ) throws -> Outcome {
    try cluster.claw(
      ["propose", action, "--params", parameters, "--json"] + inputs.flatMap { ["--input", $0] } + options,
      as: agent)
  }

  @Test("put, propose, run, read back: a file, a workspace, a result too long for its receipt")
  func wayOfAFile() throws {
    let cluster = try cluster()
    let counts = try put("a,b\n1,2\n3,4\n", name: "data/counts.csv", in: cluster)

    // What the executor says of itself reaches the operators (HF-9).
    // Before its preflight is through, it says that.
    var said = ""
    try cluster.waitUntil("the executor says what is off", seconds: 60) {
      said = try cluster.claw(["status"], as: "operators/operator-1").output
      return said.contains("off: credential_vault: ")
    }
    #expect(said.contains("readiness executor/executor-1 says of itself: NON-COMPLIANT"), "\(said)")

    // Another workspace's, another tenant's, and none at all: denied, each with its reason.
    let side = try put("side", name: "side.txt", in: cluster, workspace: "side")
    let rival = try Caller("tenant/rival/agent/r", of: cluster, keyNumber: Self.rivalKey)
    let connection = try rival.connect(to: cluster.clients(1))
    let theirs = try connection.call(
      "Artifact/Put",
      Proposals(rival, connection).artifact(Array("theirs".utf8), tenant: "rival"), of: ArtifactStat.self)
    for (digest, reason) in [
      (side, "is not in workspace main"), (theirs.digest, "is no artifact of tenant acme"),
    ] {
      let denied = try propose("transform", #"{"operation":"uppercase"}"#, [digest], in: cluster)
      #expect(denied.code == 3 && denied.output.contains(reason), "\(denied.output)")
    }
    let none = try propose("echo", #"{"text":"x"}"#, [counts], in: cluster)
    #expect(none.code == 3 && none.output.contains("takes no inputs"), "\(none.output)")

    // One file through an action.
    let picked = try propose(
      "transform", #"{"operation":"csv_columns","columns":["b"]}"#, [counts], in: cluster,
      options: ["--wait", "--request-id", "pick"])
    #expect(picked.code == 0 && picked.output.contains(#"b\n2\n4\n"#), "\(picked.output)")
    let receipt = try json(cluster.claw(["receipt", "pick", "--json"], as: agent))
    #expect(receipt["receipt"]?["inputs"] == [.string(counts)])

    // A result that is too long for its receipt is a file, with the labels of what it is made of.
    let long = (0..<4_000).map { "line \($0)" }.joined(separator: "\n")
    let text = try put(long, name: "long.txt", in: cluster)
    let raised = try propose(
      "transform", #"{"operation":"uppercase"}"#, [text], in: cluster,
      options: ["--wait", "--request-id", "raise"])
    #expect(raised.code == 0, "\(raised.output)")
    let kept = try json(cluster.claw(["receipt", "raise", "--json"], as: agent))
    let result = try #require(kept["receipt"]?["result_artifact"]?.string, "\(raised.output)")
    let out = cluster.folder + "/result.json"
    let got = try json(cluster.claw(["artifact", "get", result, "--out", out, "--json"], as: agent))
    #expect(try String(contentsOfFile: out, encoding: .utf8).contains("LINE 3999"))
    #expect(got["owner"]?.string == "executor/executor-1" && got["name"]?.string == "results/raise.json")
    #expect(
      got["labels"]?.array?.compactMap(\.string)
        == ["acme", "executor/executor-1", "tenant/acme/agent/agent-1"])

    // A report over the workspace, which two people must approve; not over what actions made of it.
    let asked = try propose(
      "report", "{}", [], in: cluster, options: ["--inputs-from-workspace", "--request-id", "report"])
    #expect(asked.code == 4, "\(asked.output)")
    let leaf = try #require(try json(asked)["proposal"]).canonical.replacingOccurrences(of: "\"", with: "")
    for approver in ["approvers/approver-1", "approvers/approver-2"] {
      _ = try cluster.claw(["approve", leaf, "--reason", "seen"], as: approver)
    }
    let report = try cluster.claw(["watch", "report"], as: agent)
    for part in ["data/counts.csv", "long.txt", "\"count\":2", counts] {
      #expect(report.code == 0 && report.output.contains(part), "\(part): \(report.output)")
    }

    // All of it verifies from outside.
    let file = cluster.folder + "/ledger.txt"
    #expect(try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1").code == 0)
    #expect(try cluster.claw(["ledger", "verify", file]).code == 0)
    let python = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file])
    #expect(python.code == 0, "\(python.output)")
    let logged = cluster.log("executor-1")
    #expect(!logged.contains("line 3999") && !logged.contains("1,2"))
  }
}
