import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// The floor: rules that are code, which no policy can lower.
enum Floor {
  /// No token outlives this, in seconds.
  static let maximumTokenSeconds = 900
  /// Statements live at most this long.
  static let maximumValidity = Statement.maximumValidity
  /// How long people have where the floor asks for one, in seconds.
  static let deadlineSeconds = 3600
  /// The role whose holders the floor asks.
  static let role = "approver"
  /// The label of outside text (INV-013).
  static let untrusted = "untrusted"

  private static let shells = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "rc", "cmd", "cmd.exe",
    "powershell", "powershell.exe", "pwsh",
  ]
  private static let launchers = [
    "env", "busybox", "toybox", "xargs", "nohup", "setsid", "timeout", "nice", "ionice", "chroot", "sudo",
    "su", "unshare", "script", "stdbuf", "time",
  ]

  /// The shell that an argument vector starts, directly or by a launcher; nil where it starts none
  /// (RT-8: raw shell is refused). The registry is written by two people; this catches the mistake.
  static func rawShell(_ arguments: [String]) -> String? {
    guard let program = arguments.first.map(basename) else { return nil }
    if shells.contains(program) { return program }
    guard launchers.contains(program) else { return nil }
    return arguments.dropFirst().map(basename).first { shells.contains($0) }
  }

  private static func basename(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}

/// The rules that fired for one proposal, in the order in which they were asked. Bounded, so that every
/// decision fits into a record: where they do not fit, the last one says so, and denies.
struct FiredRules {
  static let maximumCount = 64
  /// Longest message in bytes.
  static let maximumMessage = 512
  /// Most bytes of all names and messages together.
  static let maximumBytes = 8192

  private(set) var list: [FiredRule] = []
  private var bytes = 0
  private var isFull = false

  init(_ rules: [FiredRule] = []) {
    for rule in rules { add(rule) }
  }

  var isDenied: Bool { list.contains { $0.effect == .deny } }

  mutating func fire(_ rule: String, _ effect: DecisionType, _ message: String) {
    add(FiredRule(rule: rule, effect: effect, message: message))
  }

  mutating func add(_ rule: FiredRule) {
    guard !isFull else { return }
    let fitting = FiredRule(
      rule: plain(rule.rule, limit: 256), effect: rule.effect,
      message: plain(rule.message, limit: Self.maximumMessage))
    bytes += fitting.rule.utf8.count + fitting.message.utf8.count
    guard list.count < Self.maximumCount - 1, bytes <= Self.maximumBytes else {
      isFull = true
      list.append(FiredRule(rule: "rules.truncated", effect: .deny, message: "more rules fired than fit"))
      return
    }
    list.append(fitting)
  }
}

/// The longest prefix of whole characters within `limit` bytes, control characters replaced: what is
/// quoted from elsewhere must not grow by escapes, nor reach a terminal as commands.
func plain(_ text: String, limit: Int) -> String {
  var out = String.UnicodeScalarView()
  var count = 0
  for scalar in text.unicodeScalars {
    let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
    let kept: Unicode.Scalar = isControl ? "?" : scalar
    count += UTF8.width(kept)
    guard count <= limit else { break }
    out.append(kept)
  }
  return String(out)
}

extension ShieldState {
  /// What kills, quarantines and revocations forbid right now; the first rules to be asked.
  func checkRestrictions(_ proposal: Proposal, _ rules: inout FiredRules) {
    if let id = restriction(on: .all) {
      rules.fire("floor.halted", .deny, "everything is halted by incident \(id) until two operators lift it")
    }
    if let id = restriction(on: .principal(proposal.requestedBy)) {
      rules.fire("floor.quarantined", .deny, "the agent is restricted by incident \(id) until it is lifted")
    }
    for tenant in tenants(of: proposal) {
      if let id = restriction(on: .tenant(tenant)) {
        rules.fire(
          "floor.tenant_quarantined", .deny,
          "tenant \(tenant) is restricted by incident \(id) until it is lifted")
      }
    }
  }

  /// The tenants that a proposal is about: its agent's, the one it names, and the one that it crosses to.
  func tenants(of proposal: Proposal) -> [String] {
    var tenants = [proposal.tenantID]
    if case .agent(let own, _) = proposal.requestedBy, own != proposal.tenantID { tenants.insert(own, at: 0) }
    if let other = proposal.crossing?.tenantID { tenants.append(other) }
    return tenants
  }

  /// The first incident in force against `target`.
  func restriction(on target: IncidentTarget) -> String? {
    var found: String?
    let text = target.text
    indexes.restrictions.forEach(from: TargetKey(target: text, incidentID: "")) { key, _ in
      if key.target == text { found = key.incidentID }
      return false
    }
    return found
  }

  /// Tenant, registry, parameters, scopes and inputs (INV-005, INV-008, T2.1, T3.2).
  func checkFloor(
    _ subject: Subject, agent: Enrolment, action: CompiledBundle.Action?, risk: RiskContext,
    _ rules: inout FiredRules
  ) {
    let proposal = subject.proposal
    let parameters = subject.parameters
    if proposal.tenantID != agent.tenantID {
      rules.fire(
        "floor.tenant", .deny,
        "the agent belongs to tenant \(agent.tenantID), the proposal names \(proposal.tenantID)")
    }
    guard let action else {
      rules.fire("floor.action_registered", .deny, "\(proposal.action) is not in the registry")
      return
    }
    if let message = parameters.objection(to: action) {
      rules.fire("floor.parameters", .deny, message)
    }
    if semantics >= Semantics.people, case .given(let value) = parameters,
      let scalar = HiddenText.first(in: value)
    {
      rules.fire(
        "floor.hidden_text", .deny,
        "the parameters have \(HiddenText.name(scalar)), which people do not see: normalise them first")
    }
    if !action.definition.tenants.isEmpty, !action.definition.tenants.contains(proposal.tenantID) {
      rules.fire(
        "floor.action_tenant", .deny, "\(proposal.action) is not for tenant \(proposal.tenantID)")
    }
    for name in action.definition.classes {
      rules.fire(
        "floor.class.\(name.rawValue)", name.people > 1 ? .requireMultiSig : .escalate,
        name.people > 1
          ? "\(name.people) people must agree to this class of actions"
          : "a person must agree to this class of actions")
    }
    if let shell = Floor.rawShell(action.definition.arguments) {
      rules.fire("floor.raw_shell", .deny, "the action starts a raw shell, \(shell)")
    }
    checkScopes(proposal, agent: agent, action: action.definition, &rules)
    checkCrossing(subject, &rules)
    checkInputs(subject, agent: agent, action: action.definition, risk: risk, &rules)
  }

  private func checkScopes(
    _ proposal: Proposal, agent: Enrolment, action: ActionDefinition, _ rules: inout FiredRules
  ) {
    for scope in proposal.scopes where !agent.scopes.contains(scope) {
      rules.fire("floor.scope_granted", .deny, "the agent's grant does not cover scope \(scope)")
    }
    for scope in proposal.scopes where !action.scopes.contains(scope) {
      rules.fire("floor.scope_of_action", .deny, "\(action.name) has no use for scope \(scope)")
    }
    for scope in action.scopes where !proposal.scopes.contains(scope) {
      rules.fire("floor.scope_needed", .deny, "\(action.name) needs scope \(scope), which was not asked for")
    }
  }

  /// Inputs are of the proposal's own tenant and workspace, no more than the action takes, and of labels
  /// that the agent's grant covers (INV-008, RT-3).
  private func checkInputs(
    _ subject: Subject, agent: Enrolment, action: ActionDefinition, risk: RiskContext,
    _ rules: inout FiredRules
  ) {
    let proposal = subject.proposal
    for digest in proposal.inputs {
      if artifactCell(proposal.tenantID, proposal.workspaceID, digest) != nil { continue }
      // Another tenant's: see checkCrossing.
      if proposal.crossing != nil { continue }
      if artifact(tenant: proposal.tenantID, digest: digest) == nil {
        rules.fire(
          "floor.cross_tenant", .deny,
          "input \(digest.hex.prefix(16))… is no artifact of tenant \(proposal.tenantID)")
      } else {
        rules.fire(
          "floor.cross_workspace", .deny,
          "input \(digest.hex.prefix(16))… is not in workspace \(proposal.workspaceID)")
      }
    }
    checkInputLimits(subject, action: action, &rules)
    #if SIMULATION
    let isUnchecked = Mutant.grantNotChecked.isActive
    #else
    let isUnchecked = false
    #endif
    for label in ownLabels(proposal) where !isUnchecked && !isCovered(label, agent) {
      rules.fire("floor.labels", .deny, "the agent's grant does not cover label \(label)")
    }
    #if SIMULATION
    if Mutant.untrustedBelieved.isActive { return }
    #endif
    if inputLabels(proposal, isAgreed: false).contains(Floor.untrusted), risk.impactLevel >= .high {
      rules.fire(
        "floor.untrusted_input", .escalate,
        "an input is outside text and the impact is \(risk.impactLevel.rawValue): a person must approve")
    } else if risk.impactLevel >= .high, traceLabels(proposal).contains(Floor.untrusted) {
      rules.fire(
        "floor.untrusted_trace", .escalate,
        "a result of this trace is outside text and the impact is \(risk.impactLevel.rawValue): a person must "
          + "approve")
    }
  }

  private func checkInputLimits(
    _ subject: Subject, action: ActionDefinition, _ rules: inout FiredRules
  ) {
    let proposal = subject.proposal
    let count = proposal.inputs.count
    guard let limits = action.inputs else {
      if count > 0 {
        rules.fire("floor.inputs_taken", .deny, "\(action.name) takes no inputs, and \(count) are named")
      }
      return
    }
    let distinct = proposal.inputs.sorted()
    if zip(distinct, distinct.dropFirst()).contains(where: ==) {
      rules.fire("floor.inputs_distinct", .deny, "an input is named twice")
    }
    if count < limits.minimumCount {
      rules.fire(
        "floor.inputs_needed", .deny,
        "\(action.name) needs at least \(limits.minimumCount) inputs, and \(count) are named")
    }
    if count > limits.maximumCount {
      rules.fire(
        "floor.inputs_count", .deny,
        "\(action.name) takes at most \(limits.maximumCount) inputs, and \(count) are named")
    }
    let bytes = proposal.inputs.reduce(0) { sum, digest in
      let cell =
        subject.isAgreed
        ? inputCell(proposal, digest) : artifactCell(proposal.tenantID, proposal.workspaceID, digest)
      return sum + (cell?.size ?? 0)
    }
    if bytes > limits.maximumBytes {
      rules.fire(
        "floor.inputs_bytes", .deny,
        "\(action.name) takes inputs of at most \(limits.maximumBytes) bytes, and these have \(bytes)")
    }
  }

  /// The labels of the inputs that are the proposal's own tenant's, ascending, none twice.
  private func ownLabels(_ proposal: Proposal) -> [String] {
    proposal.inputs.reduce([]) { labels, digest in
      let cell = artifactCell(proposal.tenantID, proposal.workspaceID, digest)
      return Labels.joined(labels, cell?.labels ?? [])
    }
  }

  /// The labels of all inputs, ascending, none twice. What is another tenant's has its mark and is outside text, whatever
  /// else it has; and that is known only where `isAgreed`.
  func inputLabels(_ proposal: Proposal, isAgreed: Bool = true) -> [String] {
    guard let crossing = proposal.crossing else { return ownLabels(proposal) }
    let marks = Labels.joined(ownLabels(proposal), [crossing.tenantID, Floor.untrusted])
    guard isAgreed else { return marks }
    return proposal.inputs.reduce(marks) { Labels.joined($0, inputCell(proposal, $1)?.labels ?? []) }
  }

  /// A grant covers its own tenant, that tenant's agents, the executors, outside text, and what it names
  /// as scope `label:<label>`, slashes written as colons.
  private func isCovered(_ label: String, _ agent: Enrolment) -> Bool {
    if label == agent.tenantID || label == Floor.untrusted { return true }
    switch Principal(path: label) {
    case .agent(let tenant, _) where tenant == agent.tenantID: return true
    case .executor: return true
    default:
      let name = String(label.map { $0 == "/" ? ":" : $0 })
      return agent.scopes.contains("label:\(name)")
    }
  }
}

/// What is known of a proposal's parameters.
enum Parameters {
  /// The parameters themselves.
  case given(JSON)
  /// Only which schema they satisfied when they came (nil: none).
  case remembered(schema: Digest?)

  var value: JSON? { if case .given(let value) = self { value } else { nil } }

  /// The hash of the action's schema, where the parameters satisfy it.
  func satisfiedSchema(of action: CompiledBundle.Action?) -> Digest? {
    guard let action, objection(to: action) == nil else { return nil }
    return action.schemaHash
  }

  /// Why the parameters are not the action's; nil where they are. Quotes no parameter.
  func objection(to action: CompiledBundle.Action) -> String? {
    switch self {
    case .given(let value):
      do {
        try action.schema.validate(value)
        return nil
      } catch {
        return "parameters\(error.path.isEmpty ? ":" : "") \(error.description)"
      }
    case .remembered(let schema):
      return schema == action.schemaHash
        ? nil : "the new bundle changes the schema of the parameters: propose again"
    }
  }
}
