import Canonical
import Foundation
import GovernanceNode
import Records
import Testing

/// What makes a cluster COMPLIANT or not (HF-9), item by item.
struct ComplianceTests {
  private let now = Timestamp(text: "2026-03-01T12:00:00Z") ?? .epoch

  private func status(_ change: (inout JSONObject) -> Void = { _ in }) -> JSON {
    let value: JSON = [
      "final_size": "50", "history_from": "0", "crash_only": false, "policy_bundle_hash": "aa",
      "semantics": ["in_force": 3, "newest": 3],
      "policy": ["author": "operator/pat", "is_first": false, "asked": ["big": 2, "small": 0]],
      "people": ["operators": 2, "approvers": 2, "unconfirmable": []],
      "readiness": [["executor": "executor/x", "compliant": true, "shortcomings": []]],
    ]
    guard case .object(var object) = value else { return value }
    change(&object)
    return .object(object)
  }

  private func action(_ name: String, _ impact: String, image: Character = "1") throws -> ActionDefinition {
    try ActionDefinition(
      parsing: Array(
        """
        {"arguments":["/a"],"description":"","egress":[],"image":"sha256:\(String(repeating: image, count: 64))",
         "isolation_class":"microvm-tcg","limits":{"disk_mib":1,"memory_mib":16,"output_bytes":1,"processes":1,
         "wall_seconds":1},"max_retries":0,"maximum_cost_usd":"0","name":"\(name)","parameters_schema":{},
         "rate_limit_per_min":1,"risk":{"data_classification":"public","estimated_cost_usd":"0",
         "impact_level":"\(impact)"},"scopes":[],"token_seconds":1,"version":"1"}
        """.utf8))
  }

  /// The rows that are off, besides what the program itself lacks.
  private func off(
    _ statuses: [JSON?], findings: [Finding] = [], actions: [ActionDefinition]? = nil
  ) throws -> [String] {
    var reader = ComplianceReader()
    let nodes = statuses.enumerated().map { position, status in
      NodeStatus(name: "n\(position + 1)", status: status, reason: "down", heardAt: now)
    }
    reader.read(
      nodes, findings: findings, actions: try actions ?? [action("big", "critical"), action("small", "low")])
    return reader.items.filter { !$0.isMet && $0.rows != "ENF-1" }.map(\.rows)
  }

  @Test("nothing is off where nothing is wrong, but for what the program lacks")
  func control() throws {
    #expect(try off([status(), status()]).isEmpty)
    var reader = ComplianceReader()
    reader.read([NodeStatus(name: "n", status: status(), heardAt: now)], findings: [], actions: [])
    #expect(reader.isCompliant == ComplianceReader.unfinished.isEmpty)
  }

  @Test("each thing that is off, by its rows")
  func each() throws {
    let cases: [(String, JSON, String)] = [
      ("crash_only", true, "INV-016"), ("history_from", "7", "INV-015, INV-022"),
      ("semantics", ["in_force": 2, "newest": 3], "INV-019"),
      ("policy", ["author": .null, "is_first": false, "asked": ["big": 2]], "POL-7, T4.2"),
      ("policy", ["author": "operator/pat", "is_first": false, "asked": ["big": 1]], "INV-019, INV-020"),
      ("people", ["operators": 1, "approvers": 2, "unconfirmable": []], "INV-002, INV-020"),
      ("people", ["operators": 2, "approvers": 1, "unconfirmable": []], "INV-002, INV-020"),
      ("people", ["operators": 2, "approvers": 2, "unconfirmable": ["tenant/t/agent/a"]], "API-4"),
      ("readiness", [], "HF-8"),
      ("readiness", [["executor": "e", "compliant": false, "shortcomings": ["egress: off"]]], "HF-9"),
      ("readiness", [["executor": "e", "compliant": false, "shortcomings": []]], "HF-9"),
    ]
    for (name, value, rows) in cases {
      #expect(try off([status { $0[name] = value }]) == [rows], "\(name) \(value)")
    }
    #expect(try off([status(), nil]) == ["INV-001, INV-003"])
    #expect(try off([status(), status { $0["policy_bundle_hash"] = "bb" }]) == ["POL-3, POL-6"])
    // Who is behind has an earlier bundle, and that is no difference.
    #expect(
      try off([
        status(),
        status {
          $0["policy_bundle_hash"] = "bb"
          $0["final_size"] = "40"
        },
      ]).isEmpty)
    // The first bundle needs no author.
    #expect(
      try off([status { $0["policy"] = ["author": .null, "is_first": true, "asked": ["big": 2]] }]).isEmpty)
    let unnamed = [try action("x", "low", image: "0")]
    #expect(try off([status()], actions: unnamed) == ["INV-023, T5.3"])
  }

  @Test("the rows that the program says to lack are those that Docs/Conformance.md has under governance")
  func unfinished() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("Docs/Conformance.md"), encoding: .utf8)
    var rows: [String] = []
    for line in text.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      if cells.count >= 6, cells[5].hasPrefix("governance") { rows.append(cells[1]) }
    }
    #expect(rows == ComplianceReader.unfinished.map(\.row))
  }
}
