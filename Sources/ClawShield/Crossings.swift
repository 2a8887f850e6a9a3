import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// What reads another tenant's files (Decision 021): an approver of each tenant agrees, what comes of it keeps both marks, and
/// either takes its consent back.
extension ShieldState {
  /// The rule that asks both tenants.
  static let crossingRule = "floor.crossing"

  /// An input's artifact: of the proposal's own workspace, or of the one that it crosses to.
  func inputCell(_ proposal: Proposal, _ digest: Digest) -> ArtifactCell? {
    artifactCell(proposal.tenantID, proposal.workspaceID, digest) ?? crossedCell(proposal, digest)
  }

  /// An input that only the other tenant has.
  private func crossedCell(_ proposal: Proposal, _ digest: Digest) -> ArtifactCell? {
    guard let crossing = proposal.crossing,
      artifactCell(proposal.tenantID, proposal.workspaceID, digest) == nil
    else { return nil }
    return artifactCell(crossing.tenantID, crossing.workspaceID, digest)
  }

  /// Who must agree.
  func crossingDemands(_ proposal: Proposal) -> [ApprovalDemand] {
    guard let crossing = proposal.crossing else { return [] }
    #if SIMULATION
    if Mutant.crossingByOne.isActive {
      return [ApprovalDemand(role: Floor.role, count: 1, tenant: proposal.tenantID)]
    }
    #endif
    return [proposal.tenantID, crossing.tenantID].map {
      ApprovalDemand(role: Floor.role, count: 1, tenant: $0)
    }
  }

  /// Asks for them. Whether the other tenant has what is named, and with which labels, is looked at once its people have
  /// agreed: before, an answer would tell its agent what they have.
  func checkCrossing(_ subject: Subject, _ rules: inout FiredRules) {
    guard let crossing = subject.proposal.crossing else { return }
    rules.fire(
      Self.crossingRule, .requireMultiSig,
      "reads files of workspace \(crossing.workspaceID) of tenant \(crossing.tenantID): an approver of each of "
        + "the two must agree")
    guard subject.isAgreed else { return }
    for digest in subject.proposal.inputs where inputCell(subject.proposal, digest) == nil {
      rules.fire(
        "floor.crossing_input", .deny,
        "input \(digest.hex.prefix(16))… is in neither of the two workspaces")
    }
    let labels = subject.proposal.inputs.reduce([]) { labels, digest in
      Labels.joined(labels, crossedCell(subject.proposal, digest)?.labels ?? [])
    }
    // Two tenants can agree on what is theirs alone.
    if labels.contains(where: {
      !Self.isOf(crossing.tenantID, $0) && !Self.isOf(subject.proposal.tenantID, $0)
    }) {
      rules.fire(
        "floor.crossing_labels", .deny,
        "an input bears a mark that is neither tenant's: nobody was asked about that")
    }
  }

  /// Whether a label is a tenant's own, an executor's or outside text's, which are nobody's.
  private static func isOf(_ tenant: String, _ label: String) -> Bool {
    if label == tenant || label == Floor.untrusted { return true }
    switch Principal(path: label) {
    case .agent(let own, _): return own == tenant
    case .executor: return true
    case .approver, .operator, .auditor, .node, nil: return false
    }
  }

  // MARK: Taking it back

  /// Whether a ballot takes a tenant's consent back: a rejection of what is approved and has not ended.
  func isRevocation(_ ballot: Ballot, _ cell: ProposalCell, at time: Timestamp) -> Bool {
    guard ballot.vote == .reject, cell.content.crossing != nil, cell.isOutstanding, cell.voided == nil,
      let grant = cell.grant
    else { return false }
    return grant.expiresAt > time
  }

  /// That it is an approver of one of the two tenants, about exactly this proposal.
  func requireRevoking(_ ballot: Ballot, _ voter: Enrolment, _ cell: ProposalCell) throws(Refusal) {
    guard ballot.proposalHash == cell.leafHash, ballot.parametersHash == cell.content.parametersHash else {
      throw Refusal(.failedPrecondition, "the ballot binds another proposal or other parameters")
    }
    guard let grant = cell.grant, ballot.signedAt >= grant.issuedAt else {
      throw Refusal(.failedPrecondition, "the ballot is older than the approval: look again and sign anew")
    }
    let tenants = [cell.content.tenantID, cell.content.crossing?.tenantID ?? ""]
    guard !isOwner(voter, of: cell), tenants.contains(voter.tenantID), ballot.role == Floor.role,
      voter.roles.contains(Floor.role)
    else {
      throw Refusal(
        .permissionDenied, "an approver of tenant \(tenants.joined(separator: " or ")) takes it back")
    }
    if let id = restriction(on: .principal(ballot.voter)) {
      throw Refusal(.permissionDenied, "\(ballot.voter.path) is restricted by incident \(id)")
    }
  }

  /// The token is void, and executors are told so with their leases.
  mutating func takeBack(
    _ signed: Signed<Ballot>, _ voter: Enrolment, _ old: ProposalCell, at index: LeafIndex
  ) {
    guard let grant = old.grant else { return }
    var cell = old
    cell.votes.append(
      ProposalCell.Vote(
        voter: voter.principal, owner: voter.owner, key: voter.key, role: signed.content.role, vote: .reject,
        leaf: index, contentHash: signed.contentHash))
    cell.relate(index)
    change(old, to: cell)
    let id = DerivedID.make("crossing_revoked", cluster: cluster, cause: index, about: cell.index)
    let incident = DerivedIncident(
      incidentID: id, kind: .crossingRevoked, cause: index, about: cell.index,
      tenantID: cell.content.tenantID,
      target: .token(grant.tokenID),
      message: "\(voter.principal.path) takes back the consent of tenant \(voter.tenantID)")
    setIncident(
      IncidentCell(
        incidentID: id, origin: .breaker(incident, written: nil), target: incident.target, leaf: index,
        at: logTime))
    restrict(incident.target, because: "\(voter.principal.path) for tenant \(voter.tenantID)", cause: index)
  }
}
