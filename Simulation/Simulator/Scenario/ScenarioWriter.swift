import Records

// The scenario language, written: what ``ScenarioParser`` reads. One line for each item of the schedule.

/// Writes a length of time in the largest unit that says it exactly.
func written(nanoseconds: UInt64) -> String {
  for (unit, size) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] as [(String, UInt64)]
  where nanoseconds % size == 0 && (nanoseconds > 0 || unit == "s") {
    return "\(nanoseconds / size) \(unit)"
  }
  return "\(nanoseconds) ns"
}

private func written(signed: Int64) -> String {
  (signed < 0 ? "-" : "") + written(nanoseconds: signed.magnitude)
}

/// Millionths as a percentage with at most four decimals.
private func written(chance: UInt64) -> String {
  let whole = chance / 10_000
  var rest = String(chance % 10_000)
  guard chance % 10_000 != 0 else { return "\(whole) %" }
  rest = String(repeating: "0", count: 4 - rest.count) + rest
  while rest.hasSuffix("0") { rest.removeLast() }
  return "\(whole).\(rest) %"
}

private func written(_ nodes: [UInt64]) -> String {
  nodes.isEmpty ? "all" : "{" + nodes.map(String.init).joined(separator: ",") + "}"
}

extension Act {
  /// The act as a line of a scenario has it, after its time.
  public var text: String {
    switch self {
    case .partition(let groups, let length):
      "partition \(groups.map { written($0) }.joined(separator: " | ")) for \(written(nanoseconds: length))"
    case .cut(let from, let to, let isBothWays, let length):
      "cut \(written(from)) \(isBothWays ? "-" : "->") \(written(to)) for \(written(nanoseconds: length))"
    case .link(let from, let to, let fault, let kind, let length):
      "link \(written(from)) -> \(written(to)) \(fault.text)\(kind.map { " of \($0.rawValue)" } ?? "") "
        + "for \(written(nanoseconds: length))"
    case .crash(let node, let kept, let pause):
      "crash \(node) \(kept == 0 ? "before fsync" : "after \(kept) writes") "
        + "restart after \(written(nanoseconds: pause))"
    case .stop(let node, let pause): "stop \(node) restart after \(written(nanoseconds: pause))"
    case .pause(let node, let length): "pause \(node) for \(written(nanoseconds: length))"
    case .disk(let node, let fault, let length):
      "disk \(node) \(fault.text) for \(written(nanoseconds: length))"
    case .flip(let node, let entry, let bit): "flip bit \(bit) of entry \(entry) on \(node)"
    case .clock(let node, let fault): "clock \(node) \(fault.text)"
    case .stand(let node): "stand \(node)"
    case .lie(let party, let lie, let length):
      "lie \(party) \(lie.rawValue) for \(written(nanoseconds: length))"
    case .executorCrash(let number, let crash, let pause):
      "executor \(number) crash \(crash.text)restart after \(written(nanoseconds: pause))"
    case .executorCut(let number, let nodes, let length):
      "executor \(number) cut from \(written(nodes)) for \(written(nanoseconds: length))"
    case .executorDrift(let number, let millionths): "executor \(number) drift \(millionths) ppm"
    case .sandbox(let number, let fault, let length):
      "executor \(number) sandbox \(fault.rawValue) for \(written(nanoseconds: length))"
    case .executorLie(let number, let lie, let length):
      "executor \(number) lies \(lie.rawValue) for \(written(nanoseconds: length))"
    case .restrict(let kind, let target, let manner, let length):
      "\(kind.rawValue) \(target.text) \(manner.text)for \(written(nanoseconds: length))"
    case .erase(let tenant): "erase \(tenant)"
    case .sleep(let hours): "sleep \(hours) h"
    case .transfer(let node): "transfer to \(node)"
    case .members(let draw): "members \(draw)"
    case .replace(let parties, let count): "replace \(written(parties)) by \(count)"
    case .cancelMembers: "cancel members"
    case .rotateMembers: "rotate members"
    case .backup: "backup"
    case .policy(let number): "policy \(number)"
    case .snapshot(let node): "snapshot to \(node)"
    case .program(let node, let semantics): "program \(node) semantics \(semantics)"
    case .activate(let semantics): "activate semantics \(semantics)"
    case .agent(let number, let act, let node): "agent \(number) \(act.text) at \(node)"
    case .veto(let party, let agent, let request): "party \(party) vetoes \(request) of \(agent)"
    case .vote(let approver, let agent, let request, let approves):
      "approver \(approver) \(approves ? "approves" : "rejects") \(request) of \(agent)"
    }
  }
}

extension Schedule.Item {
  /// The line of a scenario.
  var text: String {
    var out = "at \(written(nanoseconds: at)) "
    if let when { out += "when \(when.text) " }
    if after > 0 { out += "after \(written(nanoseconds: after)) " }
    return out + act.text
  }
}

extension Condition {
  var text: String {
    switch self {
    case .leads(let node): "\(node) leads"
    case .isJoint(let node): "\(node) joint"
    case .hasVoters(let node, let voters): "\(node) voters \(written(voters))"
    case .holds(let node, let size): "\(node) holds \(size)"
    case .commits(let node, let size): "\(node) commits \(size)"
    case .finalizes(let node, let size): "\(node) finalizes \(size)"
    }
  }
}

extension LinkFault {
  var text: String {
    switch self {
    case .loss(let chance): "loss \(written(chance: chance))"
    case .duplication(let chance): "duplication \(written(chance: chance))"
    case .corruption(let chance): "corruption \(written(chance: chance))"
    case .delay(let most): "delay \(written(nanoseconds: most))"
    case .late(let span): "late \(written(nanoseconds: span))"
    case .clog: "clog"
    }
  }
}

extension DiskFault {
  var text: String {
    switch self {
    case .slow(let extra): "slow \(written(nanoseconds: extra))"
    case .hang: "hang"
    case .full: "full"
    case .failedSync: "fsync fails"
    }
  }
}

extension ClockFault {
  var text: String {
    switch self {
    case .offset(let offset): "offset \(written(signed: offset))"
    case .step(let step): "step \(written(signed: step))"
    case .drift(let millionths): "drift \(millionths) ppm"
    }
  }
}

extension ExecutorCrash {
  /// Each word with a space after it.
  var text: String {
    var out = isBetweenEffects ? "between effects " : ""
    if kept > 0 { out += "after \(kept) writes " }
    switch journal {
    case .kept: break
    case .lost: out += "journal lost "
    case .flipped(let bit): out += "journal bit \(bit) "
    }
    return out
  }
}

extension AgentAct {
  var text: String {
    switch self {
    case .put: "puts"
    case .check: "checks"
    case .copy(let other): "copies \(other)"
    case .propose(let action, let request): "proposes \(action) \(request)"
    case .repeat_(let request): "repeats \(request)"
    case .read(let request): "reads \(request)"
    case .withdraw(let request): "withdraws \(request)"
    case .mutate(let request): "mutates \(request)"
    case .forge(let other, let request): "forges \(request) as \(other)"
    case .inject(let request): "injects \(request)"
    case .trespass(let request): "trespasses \(request)"
    case .flood(let count, let request): "floods \(request) with \(count)"
    case .borrow(let other, let request): "borrows \(request) from \(other)"
    case .cross(let other, let request): "crosses \(request) to \(other)"
    case .reuse(let known, let request): "reuses \(request) from \(known)"
    case .poison(let request): "poisons \(request)"
    case .overreach(let request): "overreaches \(request)"
    case .snoop(let other, let request): "snoops \(request) of \(other)"
    }
  }
}

extension Expectation {
  var text: String {
    switch self {
    case .outcome(let agent, let request, let status): "agent \(agent) request \(request) \(status)"
    case .fault(let name): "fault \(name)"
    case .oracle(let name): "oracle \(name)"
    case .executions(let count): "executions at least \(count)"
    }
  }
}

extension Scenario {
  /// The file.
  public var text: String {
    let conditions = schedule.conditions
    let usual = Conditions(seed: conditions.seed)
    var lines = ["scenario \(name)", "why \(why)"]
    lines += redWith.map { "red with \($0)" }
    if let pending { lines.append("pending \(pending)") }
    lines.append("seed \(conditions.seed)")
    if (conditions.nodes, conditions.threshold) != (usual.nodes, usual.threshold) {
      lines.append("nodes \(conditions.nodes) threshold \(conditions.threshold)")
    }
    if conditions.semantics != usual.semantics { lines.append("semantics \(conditions.semantics)") }
    if conditions.suite != usual.suite { lines.append("suite \(conditions.suite.rawValue)") }
    if conditions.safety != usual.safety {
      lines.append("faults for \(written(nanoseconds: conditions.safety))")
    }
    if (conditions.minimumDelay, conditions.meanDelay) != (usual.minimumDelay, usual.meanDelay) {
      lines.append(
        "delay \(written(nanoseconds: conditions.minimumDelay)) and \(written(nanoseconds: conditions.meanDelay))"
      )
    }
    if conditions.syncDelay != usual.syncDelay {
      lines.append("fsync \(written(nanoseconds: conditions.syncDelay))")
    }
    if conditions.journalDelay != usual.journalDelay {
      lines.append("journal \(written(nanoseconds: conditions.journalDelay))")
    }
    if let left = conditions.left { lines.append("left \(left.node) \(left.fault.rawValue)") }
    lines.append("")
    lines += schedule.items.map(\.text)
    if !expectations.isEmpty { lines.append("") }
    lines += expectations.map { "expect \($0.text)" }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension SigningManner {
  fileprivate var text: String {
    switch self {
    case .usual: ""
    case .brief(let length): "valid \(written(nanoseconds: length)) "
    case .leaver: "by leaver "
    }
  }
}
