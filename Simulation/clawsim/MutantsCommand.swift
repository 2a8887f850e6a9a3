import Glibc
import Simulator

#if SIMULATION
import Mutants
#endif

/// The mutation matrix: each mutant against its scenarios and a campaign, until a general oracle objects.
///
/// A mutant counts as killed where an oracle objects, or where the cluster is not live, to a run that the same
/// program passes without it. A trap inside the mutated code counts for nothing.
enum MutantsCommand {
  static func run(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--seeds", "--jobs", "--folder", "--suite"], flags: ["--list"])
    #if SIMULATION
    if options.has("--list") {
      for mutant in Mutant.allCases { say(mutant.rawValue) }
      for (name, why) in MutantTable.pending { say("\(name) (pending: \(why))") }
      return 0
    }
    let chosen = try options.rest.isEmpty ? Mutant.allCases : options.rest.map(named)
    return try matrix(chosen, options)
    #else
    throw UsageError(message: MutantSwitch.explanation)
    #endif
  }

  #if SIMULATION
  private static func named(_ name: String) throws -> Mutant {
    guard let mutant = Mutant.allCases.first(where: { $0.rawValue.hasPrefix(name) }) else {
      throw UsageError(message: "there is no mutant \(name)")
    }
    return mutant
  }

  private static func matrix(_ chosen: [Mutant], _ options: Options) throws -> Int32 {
    let seeds = try options.seeds(default: 1...60)
    let folder = options.value("--folder") ?? ScenarioCommand.usualFolder
    let library = try ScenarioCommand.library(folder).filter { $0.scenario.pending == nil }
    let suite = options.value("--suite") ?? "tiny"
    var killed = 0
    var survivors: [String] = []
    for mutant in chosen {
      let started = milliseconds()
      let named = library.filter { $0.scenario.redWith.contains(mutant.rawValue) }.map {
        Task.scenario($0.path)
      }
      let hunt = Hunt(
        mutant: mutant.rawValue, tasks: named + seeds.map { Task.seed($0) }, jobs: try options.jobs(),
        suite: suite)
      let found = try hunt.run()
      let seconds = (milliseconds() - started) / 1_000
      let name = mutant.rawValue + String(repeating: " ", count: max(1, 38 - mutant.rawValue.count))
      if let found {
        killed += 1
        say("killed    \(name)\(found.failure) after \(found.runs) runs (\(found.task.line)), \(seconds) s")
      } else {
        survivors.append(mutant.rawValue)
        say("survived  \(name)\(hunt.tried) runs, \(hunt.crashes) traps, \(seconds) s")
      }
    }
    let pending = options.rest.isEmpty ? MutantTable.pending : []
    for (name, why) in pending { say("pending   \(name): \(why)") }
    say("\(killed) killed, \(survivors.count) survived, \(pending.count) pending")
    return survivors.isEmpty ? 0 : 1
  }
  #endif
}

/// Looks for a run that a mutant fails and that the program passes without it.
final class Hunt {
  private let mutant: String
  private let tasks: [Task]
  private let jobs: Int
  private let suite: String
  private(set) var tried = 0
  private(set) var crashes = 0

  init(mutant: String, tasks: [Task], jobs: Int, suite: String) {
    self.mutant = mutant
    self.tasks = tasks
    self.jobs = jobs
    self.suite = suite
  }

  func run() throws -> (task: Task, failure: String, runs: Int)? {
    var next = 0
    var suspects: [(task: Task, failure: String)] = []
    let pool = WorkerPool(
      jobs: jobs, arguments: ["--mutant", mutant, "--suite", suite], patience: 120)
    try pool.run(
      next: {
        guard next < self.tasks.count else { return nil }
        defer { next += 1 }
        return self.tasks[next]
      },
      onReport: { task, report, _ in
        self.tried += 1
        if report.isCrash { self.crashes += 1 }
        guard !report.isCrash, report.exitCode == 1 || report.exitCode == 3, report.failure != "expectation"
        else { return true }
        // The same run without the mutant must pass.
        if let isClean = try? self.passes(task), isClean {
          suspects.append((task, report.failure))
          return false
        }
        return true
      })
    return suspects.first.map { ($0.task, $0.failure, tried) }
  }

  private func passes(_ task: Task) throws -> Bool {
    var isClean = false
    var isGiven = false
    let pool = WorkerPool(jobs: 1, arguments: ["--suite", suite], patience: 120)
    try pool.run(
      next: {
        defer { isGiven = true }
        return isGiven ? nil : task
      },
      onReport: { _, report, _ in
        isClean = report.exitCode == 0
        return true
      })
    return isClean
  }
}
