import Raft

/// A cluster under crashes, loss, duplication, reordering and slow disks, all drawn from one seed: safety
/// first, then everything heals and the cluster must serve.
///
/// It checks ``Oracle``'s properties throughout, and at the end that what a client was told is committed is
/// in every log and that all nodes agree. Members come and go, leadership is handed over, disks lose tails,
/// and reads must not miss what a client was told before they began. Nobody lies.
struct Storm {
  enum Happening {
    case message(from: NodeID, to: NodeID, Message)
    case persisted(NodeID, boot: Int, count: Int)
    case tick(NodeID)
    case restart(NodeID)
    case crash
    case propose
    case compact
    case hang
    case partition
    case snapshot(leader: NodeID, to: NodeID, SnapshotPoint)
    case reconfigure
    case transfer
    case read
  }

  /// Each seed draws its own rates, so that most runs are extreme in some dimension.
  struct Weather {
    var loss: Int
    var duplication: Int
    var latency: Int
    var stall: Int
    var diskLatency: Int
    var crashGap: Int
    var partitionGap: Int
    var compactGap: Int
    var hangGap: Int
    var changeGap: Int
    var transferGap: Int
    var lossPerMille: Int

    init(using random: inout SeededRandom) {
      loss = [0, 20, 100, 300][random.below(4)]
      duplication = [0, 50, 300][random.below(3)]
      latency = [1, 4, 10, 25][random.below(4)]
      stall = [0, 10, 50][random.below(3)]
      diskLatency = [1, 4, 10, 40][random.below(4)]
      crashGap = [150, 300, 1_000][random.below(3)]
      partitionGap = [80, 200, 1_000][random.below(3)]
      compactGap = [30, 100, 1_000][random.below(3)]
      hangGap = [200, 600, 3_000][random.below(3)]
      changeGap = [30, 80, 4_000][random.below(3)]
      transferGap = [60, 300, 4_000][random.below(3)]
      lossPerMille = [0, 300, 900][random.below(3)]
    }
  }

  private(set) var nodes: [Cluster.Node] = []
  private var boots: [Int] = []
  private var hungUntil: [UInt64] = []
  /// When each node's only tick on the agenda is due; nil for none.
  private var tickDue: [UInt64?] = []
  let configuration: Configuration
  private var weather: Weather
  private var isCalm = false
  private var random: SeededRandom
  private var effects = Effects()
  private(set) var oracle = Oracle()
  /// (time in microseconds, order of scheduling), so that ties fall as they were made.
  private var agenda = Agenda()
  private var nowMicroseconds: UInt64 = 0
  private var cut: [Cluster.Link] = []
  private var nextPayload: UInt64 = 0
  /// Proposals that wait for their commit at the node that took them.
  private var waiting: [(node: NodeID, term: Term, index: LogIndex, payload: [UInt8])] = []
  private(set) var acknowledged: [(index: LogIndex, payload: [UInt8])] = []
  private(set) var fired: [String: Int] = [:]
  /// What a read that was asked for must reach: the highest index that a client had been told of by then.
  private var reading: [UInt64: LogIndex] = [:]
  private var nextRead: UInt64 = 0
  /// Everyone who ever takes part; node ids are not reused.
  let everyone: [NodeID]

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    weather = Weather(using: &random)
    switch seed % 5 {
    case 0: configuration = Configuration(voters: [1, 2, 3, 4, 5])
    case 1: configuration = Configuration(voters: [1, 2, 3], learners: [4])
    case 2: configuration = Configuration(voters: [1, 2, 3], outgoing: [2, 3, 4])
    default: configuration = Configuration(voters: [1, 2, 3])
    }
    everyone = (1...6).compactMap { NodeID(rawValue: $0) }
    for id in everyone {
      var disk = Cluster.Disk()
      disk.log = .withConfigurations
      let raft = RaftInstance(
        id: id, configuration: configuration, hardState: disk.hardState, log: disk.log, commitIndex: 0,
        settings: .testing(maxAppendBytes: 200, maxInflightMessages: 4, maxInflightBytes: 600), at: now,
        using: &random)
      nodes.append(Cluster.Node(raft: raft, disk: disk))
      boots.append(0)
      hungUntil.append(0)
      tickDue.append(nil)
      scheduleTick(of: id)
    }
    for happening in [
      Happening.crash, .propose, .compact, .partition, .hang, .reconfigure, .transfer, .read,
    ] {
      again(happening)
    }
  }

  private var now: Instant { Instant(nanoseconds: nowMicroseconds * 1_000) }

  private func position(_ id: NodeID) -> Int { Int(id.rawValue) - 1 }

  /// A deadline that moved back is found out when the old one comes.
  private mutating func scheduleTick(of id: NodeID) {
    guard nodes[position(id)].isUp, !oracle.isStuck else { return }
    let due = max(nowMicroseconds, nodes[position(id)].raft.nextDeadline.nanoseconds / 1_000 + 1)
    if let planned = tickDue[position(id)], planned <= due { return }
    tickDue[position(id)] = due
    agenda.add(.tick(id), at: due)
  }

  private mutating func schedule(_ happening: Happening, inMicroseconds delay: Int) {
    agenda.add(happening, at: nowMicroseconds + UInt64(delay))
  }

  private mutating func again(_ happening: Happening) {
    let gap: Int
    switch happening {
    case .crash: gap = weather.crashGap
    case .propose: gap = 16
    case .compact: gap = weather.compactGap
    case .partition: gap = weather.partitionGap
    case .hang: gap = weather.hangGap
    case .reconfigure: gap = weather.changeGap
    case .transfer: gap = weather.transferGap
    case .read: gap = 20
    case .message, .persisted, .tick, .restart, .snapshot: return
    }
    schedule(happening, inMicroseconds: 1 + random.below(gap * 2_000))
  }

  // MARK: phases

  /// Faults everywhere.
  mutating func rage(milliseconds: UInt64) { run(until: nowMicroseconds + milliseconds * 1_000) }

  /// All faults end, all nodes are up. True when everyone has committed a new proposal in time.
  mutating func heal(milliseconds: UInt64) -> Bool {
    isCalm = true
    cut = []
    weather.loss = 0
    weather.duplication = 0
    weather.stall = 0
    weather.latency = 2
    weather.diskLatency = 2
    for id in everyone {
      hungUntil[position(id)] = 0
      if !nodes[position(id)].isUp { restart(id) }
      finishWrites(of: id)
    }
    run(until: nowMicroseconds + milliseconds * 1_000)
    // Their first entry of the term is committed by now; one more must be, everywhere.
    guard let leader = leaders.max(by: { $0.currentTerm < $1.currentTerm })?.id,
      let index = propose(to: leader)
    else { return false }
    run(until: nowMicroseconds + 100_000)
    let raft = nodes[position(leader)].raft
    return raft.role == .leader
      && raft.configuration.members.allSatisfy { member in
        let other = nodes[position(member)].raft
        return other.commitIndex >= index && other.log.lastIndex == raft.log.lastIndex
          && other.configuration == raft.configuration && other.lost == nil
      }
  }

  private mutating func run(until end: UInt64) {
    while let (time, happening) = agenda.next(through: end) {
      nowMicroseconds = time
      perform(happening)
    }
    nowMicroseconds = end
    oracle.checkLogMatching(nodes.map(\.raft.log))
  }

  private var leaders: [RaftInstance<MemoryLog>] {
    nodes.filter { $0.isUp && $0.raft.mayPropose }.map(\.raft)
  }

  private mutating func note(_ name: String) { fired[name, default: 0] += 1 }

  private mutating func perform(_ happening: Happening) {
    switch happening {
    case .message(let from, let to, let message): step(to, .receive(from: from, message))
    case .persisted(let id, let boot, let count): finish(id, boot: boot, count: count)
    case .tick(let id):
      guard tickDue[position(id)] == nowMicroseconds else { return }
      tickDue[position(id)] = nil
      if nodes[position(id)].isUp, nodes[position(id)].raft.nextDeadline <= now {
        step(id, .tick)
        if nodes[position(id)].raft.nextDeadline <= now { oracle.noteStuckDeadline(of: id) }
      }
      scheduleTick(of: id)
    case .restart(let id): if !nodes[position(id)].isUp { restart(id) }
    case .snapshot(let leader, let peer, let point):
      let isThere = nodes[position(peer)].isUp && !isLost(leader, peer)
      if isThere {
        note("snapshot")
        step(peer, .snapshotInstalled(point))
      }
      step(leader, .snapshotReport(peer: peer, succeeded: isThere))
    case .propose:
      let id = everyone[random.below(everyone.count)]
      _ = propose(to: nodes.first { $0.isUp && $0.raft.mayPropose }?.raft.id ?? id)
      if !isCalm { again(.propose) }
    case .read: read()
    case .crash, .compact, .hang, .partition, .reconfigure, .transfer: disturb(happening)
    }
  }

  private mutating func disturb(_ happening: Happening) {
    guard !isCalm else { return }
    var id = everyone[random.below(everyone.count)]
    if random.chance(perMille: 400), let leader = nodes.first(where: { $0.isUp && $0.raft.role == .leader }) {
      id = leader.raft.id
    }
    switch happening {
    case .crash: if nodes[position(id)].isUp { crash(id) }
    case .compact:
      let index = nodes[position(id)].raft.commitIndex
      guard nodes[position(id)].isUp, nodes[position(id)].disk.log.lastIndex >= index else { break }
      note("compaction")
      nodes[position(id)].raft.setFinal(index)
      nodes[position(id)].disk.final = index
      nodes[position(id)].raft.log.compact(through: index)
    case .hang:
      note("hang")
      hungUntil[position(id)] = nowMicroseconds + UInt64(random.below(500_000))
    case .partition:
      note("partition")
      partition(around: id)
    case .reconfigure: reconfigure()
    case .transfer: transfer()
    case .message, .persisted, .tick, .restart, .propose, .snapshot, .read: break
    }
    again(happening)
  }

  /// One node alone, two sides, or any links in one direction; or nothing, for a while of peace.
  private mutating func partition(around id: NodeID) {
    cut = []
    let style = random.below(4)
    let sides = everyone.map { style == 1 ? $0 == id : random.chance(perMille: 500) }
    for from in everyone {
      for to in everyone where from != to {
        let isCut =
          switch style {
          case 0: false
          case 1, 2: sides[position(from)] != sides[position(to)]
          default: random.chance(perMille: 250)
          }
        if isCut { cut.append(Cluster.Link(from: from, to: to)) }
      }
    }
  }

  // MARK: nodes

  private mutating func step(_ id: NodeID, _ event: Event) {
    guard nodes[position(id)].isUp else { return }
    nodes[position(id)].raft.step(event, at: now, using: &random, into: &effects)
    absorb(id)
  }

  private mutating func absorb(_ id: NodeID) {
    let done = effects
    effects = Effects()
    if !done.persist.isEmpty {
      nodes[position(id)].queue += done.persist
      let wait = 100 + random.below(weather.diskLatency * 2_000)
      let free = max(nowMicroseconds + UInt64(wait), hungUntil[position(id)])
      agenda.add(.persisted(id, boot: boots[position(id)], count: done.persist.count), at: free)
    }
    nodes[position(id)].evidence += done.evidence
    for envelope in done.messages { send(from: id, envelope) }
    for peer in done.needsSnapshot {
      let log = nodes[position(id)].raft.log
      schedule(
        .snapshot(leader: id, to: peer, log.point(at: log.firstIndex.previous)),
        inMicroseconds: 1_000 + random.below(20_000))
    }
    if done.committed != nil { noteCommit(id) }
    for outcome in done.reads { noteRead(outcome) }
    for change in done.roleChanges {
      if case .becameLeader(let term) = change {
        note("election")
        oracle.noteLeader(id, of: term, log: nodes[position(id)].raft.log)
        _ = try? nodes[position(id)].raft.proposeTermRecord([], at: now, into: &effects)
        absorb(id)
      }
    }
    scheduleTick(of: id)
  }

  private func isLost(_ from: NodeID, _ to: NodeID) -> Bool { cut.contains(Cluster.Link(from: from, to: to)) }

  private mutating func send(from id: NodeID, _ envelope: Envelope) {
    if isLost(id, envelope.to) || random.chance(perMille: weather.loss) {
      note("loss")
      return
    }
    var copies = 1
    if random.chance(perMille: weather.duplication) {
      note("duplication")
      copies = 2
    }
    for _ in 0..<copies {
      var delay = 200 + random.below(weather.latency * 2_000)
      if random.chance(perMille: weather.stall) { delay += random.below(400_000) }
      schedule(.message(from: id, to: envelope.to, envelope.message), inMicroseconds: delay)
    }
  }

  private mutating func propose(to id: NodeID) -> LogIndex? {
    guard nodes[position(id)].isUp else { return nil }
    nextPayload += 1
    let payload = (0..<8).map { UInt8(truncatingIfNeeded: nextPayload >> (8 * $0)) }
    let term = nodes[position(id)].raft.currentTerm
    let indices = try? nodes[position(id)].raft.propose([payload], at: now, into: &effects)
    if let index = indices?.lowerBound {
      waiting.append((id, term, index, payload))
    }
    absorb(id)
    return indices?.lowerBound
  }

  /// The client is told as soon as the node that took the proposal has committed it, in the same term.
  private mutating func noteCommit(_ id: NodeID) {
    let raft = nodes[position(id)].raft
    oracle.noteCommit(raft)
    for request in waiting where request.node == id && request.index <= raft.commitIndex {
      if raft.log.term(at: request.index) == request.term {
        acknowledged.append((request.index, request.payload))
      }
    }
    waiting.removeAll { $0.node == id && $0.index <= raft.commitIndex }
  }

  /// Writes end in order; those of a hung disk later.
  private mutating func finish(_ id: NodeID, boot: Int, count: Int) {
    guard boots[position(id)] == boot, nodes[position(id)].isUp else { return }
    if hungUntil[position(id)] > nowMicroseconds {
      agenda.add(.persisted(id, boot: boot, count: count), at: hungUntil[position(id)])
      return
    }
    let done = Array(nodes[position(id)].queue.prefix(count))
    nodes[position(id)].queue.removeFirst(done.count)
    for request in done { nodes[position(id)].disk.write(request) }
    if let last = done.last { step(id, .persisted(ticket: last.ticket)) }
  }

  private mutating func finishWrites(of id: NodeID) {
    finish(id, boot: boots[position(id)], count: nodes[position(id)].queue.count)
  }

  /// Of the writes that were under way, a prefix may have reached the disk without anyone knowing.
  private mutating func crash(_ id: NodeID) {
    note("crash")
    reading = reading.filter { NodeID(rawValue: $0.key % 8) != id }
    let landed = random.below(nodes[position(id)].queue.count + 1)
    for request in nodes[position(id)].queue.prefix(landed) { nodes[position(id)].disk.write(request) }
    nodes[position(id)].queue = []
    nodes[position(id)].isUp = false
    boots[position(id)] += 1
    waiting.removeAll { $0.node == id }
    if random.chance(perMille: weather.lossPerMille) { loseTail(of: id) }
    schedule(.restart(id), inMicroseconds: random.below(200_000))
  }

  private mutating func restart(_ id: NodeID) {
    note("restart")
    boots[position(id)] += 1
    let disk = nodes[position(id)].disk
    nodes[position(id)].raft = RaftInstance(
      id: id, configuration: configuration, hardState: disk.hardState, log: disk.log,
      commitIndex: min(max(disk.final, disk.log.firstIndex.previous), disk.log.lastIndex), lost: disk.lost,
      settings: nodes[position(id)].raft.settings, at: now, using: &random)
    nodes[position(id)].isUp = true
    oracle.noteRestart(of: id)
    scheduleTick(of: id)
  }
}

// MARK: members, handover, reads, lost tails

extension Storm {
  /// Takes the next step of a change, or begins one.
  private mutating func reconfigure() {
    guard let raft = leaders.first else { return }
    let now = raft.configuration
    var next: Configuration
    if now.isJoint {
      next = now.left
    } else if !now.learners.isEmpty, random.chance(perMille: 600) {
      // Some learners become voters, some voters go.
      let staying = now.voters.filter { _ in random.chance(perMille: 700) }
      let coming = now.learners.filter { _ in random.chance(perMille: 700) }
      next = now.joint(to: Configuration(voters: staying + coming))
    } else {
      let strangers = everyone.filter { !now.members.contains($0) }
      next = Configuration(
        voters: now.voters, learners: now.learners + strangers.filter { _ in random.chance(perMille: 500) })
    }
    if next == now { return }
    // Of two voters none may lose anything: both hold all that is committed.
    let least = nodes.contains { $0.disk.lost != nil } ? 3 : 2
    if next.isJoint, next.voters.count < least { return }
    let index = try? nodes[position(raft.id)].raft.proposeConfiguration(
      next, payload: next.payload, at: self.now, into: &effects)
    if index != nil { note(next.isJoint ? "joint" : now.isJoint ? "left" : "learners") }
    absorb(raft.id)
  }

  private mutating func transfer() {
    guard let raft = leaders.first else { return }
    let targets = raft.configuration.voters
    let target = targets[random.below(targets.count)]
    if (try? nodes[position(raft.id)].raft.transferLeadership(to: target, at: now, into: &effects)) != nil {
      note("transfer")
    }
    absorb(raft.id)
  }

  /// Tickets tell the node by their remainder.
  private mutating func read() {
    let id = everyone[random.below(everyone.count)]
    if nodes[position(id)].isUp {
      nextRead += 1
      let ticket = nextRead * 8 + id.rawValue
      reading[ticket] = acknowledged.map(\.index).max() ?? .zero
      nodes[position(id)].raft.requestRead(ticket, at: now, into: &effects)
      absorb(id)
    }
    if !isCalm { again(.read) }
  }

  private mutating func noteRead(_ outcome: ReadOutcome) {
    guard let floor = reading.removeValue(forKey: outcome.ticket), let index = outcome.index else { return }
    note("read")
    if index < floor { oracle.noteStaleRead(at: index, floor: floor) }
  }

  /// The disk loses entries that it had acknowledged, and knows it. One node at a time: against more there are
  /// the copies that the others hold, and what nobody holds is gone.
  private mutating func loseTail(of id: NodeID) {
    guard
      nodes.allSatisfy({ node in
        let now = node.raft.configuration
        return node.disk.lost == nil && now.voters.count > 2 && (!now.isJoint || now.outgoing.count > 2)
      })
    else { return }
    let log = nodes[position(id)].disk.log
    let floor = max(nodes[position(id)].disk.final, log.firstIndex.previous)
    guard floor < log.lastIndex else { return }
    let kept = floor.rawValue + UInt64(random.below(Int(log.lastIndex.rawValue - floor.rawValue)))
    note("lost tail")
    nodes[position(id)].disk.lost = LogEnd(term: log.term(at: log.lastIndex) ?? .zero, index: log.lastIndex)
    nodes[position(id)].disk.log.truncate(after: LogIndex(rawValue: kept))
  }
}

/// A binary heap of what happens when.
private struct Agenda {
  private var items: [(time: UInt64, order: Int, happening: Storm.Happening)] = []
  private var order = 0

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (items[left].time, items[left].order) < (items[right].time, items[right].order)
  }

  mutating func add(_ happening: Storm.Happening, at time: UInt64) {
    order += 1
    items.append((time, order, happening))
    var child = items.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func next(through end: UInt64) -> (UInt64, Storm.Happening)? {
    guard let first = items.first, first.time <= end else { return nil }
    items.swapAt(0, items.count - 1)
    items.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && precedes(child, least) {
        least = child
      }
      if least == parent { break }
      items.swapAt(parent, least)
      parent = least
    }
    return (first.time, first.happening)
  }
}
