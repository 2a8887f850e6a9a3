import Canonical
import ClawLedger
import Crypto
import EventLoop
import FROST
import GovernanceNode
import Host
import Network
import Raft
import Records
import RocksStore
import Wire

/// The shell of one node: turns sockets, timers, storage completions and calls into events, and effects
/// into I/O. Confined to its loop. Peers and clients have a desk each, which holds their connections and hands on what
/// they say.
final class Station {
  typealias Node = GovernanceNode<Ed25519SHA512>

  let configuration: NodeConfiguration
  let loop: EventLoop
  /// Hears that the node stops by itself, for a reason that the log has.
  var onFailure: () -> Void = {}
  let log: StructuredLog
  let store: RocksStore
  /// Finds peers that are named and not addressed.
  let resolver: NameResolver
  private var random = SystemRandom()
  private(set) var node: Node?
  private var ceremony: CeremonyDesk?
  private var joining: JoinDesk?
  private var restoring: RestoreDesk?
  var certificates: CertificateWatch
  private(set) lazy var peers = PeerDesk(station: self)
  private(set) lazy var clients = ClientDesk(station: self)
  private(set) lazy var refusals = RefusalLog(station: self)
  private(set) lazy var notices = NoticeLog(station: self)
  private var storage: Storage?
  private var reports: Mailbox<Storage.Report>?
  private var lock: LockOwner
  private let keyFolder: TenantKeyFolder
  /// The store held a ledger when the program started.
  private let isFounded: Bool
  private var timer: TimerID?
  private lazy var hostLook = HostLook(folder: configuration.data)
  private var oversized = OversizedMessages()
  private var effects = NodeEffects()
  /// What giving answers brought about; stepped when they all are given.
  private var aftermath: [NodeEvent] = []
  /// It is asked to end, and another is to lead first.
  private var isParting = false
  private(set) var isStopping = false
  /// The share's file goes once what takes its place is durable.
  private var mustDestroyShare = false

  init(configuration: NodeConfiguration, loop: EventLoop) throws {
    self.configuration = configuration
    self.loop = loop
    log = StructuredLog(program: "clawshield", instance: configuration.name)
    try Files.createFolder(configuration.data, mode: 0o700)
    store = try RocksStore(folder: configuration.data + "/rocks")
    resolver = try NameResolver(loop: loop)
    isFounded = try store.get(.entries, [0, 0, 0, 0, 0, 0, 0, 0]) != nil
    lock = try LockOwner(path: configuration.data + "/lock", isFounded: isFounded)
    keyFolder = TenantKeyFolder(path: configuration.data + "/tenant-keys")
    certificates = try CertificateWatch(
      domain: configuration.domain,
      authorities: try Certificate.read(pem: try Files.read(configuration.ownAuthority)),
      certificate: { try Files.read(configuration.certificate) },
      key: { try Files.readSecret(configuration.certificateKey) })
  }

  var wall: Timestamp { Timestamp(nanoseconds: WallInstant.now.nanoseconds) ?? .epoch }
  private var moment: Moment {
    Moment(monotonic: Instant(nanoseconds: loop.now.nanoseconds), wall: wall)
  }

  func note(_ level: LogLine.Level, _ event: String, _ fields: [(String, JSON)] = []) {
    log.write(LogLine(level, event, fields), at: wall.text)
  }

  // MARK: Start and stop

  func start() throws {
    try peers.open()
    lookAtCertificate()
    if case .joins(let cluster) = configuration.beginning,
      Files.exists(RestoreDesk.folder(of: configuration.data))
    {
      note(.info, "restoring", [("cluster", .string(cluster.hex))])
      let desk = try RestoreDesk(station: self, cluster: cluster)
      if !isFounded { try desk.begin() }
      try startNode()
      restoring = desk
      desk.tick()
      return
    }
    if isFounded {
      try startNode()
      return
    }
    switch configuration.beginning {
    case .ceremony(let plan):
      note(.info, "key_generation", [("fingerprint", .string(plan.fingerprint.hex))])
      ceremony = try CeremonyDesk(station: self, plan)
      ceremony?.tick()
    case .joins(let cluster):
      note(.info, "joining", [("cluster", .string(cluster.hex))])
      joining = JoinDesk(station: self, cluster: cluster)
      joining?.tick()
    }
  }

  /// Begins to shut down: a node that leads hands over first. Who asks again does not wait for that.
  func stop() {
    guard !isStopping else { return }
    note(.info, "stopping")
    guard node != nil, !isParting else { return end() }
    isParting = true
    step(.parting)
  }

  /// Shuts down: nothing new is taken, what is being synced is finished.
  private func end() {
    guard !isStopping else { return }
    isStopping = true
    if let timer { loop.cancel(timer) }
    clients.close()
    peers.close()
    node = nil
    do {
      try storage?.stop()
    } catch {
      note(.error, "storage", [("reason", .string("\(error)"))])
    }
    note(.info, "stopped")
    loop.stop()
  }

  /// Bounds of both listeners.
  var serving: CallServer.Configuration {
    var serving = CallServer.Configuration()
    serving.listener.handshakesPerAddress = configuration.handshakesPerAddress
    return serving
  }

  /// The share of the ceremony is of a key that signs no more.
  private func destroyFoundingShare() {
    let path = configuration.data + "/share.sealed"
    guard Files.exists(path) else { return }
    do {
      try Files.destroy(path)
      note(.info, "share_destroyed", [("file", .string("share.sealed"))])
    } catch {
      note(.error, "share_destroyed", [("reason", .string("\(error)"))])
    }
  }

  /// Starts the node from its store, which holds at least the genesis.
  func startNode() throws {
    let storageKey = try KeyFile.readSymmetricKey(configuration.storageKey)
    let keys = try TenantKeys(stored: keyFolder.read(), wrapping: storageKey, seed: random.bytes(32))
    let recovered = try Ledger.open(store, keys: keys)
    if let repair = recovered.repair {
      note(
        .error, "entries_lost",
        [
          ("after", .string(String(recovered.ledger.size))),
          (
            "reason",
            .string("the store does not give them back as they were written; they come from the peers")
          ),
        ])
      try store.write([repair])
    }
    let founding = configuration.data + "/share.sealed"
    var share: PartyShare<Ed25519SHA512>?
    if Files.exists(founding) {
      share = PartyShare(try KeptFile(founding).share(storageKey, in: configuration.storageKey))
    }
    let continuing = configuration.data + "/continuation.sealed"
    var continuingShare: PartyShare<Ed25519SHA512>?
    if Files.exists(continuing) {
      continuingShare = PartyShare(
        try KeptFile(continuing).share(storageKey, in: configuration.storageKey))
    }
    let reports: Mailbox<Storage.Report> = try loop.mailbox(capacity: 1 << 16) { [unowned self] in
      take($0)
    }
    self.reports = reports
    storage = try Storage(store: store, lock: lock, reports: reports)
    node = try Node(
      identity: NodeIdentity(
        id: configuration.id, partyKey: try KeyFile.readSigningKey(configuration.partyKey),
        storageKey: storageKey, contacts: contacts),
      memory: NodeMemory(lock: lock.lock, boot: random.next()), recovered: recovered,
      foundingShare: share, continuingShare: continuingShare,
      localPolicy: try configuration.localPolicy.map { try LocalBundle.read($0) },
      settings: try Settings(snapshotLag: configuration.snapshotLag),
      newestSemantics: configuration.newestSemantics, at: moment, using: &random)
    ceremony = nil
    joining = nil
    if node?.usesFoundingShare == false { destroyFoundingShare() }
    peers.look()
    lookAtHost()
    try clients.open()
    note(
      .info, "started",
      [
        ("cluster", .string(node?.cluster.hex ?? "")), ("size", .string(String(recovered.ledger.size))),
        ("final_size", .string(String(recovered.finalSize))),
        ("clients", .string(clients.address.map { "\($0)" } ?? "")),
        ("peers", .string(peers.address.map { "\($0)" } ?? "")),
      ])
    for id in node?.unreadableRestrictions ?? [] {
      note(
        .error, "restriction_unreadable",
        [
          ("incident_id", .string(id)),
          ("reason", .string("the store does not give it back as it was written: this party gives no share")),
        ])
    }
    for link in peers.links where link.isConnected { step(.connected(link.id)) }
    step(.tick)
  }

  func fail(_ reason: String) {
    note(.error, "fatal", [("reason", .string(reason))])
    onFailure()
    end()
  }

  /// Whom a party that comes later was told of by hand.
  private var contacts: [NodeID] {
    switch configuration.beginning {
    case .ceremony: []
    case .joins: configuration.peers.map(\.id)
    }
  }

  // MARK: Events in

  func connected(_ peer: NodeID) {
    if node != nil { step(.connected(peer)) }
    ceremony?.tick()
  }

  func disconnected(_ peer: NodeID) { if node != nil { step(.unreachable(peer)) } }

  func send(_ message: PeerMessage, to peer: NodeID) { peers.send(message, to: peer) }

  /// What a peer has said goes to whoever has the ledger's place: key generation, joining, or the node.
  func received(_ message: PeerMessage, from peer: NodeID) {
    if let ceremony {
      ceremony.receive(message, from: peer)
    } else if let joining {
      joining.receive(message, from: peer)
    } else {
      step(.peer(from: peer, message))
    }
  }

  private func take(_ report: Storage.Report) {
    guard node != nil else { return }
    switch report {
    case .written(let names):
      // The note that made the new key final is on disk, and with it the new share.
      if mustDestroyShare, names.contains(where: { if case .note = $0 { true } else { false } }) {
        mustDestroyShare = false
        destroyFoundingShare()
      }
      restoring?.written(Self.artifacts(in: names))
      for name in names { step(.written(name)) }
    case .locked(let ticket): step(.locked(ticket: ticket))
    case .failed(let reason): fail("storage: \(reason)")
    }
  }

  // MARK: What the node says; nil before there is one

  var finalityMark: FinalityMark? { node?.finalityMark }
  /// Whom it speaks to, and where the parties are.
  var connections: [NodeID]? { node?.connections }
  var seats: [PartySeat]? { node?.seats }

  // MARK: Restoring

  var finalSize: UInt64? { finalityMark?.size }
  func restore(_ shown: HistoryShown) { step(.restored(shown)) }
  /// True where it is on its way to the disk now; `RestoreDesk.written(_:)` hears when it is there.
  func restore(content: [UInt8], of tenant: String) -> Bool {
    step(.restoredContent(tenant: tenant, content))
    return Self.artifacts(in: effects.writes.map(\.name)) > 0
  }
  private static func artifacts(in names: [WriteName]) -> Int {
    names.count { if case .artifact = $0 { true } else { false } }
  }
  func restoreEnded() { restoring = nil }

  // MARK: Effects out

  /// Hands the node an event and carries out what it wants done; nothing where there is no node, or none any more.
  func step(_ event: NodeEvent) {
    guard node != nil, !isStopping else { return }
    effects.clear()
    node?.step(event, at: moment, using: &random, into: &effects)
    carryOut()
    while let next = aftermath.popLast() {
      guard !isStopping else { return }
      effects.clear()
      node?.step(next, at: moment, using: &random, into: &effects)
      carryOut()
    }
    schedule()
    if isParting, node?.mayEnd != false { end() }
  }

  private func carryOut() {
    for change in effects.keys {
      do {
        try keyFolder.carryOut(change)
      } catch {
        return fail("tenant keys: \(error)")
      }
    }
    for lock in effects.locks { submit(.lock(ticket: lock.ticket, bytes: lock.bytes)) }
    for write in effects.writes { submit(.write(name: write.name, batch: write.batch)) }
    for (peer, message) in effects.messages { send(message, to: peer) }
    for answer in effects.answers {
      if let event = clients.give(answer) { aftermath.append(event) }
    }
    for notice in effects.notices { notices.write(notice) }
    if effects.retiresFoundingShare { mustDestroyShare = true }
    if effects.writes.contains(where: { if case .restriction = $0.name { true } else { false } }) {
      reviewPeers()
    }
    // When the last of those who have left is told, nothing says so: it is looked at now and then.
    if effects.membersChanged || peers.isLookDue { peers.look() }
    if let reason = effects.fatal { fail(reason) }
  }

  private func submit(_ work: Storage.Work) {
    guard storage?.submit(work) == true else { return fail("the storage queue is full") }
  }

  private func schedule() {
    guard let deadline = node?.nextDeadline, !isStopping else { return }
    if let timer { loop.cancel(timer) }
    do {
      timer = try loop.schedule(at: MonotonicInstant(nanoseconds: deadline.nanoseconds)) { [unowned self] in
        timer = nil
        step(.tick)
      }
    } catch {
      fail("\(error)")
    }
  }

  /// Has the node say of its host what there is to say now.
  func reportHost() {
    node?.host = hostLook.report(at: wall, own: certificates.own)
    node?.host.certificateRefused = certificates.complaint
    node?.host.oversized = oversized
  }

  /// A message to a peer was not sent since no frame holds it.
  func couldNotSend(_ kind: String, to peer: String, bytes: Int) {
    oversized.note(kind, to: peer, bytes: bytes)
    node?.host.oversized = oversized
    notices.tooLarge(kind, to: peer, bytes: bytes)
  }

  /// Tells the node of its host, from now on again and again.
  private func lookAtHost() {
    guard !isStopping else { return }
    reportHost()
    do {
      _ = try loop.schedule(after: HostLook.pause) { [weak self] in self?.lookAtHost() }
    } catch {
      fail("\(error)")
    }
  }
}
