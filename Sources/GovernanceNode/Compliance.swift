import Canonical
import Records

/// One requirement of a running cluster, and why it is not met.
public struct ComplianceItem: Equatable, Sendable {
  /// Rows of `Docs/Conformance.md`.
  public let rows: String
  /// What is looked at, in words.
  public let what: String
  /// Empty where it is met.
  public let reasons: [String]

  public var isMet: Bool { reasons.isEmpty }

  /// For programs.
  public var json: JSON {
    .object([
      ("rows", .string(rows)), ("what", .string(what)), ("met", .bool(isMet)),
      ("reasons", .array(reasons.map(JSON.string))),
    ])
  }
}

/// Reads what all nodes say for whether the cluster may call itself compliant (HF-9): `Docs/Conformance.md`
/// as it stands in this very cluster. One item that is off makes all of it NON-COMPLIANT.
public struct ComplianceReader: Sendable {
  /// Rows of which this program enforces less than they say, with what is missing; as `Docs/Conformance.md`
  /// has them under `governance`.
  public static let unfinished: [(row: String, missing: String)] = []

  public private(set) var items: [ComplianceItem] = []

  public init() {}

  public var isCompliant: Bool { items.allSatisfy(\.isMet) }

  private mutating func add(_ rows: String, _ what: String, _ reasons: [String]) {
    items.append(ComplianceItem(rows: rows, what: what, reasons: reasons))
  }

  /// All that the nodes' answers hold. `actions` are those of the bundle in force.
  public mutating func read(
    _ nodes: [NodeStatus], findings: [Finding], actions: [ActionDefinition], declarations: DeclarationCheck
  ) {
    let heard = nodes.filter { $0.status != nil }
    let best = heard.max { Self.size($0.status) < Self.size($1.status) }?.status
    readCluster(nodes, heard, best)
    readPolicy(heard, best, actions)
    readPeople(best)
    readExecutors(heard, declarations)
    let grave = findings.filter { $0.severity == 1 }
    add("IR-1, IR-2", "no SEV-1 is open", grave.map(\.message))
    let others = findings.filter { $0.severity == 2 && !["silent", "breaker"].contains($0.kind) }
    add("INV-003, IR-5", "clocks, disks, certificates and notes are in order", others.map(\.message))
    add("ENF-1", "the program enforces what it claims", Self.unfinished.map { "\($0.row): \($0.missing)" })
  }

  private static func size(_ status: JSON?) -> UInt64 {
    status?["final_size"]?.string.flatMap { UInt64($0) } ?? 0
  }

  private mutating func readCluster(_ nodes: [NodeStatus], _ heard: [NodeStatus], _ best: JSON?) {
    add(
      "INV-001, INV-003", "every node answers",
      nodes.filter { $0.status == nil }.map { "\($0.name) does not answer: \($0.reason)" })
    add(
      "INV-016", "a lying party cannot fork the ledger",
      best?["crash_only"]?.bool == false ? [] : ["crash-only: one lying party could fork the ledger"])
    add(
      "INV-015, INV-022", "every node holds the whole ledger",
      heard.filter { $0.status?["history_from"]?.string != "0" }.map { node in
        "\(node.name) has leaves from \(node.status?["history_from"]?.string ?? "?") on alone"
      })
    let newest = best?["semantics"]?["newest"]?.integer ?? 0
    let inForce = best?["semantics"]?["in_force"]?.integer ?? 0
    add(
      "INV-019", "the rules in force are the newest that the nodes apply",
      inForce >= newest && inForce > 0
        ? [] : ["semantics \(inForce) in force, and \(newest) could be: claw version"])
  }

  private mutating func readPolicy(_ heard: [NodeStatus], _ best: JSON?, _ actions: [ActionDefinition]) {
    let policy = best?["policy"]
    let hash = best?["policy_bundle_hash"]?.string
    let size = Self.size(best)
    // Who is behind has what was in force there.
    let others = heard.filter {
      Self.size($0.status) == size && $0.status?["policy_bundle_hash"]?.string != hash
    }
    add(
      "POL-3, POL-6", "one bundle is in force",
      others.map { "\($0.name) has \($0.status?["policy_bundle_hash"]?.string ?? "none")" })
    let author = policy?["author"]?.string
    let isFirst = policy?["is_first"]?.bool == true
    add(
      "POL-7, T4.2", "the bundle is its author's, or the one that all parties have signed for",
      author != nil || isFirst ? [] : ["nobody has signed the bundle in force as its author"])
    var unasked: [String] = []
    for action in actions where action.risk.impactLevel >= .high {
      let people = policy?["asked"]?[action.name]?.integer ?? 0
      let least = action.risk.impactLevel == .critical ? 2 : 1
      if people < least {
        unasked.append(
          "\(action.name) is of \(action.risk.impactLevel.rawValue) impact, and the registry asks \(people) people"
        )
      }
    }
    add("INV-019, INV-020", "people are asked before actions of high impact", unasked)
    let blank = "sha256:" + String(repeating: "0", count: 64)
    add(
      "INV-023, T5.3", "every action's image is pinned",
      actions.filter { $0.imageDigest == blank }.map { "\($0.name) names no image" })
  }

  private mutating func readPeople(_ best: JSON?) {
    let people = best?["people"]
    var missing: [String] = []
    for (name, what) in [("operators", "act as operators"), ("approvers", "approve")] {
      let count = people?[name]?.integer ?? 0
      if count < 2 { missing.append("\(count) distinct people can \(what), and two are needed") }
    }
    add("INV-002, INV-020", "two people can act, and two can approve", missing)
    add(
      "API-4", "someone can confirm what an agent asks for",
      (people?["unconfirmable"]?.array ?? []).compactMap(\.string).map {
        "nobody who answers for \($0) has a second key: enrol one"
      })
  }

  private mutating func readExecutors(_ heard: [NodeStatus], _ declarations: DeclarationCheck) {
    let executors = DeclarationCheck.executors(heard)
    add("HF-8", "an executor is here", executors.isEmpty ? ["none is enlisted"] : [])
    add(
      "HF-9", "every executor can enforce what a runtime must, by its own signature",
      executors.flatMap { declarations.reasons($0, heard) })
  }
}
