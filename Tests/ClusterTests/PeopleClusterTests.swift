import Canonical
import Foundation
import Testing

/// What an approver does with the keys and the terminal that they have: OpenSSH keys, here and on another host; the
/// list of what waits; a confirmation by a second key.
@Suite(
  .serialized,
  .cluster { try LoopbackCluster(nodes: 3, threshold: 2, port: 27_000) })
struct PeopleClusterTests {
  let cluster: LoopbackCluster
  private let agent = "agents/agent-1"
  private let first = "approvers/approver-1"

  init() throws { cluster = try LiveCluster.current }

  private func path(_ name: String) -> String { "\(cluster.folder)/\(name)" }

  private func ssh(_ arguments: [String]) throws -> Outcome {
    try Programs.run("/usr/bin/env", ["ssh-keygen"] + arguments)
  }

  /// Enrols someone with two OpenSSH keys, whose private halves `claw` is never shown unless it signs with them.
  private func enrol(_ name: String, owner: String) throws -> String {
    let folder = "approvers/\(name)"
    if FileManager.default.fileExists(atPath: path(folder)) { return folder }
    for key in ["key", "key2"] {
      #expect(
        try ssh(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path("\(name)-\(key)")]).code == 0)
    }
    let made = try cluster.claw([
      "identity", "create", "approver", name, "--dir", path(folder), "--owner", owner,
      "--ssh-key", path("\(name)-key.pub"), "--second-key", path("\(name)-key2.pub"),
    ])
    try #require(made.code == 0, "\(made.output)")
    #expect(!FileManager.default.fileExists(atPath: path("\(folder)/signing.key")))
    let enrolled = try cluster.claw(
      [
        "enrol", "approver", name, "--owner", owner, "--key", path("\(name)-key.pub"), "--second-key",
        path("\(name)-key2.pub"), "--request", path("\(folder)/client.csr"), "--authority", path("clients"),
        "--certificate", path("\(folder)/client.crt"), "--sign-with", path("operators/operator-2"),
      ], as: "operators/operator-1")
    try #require(enrolled.code == 0, "\(enrolled.output)")
    var client = try object(path("\(first)/client.json"))
    client["principal"] = .string("approver/\(name)")
    client["signing_key"] = nil
    try JSON.object(client).canonical.write(
      toFile: path("\(folder)/client.json"), atomically: true, encoding: .utf8)
    try FileManager.default.copyItem(atPath: path("\(first)/nodes"), toPath: path("\(folder)/nodes"))
    return folder
  }

  private func object(_ file: String) throws -> JSONObject {
    guard case .object(let object) = try JSON.parse(String(contentsOfFile: file, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    return object
  }

  private func propose(_ arguments: [String]) throws -> String {
    let asked = try cluster.claw(["propose"] + arguments + ["--json"], as: agent)
    try #require(asked.code == 4, "\(asked.output)")
    return try #require(try JSON.parse(asked.output)["proposal"]?.string)
  }

  private let report = [
    "report", "--params", #"{"files":[{"path":"a.txt","content":"one two three four five six seven"}]}"#,
  ]

  @Test("a ballot that ssh-keygen signed on another host counts; the ledger verifies with it in it")
  func elsewhere() throws {
    let ann = try enrol("ann", owner: "ann")
    let leaf = try propose(report)
    let file = path("to-sign-\(leaf)")
    let written = try cluster.claw(["approve", leaf, "--to-sign", file, "--reason", "read it"], as: ann)
    #expect(written.code == 0 && written.output.contains("ssh-keygen -Y sign -n openexec-ballot"))
    let without = try cluster.claw(["approve", leaf], as: ann)
    #expect(without.code == 1 && without.output.contains("give --ssh-key FILE"), "\(without.output)")
    // For another purpose it is none.
    #expect(try ssh(["-q", "-Y", "sign", "-n", "git", "-f", path("ann-key"), file]).code == 0)
    let wrong = try cluster.claw(["cast", file], as: ann)
    #expect(wrong.code == 1 && wrong.output.contains("-n openexec-ballot"), "\(wrong.output)")
    try FileManager.default.removeItem(atPath: file + ".sig")
    #expect(try ssh(["-q", "-Y", "sign", "-n", "openexec-ballot", "-f", path("ann-key"), file]).code == 0)
    let cast = try cluster.claw(["cast", file], as: ann)
    #expect(cast.code == 4 && cast.output.contains("2 of role approver, has 1"), "\(cast.output)")
    let again = try cluster.claw(["cast", file], as: ann)
    #expect(again.code == 4, "\(again.output)")
    let other = try cluster.claw(["reject", leaf, "--ssh-key", path("ann-key")], as: ann)
    #expect(other.code != 0 && other.output.contains("voted already"), "\(other.output)")
    // The second person's vote decides; nobody is there to run it.
    let decided = try cluster.claw(["approve", leaf], as: first)
    #expect(decided.code == 3 && decided.output.contains("no eligible executor"), "\(decided.output)")

    let export = path("people.export")
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    let verified = try cluster.claw(["ledger", "verify", export])
    #expect(verified.code == 0 && !verified.output.contains("void"), "\(verified.output)")
    let python = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", export])
    #expect(python.code == 0, "\(python.output)")
  }

  @Test("what waits is shown within eighty columns, repeats once, and what happens if nobody does anything")
  func pending() throws {
    let leaf = try propose(report)
    let twin = try propose(report)
    let shown = try cluster.claw(["pending"], as: first)
    #expect(shown.code == 0)
    for line in shown.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    for words in [
      "leaf \(leaf): tenant/acme/agent/agent-1", "asks for  report in workspace main", "high impact",
      "policy.approvals.high-impact", "2 of role approver, has 0", "one rejection denies it",
      "in 59 min", "2 times the same", "claw approve \(leaf)",
    ] { #expect(shown.output.contains(words), "\(words) in\n\(shown.output)") }
    #expect(!shown.output.contains("leaf \(twin): "))
    let json = try JSON.parse(try cluster.claw(["pending", "--json"], as: first).output)
    #expect(json["alike"]?.array?.contains { $0.array?.compactMap(\.string) == [leaf, twin] } == true)
    // A watch says when something changes, and only then.
    let reject = try cluster.claw(["reject", twin, "--reason", "once is enough"], as: first)
    #expect(reject.code == 0, "\(reject.output)")
    let watched = try cluster.claw(["pending", "--watch", "--for", "3", "--json"], as: first)
    #expect(watched.code == 0 && watched.output.split(separator: "\n").count == 1, "\(watched.output)")
    #expect(try cluster.claw(["reject", leaf], as: first).code == 0)
  }

  @Test("require_mfa: the agent's owner confirms with a second key, and that is no approval")
  func confirmation() throws {
    let ann = try enrol("ann", owner: "ann")
    let builder = try enrol("builder", owner: "acme-builders")
    let leaf = try propose(["echo", "--params", #"{"text":"x"}"#, "--data", "restricted"])
    let shown = try cluster.claw(["pending"], as: builder)
    #expect(shown.output.contains("claw confirm \(leaf) (acme-builders alone)"), "\(shown.output)")
    let notTheirs = try cluster.claw(["confirm", leaf, "--ssh-key", path("ann-key2")], as: ann)
    #expect(notTheirs.code == 3 && notTheirs.output.contains("acme-builders"), "\(notTheirs.output)")
    let firstKey = try cluster.claw(["confirm", leaf, "--ssh-key", path("builder-key")], as: builder)
    #expect(firstKey.code == 3 && firstKey.output.contains("second key"), "\(firstKey.output)")
    let approved = try cluster.claw(
      ["approve", leaf, "--ssh-key", path("ann-key"), "--second-ssh-key", path("ann-key2")], as: ann)
    #expect(approved.code == 4 && approved.output.contains("a confirmation by"), "\(approved.output)")
    let confirmed = try cluster.claw(["confirm", leaf, "--ssh-key", path("builder-key2")], as: builder)
    #expect(confirmed.code == 3 && confirmed.output.contains("no eligible executor"), "\(confirmed.output)")
  }
}
