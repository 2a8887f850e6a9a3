import Canonical
import Host
import Records

/// Several proposals that ask for the same, shown once.
struct PendingGroup {
  private(set) var items: [PendingProposal]
  var first: PendingProposal { items[0] }

  /// Groups what is alike, in the order of the first of each.
  static func groups(_ items: [PendingProposal]) -> [PendingGroup] {
    var groups: [PendingGroup] = []
    var positions: [String: Int] = [:]
    for item in items {
      if let position = positions[item.likeness] {
        groups[position].items.append(item)
      } else {
        positions[item.likeness] = groups.count
        groups.append(PendingGroup(items: [item]))
      }
    }
    return groups
  }
}

/// What an approver reads before a vote, within eighty columns: who asks, what exactly, why it needs people, what it
/// puts at stake, and what happens if nobody does anything.
struct PendingReport {
  static let columns = 80
  private static let indent = "            "

  let group: PendingGroup
  let now: Timestamp

  var text: String {
    let item = group.first
    let proposal = item.proposal
    var lines = ["leaf \(item.wire.proposal): \(proposal.requestedBy.path)"]
    add("asks for", "\(proposal.action) in workspace \(proposal.workspaceID)", &lines)
    add(
      "what",
      item.parameters?.canonical
        ?? "\(item.wire.attachmentLeftOut) bytes, too long here: claw pending --leaf \(item.wire.proposal)",
      &lines)
    if let preview = item.preview {
      add("would", preview.result?.canonical ?? "too long for a list; see claw pending --leaf", &lines)
    }
    if !proposal.inputs.isEmpty { add("reads", proposal.inputs.map(\.hex).joined(separator: " "), &lines) }
    if let crossing = proposal.crossing {
      add("crosses", "to workspace \(crossing.workspaceID) of tenant \(crossing.tenantID)", &lines)
    }
    add("scopes", proposal.scopes.joined(separator: ", "), &lines)
    add("risk", risk(item), &lines)
    for rule in item.wire.rules where rule.effect != "approve" {
      add("why", "\(rule.rule): \(rule.message)", &lines)
    }
    for need in needs(item) { add("needs", need, &lines) }
    add("else", otherwise(item), &lines)
    if group.items.count > 1 {
      let leaves = group.items.map { String($0.wire.proposal) }.joined(separator: ", ")
      add(
        "repeats", "\(group.items.count) times the same, each with a vote of its own: leaves \(leaves)",
        &lines)
    }
    add("hash", proposal.parametersHash.hex, &lines)
    let leaf = item.wire.proposal
    add(
      "decide",
      item.wire.unconfirmed
        ? "claw confirm \(leaf) (\(item.wire.responsible) alone); then claw approve \(leaf) or claw reject \(leaf)"
        : "claw approve \(leaf) or claw reject \(leaf), with --reason TEXT", &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The lines of one field. Words of others stand on their own lines of ours, and break nowhere else.
  private func add(_ name: String, _ text: String, _ lines: inout [String]) {
    let label = "  \(name)" + String(repeating: " ", count: max(1, Self.indent.count - name.count - 2))
    let wrapped = Self.wrap(VisibleText.line(text), width: Self.columns - Self.indent.count)
    for (position, line) in wrapped.enumerated() {
      lines.append((position == 0 ? label : Self.indent) + line)
    }
  }

  /// Breaks a line at spaces, and words that are longer than a line anywhere.
  static func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var rest = Substring(text)
    // Parameters may have a mebibyte: nothing here counts what is left of them.
    while let limit = rest.index(rest.startIndex, offsetBy: width, limitedBy: rest.endIndex),
      limit < rest.endIndex
    {
      let end = rest[...limit].lastIndex(of: " ") ?? limit
      lines.append(String(rest[..<end]))
      rest = rest[end...].drop { $0 == " " }
    }
    return lines + [String(rest)]
  }

  private func risk(_ item: PendingProposal) -> String {
    let declared = item.proposal.risk
    guard let risk = item.decision?.effectiveRisk else { return "declared: \(words(declared))" }
    return risk == declared ? words(risk) : "\(words(risk)); the agent declared \(words(declared))"
  }

  private func words(_ risk: RiskContext) -> String {
    "\(risk.impactLevel.rawValue) impact, \(risk.dataClassification.rawValue) data, \(risk.estimatedCost.text) USD"
  }

  private func needs(_ item: PendingProposal) -> [String] {
    var needs = item.wire.demands.enumerated().map { position, demand in
      let filters =
        item.decision.flatMap { position < $0.demands.count ? $0.demands[position].filters : nil } ?? []
      let held = filters.isEmpty ? "" : " (\(filters.joined(separator: ", ")))"
      let whose = demand.tenant.isEmpty ? "" : " of tenant \(demand.tenant)"
      return "\(demand.count) of role \(demand.role)\(whose)\(held), has \(demand.approved)"
    }
    if item.wire.unconfirmed {
      needs.append("a confirmation by \(item.wire.responsible), who answers for the agent, with a second key")
    }
    return needs
  }

  private func otherwise(_ item: PendingProposal) -> String {
    let rejections = item.decision?.rejections ?? 1
    let veto = rejections == 1 ? "one rejection denies it" : "\(rejections) rejections deny it"
    guard let end = Timestamp(text: item.wire.deadline) else { return veto }
    return "\(veto); if nobody acts it is denied at \(item.wire.deadline) (\(span(until: end)))"
  }

  private func span(until end: Timestamp) -> String {
    let seconds = end.since(now).nanoseconds / 1_000_000_000
    if seconds <= 0 { return "now" }
    if seconds < 120 { return "in \(seconds) s" }
    return seconds < 7200 ? "in \(seconds / 60) min" : "in \(seconds / 3600) h"
  }

  // MARK: For programs

  static func json(_ item: PendingProposal) -> JSON {
    let wire = item.wire
    var members: [(String, JSON)] = [
      ("leaf", .string(String(wire.proposal))), ("proposal_hash", .string(item.leafHash.hex)),
      ("proposal", item.proposal.json), ("parameters", item.parameters ?? .null),
      ("parameters_left_out", .string(String(wire.attachmentLeftOut))),
      (
        "demands",
        .array(
          wire.demands.map {
            .object([
              ("role", .string($0.role)), ("count", .integer(Int($0.count))),
              ("approved", .integer(Int($0.approved))), ("tenant", .string($0.tenant)),
            ])
          })
      ), ("deadline", .string(wire.deadline)), ("policy_bundle_hash", .string(wire.policyBundleHash)),
      ("responsible", .string(wire.responsible)), ("unconfirmed", .bool(wire.unconfirmed)),
      (
        "rules",
        .array(
          wire.rules.map {
            .object([
              ("rule", .string($0.rule)), ("effect", .string($0.effect)), ("message", .string($0.message)),
            ])
          })
      ),
    ]
    if let decision = item.decision { members.append(("decision", decision.json)) }
    if let preview = item.preview {
      members.append(("preview_hash", .digest(preview.hash)))
      members.append(("preview", preview.result ?? .null))
    }
    return .object(members)
  }
}
