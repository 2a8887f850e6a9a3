import Crypto
import Records

/// `require_mfa`: the person who answers for the agent confirms with a second key that the request is theirs. The
/// challenge is made with the decision, and the statement binds the proposal's leaf, so that none can be signed
/// before. It is no approval: who else is asked is asked all the same (INV-002).
extension ShieldState {
  /// Whether a confirmation is part of what is waited for.
  func needsConfirmation(_ verdict: Verdict) -> Bool {
    semantics >= Semantics.people && verdict.needsSecondKey
  }

  /// What a confirmation answers: new with every decision.
  func challenge(_ cell: ProposalCell, _ verdict: Verdict) -> String {
    DerivedID.make("challenge", cluster: cluster, cause: verdict.cause, about: cell.index)
  }

  func isConfirmed(_ cell: ProposalCell) -> Bool {
    cell.votes.contains { $0.vote == .confirm && counts($0, in: cell) }
  }

  /// That this is the responsible person's second key, answering the challenge of now.
  func requireResponsible(
    _ ballot: Ballot, _ person: Enrolment, _ hasSecondKey: Bool, _ cell: ProposalCell
  ) throws(Refusal) {
    guard needsConfirmation(cell.verdict) else {
      throw Refusal(.failedPrecondition, "no confirmation is asked for")
    }
    guard person.owner == responsible(for: cell) else {
      throw Refusal(
        .permissionDenied, "only \(responsible(for: cell)), who answers for the agent, confirms its request")
    }
    guard person.tenantID.isEmpty || person.tenantID == cell.content.tenantID else {
      throw Refusal(.permissionDenied, "the person belongs to tenant \(person.tenantID)")
    }
    guard hasSecondKey else {
      throw Refusal(
        .permissionDenied,
        person.secondKey == nil
          ? "no second key is enrolled for \(person.principal.path): ask two operators"
          : "expected a signature by the second key of \(person.principal.path)")
    }
    guard ballot.role == Ballot.confirmingRole, ballot.challenge == challenge(cell, cell.verdict) else {
      throw Refusal(
        .failedPrecondition,
        "the confirmation answers another challenge than \(challenge(cell, cell.verdict)); sign anew")
    }
    if let id = restriction(on: .principal(ballot.voter)) {
      throw Refusal(.permissionDenied, "\(ballot.voter.path) is restricted by incident \(id)")
    }
    guard !isConfirmed(cell), cell.votes.count < ProposalCell.maximumRelated else {
      throw Refusal(.alreadyExists, "it is confirmed already")
    }
  }
}
