import Simulator

/// Proves of every scenario that what it names turns it red.
enum ScenarioAudit {
  static func run(_ chosen: [(path: String, scenario: Scenario)], jobs: Int) throws -> Int32 {
    #if SIMULATION
    var proven = 0
    var unproven: [String] = []
    for (path, scenario) in chosen where scenario.pending == nil {
      guard !scenario.redWith.isEmpty else {
        unproven.append("\(scenario.name) names nothing that turns it red")
        continue
      }
      for mutant in scenario.redWith {
        let hunt = Hunt(
          mutant: mutant, tasks: [.scenario(path)], jobs: 1,
          suite: scenario.schedule.conditions.suite.rawValue)
        if let found = try hunt.run() {
          proven += 1
          say("ok   \(scenario.name) is red with \(mutant): \(found.failure)")
        } else {
          unproven.append("\(scenario.name) stays green with \(mutant)")
          say("FAIL \(scenario.name) stays green with \(mutant)\(hunt.crashes > 0 ? ", or traps" : "")")
        }
      }
    }
    for line in unproven where line.contains("names nothing") { say("FAIL \(line)") }
    say("\(proven) proven, \(unproven.count) not")
    return unproven.isEmpty ? 0 : 1
    #else
    throw UsageError(message: MutantSwitch.explanation)
    #endif
  }
}
