import Canonical
import Foundation
import Testing

/// The command line and the stranger's client against a node that says what the test wants: what they
/// answer, and what they do not believe.
struct ClawSessionTests {
  private func propose(_ node: ScriptedNode, _ more: [String] = []) throws -> Outcome {
    try Programs.run(
      "claw", ["propose", "echo", "--params", "{\"text\":\"x\"}", "--wait", "--as", node.agent] + more)
  }

  private func example(_ node: ScriptedNode) throws -> Outcome {
    try Programs.run(
      "/usr/bin/python3", ["-B", "Docs/Protocol/example.py", node.agent, "echo", "{\"text\":\"x\"}"])
  }

  @Test(
    "each outcome has its exit code",
    arguments: [
      (ScriptedNode.Answer.completed, Int32(0), "completed"), (.denied, 3, "denied"),
      (.pending, 4, "people must decide"), (.pendingBehind, 4, "people must decide"),
      (.failed, 7, "ran and failed"), (.refused, 3, "not enrolled"),
    ])
  func exitCodes(answer: ScriptedNode.Answer, code: Int32, words: String) throws {
    let node = try ScriptedNode(answer)
    let outcome = try propose(node)
    #expect(outcome.code == code && outcome.output.contains(words), "\(outcome.output)")
  }

  @Test("the result that is shown is the one that the receipt is for")
  func result() throws {
    let node = try ScriptedNode(.completed)
    let outcome = try propose(node, ["--json", "--request-id", "r"])
    let value = try JSON.parse(outcome.output)
    #expect(value["result"]?["sum"]?.integer == 42)
    #expect(value["decision"]?["request_id"]?.string == "r")
    let python = try example(node)
    #expect(python.code == 0 && python.output.contains("{\"sum\":42}"), "\(python.output)")
  }

  @Test(
    "a lying node is not believed, by either client",
    arguments: [
      ScriptedNode.Answer.completedWithoutReceipt, .anothersDecision, .foreignKey, .otherResult,
    ])
  func lies(answer: ScriptedNode.Answer) throws {
    let node = try ScriptedNode(answer)
    let outcome = try propose(node)
    #expect(outcome.code == 1, "\(outcome.output)")
    let python = try example(node)
    #expect(python.code != 0, "\(python.output)")
  }

  @Test("an approval without its token is not believed")
  func approvalWithoutToken() throws {
    let node = try ScriptedNode(.approvedWithoutToken)
    let outcome = try propose(node)
    #expect(outcome.code == 1 && outcome.output.contains("without the token"), "\(outcome.output)")
  }

  @Test("what is not found and who is not reached are told apart")
  func unreachable() throws {
    let node = try ScriptedNode(.notFound)
    #expect(try Programs.run("claw", ["get", "r", "--as", node.agent]).code == 5)
    // The second agent's file is pointed at a port where nobody listens.
    let file = "\(node.folder)/agents/agent-2/client.json"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let address = try #require(try JSON.parse(text)["nodes"]?.array?.first?["address"]?.string)
    try text.replacingOccurrences(of: address, with: "127.0.0.1:1")
      .write(toFile: file, atomically: true, encoding: .utf8)
    let silent = try Programs.run("claw", ["get", "r", "--as", "\(node.folder)/agents/agent-2"])
    #expect(silent.code == 6, "\(silent.output)")
  }

  @Test("a kept receipt verifies without a connection, and a changed one does not")
  func receipt() throws {
    let node = try ScriptedNode(.completed)
    #expect(try propose(node, ["--request-id", "r"]).code == 0)
    let file = "\(node.folder)/receipt"
    let fetched = try Programs.run("claw", ["receipt", "r", "--out", file, "--as", node.agent])
    #expect(fetched.code == 0 && fetched.output.contains("6.1.0-sample"), "\(fetched.output)")
    let pinned = try JSON.parse(String(contentsOfFile: "\(node.agent)/cluster.json", encoding: .utf8))
    let key = [
      "--cluster", pinned["cluster"]?.string ?? "", "--group-key", pinned["group_key"]?.string ?? "",
    ]
    let kept = try Programs.run("claw", ["receipt", "--verify", file] + key)
    #expect(kept.code == 0, "\(kept.output)")
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try text.replacingOccurrences(of: "\nindex ", with: "\nindex 1")
      .write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try Programs.run("claw", ["receipt", "--verify", file] + key).code == 1)
  }

  @Test("the first answer pins the cluster: another one under the same name is refused later")
  func pinning() throws {
    let node = try ScriptedNode(.completed)
    #expect(try Programs.run("claw", ["status", "--as", node.agent]).code == 0)
    let file = "\(node.agent)/cluster.json"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let cluster = try #require(try JSON.parse(text)["cluster"]?.string)
    try text.replacingOccurrences(of: cluster, with: String(cluster.reversed()))
      .write(toFile: file, atomically: true, encoding: .utf8)
    let outcome = try Programs.run("claw", ["status", "--as", node.agent])
    #expect(outcome.code == 1 && outcome.output.contains("another cluster"), "\(outcome.output)")
  }

  @Test("the benchmark counts only approvals whose certificates verify")
  func bench() throws {
    let honest = try ScriptedNode(.completed)
    let arguments = ["bench", "--clients", "2", "--requests", "6", "--json", "--as"]
    let counted = try Programs.run("claw", arguments + [honest.agent])
    #expect(counted.code == 0 && counted.output.contains("\"approvals\":6"), "\(counted.output)")
    let denying = try ScriptedNode(.denied)
    let none = try Programs.run("claw", arguments + [denying.agent])
    #expect(none.code == 7 && none.output.contains("\"approvals\":0"), "\(none.output)")
    let lying = try ScriptedNode(.foreignKey)
    let caught = try Programs.run("claw", arguments + [lying.agent])
    #expect(caught.code == 1, "\(caught.output)")
  }

  @Test(
    "the example's Ed25519 signs as RFC 8032 says",
    .enabled(
      if: ProcessInfo.processInfo.environment["OPENEXEC_CONFORMANCE"] != nil,
      "OPENEXEC_CONFORMANCE is not set"))
  func vectors() throws {
    let folder = ProcessInfo.processInfo.environment["OPENEXEC_CONFORMANCE"] ?? ""
    let program = """
      import sys
      sys.path.insert(0, "Docs/Protocol")
      import example
      count = 0
      for line in list(open(sys.argv[1]))[::2]:
          secret, public, message, signed, _ = line.split(":")
          seed, message = bytes.fromhex(secret[:64]), bytes.fromhex(message)
          signature = bytes.fromhex(signed[:128])
          assert example.expand(seed)[2].hex() == public
          assert example.sign(seed, message) == signature
          assert example.verifies(bytes.fromhex(public), signature, message)
          assert not example.verifies(bytes.fromhex(public), signature, message + b"x")
          count += 1
      print("vectors", count)
      """
    let outcome = try Programs.run(
      "/usr/bin/python3", ["-B", "-c", program, "\(folder)/rfc8032/sign.input"])
    #expect(outcome.output == "vectors 64\n", "\(outcome.output)")
  }
}
