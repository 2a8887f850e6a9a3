import Glibc
import Simulator

/// Scenarios by name, or all of a folder.
enum ScenarioCommand {
  static let usualFolder = "Simulation/Scenarios"

  static func run(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--folder", "--jobs"], flags: ["--audit", "--paced", "--reseeded"],
      mostOperands: .max)
    guard !options.rest.isEmpty else { throw UsageError(message: "expected a scenario's name, or all") }
    for flag in ["--paced", "--reseeded"] where options.has(flag) && !options.has("--audit") {
      throw UsageError(message: "\(flag) is of the audit: expected --audit as well")
    }
    let folder = options.value("--folder") ?? usualFolder
    let known = try library(folder)
    guard !known.isEmpty else { throw UsageError(message: "\(folder) has no file NAME.scenario") }
    let chosen: [(path: String, scenario: Scenario)]
    if options.rest == ["all"] {
      chosen = known
    } else {
      chosen = try options.rest.map { name in
        guard let found = known.first(where: { $0.scenario.name == name }) else {
          throw UsageError(message: "there is no scenario \(name) in \(folder)")
        }
        return found
      }
    }
    if options.has("--audit") {
      return try ScenarioAudit.run(
        chosen, jobs: try options.jobs(), isPaced: options.has("--paced"),
        isReseeded: options.has("--reseeded"))
    }
    return try runAll(chosen, jobs: try options.jobs())
  }

  /// Every scenario of a folder, by name.
  static func library(_ folder: String) throws -> [(path: String, scenario: Scenario)] {
    guard let directory = opendir(folder) else {
      throw UsageError(message: "\(folder) cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".scenario") { names.append(name) }
    }
    return try names.sorted().map { name in
      let path = "\(folder)/\(name)"
      let scenario = try RunCommand.read(path)
      guard name == scenario.name + ".scenario" else {
        throw UsageError(
          message: "\(path): expected the scenario \(name.dropLast(9)), found \(scenario.name)")
      }
      return (path, scenario)
    }
  }

  private static func runAll(_ chosen: [(path: String, scenario: Scenario)], jobs: Int) throws -> Int32 {
    var worst: Int32 = 0
    var green = 0
    let ready = chosen.filter { $0.scenario.pending == nil }
    var next = 0
    let pool = WorkerPool(jobs: jobs, arguments: [])
    try pool.run(
      next: {
        guard next < ready.count else { return nil }
        defer { next += 1 }
        return .scenario(ready[next].path)
      },
      onReport: { task, report, time in
        guard case .scenario(let path) = task,
          let scenario = ready.first(where: { $0.path == path })?.scenario
        else { return true }
        if report.exitCode == 0 {
          green += 1
          say("ok   \(scenario.name) (\(time) ms)")
        } else {
          worst = worst == 1 ? 1 : report.exitCode
          say("FAIL \(scenario.name): \(report.failure): \(report.explanation)")
          say("     replay: \(ReplayLine.file(path, mutant: nil))")
        }
        return true
      })
    for (_, scenario) in chosen where scenario.pending != nil {
      say("pending \(scenario.name): \(scenario.pending ?? "")")
    }
    say("\(green) green, \(ready.count - green) red, \(chosen.count - ready.count) pending")
    return worst
  }
}
