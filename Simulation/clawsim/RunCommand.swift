import Simulator

/// One run, shown as it goes, compared with itself, or drawn as a page.
enum RunCommand {
  static func run(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--seed", "--suite", "--mutant"], flags: ["--check-determinism", "--quiet"])
    let seed = try options.seed()
    try MutantSwitch.turnOn(options.value("--mutant"))
    let suite = try options.suite()
    let schedule = Schedule.drawn(seed: seed, suite: suite)
    let scenario = Scenario(name: "seed-\(seed)", why: "drawn", schedule: schedule)
    return try show(
      scenario, options, replay: ReplayLine.run(seed, suite, mutant: options.value("--mutant")))
  }

  static func replay(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--mutant"], flags: ["--check-determinism", "--quiet"], mostOperands: 1)
    guard options.rest.count == 1 else { throw UsageError(message: "expected one file") }
    try MutantSwitch.turnOn(options.value("--mutant"))
    let path = options.rest[0]
    let scenario = try read(path)
    return try show(scenario, options, replay: ReplayLine.file(path, mutant: options.value("--mutant")))
  }

  /// The schedule of a seed, as a scenario file.
  static func schedule(_ arguments: [String]) throws -> Int32 {
    let options = try Options(arguments, values: ["--seed", "--suite"])
    let seed = try options.seed()
    let schedule = Schedule.drawn(seed: seed, suite: try options.suite())
    write(
      Scenario(name: "seed-\(seed)", why: "what is drawn from seed \(seed)", schedule: schedule).text, to: 1)
    return 0
  }

  static func report(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--seed", "--suite", "-o", "--mutant"], mostOperands: 1)
    guard let output = options.value("-o") else { throw UsageError(message: "expected -o FILE") }
    try requireWritable(output)
    try MutantSwitch.turnOn(options.value("--mutant"))
    let scenario = try subject(options)
    let timeline = Timeline(mostMessages: 60_000)
    let result = try scenario.run(timeline: timeline)
    try save(HTMLReport(scenario: scenario, result: result, timeline: timeline).text, to: output)
    say("\(output): \(timeline.events.count) events, \(timeline.messages.count) messages")
    return summarise(scenario, result, replay: nil)
  }

  /// What `--seed N` or a file names.
  static func subject(_ options: Options) throws -> Scenario {
    if !options.rest.isEmpty {
      for name in ["--seed", "--suite"] where options.value(name) != nil {
        throw UsageError(
          message:
            "\(name) does not go with a file: expected --seed N [--suite real|tiny], or a file, which says both"
        )
      }
    }
    if let seed = try options.number("--seed") {
      let schedule = Schedule.drawn(seed: seed, suite: try options.suite())
      return Scenario(name: "seed-\(seed)", why: "what is drawn from seed \(seed)", schedule: schedule)
    }
    guard options.rest.count == 1 else { throw UsageError(message: "expected --seed N or a file") }
    return try read(options.rest[0])
  }

  static func read(_ path: String) throws -> Scenario {
    do {
      return try ScenarioParser.parse(try contents(of: path), file: path)
    } catch let error as ScenarioError {
      throw UsageError(message: error.description)
    }
  }

  private static func show(_ scenario: Scenario, _ options: Options, replay: String) throws -> Int32 {
    if options.has("--check-determinism") { return try compare(scenario) }
    let columns = TransitionColumns(nodes: scenario.schedule.conditions.nodes)
    let isQuiet = options.has("--quiet")
    if !isQuiet { say(columns.head) }
    let timeline = Timeline { time, event in
      if !isQuiet, let line = columns.line(event, at: time) { say(line) }
    }
    let result = try scenario.run(timeline: timeline)
    return summarise(scenario, result, replay: replay)
  }

  private static func compare(_ scenario: Scenario) throws -> Int32 {
    let first = DeterminismLog()
    let result = try scenario.run(log: first)
    let second = DeterminismLog(comparingWith: first)
    let again = try scenario.run(log: second)
    if let difference = second.difference {
      say("\(scenario.name): two runs differ: \(difference)")
      return 1
    }
    guard result.run.trace == again.run.trace else {
      say("\(scenario.name): two runs end with other digests")
      return 1
    }
    say(
      "\(scenario.name): two runs are equal in \(first.count) draws and events, trace \(hex(result.run.trace))"
    )
    return summarise(scenario, result, replay: nil)
  }

  static func hex(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  static func summarise(_ scenario: Scenario, _ result: ScenarioResult, replay: String?) -> Int32 {
    let run = result.run
    say(
      "\(scenario.name): \(run.simulated / 1_000_000) simulated ms, final size \(run.finalSize), proposed "
        + "\(run.proposed), answered \(run.settled), executed \(run.executions), trace \(hex(run.trace))")
    say("  oracles: " + run.evaluations.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
    say("  faults: " + run.faults.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
    for objection in result.objections { say("  NOT AS EXPECTED: \(objection)") }
    if let violation = run.violation {
      say("  VIOLATED at \(run.violatedAt / 1_000_000) ms: \(run.oracle ?? ""): \(violation)")
    } else if !run.isLive {
      say("  NOT LIVE: not settled after healing: " + run.unsettled.joined(separator: "; "))
    }
    if run.exitCode != 0, let replay { say("  replay: \(replay)") }
    return run.exitCode != 0 ? run.exitCode : result.objections.isEmpty ? 0 : 1
  }
}
