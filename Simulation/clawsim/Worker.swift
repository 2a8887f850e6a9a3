import Glibc
import Simulator

/// One thing that a worker runs.
indirect enum Task: Hashable {
  case seed(UInt64)
  /// The file of a scenario.
  case scenario(String)
  /// The file of a scenario that is to run otherwise than it says.
  case varied(Variation, String)
  /// Another task, with a mutant in the program.
  case mutated(String, Task)

  var line: String {
    switch self {
    case .seed(let seed): "seed \(seed)"
    case .scenario(let path): "scenario \(path)"
    case .varied(let variation, let path): "\(variation.words) \(path)"
    case .mutated(let mutant, let task): "mutated \(mutant) \(task.line)"
    }
  }

  init?(line: String) {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    switch parts[0] {
    case "seed":
      guard let seed = UInt64(parts[1]) else { return nil }
      self = .seed(seed)
    case "scenario": self = .scenario(parts[1])
    case "paced", "seeded", "mutated":
      let rest = parts[1].split(separator: " ", maxSplits: 1).map(String.init)
      guard rest.count == 2 else { return nil }
      if parts[0] == "mutated" {
        guard let task = Task(line: rest[1]) else { return nil }
        self = .mutated(rest[0], task)
      } else {
        guard let number = UInt64(rest[0]) else { return nil }
        self = .varied(parts[0] == "paced" ? .pace(number) : .seed(number), rest[1])
      }
    default: return nil
    }
  }
}

/// How a scenario runs otherwise than it says: what it shows should hang on neither.
enum Variation: Hashable {
  /// Its times are so many thousandths of what they say: whoever needs an exact moment misses it.
  case pace(UInt64)
  /// With another seed: whoever needs luck misses it.
  case seed(UInt64)

  var words: String {
    switch self {
    case .pace(let thousandths): "paced \(thousandths)"
    case .seed(let seed): "seeded \(seed)"
    }
  }

  func applied(to scenario: Scenario) -> Scenario {
    switch self {
    case .pace(let thousandths): scenario.paced(thousandths)
    case .seed(let seed): scenario.seeded(seed)
    }
  }
}

/// What a worker says of a run: one line.
struct Report {
  var exitCode: Int32
  /// The name of the failure; empty where there is none.
  var failure = ""
  var explanation = ""
  var simulated: UInt64 = 0
  var evaluations: [(name: String, count: UInt64)] = []
  var faults: [(name: String, count: UInt64)] = []
  /// The process ended in the middle of it.
  var isCrash = false

  init(_ result: RunResult, objections: [String] = []) {
    exitCode = result.exitCode
    failure = result.failure ?? ""
    explanation = result.violation ?? result.unsettled.joined(separator: "; ")
    if exitCode == 0, !objections.isEmpty {
      exitCode = 1
      failure = "expectation"
      explanation = objections.joined(separator: "; ")
    }
    simulated = result.simulated
    evaluations = result.evaluations
    faults = result.faults
  }

  init(crash what: String) {
    exitCode = 1
    failure = "crash"
    explanation = what
    isCrash = true
  }

  init(error: String) {
    exitCode = 2
    failure = "usage"
    explanation = error
  }

  /// Whether a general oracle or liveness failed: a trap, and an expectation of one scenario, kill no mutant.
  var isKill: Bool { !isCrash && (exitCode == 1 || exitCode == 3) && failure != "expectation" }

  private static func plain(_ text: String) -> String {
    String(text.map { $0 == "\t" || $0 == "\n" ? " " : $0 }.prefix(4_000))
  }

  private static func list(_ counts: [(name: String, count: UInt64)]) -> String {
    counts.map { "\($0.name)=\($0.count)" }.joined(separator: "|")
  }

  /// Nil where one of them cannot be read.
  private static func counts(_ text: Substring) -> [(name: String, count: UInt64)]? {
    var counts: [(name: String, count: UInt64)] = []
    for part in text.split(separator: "|", omittingEmptySubsequences: text.isEmpty) {
      let pair = part.split(separator: "=", omittingEmptySubsequences: false)
      guard pair.count == 2, !pair[0].isEmpty, let count = UInt64(pair[1]) else { return nil }
      counts.append((String(pair[0]), count))
    }
    return counts
  }

  var line: String {
    [
      "\(exitCode)", Self.plain(failure), Self.plain(explanation), "\(simulated)", Self.list(evaluations),
      Self.list(faults),
    ].joined(separator: "\t")
  }

  init?(line: Substring) {
    let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
    guard parts.count == 6, let code = Int32(parts[0]), (0...3).contains(code),
      code != 0 || parts[1].isEmpty, let simulated = UInt64(parts[3]),
      let evaluations = Self.counts(parts[4]), let faults = Self.counts(parts[5])
    else { return nil }
    exitCode = code
    failure = String(parts[1])
    explanation = String(parts[2])
    self.simulated = simulated
    self.evaluations = evaluations
    self.faults = faults
  }
}

/// The worker's side: takes tasks from standard input, a line each, and answers each with a line.
enum Worker {
  static func serve(_ arguments: [String]) throws -> Int32 {
    let options = try Options(arguments, values: ["--suite", "--mutant"])
    let suite = try options.suite()
    try MutantSwitch.turnOn(options.value("--mutant"))
    while let line = readLine() {
      guard let task = Task(line: line) else {
        say(Report(error: "no task: \(line)").line)
        continue
      }
      say(run(task, suite: suite).line)
    }
    return 0
  }

  static func run(_ task: Task, suite: Conditions.Suite) -> Report {
    do {
      switch task {
      case .seed(let seed): return Report(try Campaign.run(Schedule.drawn(seed: seed, suite: suite)))
      case .scenario(let path):
        return try report(try ScenarioParser.parse(try contents(of: path), file: path))
      case .varied(let variation, let path):
        let scenario = try ScenarioParser.parse(try contents(of: path), file: path)
        return try report(variation.applied(to: scenario))
      case .mutated(let mutant, let task):
        try MutantSwitch.turnOn(mutant)
        defer { MutantSwitch.turnOff() }
        return run(task, suite: suite)
      }
    } catch {
      return Report(error: (error as? UsageError)?.message ?? "\(error)")
    }
  }

  private static func report(_ scenario: Scenario) throws -> Report {
    let result = try scenario.run()
    return Report(result.run, objections: result.objections)
  }
}
