import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  /// Counts a ballot. As many rejections as the rules name deny, one unless all of them name more; when every
  /// demand is met and what is to be confirmed is, the proposal is approved, unless the floor or a breaker has come
  /// to forbid it meanwhile.
  mutating func take(_ signed: Signed<Ballot>, at index: LeafIndex) {
    let ballot = signed.content
    guard let old = proposal(ballot.proposal), let voter = enrolment(of: ballot.voter) else { return }
    if isRevocation(ballot, old, at: logTime) { return takeBack(signed, voter, old, at: index) }
    var cell = old
    cell.votes.append(
      ProposalCell.Vote(
        voter: ballot.voter, owner: voter.owner, key: key(of: voter, for: ballot.vote), role: ballot.role,
        vote: ballot.vote, leaf: index, contentHash: signed.contentHash))
    cell.relate(index)
    var tripped: [FiredRule] = []
    defer { if semantics >= Semantics.people { count(ballot, of: voter.owner, cell, cause: index) } }
    #if SIMULATION
    if Mutant.vetoIgnored.isActive, ballot.vote == .reject,
      cell.votes.contains(where: { $0.vote == .approve })
    {
      change(old, to: cell)
      return
    }
    #endif
    switch ballot.vote {
    case .reject where rejections(cell) < cell.verdict.rejections: break
    case .reject:
      let message = "\(ballot.voter.path) rejected it as \(ballot.role)"
      supersede(
        &cell, with: denial(cell, rule: "ballots.rejected", message: message, cause: index))
    case .approve, .confirm:
      if isMet(cell) { tripped = meet(&cell, cause: index) }
    }
    change(old, to: cell)
    if !tripped.isEmpty { trip(tripped, by: cell, cause: index) }
  }

  /// The approving votes that count towards a demand now.
  func approvals(_ cell: ProposalCell, _ demand: ApprovalDemand) -> [ProposalCell.Vote] {
    cell.votes.filter { vote in
      vote.vote == .approve && vote.role == demand.role && counts(vote, in: cell)
        && demand.isOpen(to: enrolment(of: vote.voter)?.tenantID ?? "", of: cell.content)
    }
  }

  /// How many people's rejections count now.
  private func rejections(_ cell: ProposalCell) -> Int {
    cell.votes.count { $0.vote == .reject && counts($0, in: cell) }
  }

  private func isMet(_ cell: ProposalCell) -> Bool {
    cell.verdict.demands.allSatisfy { approvals(cell, $0).count >= $0.count }
      && (!needsConfirmation(cell.verdict) || isConfirmed(cell))
  }

  /// The people have approved. Their consent does not replace the floor, which is asked again as of now;
  /// the policy has answered under this very bundle already.
  private mutating func meet(_ cell: inout ProposalCell, cause: LeafIndex) -> [FiredRule] {
    let subject = Subject(
      proposal: cell.content, repeatKey: cell.repeatKey,
      parameters: .remembered(schema: cell.schemaHash), isNew: false, isAgreed: true)
    let finding = checkFloor(subject, at: logTime)
    guard !finding.rules.isDenied, let action = finding.action else {
      let denials = finding.rules.list.filter { $0.effect == .deny }
      supersede(&cell, with: denial(cell, because: denials, cause: cause))
      return finding.tripped
    }
    // One person may be asked by two demands, as for the tenant and for the rule.
    let people = cell.verdict.demands.flatMap { demand in
      approvals(cell, demand).prefix(demand.count)
    }.sorted { $0.leaf < $1.leaf }.reduce(into: [ProposalCell.Vote]()) { people, vote in
      if people.last?.leaf != vote.leaf { people.append(vote) }
    }
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
