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
  case deliver(from: NodeID, to: NodeID, PeerMessage)
  case tick(NodeID, life: UInt64)
  case synced(NodeID, life: UInt64, WriteName, WriteBatch)
  case locked(NodeID, life: UInt64, ticket: UInt64, [UInt8])
  case call(to: NodeID, ClientCall)
  case answer(from: NodeID, Answer)
  case cancel(at: NodeID, CallKey)
  case executor(Int, life: UInt64, ExecutorHappening)
  case executorCrash
  case executorStart(Int)
  case executorCut
  case executorHeal(Int)
  case crash
  case members
  case restart(NodeID)
  case partition
  case heal
  case client(Int)
}

/// A whole cluster with its agents, approvers and executors, in one thread, on virtual time, from one
/// seed: the same seed gives the same run to the bit.
///
/// What is simulated: network, disk, clock, process and sandbox. Governance nodes and executors are the code
/// that the programs run.
public final class World {
  /// Virtual time 0, as a time of day.
  static let epoch: Int64 = 1_800_000_000_000_000_000

  public let seed: UInt64
  public let faults: Faults
  public internal(set) var time: UInt64 = 0
  public let cluster: Digest
  let genesis: Genesis
  /// What everybody outside the cluster knows of its keys.
  let keys: KnownKeys
  let genesisShown: GenesisShown
  var hosts: [NodeHost] = []
  var queue = EventQueue<WorldEvent>()
  var clients: [any SimulatedClient] = []
  var executors: [ExecutorHost] = []
  let operators: SimulatedOperators
  /// Parties that lie; all others are honest.
  var liars: [Liar] = []
  public internal(set) var oracles = Oracles()
  /// Whether faults still happen; the liveness phase heals everything.
  var isCalm = false
  /// For tests: what the receiver treats as though it had never come.
  var isIgnored: ((_ receiver: NodeID, PeerMessage) -> Bool)?
  /// For tests: hears answers to callers who are none of the world's.
  var overhears: ((Answer) -> Void)?
  /// For tests: changes what a node sends.
  var tamper: ((_ sender: NodeID, _ receiver: NodeID, inout PeerMessage) -> Void)?
  /// Nodes on side one of the partition; empty where there is none.
  var sideOne: [NodeID] = []
  var networkRandom: SeededRandom
  private var diskRandom: SeededRandom
  var faultRandom: SeededRandom
  /// When each node's disk is free again: writes become durable in order.
  private var diskFree: [UInt64]
  /// A digest of everything that happened, for comparing two runs.
  public private(set) var trace: UInt64 = 0xCBF2_9CE4_8422_2325
  private var effects = NodeEffects()

  /// A cluster of `nodes` parties with threshold `threshold`, ready to run.
  public init(seed: UInt64, nodes: Int = 5, threshold: Int = 4, faults: Faults) throws {
    self.seed = seed
    self.faults = faults
    var random = SeededRandom(seed: seed)
    var keyRandom = random.split()
    networkRandom = random.split()
    diskRandom = random.split()
    faultRandom = random.split()
    diskFree = Array(repeating: 0, count: nodes)
    let cast = try Cast(using: &keyRandom)
    let foundation = try Foundation.generate(
      nodes: nodes, threshold: threshold, enrolments: cast.enrolments, using: &keyRandom)
    let entry = try Record(parsing: foundation.genesis.leaf)
    guard case .genesis(let genesis) = entry.body else { throw SimulationError.setup("the genesis") }
    self.genesis = genesis
    cluster = TreeHash.leaf(foundation.genesis.leaf)
    genesisShown = foundation.genesis
    keys = KnownKeys(KeyChain(cluster: cluster, genesisKey: genesis.groupKey))
    let company = try cast.company(
      of: cluster, keys: keys, faults: faults, using: &random)
    clients = company.clients
    executors = company.executors
    operators = company.operators
    for party in foundation.parties {
      let offset =
        faults.clockOffset == 0
        ? 0 : Int64(random.below(2 * faults.clockOffset)) - Int64(faults.clockOffset)
      hosts.append(
        try NodeHost(
          id: party.id, keySeed: party.keySeed, share: party.share.clone(), genesis: foundation.genesis,
          clockOffset: offset,
          random: random.split()))
    }
    oracles.executorKeys = cast.enrolments.filter { $0.incarnation > 0 }.map { ($0.principal, $0.key) }
    try enlistLiars(foundation.parties, using: &random)
    for host in hosts {
      try host.start(at: 0)
      queue.schedule(.tick(host.id, life: host.life), at: 0)
    }
    for position in clients.indices { queue.schedule(.client(position), at: 500_000_000) }
    for position in executors.indices { queue.schedule(.executorStart(position), at: 400_000_000) }
    if faults.executorCrashEvery > 0 {
      queue.schedule(.executorCrash, at: 2_000_000_000 + faultRandom.below(faults.executorCrashEvery))
    }
    if faults.executorCutEvery > 0 {
      queue.schedule(.executorCut, at: 2_000_000_000 + faultRandom.below(faults.executorCutEvery))
    }
    if faults.partitionEvery > 0 {
      queue.schedule(.partition, at: 1_000_000_000 + faultRandom.below(faults.partitionEvery))
    }
    if faults.membersEvery > 0 {
      queue.schedule(.members, at: 1_500_000_000 + faultRandom.below(faults.membersEvery))
    }
    if faults.crashEvery > 0 {
      queue.schedule(.crash, at: 1_000_000_000 + faultRandom.below(faults.crashEvery))
    }
  }

  /// Runs until virtual time `end`, or until an oracle is violated.
  public func run(until end: UInt64) {
    while let next = queue.nextTime, next <= end, oracles.violation == nil {
      guard let (at, event) = queue.popFirst() else { return }
      time = at
      handle(event)
    }
    time = max(time, end)
  }

  /// Heals everything and lets nothing go wrong any more.
  public func calm() {
    isCalm = true
    calmExecutors()
    healLiars()
    sideOne = []
    for host in hosts where !host.isUp { queue.schedule(.restart(host.id), at: time + 1) }
    reconnect()
  }

  func host(_ id: NodeID) -> NodeHost? { hosts.first { $0.id == id } }

  private func handle(_ event: WorldEvent) {
    switch event {
    case .deliver(let sender, let receiver, let message):
      if isIgnored?(receiver, message) == true { return }
      mix(sender.rawValue, receiver.rawValue)
      guard canTalk(sender, receiver) else { return }
      step(receiver, .peer(from: sender, message))
    case .tick(let id, let life):
      guard let host = host(id), host.life == life, host.isUp else { return }
      step(id, .tick)
      let next = max(host.nextDeadline ?? time, time + 1_000_000)
      queue.schedule(.tick(id, life: life), at: min(next, time + 50_000_000))
    case .synced(let id, let life, let name, let batch):
      guard let host = host(id), host.life == life, host.isUp else { return }
      host.disk.sync(batch)
      step(id, .written(name))
    case .locked(let id, let life, let ticket, let bytes):
      guard let host = host(id), host.life == life, host.isUp else { return }
      host.disk.sync(lock: bytes)
      step(id, .locked(ticket: ticket))
    case .call(let id, let call):
      if host(id)?.isUp == true { step(id, .call(call)) } else { fail(call.key) }
    case .answer(let id, let answer): take(answer, from: id)
    case .cancel(let id, let key): step(id, .cancelled(key))
    case .executor(let position, let life, let what):
      guard executors[position].life == life else { return }
      mix(UInt64(position), life)
      executors[position].happened(what, at: time, nodes: reachableNodes, oracles: &oracles)
      serve(position)
    case .executorCrash: crashExecutor()
    case .executorStart(let position): startExecutor(position)
    case .executorCut: cutExecutor()
    case .executorHeal(let position): executors[position].cutOff = []
    case .crash: crash()
    case .members: changeMembers()
    case .restart(let id): restart(id)
    case .partition: partition()
    case .heal:
      sideOne = []
      reconnect()
    case .client(let position): act(position)
    }
  }

  func step(_ id: NodeID, _ event: NodeEvent) {
    guard let host = host(id), host.isUp else { return }
    effects.clear()
    host.step(event, at: time, into: &effects)
    let raised = effects
    for write in raised.writes {
      queue.schedule(.synced(id, life: host.life, write.name, write.batch), at: syncTime(id))
    }
    for lock in raised.locks {
      queue.schedule(
        .locked(id, life: host.life, ticket: lock.ticket, lock.bytes), at: time + faults.syncDelay)
    }
    if let position = liars.firstIndex(where: { $0.id == id }) {
      lie(position, raised)
      return
    }
    for (receiver, message) in raised.messages { send(message, from: id, to: receiver) }
    for answer in raised.answers { queue.schedule(.answer(from: id, answer), at: time + delay()) }
    for notice in raised.notices { oracles.note(notice, of: id, at: time) }
    mix(UInt64(raised.messages.count), UInt64(raised.writes.count))
    oracles.observe(host, at: time)
    learnKeys(from: host)
    if let reason = host.fatal { oracles.fail("node \(id.rawValue) stopped: \(reason)", at: time) }
  }

  /// Takes up the keys that have become final at an honest node.
  private func learnKeys(from host: NodeHost) {
    guard isHonest(host), let epochs = host.node?.finalEpochs, epochs.count > keys.chain.epochs.count,
      let chain = KeyChain(cluster: cluster, verified: epochs)
    else { return }
    keys.chain = chain
  }

  /// A party that is to come: its node runs, with nothing but the genesis, and knows the others by hand.
  @discardableResult
  func join(using random: inout SeededRandom) throws -> PartySeat {
    let number = hosts.count + 1
    let seed = random.bytes(32)
    var consumed = seed
    guard let id = NodeID(rawValue: UInt64(number)), let key = SigningKey(seed: &consumed) else {
      throw SimulationError.setup("a party's key")
    }
    let host = try NodeHost(
      id: id, keySeed: seed, share: nil, genesis: genesisShown, clockOffset: 0, random: random.split())
    host.contacts = hosts.map(\.id)
    hosts.append(host)
    diskFree.append(time)
    try host.start(at: time)
    queue.schedule(.tick(id, life: host.life), at: time)
    for peer in hosts where peer.id != id && peer.isUp {
      step(id, .connected(peer.id))
      step(peer.id, .connected(id))
    }
    return PartySeat(
      id: number, name: "node\(number)", key: key.publicKey, address: "node\(number):7201",
      authority: "PEM")
  }

  func mix(_ words: UInt64...) {
    for word in words + [time] { trace = (trace ^ word) &* 0x100_0000_01B3 }
  }

  // MARK: Network

  private func canTalk(_ a: NodeID, _ b: NodeID) -> Bool {
    sideOne.isEmpty || sideOne.contains(a) == sideOne.contains(b)
  }

  func delay() -> UInt64 {
    // A sum of two uniform draws: most near the mean, none below the minimum.
    faults.minimumDelay + networkRandom.below(faults.meanDelay) + networkRandom.below(faults.meanDelay)
  }

  func send(_ sent: PeerMessage, from sender: NodeID, to receiver: NodeID) {
    var message = sent
    tamper?(sender, receiver, &message)
    guard canTalk(sender, receiver) else { return }
    if !isCalm && networkRandom.chance(faults.loss) {
      oracles.count(fault: "loss")
      return
    }
    queue.schedule(.deliver(from: sender, to: receiver, message), at: time + delay())
    if !isCalm && networkRandom.chance(faults.duplication) {
      oracles.count(fault: "duplication")
      queue.schedule(.deliver(from: sender, to: receiver, message), at: time + delay())
    }
  }

  private func partition() {
    guard !isCalm else { return }
    oracles.count(fault: "partition")
    sideOne = hosts.map(\.id).filter { _ in faultRandom.chance(400_000) }
    queue.schedule(.heal, at: time + faults.partitionLength)
    queue.schedule(
      .partition, at: time + faults.partitionLength + faultRandom.below(faults.partitionEvery) + 1)
  }

  func reconnect() {
    for host in hosts where host.isUp {
      for peer in hosts where peer.id != host.id { step(host.id, .connected(peer.id)) }
    }
  }

  // MARK: Processes and disks

  private func syncTime(_ id: NodeID) -> UInt64 {
    let position = Int(id.rawValue) - 1
    var duration = faults.syncDelay + diskRandom.below(faults.syncDelay)
    if !isCalm && diskRandom.chance(faults.slowSync) {
      oracles.count(fault: "slow sync")
      duration += 4_000_000_000
    }
    diskFree[position] = max(diskFree[position], time) + duration
    return diskFree[position]
  }

  private func crash() {
    guard !isCalm else { return }
    queue.schedule(.crash, at: time + 1 + faultRandom.below(faults.crashEvery))
    let up = hosts.filter(\.isUp)
    guard !up.isEmpty else { return }
    let victim = up[Int(faultRandom.below(UInt64(up.count)))]
    oracles.count(fault: "crash")
    victim.crash()
    diskFree[Int(victim.id.rawValue) - 1] = time
    oracles.forget(victim.id)
    for client in clients { client.lost(victim.id) }
    for executor in executors { _ = executor.lost(victim.id.rawValue) }
    queue.schedule(.restart(victim.id), at: time + 1 + faultRandom.below(faults.restartAfter))
  }

  func restart(_ id: NodeID) {
    guard let host = host(id), !host.isUp else { return }
    do {
      try host.start(at: time)
    } catch {
      if !isHonest(host) { return }
      oracles.fail("node \(id.rawValue) could not start: \(error)", at: time)
      return
    }
    queue.schedule(.tick(id, life: host.life), at: time)
    for peer in hosts where peer.id != id && peer.isUp && canTalk(id, peer.id) {
      step(id, .connected(peer.id))
      step(peer.id, .connected(id))
    }
  }

  // MARK: Clients

  private func act(_ position: Int) {
    let wall = Timestamp(nanoseconds: World.epoch + Int64(time)) ?? .epoch
    for outgoing in clients[position].act(at: time, wall: wall, nodes: UInt64(hosts.count)) {
      guard let node = NodeID(rawValue: outgoing.node) else { continue }
      let call = ClientCall(
        key: CallKey(connection: UInt64(position), call: outgoing.call),
        caller: clients[position].principal, method: outgoing.method.path, payload: outgoing.payload)
      if let type = World.statementType(of: outgoing.method) { oracles.said(outgoing.payload, type) }
      queue.schedule(.call(to: node, call), at: time + delay())
    }
    for new in operators.takeEnrolled() { takeUp(new) }
    queue.schedule(.client(position), at: time + clients[position].pace)
  }

  private func take(_ answer: Answer, from node: NodeID) {
    let key: CallKey
    switch answer {
    case .respond(let answered, _, _): key = answered
    case .item(let answered, _): key = answered
    }
    if key.connection >= World.executorConnections {
      takeExecutors(answer, key, from: node)
      return
    }
    guard key.connection < UInt64(clients.count) else {
      overhears?(answer)
      return
    }
    clients[Int(key.connection)].take(answer, at: time, oracles: &oracles)
  }
}
