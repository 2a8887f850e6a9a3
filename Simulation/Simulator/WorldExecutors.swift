import GovernanceNode
import Raft
import Records
import Wire

// The executors' part of the world: processes, connections and the operators who enrol them anew.
extension World {
  /// Connections of executors are numbered from here: one for each life of each process.
  static let executorConnections: UInt64 = 1_000_000
  private static let livesPerExecutor: UInt64 = 100_000

  var reachableNodes: [UInt64] { hosts.filter(\.isUp).map(\.id.rawValue) }

  /// The statement that a method carries, where oracles want to know of it.
  static func statementType(of method: Method) -> RecordType? {
    switch method {
    case .submit: .proposal
    case .castBallot: .ballot
    case .lift: .incident
    default: nil
    }
  }

  private func connection(of position: Int) -> UInt64 {
    World.executorConnections + UInt64(position) * World.livesPerExecutor + executors[position].life
  }

  /// The living executor of a connection; nil where that life is over.
  private func position(of connection: UInt64) -> Int? {
    let number = connection - World.executorConnections
    let position = Int(number / World.livesPerExecutor)
    guard position < executors.count, executors[position].isUp,
      executors[position].life == number % World.livesPerExecutor
    else { return nil }
    return position
  }

  /// Does what an executor wants done.
  func serve(_ position: Int) {
    let executor = executors[position]
    for demand in executor.takeDemands() {
      switch demand {
      case .call(let outgoing):
        guard let node = NodeID(rawValue: outgoing.node) else { continue }
        mix(outgoing.node, outgoing.call)
        let call = ClientCall(
          key: CallKey(connection: connection(of: position), call: outgoing.call),
          caller: executor.principal, method: outgoing.method.path, payload: outgoing.payload)
        queue.schedule(.call(to: node, call), at: time + delay())
      case .happening(let what, let after):
        queue.schedule(.executor(position, life: executor.life, what), at: time + after)
      case .died: die(position)
      }
    }
  }

  /// A call found nobody.
  func fail(_ key: CallKey) {
    guard key.connection >= World.executorConnections, let position = position(of: key.connection) else {
      return
    }
    executors[position].failed(key.call)
  }

  func takeExecutors(_ answer: Answer, _ key: CallKey, from node: NodeID) {
    guard let position = position(of: key.connection),
      !executors[position].cutOff.contains(node.rawValue)
    else { return }
    mix(key.connection, key.call)
    executors[position].take(answer, at: time, nodes: reachableNodes, oracles: &oracles)
    serve(position)
  }

  /// Whether some approval has neither a receipt nor an unknown outcome yet.
  var hasOutstanding: Bool {
    guard let state = hosts.first(where: { $0.isUp && isHonest($0) })?.view?.finalState else { return true }
    return state.nextExpiry != nil || !state.owed.isEmpty
  }

  /// What has not come to rest, in words.
  var unsettled: [String] {
    var out: [String] = []
    for client in clients {
      guard let agent = client as? SimulatedAgent, agent.waiting > 0 else { continue }
      out.append("\(agent.principal.path) waits for \(agent.waitingFor.joined(separator: ", "))")
    }
    for executor in executors where !executor.isSettled {
      out.append("\(executor.principal.path): \(executor.standing)")
    }
    if !operators.isSettled { out.append("operators wait for \(operators.waitingFor)") }
    if hasOutstanding { out.append("outstanding approvals or decisions") }
    if isChangingMembers { out.append("a change of members is on its way") }
    let sizes = hosts.filter { isHonest($0) && isParty($0) }.map { $0.view?.finalSize }
    if Set(sizes).count != 1 || sizes.contains(nil) { out.append("final sizes \(sizes)") }
    guard !out.isEmpty else { return out }
    for host in hosts {
      guard let view = host.view else { continue }
      let lies = liars.contains { $0.id == host.id && $0.isActive } ? ", lying" : ""
      out.append(
        "node \(host.id.rawValue) \(view.role) in term \(view.term.rawValue), log \(view.logSize), committed "
          + "\(view.commitSize), final \(view.finalSize)\(lies)")
    }
    return out
  }

  /// Once everything has come to rest: every token that ran has an outcome, be it that nobody knows.
  func checkOutcomes() {
    guard let state = hosts.first(where: { $0.isUp && isHonest($0) })?.view?.finalState else { return }
    for token in oracles.execution.decisions.keys.sorted() {
      guard let decision = oracles.execution.decisions[token],
        let view = state.proposalView(agent: decision.requestedBy, requestID: decision.requestID)
      else { continue }
      oracles.settled(token, view.status, at: time)
    }
  }

  // MARK: Faults

  func startExecutor(_ position: Int) {
    let executor = executors[position]
    guard !executor.isUp else { return }
    executor.start(at: time, oracles: &oracles)
    if let incarnation = executor.awaitedIncarnation {
      var enrolment = executor.enrolment
      enrolment.incarnation = incarnation
      operators.enrol(enrolment, wall: Timestamp(nanoseconds: World.epoch + Int64(time)) ?? .epoch)
    }
    serve(position)
  }

  /// Operators have enrolled an incarnation: its executor starts.
  func takeUp(_ new: (executor: Principal, incarnation: Int)) {
    guard let position = executors.firstIndex(where: { $0.principal == new.executor }) else { return }
    executors[position].enrolled(new.incarnation)
    queue.schedule(.executorStart(position), at: time + 1)
  }

  func crashExecutor() {
    guard !isCalm else { return }
    queue.schedule(.executorCrash, at: time + 1 + faultRandom.below(2 * faults.executorCrashEvery))
    die(Int(faultRandom.below(UInt64(executors.count))))
  }

  private func die(_ position: Int) {
    let executor = executors[position]
    guard executor.isUp else { return }
    let number = connection(of: position)
    for stream in executor.crash(oracles: &oracles) { cancel(stream.call, of: number, at: stream.node) }
    let pause = isCalm ? 1 : 1 + faultRandom.below(faults.executorRestartAfter)
    queue.schedule(.executorStart(position), at: time + pause)
  }

  /// A node learns late that a connection is gone.
  private func cancel(_ call: UInt64, of connection: UInt64, at node: UInt64) {
    guard let id = NodeID(rawValue: node) else { return }
    queue.schedule(
      .cancel(at: id, CallKey(connection: connection, call: call)),
      at: time + 1 + networkRandom.below(3_000_000_000))
  }

  func cutExecutor() {
    guard !isCalm else { return }
    queue.schedule(.executorCut, at: time + 1 + faultRandom.below(2 * faults.executorCutEvery))
    let position = Int(faultRandom.below(UInt64(executors.count)))
    let executor = executors[position]
    guard executor.cutOff.isEmpty else { return }
    oracles.count(fault: "executor cut off")
    let isWhole = faultRandom.chance(300_000)
    executor.cutOff = hosts.map(\.id.rawValue).filter { _ in isWhole || faultRandom.chance(500_000) }
    for node in executor.cutOff {
      if let call = executor.lost(node) { cancel(call, of: connection(of: position), at: node) }
    }
    // Some cuts outlast a lease.
    queue.schedule(.executorHeal(position), at: time + 1 + faultRandom.below(16_000_000_000))
  }

  func calmExecutors() {
    for position in executors.indices {
      executors[position].isCalm = true
      executors[position].cutOff = []
      if !executors[position].isUp { queue.schedule(.executorStart(position), at: time + 1) }
    }
    operators.isActive = false
  }
}
