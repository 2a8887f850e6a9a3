import Canonical
import Records
import Rego

/// What a policy in Rego sees as `input`; `Docs/Policy.md` names every member.
enum RegoInput {
  /// - Parameter definitions: the registry's entries by name.
  static func value(_ input: PolicyInput, definitions: Value) -> Value {
    var members = common(input.proposal, input.action, risk: input.effectiveRisk, at: input.time, definitions)
    members += [
      ("agent", person(input.agent)), ("agent_labels", texts(input.agentLabels)),
      ("input_labels", texts(input.inputLabels)),
      ("trace_labels", texts(input.traceLabels)),
    ]
    if let parameters = input.parameters { members.append(("parameters", Value(parameters))) }
    return object(members)
  }

  /// What a filter sees: the request, and who would count towards it in which role.
  static func value(_ input: VoterInput, definitions: Value) -> Value {
    var members = common(input.proposal, input.action, risk: input.effectiveRisk, at: input.time, definitions)
    members += [("role", .string(input.role)), ("voter", person(input.voter))]
    return object(members)
  }

  private static func common(
    _ proposal: Proposal, _ action: ActionDefinition, risk effective: RiskContext, at time: Timestamp,
    _ definitions: Value
  ) -> [(String, Value)] {
    var members: [(String, Value)] = [
      ("action", .string(proposal.action)),
      ("declared_risk", risk(proposal.risk)),
      ("depth", .number(.small(proposal.depth))),
      ("inputs", texts(proposal.inputs.map(\.hex))),
      ("request_id", .string(proposal.requestID)),
      ("requested_by", .string(proposal.requestedBy.path)),
      ("risk", risk(effective)),
      ("scopes", texts(proposal.scopes)),
      ("tenant_id", .string(proposal.tenantID)),
      ("time", .string(time.text)),
      ("trace_id", .string(proposal.traceID)),
      ("valid_until", .string(proposal.validUntil.text)),
      ("workspace_id", .string(proposal.workspaceID)),
    ]
    if let crossing = proposal.crossing {
      members.append(
        (
          "crossing",
          object([
            ("tenant_id", .string(crossing.tenantID)), ("workspace_id", .string(crossing.workspaceID)),
          ])
        ))
    }
    if case .object(let all) = definitions, let definition = all[.string(action.name)] {
      members.append(("definition", definition))
    }
    return members
  }

  private static func person(_ agent: Enrolment) -> Value {
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
