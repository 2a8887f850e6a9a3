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
      arguments, values: ["--seeds", "--jobs", "--folder", "--suite"], flags: ["--list"], mostOperands: .max)
    #if SIMULATION
    if options.has("--list") {
      for mutant in Mutant.allCases where !isEquivalent(mutant) { say(mutant.rawValue) }
      for (name, why) in MutantTable.equivalent { say("\(name) (equivalent: \(why))") }
      for (name, why) in MutantTable.pending { say("\(name) (pending: \(why))") }
      return 0
    }
    let chosen =
      try options.rest.isEmpty ? Mutant.allCases.filter { !isEquivalent($0) } : options.rest.map(named)
    return try matrix(chosen, options)
    #else
    throw UsageError(message: MutantSwitch.explanation)
    #endif
  }

  #if SIMULATION
  private static func isEquivalent(_ mutant: Mutant) -> Bool {
    MutantTable.equivalent.contains { $0.name == mutant.rawValue }
  }

  private static func named(_ name: String) throws -> Mutant {
    guard let mutant = Mutant.allCases.first(where: { $0.rawValue.hasPrefix(name) }) else {
      throw UsageError(message: "there is no mutant \(name)")
    }
    return mutant
  }

  private static func matrix(_ chosen: [Mutant], _ options: Options) throws -> Int32 {
    let seeds = try options.seeds(default: 1...2_000)
    let folder = options.value("--folder") ?? ScenarioCommand.usualFolder
    let library = try ScenarioCommand.library(folder).filter { $0.scenario.pending == nil }
    let hunt = Hunt(jobs: try options.jobs(), suite: try options.suite(default: .tiny).rawValue)
    var killed = 0
    var survivors: [String] = []
    say(columns("", "mutant", "oracle", "killer", "runs", "seconds"))
    for mutant in chosen {
      let started = milliseconds()
      let named = library.filter { $0.scenario.redWith.contains(mutant.rawValue) }.map {
        Task.scenario($0.path)
      }
      let found = try hunt.run(mutant.rawValue, named + seeds.map { Task.seed($0) })
      let seconds = "\((milliseconds() - started) / 1_000)"
      if let found {
        killed += 1
        say(columns("killed", mutant.rawValue, found.failure, killer(found.task), "\(found.runs)", seconds))
      } else {
        survivors.append(mutant.rawValue)
        say(columns("survived", mutant.rawValue, "-", "\(hunt.crashes) traps", "\(hunt.tried)", seconds))
      }
    }
    let pending = options.rest.isEmpty ? MutantTable.pending : []
    for (name, why) in pending { say("pending   \(name): \(why)") }
    let equivalent = options.rest.isEmpty ? MutantTable.equivalent : []
    for (name, why) in equivalent { say("equivalent \(name): \(why)") }
    say(
      "\(killed) killed, \(survivors.count) survived, \(pending.count) pending"
        + (equivalent.isEmpty ? "" : ", \(equivalent.count) equivalent"))
    return survivors.isEmpty ? 0 : 1
  }

  private static func killer(_ task: Task) -> String {
    switch task {
    case .seed(let seed): "seed \(seed)"
    case .scenario(let path), .varied(_, let path):
      String(path.split(separator: "/").last?.split(separator: ".").first ?? "")
    case .mutated(_, let task): killer(task)
    }
  }

  private static func columns(
    _ state: String, _ mutant: String, _ oracle: String, _ killer: String, _ runs: String, _ seconds: String
  ) -> String {
    ScenarioAudit.padded(state, 10) + ScenarioAudit.padded(mutant, 38)
      + ScenarioAudit.padded(oracle, 30) + ScenarioAudit.padded(killer, 34)
      + ScenarioAudit.padded(runs, 6) + seconds
  }
  #endif
}

/// Looks for runs that a mutant fails and that the program passes without it.
final class Hunt {
  private let pool: WorkerPool
  private let suite: String
  /// What passes without any mutant, as far as it was asked.
  private var verdicts: [Task: Bool] = [:]
  /// Of the last mutant.
  private(set) var tried = 0
  private(set) var crashes = 0

  init(jobs: Int, suite: String) {
    self.suite = suite
    pool = WorkerPool(jobs: jobs, arguments: ["--suite", suite], patience: 120)
  }

  func run(_ mutant: String, _ tasks: [Task]) throws -> (task: Task, failure: String, runs: Int)? {
    var next = 0
    var found: (task: Task, failure: String, runs: Int)?
    tried = 0
    crashes = 0
    try pool.run(
      next: {
        guard next < tasks.count else { return nil }
        defer { next += 1 }
        return .mutated(mutant, tasks[next])
      },
      onReport: { task, report, _ in
        self.tried += 1
        if report.isCrash { self.crashes += 1 }
        guard case .mutated(_, let plain) = task, report.isKill else { return true }
        // The same run without the mutant must pass.
        guard (try? self.passes(plain)) == true else { return true }
        found = (plain, report.failure, self.tried)
        return false
      })
    return found
  }

  private func passes(_ task: Task) throws -> Bool {
    if let known = verdicts[task] { return known }
    var isGiven = false
    var isClean = false
    let other = WorkerPool(jobs: 1, arguments: ["--suite", suite], patience: 120)
    try other.run(
      next: {
        defer { isGiven = true }
        return isGiven ? nil : task
      },
      onReport: { _, report, _ in
        isClean = report.exitCode == 0
        return true
      })
    verdicts[task] = isClean
    return isClean
  }
}
