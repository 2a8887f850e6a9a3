import Canonical
import Records
import Rego

/// A bundle's policy in Rego, planned once: `data.openexec.decision` is the answer, and whatever is not one, denies.
///
/// The files are those of OPA's bundles: modules in `.rego`, documents in `data.json` (of a folder, under its path), and a
/// `.manifest`. Evaluation uses no memory that outlives it.
struct RegoPolicy: ReadyPolicy {
  /// Under `data`.
  static let decision = ["openexec", "decision"]

  private let policy: Policy
  private let data: Value
  private let budget: EvaluationBudget
  /// The registry's entries as the policy sees them, ascending by name.
  private let definitions: Value

  /// Refuses a bundle that does not read, has faults, or has files that nothing would enforce (POL-4).
  init(_ bundle: PolicyBundle) throws(ShieldError) {
    guard bundle.evaluatorVersion == Evaluation.version else {
      throw .bundle("evaluated by \(bundle.evaluatorVersion); this program has \(Evaluation.version)")
    }
    let contents = try RegoBundle(bundle.files)
    do {
      policy = try Policy(contents.modules)
    } catch {
      throw .bundle(error.description)
    }
    guard policy.hasRule(at: RegoPolicy.decision) else {
      throw .bundle("expected a rule decision in the package openexec, found none")
    }
    data = contents.data
    budget = bundle.budget
    definitions = .object(ObjectValue(bundle.actions.map { (.string($0.name), Value($0.json)) }))
  }

  func evaluate(_ input: PolicyInput) -> PolicyAnswer {
    let meter = Meter(
      steps: budget.steps, bytes: budget.bytes, depth: budget.depth, now: Int(input.time.nanoseconds))
    let evaluation = Evaluation(
      policy, data: data, input: RegoInput.value(input, definitions: definitions),
      withheld: input.parameters == nil ? "parameters" : nil, meter: meter)
    let value: Value?
    do throws(EvaluationError) {
      value = try evaluation.value(of: RegoPolicy.decision)
    } catch {
      return denial(error)
    }
    guard let value else {
      return denial("policy.undefined", "data.openexec.decision is undefined")
    }
    do throws(AnswerFault) {
      return try PolicyAnswer(decision: value, fired: evaluation.fired)
    } catch {
      return denial("policy.shape", error.description)
    }
  }

  private func denial(_ error: EvaluationError) -> PolicyAnswer {
    switch error {
    case .budget(let what): denial("policy.budget", what)
    case .conflict, .type, .builtin: denial("policy.error", error.description)
    }
  }

  private func denial(_ rule: String, _ message: String) -> PolicyAnswer {
    PolicyAnswer(rules: [FiredRule(rule: rule, effect: .deny, message: message)])
  }
}
