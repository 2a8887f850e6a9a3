import Canonical
import Crypto
import EventLoop
import Host
import Network
import OpenExec
import Records
import Sandbox
import Wire

/// The shell of one executor: turns channels, the journal, timers and sandboxes into events, and effects
/// into I/O. Confined to its loop. What it says to nodes and hears from them is in `GovernanceTraffic.swift` and
/// `ArtifactTraffic.swift`.
final class ExecutorStation {
  let configuration: ExecutorConfiguration
  let loop: EventLoop
  private let log: StructuredLog
  private let journal: JournalFolder
  let signingKey: SigningKey
  private var random = SystemRandom()
  /// Finds nodes that are named and not addressed.
  let resolver: NameResolver
  /// Nil until the cluster is known.
  private(set) var executor: ExecutorInstance?
  private(set) lazy var cluster = ClusterDesk(station: self)
  private(set) lazy var readiness = ReadinessDesk(station: self)
  private(set) var links: [NodeLink] = []
  private var certificates: CertificateWatch
  private var trust: TrustPolicy
  private(set) var hosts: SandboxHosts?
  private var effects = ExecutorEffects()
  private(set) var isStopping = false
  /// Why it stops, where nobody has asked it to. From here on nothing is written: a journal that has failed once may hold
  /// half of what it was given, and what it holds is what the next start goes by.
  private var fault: String?
  private var isBusy = false
  private var waiting: [ExecutorEvent] = []
  private var nextNode = 0

  init(configuration: ExecutorConfiguration, loop: EventLoop) throws {
    self.configuration = configuration
    self.loop = loop
    log = StructuredLog(program: "openexec", instance: configuration.executor.path)
    try Files.createFolder(configuration.data, mode: 0o700)
    journal = JournalFolder(path: configuration.data + "/journal")
    resolver = try NameResolver(loop: loop)
    signingKey = try KeyFile.readSigningKey(configuration.signingKey)
    // Its own authority is its nodes' to know.
    certificates = try CertificateWatch(
      domain: configuration.domain, certificate: { try Files.read(configuration.certificate) },
      key: { try Files.readSecret(configuration.certificateKey) })
    var authorities: [Certificate] = []
    var pins: [String: CertificateFingerprint] = [:]
    for node in configuration.nodes {
      authorities += try Certificate.read(pem: try Files.read(node.authority))
      pins[node.name] = node.pin
    }
    trust = TrustPolicy(domain: configuration.domain, authorities: authorities, nodePins: pins)
  }

  func note(_ level: LogLine.Level, _ event: String, _ fields: [(String, JSON)] = []) {
    log.write(LogLine(level, event, fields), at: wallTime.text)
  }

  var wallTime: Timestamp { Timestamp(nanoseconds: WallInstant.now.nanoseconds) ?? .epoch }

  /// What nodes judge validities by, where it is known: a host's clock that has jumped makes nothing too late.
  var judgedTime: Timestamp { executor?.clusterTime(at: uptime) ?? wallTime }

  var uptime: Uptime { Uptime(nanoseconds: loop.now.nanoseconds) }

  // MARK: Start and stop

  func start() throws {
    hosts = try configuration.hosts(on: loop, folder: configuration.machines)
    try cluster.recall()
    let tls = try TLSContext(certificates.own, trust: trust)
    for node in configuration.nodes { links.append(NodeLink(station: self, node: node)) }
    for link in links { link.connect(tls) }
    if cluster.pin != nil { try begin() }
    lookAtCertificate()
    readiness.open()
    tick()
  }

  /// The cluster is known: the journal is read and work begins.
  func begin() throws {
    guard let pin = cluster.pin, let hosts, executor == nil else { return }
    let identity = ExecutorIdentity(
      keys: KeyRing(cluster: pin.cluster, keys: [GroupKey(pin.groupKey)]),
      executor: configuration.executor, incarnation: configuration.incarnation)
    try BeginMark.consume(configuration, identity)
    let restored = try RestoredJournal(try journal.rows(), identity: identity)
    var settings = ExecutorSettings()
    settings.believedRefusals = configuration.threshold
    executor = ExecutorInstance(
      identity: identity, journal: restored, activeClasses: [], settings: settings)
    note(
      .info, "started",
      [("cluster", .string(pin.cluster.hex)), ("incarnation", .integer(configuration.incarnation))])
    readiness.probe(hosts, pause: .seconds(5))
  }

  /// Takes jobs from a node, once this host has been looked at: one that came before would be refused for want of a class
  /// that may well be here. It waits with the nodes instead, as long as its token lives.
  func listen(to link: NodeLink) {
    if readiness.isProbed, executor != nil { link.listen(incarnation: configuration.incarnation) }
  }

  func stop() {
    guard !isStopping else { return }
    isStopping = true
    note(.info, "stopping")
    step(.shutdown)
    for link in links { link.close() }
    readiness.close()
    hosts?.killAll()
    finish(tries: 100)
  }

  /// Ends when no sandbox is left: nothing of a run outlives the program that answers for it.
  private func finish(tries: Int) {
    guard let hosts, hosts.running > 0, tries > 0,
      (try? loop.schedule(after: .milliseconds(100)) { [unowned self] in finish(tries: tries - 1) }) != nil
    else {
      note(.info, "stopped")
      if let fault { Program.fail(fault, code: 1) }
      loop.stop()
      return
    }
  }

  func fail(_ reason: String) {
    guard fault == nil else { return }
    note(.error, "fatal", [("reason", .string(reason))])
    fault = reason
    stop()
  }

  private func tick() {
    guard !isStopping else { return }
    if cluster.pin == nil { cluster.ask() }
    step(.tick)
    for link in links {
      link.reviewPeer()
      listen(to: link)
    }
    do {
      let pause = Duration.nanoseconds(ExecutorSettings.tick.nanoseconds)
      _ = try loop.schedule(after: pause) { [unowned self] in tick() }
    } catch {
      fail("\(error)")
    }
  }

  // MARK: Certificates

  /// Since when certificates of a node are taken, in seconds since 1970, as the newest lease of this run says.
  func oldestCertificate(of peer: PeerIdentity) -> Int64? {
    guard let principal = Principal(path: String(peer.path.dropFirst())) else { return nil }
    let oldest = executor?.leases.current?.restrictions.oldestCertificate(of: principal)
    return oldest.map { $0.nanoseconds / 1_000_000_000 }
  }

  /// Takes another certificate up as soon as it lies in its file, from now on again and again.
  private func lookAtCertificate() {
    guard !isStopping else { return }
    do {
      switch certificates.look(now: wallTime.nanoseconds / 1_000_000_000) {
      case .nothing: break
      case .renewed:
        let tls = try TLSContext(certificates.own, trust: trust)
        for link in links { link.renew(tls) }
        note(.info, "certificate_renewed", [("fingerprint", .string("\(certificates.own.fingerprint)"))])
      case .restored: note(.info, "certificate_restored", [])
      case .refused(let reason): note(.error, "certificate_refused", [("reason", .string(reason))])
      }
      _ = try loop.schedule(after: CertificateWatch.pause) { [weak self] in self?.lookAtCertificate() }
    } catch {
      fail("\(error)")
    }
  }

  // MARK: Events in

  func connected(_ link: NodeLink) { listen(to: link) }

  /// Hands the executor an event and carries out what it wants done, after whatever came before it; nothing where there
  /// is no executor yet.
  func step(_ event: ExecutorEvent) {
    guard executor != nil else { return }
    waiting.append(event)
    guard !isBusy else { return }
    isBusy = true
    while !waiting.isEmpty {
      let next = waiting.removeFirst()
      effects.clear()
      executor?.step(next, at: uptime, using: &random, into: &effects)
      carryOut(effects)
    }
    isBusy = false
  }

  // MARK: Effects out

  private func carryOut(_ effects: ExecutorEffects) {
    for (run, reason) in effects.kills {
      note(.warning, "kill", [("token_id", .string(run.token)), ("reason", .string(reason.rawValue))])
      hosts?.kill(run)
    }
    guard fault == nil else { return }
    for write in effects.writes {
      do {
        try journal.write(write.key, write.value)
        waiting.append(.persisted(write.ticket))
      } catch {
        return fail("journal: \(error)")
      }
    }
    for order in effects.starts {
      let isTaken = hosts?.start(order) { [unowned self] event in
        switch event {
        case .started(let run): step(.sandboxStarted(run))
        case .finished(let run, let outcome): step(.sandboxFinished(run, outcome))
        }
      }
      if isTaken != true {
        let why = "no host runs class \(order.isolationClass.rawValue)"
        waiting.append(.sandboxFinished(order.id, RunOutcome(ending: .sandboxFailed(why))))
      }
    }
    for fetch in effects.fetches { self.fetch(fetch) }
    for challenge in effects.challenges { enlist(challenge) }
    for report in effects.reports { send(report) }
    for notice in effects.notices { log.write(notice.line, at: wallTime.text) }
  }

  /// The next node that answers, in turn.
  func anyLink() -> NodeLink? {
    for _ in links {
      nextNode = (nextNode + 1) % links.count
      if links[nextNode].isConnected { return links[nextNode] }
    }
    return nil
  }
}
