import Canonical
import Crypto
import Records

extension ShieldState {
  // MARK: Admission

  /// A proposal: its agent's signature, its time, its request id. Everything else is decided on the record.
  func admit(_ signed: Signed<Proposal>, _ attachment: Attachment, at time: Timestamp)
    throws(Refusal) -> Admittance
  {
    let proposal = signed.content
    guard case .agent = proposal.requestedBy else {
      throw Refusal(.permissionDenied, "only agents propose, found \(proposal.requestedBy.path)")
    }
    guard signed.signatures.count == 1 else {
      throw Refusal(.permissionDenied, "expected the agent's one signature, found \(signed.signatures.count)")
    }
    _ = try signer(of: signed, expected: proposal.requestedBy, at: time)
    if let known = request(proposal.requestedBy, proposal.requestID, at: time) {
      guard known.contentHash == signed.contentHash else {
        throw Refusal(
          .alreadyExists,
          "request id \(proposal.requestID) is taken by other content at leaf \(known.index.value) until "
            + known.content.validUntil.text)
      }
      return .known(known.index)
    }
    try requireValidity(proposal.validUntil, at: time)
    guard proposal.preview == nil || semantics >= Semantics.people else {
      throw Refusal(.failedPrecondition, "previews need semantics \(Semantics.people)")
    }
    guard proposal.crossing == nil || semantics >= Semantics.people else {
      throw Refusal(.failedPrecondition, "crossings need semantics \(Semantics.people)")
    }
    guard attachment["parameters"] != nil else {
      throw Refusal(.invalidArgument, "expected the parameters as attachment")
    }
    try requireRoom(for: proposal.requestedBy, at: time)
    return .accept
  }

  /// The remembered proposal under a request id that is still taken: until its `valid_until`, and for as
  /// long as it is not over.
  func request(_ agent: Principal, _ requestID: String, at time: Timestamp) -> ProposalCell? {
    guard let index = indexes.request(agent, requestID), let cell = proposal(index) else {
      return nil
    }
    return cell.content.validUntil > time || cell.settledAt == nil ? cell : nil
  }

  private func requireRoom(for agent: Principal, at time: Timestamp) throws(Refusal) {
    let group = Indexes.group(agent)
    let limit = compiled.bundle.breakers.proposalsPerMinute
    guard recent(indexes.agents, group, at: time) < limit.multipliedSaturating(by: Breakers.doorFactor) else {
      throw Refusal(
        .resourceExhausted,
        "more than \(Breakers.doorFactor) times the \(limit) proposals a minute: slow down")
    }
    let low = indexes.agents.rank(of: Grouped(group: group, at: .epoch, index: LeafIndex(0)))
    let high = indexes.agents.rank(of: Grouped(group: group, at: .distantFuture, index: LeafIndex(.max)))
    guard high - low < capacity.proposalsPerAgent else {
      throw Refusal(
        .resourceExhausted, "the agent has \(high - low) proposals that are not over: wait for some to end")
    }
    guard indexes.proposals.count < capacity.proposals else {
      throw Refusal(.resourceExhausted, "too many proposals are not over: try again later")
    }
  }

  func admit(_ signed: Signed<Withdrawal>, at time: Timestamp) throws(Refusal) -> Admittance {
    let withdrawal = signed.content
    guard signed.signatures.count == 1 else {
      throw Refusal(.permissionDenied, "expected the agent's one signature, found \(signed.signatures.count)")
    }
    _ = try signer(of: signed, expected: withdrawal.requestedBy, at: time)
    guard let cell = proposal(withdrawal.proposal) else {
      throw Refusal(.notFound, "no proposal is remembered at leaf \(withdrawal.proposal.value)")
    }
    guard cell.content.requestedBy == withdrawal.requestedBy else {
      throw Refusal(.permissionDenied, "only its agent withdraws a proposal")
    }
    if let mark = cell.withdrawal, mark.contentHash == signed.contentHash { return .known(mark.leaf) }
    try requireValidity(withdrawal.validUntil, at: time)
    try requireOpen(cell, at: time)
    return .accept
  }

  /// That people are being asked about a proposal right now.
  func requireOpen(_ cell: ProposalCell, at time: Timestamp) throws(Refusal) {
    guard cell.isOpen, cell.written != nil else {
      throw Refusal(
        .failedPrecondition, "nobody is asked about the proposal now; it is \(cell.status.rawValue)")
    }
    if let deadline = cell.verdict.deadline, deadline <= time {
      throw Refusal(.failedPrecondition, "people had until \(deadline.text), and it is \(time.text)")
    }
  }

  // MARK: Effect

  /// Takes a proposal up and decides it. A breaker that trips quarantines the agent from here on.
  mutating func take(
    _ signed: Signed<Proposal>, leafHash: Digest, attachment: Attachment, at index: LeafIndex
  ) {
    let proposal = signed.content
    let parameters = attachment["parameters"]?.value ?? .null
    let repeatKey = Breakers.repeatKey(proposal, canonicalParameters: parameters.canonicalBytes())
    let subject = Subject(
      proposal: proposal, repeatKey: repeatKey, parameters: .given(parameters), isNew: true)
    let judgement = judge(subject, cause: index, at: logTime)
    var cell = ProposalCell(
      index: index, leafHash: leafHash, content: proposal, contentHash: signed.contentHash, at: logTime,
      owner: enrolment(of: proposal.requestedBy)?.owner ?? "", repeatKey: repeatKey,
      schemaHash: nil, verdict: judgement.verdict)
    if judgement.verdict.type != .deny {
      // What was checked is remembered, not the parameters: they stay erasable.
      cell.schemaHash = compiled.action(proposal.action)?.schemaHash
      cell.previewHash = previewResult(proposal)
      cell.previewed = previewedResult(proposal)
      cell.mayDiffer = cell.previewed == nil ? [] : mayDiffer(proposal)
    }
    // Before anything is set aside for it, so that both bundles find the same money spent.
    let wouldBe = shadowVerdict(of: subject, cause: index)
    conclude(&cell)
    addProposal(cell)
    if judgement.verdict.type != .deny { spokeOfInputs(proposal) }
    if let wouldBe { compare(cell, with: wouldBe, cause: index) }
    if !judgement.tripped.isEmpty { trip(judgement.tripped, by: cell, cause: index) }
  }

  /// What a fresh verdict brings about at once: an approval's reservation, a denial's end.
  mutating func conclude(_ cell: inout ProposalCell) {
    switch cell.verdict.type {
    case .approve:
      let action = compiled.action(cell.content.action)
      cell.reservation = reserve(
        action?.definition.reservedCost ?? .zero, tenant: cell.content.tenantID, at: logTime)
      let needed = action?.definition.verification ?? 1
      cell.verification = needed > 1 ? Verification(needed: needed) : nil
    case .deny: cell.settledAt = logTime
    case .escalate, .requireMFA, .requireMultiSig: break
    }
  }

  /// Replaces a verdict by one that `cause` calls for; what the earlier one reserved is given back.
  mutating func supersede(_ cell: inout ProposalCell, with verdict: Verdict) {
    if let reservation = cell.reservation {
      settle(reservation, tenant: cell.content.tenantID, cost: .zero)
      cell.reservation = nil
    }
    cell.verdict = verdict
    cell.written = nil
    conclude(&cell)
  }

  /// A denial that `cause` calls for, beside the rules that fired before.
  func denial(_ cell: ProposalCell, rule: String, message: String, cause: LeafIndex) -> Verdict {
    denial(cell, because: [FiredRule(rule: rule, effect: .deny, message: message)], cause: cause)
  }

  /// A denial that `cause` calls for because of `denials`, beside the rules that fired before.
  func denial(_ cell: ProposalCell, because denials: [FiredRule], cause: LeafIndex) -> Verdict {
    var verdict = cell.verdict
    var rules = FiredRules(verdict.rules)
    for rule in denials { rules.add(rule) }
    verdict.type = .deny
    verdict.cause = cause
    verdict.decidedAt = logTime
    verdict.demands = []
    verdict.attestors = []
    verdict.rejections = 1
    verdict.deadline = nil
    verdict.expiresAt = nil
    verdict.rules = rules.list
    verdict.rationale = plain("denied: \(denials.first?.message ?? "")", limit: FiredRules.maximumMessage)
    verdict.constitutionVersion = compiled.bundle.constitutionVersion
    verdict.policyBundleHash = compiled.bundle.hash
    return verdict
  }

  mutating func take(_ signed: Signed<Withdrawal>, at index: LeafIndex) {
    guard let old = proposal(signed.content.proposal) else { return }
    var cell = old
    cell.withdrawal = ProposalCell.Mark(leaf: index, contentHash: signed.contentHash)
    cell.settledAt = logTime
    cell.relate(index)
    change(old, to: cell)
  }
}

extension ProposalCell {
  /// Remembers that a record is about this proposal.
  mutating func relate(_ leaf: LeafIndex) {
    if related.count < Self.maximumRelated { related.append(leaf) }
  }

  mutating func decided(_ leaf: LeafIndex) {
    written = leaf
    if decisions.count == Self.maximumRelated { decisions.removeFirst() }
    decisions.append(leaf)
  }
}

extension Int {
  func multipliedSaturating(by factor: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
