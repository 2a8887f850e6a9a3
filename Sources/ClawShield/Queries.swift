import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState: CustomStringConvertible {
  public var description: String {
    "state of \(size) leaves at \(logTime.text), root \(stateRoot.hex.prefix(16))"
  }

  // MARK: Who and by which rules

  /// The active policy bundle.
  public var bundle: PolicyBundle { compiled.bundle }
  /// Its hash by ruling 2.
  public var bundleHash: Digest { compiled.bundle.hash }
  /// The parties that sign what comes after this state, ascending by id.
  public var parties: [Party] { membership.parties }
  /// How many parties' shares make a signature.
  public var threshold: Int { membership.threshold }

  /// What is enrolled under a name, expired or not.
  public func enrolment(of principal: Principal) -> Enrolment? {
    enrolmentCell(of: principal).flatMap { $0.isRevoked ? nil : $0.enrolment }
  }

  /// What is enrolled under a name; nil when it has expired by `time` or was revoked.
  public func enrolment(of principal: Principal, at time: Timestamp) -> Enrolment? {
    guard let enrolment = enrolment(of: principal), enrolment.expiresAt > time else { return nil }
    return enrolment
  }

  // MARK: Approvals

  /// Whether the leaf is the one live approving decision for its proposal at this size and `time`: its
  /// bundle is active, its token has neither ended nor been made void, its agent and executor are
  /// enrolled, in the same incarnation, and no restriction is on them.
  public func isLiveApproval(at index: LeafIndex, time: Timestamp) -> Bool {
    guard indexes.outstanding[index] != nil, index > activatedAt,
      let proposalIndex = indexes.decisions[index], let cell = proposal(proposalIndex),
      cell.approval == index, cell.voided == nil, let grant = cell.grant, grant.expiresAt > time,
      cell.verdict.policyBundleHash == compiled.bundle.hash
    else { return false }
    guard enrolment(of: cell.content.requestedBy, at: time) != nil,
      let executor = enrolment(of: grant.executorID, at: time),
      executor.incarnation == grant.executorIncarnation
    else { return false }
    let targets: [IncidentTarget] =
      [
        .all, .token(grant.tokenID), .principal(cell.content.requestedBy), .principal(grant.executorID),
      ] + tenants(of: cell.content).map(IncidentTarget.tenant)
    return targets.allSatisfy { restriction(on: $0) == nil }
  }

  /// Every leaf in `range` that parses as an approving decision, void or not; ascending.
  public func approvals(in range: ClosedRange<UInt64>) -> [LeafIndex] {
    guard size > 0, range.lowerBound < size else { return [] }
    let last = min(range.upperBound, size - 1)
    var out: [LeafIndex] = []
    for chunk in (range.lowerBound / ApprovalBits.length)...(last / ApprovalBits.length) {
      guard let bits = approvalBits(chunk) else { continue }
      let first = max(range.lowerBound, chunk * ApprovalBits.length)
      for leaf in first...min(last, (chunk + 1) * ApprovalBits.length - 1) where bits.contains(leaf) {
        out.append(LeafIndex(leaf))
      }
    }
    return out
  }

  /// Every approving decision that is live at log time, ascending.
  public func liveApprovals() -> [LeafIndex] {
    var out: [LeafIndex] = []
    indexes.outstanding.forEach { leaf, _ in
      if isLiveApproval(at: leaf, time: logTime) { out.append(leaf) }
      return true
    }
    return out
  }

  /// The live approvals that name `executor` and have no receipt, ascending.
  public func outstandingApprovals(for executor: Principal) -> [LeafIndex] {
    liveApprovals().filter { leaf in
      indexes.decisions[leaf].flatMap(proposal)?.grant?.executorID == executor
    }
  }

  /// Where a token stands at log time; nil where none is remembered.
  public func token(_ id: String) -> TokenState? {
    guard let index = indexes.tokens[id], let cell = proposal(index), let approval = cell.approval,
      let grant = cell.grant
    else { return nil }
    if let receipt = cell.receipt { return .reported(receipt.leaf) }
    if isLiveApproval(at: approval, time: logTime) { return .live }
    return cell.voided == nil && grant.expiresAt <= logTime ? .expired : .void
  }

  // MARK: Restrictions

  /// Whether a target names somebody, or a token, that this state knows or remembers: a restriction of what nobody has
  /// binds all the same, and is most likely not the one that was meant.
  public func knows(_ target: IncidentTarget) -> Bool {
    switch target {
    case .all, .certificates: true
    case .token(let id): indexes.tokens[id] != nil
    case .principal(.node(let name)): parties.contains { $0.name == name }
    case .principal(let principal): enrolmentCell(of: principal) != nil
    case .tenant(let name): hasTenant(name)
    }
  }

  private func hasTenant(_ name: String) -> Bool {
    var found = false
    indexes.tenantDecisions.forEach(from: TenantLeaf(tenant: name, leaf: LeafIndex(0))) { key, _ in
      found = key.tenant == name
      return false
    }
    guard !found else { return true }
    indexes.keys.forEach { _, principal in
      found =
        Self.tenant(of: principal) == name || enrolmentCell(of: principal)?.enrolment.tenantID == name
      return !found
    }
    return found
  }

  /// How long an entry stays on the list after its record: as long as the longest-lived token.
  static let restrictionListing = Interval.seconds(Int64(Floor.maximumTokenSeconds))

  /// Whether leases name a restriction that began at `at`. Until it is lifted where they say by it whether anything runs, or
  /// which nodes' certificates executors take.
  private static func isListed(_ target: IncidentTarget, at time: Timestamp, after oldest: Timestamp) -> Bool
  {
    #if SIMULATION
    if Mutant.certificatesUnlisted.isActive, case .certificates = target { return time > oldest }
    #endif
    switch target {
    case .all, .certificates(of: .node, before: _): return true
    case .tenant, .principal, .token, .certificates: return target.concernsExecutors && time > oldest
    }
  }

  /// What leases must forbid. An entry leaves the list fifteen minutes after its record, when no token
  /// from before it is left; what it forbids stays forbidden here until it is lifted. A global halt
  /// stays on the list until it is lifted, because it is the lease's mode, and so does what is refused of nodes' certificates. Where more restrictions come
  /// within fifteen minutes than a list holds, the list says that everything is halted.
  public var restrictions: RestrictionList {
    let oldest = logTime.advanced(by: Interval(nanoseconds: -Self.restrictionListing.nanoseconds))
    var entries: [RestrictionList.Entry] = []
    indexes.restrictions.forEach { key, at in
      if let target = IncidentTarget(text: key.target), Self.isListed(target, at: at, after: oldest) {
        entries.append(RestrictionList.Entry(incidentID: key.incidentID, target: target))
      }
      return entries.count < RestrictionList.maximumEntries / 2
    }
    if entries.count == RestrictionList.maximumEntries / 2 {
      entries.append(RestrictionList.Entry(incidentID: "restriction-overflow", target: .all))
    }
    return RestrictionList(entries)
  }

  /// The leaf since which a restriction is in force no more; nil while it is, or where there was none.
  public func lift(of incidentID: String) -> LeafIndex? { incident(incidentID)?.liftedBy }

  /// Whether a restriction was lifted; a lifted id never binds again.
  public func isLifted(_ incidentID: String) -> Bool { incident(incidentID)?.liftedBy != nil }

  /// Whether the log knows a restriction by this id, or that it was lifted.
  public func hasIncident(_ incidentID: String) -> Bool { incident(incidentID) != nil }

  /// Whether the log holds the restriction and nobody has lifted it; also where another goes further in its place.
  public func isRestricted(by incidentID: String) -> Bool {
    incident(incidentID).map { $0.liftedBy == nil } ?? false
  }

  /// The same of one restriction: another, or a breaker's, may have the id.
  public func isRestricted(by incidentID: String, contentHash: Digest) -> Bool {
    leaf(ofRestriction: incidentID, contentHash: contentHash) != nil
  }

  /// The leaf that holds one restriction; nil where the log does not have it, has another of its id, or where it was
  /// lifted.
  public func leaf(ofRestriction incidentID: String, contentHash: Digest) -> LeafIndex? {
    guard let cell = incident(incidentID), cell.liftedBy == nil, cell.origin == .signed(contentHash) else {
      return nil
    }
    return cell.leaf
  }

  /// Whether the log has the id for another statement, or for what was lifted: a restriction of that content binds nobody
  /// once this is final.
  public func isDisplaced(_ incidentID: String, contentHash: Digest) -> Bool {
    hasIncident(incidentID) && leaf(ofRestriction: incidentID, contentHash: contentHash) == nil
  }

  /// The restrictions in force, also those that leases do not name any more: what stops something first, then what is
  /// refused of certificates, each ascending by target; and how many are left out beyond `limit`. One on a token is over
  /// when no token from before it can be left: token ids are not given twice.
  public func inForce(limit: Int) -> (entries: [InForce], leftOut: Int) {
    let oldest = logTime.advanced(by: Interval(nanoseconds: -Self.restrictionListing.nanoseconds))
    var stopping: [InForce] = []
    var refusing: [InForce] = []
    var count = 0
    indexes.restrictions.forEach { key, at in
      guard let target = IncidentTarget(text: key.target) else { return true }
      if case .token = target, at <= oldest { return true }
      count += 1
      var isRefusal = false
      if case .certificates = target { isRefusal = true }
      guard (isRefusal ? refusing : stopping).count < limit else { return true }
      var derived: DerivedIncident.Kind?
      if case .breaker(let incident, _)? = incident(key.incidentID)?.origin { derived = incident.kind }
      let entry = InForce(incidentID: key.incidentID, target: target, at: at, derived: derived)
      if isRefusal { refusing.append(entry) } else { stopping.append(entry) }
      return true
    }
    let entries = Array((stopping + refusing).prefix(limit))
    return (entries, count - entries.count)
  }

  /// Incidents of the last day that restrict nobody and that somebody should look at, newest first.
  public func flags(limit: Int) -> [DerivedIncident] {
    let start = logTime.advanced(by: Interval(nanoseconds: -86_400_000_000_000))
    var out: [DerivedIncident] = []
    indexes.flags.forEach(from: Flag(at: start, incidentID: "")) { key, _ in
      if case .breaker(let incident, _)? = incident(key.incidentID)?.origin { out.append(incident) }
      return true
    }
    return Array(out.reversed().prefix(limit))
  }

  /// What is enrolled and ends within an interval of log time, or has ended; in no order that means anything.
  public func enrolments(endingWithin interval: Interval, limit: Int) -> [Enrolment] {
    let end = logTime.advanced(by: interval)
    var out: [Enrolment] = []
    indexes.keys.forEach { key, principal in
      if let known = enrolment(of: principal), known.key == key, known.expiresAt <= end { out.append(known) }
      return out.count < limit
    }
    return out
  }

  /// What a tenant has spent and set aside on the day of log time.
  public func spentToday(by tenant: String) -> MicroUSD { spentToday(tenant, at: logTime) }

  // MARK: Proposals

  /// How many proposals people are asked about.
  public var pendingCount: Int { indexes.open.count }

  /// A remembered proposal, by the id that its agent gave it.
  public func proposalView(agent: Principal, requestID: String) -> ProposalView? {
    indexes.request(agent, requestID).flatMap(proposalView(at:))
  }

  /// A remembered proposal, by one of its written decisions.
  public func proposalView(decision: LeafIndex) -> ProposalView? {
    indexes.decisions[decision].flatMap(proposalView(at:))
  }

  /// A remembered proposal, by its leaf.
  public func proposalView(at index: LeafIndex) -> ProposalView? { proposal(index).map(view) }

  /// Where a remembered proposal stands, by its leaf: what its view says, at less cost.
  public func status(at index: LeafIndex) -> ProposalStatus? { proposal(index)?.status }

  /// Where a remembered proposal stands, by one of its written decisions.
  public func status(ofDecision decision: LeafIndex) -> ProposalStatus? {
    indexes.decisions[decision].flatMap(status(at:))
  }

  /// The proposals that people are asked about, ascending.
  public func pending() -> [ProposalView] {
    var out: [ProposalView] = []
    indexes.open.forEach { index, _ in
      if let cell = proposal(index), cell.written != nil { out.append(view(cell)) }
      return true
    }
    return out
  }

  private func view(_ cell: ProposalCell) -> ProposalView {
    let last = cell.decisions.last
    return ProposalView(
      index: cell.index, leafHash: cell.leafHash, proposal: cell.content, status: cell.status,
      demands: cell.verdict.demands.map { ($0, approvals(cell, $0).count) },
      deadline: cell.isOpen ? cell.verdict.deadline : nil, rejections: cell.verdict.rejections,
      challenge: cell.isOpen && needsConfirmation(cell.verdict) && !isConfirmed(cell)
        ? challenge(cell, cell.verdict) : nil, responsible: responsible(for: cell),
      previewHash: cell.previewHash, rules: cell.verdict.rules,
      rationale: rationale(cell), decisionID: cell.written.map { _ in decisionID(cell, cell.verdict) },
      lastDecision: last, approval: cell.approval ?? cell.verification?.runs.last?.decision,
      tokenID: cell.grant?.tokenID, executor: cell.grant?.executorID, receipt: cell.receipt?.leaf,
      runs: cell.verification?.runs.map { ($0.decision, $0.receipt) } ?? [],
      executors: cell.verification?.needed ?? 1)
  }

  private func rationale(_ cell: ProposalCell) -> String {
    if cell.withdrawal != nil { return "withdrawn by its agent" }
    if cell.receipt == nil, let voided = cell.voided { return "stopped by \(voided)" }
    if cell.receipt == nil, cell.unknown != nil { return "no receipt came; its outcome is unknown" }
    return cell.verdict.rationale
  }

  /// The most that is said of one trace, so that saying it takes little.
  private static var traceLength: Int { 1 << 16 }

  /// The remembered records of a trace, ascending, at most 65,536: of each of its proposals the decisions,
  /// ballots, withdrawal, receipt and incidents. Proposals are remembered while anything can happen to
  /// them, and the last 16,384 that are over; what is older stands in the ledger.
  public func trace(_ traceID: String) -> [LeafIndex] {
    var out: [LeafIndex] = []
    let group = Indexes.group(trace: traceID)
    indexes.traces.forEach(from: Grouped(group: group, at: .epoch, index: LeafIndex(0))) { key, _ in
      guard key.group == group, let cell = proposal(key.index) else { return false }
      out += [cell.index] + cell.decisions + cell.related
      return out.count < Self.traceLength
    }
    return Array(out.sorted().prefix(Self.traceLength))
  }

  /// The remembered decisions about what a tenant's agents asked for, whose leaves are after `leaf`, ascending, at most
  /// `limit` (API-8). What is older stands in the ledger.
  public func decisions(ofTenant tenant: String, after leaf: LeafIndex, limit: Int) -> [LeafIndex] {
    var out: [LeafIndex] = []
    let first = TenantLeaf(tenant: tenant, leaf: LeafIndex(leaf.value &+ 1))
    guard first.leaf > leaf else { return [] }
    indexes.tenantDecisions.forEach(from: first) { key, _ in
      guard key.tenant == tenant, out.count < limit else { return false }
      out.append(key.leaf)
      return true
    }
    return out
  }

  /// The tenant that a record belongs to; nil for what is the cluster's own, and for a ballot, which belongs to
  /// whom its proposal does. What an agent asks in another tenant's name stays its own tenant's.
  public static func tenant(of body: RecordBody) -> String? {
    switch body {
    case .proposal(let proposal): tenant(of: proposal.content.requestedBy)
    case .withdrawal(let withdrawal): tenant(of: withdrawal.content.requestedBy)
    case .decision(let decision): tenant(of: decision.requestedBy)
    case .receipt(let receipt): receipt.content.tenantID
    case .artifact(let signed): signed.content.tenantID
    case .derivedIncident(let incident): incident.tenantID
    case .enrol(let act):
      act.content.enrol.flatMap { $0.tenantID.isEmpty ? nil : $0.tenantID }
        ?? act.content.revoke.flatMap { tenant(of: $0) }
    case .incident(let act):
      switch act.content.target {
      case .tenant(let name): name
      case .principal(let principal), .certificates(of: let principal, before: _): tenant(of: principal)
      case .all, .token: nil
      }
    case .genesis, .term, .tick, .members, .derivedMembers, .key, .version, .policy, .ballot, .recovery:
      nil
    }
  }

  private static func tenant(of principal: Principal) -> String? {
    if case .agent(let tenant, _) = principal { tenant } else { nil }
  }
}
