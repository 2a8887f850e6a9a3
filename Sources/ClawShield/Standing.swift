import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// Whose votes count: judged when a ballot arrives, and of every earlier ballot anew each time that another does.
extension ShieldState {
  /// Whether this is a person who answers for the agent, now or when it proposed (INV-002).
  func isOwner(_ voter: Enrolment, of cell: ProposalCell) -> Bool {
    #if SIMULATION
    if Mutant.selfApproval.isActive { return voter.principal == cell.content.requestedBy }
    #endif
    if voter.principal == cell.content.requestedBy || voter.owner == cell.owner { return true }
    return semantics >= Semantics.people && voter.owner == responsible(for: cell)
  }

  /// The person who answers for a proposal's agent now.
  func responsible(for cell: ProposalCell) -> String {
    enrolment(of: cell.content.requestedBy)?.owner ?? cell.owner
  }

  /// The key that a person votes with, or confirms with.
  func key(of person: Enrolment, for vote: Vote) -> PublicKey {
    switch vote {
    case .approve, .reject: person.key
    case .confirm: person.secondKey ?? person.key
    }
  }

  /// That no restriction is on the voter, and that the demand's filters let this person count.
  func requireCounting(_ ballot: Ballot, _ voter: Enrolment, _ cell: ProposalCell) throws(Refusal) {
    if let id = restriction(on: .principal(ballot.voter)) {
      throw Refusal(.permissionDenied, "\(ballot.voter.path) is restricted by incident \(id)")
    }
    if let filter = failedFilter(of: voter, role: ballot.role, in: cell) {
      throw Refusal(
        .permissionDenied, "the policy's filter \(filter) does not let this person count as \(ballot.role)")
    }
  }

  /// Whether people of a tenant, or of none where that is empty, have a say about a proposal.
  func isAsked(_ home: String, about cell: ProposalCell) -> Bool {
    home.isEmpty || home == cell.content.tenantID || home == cell.content.crossing?.tenantID
  }

  /// Whether a vote counts now: its voter still is who voted, with the same key, in the same role, and may vote.
  func counts(_ vote: ProposalCell.Vote, in cell: ProposalCell) -> Bool {
    guard let known = enrolment(of: vote.voter, at: logTime), known.owner == vote.owner,
      key(of: known, for: vote.vote) == vote.key
    else { return false }
    guard vote.vote == .confirm || known.roles.contains(vote.role) else { return false }
    guard semantics >= Semantics.people else { return true }
    guard isAsked(known.tenantID, about: cell), restriction(on: .principal(vote.voter)) == nil
    else { return false }
    if vote.vote == .confirm { return known.owner == responsible(for: cell) }
    return !isOwner(known, of: cell)
      && failedFilter(of: known, role: vote.role, in: cell) == nil
  }

  /// The first filter of the role's demand that this person does not pass; nil where all do.
  private func failedFilter(of voter: Enrolment, role: String, in cell: ProposalCell) -> String? {
    let demands = cell.verdict.demands.filter { demand in
      demand.role == role && demand.isOpen(to: voter.tenantID, of: cell.content)
    }
    guard let demand = demands.first(where: { !$0.filters.isEmpty }) else { return nil }
    guard let action = compiled.action(cell.content.action)?.definition else { return demand.filters.first }
    let input = VoterInput(
      proposal: cell.content, action: action, effectiveRisk: cell.verdict.effectiveRisk, voter: voter,
      role: role, time: logTime)
    return demand.filters.first { !compiled.policy.admits(input, filter: $0) }
  }
}
