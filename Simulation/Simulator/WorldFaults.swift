import Crypto
import FROST
import GovernanceNode
import Raft
import Records

#if SIMULATION
import Mutants
#endif

// The schedule's part of the world: what begins, and what ends.
extension World {
  /// An item of the schedule begins.
  func begin(_ position: Int) {
    let act = schedule.items[position].act
    // What a sleeping host's action does meanwhile is nobody's to say.
    if case .sleep = act, executors.contains(where: { !$0.sandbox.runs.isEmpty }) {
      queue.schedule(.due(position), at: time + 100_000_000)
      return
    }
    timeline?.began(act, at: time)
    switch act {
    case .partition, .cut, .link: beginNetwork(position, act)
    case .crash(let node, let kept, let pause):
      guard let host = host(node), host.isUp else { return }
      oracles.count(fault: kept == 0 ? "crash before fsync" : "crash")
      stop(host, keeping: kept, until: time + max(1, pause))
    case .stop(let node, let pause):
      guard let host = host(node), host.isUp else { return }
      guard host.pausedUntil <= time else {
        queue.schedule(.due(position), at: host.pausedUntil)
        return
      }
      part(host, pause: max(1, pause))
    case .pause(let node, let length):
      guard let host = host(node), host.isUp else { return }
      oracles.count(fault: "pause")
      host.pausedUntil = max(host.pausedUntil, time + length)
      host.catchesUpUntil = max(host.catchesUpUntil, time + length)
    case .disk(let node, let fault, let length):
      host(node)?.diskFaults.append((position, fault, time + length))
      queue.schedule(.end(position), at: time + length)
    case .flip(let node, let entry, let bit):
      if host(node)?.disk.flip(entry: entry, bit: bit) == true { oracles.count(fault: "bit flip") }
    case .clock(let node, let fault): setClock(node, fault)
    case .sleep(let hours): sleep(hours * 3_600_000_000_000)
    case .stand(let node):
      guard let host = host(node), host.isUp else { return }
      host.node?.runOutElectionTimer()
      step(host.id, .tick)
    case .lie(let party, let lie, let length):
      beginLie(party, lie)
      queue.schedule(.end(position), at: time + length)
    case .executorCrash, .executorCut, .executorDrift, .sandbox, .executorLie: beginExecutor(position, act)
    case .restrict(let kind, let target, let manner, let length):
      operators.restrict(kind, target, manner, length: length, number: position, wall: wall())
    case .erase(let tenant): operators.erase(tenant, wall: wall())
    case .transfer(let node):
      oracles.count(fault: "transfer")
      operators.transfer(to: node)
    case .members(let draw): changeMembers(draw)
    case .replace(let parties, let count): replaceParties(parties, by: count)
    case .cancelMembers: cancelMembers()
    case .rotateMembers: rotateMembers()
    case .backup: auditor?.makeBackup()
    case .policy(let number):
      oracles.count(fault: "policy change")
      operators.activate(bundle: number, semantics: schedule.conditions.semantics, wall: wall())
    case .snapshot(let node):
      if let id = host(node)?.id, !awaitingSnapshot.contains(id) { awaitingSnapshot.append(id) }
    case .program(let node, let semantics): replaceProgram(of: node, by: semantics)
    case .activate(let semantics): activate(semantics)
    case .agent(let number, let act, let node): perform(number, act, at: node)
    case .veto(let party, let agent, let request):
      if let id = host(party)?.id {
        vetoes.wishes.append(VetoShadow.Wish(party: id, agent: agent, request: request))
      }
    case .vote(let approver, let agent, let request, let approves):
      for client in clients {
        (client as? SimulatedApprover)?.decide(approver, agent: agent, request: request, approves: approves)
      }
    }
  }

  /// And ends.
  func end(_ position: Int) {
    let act = schedule.items[position].act
    timeline?.ended(act, at: time)
    switch act {
    case .partition, .cut: mend(cuts(act))
    case .link: network.end(item: position)
    case .disk(let node, _, _): host(node)?.diskFaults.removeAll { $0.item == position }
    case .lie(let party, let lie, _): endLie(party, lie)
    case .executorCut(let number, let nodes, _): mendExecutor(number, nodes)
    case .sandbox(let number, let fault, _): endSandbox(number, fault)
    case .executorLie(let number, let lie, _): endExecutorLie(number, lie)
    case .crash, .stop, .pause, .flip, .clock, .sleep, .stand, .executorCrash, .executorDrift, .restrict,
      .erase,
      .transfer,
      .members, .replace, .cancelMembers, .rotateMembers, .backup, .policy, .snapshot, .program, .activate,
      .agent, .vote, .veto:
      break
    }
  }

  /// A node that is to be sent a state answers somebody who leads: it hears that one, and may take the state from it before
  /// the entries that it lacks.
  func sendSnapshot(to peer: NodeID, by leader: NodeID) {
    guard let host = host(leader), host.view?.role == .leader else { return }
    awaitingSnapshot.removeAll { $0 == peer }
    oracles.count(fault: "snapshot sent")
    let position = liars.firstIndex { $0.id == leader }
    for (receiver, message) in host.offerSnapshot(to: peer) {
      guard let position else {
        send(message, from: leader, to: receiver)
        continue
      }
      for told in liars[position].rewrite(message, to: receiver, oracles: &oracles) {
        send(told.message, from: leader, to: told.to)
      }
    }
  }

  // MARK: Network

  private func beginNetwork(_ position: Int, _ act: Act) {
    switch act {
    case .partition(_, let length), .cut(_, _, _, let length):
      if case .partition = act { oracles.count(fault: "partition") }
      if case .cut(_, _, let isBothWays, _) = act {
        oracles.count(fault: isBothWays ? "partial partition" : "one-way partition")
      }
      for (from, to) in cuts(act) { network.cut(from, to) }
      queue.schedule(.end(position), at: time + length)
    case .link(let from, let to, let fault, let kind, let length):
      for sender in named(from) {
        for receiver in named(to) where sender != receiver {
          network.begin(fault, of: kind, item: position, from: sender, to: receiver, until: time + length)
        }
      }
      queue.schedule(.end(position), at: time + length)
    default: break
    }
  }

  /// The nodes of a list; all where it is empty.
  private func named(_ nodes: [UInt64]) -> [NodeID] {
    nodes.isEmpty ? hosts.map(\.id) : nodes.compactMap { host($0)?.id }
  }

  /// The links that an act cuts, in order.
  private func cuts(_ act: Act) -> [(from: NodeID, to: NodeID)] {
    var out: [(from: NodeID, to: NodeID)] = []
    switch act {
    case .partition(let groups, _):
      func group(_ id: NodeID) -> Int? { groups.firstIndex { $0.contains(id.rawValue) } }
      for a in hosts.map(\.id) {
        for b in hosts.map(\.id) where a != b && (group(a) == nil || group(a) != group(b)) {
          out.append((a, b))
        }
      }
    case .cut(let from, let to, let isBothWays, _):
      for a in named(from) {
        for b in named(to) where a != b {
          out.append((a, b))
          if isBothWays, !(to.contains(a.rawValue) && from.contains(b.rawValue)) { out.append((b, a)) }
        }
      }
    default: break
    }
    return out
  }

  private func mend(_ links: [(from: NodeID, to: NodeID)]) {
    for (from, to) in links where network.mend(from, to) && network.isOpen(to, from) {
      for (id, peer) in [(from, to), (to, from)] { step(id, .connected(peer)) }
    }
  }

  // MARK: Processes, disks and clocks

  /// The process of a node ends, and starts again at `restart`.
  func stop(_ host: NodeHost<Suite>, keeping kept: UInt64, until restart: UInt64) {
    if host.crash(keeping: kept) > 0 { oracles.count(fault: "write lost") }
    forget(host)
    host.downUntil = restart
    queue.schedule(.restart(host.id), at: restart)
  }

  private func forget(_ host: NodeHost<Suite>) {
    host.parting = nil
    host.diskFree = time
    host.pausedUntil = 0
    oracles.forget(host.id)
    timeline?.looked(at: host, time)
    for client in clients { client.lost(host.id) }
    for executor in executors { _ = executor.lost(host.id.rawValue) }
  }

  /// A node has stopped itself. One whose store was damaged may; nobody else does.
  func stopped(_ host: NodeHost<Suite>, _ reason: String) {
    forget(host)
    if isOutgrown(host), host.wasRolledBack {
      oracles.count(fault: "outgrown program stopped")
      return
    }
    guard schedule.damaged.contains(host.id.rawValue) else {
      oracles.fail("nodes stay up", "node \(host.id.rawValue) stopped: \(reason)", at: time)
      return
    }
    oracles.count(fault: "stopped at a damaged entry")
  }

  func restart(_ id: NodeID) {
    guard let host = host(id), !host.isUp, host.downUntil <= time else { return }
    do {
      try host.start(at: time)
    } catch {
      if !isHonest(host) { return }
      if isOutgrown(host), host.wasRolledBack {
        oracles.count(fault: "outgrown program stopped")
        return
      }
      if schedule.damaged.contains(id.rawValue) {
        oracles.count(fault: "stopped at a damaged entry")
        return
      }
      oracles.fail("nodes stay up", "node \(id.rawValue) could not start: \(error)", at: time)
      return
    }
    oracles.evaluated("nodes stay up")
    timeline?.looked(at: host, time)
    queue.schedule(.tick(id, life: host.life), at: time)
    for peer in hosts where peer.id != id && peer.isUp && canTalk(id, peer.id) {
      step(id, .connected(peer.id))
      step(peer.id, .connected(id))
    }
  }

  func beginWrite(_ write: SimulatedDisk.Write, on host: NodeHost<Suite>) {
    guard host.isUp else { return }
    let number = host.disk.begin(write)
    var duration = conditions.syncDelay + host.diskRandom.below(conditions.syncDelay + 1)
    var earliest: UInt64 = 0
    for (_, fault, until) in host.diskFaults {
      switch fault {
      case .slow(let extra):
        oracles.count(fault: "slow disk")
        duration += extra
      case .hang:
        oracles.count(fault: "hung disk")
        earliest = max(earliest, until)
      case .full, .failedSync: break
      }
    }
    host.diskFree = max(host.diskFree, time, earliest) + duration
    queue.schedule(.synced(host.id, life: host.life, number: number), at: host.diskFree)
  }

  func synced(_ id: NodeID, life: UInt64, number: UInt64) {
    guard let host = host(id), host.life == life, host.isUp else { return }
    guard host.pausedUntil <= time else {
      queue.schedule(.synced(id, life: life, number: number), at: host.pausedUntil)
      return
    }
    if let (item, fault, until) = host.diskFaults.first(where: {
      $0.fault == .full || $0.fault == .failedSync
    }) {
      // A failed write is fatal for the process, and never tried again.
      oracles.count(fault: fault == .full ? "full disk" : "failed fsync")
      if fault == .failedSync { host.diskFaults.removeAll { $0.item == item } }
      #if SIMULATION
      if Mutant.failedSyncBelieved.isActive, fault == .failedSync, let write = host.disk.drop(number) {
        switch write {
        case .batch(let name, _): step(id, .written(name))
        case .lock(let ticket, _): step(id, .locked(ticket: ticket))
        }
        return
      }
      #endif
      stop(host, keeping: 0, until: max(until, time + 1))
      return
    }
    mix(.synced, id.rawValue, number)
    while host.isUp, host.life == life, let write = host.disk.finish(through: number) {
      switch write {
      case .batch(let name, _): step(id, .written(name))
      case .lock(let ticket, _): step(id, .locked(ticket: ticket))
      }
    }
  }

  private func setClock(_ node: UInt64, _ fault: ClockFault) {
    guard let host = host(node) else { return }
    switch fault {
    case .offset(let offset):
      oracles.count(fault: "clock offset")
      host.clock.offset = offset
    case .step(let step):
      oracles.count(fault: "clock step")
      host.clock.offset += step
    case .drift: break
    }
  }

  /// Everybody sleeps. Clocks that drift are set right when they wake, as a host's are that asks others for the time.
  func sleep(_ length: UInt64) {
    oracles.count(fault: "all asleep")
    for host in hosts { host.sleep(length) }
    for executor in executors { executor.sleep(length) }
    time += length
    slept += length
    queue.postpone(by: length)
    timeline?.slept(length)
  }

  // MARK: Healing

  /// Heals everything but what the conditions leave, and lets nothing go wrong any more.
  public func calm() {
    guard !isCalm else { return }
    timeline?.healed(at: time)
    isCalm = true
    armed = []
    awaitingSnapshot = []
    calmExecutors()
    healLiars()
    sideOne = []
    network.heal()
    for host in hosts {
      host.diskFaults = []
      host.pausedUntil = min(host.pausedUntil, time)
      host.diskFree = min(host.diskFree, time)
      host.downUntil = min(host.downUntil, time)
      host.clock.offset = 0
      if isOutgrown(host) {
        host.newestSemantics = operators.newestSemantics
        if host.isUp { stop(host, keeping: 0, until: time + 1) }
      }
      if !host.isUp { queue.schedule(.restart(host.id), at: time + 1) }
      // What a hung disk had not finished, it finishes now.
      for (number, _) in host.disk.pending {
        queue.schedule(.synced(host.id, life: host.life, number: number), at: time + 1)
      }
    }
    leave()
    // Newer semantics take every party's word that it has the program, and this one's comes no more.
    if conditions.left?.fault.silences == true { operators.giveUpVersions() }
    reconnect()
  }

  /// What is left for good.
  private func leave() {
    guard let left = conditions.left, let host = host(left.node) else { return }
    oracles.count(fault: "left \(left.fault.rawValue)")
    let others = hosts.map(\.id).filter { $0 != host.id }
    switch left.fault {
    case .down:
      if host.isUp { stop(host, keeping: 0, until: .max) }
      host.downUntil = .max
    case .isolated:
      for other in others {
        network.cut(host.id, other)
        network.cut(other, host.id)
      }
    case .deaf: for other in others { network.cut(other, host.id) }
    case .mute: for other in others { network.cut(host.id, other) }
    case .hung: host.diskFaults = [(-1, .hang, .max / 2)]
    case .lying: break
    }
  }

  /// The nodes that must converge once everything has healed.
  var core: [NodeHost<Suite>] {
    hosts.filter { host in
      isHonest(host) && conditions.left?.node != host.id.rawValue
        && !(schedule.damaged.contains(host.id.rawValue) && !host.isUp)
    }
  }
}
