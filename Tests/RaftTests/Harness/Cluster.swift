import Raft

/// A whole cluster in one value, deterministic from its seed, for transcripts: messages and writes wait
/// until the test lets them through.
struct Cluster {
  struct Disk {
    var hardState = HardState()
    var log = MemoryLog()
    var final = LogIndex.zero
    /// The end of the log before some of it was lost, until as much is back.
    var lost: LogEnd?

    mutating func write(_ request: PersistRequest) {
      defer {
        let end = LogEnd(term: log.term(at: log.lastIndex) ?? .zero, index: log.lastIndex)
        if let lost, end >= lost { self.lost = nil }
      }
      if let state = request.hardState { hardState = state }
      if let point = request.snapshot { log.reset(to: point) }
      if let index = request.truncateAfter { log.truncate(after: index) }
      log.append(request.entries)
    }
  }

  struct Node {
    var raft: RaftInstance<MemoryLog>
    var disk: Disk
    /// Handed to storage, not durable.
    var queue: [PersistRequest] = []
    var isUp = true
    /// Its disk takes writes in and never ends one.
    var isDiskHung = false
    var changes: [RoleChange] = []
    var evidence: [Evidence] = []
  }

  struct Flight {
    let from: NodeID
    let to: NodeID
    let message: Message
  }

  struct Link: Hashable {
    let from: NodeID
    let to: NodeID
  }

  let configuration: Configuration
  let settings: Settings
  private(set) var nodes: [NodeID: Node] = [:]
  var wire: [Flight] = []
  /// Directed links that lose everything.
  var cut: [Link] = []
  var now = Instant(nanoseconds: 0)
  private var random: SeededRandom
  private var effects = Effects()
  var oracle = Oracle()
  /// Nodes open their terms as an owner does.
  var opensTerms = true

  init(
    voters: [NodeID] = [1, 2, 3], learners: [NodeID] = [], logs: [NodeID: MemoryLog] = [:],
    terms: [NodeID: Term] = [:], settings: Settings = .testing(), seed: UInt64 = 1
  ) {
    configuration = Configuration(voters: voters, learners: learners)
    self.settings = settings
    random = SeededRandom(seed: seed)
    for id in configuration.members {
      var disk = Disk()
      disk.log = logs[id] ?? MemoryLog()
      disk.hardState.currentTerm = terms[id] ?? disk.log.term(at: disk.log.lastIndex) ?? 0
      nodes[id] = Node(raft: start(id, from: disk), disk: disk)
    }
  }

  private mutating func start(_ id: NodeID, from disk: Disk) -> RaftInstance<MemoryLog> {
    RaftInstance(
      id: id, configuration: configuration, hardState: disk.hardState, log: disk.log, commitIndex: disk.final,
      settings: settings, at: now, using: &random)
  }

  subscript(id: NodeID) -> Node {
    get {
      guard let node = nodes[id] else { preconditionFailure("no \(id)") }
      return node
    }
    set { nodes[id] = newValue }
  }

  var leaders: [NodeID] {
    configuration.members.filter { self[$0].isUp && self[$0].raft.role == .leader }
  }

  // MARK: what happens to nodes

  mutating func step(_ id: NodeID, _ event: Event) {
    guard self[id].isUp else { return }
    nodes[id]?.raft.step(event, at: now, using: &random, into: &effects)
    absorb(id)
  }

  private mutating func absorb(_ id: NodeID) {
    let done = effects
    effects = Effects()
    self[id].queue += done.persist
    self[id].changes += done.roleChanges
    self[id].evidence += done.evidence
    wire += done.messages.map { Flight(from: id, to: $0.to, message: $0.message) }
    for change in done.roleChanges {
      if case .becameLeader(let term) = change {
        oracle.noteLeader(id, of: term, log: self[id].raft.log)
        if opensTerms { propose(id, termRecord: [0xff]) }
      }
    }
    if done.committed != nil { oracle.noteCommit(self[id].raft) }
    for peer in done.needsSnapshot {
      let log = self[id].raft.log
      step(peer, .snapshotInstalled(log.point(at: log.firstIndex.previous)))
      step(id, .snapshotReport(peer: peer, succeeded: self[peer].isUp))
    }
  }

  mutating func propose(_ id: NodeID, termRecord payload: [UInt8]) {
    _ = try? nodes[id]?.raft.proposeTermRecord(payload, at: now, into: &effects)
    absorb(id)
  }

  @discardableResult
  mutating func propose(_ id: NodeID, _ payload: [UInt8]) -> LogIndex? {
    let indices = try? nodes[id]?.raft.propose([payload], at: now, into: &effects)
    absorb(id)
    return indices?.lowerBound
  }

  /// Nil where it was refused.
  @discardableResult
  mutating func propose(_ id: NodeID, _ next: Configuration) -> LogIndex? {
    let index = try? nodes[id]?.raft.proposeConfiguration(
      next, payload: next.payload, at: now, into: &effects)
    absorb(id)
    return index
  }

  mutating func transfer(_ id: NodeID, to target: NodeID) {
    try? nodes[id]?.raft.transferLeadership(to: target, at: now, into: &effects)
    absorb(id)
  }

  /// Lets the node's disk finish everything, and say so.
  mutating func persist(_ id: NodeID) {
    guard self[id].isUp, !self[id].isDiskHung, let last = self[id].queue.last else { return }
    for request in self[id].queue { self[id].disk.write(request) }
    self[id].queue = []
    step(id, .persisted(ticket: last.ticket))
  }

  /// What storage had not finished is lost.
  mutating func crash(_ id: NodeID) {
    self[id].isUp = false
    self[id].queue = []
  }

  mutating func restart(_ id: NodeID) {
    let disk = self[id].disk
    self[id].raft = start(id, from: disk)
    oracle.noteRestart(of: id)
    self[id].isUp = true
  }

  mutating func compact(_ id: NodeID, through index: LogIndex) {
    self[id].raft.log.compact(through: index)
  }

  // MARK: the network

  mutating func isolate(_ id: NodeID) {
    for peer in configuration.members where peer != id {
      cut += [Link(from: id, to: peer), Link(from: peer, to: id)]
    }
  }

  mutating func heal() { cut = [] }

  /// Delivers what is on the wire now, in order; answers stay on the wire.
  mutating func deliver(where chosen: (Flight) -> Bool = { _ in true }) {
    let flights = wire
    wire = []
    for flight in flights {
      if !chosen(flight) {
        wire.append(flight)
      } else if !cut.contains(Link(from: flight.from, to: flight.to)) {
        step(flight.to, .receive(from: flight.from, flight.message))
      }
    }
  }

  /// Lets all messages and writes through until nothing moves.
  mutating func settle() {
    for _ in 0..<1_000 {
      let isQuiet = wire.isEmpty
      deliver()
      for id in configuration.members { persist(id) }
      if isQuiet && wire.isEmpty { return }
    }
    preconditionFailure("the cluster does not come to rest")
  }

  /// Lets time pass and everything happen in it.
  mutating func run(for span: Nanoseconds) {
    let end = now + span
    settle()
    for round in 0... {
      precondition(round < 5_000, "a deadline does not move")
      let due = configuration.members.filter { self[$0].isUp }.map { (self[$0].raft.nextDeadline, $0) }
        .min { $0 < $1 }
      guard let (deadline, id) = due, deadline <= end else { break }
      now = max(now, deadline)
      step(id, .tick)
      settle()
    }
    now = end
  }

  struct NoLeader: Error {}

  /// Runs until there is exactly one leader; throws if there is none in ten seconds.
  mutating func elect() throws(NoLeader) -> NodeID {
    for _ in 0..<100 {
      run(for: .milliseconds(100))
      if let leader = leaders.last, leaders.count == 1 { return leader }
    }
    throw NoLeader()
  }

  /// Makes `id` campaign now, and lets everything happen that follows.
  mutating func elect(_ id: NodeID) {
    now = now + .milliseconds(200)
    while self[id].raft.role == .follower {
      now = max(now, self[id].raft.nextDeadline)
      step(id, .tick)
      settle()
    }
  }
}
