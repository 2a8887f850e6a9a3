import Canonical
import Foundation
import Records
import Testing

/// A rolling upgrade of real nodes: their file says which semantics they apply, as an older program would.
struct UpgradeTests {
  private func semantics(_ cluster: LoopbackCluster) throws -> JSON {
    let shown = try cluster.claw(["version", "show", "--json"], as: "operators/operator-1")
    try #require(shown.code == 0, "\(shown.output)")
    return try #require(try JSON.parse(shown.output)["semantics"])
  }

  private func activate(_ cluster: LoopbackCluster, _ number: String) throws -> Outcome {
    try cluster.claw(
      ["version", "activate", number, "--sign-with", "\(cluster.folder)/operators/operator-2"],
      as: "operators/operator-1")
  }

  private func propose(_ cluster: LoopbackCluster, _ request: String) throws {
    let denied = try cluster.claw(
      ["propose", "shell", "--params", "{}", "--request-id", request], as: "agents/agent-1")
    #expect(denied.code == 3, "\(denied.output)")
  }

  private func restart(_ cluster: LoopbackCluster, _ node: Int, semantics: Int?) throws {
    #expect(cluster.stop(node: node) == 0)
    try cluster.limit(node: node, to: semantics)
    try cluster.start(node: node)
    try cluster.waitUntil("node \(node) has said what it applies", seconds: 30) {
      let said = try self.semantics(cluster)["members"]?.array?.first { $0["node"]?.integer == node }
      return said?["newest"]?.integer == semantics ?? Semantics.newest
    }
  }

  /// Before semantics 6 an act does not name what it takes back.
  private func cancel(_ cluster: LoopbackCluster) throws {
    try cluster.makeParty(5)
    func change(_ arguments: [String]) throws -> Outcome {
      try cluster.claw(
        ["members"] + arguments + ["--sign-with", "\(cluster.folder)/operators/operator-2"],
        as: "operators/operator-1")
    }
    let begun = try change(["add", "--invitation", "\(cluster.folder)/node-5.invitation.json"])
    #expect(begun.code == 0, "\(begun.output)")
    let back = try change(["cancel", "--wait", "60"])
    #expect(back.code == 0, "\(back.output)")
  }

  @Test("node after node under load; the act waits for the last; then an old node does not start")
  func rolling() throws {
    let cluster = try LoopbackCluster(nodes: 4, threshold: 3, port: 25_800, semantics: 1)
    #expect(try semantics(cluster)["in_force"]?.integer == 1)
    for node in 1...3 {
      try restart(cluster, node, semantics: nil)
      try propose(cluster, "while-\(node)")
    }
    let early = try activate(cluster, "2")
    #expect(early.code != 0)
    #expect(early.output.contains("expected every member's program to apply semantics 2"), "\(early.output)")
    // The newer program can still be taken back.
    try restart(cluster, 1, semantics: 1)
    try propose(cluster, "went-back")
    try restart(cluster, 1, semantics: nil)
    try restart(cluster, 4, semantics: nil)
    #expect(try cluster.claw(["version", "activate", "2"], as: "operators/operator-1").code != 0)
    let done = try activate(cluster, "2")
    #expect(done.code == 0, "\(done.output)")
    #expect(try semantics(cluster)["in_force"]?.integer == 2)
    try propose(cluster, "afterwards")
    // An old program: it says what is wrong, and touches nothing.
    #expect(cluster.stop(node: 4) == 0)
    try cluster.limit(node: 4, to: 1)
    try cluster.start(node: 4)
    try cluster.waitUntil("the old program says that it is too old", seconds: 20) {
      cluster.log("node-4").contains("applies them up to 1: start a newer one")
    }
    cluster.kill(node: 4)
    try cluster.limit(node: 4, to: nil)
    try cluster.start(node: 4)
    try propose(cluster, "at-last")
    try cancel(cluster)
    let again = try activate(cluster, "2")
    #expect(again.code != 0 && again.output.contains("semantics 2 are in force"), "\(again.output)")
    let none = try activate(cluster, "two")
    #expect(none.code == 2 && none.output.contains("whole number"), "\(none.output)")
    try cluster.waitUntil("an export of it all verifies", seconds: 20) {
      let file = "\(cluster.folder)/ledger-\(UUID().uuidString.prefix(6))"
      let export = try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1")
      guard export.code == 0 else { return false }
      let script = Programs.repository.appendingPathComponent("Docs/Protocol/verify.py").path
      return try cluster.claw(["ledger", "verify", file]).code == 0
        && Programs.run("/usr/bin/python3", [script, file]).code == 0
    }
  }
}
