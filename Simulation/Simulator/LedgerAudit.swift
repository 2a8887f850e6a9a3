import Crypto
import Merkle
import Records

/// Reads the final leaves apart from ClawShield, and says what an approval must have had before it: its agent's
/// own signature, people who may vote and did, one decision, and no breaker or restriction in force.
///
/// It knows the enrolments of the genesis, the signatures and the order of leaves, and nothing of the state.
struct LedgerAudit: Sendable {
  private struct Asked: Sendable {
    let content: Proposal
    let leaf: Digest
    var votes: [(owner: String, tenant: String, vote: Vote, leaf: UInt64)] = []
    var approvals = 0
  }

  private let enrolments: [Enrolment]
  private let cluster: Digest
  private var proposals: [UInt64: Asked] = [:]
  /// Approving leaves, ascending.
  private(set) var approvals: [(leaf: UInt64, decision: Decision)] = []
  /// Receipts, by their leaves, with the approval that each is for.
  private(set) var receipts: [UInt64: Signed<Receipt>] = [:]
  /// By agent and request id: the leaf that took it.
  private var requests: [String: UInt64] = [:]
  /// Restrictions in force, and their targets.
  private var restrictions: [(id: String, target: IncidentTarget)] = []
  /// Those of people alone.
  private var acts: [RestrictionList.Entry] = []
  /// When leases stop naming those that are about tokens: once none from before them is left.
  private var delisting: [(id: String, at: Timestamp)] = []
  /// Restrictions whose signer nobody had removed when their leaf came.
  private var held: [String] = []
  private var removed: [(principal: Principal, leaf: UInt64)] = []
  /// What people have lifted, and the leaf that says so.
  private(set) var lifted: [(id: String, leaf: UInt64)] = []
  /// The act whose change of members is on its way, and whether all decide with both majorities.
  private var change: (actID: String, isJoint: Bool)?
  /// How many changes of members were taken back.
  private(set) var cancelled = 0
  private var semantics = 1
  /// Whether newer rules have come in the middle.
  private(set) var hasUpgraded = false
  /// A node takes no entry that is more than two seconds ahead of its own clock, and most clocks are right to
  /// within two.
  private static var allowedLead: Interval { .seconds(4) }

  init(enrolments: [Enrolment], cluster: Digest) {
    self.enrolments = enrolments
    self.cluster = cluster
  }

  /// The restrictions that a lease of this time need not name any more.
  func delisted(at time: Timestamp) -> [String] { delisting.filter { $0.at <= time }.map(\.id) }

  /// Whether a leaf holds the restriction from before its signer was removed.
  func holds(_ id: String) -> Bool { held.contains(id) }

  /// The leaf that removed somebody.
  func removal(of principal: Principal) -> UInt64? { removed.first { $0.principal == principal }?.leaf }

  /// Whether this leaf is a proposal that its agent signed, and the first under its request id.
  func isProposal(at leaf: UInt64) -> Bool { proposals[leaf] != nil }

  /// The leaf of an agent's request, and its hash.
  func proposal(agent: UInt64, request: UInt64) -> (leaf: LeafIndex, hash: Digest)? {
    guard
      let path = enrolments.first(where: { $0.principal.path.hasSuffix("/agent/agent\(agent)") })?.principal
        .path,
      let leaf = requests["\(path) agent\(agent)-\(request)"], let asked = proposals[leaf]
    else { return nil }
    return (LeafIndex(leaf), asked.leaf)
  }

  private func enrolment(_ principal: Principal) -> Enrolment? {
    enrolments.first { $0.principal == principal }
  }

  private func isSigned<Content>(_ signed: Signed<Content>, by principal: Principal) -> Bool {
    guard let known = enrolment(principal) else { return false }
    return signed.verifiedSignatures(cluster: cluster).contains { $0.key == known.key && $0.by == principal }
  }

  /// Takes the next leaf up; why it cannot be there, or nil.
  mutating func take(_ record: Record, at index: UInt64, now: Timestamp) -> String? {
    if record.at.since(now) > Self.allowedLead {
      return "leaf \(index) says that it is \(record.at.text), and it is \(now.text)"
    }
    switch record.body {
    case .proposal(let signed):
      let content = signed.content
      guard isSigned(signed, by: content.requestedBy) else { return nil }
      let key = "\(content.requestedBy.path) \(content.requestID)"
      guard requests[key] == nil else { return nil }
      requests[key] = index
      proposals[index] = Asked(content: content, leaf: TreeHash.leaf(record.bytes))
    case .ballot(let signed):
      let ballot = signed.content
      // A confirmation is no vote.
      guard ballot.vote != .confirm, let voter = enrolment(ballot.voter), voter.roles.contains(ballot.role),
        isSigned(signed, by: ballot.voter), var asked = proposals[ballot.proposal.value],
        asked.leaf == ballot.proposalHash, voter.owner != enrolment(asked.content.requestedBy)?.owner,
        !asked.votes.contains(where: { $0.owner == voter.owner })
      else { return nil }
      asked.votes.append((voter.owner, voter.tenantID, ballot.vote, index))
      proposals[ballot.proposal.value] = asked
    case .decision(let decision): return take(decision, at: index)
    case .incident(let signed): take(signed, at: index, time: record.at)
    case .derivedIncident(let incident):
      if incident.kind == .breaker { restrictions.append((incident.incidentID, incident.target)) }
    case .receipt(let signed): receipts[index] = signed
    case .genesis(let genesis): semantics = genesis.semantics
    case .version(let signed):
      semantics = signed.content.semantics
      hasUpgraded = true
    case .members(let signed, _): return take(signed.content, at: index)
    case .derivedMembers(let derived): change = derived.step == .joint ? change.map { ($0.actID, true) } : nil
    case .enrol(let signed):
      if let principal = signed.content.revoke { removed.append((principal, index)) }
    case .term, .tick, .withdrawal, .policy, .artifact, .key: break
    case .recovery(let record): if record.key != nil { change = nil }
    }
    return nil
  }

  /// A change of members ends with its key, or by what two operators signed against it and nothing else.
  private mutating func take(_ act: MembersAct, at index: UInt64) -> String? {
    guard let ended = change else {
      if let other = act.takesBack { return "leaf \(index) takes back \(other), which is not on its way" }
      change = (act.actID, isJoint: false)
      return nil
    }
    cancelled += 1
    if !ended.isJoint { change = nil }
    guard semantics >= Semantics.namedReturns, act.takesBack != ended.actID else { return nil }
    return "leaf \(index), \(act.actID), ends the change of \(ended.actID), which it does not name"
  }

  private mutating func take(_ signed: Signed<IncidentAct>, at index: UInt64, time: Timestamp) {
    let act = signed.content
    if signed.signatures.contains(where: { line in !removed.contains { $0.principal == line.by } }) {
      held.append(act.incidentID)
    }
    switch act.target {
    case .all, .certificates(of: .node, before: _): break
    case .tenant, .principal, .token, .certificates:
      delisting.append((act.incidentID, time.advanced(by: .seconds(900))))
    }
    let people = signed.verifiedSignatures(cluster: cluster).filter { line in
      if case .operator = line.by { return enrolment(line.by)?.key == line.key }
      return false
    }
    var needed = act.kind.isRestriction ? 1 : 2
    if case .certificates(of: .node, before: _) = act.target { needed = 2 }
    guard people.count >= needed, act.kind != .erase else { return }
    if act.kind == .lift {
      restrictions.removeAll { act.lifts.contains($0.id) }
      acts.removeAll { act.lifts.contains($0.incidentID) }
      lifted += act.lifts.map { ($0, index) }
    } else if !lifted.contains(where: { $0.id == act.incidentID }) {
      restrictions.append((act.incidentID, act.target))
      acts.append(RestrictionList.Entry(incidentID: act.incidentID, target: act.target))
    }
  }

  /// An approval is only an objection where its grant can be used: a void one is a leaf that means nothing, and is
  /// nobody's consent. So what is held against the rules here is what executors are handed: see
  /// ``objection(to:)``.
  private mutating func take(_ decision: Decision, at index: UInt64) -> String? {
    guard decision.decisionType == .approve, decision.grant != nil else { return nil }
    proposals[decision.proposal.value]?.approvals += 1
    approvals.append((index, decision))
    return nil
  }

  /// Proposals that were approved, ascending by approval.
  var approved: [UInt64] { approvals.map(\.decision.proposal.value) }

  /// Why this receipt may not count for a proposal; nil where it may: its executor alone signed it, the approval names that
  /// executor and incarnation, and it is about that approval.
  func objection(toReceipt leaf: UInt64, of proposal: UInt64) -> String? {
    guard let signed = receipts[leaf] else { return "leaf \(leaf), which counts as a receipt, is none" }
    let receipt = signed.content
    guard let approval = approvals.first(where: { $0.leaf == receipt.decision.value }),
      let grant = approval.decision.grant, approval.decision.proposal.value == proposal, approval.leaf < leaf
    else { return "the receipt at leaf \(leaf) is for no approval of the proposal at leaf \(proposal)" }
    guard receipt.executorID == grant.executorID, receipt.executorIncarnation == grant.executorIncarnation,
      isSigned(signed, by: grant.executorID)
    else {
      return "the receipt at leaf \(leaf) counts, and the approval names \(grant.executorID.path)"
    }
    guard receipt.tokenID == grant.tokenID, receipt.requestID == approval.decision.requestID,
      receipt.tenantID == approval.decision.tenantID,
      receipt.parametersHash == approval.decision.parametersHash
    else { return "the receipt at leaf \(leaf) counts, and is about something else than the approval" }
    return nil
  }

  /// Why a note of everything so far may not consent to this; nil where it may.
  func objection(to consent: ConsentLine) -> String? {
    let list = RestrictionList(acts)
    for (leaf, decision) in approvals where consent.covers(LeafIndex(leaf)) {
      guard let grant = decision.grant,
        list.isHalted
          || list.forbids(
            tokenID: grant.tokenID, tenant: decision.tenantID, agent: decision.requestedBy,
            executor: grant.executorID) != nil
      else { continue }
      let agent = decision.requestedBy.path
      return "consents to approval \(leaf) of \(agent), which a restriction below it forbids"
    }
    return nil
  }

  /// Why nobody may have consented to this approval, by what precedes it in the ledger; nil where they may.
  func objection(to decision: Decision) -> String? {
    guard let asked = proposals[decision.proposal.value] else {
      return "its proposal is not one that an enrolled agent signed"
    }
    let content = asked.content
    guard asked.leaf == decision.proposalHash, content.requestedBy == decision.requestedBy else {
      return "it is about another proposal"
    }
    guard case .agent(let tenant, _) = content.requestedBy, tenant == content.tenantID else {
      return "\(content.requestedBy.path) acts for tenant \(content.tenantID)"
    }
    // What was said after the decision was caused came too late.
    let votes = asked.votes.filter { $0.leaf <= decision.cause.value }
    if votes.contains(where: { $0.vote == .reject }) { return "somebody who may vote rejected it" }
    if let crossing = content.crossing {
      guard decision.crossing == crossing else { return "it says of another tenant than its proposal" }
      for tenant in [content.tenantID, crossing.tenantID]
      where !votes.contains(where: { $0.tenant == tenant && $0.vote == .approve }) {
        return "nobody of tenant \(tenant) approved what crosses to \(crossing.tenantID)"
      }
    }
    let needed = content.action == "deploy" ? 2 : 0
    let approving = votes.count { $0.vote == .approve }
    guard approving >= needed else {
      return "\(approving) people who may vote approved what needs \(needed)"
    }
    return nil
  }
}
