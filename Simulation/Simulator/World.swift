import Canonical
import ClawLedger
import Crypto
import FROST
import GovernanceNode
import Merkle
import Raft
import Records
import Wire

/// What happens in the world.
enum WorldEvent {
  // What is large is boxed: the queue moves its events about.
  case deliver(from: NodeID, to: NodeID, PeerMessage)
  /// A connection broke in this direction; what was on its way is lost.
  case broken(from: NodeID, to: NodeID)
  case tick(NodeID, life: UInt64)
  case synced(NodeID, life: UInt64, number: UInt64)
  indirect case call(to: NodeID, ClientCall)
  indirect case answer(from: NodeID, Answer)
  case cancel(at: NodeID, CallKey)
  indirect case executor(Int, life: UInt64, ExecutorHappening)
  case executorStart(Int)
  case restart(NodeID)
  /// A party takes in the next run of a backup.
  case restore(NodeID)
  /// An item of the schedule begins.
  case begin(Int)
  /// What an item has waited for is there: it begins.
  case due(Int)
  /// It ends.
  case end(Int)
  case client(Int)
}

/// Names of what happens, for the determinism log.
enum WorldEventName: String, CaseIterable {
  case deliver, broken, tick, synced, call, answer, cancel, executor, executorStart, restart, begin, end,
    client, due, restore
}

/// A whole cluster with its agents, approvers and executors, in one thread, on virtual time, from one
/// schedule: the same schedule gives the same run to the bit.
///
/// What is simulated: network, disk, clock, process and sandbox. Governance nodes and executors are the code
/// that the programs run.
public final class World<Suite: CipherSuite> {
  public let schedule: Schedule
  var conditions: Conditions { schedule.conditions }
  public internal(set) var time: UInt64 = 0
  /// How much of it all hosts have slept.
  public internal(set) var slept: UInt64 = 0
  public let cluster: Digest
  let genesis: Genesis
  /// What everybody outside the cluster knows of its keys.
  let keys: KnownKeys
  let genesisShown: GenesisShown
  var hosts: [NodeHost<Suite>] = []
  var queue = EventQueue<WorldEvent>()
  var clients: [any SimulatedClient] = []
  var executors: [ExecutorHost] = []
  let operators: SimulatedOperators
  /// Parties that lie at some time; all others are honest.
  var liars: [Liar] = []
  public internal(set) var oracles = Oracles()
  var leadership = LeadershipShadow()
  var finality = FinalityShadow()
  var elections = ElectionShadow()
  let isHeldToFinality: Bool
  var nonces = NonceShadow()
  var restrictions = RestrictionShadow()
  var vetoes = VetoShadow()
  /// What parties of the beginning know of their key, for those who keep their shares of it.
  let foundingKeys: PublicKeyPackage<Suite>
  /// Restrictions as operators have signed them, for who shows old ones.
  var signedRestrictions: [StatementRequest] = []
  /// Items whose time has come and that wait for a state.
  var armed: [Int] = []
  /// Nodes that are sent a state by the next leader whom they answer.
  var awaitingSnapshot: [NodeID] = []
  /// Parties that take a backup in.
  var restoring: [(id: NodeID, plan: RestorePlan)] = []
  /// Whether nodes must have fetched and destroyed every content that they should.
  var awaitsContents = false
  /// Whether faults still happen; the liveness phase heals everything but what is left.
  var isCalm = false
  /// For tests: what the receiver treats as though it had never come.
  var isIgnored: ((_ receiver: NodeID, PeerMessage) -> Bool)?
  /// Whether more parties may have signed two stories than the threshold bears: then honest ones may halt.
  var bearsConflicts = false
  /// For tests: hears answers to callers who are none of the world's.
  var overhears: ((Answer) -> Void)?
  /// For tests: changes what a node sends.
  var tamper: ((_ sender: NodeID, _ receiver: NodeID, inout PeerMessage) -> Void)?
  /// For tests: nodes on side one of a partition; empty where there is none.
  var sideOne: [NodeID] = []
  var network: SimulatedNetwork
  /// Draws and events, where they are compared.
  let log: DeterminismLog?
  /// What is shown to people, where someone looks.
  let timeline: Timeline?
  /// A digest of everything that happened, for comparing two runs.
  public private(set) var trace: UInt64 = 0xCBF2_9CE4_8422_2325
  private var effects = NodeEffects()
  /// When the last answer to each call of a client arrives.
  private var arrivals: [CallKey: UInt64] = [:]

  /// The cluster of a schedule, ready to run.
  public init(_ schedule: Schedule, log: DeterminismLog? = nil, timeline: Timeline? = nil) throws {
    let conditions = schedule.conditions
    self.schedule = schedule
    isHeldToFinality = Self.isHeldToFinality(schedule)
    self.log = log
    self.timeline = timeline
    func random(_ purpose: SeededRandom.Purpose, _ name: UInt64 = 0) -> SeededRandom {
      SeededRandom(seed: conditions.seed, for: purpose, named: name, log: log)
    }
    network = SimulatedNetwork(conditions, log: log)
    var keyRandom = random(.keys)
    let cast = try Cast(
      hasAuditor: schedule.items.contains { $0.act == .backup },
      hasTenants: schedule.items.contains { $0.act.crossesTenants }, reaches: schedule.reaches,
      using: &keyRandom)
    let foundation = try Foundation<Suite>.generate(
      nodes: conditions.nodes, threshold: conditions.threshold, enrolments: cast.enrolments,
      semantics: conditions.semantics, has: schedule.policyParts,
      using: &keyRandom)
    let entry = try Record(parsing: foundation.genesis.leaf)
    guard case .genesis(let genesis) = entry.body else { throw SimulationError.setup("the genesis") }
    self.genesis = genesis
    cluster = TreeHash.leaf(foundation.genesis.leaf)
    genesisShown = foundation.genesis
    foundingKeys = foundation.publicKeys
    keys = KnownKeys(KeyChain(cluster: cluster, genesisKey: genesis.groupKey))
    let company = try cast.company(
      of: cluster, keys: keys, conditions: conditions, log: log)
    clients = company.clients
    executors = company.executors
    for executor in executors {
      executor.timeline = timeline
      executor.believedRefusals = genesis.threshold
    }
    operators = company.operators
    operators.parts = schedule.policyParts
    for party in foundation.parties {
      let host = try NodeHost<Suite>(
        id: party.id, keySeed: party.keySeed, share: party.share.clone(), genesis: foundation.genesis,
        random: random(.node, party.id.rawValue), diskRandom: random(.disk, party.id.rawValue))
      host.newestSemantics = conditions.semantics
      hosts.append(host)
    }
    oracles.executorKeys = cast.enrolments.filter { $0.incarnation > 0 }.map { ($0.principal, $0.key) }
    oracles.hasDamage = !schedule.damaged.isEmpty
    oracles.canaries = cast.canaries(seed: conditions.seed)
    oracles.audit = LedgerAudit(enrolments: cast.enrolments, cluster: cluster)
    try enlistLiars(foundation.parties, victim: cast.enrolments.first)
    setClocks()
    for host in hosts {
      try host.start(at: 0)
      queue.schedule(.tick(host.id, life: host.life), at: 0)
    }
    for position in clients.indices { queue.schedule(.client(position), at: 500_000_000) }
    for position in executors.indices { queue.schedule(.executorStart(position), at: 400_000_000) }
    for (position, item) in schedule.items.enumerated() {
      queue.schedule(.begin(position), at: item.at)
    }
  }

  /// Drifts hold from the beginning: the monotonic clock never jumps.
  private func setClocks() {
    for item in schedule.items {
      switch item.act {
      case .clock(let node, .drift(let millionths)):
        oracles.count(fault: "clock drift")
        host(node)?.clock.drift = millionths
      case .executorDrift(let number, let millionths) where number >= 1 && number <= executors.count:
        oracles.count(fault: "executor clock drift")
        executors[Int(number) - 1].drift = millionths
      default: break
      }
    }
  }

  /// Runs until virtual time `end`, or later by what all hosts sleep meanwhile, or until an oracle is violated.
  public func run(until end: UInt64) {
    let before = slept
    while let next = queue.nextTime, next <= end + slept - before, oracles.violation == nil,
      log?.difference == nil
    {
      guard let (at, event) = queue.popFirst() else { return }
      time = at
      log?.time = at
      handle(event)
    }
    time = max(time, end + slept - before)
  }

  func host(_ id: NodeID) -> NodeHost<Suite>? { host(id.rawValue) }

  func host(_ number: UInt64) -> NodeHost<Suite>? {
    number >= 1 && number <= UInt64(hosts.count) ? hosts[Int(number) - 1] : nil
  }

  private func handle(_ event: WorldEvent) {
    switch event {
    case .deliver(let sender, let receiver, let message):
      if isIgnored?(receiver, message) == true { return }
      mix(.deliver, sender.rawValue, receiver.rawValue)
      guard canTalk(sender, receiver) else { return }
      step(receiver, .peer(from: sender, message))
    case .broken(let sender, let receiver):
      mix(.broken, sender.rawValue, receiver.rawValue)
      breakConnection(sender, receiver)
    case .tick(let id, let life): tick(id, life: life)
    case .synced(let id, let life, let number): synced(id, life: life, number: number)
    case .call(let id, let call):
      mix(.call, id.rawValue, call.key.call)
      if host(id)?.isUp == true { step(id, .call(call)) } else { fail(call.key) }
    case .answer(let id, let answer):
      mix(.answer, id.rawValue, answer.call)
      take(answer, from: id)
    case .cancel(let id, let key): step(id, .cancelled(key))
    case .executor(let position, let life, let what):
      guard executors[position].life == life else { return }
      mix(.executor, UInt64(position), life)
      executors[position].happened(what, at: time, nodes: reachableNodes, oracles: &oracles)
      serve(position)
    case .executorStart(let position): startExecutor(position)
    case .restart(let id): restart(id)
    case .restore(let id): restore(id)
    case .begin(let item):
      mix(.begin, UInt64(item))
      if !isCalm { arm(item) }
    case .due(let item):
      mix(.due, UInt64(item))
      if !isCalm { begin(item) }
    case .end(let item):
      mix(.end, UInt64(item))
      if !isCalm { end(item) }
    case .client(let position): act(position)
    }
  }

  private func tick(_ id: NodeID, life: UInt64) {
    guard let host = host(id), host.life == life, host.isUp else { return }
    guard host.pausedUntil <= time else {
      queue.schedule(.tick(id, life: life), at: host.pausedUntil)
      return
    }
    step(id, .tick)
    let next = max(host.nextDeadline ?? time, time + 1_000_000)
    queue.schedule(.tick(id, life: life), at: min(next, time + 50_000_000))
  }

  /// Steps a node, unless it stands still: then later.
  func step(_ id: NodeID, _ event: NodeEvent) {
    guard let host = host(id), host.isUp else { return }
    guard host.pausedUntil <= time else {
      postpone(event, at: id, until: host.pausedUntil)
      return
    }
    effects.clear()
    watchNonces(of: host, event)
    watchRestrictions(of: host, event)
    watchVetoes(of: host, event)
    host.step(event, at: time, into: &effects)
    let raised = effects
    for write in raised.writes {
      beginWrite(.batch(write.name, write.batch), on: host)
    }
    for lock in raised.locks { beginWrite(.lock(ticket: lock.ticket, lock.bytes), on: host) }
    if let position = liars.firstIndex(where: { $0.id == id }) {
      lie(position, raised)
      timeline?.looked(at: host, time)
      release(by: host)
      endIfItMay(host)
      return
    }
    for (receiver, message) in raised.messages {
      watchNonces(of: id, message, to: receiver)
      watchRestrictions(of: id, message, to: receiver)
      watchVetoes(of: id, message, to: receiver)
      if message.appendAnswer != nil, awaitingSnapshot.contains(id) { sendSnapshot(to: id, by: receiver) }
      if let taken = message.snapshotTaken, taken.accepted { oracles.count(fault: "snapshot installed") }
      send(message, from: id, to: receiver)
    }
    for answer in raised.answers {
      queue.schedule(.answer(from: id, answer), at: inOrder(answer.key, time + delay(id)))
    }
    for notice in raised.notices {
      timeline?.noted(notice, by: id, at: time)
      oracles.note(notice, of: id, at: time)
    }
    mix(.tick, UInt64(raised.messages.count), UInt64(raised.writes.count))
    timeline?.looked(at: host, time)
    if let view = host.view {
      oracles.observe(host, view, at: time)
      observeLeadership(host, view)
      observeFinality(host, view)
      observeElections()
    }
    learnKeys(from: host)
    if let reason = host.fatal { stopped(host, reason) }
    if let conflict = host.node?.conflict, isHonest(host), !bearsConflicts {
      oracles.fail("nodes stay up", "node \(host.id.rawValue) halted: \(conflict.reason)", at: time)
    }
    release(by: host)
    endIfItMay(host)
  }

  /// Takes up the keys that have become final at an honest node.
  private func learnKeys(from host: NodeHost<Suite>) {
    guard isHonest(host), let epochs = host.node?.finalEpochs, epochs.count > keys.chain.epochs.count,
      let chain = KeyChain(cluster: cluster, verified: epochs)
    else { return }
    keys.chain = chain
  }

  /// A node that stands still takes nothing in; what comes meanwhile waits in its sockets.
  private func postpone(_ event: NodeEvent, at id: NodeID, until: UInt64) {
    switch event {
    case .peer(let sender, let message):
      queue.schedule(.deliver(from: sender, to: id, message), at: until)
    case .call(let call): queue.schedule(.call(to: id, call), at: until)
    case .cancelled(let key): queue.schedule(.cancel(at: id, key), at: until)
    // What its process would only have learned of the connection is gone with it, and writes wait for it.
    case .tick, .connected, .unreachable, .restored, .restoredContent, .full, .writable, .written, .locked,
      .parting:
      break
    }
  }

  /// When an answer to somebody outside arrives: what belongs to one call stays in its order, as on any connection.
  private func inOrder(_ key: CallKey, _ time: UInt64) -> UInt64 {
    guard key.connection < UInt64(clients.count) else { return time }
    let at = max(time, arrivals[key] ?? 0)
    arrivals[key] = at
    return at
  }

  func mix(_ name: WorldEventName, _ first: UInt64, _ second: UInt64 = 0) {
    for word in [first, second, time] { trace = (trace ^ word) &* 0x100_0000_01B3 }
    guard let log, let position = WorldEventName.allCases.firstIndex(of: name) else { return }
    log.happened(UInt8(position), trace)
  }

  // MARK: Clients

  func wall() -> Timestamp { Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch }

  private func act(_ position: Int) {
    mix(.client, UInt64(position))
    if !vetoes.wishes.isEmpty { placeVetoes() }
    takeVetoes()
    dispatch(clients[position].act(at: time, wall: wall(), nodes: UInt64(hosts.count)), of: position)
    for new in operators.takeEnrolled() { takeUp(new) }
    queue.schedule(.client(position), at: time + clients[position].pace)
  }

  /// Sends the calls of a client.
  func dispatch(_ calls: [OutgoingCall], of position: Int) {
    for outgoing in calls {
      guard let node = NodeID(rawValue: outgoing.node), host(node) != nil else { continue }
      let call = ClientCall(
        key: CallKey(connection: UInt64(position), call: outgoing.call),
        caller: clients[position].caller(of: outgoing), method: outgoing.method.path,
        payload: outgoing.payload)
      if [.kill, .quarantine, .revoke].contains(outgoing.method),
        let request = try? StatementRequest(decoding: outgoing.payload),
        !signedRestrictions.contains(request)
      {
        signedRestrictions.append(request)
      }
      if outgoing.method == .export, let final = host(node)?.view?.finalSize { auditor?.asks(with: final) }
      if let type = statementType(of: outgoing.method) {
        oracles.said(outgoing.payload, type, by: call.caller)
      }
      queue.schedule(.call(to: node, call), at: time + delay(node))
    }
  }

  private func take(_ answer: Answer, from node: NodeID) {
    let key = answer.key
    if key.connection >= executorConnections {
      takeExecutors(answer, key, from: node)
      return
    }
    guard key.connection < UInt64(clients.count) else {
      overhears?(answer)
      return
    }
    let isLiar = liars.contains { $0.id == node }
    // What a liar gives away of what it has, nobody can take back.
    if !isLiar { oracles.gets(answer.content, clients[Int(key.connection)].principal, at: time) }
    clients[Int(key.connection)].take(
      answer, at: time, from: node.rawValue, isLiar: isLiar, oracles: &oracles)
  }
}
