import ClawShield
import GovernanceNode
import Raft
import Records
import Wire

// The executors' part of the world: processes, connections and the operators who enrol them anew.
/// Connections of executors are numbered from here: one for each life of each process.
let executorConnections: UInt64 = 1_000_000
private let livesPerExecutor: UInt64 = 100_000

/// The statement that a method carries, where oracles want to know of it.
func statementType(of method: Method) -> RecordType? {
  switch method {
  case .submit: .proposal
  case .castBallot: .ballot
  case .lift, .erase: .incident
  default: nil
  }
}

extension World {
  var reachableNodes: [UInt64] { hosts.filter(\.isUp).map(\.id.rawValue) }

  private func connection(of position: Int) -> UInt64 {
    executorConnections + UInt64(position) * livesPerExecutor + executors[position].life
  }

  /// The living executor of a connection; nil where that life is over.
  private func position(of connection: UInt64) -> Int? {
    let number = connection - executorConnections
    let position = Int(number / livesPerExecutor)
    guard position < executors.count, executors[position].isUp,
      executors[position].life == number % livesPerExecutor
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
        mix(.executor, outgoing.node, outgoing.call)
        let call = ClientCall(
          key: CallKey(connection: connection(of: position), call: outgoing.call),
          caller: executor.principal, method: outgoing.method.path, payload: outgoing.payload)
        queue.schedule(.call(to: node, call), at: time + delay(node))
      case .happening(let what, let after):
        queue.schedule(.executor(position, life: executor.life, what), at: time + after)
      case .died(let how): die(position, how, restartAfter: 500_000_000)
      }
    }
  }

  /// A call found nobody.
  func fail(_ key: CallKey) {
    guard key.connection >= executorConnections, let position = position(of: key.connection) else {
      return
    }
    executors[position].failed(key.call)
  }

  func takeExecutors(_ answer: Answer, _ key: CallKey, from node: NodeID) {
    guard let position = position(of: key.connection),
      !executors[position].isCutOff(from: node.rawValue)
    else { return }
    mix(.executor, key.connection, key.call)
    executors[position].take(answer, at: time, nodes: reachableNodes, oracles: &oracles)
    serve(position)
  }

  /// The final state by a party that is up: who is none any more is left behind.
  /// The honest parties that are up to date once everything has come to rest.
  var settledHosts: [NodeHost<Suite>] { core.filter { $0.isUp && isParty($0) } }

  private var witness: ShieldState? {
    core.first { $0.isUp && isParty($0) }?.node?.finalState
  }

  /// Whether some approval has neither a receipt nor an unknown outcome yet, or something else is about to happen by
  /// itself. That files grow old is not waited for.
  var hasOutstanding: Bool {
    guard let state = witness else { return true }
    let soon = wall().advanced(by: .seconds(1_200))
    return state.nextExpiry.map { $0 <= soon } ?? false || !state.owed.isEmpty
  }

  /// What has not come to rest, in words.
  var unsettled: [String] {
    var out: [String] = []
    for client in clients {
      guard let agent = client as? SimulatedAgent, agent.waiting > 0 else { continue }
      out.append("\(agent.principal.path) waits for \(agent.waitingFor.joined(separator: ", "))")
    }
    // One that has lied may wait for good for a proof of what does not count.
    for executor in executors where !executor.isSettled && !executor.liar.hasLied {
      out.append("\(executor.principal.path): \(executor.standing)")
    }
    if !operators.isSettled { out.append("operators wait for \(operators.waitingFor)") }
    if hasOutstanding { out.append("outstanding approvals or decisions") }
    if awaitsContents, settledHosts.contains(where: oracles.awaitsContents) {
      out.append("contents that are to come or to go")
    }
    if isChangingMembers { out.append("a change of members is on its way") }
    let sizes = core.filter(isParty).map { $0.view?.finalSize }
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

  /// At the end, whether or not everything has come to rest: which receipts count.
  func checkReceipts() {
    guard let state = witness else { return }
    for proposal in oracles.audit?.approved ?? [] {
      guard let view = state.proposalView(at: LeafIndex(proposal)) else { continue }
      oracles.counts(view.receipt, for: proposal, at: time)
    }
  }

  /// Once everything has come to rest: every token that ran has an outcome, be it that nobody knows.
  func checkOutcomes() {
    guard let state = witness else { return }
    for token in oracles.execution.decisions.keys.sorted() {
      guard let decision = oracles.execution.decisions[token],
        let view = state.proposalView(agent: decision.requestedBy, requestID: decision.requestID)
      else { continue }
      let isSameLife = { (executor: Principal, life: UInt64) in
        self.executors.contains { $0.principal == executor && $0.life == life && $0.isUp }
      }
      oracles.settled(token, view.status, isSameLife: isSameLife, at: time)
      if view.status == .completed, view.proposal.action == SimulatedReach.verified {
        oracles.agree(about: decision.proposal, at: time)
      }
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
      operators.enrol(enrolment, wall: wall())
    }
    serve(position)
  }

  /// Operators have enrolled an incarnation: its executor starts.
  func takeUp(_ new: (executor: Principal, incarnation: Int)) {
    guard let position = executors.firstIndex(where: { $0.principal == new.executor }) else { return }
    executors[position].enrolled(new.incarnation)
    queue.schedule(.executorStart(position), at: time + 1)
  }

  /// An item of the schedule about an executor begins.
  func beginExecutor(_ item: Int, _ act: Act) {
    switch act {
    case .executorCrash(let number, let how, let pause):
      guard let position = place(number), executors[position].isUp else { return }
      if how.isBetweenEffects {
        executors[position].arm(how)
      } else {
        die(position, how, restartAfter: pause)
      }
    case .executorCut(let number, let nodes, let length):
      guard let position = place(number) else { return }
      oracles.count(fault: "executor cut off")
      let cut = nodes.isEmpty ? hosts.map(\.id.rawValue) : nodes
      executors[position].cut(cut)
      for node in cut {
        if let call = executors[position].lost(node) {
          cancel(call, of: connection(of: position), at: node)
        }
      }
      queue.schedule(.end(item), at: time + length)
    case .sandbox(let number, let fault, let length):
      guard let position = place(number) else { return }
      oracles.count(fault: "sandbox \(fault.rawValue)")
      executors[position].sandbox.begin(fault)
      queue.schedule(.end(item), at: time + length)
    case .executorLie(let number, let lie, let length):
      guard let position = place(number) else { return }
      executors[position].liar.begin(lie)
      let principal = executors[position].principal
      if !oracles.execution.liars.contains(principal) { oracles.execution.liars.append(principal) }
      queue.schedule(.end(item), at: time + length)
    default: break
    }
  }

  func endExecutorLie(_ number: UInt64, _ lie: ExecutorLie) {
    if let position = place(number) { executors[position].liar.end(lie) }
  }

  func mendExecutor(_ number: UInt64, _ nodes: [UInt64]) {
    guard let position = place(number) else { return }
    executors[position].mend(nodes.isEmpty ? hosts.map(\.id.rawValue) : nodes)
  }

  func endSandbox(_ number: UInt64, _ fault: SandboxFault) {
    if let position = place(number) { executors[position].sandbox.end(fault) }
  }

  private func place(_ number: UInt64) -> Int? {
    number >= 1 && number <= UInt64(executors.count) ? Int(number) - 1 : nil
  }

  private func die(_ position: Int, _ how: ExecutorCrash, restartAfter pause: UInt64) {
    let executor = executors[position]
    guard executor.isUp else { return }
    let number = connection(of: position)
    for stream in executor.crash(how, oracles: &oracles) {
      cancel(stream.call, of: number, at: stream.node)
    }
    queue.schedule(.executorStart(position), at: time + (isCalm ? 1 : max(1, pause)))
  }

  /// A node learns late that a connection is gone.
  private func cancel(_ call: UInt64, of connection: UInt64, at node: UInt64) {
    guard let id = NodeID(rawValue: node) else { return }
    queue.schedule(
      .cancel(at: id, CallKey(connection: connection, call: call)),
      at: time + 1 + lateness(of: call, connection))
  }

  private func lateness(of call: UInt64, _ connection: UInt64) -> UInt64 {
    var random = SeededRandom(
      seed: conditions.seed, for: .network, named: connection << 24 ^ call, log: log)
    return random.below(3_000_000_000)
  }

  func calmExecutors() {
    for position in executors.indices {
      executors[position].mendAll()
      executors[position].sandbox.heal()
      executors[position].liar.endAll()
      if !executors[position].isUp { queue.schedule(.executorStart(position), at: time + 1) }
    }
    operators.isActive = false
  }
}
