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
  /// A rule of this package for each filter of demands.
  static let filters = ["openexec", "filters"]

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
      // What was in force before kinds were inferred goes on as it was; see `kindFault`.
      policy = try Policy(contents.modules, infersKinds: false)
    } catch {
      throw .bundle(error.description)
    }
    guard policy.hasRule(at: RegoPolicy.decision) else {
      throw .bundle("expected a rule decision in the package openexec, found none")
    }
    for rule in bundle.approvals {
      for name in rule.demands.flatMap(\.filters) where !policy.hasRule(at: RegoPolicy.filters + [name]) {
        throw .bundle(
          "approval rule \(rule.name): expected a rule \(name) in the package openexec.filters, found none")
      }
    }
    data = contents.data
    budget = bundle.budget
    definitions = .object(ObjectValue(bundle.actions.map { (.string($0.name), Value($0.json)) }))
  }

  /// The first call of a bundle that compiles which can have no value, whatever it is asked; nil where there is none.
  static func kindFault(_ bundle: PolicyBundle) -> String? {
    do {
      _ = try Policy(try RegoBundle(bundle.files).modules)
      return nil
    } catch let error as RegoSyntaxError {
      return error.description
    } catch {
      return "\(error)"
    }
  }

  func evaluate(_ input: PolicyInput) -> PolicyAnswer {
    let meter = meter(at: input.time)
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

  /// Whether `data.openexec.filters` has `true` under the filter's name; undefined, an error or a budget that is used up
  /// let nobody count.
  func admits(_ voter: VoterInput, filter: String) -> Bool {
    let evaluation = Evaluation(
      policy, data: data, input: RegoInput.value(voter, definitions: definitions), withheld: nil,
      meter: meter(at: voter.time))
    guard policy.hasRule(at: RegoPolicy.filters + [filter]) else { return false }
    return (try? evaluation.value(of: RegoPolicy.filters + [filter])) == .bool(true)
  }

  private func meter(at time: Timestamp) -> Meter {
    Meter(steps: budget.steps, bytes: budget.bytes, depth: budget.depth, now: Int(time.nanoseconds))
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
