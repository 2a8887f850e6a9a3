import Canonical
import Records
import Rego

/// What a policy in Rego sees as `input`; `Docs/Policy.md` names every member.
enum RegoInput {
  /// - Parameter definitions: the registry's entries by name.
  static func value(_ input: PolicyInput, definitions: Value) -> Value {
    let proposal = input.proposal
    var members: [(Value, Value)] = [
      ("action", .string(proposal.action)),
      ("agent", agent(input.agent)),
      ("declared_risk", risk(proposal.risk)),
      ("depth", .number(.small(proposal.depth))),
      ("input_labels", texts(input.inputLabels)),
      ("inputs", texts(proposal.inputs.map(\.hex))),
      ("request_id", .string(proposal.requestID)),
      ("requested_by", .string(proposal.requestedBy.path)),
      ("risk", risk(input.effectiveRisk)),
      ("scopes", texts(proposal.scopes)),
      ("tenant_id", .string(proposal.tenantID)),
      ("time", .string(input.time.text)),
      ("trace_id", .string(proposal.traceID)),
      ("valid_until", .string(proposal.validUntil.text)),
      ("workspace_id", .string(proposal.workspaceID)),
    ].map { (Value.string($0.0), $0.1) }
    if case .object(let all) = definitions, let definition = all[.string(input.action.name)] {
      members.append((.string("definition"), definition))
    }
    if let parameters = input.parameters { members.append((.string("parameters"), Value(parameters))) }
    return .object(ObjectValue(members))
  }

  private static func agent(_ agent: Enrolment) -> Value {
    object([
      ("id", .string(agent.principal.path)), ("owner", .string(agent.owner)), ("roles", texts(agent.roles)),
      ("scopes", texts(agent.scopes)), ("tenant_id", .string(agent.tenantID)),
    ])
  }

  /// Levels as words and as ranks, for words do not ascend; money in dollars and, exactly, in micro-dollars.
  private static func risk(_ risk: RiskContext) -> Value {
    object([
      ("classification_rank", .number(.small(rank(risk.dataClassification)))),
      ("data_classification", .string(risk.dataClassification.rawValue)),
      ("estimated_cost_micro_usd", .number(.small(Int(risk.estimatedCost.micros)))),
      ("estimated_cost_usd", .number(Number(literal: risk.estimatedCost.text) ?? .small(0))),
      ("impact_level", .string(risk.impactLevel.rawValue)),
      ("impact_rank", .number(.small(rank(risk.impactLevel)))),
    ])
  }

  private static func rank<Level: CaseIterable & Equatable>(_ level: Level) -> Int {
    Array(Level.allCases).firstIndex(of: level) ?? 0
  }

  private static func object(_ members: [(String, Value)]) -> Value {
    .object(ObjectValue(members.map { (.string($0.0), $0.1) }))
  }

  private static func texts(_ texts: [String]) -> Value { .array(texts.map(Value.string)) }
}
