import Canonical

/// When people must be asked: each rule that matches adds its demands to those before it.
public struct ApprovalRule: Equatable, Sendable, JSONWritable {
  /// Names the rule in `rules_fired`.
  public var name: String
  /// Actions it is about; empty for all.
  public var actions: [String]
  /// Classes of actions it is about, any of which will do; empty for all.
  public var classes: [ActionClass]
  /// Tenants it is about; empty for all.
  public var tenants: [String]
  /// Matches at this impact and above.
  public var impactAtLeast: ImpactLevel?
  /// Matches at this classification and above.
  public var classificationAtLeast: DataClassification?
  /// Matches at this cost and above.
  public var costAtLeast: MicroUSD?
  /// What is demanded.
  public var demands: [ApprovalDemand]
  /// `escalate`, `require_mfa` or `require_multi_sig`.
  public var decision: DecisionType
  /// How long people have, in seconds; then the proposal is denied.
  public var deadlineSeconds: Int
  /// How many people's rejections deny: 1 is a veto, which beats any number of approvals.
  public var rejections: Int

  package init(from fields: inout Fields) throws(RecordError) {
    name = try fields.identifier("name")
    actions = try fields.identifiers("actions")
    classes = try fields.optionalClasses()
    tenants = try fields.optionalTenants()
    impactAtLeast = try fields.optionalValue("impact_at_least", "an impact level") { json in
      json.string.flatMap(ImpactLevel.init(rawValue:))
    }
    classificationAtLeast = try fields.optionalValue(
      "classification_at_least", "a data classification"
    ) { json in json.string.flatMap(DataClassification.init(rawValue:)) }
    costAtLeast = try fields.optionalValue("cost_at_least_usd", "dollars as a decimal string") { json in
      json.string.flatMap(MicroUSD.init(text:))
    }
    demands = try fields.objects("demands", limit: 16) { (inner) throws(RecordError) in
      try ApprovalDemand(from: &inner)
    }
    decision = try fields.choice("decision")
    deadlineSeconds = try fields.integer("deadline_seconds", in: 1...604_800)
    rejections = try fields.optionalRejections() ?? 1
    guard demands.allSatisfy({ $0.tenant == nil }) else {
      throw .field(fields.name("demands"), expected: "no tenant: a rule's own tenants say whose it is")
    }
    guard !decision.isFinal, !demands.isEmpty || decision == .requireMFA else {
      throw .field(
        fields.name("decision"),
        expected: "escalate or require_multi_sig with at least one demand, or require_mfa")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("name", .string(name)), ("actions", .texts(actions)),
      ("classes", classes.isEmpty ? nil : .texts(classes.map(\.rawValue))),
      ("tenants", tenants.isEmpty ? nil : .texts(tenants)),
      ("impact_at_least", impactAtLeast.map { .string($0.rawValue) }),
      ("classification_at_least", classificationAtLeast.map { .string($0.rawValue) }),
      ("cost_at_least_usd", costAtLeast.map(JSON.money)), ("demands", .array(demands.map(\.json))),
      ("decision", .string(decision.rawValue)), ("deadline_seconds", .integer(deadlineSeconds)),
      ("rejections", rejections == 1 ? nil : .integer(rejections)),
    ])
  }

  /// Whether the rule is about this action at this risk, for this tenant.
  public func matches(_ action: ActionDefinition, risk: RiskContext, tenant: String) -> Bool {
    (actions.isEmpty || actions.contains(action.name))
      && (classes.isEmpty || classes.contains(where: action.classes.contains))
      && (tenants.isEmpty || tenants.contains(tenant))
      && impactAtLeast.map { risk.impactLevel >= $0 } ?? true
      && classificationAtLeast.map { risk.dataClassification >= $0 } ?? true
      && costAtLeast.map { risk.estimatedCost >= $0 } ?? true
  }
}
