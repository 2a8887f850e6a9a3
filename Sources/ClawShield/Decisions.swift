import Canonical
import Crypto
import Records

/// A decision that the log implies and nobody has written yet.
public struct OwedDecision: Equatable, Sendable {
  /// The proposal's leaf.
  public var proposal: LeafIndex { cell.index }
  /// The leaf that caused the decision.
  public var cause: LeafIndex { cell.verdict.cause }
  /// An approval needs an executor.
  public var decisionType: DecisionType { cell.verdict.type }

  let cell: ProposalCell
}

/// A derived record that the log implies and nobody has written yet.
public enum Owed: Equatable, Sendable {
  case decision(OwedDecision)
  case incident(DerivedIncident)
}

extension ShieldState {
  /// Most owed records that are given at once; a leader writes them and asks again.
  public static let maximumOwed = 64

  /// Derived records that the log's content implies but nobody wrote yet, in order of cause; the first
  /// `maximumOwed` of them. The leader writes them.
  public var owed: [Owed] {
    var out: [Owed] = []
    indexes.owed.forEach { key, id in
      switch key.kind {
      case .decision:
        if let cell = proposal(key.about) { out.append(.decision(OwedDecision(cell: cell))) }
      case .breaker, .flag: if let incident = incident(id)?.owed { out.append(.incident(incident)) }
      case .unknownOutcome:
        if let cell = proposal(key.about), let incident = unknownOutcome(of: cell) {
          out.append(.incident(incident))
        }
      case .retention: if let incident = retentionEnded(named: id) { out.append(.incident(incident)) }
      }
      return out.count < Self.maximumOwed
    }
    return out
  }

  /// The executors that an approval may name: enrolled, unexpired, not restricted, of the proposal's
  /// tenant or of none, and offering at least the isolation that the action needs; ascending.
  public func eligibleExecutors(for owed: OwedDecision) -> [Enrolment] {
    guard owed.decisionType == .approve, let action = compiled.action(owed.cell.content.action) else {
      return []
    }
    var out: [Enrolment] = []
    indexes.executors.forEach { principal, _ in
      if let executor = enrolment(of: principal, at: logTime),
        isEligible(executor, action: action.definition, for: owed.cell)
      {
        out.append(executor)
      }
      return true
    }
    return out
  }

  /// The weakest isolation that the action of an owed decision may run in; nil where the bundle has no such action.
  public func isolationClass(for owed: OwedDecision) -> IsolationClass? {
    compiled.action(owed.cell.content.action)?.definition.isolationClass
  }

  private func isEligible(_ executor: Enrolment, action: ActionDefinition, for cell: ProposalCell) -> Bool {
    executor.isolationClasses.contains { $0 >= action.isolationClass }
      && (executor.tenantID.isEmpty
        || executor.tenantID == cell.content.tenantID && cell.content.crossing == nil)
      && cell.verification?.hasRun(on: executor.principal) != true
      && restriction(on: .principal(executor.principal)) == nil
  }

  /// The record that is owed. An approval names `executor`; where that is nil or not eligible, it is a
  /// denial for that reason instead.
  public func decision(for owed: OwedDecision, executor: Principal?) -> Decision {
    let cell = owed.cell
    guard cell.verdict.type == .approve else { return decision(cell, cell.verdict, grant: nil) }
    guard let executor, let known = enrolment(of: executor, at: logTime),
      case .executor = executor, let action = compiled.action(cell.content.action)?.definition,
      isEligible(known, action: action, for: cell),
      cell.verification.map({ eligibleExecutors(for: owed).count >= $0.needed - $0.runs.count }) ?? true
    else { return decision(cell, withoutExecutor(cell), grant: nil) }
    return decision(cell, cell.verdict, grant: grant(cell, action, known))
  }

  /// A denial with the same cause: it stands in the approval's place.
  private func withoutExecutor(_ cell: ProposalCell) -> Verdict {
    var verdict = denial(
      cell, rule: "execution.no_executor",
      message: cell.verification == nil
        ? "no eligible executor is there" : "not as many eligible executors are there as must agree",
      cause: cell.verdict.cause
    )
    verdict.decidedAt = cell.verdict.decidedAt
    return verdict
  }

  private func decision(_ cell: ProposalCell, _ verdict: Verdict, grant: ApprovalGrant?) -> Decision {
    Decision(
      decisionID: decisionID(cell, verdict), decisionType: verdict.type, proposal: cell.index,
      proposalHash: cell.leafHash, cause: verdict.cause, request: cell.content,
      actionVersion: verdict.actionVersion, constitutionVersion: verdict.constitutionVersion,
      policyBundleHash: verdict.policyBundleHash, rulesFired: verdict.rules, rationale: verdict.rationale,
      decidedAt: verdict.decidedAt, effectiveRisk: verdict.effectiveRisk, demands: verdict.demands,
      deadline: verdict.deadline, rejections: verdict.isOpen ? verdict.rejections : 1,
      challenge: verdict.isOpen && needsConfirmation(verdict) ? challenge(cell, verdict) : nil,
      previewHash: cell.previewHash, grant: grant)
  }

  func decisionID(_ cell: ProposalCell, _ verdict: Verdict) -> String {
    DerivedID.make("decision", cluster: cluster, cause: verdict.cause, about: cell.index)
  }

  private func grant(_ cell: ProposalCell, _ action: ActionDefinition, _ executor: Enrolment) -> ApprovalGrant
  {
    let verdict = cell.verdict
    return ApprovalGrant(
      tokenID: DerivedID.make("token", cluster: cluster, cause: verdict.cause, about: cell.index),
      approvalScope: action.name, allowedScopes: cell.content.scopes, issuedAt: verdict.decidedAt,
      expiresAt: verdict.expiresAt ?? verdict.decidedAt,
      nonce: DerivedID.make("nonce", cluster: cluster, cause: verdict.cause, about: cell.index),
      constraints: Constraints(
        maximumCost: action.maximumCost, maximumRetries: action.maximumRetries,
        rateLimitPerMinute: action.rateLimitPerMinute),
      executorID: executor.principal, executorIncarnation: executor.incarnation,
      isolationClass: action.isolationClass, humanAttestors: verdict.attestors,
      // Fewer where one person met two demands.
      multiSigThreshold: min(verdict.demands.reduce(0) { $0 + $1.count }, verdict.attestors.count))
  }

  // MARK: Effect

  /// A written decision takes effect if it is the one that is owed, but for the choice of executor.
  mutating func take(_ decision: Decision, at index: LeafIndex) -> Applied {
    if decision.decisionType == .approve { markApproval(index) }
    guard let old = proposal(decision.proposal), old.isOwed else {
      return .divergent(expected: "no decision about leaf \(decision.proposal.value)")
    }
    let owed = OwedDecision(cell: old)
    let expected = self.decision(for: owed, executor: decision.grant?.executorID)
    guard decision == expected else {
      let alternative =
        old.verdict.type == .approve ? " by an eligible executor, or a denial for want of one" : ""
      return .divergent(
        expected: "\(expected.decisionType.rawValue) \(expected.decisionID) caused by leaf "
          + "\(expected.cause.value)\(alternative)")
    }
    var cell = old
    if old.verdict.type == .approve, decision.grant == nil {
      let reservation = cell.reservation
      cell.verdict = withoutExecutor(old)
      cell.reservation = nil
      cell.settledAt = logTime
      if let reservation { settle(reservation, tenant: cell.content.tenantID, cost: .zero) }
    }
    cell.grant = decision.grant
    cell.decided(index)
    change(old, to: cell)
    return .effective
  }
}
