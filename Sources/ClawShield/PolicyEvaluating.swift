import Canonical
import Records

/// What a policy is asked about: a proposal that the floor has let through and no breaker has stopped.
public struct PolicyInput: Sendable {
  public let proposal: Proposal
  public let action: ActionDefinition
  /// The parameters, valid by the action's schema. Nil where a decision is made again: the state keeps no
  /// parameters, so that they stay erasable. A policy that needs them must then deny.
  public let parameters: JSON?
  /// The higher of what the agent declared and what the registry says.
  public let effectiveRisk: RiskContext
  /// Labels of all inputs, ascending.
  public let inputLabels: [String]
  /// Labels of what was given to agents of the tenant in the proposal's trace, beyond their own; ascending.
  public let traceLabels: [String]
  /// Labels of what was given to the agent for what it asked in the last hour, in whichever trace, beyond its own; ascending.
  public let agentLabels: [String]
  /// The agent.
  public let agent: Enrolment
  /// Log time.
  public let time: Timestamp
}

/// What a policy answers.
public struct PolicyAnswer: Equatable, Sendable {
  /// Every rule that had its say. One that denies denies; what is neither denied nor approved by a rule
  /// is denied (POL-10).
  public var rules: [FiredRule]
  /// What people must do, beyond what the bundle's approval rules demand; for a rule that calls for them.
  public var demands: [ApprovalDemand]
  /// How long people have, in seconds.
  public var deadlineSeconds: Int?
  /// How many people's rejections deny, where it is more than the one of a veto.
  public var rejections: Int?

  /// An answer.
  public init(
    rules: [FiredRule], demands: [ApprovalDemand] = [], deadlineSeconds: Int? = nil, rejections: Int? = nil
  ) {
    self.rules = rules
    self.demands = demands
    self.deadlineSeconds = deadlineSeconds
    self.rejections = rejections
  }
}

/// What a demand's filter is asked: whether this person counts towards it.
public struct VoterInput: Sendable {
  public let proposal: Proposal
  public let action: ActionDefinition
  public let effectiveRisk: RiskContext
  /// As enrolled at `time`.
  public let voter: Enrolment
  /// In which role the person votes.
  public let role: String
  /// Log time.
  public let time: Timestamp
}

/// The place of a policy engine. An evaluator is a pure function of its input and the bundle: no clock,
/// randomness, I/O or state of its own, the same answer on every machine (POL-8), with its own
/// bound on work; what it cannot decide it must deny.
public protocol PolicyEvaluating: Sendable {
  /// Makes a bundle ready, once; refuses one that this evaluator cannot enforce in full (POL-4).
  func compile(_ bundle: PolicyBundle) throws(ShieldError) -> any ReadyPolicy
  /// Why a bundle that compiles should not come into force all the same; nil where nothing is against it. Asked since
  /// `Semantics.inferredKinds`, of bundles that are proposed and not of those in force.
  func objection(to bundle: PolicyBundle) -> String?
}

extension PolicyEvaluating {
  /// Nothing beyond what does not compile.
  public func objection(to bundle: PolicyBundle) -> String? { nil }
}

/// A bundle's policy, ready to be asked.
public protocol ReadyPolicy: Sendable {
  /// Answers for one proposal.
  func evaluate(_ input: PolicyInput) -> PolicyAnswer
  /// Whether the filter of that name lets a person count. Asked when a ballot arrives, and again of every earlier
  /// one then. What cannot be decided is no.
  func admits(_ voter: VoterInput, filter: String) -> Bool
}

extension ReadyPolicy {
  /// Nobody passes a filter that is not known.
  public func admits(_ voter: VoterInput, filter: String) -> Bool { false }
}

/// What bundles say: the policy in Rego where they have one, else the registry alone.
public struct BundlePolicy: PolicyEvaluating {
  /// The evaluator of every ledger.
  public init() {}

  public func compile(_ bundle: PolicyBundle) throws(ShieldError) -> any ReadyPolicy {
    if bundle.hasRego { try RegoPolicy(bundle) } else { try DeclarativePolicy(bundle) }
  }

  public func objection(to bundle: PolicyBundle) -> String? {
    bundle.hasRego ? RegoPolicy.kindFault(bundle) : nil
  }
}

/// The declarative policy: what stands in the registry may be approved, under the bundle's approval
/// rules, which are applied to whatever a policy answers.
struct DeclarativePolicy: ReadyPolicy {
  /// Refuses files that it would not evaluate, such as a policy in another language: people who signed
  /// the bundle believe that those are in force.
  init(_ bundle: PolicyBundle) throws(ShieldError) {
    for file in bundle.files
    where ![PolicyBundle.registryPath, BundleAuthor.path, Constitution.path].contains(file.path)
      && !file.path.hasSuffix(".md")
    {
      throw .bundle(
        "expected \(PolicyBundle.registryPath), \(Constitution.path), .md files and a policy in .rego files, found \"\(file.path.prefix(128))\""
      )
    }
    for rule in bundle.approvals where rule.demands.contains(where: { !$0.filters.isEmpty }) {
      throw .bundle("approval rule \(rule.name): a filter needs a policy that defines it")
    }
  }

  /// Approves an action: only registered ones come this far.
  func evaluate(_ input: PolicyInput) -> PolicyAnswer {
    PolicyAnswer(rules: [
      FiredRule(
        rule: "policy.registry", effect: .approve,
        message: "\(input.action.name) is registered as version \(input.action.version)")
    ])
  }
}
