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
    let (voter, hasSecondKey) = try signer(of: signed, expected: ballot.voter, at: time)
    guard let cell = proposal(ballot.proposal) else {
      throw Refusal(.notFound, "no proposal is remembered at leaf \(ballot.proposal.value)")
    }
    if let vote = cell.votes.first(where: { $0.contentHash == signed.contentHash }) {
      return .known(vote.leaf)
    }
    try requireValidity(ballot.validUntil, at: time)
    try requireOpen(cell, at: time)
    try requireBinding(ballot, cell)
    try requireStanding(ballot, voter, cell)
    if cell.verdict.needsSecondKey, !hasSecondKey {
      throw Refusal(.permissionDenied, "expected signatures by both of the voter's keys")
    }
    return .accept
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
    guard ballot.previewHash == nil else {
      throw Refusal(.invalidArgument, "the ballot binds a preview, and this action has none")
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
    #if SIMULATION
    let isOwn =
      Mutant.selfApproval.isActive
      ? ballot.voter == cell.content.requestedBy
      : ballot.voter == cell.content.requestedBy || voter.owner == cell.owner
    #else
    let isOwn = ballot.voter == cell.content.requestedBy || voter.owner == cell.owner
    #endif
    guard !isOwn else {
      throw Refusal(.permissionDenied, "neither the agent nor its owner votes on its proposal")
    }
    guard voter.tenantID.isEmpty || voter.tenantID == cell.content.tenantID else {
      throw Refusal(.permissionDenied, "the voter belongs to tenant \(voter.tenantID)")
    }
    guard voter.roles.contains(ballot.role) else {
      throw Refusal(.permissionDenied, "the voter does not hold the role \(ballot.role)")
    }
    guard cell.verdict.demands.contains(where: { $0.role == ballot.role }) else {
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
    guard cell.votes.count < ProposalCell.maximumRelated else {
      throw Refusal(.resourceExhausted, "too many ballots on one proposal")
    }
  }

  // MARK: Effect

  /// Counts a ballot. One rejection denies; when every demand is met, the proposal is approved, unless
  /// the floor or a breaker has come to forbid it meanwhile.
  mutating func take(_ signed: Signed<Ballot>, at index: LeafIndex) {
    let ballot = signed.content
    guard let old = proposal(ballot.proposal), let voter = enrolment(of: ballot.voter) else { return }
    var cell = old
    cell.votes.append(
      ProposalCell.Vote(
        voter: ballot.voter, owner: voter.owner, key: voter.key, role: ballot.role, vote: ballot.vote,
        leaf: index, contentHash: signed.contentHash))
    cell.relate(index)
    var tripped: [FiredRule] = []
    #if SIMULATION
    if Mutant.vetoIgnored.isActive, ballot.vote == .reject,
      cell.votes.contains(where: { $0.vote == .approve })
    {
      change(old, to: cell)
      return
    }
    #endif
    switch ballot.vote {
    case .reject:
      let message = "\(ballot.voter.path) rejected it as \(ballot.role)"
      supersede(
        &cell, with: denial(cell, rule: "ballots.rejected", message: message, cause: index))
    case .approve:
      if isMet(cell) { tripped = meet(&cell, cause: index) }
    }
    change(old, to: cell)
    if !tripped.isEmpty { trip(tripped, by: cell, cause: index) }
  }

  /// How many approving votes of a role count now: of people who still are who they were.
  func approvals(_ cell: ProposalCell, role: String) -> [ProposalCell.Vote] {
    cell.votes.filter { vote in
      guard vote.vote == .approve, vote.role == role,
        let known = enrolment(of: vote.voter, at: logTime)
      else { return false }
      return known.key == vote.key && known.owner == vote.owner && known.roles.contains(role)
    }
  }

  private func isMet(_ cell: ProposalCell) -> Bool {
    cell.verdict.demands.allSatisfy { approvals(cell, role: $0.role).count >= $0.count }
  }

  /// The people have approved. Their consent does not replace the floor, which is asked again as of now;
  /// the policy has answered under this very bundle already.
  private mutating func meet(_ cell: inout ProposalCell, cause: LeafIndex) -> [FiredRule] {
    let subject = Subject(
      proposal: cell.content, repeatKey: cell.repeatKey,
      parameters: .remembered(schema: cell.schemaHash), isNew: false)
    let finding = checkFloor(subject, at: logTime)
    guard !finding.rules.isDenied, let action = finding.action else {
      let denials = finding.rules.list.filter { $0.effect == .deny }
      supersede(&cell, with: denial(cell, because: denials, cause: cause))
      return finding.tripped
    }
    let people = cell.verdict.demands.flatMap { demand in
      approvals(cell, role: demand.role).prefix(demand.count)
    }.sorted { $0.leaf < $1.leaf }
    var rules = FiredRules(cell.verdict.rules)
    rules.fire("ballots.met", .approve, "\(people.count) people approved")
    var verdict = cell.verdict
    verdict.cause = cause
    verdict.decidedAt = logTime
    verdict.rules = rules.list
    verdict.attestors = people.map(\.voter)
    approve(
      &verdict, action: action.definition,
      because: plain(
        "approved by \(people.map(\.voter.path).joined(separator: ", "))",
        limit: 2 * FiredRules.maximumMessage))
    supersede(&cell, with: verdict)
    return []
  }
}
