import Simulator

/// Proves of every scenario that what it names turns it red.
enum ScenarioAudit {
  /// Paces, in thousandths, at which a mutant is tried as well: they show whether an exact moment is needed.
  static let paces: [UInt64] = [900, 950, 1_050, 1_100]
  /// Seeds with which it is tried as well: they show whether it dies by luck.
  static let seeds: [UInt64] = Array(1...10)

  /// Runs each scenario as it is and with every mutant that it names; with `isPaced` also earlier and later, with
  /// `isReseeded` with other seeds.
  /// A scenario is proven where it is green without and a general oracle or liveness fails with each.
  static func run(
    _ chosen: [(path: String, scenario: Scenario)], jobs: Int, isPaced: Bool, isReseeded: Bool
  ) throws -> Int32 {
    #if SIMULATION
    let ready = chosen.filter { $0.scenario.pending == nil }
    let width = ready.map(\.scenario.name.count).max() ?? 0
    let mutantWidth = ready.flatMap(\.scenario.redWith).map(\.count).max() ?? 0
    var table = Findings(isPaced: isPaced, isReseeded: isReseeded)
    let tasks = ready.flatMap { table.tasks($0.path, $0.scenario) }
    var next = 0
    var red = 0
    var names = 0
    var unproven: [String] = []
    var waiting = ready[...]
    let pool = WorkerPool(jobs: jobs, arguments: [], patience: 300)
    try pool.run(
      next: {
        guard next < tasks.count else { return nil }
        defer { next += 1 }
        return tasks[next]
      },
      onReport: { task, report, time in
        table.take(task, report, time)
        while let (path, scenario) = waiting.first, let rows = table.rows(path, scenario) {
          waiting.removeFirst()
          names += scenario.redWith.isEmpty ? 0 : 1
          for row in rows {
            red += row.isProven ? 1 : 0
            if !row.isProven { unproven.append(scenario.name) }
            say(
              (row.isProven ? "ok   " : "FAIL ") + padded(scenario.name, width + 2)
                + padded(row.mutant, mutantWidth + 2) + row.text)
          }
        }
        return true
      })
    say(
      "\(ready.count) scenarios, \(names) name what turns them red: \(red) proven, \(unproven.count) not, "
        + "\(chosen.count - ready.count) pending")
    return unproven.isEmpty ? 0 : 1
    #else
    throw UsageError(message: MutantSwitch.explanation)
    #endif
  }

  static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}

#if SIMULATION
/// What the runs of an audit said, by task.
private struct Findings {
  /// One line of the table.
  struct Row {
    let mutant: String
    let isProven: Bool
    let text: String
  }

  private let paces: [Variation]
  private let seeds: [Variation]
  private var reports: [Task: (report: Report, milliseconds: UInt64)] = [:]

  init(isPaced: Bool, isReseeded: Bool) {
    paces = isPaced ? ScenarioAudit.paces.map(Variation.pace) : []
    seeds = isReseeded ? ScenarioAudit.seeds.map(Variation.seed) : []
  }

  func tasks(_ path: String, _ scenario: Scenario) -> [Task] {
    let own = [Task.scenario(path)] + (paces + seeds).map { Task.varied($0, path) }
    return own + scenario.redWith.flatMap { mutant in own.map { Task.mutated(mutant, $0) } }
  }

  mutating func take(_ task: Task, _ report: Report, _ milliseconds: UInt64) {
    reports[task] = (report, milliseconds)
  }

  private func isGreen(_ task: Task) -> Bool { reports[task]?.report.exitCode == 0 }

  /// The lines of a scenario; nil while a run of it is missing.
  func rows(_ path: String, _ scenario: Scenario) -> [Row]? {
    guard tasks(path, scenario).allSatisfy({ reports[$0] != nil }),
      let own = reports[.scenario(path)]
    else { return nil }
    guard own.report.exitCode == 0 else {
      return [Row(mutant: "-", isProven: false, text: "is red without any: \(own.report.failure)")]
    }
    guard !scenario.redWith.isEmpty else {
      return [Row(mutant: "-", isProven: false, text: "names nothing that turns it red")]
    }
    return scenario.redWith.map { row($0, path) }
  }

  private func row(_ mutant: String, _ path: String) -> Row {
    guard let (report, milliseconds) = reports[.mutated(mutant, .scenario(path))] else {
      return Row(mutant: mutant, isProven: false, text: "was not run")
    }
    guard report.isKill else {
      let what = report.isCrash ? "traps" : report.exitCode == 0 ? "stays green" : report.failure
      return Row(mutant: mutant, isProven: false, text: what)
    }
    var text = "\(report.failure), \(milliseconds) ms"
    if !paces.isEmpty { text += ", and at \(kills(mutant, path, paces)) of \(paces.count) other paces" }
    if !seeds.isEmpty { text += ", and by \(kills(mutant, path, seeds)) of \(seeds.count) seeds" }
    return Row(mutant: mutant, isProven: true, text: text)
  }

  /// With how many of the variations the scenario is green, and the mutant dies.
  private func kills(_ mutant: String, _ path: String, _ variations: [Variation]) -> Int {
    variations.count {
      isGreen(.varied($0, path)) && reports[.mutated(mutant, .varied($0, path))]?.report.isKill == true
    }
  }
}
#endif
