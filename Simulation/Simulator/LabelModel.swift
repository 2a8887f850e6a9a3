import ClawShield
import Crypto
import Records

/// Labels as they follow from the leaves, worked out apart from ClawShield: an artifact has its own, and a result those of
/// every input besides, as they were when it came. What an artifact really holds is known from its canaries.
struct LabelModel: Sendable {
  private struct Place: Hashable, Sendable {
    let tenant: String
    let workspace: String
    let digest: Digest
  }

  private var artifacts: [(place: Place, labels: [String])] = []
  private var proposals: [UInt64: Proposal] = [:]
  /// The labels of what a proposal reads of its own tenant, as they were when it came.
  private var readings: [UInt64: [String]] = [:]
  /// The proposals of approving leaves, and whether those let text from outside in.
  private var approvals: [UInt64: (proposal: UInt64, reachesOut: Bool)] = [:]
  /// The rules that the log has put in force.
  private var semantics = 1
  /// Whether something was erased under rules that forget labels with it, and bring back those of files that were let go of.
  private var isLoose = false
  /// The labels that a proposal's inputs had when they were erased.
  private var erased: [UInt64: [String]] = [:]
  /// Whose canaries a content holds.
  private var origins: [Digest: [String]] = [:]
  /// Whether something is new since the last comparison.
  private(set) var isChanged = false

  mutating func holds(_ digest: Digest, _ agents: [String]) { origins[digest] = agents }

  /// Takes the next leaf up.
  mutating func take(_ record: Record, at index: UInt64) {
    switch record.body {
    case .proposal(let signed):
      proposals[index] = signed.content
      readings[index] = signed.content.inputs.flatMap { digest in
        let place = Place(
          tenant: signed.content.tenantID, workspace: signed.content.workspaceID, digest: digest)
        return artifacts.first { $0.place == place }?.labels ?? []
      }
    case .decision(let decision):
      if let grant = decision.grant {
        approvals[index] = (decision.proposal.value, grant.allowedScopes.contains { $0.hasPrefix("egress:") })
      }
    case .artifact(let signed): take(signed.content)
    case .incident(let act):
      // An erased tenant has no files any more; what it puts afterwards begins anew.
      guard act.content.kind == .erase, case .tenant(let tenant) = act.content.target else { return }
      if semantics < Semantics.erasedInputs { isLoose = true }
      for (index, proposal) in proposals
      where proposal.tenantID == tenant || proposal.crossing?.tenantID == tenant {
        erased[index, default: []] += proposal.inputs.flatMap { labels(of: $0, for: proposal) }
      }
      artifacts.removeAll { $0.place.tenant == tenant }
    case .genesis(let genesis): semantics = genesis.semantics
    case .version(let act): semantics = act.content.semantics
    case .term, .tick, .withdrawal, .receipt, .enrol, .policy, .ballot,
      .derivedIncident, .members, .derivedMembers, .key, .recovery:
      break
    }
  }

  private mutating func take(_ note: ArtifactNote) {
    var labels = note.labels
    if let decision = note.decision, let asked = approvals[decision.value],
      let proposal = proposals[asked.proposal]
    {
      if asked.reachesOut { labels.append("untrusted") }
      if let crossing = proposal.crossing { labels += [crossing.tenantID, "untrusted"] }
      for digest in proposal.inputs { labels += self.labels(of: digest, for: proposal) }
      labels += erased[asked.proposal] ?? []
    }
    isChanged = true
    let place = Place(tenant: note.tenantID, workspace: note.workspaceID, digest: note.digest)
    guard let position = artifacts.firstIndex(where: { $0.place == place }) else {
      artifacts.append((place, Self.sorted(labels)))
      return
    }
    artifacts[position].labels = Self.sorted(artifacts[position].labels + labels)
  }

  /// What an input is marked with now; nothing where there is none.
  private func labels(of digest: Digest, for proposal: Proposal) -> [String] {
    let own = Place(tenant: proposal.tenantID, workspace: proposal.workspaceID, digest: digest)
    let foreign = proposal.crossing.map {
      Place(tenant: $0.tenantID, workspace: $0.workspaceID, digest: digest)
    }
    return (artifacts.first { $0.place == own } ?? artifacts.first { $0.place == foreign })?.labels ?? []
  }

  private static func sorted(_ labels: [String]) -> [String] {
    var out: [String] = []
    for label in labels.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where out.last != label {
      out.append(label)
    }
    return out
  }

  /// The labels of what a proposal reads of its own tenant, whatever an executor says of them; none where its leaf is not
  /// known yet.
  func readings(of proposal: LeafIndex) -> [String] { readings[proposal.value] ?? [] }

  /// Why nothing may run by this decision, for the labels of what it reads; nil where it may.
  func objection(to decision: Decision) -> String? {
    guard let labels = readings[decision.proposal.value] else { return nil }
    // No agent of these worlds has a grant for another's mark.
    if let foreign = labels.first(where: { !Self.isCovered($0, for: decision.tenantID) }) {
      return "\(decision.requestedBy.path) reads what is marked \(foreign), and has no grant for it"
    }
    let isAsked = decision.rulesFired.contains { $0.rule == "floor.untrusted_input" }
    if labels.contains("untrusted"), decision.effectiveRisk.impactLevel >= .high, !isAsked {
      return "\(decision.requestedBy.path) reads outside text for high impact, and nobody was asked for that"
    }
    return nil
  }

  private static func isCovered(_ label: String, for tenant: String) -> Bool {
    switch Principal(path: label) {
    case .agent(let own, _): own == tenant
    case .executor: true
    case .approver, .operator, .auditor, .node: false
    case nil: label == tenant || label == "untrusted"
    }
  }

  /// What differs in a state of the same size; nil where nothing does. A lying leader may have put leaves in the log that
  /// mean nothing: then only what a state has too is compared, and no label may be missing of what it really holds.
  mutating func objection(to state: ShieldState, isExact: Bool) -> String? {
    isChanged = false
    if isLoose { return nil }
    for (place, labels) in artifacts {
      guard
        let known = state.artifact(tenant: place.tenant, workspace: place.workspace, digest: place.digest)
      else {
        let dropped = state.droppedArtifact(
          tenant: place.tenant, workspace: place.workspace, digest: place.digest)
        if isExact, dropped == nil {
          return "artifact \(place.digest.hex.prefix(16)) is in the ledger and not in the state"
        }
        continue
      }
      if isExact, known.labels != labels {
        return "artifact \(place.digest.hex.prefix(16)) has labels \(known.labels), and should have \(labels)"
      }
      if let missing = (origins[place.digest] ?? []).first(where: { !known.labels.contains($0) }) {
        return
          "artifact \(place.digest.hex.prefix(16)) holds something of \(missing), and has labels \(known.labels)"
      }
    }
    return nil
  }
}
