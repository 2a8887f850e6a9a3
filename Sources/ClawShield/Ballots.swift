import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  // MARK: Admission

  /// A ballot: its voter's signature, what it binds, and that this person may vote here and has not yet.
  func admit(_ signed: Signed<Ballot>, at time: Timestamp) throws(Refusal) -> Admittance {
    let ballot = signed.content
    switch ballot.voter {
    case .approver, .operator: break
    case .agent, .executor, .node, .auditor:
      throw Refusal(.permissionDenied, "people vote, not \(ballot.voter.path)")
    }
    try requireKnownForm(signed)
    let isConfirmation = ballot.vote == .confirm
    let (voter, hasSecondKey) = try signer(
      of: signed, expected: ballot.voter, at: time, needsFirstKey: !isConfirmation)
    guard let cell = proposal(ballot.proposal) else {
      throw Refusal(.notFound, "no proposal is remembered at leaf \(ballot.proposal.value)")
    }
    if let vote = cell.votes.first(where: { $0.contentHash == signed.contentHash }) {
      return .known(vote.leaf)
    }
    try requireValidity(ballot.validUntil, at: time)
    if isRevocation(ballot, cell, at: time) {
      try requireRevoking(ballot, voter, cell)
      return .accept
    }
    try requireOpen(cell, at: time)
    try requireBinding(ballot, cell)
    if isConfirmation {
      try requireResponsible(ballot, voter, hasSecondKey, cell)
      return .accept
    }
    try requireStanding(ballot, voter, cell)
    if cell.verdict.needsSecondKey, !hasSecondKey {
      throw Refusal(.permissionDenied, "expected signatures by both of the voter's keys")
    }
    return .accept
  }

  /// That everything in the ballot means something under the semantics in force.
  private func requireKnownForm(_ signed: Signed<Ballot>) throws(Refusal) {
    guard semantics < Semantics.people else { return }
    guard signed.content.vote != .confirm, signed.signatures.allSatisfy({ $0.algorithm == .ed25519 }) else {
      throw Refusal(
        .failedPrecondition, "confirmations and OpenSSH signatures need semantics \(Semantics.people)")
    }
  }

  /// That the ballot is about exactly what is being asked.
  private func requireBinding(_ ballot: Ballot, _ cell: ProposalCell) throws(Refusal) {
    guard ballot.proposalHash == cell.leafHash, ballot.parametersHash == cell.content.parametersHash else {
      throw Refusal(.failedPrecondition, "the ballot binds another proposal or other parameters")
    }
    guard ballot.policyBundleHash == compiled.bundle.hash else {
      throw Refusal(
        .failedPrecondition, "the ballot binds another policy bundle; \(compiled.bundle.hash.hex) is active")
    }
    guard ballot.previewHash == cell.previewHash else {
      throw Refusal(
        .invalidArgument,
        cell.previewHash.map { "the ballot does not bind the preview, whose hash is \($0.hex)" }
          ?? "the ballot binds a preview, and this action has none")
    }
    // A bundle that returns does not bring its old ballots back.
    if cell.verdict.cause != cell.index, ballot.signedAt < cell.verdict.decidedAt {
      throw Refusal(
        .failedPrecondition,
        "the proposal was decided again at \(cell.verdict.decidedAt.text); look again and sign anew")
    }
  }

  /// That this person may vote on this proposal, in this role, and has not voted (INV-002).
  private func requireStanding(_ ballot: Ballot, _ voter: Enrolment, _ cell: ProposalCell) throws(Refusal) {
    guard !isOwner(voter, of: cell) else {
      throw Refusal(.permissionDenied, "neither the agent nor its owner votes on its proposal")
    }
    guard isAsked(voter.tenantID, about: cell) else {
      throw Refusal(.permissionDenied, "the voter belongs to tenant \(voter.tenantID)")
    }
    guard voter.roles.contains(ballot.role) else {
      throw Refusal(.permissionDenied, "the voter does not hold the role \(ballot.role)")
    }
    guard
      cell.verdict.demands.contains(where: {
        $0.role == ballot.role && $0.isOpen(to: voter.tenantID, of: cell.content)
      })
    else {
      let roles = cell.verdict.demands.map(\.role).joined(separator: ", ")
      throw Refusal(.failedPrecondition, "the role \(ballot.role) is not asked; \(roles) is")
    }
    #if SIMULATION
    let hasVoted =
      Mutant.ballotCountedTwice.isActive
      ? false : cell.votes.contains { $0.owner == voter.owner || $0.key == voter.key }
    #else
    let hasVoted = cell.votes.contains { $0.owner == voter.owner || $0.key == voter.key }
    #endif
    guard !hasVoted else {
      throw Refusal(.alreadyExists, "this person has voted already")
    }
    if semantics >= Semantics.people { try requireCounting(ballot, voter, cell) }
    guard cell.votes.count < ProposalCell.maximumRelated else {
      throw Refusal(.resourceExhausted, "too many ballots on one proposal")
    }
  }
}
