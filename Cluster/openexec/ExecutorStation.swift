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
/// into I/O. Confined to its loop.
final class ExecutorStation {
  let configuration: ExecutorConfiguration
  let loop: EventLoop
  private let log: StructuredLog
  private let journal: JournalFolder
  let signingKey: SigningKey
  private var random = SystemRandom()
  /// Finds nodes that are named and not addressed.
  let resolver: NameResolver
  private var executor: ExecutorInstance?
  private var pin: ClusterPin?
  private var answers: [(node: String, pin: ClusterPin)] = []
  private(set) var links: [NodeLink] = []
  private var certificates: CertificateWatch
  private var trust: TrustPolicy
  private var hosts: SandboxHosts?
  private var effects = ExecutorEffects()
  private var isStopping = false
  /// Why it stops, where nobody has asked it to. From here on nothing is written: a journal that has failed once may hold
  /// half of what it was given, and what it holds is what the next start goes by.
  private var fault: String?
  private var isBusy = false
  /// What this host offers has been found out, once at least.
  private var isProbed = false
  private var waiting: [ExecutorEvent] = []
  private var nextNode = 0
  private var readiness = Readiness.unknown
  private var health: HealthPort?
  private var healthFault: String? = HealthPort.unconfigured

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

  private var uptime: Uptime { Uptime(nanoseconds: loop.now.nanoseconds) }

  // MARK: Start and stop

  func start() throws {
    hosts = try configuration.hosts(on: loop, folder: configuration.machines)
    pin = try ClusterPin.read(configuration.data + "/cluster.json")
    let tls = try TLSContext(certificates.own, trust: trust)
    for node in configuration.nodes { links.append(NodeLink(station: self, node: node)) }
    for link in links { link.connect(tls) }
    if pin != nil { try begin() }
    lookAtCertificate()
    listenForProbes()
    tick()
  }

  /// Operators' probes are answered from the start. Without the port the executor works, and is not COMPLIANT.
  private func listenForProbes() {
    guard let address = configuration.health else { return }
    do {
      let port = try HealthPort(loop: loop, address: address) { [unowned self] in answer($0, body: $1) }
      health = port
      healthFault = nil
      note(.info, "health_port", [("address", .string("\(port.address)"))])
    } catch {
      healthFault = "\(address): \(error)"
      note(.warning, "health_port", [("address", .string("\(address)")), ("reason", .string("\(error)"))])
    }
  }

  private func answer(_ request: ProbeRequest, body: [UInt8]) -> ProbeAnswer {
    var state =
      executor?.health(at: uptime)
      ?? ExecutorHealth(executor: configuration.executor, incarnation: configuration.incarnation)
    if isStopping { state.isShuttingDown = true }
    let desk = ProbeDesk(health: state, readiness: readiness, version: Program.version)
    return desk.answer(request, body: body) { text in
      guard let executor else { return .failure(ExecutorHealth.noKey) }
      return Result { () throws(ProbeRefusal) in try executor.verifiedReceipt(text).verifiedJSON }
    }
  }

  /// The cluster is known: the journal is read and work begins.
  private func begin() throws {
    guard let pin, let hosts, executor == nil else { return }
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
    probe(hosts, pause: .seconds(5))
  }

  /// Takes jobs from a node, once this host has been looked at: one that came before would be refused for want of a class
  /// that may well be here. It waits with the nodes instead, as long as its token lives.
  private func listen(to link: NodeLink) {
    if isProbed, executor != nil { link.listen(incarnation: configuration.incarnation) }
  }

  /// Finds out what this host offers. Where that is nothing the probe may have come to grief by itself, and an executor
  /// that offers nothing serves nobody: it is tried again, the pauses doubling up to five minutes. Before the second try it
  /// takes no jobs: what would be refused waits that long with the nodes.
  private func probe(_ hosts: SandboxHosts, pause: Duration, isFirst: Bool = true) {
    hosts.preflight { [unowned self] report in
      for warning in report.warnings { note(.warning, "preflight", [("warning", .string(warning))]) }
      let findings = HostProbe.findings(report, configuration, healthFault: healthFault)
      declare(Readiness(findings))
      let offered = findings.activeClasses
      note(.info, "isolation_classes", [("active", .array(offered.map { .string($0.rawValue) }))])
      step(.classesFound(offered))
      if !offered.isEmpty || !isFirst {
        isProbed = true
        for link in links { listen(to: link) }
      }
      guard offered.isEmpty, !isStopping else { return }
      do {
        _ = try loop.schedule(after: pause) { [unowned self] in
          if !isStopping { probe(hosts, pause: min(pause * 2, .seconds(300)), isFirst: false) }
        }
      } catch {
        fail("\(error)")
      }
    }
  }

  /// HF-9: what is off is said, in the log and to governance with every lease that is asked for.
  private func declare(_ found: Readiness) {
    readiness = found
    note(
      found.isCompliant ? .info : .warning, "readiness",
      [
        ("declaration", .string(found.declaration)),
        ("shortcomings", .array(found.shortcomings.map { .string($0) })),
      ])
  }

  func stop() {
    guard !isStopping else { return }
    isStopping = true
    note(.info, "stopping")
    step(.shutdown)
    for link in links { link.close() }
    health?.close()
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

  private func fail(_ reason: String) {
    guard fault == nil else { return }
    note(.error, "fatal", [("reason", .string(reason))])
    fault = reason
    stop()
  }

  private func tick() {
    guard !isStopping else { return }
    if pin == nil { learnCluster() }
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

  // MARK: The cluster's identity

  func connected(_ link: NodeLink) { listen(to: link) }

  /// Asks every node; believes what as many parties say as it takes to sign.
  private func learnCluster() {
    for link in links where link.isConnected && !answers.contains(where: { $0.node == link.name }) {
      link.call("Ledger/Checkpoint", CheckpointRequest().encode(), timeout: .seconds(2)) {
        [unowned self] result in
        guard case .success(let payload) = result, let answer = ClusterPin(payload), pin == nil,
          !answers.contains(where: { $0.node == link.name })
        else { return }
        answers.append((link.name, answer))
        let same = answers.count { $0.pin == answer }
        guard same >= configuration.threshold else { return }
        do {
          try answer.write(configuration.data + "/cluster.json")
          pin = answer
          try begin()
        } catch {
          fail("\(error)")
        }
      }
    }
  }

  // MARK: Events in

  func offered(_ payload: [UInt8]) {
    guard let offer = try? JobOffer(decoding: payload) else { return }
    take(links: offer.links)
    guard !offer.token.isEmpty else { return }
    lookAtImages()
    step(
      .jobOffered(
        OfferedJob(
          token: offer.token, proposal: offer.proposal, attachment: offer.attachment,
          lease: offer.lease.flatMap { LeaseOffer($0) })))
  }

  /// What there is may have changed since the last job: an image is added beside a running executor.
  private func lookAtImages() {
    guard let hosts else { return }
    let found = hosts.imageClasses
    if found != executor?.images { step(.imagesFound(found)) }
  }

  /// How many links of the chain of keys this executor has.
  var knownLinks: UInt32 { UInt32(executor?.identity.keys.links ?? 0) }

  /// The keys that came after the one that this executor pinned, each certified by the one before.
  private func take(links: [String]) {
    let parsed = links.prefix(1024).compactMap { try? LedgerProof(parsing: $0) }
    if !parsed.isEmpty { step(.keysOffered(parsed)) }
  }

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
  private func anyLink() -> NodeLink? {
    for _ in links {
      nextNode = (nextNode + 1) % links.count
      if links[nextNode].isConnected { return links[nextNode] }
    }
    return nil
  }

  private func enlist(_ challenge: Challenge) {
    guard let pin else { return }
    let declaration = HostDeclaration(
      executor: challenge.executor, incarnation: challenge.incarnation, challenge: challenge.bytes,
      isolationClasses: executor?.activeClasses.map(\.rawValue) ?? [], isCompliant: readiness.isCompliant,
      shortcomings: readiness.shortcomings, declaredAt: judgedTime)
    let signature = PartySigned(declaration, cluster: pin.cluster, with: signingKey).signature
    let request = EnlistRequest(
      incarnation: UInt32(challenge.incarnation), challenge: challenge.bytes,
      isolationClasses: declaration.isolationClasses, knownLinks: knownLinks,
      compliant: declaration.isCompliant, shortcomings: declaration.shortcomings, signature: signature.bytes,
      declaredAt: declaration.declaredAt?.text ?? "")
    anyLink()?.call("Executor/Enlist", request.encode(), timeout: .seconds(8)) { [unowned self] result in
      switch result {
      case .success(let payload):
        guard let response = try? LeaseResponse(decoding: payload), let offer = LeaseOffer(response) else {
          return
        }
        take(links: response.links)
        step(.leaseOffered(offer))
      case .failure(let status) where status.code == .aborted: break  // a newer challenge is on its way
      case .failure(let status):
        note(.warning, "enlist_failed", [("status", .string("\(status)"))])
      }
    }
  }

  /// The node that takes the artifact gets the receipt as well: another may not have its record yet.
  private func send(_ report: ReceiptReport) {
    let connected = links.filter(\.isConnected)
    guard let pin, !connected.isEmpty else { return }
    let link = connected[report.node(of: connected.count)]
    let draft = report.draft
    if let artifact = draft.artifact {
      put(artifact, of: draft.receipt, cluster: pin.cluster, to: link) { [unowned self] in
        send(draft, pin, to: link)
      }
    } else {
      send(draft, pin, to: link)
    }
  }

  private func send(_ draft: ReceiptDraft, _ pin: ClusterPin, to link: NodeLink) {
    let signed = Signed.sign(
      draft.receipt, cluster: pin.cluster, as: configuration.executor, with: signingKey)
    let statement = JSON.object([
      ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
    ])
    let request = StatementRequest(
      statement: statement.canonicalBytes(), attachment: draft.attachment.bytes)
    link.call("Executor/Report", request.encode(), timeout: .seconds(10)) { [unowned self] result in
      switch result {
      case .success(let payload):
        guard let response = try? ReportResponse(decoding: payload),
          let proof = try? LedgerProof(parsing: response.proof)
        else { return }
        step(.receiptProven(proof))
      case .failure(let status):
        note(
          .warning, "report_failed",
          [("token_id", .string(draft.receipt.tokenID)), ("status", .string("\(status)"))])
        if [.notFound, .alreadyExists].contains(status.code) {
          step(.receiptRefused(token: draft.receipt.tokenID, node: link.name))
        }
      }
    }
  }
}

extension LeaseOffer {
  /// What a node sent; nil where a digest has the wrong length.
  init?(_ response: LeaseResponse) {
    let path = response.challengePath.compactMap { Digest($0) }
    guard path.count == response.challengePath.count else { return nil }
    self.init(
      note: response.note, challengePath: path, challengeIndex: response.challengeIndex,
      challengeCount: response.challengeCount, restrictions: response.restrictions,
      bundle: response.bundle)
  }
}
