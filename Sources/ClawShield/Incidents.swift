import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  // MARK: Admission

  /// A restriction needs one operator, or two (`RestrictionRules.swift`); a lift two, as every relaxation (IR-3, IR-8),
  /// and so does an erasure.
  func admit(_ signed: Signed<IncidentAct>, at time: Timestamp) throws(Refusal) -> Admittance {
    let act = signed.content
    if semantics >= Semantics.lateRestrictions,
      let restriction = ProvenRestriction(signed, cluster: cluster)
    {
      return try admit(restriction, at: time)
    }
    #if SIMULATION
    let people = Mutant.liftByOne.isActive ? 1 : act.kind.isRestriction ? 1 : 2
    #else
    let people = act.kind.isRestriction ? 1 : 2
    #endif
    try requireOperators(people, of: signed, at: time)
    let hash = signed.contentHash
    if act.kind == .erase {
      if let leaf = try admitErasure(act, hash: hash) { return .known(leaf) }
    } else if act.kind == .lift {
      if let known = self.act(.incident, act.incidentID) {
        if known.contentHash == hash { return .known(known.leaf) }
        throw Refusal(.alreadyExists, "act \(act.incidentID) has other content at leaf \(known.leaf.value)")
      }
      guard incident(act.incidentID) == nil else {
        throw Refusal(.alreadyExists, "\(act.incidentID) names a restriction already")
      }
      for id in act.lifts where incident(id)?.liftedBy != nil {
        throw Refusal(.failedPrecondition, "\(id) has been lifted already")
      }
    } else if let leaf = try knownRestriction(act.incidentID, hash) {
      return .known(leaf)
    }
    try requireValidity(act.validUntil, at: time)
    guard act.kind.isRestriction else { return .accept }
    if let refusal = certificatesRefusal(act) { throw refusal }
    try requireIncidentRoom(for: act.target, among: capacity.incidents)
    return .accept
  }

  // MARK: Effect

  mutating func take(_ signed: Signed<IncidentAct>, at index: LeafIndex) {
    #if SIMULATION
    let act = Mutant.quarantineMisaimed.isActive ? misaimed(signed.content) : signed.content
    #else
    let act = signed.content
    #endif
    guard act.kind != .erase else {
      erase(act, contentHash: signed.contentHash, at: index)
      return
    }
    guard act.kind.isRestriction else {
      lift(act, contentHash: signed.contentHash, at: index)
      return
    }
    var cell = IncidentCell(
      incidentID: act.incidentID, origin: .signed(signed.contentHash), target: act.target, leaf: index,
      at: logTime)
    if case .certificates(let principal, _) = act.target {
      replaceCertificates(of: principal, by: &cell)
      setIncident(cell)
      return
    }
    setIncident(cell)
    restrict(act.target, because: "\(act.kind.rawValue) \(act.incidentID)", cause: index)
  }

  #if SIMULATION
  private func misaimed(_ act: IncidentAct) -> IncidentAct {
    var act = act
    if case .principal = act.target { act.target = .tenant("approvers") }
    return act
  }
  #endif

  private mutating func lift(_ act: IncidentAct, contentHash: Digest, at index: LeafIndex) {
    for id in act.lifts {
      var cell =
        incident(id)
        ?? IncidentCell(incidentID: id, origin: .unseen, target: nil, leaf: index, at: logTime)
      cell.liftedBy = cell.liftedBy ?? index
      let (earlier, later) = (cell.replaces, cell.replacedBy)
      (cell.replaces, cell.replacedBy) = (nil, nil)
      setIncident(cell)
      relink(earlier, later)
    }
    addAct(
      ActCell(
        type: .incident, actID: act.incidentID, contentHash: contentHash, leaf: index,
        validUntil: act.validUntil))
  }

  /// Voids every token that a restriction hits and denies what people are still asked about. A lift does
  /// not bring them back: whoever still wants them proposes again.
  mutating func restrict(_ target: IncidentTarget, because reason: String, cause: LeafIndex) {
    for proposal in outstanding(under: target) {
      guard let old = self.proposal(proposal), old.isOutstanding, let grant = old.grant, old.voided == nil,
        covers(target, old, tokenID: grant.tokenID, executor: grant.executorID)
      else { continue }
      var cell = old
      cell.voided = reason
      cell.relate(cause)
      change(old, to: cell)
    }
    for proposal in undecided() {
      guard let old = self.proposal(proposal), old.verdict.type != .deny,
        covers(target, old, tokenID: nil, executor: nil)
      else { continue }
      var cell = old
      cell.relate(cause)
      supersede(
        &cell, with: denial(cell, rule: "floor.restricted", message: "stopped by \(reason)", cause: cause))
      change(old, to: cell)
    }
  }

  /// The proposals whose tokens a restriction may hit; of one agent or token without a look at the others.
  private func outstanding(under target: IncidentTarget) -> [LeafIndex] {
    var out: [LeafIndex] = []
    switch target {
    case .token(let id): return indexes.tokens[id].map { [$0] } ?? []
    case .principal(let agent) where agent.isAgent:
      let group = Indexes.group(agent)
      indexes.agents.forEach(from: Grouped(group: group, at: .epoch, index: LeafIndex(0))) { key, _ in
        if key.group == group { out.append(key.index) }
        return key.group == group
      }
    case .certificates: return []
    case .all, .tenant, .principal:
      indexes.outstanding.forEach { _, proposal in
        out.append(proposal)
        return true
      }
    }
    return out
  }

  /// Proposals that people are asked about or whose decision is not written yet, ascending.
  func undecided() -> [LeafIndex] {
    var out: [LeafIndex] = []
    indexes.open.forEach { index, _ in
      out.append(index)
      return true
    }
    indexes.unwritten.forEach { index, _ in
      if indexes.open[index] == nil { out.append(index) }
      return true
    }
    return out.sorted()
  }

  private func covers(
    _ target: IncidentTarget, _ cell: ProposalCell, tokenID: String?, executor: Principal?
  ) -> Bool {
    switch target {
    case .all: true
    case .tenant(let name): tenants(of: cell.content).contains(name)
    case .principal(let principal): principal == cell.content.requestedBy || principal == executor
    case .token(let id): id == tokenID
    case .certificates: false
    }
  }

  /// Incidents that restrict nobody leave half of the room to those that do.
  var hasRoomForFlags: Bool { indexes.incidents < capacity.incidents / 2 }

  // MARK: Breakers

  /// A breaker has tripped: the agent is quarantined, its tokens are void, and an incident is owed
  /// (INV-021); where it is the tenant's money that is spent, the tenant is (SEV-2, IR-1). Who is quarantined
  /// already trips none, and two people release.
  mutating func trip(_ rules: [FiredRule], by cell: ProposalCell, cause: LeafIndex) {
    let id = DerivedID.make("breaker", cluster: cluster, cause: cause, about: cell.index)
    let names = rules.map(\.rule).joined(separator: ", ")
    // An agent that tripped others too is quarantined itself, and does not come free with its tenant.
    let isTenants = semantics >= Semantics.people && rules.allSatisfy { $0.rule == Breakers.tenantCost }
    let incident = DerivedIncident(
      incidentID: id, kind: .breaker, cause: cause, about: cell.index, tenantID: cell.content.tenantID,
      target: isTenants ? .tenant(cell.content.tenantID) : .principal(cell.content.requestedBy),
      message: plain("\(names): \(rules.first?.message ?? "")", limit: FiredRules.maximumMessage))
    setIncident(
      IncidentCell(
        incidentID: id, origin: .breaker(incident, written: nil), target: incident.target, leaf: cause,
        at: logTime))
    restrict(incident.target, because: "breaker \(id)", cause: cause)
  }

  /// A written derived incident takes effect if it is the one that is owed.
  mutating func take(_ incident: DerivedIncident, at index: LeafIndex) -> Applied {
    switch incident.kind {
    case .breaker, .ballotRate, .policyDifference, .previewDiffers, .crossingRevoked,
      .verificationDiffers:
      guard var cell = self.incident(incident.incidentID), cell.owed == incident else {
        return .divergent(
          expected: "no \(incident.kind.rawValue) incident \(incident.incidentID) with this content")
      }
      cell.origin = .breaker(incident, written: index)
      setIncident(cell)
      relate(index, to: incident.about)
      return .effective
    case .unknownOutcome:
      guard let proposalIndex = indexes.decisions[incident.about], let old = proposal(proposalIndex),
        unknownOutcome(of: old) == incident
      else {
        return .divergent(expected: "no unknown outcome of leaf \(incident.about.value) with this content")
      }
      var cell = old
      cell.unknown?.written = index
      cell.relate(index)
      change(old, to: cell)
      return .effective
    case .withheld: return takeWithheld(incident, at: index)
    case .retentionEnded: return takeRetentionEnded(incident, at: index)
    }
  }

  mutating func relate(_ leaf: LeafIndex, to index: LeafIndex) {
    guard let old = proposal(index) else { return }
    var cell = old
    cell.relate(leaf)
    change(old, to: cell)
  }
}

extension Principal {
  fileprivate var isAgent: Bool { if case .agent = self { true } else { false } }
}
