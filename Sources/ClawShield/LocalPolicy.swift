import Canonical
import Records
import Rego

/// A party's own bundle: Rego that says why this party gives no share to an approval, and nothing else. It is
/// evaluated by that party's node alone and is no part of the state: two parties may hold two of them, or
/// none.
///
/// `data.openexec.withhold` is a set or an array of reasons, one reason, or true; undefined, false and
/// nothing at all withhold nothing. What cannot be decided withholds: the others go on if enough of them
/// remain.
public struct LocalPolicy: Sendable {
  /// Under `data`.
  static let rule = ["openexec", "withhold"]

  private let policy: Policy
  private let data: Value
  private let budget = EvaluationBudget.standard

  /// Reads a bundle's files, as OPA lays them out; a registry among them means nothing.
  public init(files: [(path: String, text: String)]) throws(ShieldError) {
    let contents = try RegoBundle(files)
    do {
      policy = try Policy(contents.modules, infersKinds: false)
    } catch {
      throw .bundle(error.description)
    }
    guard policy.hasRule(at: Self.rule) else {
      throw .bundle("expected a rule withhold in the package openexec, found none")
    }
    data = contents.data
  }

  /// Why the party withholds its share; nil where it does not.
  func objection(_ input: Value, at time: Timestamp, withheld: String?) -> String? {
    let evaluation = Evaluation(
      policy, data: data, input: input, withheld: withheld,
      meter: Meter(steps: budget.steps, bytes: budget.bytes, depth: budget.depth, now: Int(time.nanoseconds)))
    let value: Value?
    do throws(EvaluationError) {
      value = try evaluation.value(of: Self.rule)
    } catch {
      return Self.reason(["the local policy cannot decide: \(error)"])
    }
    switch value {
    case nil, .bool(false): return nil
    case .bool(true): return Self.reason(["the local policy says so"])
    case .string(let text): return Self.reason([text])
    case .array(let values): return Self.reasons(values)
    case .set(let set): return Self.reasons(set.elements)
    case .null, .number, .object:
      return Self.reason(["data.openexec.withhold: expected reasons, found \(value?.typeName ?? "nothing")"])
    }
  }

  private static func reasons(_ values: [Value]) -> String? {
    guard !values.isEmpty else { return nil }
    return reason(values.map { if case .string(let text) = $0 { text } else { $0.jsonText } })
  }

  private static func reason(_ texts: [String]) -> String {
    plain(texts.joined(separator: "; "), limit: Decline.maximumReason)
  }
}

extension ShieldState {
  /// Asks a party's own bundle about an approval, at the time of the decision: every party that has the
  /// bundle hears the same of it.
  ///
  /// - Parameter parameters: nil where they are not at hand; a bundle that asks for them then withholds.
  public func objection(
    to decision: Decision, about proposal: Proposal, parameters: JSON?, by policy: LocalPolicy
  ) -> String? {
    guard let action = compiled.action(proposal.action)?.definition else {
      return "the action is not in the registry any more"
    }
    guard let agent = enrolment(of: proposal.requestedBy) else { return "the agent is enrolled no more" }
    let input = PolicyInput(
      proposal: proposal, action: action, parameters: parameters, effectiveRisk: decision.effectiveRisk,
      inputLabels: inputLabels(proposal), traceLabels: traceLabels(proposal),
      agentLabels: agentLabels(proposal, at: decision.decidedAt), agent: agent, time: decision.decidedAt)
    let definitions = Value.object(ObjectValue([(.string(action.name), Value(action.json))]))
    guard case .object(var object) = RegoInput.value(input, definitions: definitions) else { return nil }
    object[.string("decision")] = Value(decision.json)
    return policy.objection(
      .object(object), at: decision.decidedAt, withheld: parameters == nil ? "parameters" : nil)
  }
}
