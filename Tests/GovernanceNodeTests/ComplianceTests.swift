import Canonical
import Crypto
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
      "readiness": Self.readiness(Self.declaration()),
    ]
    guard case .object(var object) = value else { return value }
    change(&object)
    return .object(object)
  }

  // MARK: What executors say

  private static let cluster = SHA256.hash("cluster")
  private static let at = Timestamp(text: "2026-03-01T12:00:00Z") ?? .epoch

  private static func key(_ name: String) -> SigningKey {
    var seed = SHA256.hash(name).bytes
    if let key = SigningKey(seed: &seed) { return key }
    var random = SystemRandomNumberGenerator()
    return SigningKey.generate(using: &random)
  }

  /// What executor x says of its host, so many seconds from now, signed by its key or another.
  private static func declaration(
    _ shortcomings: [String] = [], compliant: Bool? = nil, after seconds: Int64? = -2,
    by signer: String = "x",
    _ change: (inout HostDeclaration) -> Void = { _ in }
  ) -> PartySigned<HostDeclaration> {
    var content = HostDeclaration(
      executor: .executor("x"), incarnation: 1, challenge: [UInt8](repeating: 1, count: 16),
      isolationClasses: ["microvm-tcg"], isCompliant: compliant ?? shortcomings.isEmpty,
      shortcomings: shortcomings, declaredAt: seconds.map { at.advanced(by: .seconds($0)) })
    change(&content)
    return PartySigned(content, cluster: cluster, with: key(signer))
  }

  /// A node's word on it, which counts for nothing.
  private static func readiness(_ declaration: PartySigned<HostDeclaration>?) -> JSON {
    var entry: [(String, JSON)] = [
      ("executor", "executor/x"), ("compliant", true), ("shortcomings", []),
    ]
    if let declaration { entry.append(("declaration", declaration.json)) }
    return [.object(entry)]
  }

  private func check(_ enrolled: [String: DeclarationCheck.Enrolled]? = nil) -> DeclarationCheck {
    DeclarationCheck(
      cluster: Self.cluster,
      enrolled: enrolled ?? [
        "executor/x": DeclarationCheck.Enrolled(key: Self.key("x").publicKey, incarnation: 1)
      ], now: now)
  }

  /// What is off of executor x where nodes show these.
  private func reasons(
    _ shown: [PartySigned<HostDeclaration>?], enrolled: [String: DeclarationCheck.Enrolled]? = nil
  ) -> [String] {
    var reader = ComplianceReader()
    let nodes = shown.enumerated().map { position, declaration in
      NodeStatus(
        name: "n\(position + 1)", status: status { $0["readiness"] = Self.readiness(declaration) },
        heardAt: now)
    }
    reader.read(nodes, findings: [], actions: [], declarations: check(enrolled))
    return reader.items.first { $0.rows == "HF-9" }?.reasons ?? ["no such row"]
  }

  @Test("an executor is what it has signed itself, whatever nodes say of it")
  func signedWords() {
    #expect(reasons([Self.declaration()]) == [])
    #expect(reasons([Self.declaration(["egress: off"])]) == ["executor/x: egress: off"])
    #expect(
      reasons([Self.declaration(compliant: false)]) == ["executor/x declares itself NON-COMPLIANT"])
    let unsigned = "executor/x: what n1 shows as its declaration is not signed by its key"
    let none = "executor/x: no node shows what it declares of its host"
    #expect(reasons([nil]) == [none])
    for forged in [
      Self.declaration(by: "y"), Self.declaration { $0.executor = .executor("y") },
      Self.declaration { $0.incarnation = 2 },
      PartySigned(Self.declaration().content, signature: Self.declaration(["egress: off"]).signature),
    ] {
      #expect(reasons([forged]) == [unsigned, none])
      // One node that lies is off, also where another shows what the executor says.
      #expect(reasons([forged, Self.declaration()]) == [unsigned])
    }
    #expect(
      reasons([Self.declaration(["\u{1B}[2J"])]) == ["executor/x: what it declares is no text for people"])
    // Signed for another cluster.
    let elsewhere = PartySigned(
      Self.declaration().content, cluster: SHA256.hash("other"), with: Self.key("x"))
    #expect(reasons([elsewhere]) == [unsigned, none])
    #expect(
      reasons([Self.declaration()], enrolled: [:])
        == ["executor/x: too few nodes say the same of how it is enrolled"])
  }

  @Test("of what nodes show the newest counts, and it is of now")
  func newestWords() {
    let old = Self.declaration(after: -10)
    let new = Self.declaration(["egress: off"], after: -1)
    for shown in [[old, new], [new, old]] { #expect(reasons(shown) == ["executor/x: egress: off"]) }
    #expect(reasons([Self.declaration(["egress: off"], after: -10), Self.declaration(after: -1)]) == [])
    #expect(reasons([Self.declaration(after: nil), Self.declaration()]) == [])
    #expect(reasons([Self.declaration(after: nil)]).first?.contains("does not say when") == true)
    for (seconds, isNow) in [(-60, true), (-61, false), (60, true), (61, false)] as [(Int64, Bool)] {
      #expect(reasons([Self.declaration(after: seconds)]).isEmpty == isNow, "\(seconds)")
    }
    #expect(
      reasons([Self.declaration(after: -61)])
        == ["executor/x: the newest declaration that a node shows is of 2026-03-01T11:58:59.000000000Z"])
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
      nodes, findings: findings, actions: try actions ?? [action("big", "critical"), action("small", "low")],
      declarations: check())
    return reader.items.filter { !$0.isMet && $0.rows != "ENF-1" }.map(\.rows)
  }

  @Test("nothing is off where nothing is wrong, but for what the program lacks")
  func control() throws {
    #expect(try off([status(), status()]).isEmpty)
    var reader = ComplianceReader()
    reader.read(
      [NodeStatus(name: "n", status: status(), heardAt: now)], findings: [], actions: [],
      declarations: check())
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
      ("readiness", [["executor": "executor/e", "compliant": true, "shortcomings": []]], "HF-9"),
      ("readiness", Self.readiness(Self.declaration(["egress: off"])), "HF-9"),
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
