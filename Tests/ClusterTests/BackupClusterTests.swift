import Canonical
import Foundation
import Testing

/// `claw backup` and `claw restore` on live processes: a party's disk is gone, and a new one takes its place.
struct BackupClusterTests {
  @Test("a backup of a live cluster goes to a new party, which replaces one whose disk is gone")
  func replace() throws {
    let cluster = try LoopbackCluster(nodes: 4, threshold: 3, port: 26_100)
    let file = "\(cluster.folder)/note.txt"
    try "what was kept".write(toFile: file, atomically: true, encoding: .utf8)
    let put = try cluster.claw(["artifact", "put", file, "--json"], as: "agents/agent-1")
    try #require(put.code == 0, "\(put.output)")
    let backup = "\(cluster.folder)/backup"
    let taken = try cluster.claw(["backup", backup, "--json"], as: "auditors/auditor-1")
    try #require(taken.code == 0, "\(taken.output)")
    let summary = try JSON.parse(taken.output)
    #expect(summary["artifacts"]?.integer == 1)
    #expect(summary["fetched"]?.integer == 1)
    let size = try #require(summary["size"]?.string.flatMap { Int($0) })
    let again = try cluster.claw(["backup", backup, "--json"], as: "auditors/auditor-1")
    #expect(try JSON.parse(again.output)["fetched"]?.integer == 0, "only what is new")
    try unverified(backup, cluster)
    #expect(
      try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", backup + "/ledger.export"]).code == 0)
    #expect(try secrets(in: backup, of: cluster) == [])
    #expect(try cluster.claw(["backup", backup + "2"], as: "agents/agent-1").code == 3)
    // What is there and no backup of this cluster is not replaced.
    try FileManager.default.createDirectory(atPath: backup + "3", withIntermediateDirectories: false)
    try "precious".write(toFile: backup + "3/ledger.export", atomically: true, encoding: .utf8)
    let foreign = try cluster.claw(["backup", backup + "3"], as: "auditors/auditor-1")
    #expect(foreign.code == 7 && foreign.output.contains("is not replaced"), "\(foreign.output)")
    #expect(try String(contentsOfFile: backup + "3/ledger.export", encoding: .utf8) == "precious")

    // The party's host burns down.
    cluster.kill(node: 2)
    try FileManager.default.removeItem(atPath: "\(cluster.folder)/nodes/node-2/data")
    let id = try #require(summary["cluster"]?.string)
    let itself = try cluster.claw(
      ["restore", backup, "--party", "\(cluster.folder)/nodes/node-2"])
    #expect(itself.code != 0 && itself.output.contains("a backup goes to a new one"), "\(itself.output)")
    try cluster.joinParty(5, id)
    let party = "\(cluster.folder)/nodes/node-5"
    try spoiled(backup, party, cluster)
    let restored = try cluster.claw(["restore", backup, "--party", party])
    try #require(restored.code == 0, "\(restored.output)")
    try cluster.start(node: 5)
    // Before anybody has added it, from the backup alone.
    try cluster.waitUntil("the backup is taken in", seconds: 30) {
      cluster.log("node-5").contains("\"restored\"")
    }
    #expect(cluster.log("node-5").contains("\"size\":\"\(size)\""))
    #expect(!FileManager.default.fileExists(atPath: "\(party)/data/restore"))
    let replaced = try cluster.claw(
      [
        "members", "replace", "node-2", "--invitation", "\(cluster.folder)/node-5.invitation.json",
        "--sign-with", "\(cluster.folder)/operators/operator-2", "--wait", "60",
      ], as: "operators/operator-1")
    try #require(replaced.code == 0, "\(replaced.output)")
    // With one more down the restored party's share is needed.
    cluster.kill(node: 3)
    try cluster.waitUntil("a decision is final", seconds: 30) {
      let denied = try cluster.claw(
        ["propose", "shell", "--params", "{}", "--request-id", "after-restore"], as: "agents/agent-1")
      return denied.code == 3
    }
  }

  /// What cannot be verified takes the place of nothing.
  private func unverified(_ backup: String, _ cluster: LoopbackCluster) throws {
    let good = FileManager.default.contents(atPath: backup + "/ledger.export")
    let denied = try cluster.claw(["propose", "shell", "--params", "{}"], as: "agents/agent-1")
    #expect(denied.code == 3, "the ledger has grown: \(denied.output)")
    let pin = cluster.folder + "/auditors/auditor-1/cluster.json"
    let pinned = try String(contentsOfFile: pin, encoding: .utf8)
    defer { try? pinned.write(toFile: pin, atomically: true, encoding: .utf8) }
    let id = try #require(try JSON.parse(pinned)["cluster"]?.string)
    try pinned.replacing(id, with: String(repeating: "0", count: 64))
      .write(toFile: pin, atomically: true, encoding: .utf8)
    let outcome = try cluster.claw(["backup", backup], as: "auditors/auditor-1")
    #expect(outcome.code == 7, "\(outcome.output)")
    #expect(FileManager.default.contents(atPath: backup + "/ledger.export") == good)
  }

  /// Files of a backup that hold any of the nodes' secrets.
  private func secrets(in backup: String, of cluster: LoopbackCluster) throws -> [String] {
    var found: [String] = []
    let files = FileManager.default.enumerator(atPath: backup)?.allObjects.compactMap { $0 as? String } ?? []
    for node in 1...4 {
      for name in ["party.key", "storage.key", "node.key", "data/share.sealed", "data/lock"] {
        let secret = try Data(
          contentsOf: URL(fileURLWithPath: "\(cluster.folder)/nodes/node-\(node)/\(name)"))
        for file in files {
          guard let data = FileManager.default.contents(atPath: "\(backup)/\(file)") else { continue }
          let core = secret.prefix(64)
          if data.range(of: core) != nil { found.append("\(file): \(name) of node \(node)") }
        }
      }
    }
    return found
  }

  /// A backup that somebody changed is refused before anything is written.
  private func spoiled(_ backup: String, _ party: String, _ cluster: LoopbackCluster) throws {
    let path = backup + "/ledger.export"
    let good = try String(contentsOfFile: path, encoding: .utf8)
    defer { try? good.write(toFile: path, atomically: true, encoding: .utf8) }
    var lines = good.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    lines.swapAt(5, 6)
    try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    let outcome = try cluster.claw(["restore", backup, "--party", party])
    #expect(outcome.code != 0 && outcome.output.contains("ledger.export"), "\(outcome.output)")
    #expect(!FileManager.default.fileExists(atPath: party + "/data"))
    let nothing = try cluster.claw(["restore", cluster.folder + "/nowhere", "--party", party])
    #expect(nothing.code != 0 && nothing.output.contains("nowhere/ledger.export"), "\(nothing.output)")
  }
}
