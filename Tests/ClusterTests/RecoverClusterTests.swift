import Canonical
import Foundation
import Network
import Records
import Testing
import Wire

/// What operators say where the parties cannot, handed to real nodes.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, port: 20_600) })
struct RecoverClusterTests {
  private let cluster: LoopbackCluster
  private let operators: [String]

  init() throws {
    cluster = try LiveCluster.current
    let folder = cluster.folder
    operators = ["\(folder)/operators/operator-1", "\(folder)/operators/operator-2"]
  }

  private func claw(_ arguments: [String], as person: String = "operators/operator-1") throws -> (
    code: Int32, output: String
  ) {
    let run = try cluster.claw(arguments, as: person)
    return (run.code, run.output)
  }

  private func export(_ name: String) throws -> String {
    let path = "\(cluster.folder)/\(name).export"
    let run = try claw(["ledger", "export", path], as: "auditors/auditor-1")
    #expect(run.code == 0, "\(run.output)")
    return path
  }

  @Test("two operators say which note stands: both verifiers read it; one alone is refused")
  func stands() throws {
    let caller = try Caller(founded: "agents/agent-1", of: cluster)
    let client = try caller.connect(to: cluster.clients(1))
    let shown = try client.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    let note = "\(cluster.folder)/stands.note"
    try shown.note.write(toFile: note, atomically: true, encoding: .utf8)
    let alone = try claw(["recover", "stand", note, "--at", "node-1"])
    #expect(alone.code != 0 && alone.output.contains("2 distinct operators"), "\(alone.output)")
    // One of them leads, and the others bring it to that one.
    for node in 1...3 {
      let both = try claw(["recover", "stand", note, "--at", "node-\(node)", "--sign-with", operators[1]])
      #expect(both.code == 0, "node \(node): \(both.output)")
    }
    let path = try export("stands")
    let verified = try Programs.run("claw", ["ledger", "verify", path])
    #expect(verified.code == 0 && !verified.output.contains("void"), "\(verified.output)")
    let audited = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", path])
    #expect(audited.code == 0 && !audited.output.contains("void"), "\(audited.output)")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let records = text.split(separator: "\n").filter { $0.hasPrefix("leaf ") }.compactMap { line in
      Data(base64Encoded: String(line.split(separator: " ")[2])).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(records.count { $0.hasSuffix("\"type\":\"recovery\"}") } == 3)
  }

  @Test("a key is approved by who holds its share; a ledger whose parties still sign goes on under no other")
  func goesOn() throws {
    let ledger = try export("ledger")
    let key = "\(cluster.folder)/key.json"
    let made = try claw(["recover", "key", "--ledger", ledger, "--founded", ledger, "--out", key])
    #expect(made.code == 0, "\(made.output)")
    var approvals: [String] = []
    for number in 1...3 {
      let folder = "\(cluster.folder)/nodes/node-\(number)"
      let approved = try Programs.run(
        "clawshield",
        ["approve", "--config", "\(folder)/node.json", "--share", "\(folder)/data/share.sealed", key])
      #expect(approved.code == 0, "\(approved.output)")
      #expect(FileManager.default.fileExists(atPath: "\(folder)/data/continuation.sealed"))
      let path = "\(cluster.folder)/approval-\(number).json"
      try approved.output.write(toFile: path, atomically: true, encoding: .utf8)
      approvals += ["--approval", path]
      guard number == 1 else { continue }
      let stranger = try Programs.run(
        "clawshield",
        [
          "approve", "--config", "\(folder)/node.json", "--share",
          "\(cluster.folder)/nodes/node-2/data/share.sealed", key,
        ])
      #expect(stranger.code == 1, "\(stranger.output)")
    }
    let draft = "\(cluster.folder)/go-on.json"
    let begun = try claw(
      ["recover", "continue", "--ledger", ledger, "--key", key, "--draft", draft] + approvals)
    #expect(begun.code == 0, "\(begun.output)")
    let signed = try claw(["cosign", draft], as: "operators/operator-2")
    #expect(signed.code == 0, "\(signed.output)")
    let handed = try claw(["recover", "hand", draft, "--at", "node-1"])
    #expect(handed.code != 0, "\(handed.output)")
    #expect(
      handed.output.contains("another key than before") || handed.output.contains("expected what is final"),
      "\(handed.output)")
  }
}
