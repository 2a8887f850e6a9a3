import Canonical
import Foundation
import Records
import Testing

/// `claw policy amend` on real nodes (POL-7, POL-9, IR-7): another constitution comes into force with its bundle, by two operators,
/// at one leaf for every node, and the way back is an amendment too.
extension GovernancePowersClusterTests {
  /// The bundle in force at the beginning, issued anew under a constitution.
  private func bundle(
    _ version: String, under constitution: String, deprecating deprecated: [String], citing cited: [String]
  ) throws -> String {
    let folder = try bundle(version) { registry in
      registry["constitution_version"] = .string(constitution)
      if !cited.isEmpty { registry["invariants"] = .array(cited.map(JSON.string)) }
    }
    let file = JSON.object([
      ("version", .string(constitution)), ("deprecated", .array(deprecated.map(JSON.string))),
    ])
    try file.canonical.write(toFile: "\(folder)/constitution.json", atomically: true, encoding: .utf8)
    return folder
  }

  /// What each node says is in force: constitution and bundle.
  private func everywhere() throws -> [String] {
    try (1...4).map { node in
      let status = try json(
        try cluster.claw(["status", "--json", "--node", "node-\(node)"], as: "operators/operator-1"))
      try #require(status["answered_by"]?.string == "node-\(node)")
      let constitution = status["policy"]?["constitution_version"]?.string ?? "?"
      return "\(constitution) \(status["policy_bundle_hash"]?.string ?? "?")"
    }
  }

  private func waitFor(_ constitution: String, _ hash: String) throws {
    let expected = Array(repeating: "\(constitution) \(hash)", count: 4)
    try cluster.waitUntil("every node has \(constitution) in force", seconds: 20) {
      try everywhere() == expected
    }
  }

  /// The decisions of an export, with their leaves.
  private func decisions(_ export: String) throws -> [(leaf: Int, value: JSON)] {
    try leaves(export).enumerated().compactMap { leaf, text in
      let value = try JSON.parse(text)
      return value["decision_id"] == nil || value["constitution_version"] == nil ? nil : (leaf, value)
    }
  }

  private func exported(_ name: String) throws -> String {
    let export = path(name)
    let made = try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1")
    try #require(made.code == 0, "\(made.output)")
    return export
  }

  @Test(
    "another constitution comes with its bundle, by two people, at one leaf on every node; what was issued under the one before comes back by an amendment alone"
  )
  func amendment() throws {
    let before = try #require(try inForce())
    try waitFor("1.0.0", before)
    let folder = try bundle(
      "amended", under: "2.0.0", deprecating: ["INV-012"], citing: ["INV-002", "INV-005"])
    let signed = try cluster.claw(["policy", "sign", folder, "--json"], as: "approvers/approver-1")
    let next = try #require(try json(signed)["policy_bundle_hash"]?.string, "\(signed.output)")
    // One vote of two is there when it comes.
    let leaf = try propose()
    try enlist()
    #expect(try cluster.claw(["approve", leaf], as: "approvers/approver-1").code == 4)

    try refusals(folder)
    #expect(try everywhere() == Array(repeating: "1.0.0 \(before)", count: 4), "nothing has changed")
    let amended = try cluster.claw(["policy", "amend", folder, "--json"] + both, as: "operators/operator-1")
    let act = try #require(try json(amended)["leaf"]?.string.flatMap { Int($0) }, "\(amended.output)")
    try waitFor("2.0.0", next)

    // The vote from before counts no more: it was about another bundle.
    let second = try cluster.claw(["approve", leaf], as: "approvers/approver-2")
    #expect(try second.code == 4 && status(of: leaf) == "pending", "\(second.output)")
    let first = try cluster.claw(["approve", leaf, "--json"], as: "approvers/approver-1")
    #expect(try json(first)["status"]?.string == "approved", "\(first.output)")
    let export = try exported("amended.export")
    try holds(export, act: act, before: before, next: next)
    try back(folder, from: export, to: before, next: next)
  }

  /// What does not bring another constitution: an activation, and one person however often.
  private func refusals(_ folder: String) throws {
    let activated = try cluster.claw(["policy", "activate", folder] + both, as: "operators/operator-1")
    #expect(activated.code == 1 && activated.output.contains("claw policy amend"), "\(activated.output)")
    let itself = ["--sign-with", path("operators/operator-1")]
    for more in [[], itself] {
      let alone = try cluster.claw(["policy", "amend", folder] + more, as: "operators/operator-1")
      #expect(alone.code != 0 && alone.code != 4, "\(more): \(alone.output)")
    }
    // What the next constitution has deprecated no bundle under it rests on.
    let resting = try bundle(
      "resting", under: "2.0.0", deprecating: ["INV-012"], citing: ["INV-012"])
    let refused = try cluster.claw(["policy", "amend", resting] + both, as: "operators/operator-1")
    #expect(refused.code != 0 && refused.output.contains("found INV-012"), "\(refused.output)")
  }

  /// Every decision of the ledger is under the constitution and the bundle in force at its leaf: the one before the act's
  /// leaf, the other after it.
  private func holds(_ export: String, act: Int, before: String, next: String) throws {
    let record = try leaves(export)[act]
    #expect(record.contains(#""mode":"amend""#) && record.contains(next), "\(record)")
    let decisions = try decisions(export)
    #expect(decisions.contains { $0.leaf < act } && decisions.contains { $0.leaf > act })
    for (leaf, value) in decisions {
      let constitution = value["constitution_version"]?.string ?? ""
      let found = "\(constitution) \(value["policy_bundle_hash"]?.string ?? "")"
      // Other tests of this cluster put other bundles in force, under the first constitution.
      #expect(
        leaf < act ? found.hasPrefix("1.0.0 ") && !found.hasSuffix(next) : found == "2.0.0 \(next)",
        "leaf \(leaf)")
    }
    #expect(decisions.last { $0.leaf < act }?.value["policy_bundle_hash"]?.string == before)
    #expect(try cluster.claw(["ledger", "verify", export]).code == 0)
  }

  /// Back to the constitution before, and forth again.
  private func back(_ folder: String, from export: String, to before: String, next: String) throws {
    let old = try bundle("of-before", under: "1.0.0", deprecating: [], citing: ["INV-012"])
    #expect(try cluster.claw(["policy", "sign", old], as: "operators/operator-1").code == 0)
    let activated = try cluster.claw(["policy", "activate", old] + both, as: "operators/operator-1")
    #expect(activated.code == 1 && activated.output.contains("in force is 2.0.0"), "\(activated.output)")
    let rollback = ["policy", "rollback", "--from", export, "--to", before]
    #expect(try cluster.claw(rollback, as: "operators/operator-1").code == 3, "two operators go back as well")
    let back = try cluster.claw(rollback + both, as: "operators/operator-1")
    #expect(back.code == 0 && back.output.contains("constitution 1.0.0"), "\(back.output)")
    try waitFor("1.0.0", before)
    // What rests on what only the other constitution had deprecated comes into force, and the other bundle does not.
    #expect(try cluster.claw(["policy", "activate", old] + both, as: "operators/operator-1").code == 0)
    let again = try cluster.claw(["policy", "activate", folder] + both, as: "operators/operator-1")
    #expect(again.code == 1 && again.output.contains("in force is 1.0.0"), "\(again.output)")
    // An export from before the way back still says what was in force last in it: the nodes know better, and refuse.
    let stale = try cluster.claw(
      ["policy", "rollback", "--from", export, "--to", next] + both, as: "operators/operator-1")
    #expect(stale.code == 1 && stale.output.contains("claw policy amend"), "\(stale.output)")
    let last = try cluster.claw(
      ["policy", "rollback", "--from", try exported("back.export"), "--to", before] + both,
      as: "operators/operator-1")
    #expect(last.code == 0, "\(last.output)")
    try waitFor("1.0.0", before)
  }
}
