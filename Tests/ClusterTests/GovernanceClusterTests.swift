import Foundation
import Testing

/// Real nodes, TLS, RocksDB, key generation and threshold signatures, without executors.
@Suite(.serialized)
struct GovernanceClusterTests {
  @Test("five nodes generate a key, deny with reasons, and export a ledger that both verifiers accept")
  func ledger() throws {
    let cluster = try LoopbackCluster(port: 21_100)
    let agent = "agents/agent-1"
    let unknown = try cluster.claw(
      ["propose", "shell", "--params", "{\"command\":\"id\"}", "--request-id", "r1"], as: agent)
    #expect(unknown.code == 3, "\(unknown.output)")
    #expect(unknown.output.contains("not in the registry"))
    // The same request again names the first outcome; with other content it is refused.
    let again = try cluster.claw(["get", "r1"], as: agent)
    #expect(again.code == 3)
    let other = try cluster.claw(
      ["propose", "shell", "--params", "{\"command\":\"ls\"}", "--request-id", "r1"], as: agent)
    #expect(other.code != 0 && other.code != 3, "\(other.output)")
    let bad = try cluster.claw(["propose", "echo", "--params", "{\"text\":7}"], as: agent)
    #expect(bad.code == 3, "\(bad.output)")
    let nobody = try cluster.claw(["propose", "echo", "--params", "{\"text\":\"x\"}"], as: agent)
    #expect(nobody.code == 3 && nobody.output.contains("no eligible executor"), "\(nobody.output)")
    // Any node takes any client's call: one of them leads, the others forward.
    for node in (1...5).map({ "node-\($0)" }) {
      let there = try cluster.claw(
        ["propose", "shell", "--request-id", "at-\(node)", "--node", node, "--json"], as: agent)
      #expect(there.code == 3, "\(node): \(there.output)")
      let status = try cluster.claw(["status", "--node", node, "--json"], as: "operators/operator-1")
      #expect(status.output.contains("\"answered_by\":\"\(node)\""), "\(status.output)")
    }

    let file = cluster.folder + "/ledger.txt"
    #expect(try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1").code == 0)
    #expect(try cluster.claw(["ledger", "verify", file]).code == 0)
    let python = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file])
    #expect(python.code == 0, "\(python.output)")
    // Agents may not export.
    #expect(try cluster.claw(["ledger", "export", file + ".2"], as: agent).code != 0)

    // A flipped byte is named, by both.
    var text = try String(contentsOfFile: file, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var fields = lines[3 + 4].split(separator: " ").map(String.init)
    let flipped = String(fields[2].dropLast(8)) + (fields[2].hasSuffix("AAAAAAAA") ? "BBBBBBBB" : "AAAAAAAA")
    fields[2] = flipped
    text = (lines[..<7] + [fields.joined(separator: " ")] + lines[8...]).joined(separator: "\n")
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let ours = try cluster.claw(["ledger", "verify", file])
    #expect(ours.code != 0 && ours.output.contains("leaf 4"), "\(ours.output)")
    let theirs = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file])
    #expect(theirs.code != 0 && theirs.output.contains("leaf 4"), "\(theirs.output)")
  }

  @Test("the cluster's notes verify with openssl alone")
  func openssl() throws {
    let cluster = try LoopbackCluster(nodes: 3, threshold: 2, port: 21_200)
    let ask = ["ledger", "checkpoint", "--json"]
    try cluster.waitUntil("the first note", seconds: 20) {
      try cluster.claw(ask, as: "auditors/auditor-1").code == 0
    }
    let shown = try cluster.claw(ask, as: "auditors/auditor-1")
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
    let note = try #require(json["note"] as? String)
    let key = try #require(json["group_key"] as? String)
    let parts = note.components(separatedBy: "\n\n")
    let text = parts[0] + "\n"
    let line = try #require(parts[1].split(separator: " ").last).trimmingCharacters(in: .newlines)
    let signature = try #require(Data(base64Encoded: line)).dropFirst(4)
    let der = "302a300506032b6570032100" + key
    var bytes: [UInt8] = []
    var rest = Substring(der)
    while let byte = UInt8(rest.prefix(2), radix: 16) {
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    let folder = cluster.folder
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/pk.der"))
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/note.txt"))
    try signature.write(to: URL(fileURLWithPath: folder + "/note.sig"))
    let arguments = [
      "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", folder + "/pk.der", "-rawin", "-in",
      folder + "/note.txt", "-sigfile", folder + "/note.sig",
    ]
    let good = try Programs.run("/usr/bin/openssl", arguments)
    #expect(good.code == 0, "\(good.output)")
    try Data((text + " ").utf8).write(to: URL(fileURLWithPath: folder + "/note.txt"))
    #expect(try Programs.run("/usr/bin/openssl", arguments).code != 0)
  }

  @Test("a node's store is its own: another cluster's is refused, and a typo in its file is named by line")
  func foreignStore() throws {
    let first = try LoopbackCluster(nodes: 3, threshold: 2, port: 21_300)
    let second = try LoopbackCluster(nodes: 3, threshold: 2, port: 21_700)
    #expect(first.stop(node: 1) == 0)
    #expect(second.stop(node: 1) == 0)
    let files = FileManager.default
    // With the key that opens its share: nothing but what the ledger says is in the way.
    for name in ["data/rocks", "data/share.sealed", "storage.key"] {
      let target = "\(first.folder)/nodes/node-1/\(name)"
      try files.removeItem(atPath: target)
      try files.copyItem(atPath: "\(second.folder)/nodes/node-1/\(name)", toPath: target)
    }
    let configuration = "\(first.folder)/nodes/node-1/node.json"
    // A node that is not refused would run on.
    let program = Programs.folder.appendingPathComponent("clawshield").path
    let refused = try Programs.run(
      "/usr/bin/timeout", ["30", program, "run", "--config", configuration])
    #expect(
      refused.code == 1 && refused.output.contains("this store is of another cluster"), "\(refused.output)")
    // Without its lock nobody can say what a party has signed.
    let lock = "\(second.folder)/nodes/node-1/data/lock"
    for spoil in [
      { try files.removeItem(atPath: lock) }, { try Data().write(to: URL(fileURLWithPath: lock)) },
    ] {
      try spoil()
      let lockless = try Programs.run(
        "clawshield", ["run", "--config", "\(second.folder)/nodes/node-1/node.json"])
      #expect(lockless.code == 1 && lockless.output.contains("the signing lock"), "\(lockless.output)")
    }
    var text = try String(contentsOfFile: configuration, encoding: .utf8)
    text = text.replacingOccurrences(of: "\"storage_key\"", with: "\n\"storage_kee\"")
    try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    let typo = try Programs.run("clawshield", ["run", "--config", configuration])
    #expect(typo.code == 2)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let line = try #require(lines.firstIndex { $0.contains("storage_kee") }) + 1
    #expect(
      typo.output.contains("node.json:\(line): storage_key: missing") && typo.output.contains("storage_kee"),
      "\(typo.output)")
  }

  @Test("a hundred SIGKILLs under load lose nothing that was acknowledged, and no node forgets")
  func sigkill() throws {
    let cluster = try LoopbackCluster(port: 21_500)
    let stop = Flag()
    let acknowledged = Box<[String]>([])
    let load = (0..<2).map { lane in
      Thread {
        var number = 0
        while !stop.isSet {
          number += 1
          let request = "load-\(lane)-\(number)"
          let outcome = try? cluster.claw(
            ["propose", "shell", "--params", "{}", "--request-id", request],
            as: "agents/agent-\(lane + 1)")
          if outcome?.code == 3 { acknowledged.with { $0.append(request) } }
        }
      }
    }
    for thread in load { thread.start() }
    var generator = SystemRandomNumberGenerator()
    for round in 0..<100 {
      let victim = Int.random(in: 1...5, using: &generator)
      cluster.kill(node: victim)
      try cluster.start(node: victim)
      // The next victim falls at any moment of the last one's return.
      usleep(UInt32.random(in: 20_000...400_000, using: &generator))
      if round % 10 == 9 {
        try cluster.waitUntil("the cluster serves after \(round + 1) kills", seconds: 30) {
          try cluster.claw(["propose", "shell", "--params", "{}"], as: "agents/agent-1").code == 3
        }
      }
    }
    stop.set()
    try cluster.waitUntil("the load ends", seconds: 60) { load.allSatisfy(\.isFinished) }
    let file = cluster.folder + "/ledger.txt"
    try cluster.waitUntil("an export", seconds: 30) {
      try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1").code == 0
    }
    #expect(try cluster.claw(["ledger", "verify", file]).code == 0)
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let records = text.split(separator: "\n").filter { $0.hasPrefix("leaf ") }.compactMap { line in
      Data(base64Encoded: String(line.split(separator: " ")[2])).map { String(decoding: $0, as: UTF8.self) }
    }
    let all = records.joined(separator: "\n")
    let requests = acknowledged.with { $0 }
    #expect(requests.count > 20)
    for request in requests {
      #expect(all.contains("\"request_id\":\"\(request)\""), "\(request) was acknowledged and is lost")
    }
    for number in 1...5 {
      #expect(!cluster.log("node-\(number)").contains("SEV-1"), "node \(number) found a conflict")
      #expect(!cluster.log("node-\(number)").contains("\"evidence\""), "node \(number) found evidence")
    }
  }
}

/// A flag that several threads look at.
final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}

/// A value that several threads change.
final class Box<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func with<R>(_ body: (inout Value) -> R) -> R { lock.withLock { body(&value) } }
}
