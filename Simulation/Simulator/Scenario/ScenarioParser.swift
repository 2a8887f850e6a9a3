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
    }
    return try parser.finish(lines: lines.count)
  }

  private init(file: String) { self.file = file }

  private func finish(lines: Int) throws(ScenarioError) -> Scenario {
    func missing(_ what: String) -> ScenarioError {
      ScenarioError(file: file, line: lines, column: 1, expected: what, found: "")
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
    case "scenario": name = try line.word("a name")
    case "why": why.append(try line.rest("a reason"))
    case "red":
      try line.expect("with")
      redWith.append(try line.word("a mutant's name"))
    case "pending": pending = try line.rest("the subject that it waits for")
    case "at":
      var item = Schedule.Item(at: try line.duration(), .stand(0))
      if line.takes("when") {
        item.when = try condition(of: &line)
        if line.takes("after") { item.after = try line.duration() }
      }
      item.act = try act(&line)
      items.append(item)
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

  private mutating func condition(_ line: inout ScenarioLine) throws(ScenarioError) {
    switch try line.word("a condition") {
    case "seed": conditions.seed = try line.number("a seed")
    case "nodes":
      let nodes = try line.number("a number of nodes", in: 1...15)
      try line.expect("threshold")
      let threshold = try line.number("a threshold", in: (nodes / 2 + 1)...nodes)
      (conditions.nodes, conditions.threshold) = (Int(nodes), Int(threshold))
    case "semantics": conditions.semantics = Int(try semantics(&line))
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
      let node = try line.number("a node's number", in: 1...99)
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
      guard FaultNames.all.contains(name) else { throw start.error("a fault that the simulator counts") }
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

  // MARK: Acts

  private func act(_ line: inout ScenarioLine) throws(ScenarioError) -> Act {
    let start = line
    switch try line.word("an act") {
    case "partition":
      var groups = [try line.nodes()]
      while line.takes("|") { groups.append(try line.nodes()) }
      guard groups.count > 1 else { throw line.error("'|' and another group") }
      return .partition(groups, length: try length(&line))
    case "isolate":
      let node = try line.number("a node's number", in: 1...99)
      return .cut(from: [node], to: [], isBothWays: true, length: try length(&line))
    case "cut":
      let from = try line.nodes()
      let isBothWays = try line.choice("a direction", [("-", true), ("->", false)])
      return .cut(from: from, to: try line.nodes(), isBothWays: isBothWays, length: try length(&line))
    case "link":
      let from = try line.nodes()
      try line.expect("->")
      let to = try line.nodes()
      let fault = try linkFault(&line)
      let kinds = MessageKind.allCases.map { ($0.rawValue, $0) }
      let kind = line.takes("of") ? try line.choice("a kind of message", kinds) : nil
      return .link(from: from, to: to, fault, of: kind, length: try length(&line))
    case "crash": return try crash(&line)
    case "pause":
      let node = try line.number("a node's number", in: 1...99)
      return .pause(node, length: try length(&line))
    case "disk":
      let node = try line.number("a node's number", in: 1...99)
      return .disk(node, try diskFault(&line), length: try length(&line))
    case "flip":
      try line.expect("bit")
      let bit = try line.number("a bit's number")
      try line.expect("of", "entry")
      let entry = try line.number("an entry's leaf index")
      try line.expect("on")
      return .flip(try line.number("a node's number", in: 1...99), entry: entry, bit: bit)
    case "clock":
      let node = try line.number("a node's number", in: 1...99)
      return .clock(node, try clockFault(&line))
    case "stand": return .stand(try line.number("a node's number", in: 1...99))
    case "lie":
      let party = try line.number("a party's number", in: 1...99)
      let lie = try line.choice("a lie", Lie.allCases.map { ($0.rawValue, $0) })
      return .lie(party, lie, length: try length(&line))
    case "executor": return try executor(&line)
    case "kill": return try restrict(.kill, &line)
    case "quarantine": return try restrict(.quarantine, &line)
    case "revoke": return try restrict(.revoke, &line)
    case "transfer":
      try line.expect("to")
      return .transfer(to: try line.number("a node's number", in: 1...99))
    case "program":
      let node = try line.number("a node's number", in: 1...99)
      try line.expect("semantics")
      return .program(node, semantics: try semantics(&line))
    case "activate":
      try line.expect("semantics")
      return .activate(try semantics(&line))
    case "members": return .members(try line.number("a number that says how"))
    case "replace":
      let parties = try line.nodes()
      guard !parties.isEmpty else { throw start.error("a list of parties such as '{4,5}'") }
      try line.expect("by")
      return .replace(parties, by: try line.number("a number of new parties", in: 0...7))
    case "policy": return .policy(try line.number("a bundle's number", in: 1...1_000_000))
    case "snapshot":
      try line.expect("to")
      return .snapshot(to: try line.number("a node's number", in: 1...99))
    case "agent": return try agent(&line)
    case "approver":
      let approver = try line.number("an approver's number", in: 1...4)
      let approves = try line.choice("a vote", [("approves", true), ("rejects", false)])
      let request = try line.number("a request's number")
      try line.expect("of")
      return .vote(
        approver, agent: try line.number("an agent's number", in: 1...3), request: request, approves: approves
      )
    default:
      throw start.error(
        "partition, isolate, cut, link, crash, pause, disk, flip, clock, stand, lie, executor, kill, quarantine, "
          + "revoke, transfer, members, replace, policy, snapshot, program, activate, agent or approver")
    }
  }

  private func condition(of line: inout ScenarioLine) throws(ScenarioError) -> Condition {
    let node = try line.number("a node's number", in: 1...99)
    let states = ["leads", "joint", "voters", "holds", "commits", "finalizes"]
    let state = try line.choice("a state", states.map { ($0, $0) })
    switch state {
    case "leads": return .leads(node)
    case "joint": return .isJoint(node)
    case "voters": return .hasVoters(node, try line.nodes())
    default:
      let size = try line.number("a number of entries")
      return state == "holds"
        ? .holds(node, size: size)
        : state == "commits" ? .commits(node, size: size) : .finalizes(node, size: size)
    }
  }

  private func semantics(_ line: inout ScenarioLine) throws(ScenarioError) -> UInt64 {
    try line.number("a number of semantics that the programs apply", in: 1...UInt64(Semantics.newest))
  }

  private func length(_ line: inout ScenarioLine) throws(ScenarioError) -> UInt64 {
    try line.expect("for")
    return try line.duration()
  }

  private func pause(_ line: inout ScenarioLine) throws(ScenarioError) -> UInt64 {
    try line.expect("restart", "after")
    return try line.duration()
  }

  private func crash(_ line: inout ScenarioLine) throws(ScenarioError) -> Act {
    let node = try line.number("a node's number", in: 1...99)
    var kept: UInt64 = 0
    if line.takes("before") {
      try line.expect("fsync")
    } else {
      guard line.takes("after") else { throw line.error("'before fsync' or 'after N writes'") }
      kept = try line.number("how many writes are kept", in: 1...1_000_000)
      try line.expect("writes")
    }
    return .crash(node, kept: kept, restartAfter: try pause(&line))
  }

  private func linkFault(_ line: inout ScenarioLine) throws(ScenarioError) -> LinkFault {
    let kinds = ["loss", "duplication", "corruption", "delay", "late", "clog"]
    switch try line.choice("a fault of a link", kinds.map { ($0, $0) }) {
    case "loss": return .loss(try line.percentage())
    case "duplication": return .duplication(try line.percentage())
    case "corruption": return .corruption(try line.percentage())
    case "delay": return .delay(try line.duration())
    case "late": return .late(try line.duration())
    default: return .clog
    }
  }

  private func diskFault(_ line: inout ScenarioLine) throws(ScenarioError) -> DiskFault {
    let kinds = ["slow", "hang", "full", "fsync"]
    switch try line.choice("a fault of a disk", kinds.map { ($0, $0) }) {
    case "slow": return .slow(try line.duration())
    case "hang": return .hang
    case "full": return .full
    default:
      try line.expect("fails")
      return .failedSync
    }
  }

  private func clockFault(_ line: inout ScenarioLine) throws(ScenarioError) -> ClockFault {
    switch try line.choice("a fault of a clock", ["offset", "step", "drift"].map { ($0, $0) }) {
    case "offset": return .offset(try line.signedDuration())
    case "step": return .step(try line.signedDuration())
    default: return .drift(millionths: try drift(&line))
    }
  }

  private func drift(_ line: inout ScenarioLine) throws(ScenarioError) -> Int64 {
    let start = line
    let millionths = try line.signed("a drift such as '-200 ppm'")
    guard millionths.magnitude <= 100_000 else { throw start.error("a drift of at most 100000 ppm") }
    try line.expect("ppm")
    return millionths
  }

  private func executor(_ line: inout ScenarioLine) throws(ScenarioError) -> Act {
    let number = try line.number("an executor's number", in: 1...2)
    let kinds = ["crash", "cut", "drift", "lies", "sandbox"]
    switch try line.choice("a fault of an executor", kinds.map { ($0, $0) }) {
    case "crash":
      var crash = ExecutorCrash()
      if line.takes("between") {
        try line.expect("effects")
        crash.isBetweenEffects = true
      }
      if line.takes("after") {
        crash.kept = try line.number("how many writes are kept", in: 1...1_000_000)
        try line.expect("writes")
      }
      if line.takes("journal") {
        if line.takes("lost") {
          crash.journal = .lost
        } else {
          guard line.takes("bit") else { throw line.error("'lost' or 'bit N'") }
          crash.journal = .flipped(try line.number("a bit's number"))
        }
      }
      return .executorCrash(number, crash, restartAfter: try pause(&line))
    case "cut":
      try line.expect("from")
      return .executorCut(number, from: try line.nodes(), length: try length(&line))
    case "lies":
      let lie = try line.choice("a lie of an executor", ExecutorLie.allCases.map { ($0.rawValue, $0) })
      return .executorLie(number, lie, length: try length(&line))
    case "drift": return .executorDrift(number, millionths: try drift(&line))
    default:
      let fault = try line.choice("how runs go", SandboxFault.allCases.map { ($0.rawValue, $0) })
      return .sandbox(number, fault, length: try length(&line))
    }
  }

  private func restrict(_ kind: IncidentKind, _ line: inout ScenarioLine) throws(ScenarioError) -> Act {
    let start = line
    let text = try line.word("a target")
    guard let target = IncidentTarget(text: text) else {
      throw start.error("a target: all, tenant/T, token/ID or a principal such as tenant/T/agent/A")
    }
    return .restrict(kind, target, length: try length(&line))
  }

  private func agent(_ line: inout ScenarioLine) throws(ScenarioError) -> Act {
    let number = try line.number("an agent's number", in: 1...3)
    let verbs = [
      "puts", "proposes", "repeats", "reads", "checks", "withdraws", "mutates", "forges", "injects",
      "trespasses",
      "floods", "borrows", "reuses", "snoops", "poisons",
    ]
    let verb = try line.choice("what it does", verbs.map { ($0, $0) })
    let action = verb == "proposes" ? try line.word("an action's name") : ""
    let request =
      ["puts", "checks"].contains(verb) ? 0 : try line.number("a request's number", in: 1...1_000_000)
    let act: AgentAct
    switch verb {
    case "puts": act = .put
    case "checks": act = .check
    case "proposes": act = .propose(action, request: request)
    case "repeats": act = .repeat_(request: request)
    case "reads": act = .read(request: request)
    case "withdraws": act = .withdraw(request: request)
    case "mutates": act = .mutate(request: request)
    case "forges":
      try line.expect("as")
      act = .forge(as: try line.number("an agent's number", in: 1...3), request: request)
    case "injects": act = .inject(request: request)
    case "trespasses": act = .trespass(request: request)
    case "poisons": act = .poison(request: request)
    case "borrows":
      try line.expect("from")
      act = .borrow(from: try line.number("an agent's number", in: 1...3), request: request)
    case "reuses":
      try line.expect("from")
      act = .reuse(of: try line.number("a request's number", in: 1...1_000_000), request: request)
    case "snoops":
      try line.expect("of")
      act = .snoop(on: try line.number("an agent's number", in: 1...3), request: request)
    default:
      try line.expect("with")
      act = .flood(try line.number("how many", in: 1...64), request: request)
    }
    try line.expect("at")
    return .agent(number, act, at: try line.number("a node's number", in: 1...99))
  }
}

extension ScenarioLine {
  mutating func expectOracle() throws(ScenarioError) {
    guard takes("oracle") else { throw error("agent, executions, fault or oracle") }
  }
}
