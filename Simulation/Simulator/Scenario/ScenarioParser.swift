import Records

/// Reads the scenario language; `Docs/Simulator.md` describes it. What it reads, ``Scenario/text`` writes.
public struct ScenarioParser {
  private let file: String
  private var name: String?
  private var why: [String] = []
  private var redWith: [String] = []
  private var pending: String?
  private var conditions = Conditions(seed: 1)
  private var items: [Schedule.Item] = []
  private var expectations: [Expectation] = []
  /// Lines that name nodes.
  private var naming: [ScenarioLine] = []

  /// The most lines of one file.
  public static let mostLines = 20_000

  /// Reads `text`; `file` is what errors call it.
  public static func parse(_ text: String, file: String) throws(ScenarioError) -> Scenario {
    var parser = ScenarioParser(file: file)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count <= mostLines else {
      throw ScenarioError(
        file: file, line: mostLines + 1, column: 1, expected: "at most \(mostLines) lines", found: "more")
    }
    for (position, line) in lines.enumerated() {
      var words = ScenarioLine(String(line), file: file, number: position + 1)
      if words.isBlank { continue }
      try parser.take(&words)
      try words.end()
      parser.naming.append(words)
    }
    return try parser.finish(lines: lines.count)
  }

  private init(file: String) { self.file = file }

  private func finish(lines: Int) throws(ScenarioError) -> Scenario {
    func missing(_ what: String) -> ScenarioError {
      ScenarioError(file: file, line: lines, column: 1, expected: what, found: "")
    }
    // Who comes later has a number above those of the beginning.
    let admits = items.contains { item in
      switch item.act {
      case .members, .replace, .backup: true
      default: false
      }
    }
    if !admits, let error = naming.lazy.compactMap({ $0.missingNode(of: conditions.nodes) }).first {
      throw error
    }
    guard let name else { throw missing("a line 'scenario NAME'") }
    guard !why.isEmpty else { throw missing("a line 'why TEXT'") }
    return Scenario(
      name: name, why: why.joined(separator: " "), redWith: redWith, pending: pending,
      schedule: Schedule(conditions, items), expectations: expectations)
  }

  private mutating func take(_ line: inout ScenarioLine) throws(ScenarioError) {
    let start = line
    switch try line.word("a line's first word") {
    case "scenario":
      guard name == nil else { throw start.error("one line 'scenario NAME'") }
      name = try line.word("a name")
    case "why": why.append(try line.rest("a reason"))
    case "red":
      try line.expect("with")
      redWith.append(try line.word("a mutant's name"))
    case "pending": pending = try line.rest("the subject that it waits for")
    case "at":
      try take(itemsOf: &line)
    case "expect": expectations.append(try expectation(&line))
    case "seed", "nodes", "semantics", "suite", "faults", "delay", "fsync", "journal", "left":
      line = start
      try condition(&line)
    default:
      throw start.error(
        "scenario, why, red, pending, seed, nodes, semantics, suite, faults, delay, fsync, journal, left, at or expect"
      )
    }
  }

  /// `at T [every D until T] [when STATE [after D]] ACT`: one item, or one for each time.
  private mutating func take(itemsOf line: inout ScenarioLine) throws(ScenarioError) {
    var item = Schedule.Item(at: try line.duration(), .stand(0))
    var (pause, last) = (UInt64(1), item.at)
    if line.takes("every") {
      let start = line
      pause = try line.duration()
      guard pause > 0 else { throw start.error("a time longer than nothing") }
      try line.expect("until")
      let end = line
      last = try line.duration()
      guard last >= item.at, (last - item.at) / pause < Self.mostRepeats else {
        throw end.error("a time that is not before the first, for at most \(Self.mostRepeats) repeats")
      }
    }
    if line.takes("when") {
      item.when = try line.condition()
      if line.takes("after") { item.after = try line.duration() }
    }
    item.act = try line.act()
    for at in stride(from: item.at, through: last, by: UInt64.Stride(pause)) {
      item.at = at
      items.append(item)
    }
  }

  /// What one line may say.
  private static let mostRepeats: UInt64 = 10_000

  private mutating func condition(_ line: inout ScenarioLine) throws(ScenarioError) {
    switch try line.word("a condition") {
    case "seed": conditions.seed = try line.number("a seed")
    case "nodes":
      let nodes = try line.number("a number of nodes", in: 1...15)
      try line.expect("threshold")
      let threshold = try line.number("a threshold", in: (nodes / 2 + 1)...nodes)
      (conditions.nodes, conditions.threshold) = (Int(nodes), Int(threshold))
    case "semantics": conditions.semantics = Int(try line.semantics())
    case "suite":
      conditions.suite = try line.choice("a suite", Conditions.Suite.allCases.map { ($0.rawValue, $0) })
    case "faults":
      try line.expect("for")
      conditions.safety = try line.duration()
    case "delay":
      conditions.minimumDelay = try line.duration()
      try line.expect("and")
      conditions.meanDelay = try line.duration()
    case "fsync": conditions.syncDelay = try line.duration()
    case "journal": conditions.journalDelay = try line.duration()
    default:
      let node = try line.node()
      let fault = try line.choice(
        "how it is left", Conditions.Left.Fault.allCases.map { ($0.rawValue, $0) })
      conditions.left = Conditions.Left(node: node, fault)
    }
  }

  private func expectation(_ line: inout ScenarioLine) throws(ScenarioError) -> Expectation {
    if line.takes("agent") {
      let agent = try line.number("an agent's number", in: 1...3)
      try line.expect("request")
      let request = try line.number("a request's number")
      let statuses = [
        "pending", "approved", "denied", "withdrawn", "completed", "failed", "aborted", "unknown",
      ]
      return .outcome(
        agent: agent, request: request, status: try line.choice("an outcome", statuses.map { ($0, $0) }))
    }
    if line.takes("executions") {
      try line.expect("at", "least")
      return .executions(atLeast: try line.number("how many"))
    }
    if line.takes("fault") {
      let start = line
      let name = try line.rest("a fault's name")
      guard (FaultNames.all + FaultNames.drawnByNone).contains(name) else {
        throw start.error("a fault that the simulator counts")
      }
      return .fault(name)
    }
    try line.expectOracle()
    let start = line
    let name = try line.rest("an oracle's name")
    guard Oracles.names.contains(name) else {
      throw start.error("an oracle: " + Oracles.names.joined(separator: ", "))
    }
    return .oracle(name)
  }
}

extension ScenarioLine {
  mutating func expectOracle() throws(ScenarioError) {
    guard takes("oracle") else { throw error("agent, executions, fault or oracle") }
  }
}
