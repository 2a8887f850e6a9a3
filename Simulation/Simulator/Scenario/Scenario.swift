/// An exact schedule with a name, a reason and what is expected of it: one file of `Simulation/Scenarios`.
public struct Scenario: Hashable, Sendable {
  public var name: String
  /// Why it is there, in a line or more.
  public var why: String
  /// Mutants, or checks taken away, that turn it red.
  public var redWith: [String]
  /// The subject that brings what it needs; nil where everything is there.
  public var pending: String?
  public var schedule: Schedule
  public var expectations: [Expectation]

  /// A scenario.
  public init(
    name: String, why: String, redWith: [String] = [], pending: String? = nil, schedule: Schedule,
    expectations: [Expectation] = []
  ) {
    self.name = name
    self.why = why
    self.redWith = redWith
    self.pending = pending
    self.schedule = schedule
    self.expectations = expectations
  }
}

/// What a scenario expects, besides that no oracle objects and that everything comes to rest.
public enum Expectation: Hashable, Sendable {
  /// What an agent was told last of a request.
  case outcome(agent: UInt64, request: UInt64, status: String)
  /// A fault of this name fired.
  case fault(String)
  /// An oracle of this name evaluated.
  case oracle(String)
  /// So many machines were started for different tokens.
  case executions(atLeast: UInt64)

  /// Why a run does not fulfil it; nil where it does.
  public func objection(to result: RunResult) -> String? {
    switch self {
    case .outcome(let agent, let request, let status):
      let told = result.outcomes.first { $0.agent == agent && $0.request == request }?.status
      guard told != status else { return nil }
      return "expected request \(request) of agent \(agent) to be \(status), it is \(told ?? "not known")"
    case .fault(let name):
      return result.faults.contains { $0.name == name } ? nil : "expected the fault \(name) to fire"
    case .oracle(let name):
      return result.evaluations.contains { $0.name == name } ? nil : "expected the oracle \(name) to evaluate"
    case .executions(let count):
      return result.executions >= Int(clamping: count)
        ? nil : "expected at least \(count) executions, there were \(result.executions)"
    }
  }
}

/// How a scenario went.
public struct ScenarioResult: Sendable {
  public let run: RunResult
  /// What was expected and did not happen.
  public let objections: [String]

  /// Whether it went as expected.
  public var isGreen: Bool { run.exitCode == 0 && objections.isEmpty }
}

extension Scenario {
  /// Runs it once.
  public func run(log: DeterminismLog? = nil, timeline: Timeline? = nil) throws -> ScenarioResult {
    let result = try Campaign.run(schedule, log: log, timeline: timeline)
    return ScenarioResult(run: result, objections: expectations.compactMap { $0.objection(to: result) })
  }
}

extension Scenario {
  /// The same with every act at so many thousandths of its time: 1100 is a tenth later. How long each lasts stays.
  public func paced(_ thousandths: UInt64) -> Scenario {
    var other = self
    other.schedule = schedule.with(schedule.items.map { $0.at($0.at / 1_000 * thousandths) })
    return other
  }

  /// The same with other chance.
  public func seeded(_ seed: UInt64) -> Scenario {
    var conditions = schedule.conditions
    conditions.seed = seed
    var other = self
    other.schedule = Schedule(conditions, schedule.items)
    return other
  }
}
