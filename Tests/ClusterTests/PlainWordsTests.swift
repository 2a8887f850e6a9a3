import Canonical
import Crypto
import Foundation
import Merkle
import Records
import Testing

/// What the programs refuse, and that they say so in a sentence, with another exit code than 0.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 24_500) })
struct PlainWordsTests {
  let cluster: LoopbackCluster
  private let files = FileManager.default
  private let auditor = "auditors/auditor-1"

  init() throws {
    let cluster = try LiveCluster.current
    self.cluster = cluster
    // A cluster serves before its first note, and an export needs one.
    try cluster.waitUntil("a checkpoint is signed", seconds: 20) {
      try cluster.claw(["ledger", "checkpoint"], as: "auditors/auditor-1").code == 0
    }
  }

  /// Runs a shell line, `$1` and so on being `arguments`.
  private func shell(_ line: String, _ arguments: [String]) throws -> Outcome {
    try Programs.run("/bin/sh", ["-c", line, "sh"] + arguments)
  }

  @Test("an export, and every --out, takes the place of a file alone: links, devices and folders stay")
  func links() throws {
    let folder = "\(cluster.folder)/links"
    try files.createDirectory(atPath: "\(folder)/empty", withIntermediateDirectories: true)
    try "precious".write(toFile: "\(folder)/target", atomically: true, encoding: .utf8)
    try files.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "\(folder)/target")
    for (path, kind) in [("link", "a symbolic link"), ("empty", "a folder")] {
      let export = try cluster.claw(["ledger", "export", "\(folder)/\(path)"], as: auditor)
      #expect(export.code == 1 && export.output.contains("found \(kind); it stays"), "\(export.output)")
      let out = try cluster.claw(["ledger", "proof", "0", "--out", "\(folder)/\(path)"], as: auditor)
      #expect(out.code == 1 && out.output.contains("found \(kind); it stays"), "\(out.output)")
    }
    let pipe = "\(folder)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let device = try cluster.claw(["ledger", "export", pipe], as: auditor)
    #expect(device.code == 1 && device.output.contains("a device, pipe or socket"), "\(device.output)")
    #expect(try String(contentsOfFile: "\(folder)/target", encoding: .utf8) == "precious")
    #expect(try files.destinationOfSymbolicLink(atPath: "\(folder)/link") == "\(folder)/target")
    #expect(try cluster.claw(["ledger", "export", "\(folder)/target"], as: auditor).code == 0)
    #expect(try files.contentsOfDirectory(atPath: folder).sorted() == ["empty", "link", "pipe", "target"])
  }

  @Test("what standard output does not take is an error")
  func fullOutput() throws {
    let claw = Programs.folder.appendingPathComponent("claw").path
    for arguments in ["--help", "--version", "ledger checkpoint --as \(cluster.folder)/\(auditor)"] {
      let outcome = try shell("\"$1\" $2 > /dev/full", [claw, arguments])
      #expect(outcome.code == 1, "\(arguments)")
      #expect(outcome.output == "claw: standard output: No space left on device\n", "\(outcome.output)")
    }
  }

  @Test("a key that others may read is refused by every program, with what to do", arguments: [0o644, 0o640])
  func looseKeys(mode: Int) throws {
    let keys = [
      "operators/operator-1/signing.key", "operators/operator-1/client.key",
      "executors/executor-1/signing.key",
    ]
    for key in keys {
      let path = "\(cluster.folder)/\(key)"
      try files.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      defer { try? files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path) }
      let outcome =
        key.hasPrefix("operators")
        ? try cluster.claw(["quarantine", "tenant/none"], as: "operators/operator-1")
        : try shell(
          "timeout 10 \"$1\" run --config \"$2\"",
          [
            Programs.folder.appendingPathComponent("openexec").path,
            "\(cluster.folder)/executors/executor-1/executor.json",
          ])
      #expect(outcome.code == 1, "\(key): \(outcome.output)")
      #expect(
        outcome.output.contains("found permissions 0\(String(mode, radix: 8))")
          && outcome.output.contains("chmod 600 \(path)"), "\(key): \(outcome.output)")
    }
  }

  @Test("an agent that calls for a kill is refused before anything is said of the parties")
  func killByAgent() throws {
    let outcome = try cluster.claw(["kill", "all"], as: "agents/agent-1")
    #expect(outcome.code == 3)
    #expect(
      outcome.output == "claw: kill is for operators; this identity is tenant/acme/agent/agent-1\n",
      "\(outcome.output)")
  }

  /// What node 3 ends with when one of its files is another.
  private func start(_ file: String, as bytes: [UInt8]) throws -> Outcome {
    let path = "\(cluster.folder)/nodes/node-3/\(file)"
    let kept = try #require(files.contents(atPath: path))
    cluster.kill(node: 3)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer {
      try? kept.write(to: URL(fileURLWithPath: path))
      try? files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
    return try shell(
      "timeout -s KILL 10 \"$1\" run --config \"$2\" 2>&1 | tail -n 1",
      [
        Programs.folder.appendingPathComponent("clawshield").path,
        "\(cluster.folder)/nodes/node-3/node.json",
      ])
  }

  @Test("a node with a wrong file says which, and what it expected, once")
  func wrongFiles() throws {
    let data = "\(cluster.folder)/nodes/node-3"
    let sealed = [UInt8](try #require(files.contents(atPath: "\(data)/data/share.sealed")))
    defer { try? cluster.start(node: 3) }
    var changed = sealed
    changed[changed.count - 1] ^= 1
    let cases: [(file: String, bytes: [UInt8], words: [String])] = [
      ("data/share.sealed", changed, ["expected a secret sealed with this key", "storage.key"]),
      ("data/share.sealed", [], ["expected a sealed secret, found 0 bytes"]),
    ]
    for wrong in cases {
      let outcome = try start(wrong.file, as: wrong.bytes)
      let words = ["clawshield: ", "\(data)/\(wrong.file): "] + wrong.words
      #expect(words.allSatisfy { outcome.output.contains($0) }, "\(outcome.output)")
    }
    let configuration = try start("node.json", as: Array("[]".utf8))
    #expect(
      configuration.output == "clawshield: \(data)/node.json:1: expected a JSON object\n",
      "\(configuration.output)")
  }

  @Test("an incarnation whose data folder is lost cannot be begun again")
  func lostRegistry() throws {
    let home = "\(cluster.folder)/executors/executor-1"
    let configuration = "\(home)/executor.json"
    func begin() throws -> Outcome { try Programs.run("openexec", ["begin", "--config", configuration]) }
    #expect(try begin().code == 0, "a new incarnation begins")
    #expect(try begin().code == 0, "said twice before the first start")
    try files.removeItem(atPath: "\(home)/data")
    let again = try begin()
    #expect(
      again.code == 1 && again.output.contains("incarnation 1 was begun before")
        && again.output.contains("incarnation 2 (claw enrol)"), "\(again.output)")
    #expect(!files.fileExists(atPath: "\(home)/data"))
    // A new incarnation begins.
    try cluster.configure(executor: 1, "incarnation", .integer(2))
    #expect(try begin().code == 0, "a new incarnation begins")
  }

  // MARK: Without a cluster

  @Test("the offline verifier says in a sentence that a file is no export, or its genesis none")
  func verifier() throws {
    func verify(_ text: String) throws -> Outcome {
      let path = "\(cluster.folder)/broken.txt"
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", path])
    }
    var texts = ["openexec-export-v1\n", "openexec-export-v1\ncluster a\n", "", "\n"]
    for key in ["", ",\"group_key\":7", ",\"group_key\":\"zz\""] {
      let record = Array("{\"at\":\"2026-01-01T00:00:00.000000000Z\"\(key),\"type\":\"genesis\"}".utf8)
      let hash = TreeHash.leaf(record).hex
      texts.append(
        "openexec-export-v1\ncluster \(hash)\nsize 1\nleaf \(hash) \(Base64.encode(record)) -\nnote AAAA\n")
    }
    for text in texts {
      let outcome = try verify(text)
      #expect(outcome.code == 1, "\(outcome.output)")
      #expect(!outcome.output.contains("Traceback"), "\(outcome.output)")
      #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome.output)")
    }
    for text in texts.suffix(3) {
      let said = try verify(text).output
      #expect(said.contains("expected group_key, 64 hexadecimal characters"), "\(said)")
    }
  }

  @Test("the example client says in a sentence what is wrong, and a denial once")
  func example() throws {
    func run(_ arguments: [String]) throws -> Outcome {
      try Programs.run("/usr/bin/python3", ["-B", "Docs/Protocol/example.py"] + arguments)
    }
    let agent = "\(cluster.folder)/agents/agent-1"
    for arguments in [["/nowhere", "echo", "{}"], [agent, "echo", "{"], [agent, "echo", "nonsense"]] {
      let outcome = try run(arguments)
      #expect(outcome.code == 1 && outcome.output.hasPrefix("example.py: "), "\(outcome.output)")
      #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome.output)")
    }
    let denied = try run([agent, "echo", "7"])
    #expect(denied.code == 3, "\(denied.output)")
    let last = try #require(denied.output.split(separator: "\n").last)
    #expect(last.hasPrefix("denied: ") && !last.contains("denied: denied"), "\(last)")
    #expect(last.contains("parameters: expected an object, found a number"), "\(last)")
  }
}
