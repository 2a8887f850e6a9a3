import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  /// What governance thinks of a proposal, and whether a breaker tripped.
  struct Judgement {
    var verdict: Verdict
    /// The breakers that tripped; empty for none.
    var tripped: [FiredRule]
  }

  /// What is judged.
  struct Subject {
    let proposal: Proposal
    let repeatKey: Digest
    let parameters: Parameters
    /// Whether the proposal comes now, and not for a second decision.
    let isNew: Bool
    /// Whether everybody who was asked has agreed, under this bundle.
    var isAgreed = false
  }

  /// What restrictions, floor and breakers find.
  struct Finding {
    let action: CompiledBundle.Action?
    let risk: RiskContext
    /// Nil where its enrolment has ended.
    let agent: Enrolment?
    var rules = FiredRules()
    var tripped: [FiredRule] = []
  }

  /// Restrictions, then floor and breakers. A restriction ends it there; floor and breakers have their
  /// say together, so that a loop of denied proposals trips its breaker too.
  func checkFloor(_ subject: Subject, at time: Timestamp) -> Finding {
    let proposal = subject.proposal
    let action = compiled.action(proposal.action)
    #if SIMULATION
    let risk =
      Mutant.declaredRiskBelieved.isActive
      ? proposal.risk : action.map { proposal.risk.joined($0.definition.risk) } ?? proposal.risk
    #else
    let risk = action.map { proposal.risk.joined($0.definition.risk) } ?? proposal.risk
    #endif
    var finding = Finding(
      action: action, risk: risk,
      agent: enrolment(of: proposal.requestedBy, at: time))
    checkRestrictions(proposal, &finding.rules)
    guard let agent = finding.agent else {
      finding.rules.fire("floor.enrolment", .deny, "the agent's enrolment has ended")
      return finding
    }
    guard !finding.rules.isDenied else { return finding }
    checkFloor(subject, agent: agent, action: action, risk: finding.risk, &finding.rules)
    checkPreview(subject, action: action?.definition, at: time, &finding.rules)
    var breakers = FiredRules()
    checkBreakers(
      proposal, repeatKey: subject.repeatKey, action: action?.definition, risk: finding.risk,
      isNew: subject.isNew, at: time, &breakers)
    finding.tripped = breakers.list
    // What the floor refuses costs nobody anything, whatever tenant it names: it freezes none.
    if semantics >= Semantics.people, finding.rules.isDenied {
      finding.tripped.removeAll { $0.rule == Breakers.tenantCost }
    }
    for rule in breakers.list { finding.rules.add(rule) }
    return finding
  }

  /// Decides a proposal: restrictions, floor, breakers, approval rules, policy; what nothing approves is
  /// denied (POL-10).
  func judge(_ subject: Subject, cause: LeafIndex, at time: Timestamp) -> Judgement {
    var finding = checkFloor(subject, at: time)
    var asked = AskedPeople()
    if !finding.rules.isDenied, let agent = finding.agent, let action = finding.action {
      ask(
        subject, agent: agent, action: action.definition, risk: finding.risk, at: time, &finding.rules,
        &asked)
    }
    var verdict = Verdict(
      type: .deny, cause: cause, decidedAt: time, rules: finding.rules.list, rationale: "",
      effectiveRisk: finding.risk, actionVersion: finding.action?.definition.version ?? "",
      constitutionVersion: compiled.bundle.constitutionVersion, policyBundleHash: compiled.bundle.hash)
    conclude(
      &verdict, asked, action: finding.action?.definition, validUntil: subject.proposal.validUntil)
    return Judgement(verdict: verdict, tripped: finding.tripped)
  }

  /// The bundle's approval rules, then its policy.
  private func ask(
    _ subject: Subject, agent: Enrolment, action: ActionDefinition, risk: RiskContext, at time: Timestamp,
    _ rules: inout FiredRules, _ asked: inout AskedPeople
  ) {
    if rules.list.contains(where: { ["floor.untrusted_input", "floor.untrusted_trace"].contains($0.rule) }) {
      asked.add([ApprovalDemand(role: Floor.role, count: 1)], seconds: Floor.deadlineSeconds)
      asked.deny(at: 1, within: Floor.deadlineSeconds)
    }
    if subject.proposal.crossing != nil {
      asked.add(crossingDemands(subject.proposal), seconds: Floor.deadlineSeconds)
      asked.deny(at: 1, within: Floor.deadlineSeconds)
    }
    if let people = action.classes.map(\.people).max() {
      asked.add([ApprovalDemand(role: Floor.role, count: people)], seconds: Floor.deadlineSeconds)
      asked.deny(at: 1, within: Floor.deadlineSeconds)
    }
    for rule in compiled.bundle.approvals
    where rule.matches(action, risk: risk, tenant: subject.proposal.tenantID) {
      let people = rule.demands.map { "\($0.count) × \($0.role)" }.joined(separator: ", ")
      rules.fire(
        "policy.approvals.\(rule.name)", rule.decision,
        (rule.demands.isEmpty ? "needs a confirmation by a second key" : "needs \(people)")
          + (action.isIrreversible ? "; what it does cannot be undone" : ""))
      asked.add(rule.demands, seconds: rule.deadlineSeconds)
      asked.deny(at: rule.rejections, within: rule.deadlineSeconds)
    }
    let input = PolicyInput(
      proposal: subject.proposal, action: action, parameters: subject.parameters.value,
      effectiveRisk: risk, inputLabels: inputLabels(subject.proposal, isAgreed: false),
      traceLabels: traceLabels(subject.proposal), agentLabels: agentLabels(subject.proposal, at: time),
      agent: agent, time: time)
    let answer = compiled.policy.evaluate(input)
    for rule in answer.rules { rules.add(rule) }
    asked.add(answer.demands, seconds: answer.deadlineSeconds ?? Floor.deadlineSeconds)
    if answer.rules.contains(where: { !$0.effect.isFinal }) {
      asked.deny(at: answer.rejections ?? 1, within: answer.deadlineSeconds ?? Floor.deadlineSeconds)
    }
    // A rule of the policy that calls for people approves on that condition; the bundle's own do not.
    asked.isApproved = answer.rules.contains { $0.effect != .deny }
  }

  /// From rules to one answer: any denial denies; else the strictest demand; else an approval, if a rule
  /// said so; else denial.
  private func conclude(
    _ verdict: inout Verdict, _ asked: AskedPeople, action: ActionDefinition?, validUntil: Timestamp
  ) {
    if let denial = verdict.rules.first(where: { $0.effect == .deny }) {
      verdict.rationale = "denied: \(denial.message)"
      return
    }
    let required = verdict.rules.map(\.effect).filter { !$0.isFinal }.max { $0.strictness < $1.strictness }
    guard asked.isApproved, !asked.isOverfull, let action else {
      verdict.rules.append(
        FiredRule(rule: "policy.default_deny", effect: .deny, message: "no rule approves this"))
      verdict.rationale = "denied: no rule approves this"
      return
    }
    guard let required else {
      approve(&verdict, action: action, because: "approved by policy")
      return
    }
    verdict.type = required
    let isConfirmed = needsConfirmation(verdict)
    // A confirmation alone will do where every rule that asks calls for no more.
    let asksNobodyElse =
      isConfirmed && verdict.rules.allSatisfy { $0.effect.isFinal || $0.effect == .requireMFA }
    verdict.demands =
      asked.demands.isEmpty && !asksNobodyElse ? [ApprovalDemand(role: Floor.role, count: 1)] : asked.demands
    verdict.rejections = asked.rejections ?? 1
    let seconds = Int64(asked.seconds ?? Floor.deadlineSeconds)
    verdict.deadline = min(verdict.decidedAt.advanced(by: .seconds(seconds)), validUntil)
    var people = verdict.demands.map { demand in
      "\(demand.count) × \(demand.role)" + (demand.tenant.map { " of tenant \($0)" } ?? "")
    }
    if isConfirmed { people.append("a confirmation by a second key") }
    verdict.rationale =
      "waits for \(people.joined(separator: ", ")) until \(verdict.deadline?.text ?? "")"
  }

  /// Makes a verdict an approval whose token lives from now on.
  func approve(_ verdict: inout Verdict, action: ActionDefinition, because rationale: String) {
    verdict.type = .approve
    verdict.rationale = rationale
    verdict.deadline = nil
    let seconds = min(action.tokenSeconds, Floor.maximumTokenSeconds)
    verdict.expiresAt = verdict.decidedAt.advanced(by: .seconds(Int64(seconds)))
  }
}

/// What people are asked for, gathered from every rule: of each role the highest count, of all deadlines
/// the earliest.
struct AskedPeople {
  private static let maximumRoles = 16
  private static let maximumPeople = 64

  private(set) var demands: [ApprovalDemand] = []
  private(set) var seconds: Int?
  /// More roles or people than a decision can name; such a proposal is denied.
  private(set) var isOverfull = false
  /// Whether the policy approves, perhaps on condition that people do.
  var isApproved = false
  /// The fewest rejections by which any rule denies; nil where none asks.
  private(set) var rejections: Int?

  /// A rule's count of rejections, and its deadline where it demands nobody by role.
  mutating func deny(at count: Int, within seconds: Int) {
    rejections = min(rejections ?? count, count)
    self.seconds = min(self.seconds ?? seconds, seconds)
  }

  mutating func add(_ more: [ApprovalDemand], seconds: Int) {
    guard !more.isEmpty else { return }
    self.seconds = min(self.seconds ?? seconds, seconds)
    for demand in more {
      if let position = demands.firstIndex(where: { $0.role == demand.role && $0.tenant == demand.tenant }) {
        demands[position].count = max(demands[position].count, demand.count)
        let filters = (demands[position].filters + demand.filters).sorted()
        demands[position].filters = filters.reduce(into: []) { all, name in
          if all.last != name { all.append(name) }
        }
        if demands[position].filters.count > ApprovalDemand.maximumFilters { isOverfull = true }
      } else if demands.count < Self.maximumRoles {
        demands.append(demand)
      } else {
        isOverfull = true
      }
    }
    if demands.reduce(0, { $0 + $1.count }) > Self.maximumPeople { isOverfull = true }
  }
}

extension DecisionType {
  /// Which of several demands names the decision.
  fileprivate var strictness: Int {
    switch self {
    case .approve: 0
    case .escalate: 1
    case .requireMFA: 2
    case .requireMultiSig: 3
    case .deny: 4
    }
  }
}
