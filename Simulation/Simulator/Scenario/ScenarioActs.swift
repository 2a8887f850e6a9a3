import Records

/// What happens at a time, as a scenario's line says it.
extension ScenarioLine {
  mutating func act() throws(ScenarioError) -> Act {
    let start = self
    switch try word("an act") {
    case "partition":
      var groups = [try nodes()]
      while takes("|") { groups.append(try nodes()) }
      guard groups.count > 1 else { throw error("'|' and another group") }
      return .partition(groups, length: try length())
    case "isolate":
      let node = try node()
      return .cut(from: [node], to: [], isBothWays: true, length: try length())
    case "cut":
      let from = try nodes()
      let isBothWays = try choice("a direction", [("-", true), ("->", false)])
      return .cut(from: from, to: try nodes(), isBothWays: isBothWays, length: try length())
    case "link":
      let from = try nodes()
      try expect("->")
      let to = try nodes()
      let fault = try linkFault()
      let kinds = MessageKind.allCases.map { ($0.rawValue, $0) }
      let kind = takes("of") ? try choice("a kind of message", kinds) : nil
      return .link(from: from, to: to, fault, of: kind, length: try length())
    case "crash": return try crash()
    case "stop": return .stop(try node(), restartAfter: try pause())
    case "pause":
      let node = try node()
      return .pause(node, length: try length())
    case "disk":
      let node = try node()
      return .disk(node, try diskFault(), length: try length())
    case "flip":
      try expect("bit")
      let bit = try number("a bit's number")
      try expect("of", "entry")
      let entry = try number("an entry's leaf index")
      try expect("on")
      return .flip(try node(), entry: entry, bit: bit)
    case "clock":
      let node = try node()
      return .clock(node, try clockFault())
    case "stand": return .stand(try node())
    case "lie":
      let party = try number("a party's number", in: 1...99)
      let lie = try choice("a lie", Lie.allCases.map { ($0.rawValue, $0) })
      return .lie(party, lie, length: try length())
    case "executor": return try executor()
    case "kill": return try restrict(.kill)
    case "quarantine": return try restrict(.quarantine)
    case "revoke": return try restrict(.revoke)
    case "erase":
      let start = self
      let tenant = try word("a tenant")
      guard Identifier.isValid(tenant) else { throw start.error("a tenant such as acme") }
      return .erase(tenant)
    case "sleep":
      let hours = try number("a number of hours", in: 1...10_000)
      try expect("h")
      return .sleep(hours: hours)
    case "transfer":
      try expect("to")
      return .transfer(to: try node())
    case "program":
      let node = try node()
      try expect("semantics")
      return .program(node, semantics: try semantics())
    case "activate":
      try expect("semantics")
      return .activate(try semantics())
    case "members": return .members(try number("a number that says how"))
    case "replace":
      let parties = try nodes()
      guard !parties.isEmpty else { throw start.error("a list of parties such as '{4,5}'") }
      try expect("by")
      return .replace(parties, by: try number("a number of new parties", in: 0...7))
    case "cancel":
      try expect("members")
      return .cancelMembers
    case "rotate":
      try expect("members")
      return .rotateMembers
    case "backup": return .backup
    case "policy": return .policy(try number("a bundle's number", in: 1...1_000_000))
    case "snapshot":
      try expect("to")
      return .snapshot(to: try node())
    case "party":
      let party = try number("a party's number", in: 1...99)
      try expect("vetoes")
      let request = try number("a request's number")
      try expect("of")
      return .veto(party, agent: try number("an agent's number", in: 1...3), request: request)
    case "agent": return try agent()
    case "approver":
      let approver = try number("an approver's number", in: 1...6)
      let approves = try choice("a vote", [("approves", true), ("rejects", false)])
      let request = try number("a request's number")
      try expect("of")
      return .vote(
        approver, agent: try number("an agent's number", in: 1...3), request: request, approves: approves
      )
    default:
      throw start.error(
        "partition, isolate, cut, link, crash, stop, pause, disk, flip, clock, stand, lie, executor, kill, quarantine, "
          + "revoke, erase, sleep, transfer, members, replace, cancel, rotate, backup, policy, snapshot, program, activate, party, agent or approver"
      )
    }
  }

  mutating func condition() throws(ScenarioError) -> Condition {
    let node = try node()
    let states = ["leads", "joint", "voters", "holds", "commits", "finalizes"]
    let state = try choice("a state", states.map { ($0, $0) })
    switch state {
    case "leads": return .leads(node)
    case "joint": return .isJoint(node)
    case "voters": return .hasVoters(node, try nodes())
    default:
      let size = try number("a number of entries")
      return state == "holds"
        ? .holds(node, size: size)
        : state == "commits" ? .commits(node, size: size) : .finalizes(node, size: size)
    }
  }

  mutating func semantics() throws(ScenarioError) -> UInt64 {
    try number("a number of semantics that the programs apply", in: 1...UInt64(Semantics.newest))
  }

  private mutating func length() throws(ScenarioError) -> UInt64 {
    try expect("for")
    return try duration()
  }

  private mutating func pause() throws(ScenarioError) -> UInt64 {
    try expect("restart", "after")
    return try duration()
  }

  private mutating func crash() throws(ScenarioError) -> Act {
    let node = try node()
    var kept: UInt64 = 0
    if takes("before") {
      try expect("fsync")
    } else {
      guard takes("after") else { throw error("'before fsync' or 'after N writes'") }
      kept = try number("how many writes are kept", in: 1...1_000_000)
      try expect("writes")
    }
    return .crash(node, kept: kept, restartAfter: try pause())
  }

  private mutating func linkFault() throws(ScenarioError) -> LinkFault {
    let kinds = ["loss", "duplication", "corruption", "delay", "late", "clog"]
    switch try choice("a fault of a link", kinds.map { ($0, $0) }) {
    case "loss": return .loss(try percentage())
    case "duplication": return .duplication(try percentage())
    case "corruption": return .corruption(try percentage())
    case "delay": return .delay(try duration())
    case "late": return .late(try duration())
    default: return .clog
    }
  }

  private mutating func diskFault() throws(ScenarioError) -> DiskFault {
    let kinds = ["slow", "hang", "full", "fsync"]
    switch try choice("a fault of a disk", kinds.map { ($0, $0) }) {
    case "slow": return .slow(try duration())
    case "hang": return .hang
    case "full": return .full
    default:
      try expect("fails")
      return .failedSync
    }
  }

  private mutating func clockFault() throws(ScenarioError) -> ClockFault {
    switch try choice("a fault of a clock", ["offset", "step", "drift"].map { ($0, $0) }) {
    case "offset": return .offset(try signedDuration())
    case "step": return .step(try signedDuration())
    default: return .drift(millionths: try drift())
    }
  }

  private mutating func drift() throws(ScenarioError) -> Int64 {
    let start = self
    let millionths = try signed("a drift such as '-200 ppm'")
    guard millionths.magnitude <= 100_000 else { throw start.error("a drift of at most 100000 ppm") }
    try expect("ppm")
    return millionths
  }

  private mutating func executor() throws(ScenarioError) -> Act {
    let number = try self.number("an executor's number", in: 1...2)
    let kinds = ["crash", "cut", "drift", "lies", "sandbox"]
    switch try choice("a fault of an executor", kinds.map { ($0, $0) }) {
    case "crash":
      var crash = ExecutorCrash()
      if takes("between") {
        try expect("effects")
        crash.isBetweenEffects = true
      }
      if takes("after") {
        crash.kept = try self.number("how many writes are kept", in: 1...1_000_000)
        try expect("writes")
      }
      if takes("journal") {
        if takes("lost") {
          crash.journal = .lost
        } else {
          guard takes("bit") else { throw error("'lost' or 'bit N'") }
          crash.journal = .flipped(try self.number("a bit's number"))
        }
      }
      return .executorCrash(number, crash, restartAfter: try pause())
    case "cut":
      try expect("from")
      return .executorCut(number, from: try nodes(), length: try length())
    case "lies":
      let lie = try choice("a lie of an executor", ExecutorLie.allCases.map { ($0.rawValue, $0) })
      return .executorLie(number, lie, length: try length())
    case "drift": return .executorDrift(number, millionths: try drift())
    default:
      let fault = try choice("how runs go", SandboxFault.allCases.map { ($0.rawValue, $0) })
      return .sandbox(number, fault, length: try length())
    }
  }

  private mutating func restrict(_ kind: IncidentKind) throws(ScenarioError) -> Act {
    let start = self
    let text = try word("a target")
    guard let target = IncidentTarget(text: text) else {
      throw start.error("a target: all, tenant/T, token/ID or a principal such as tenant/T/agent/A")
    }
    var manner = SigningManner.usual
    if takes("valid") {
      manner = .brief(try duration())
    } else if takes("by") {
      try expect("leaver")
      manner = .leaver
    }
    return .restrict(kind, target, manner, length: try length())
  }

  private mutating func agent() throws(ScenarioError) -> Act {
    let number = try self.number("an agent's number", in: 1...3)
    let verbs = [
      "puts", "proposes", "repeats", "reads", "checks", "withdraws", "mutates", "forges", "injects",
      "trespasses",
      "floods", "borrows", "copies", "crosses", "reuses", "snoops", "poisons", "overreaches",
    ]
    let verb = try choice("what it does", verbs.map { ($0, $0) })
    let action = verb == "proposes" ? try word("an action's name") : ""
    let request =
      ["puts", "checks"].contains(verb) ? 0 : try self.number("a request's number", in: 1...1_000_000)
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
      try expect("as")
      act = .forge(as: try self.number("an agent's number", in: 1...3), request: request)
    case "injects": act = .inject(request: request)
    case "trespasses": act = .trespass(request: request)
    case "overreaches": act = .overreach(request: request)
    case "poisons": act = .poison(request: request)
    case "borrows":
      try expect("from")
      act = .borrow(from: try self.number("an agent's number", in: 1...3), request: request)
    case "copies":
      guard (1...3).contains(request) else { throw error("an agent's number from 1 to 3") }
      act = .copy(of: request)
    case "crosses":
      try expect("to")
      act = .cross(to: try self.number("an agent's number", in: 1...3), request: request)
    case "reuses":
      try expect("from")
      act = .reuse(of: try self.number("a request's number", in: 1...1_000_000), request: request)
    case "snoops":
      try expect("of")
      act = .snoop(on: try self.number("an agent's number", in: 1...3), request: request)
    default:
      try expect("with")
      act = .flood(try self.number("how many", in: 1...64), request: request)
    }
    try expect("at")
    return .agent(number, act, at: try node())
  }
}
