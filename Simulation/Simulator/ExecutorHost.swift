import Canonical
import Crypto
import GovernanceNode
import OpenExec
import Records
import Wire

/// One executor in the simulated world: `OpenExec` as the program runs it, over a simulated journal, clock
/// and sandbox. The shell's logic is that of `Cluster/openexec/ExecutorStation`.
final class ExecutorHost {
  let credentials: Credentials
  let enrolment: Enrolment
  private let conditions: Conditions
  private(set) var journal = SimulatedJournal()
  var sandbox: SimulatedSandbox
  private(set) var shadow = LeaseShadow()
  /// Nil while the process is down.
  private(set) var instance: ExecutorInstance?
  /// Counts the lives of the process.
  private(set) var life: UInt64 = 0
  private(set) var incarnation = 1
  /// The incarnation that operators must enrol before it can go on; nil while its journal is good.
  private(set) var awaitedIncarnation: Int?
  /// Nodes that it cannot reach, each once for every cut.
  var cuts: [UInt64] = []
  /// It dies between two effects of its next step that has several.
  var armed: ExecutorCrash?
  /// How many nodes must refuse a result's artifact: as many as it takes to sign.
  var believedRefusals = 1

  /// What people are shown, where someone looks.
  var timeline: Timeline?
  private var random: SeededRandom
  private var effects = ExecutorEffects()
  private var startedAt: UInt64 = 0
  private var bootOffset: UInt64 = 0
  /// Parts in a million that its clock runs fast. Set before it starts.
  var drift: Int64 = 0
  private var nextCall: UInt64 = 1
  private var nextNode: UInt64 = 0
  private var diskFree: UInt64 = 0
  var calls = OpenCalls()
  /// What a report or a result was answered last that was not taken.
  private var lastRefusal = "nothing"
  /// Every token that was offered to it, as it came.
  private var offered: [String: [JobOffer]] = [:]
  private(set) var demands: [ExecutorDemand] = []
  /// The bundle of the newest lease when each token was taken up.
  private(set) var bundles: [String: Digest] = [:]
  /// How it lies.
  var liar: LyingExecutor

  init(
    _ credentials: Credentials, enrolment: Enrolment, conditions: Conditions, random: SeededRandom,
    sandbox: SimulatedSandbox, liar: LyingExecutor
  ) {
    self.liar = liar
    self.credentials = credentials
    self.enrolment = enrolment
    self.conditions = conditions
    self.random = random
    self.sandbox = sandbox
    journal.begin(RestoredJournal.beginning(identity))
  }

  var principal: Principal { credentials.principal }
  var isUp: Bool { instance != nil }

  /// Whether it runs and has nothing left to do or to report.
  var isSettled: Bool {
    guard let instance else { return false }
    return instance.counts == (0, 0, 0)
  }

  /// How it stands, in words.
  var standing: String {
    if let awaitedIncarnation { return "waits for incarnation \(awaitedIncarnation)" }
    guard let instance else { return "down" }
    return "\(instance.counts), told last: \(lastRefusal)"
  }

  private var identity: ExecutorIdentity {
    ExecutorIdentity(
      keys: KeyRing(cluster: credentials.cluster, keys: [GroupKey(credentials.keys.genesisKey)]),
      executor: principal, incarnation: incarnation)
  }

  func uptime(_ time: UInt64) -> Uptime {
    let passed = Int64(time - startedAt)
    return Uptime(nanoseconds: bootOffset + UInt64(passed + passed / 1_000_000 * drift))
  }

  // MARK: Process

  /// Nothing happens for so long: what is under way takes as much longer.
  func sleep(_ length: UInt64) { diskFree += length }

  /// Starts the process from its journal; where that is lost or damaged, it waits for a new incarnation.
  func start(at time: UInt64, oracles: inout Oracles) {
    precondition(instance == nil, "one process at a time")
    guard awaitedIncarnation == nil else { return }
    life += 1
    startedAt = time
    bootOffset = random.below(1 << 40)
    diskFree = time
    do {
      let restored = try RestoredJournal(journal.rows, identity: identity)
      var settings = ExecutorSettings()
      settings.believedRefusals = believedRefusals
      instance = ExecutorInstance(
        identity: identity, journal: restored, activeClasses: [], settings: settings)
      demands.append(.happening(.tick, after: 0))
      demands.append(.happening(.classesFound, after: 10_000_000 + random.below(1_000_000_000)))
    } catch {
      oracles.count(fault: "executor needs a new incarnation")
      awaitedIncarnation = incarnation + 1
    }
  }

  /// Two operators have enrolled a new incarnation, finally: its first start may begin an empty registry.
  func enrolled(_ new: Int) {
    guard awaitedIncarnation == new else { return }
    awaitedIncarnation = nil
    incarnation = new
    journal.begin(RestoredJournal.beginning(identity))
    shadow.restart(isNewIncarnation: true)
  }

  /// The process dies, its machines with it. Returns the streams that its connections carried.
  func crash(_ how: ExecutorCrash, oracles: inout Oracles) -> [(node: UInt64, call: UInt64)] {
    guard isUp else { return [] }
    oracles.count(fault: "executor crash")
    instance = nil
    armed = nil
    let lost = journal.crash(keeping: how.kept)
    if lost > 0 { oracles.count(fault: "executor write lost") }
    if sandbox.killAll() > 0 { oracles.count(fault: "executor crash while running") }
    switch how.journal {
    case .kept: break
    case .lost:
      oracles.count(fault: "journal lost")
      journal.lose()
    case .flipped(let bit):
      if journal.flip(bit) { oracles.count(fault: "journal corrupted") }
    }
    shadow.restart(isNewIncarnation: false)
    return calls.endAll()
  }

  func takeDemands() -> [ExecutorDemand] {
    defer { demands = [] }
    return demands
  }

  // MARK: Events in

  func happened(_ what: ExecutorHappening, at time: UInt64, nodes: [UInt64], oracles: inout Oracles) {
    guard isUp else { return }
    switch what {
    case .tick:
      step(.tick, at: time, nodes: nodes, oracles: &oracles)
      listen(nodes)
      let pause = UInt64(ExecutorSettings.tick.nanoseconds)
      demands.append(.happening(.tick, after: pause))
    case .classesFound:
      step(.classesFound([.microvmTCG]), at: time, nodes: nodes, oracles: &oracles)
    case .synced:
      guard let ticket = journal.syncFirst() else { return }
      step(.persisted(ticket), at: time, nodes: nodes, oracles: &oracles)
    case .guestSpoke(let run):
      guard sandbox.run(run, life: life) != nil else { return }
      step(.sandboxStarted(run), at: time, nodes: nodes, oracles: &oracles)
    case .machineGone(let run, let outcome):
      let ended = sandbox.run(run, life: life)
      let order = ended?.order
      guard sandbox.end(run, life: life) else { return }
      oracles.leaves(run, outcome, outcome.ending == .killed ? nil : ended?.risk, at: time)
      oracles.ended(run, order, outcome, on: self, at: time)
      timeline?.execution(principal, "ends \(run.token.prefix(8)): \(outcome.ending)", at: time)
      step(.sandboxFinished(run, outcome), at: time, nodes: nodes, oracles: &oracles)
    }
  }

  /// Opens the streams that are not open, to nodes that answer.
  private func listen(_ nodes: [UInt64]) {
    for node in nodes where !calls.isListening(to: node) && !isCutOff(from: node) {
      let said = liar.tells(.incarnation) ? incarnation + 1 : incarnation
      let request = JobsRequest(incarnation: UInt32(said))
      calls.listen(to: node, by: call(.jobs, request.encode(), to: node))
    }
  }

  func call(_ method: Method, _ payload: [UInt8], to node: UInt64) -> UInt64 {
    nextCall += 1
    demands.append(
      .call(OutgoingCall(node: node, call: nextCall, method: method, payload: payload)))
    return nextCall
  }

  /// A call came to nothing: its node is down or cannot be reached.
  func failed(_ call: UInt64) { calls.end(call) }

  /// The connection to a node broke.
  func lost(_ node: UInt64) -> UInt64? { calls.lost(node) }

  func take(_ answer: Answer, at time: UInt64, nodes: [UInt64], oracles: inout Oracles) {
    guard isUp else { return }
    switch answer {
    case .item(_, let payload):
      guard let offer = try? JobOffer(decoding: payload) else { return }
      take(offer.links, at: time, nodes: nodes, oracles: &oracles)
      guard !offer.token.isEmpty else { return }
      if let lease = offer.lease { see(lease, at: time) }
      if let proof = try? LedgerProof(parsing: offer.token), let token = ExecutorHost.token(in: proof) {
        if offered[token]?.contains(offer) != true { offered[token, default: []].append(offer) }
      }
      step(.jobOffered(OfferedJob(offer)), at: time, nodes: nodes, oracles: &oracles)
    case .respond(let key, let status, let payload):
      guard let question = calls.end(key.call) else { return }
      answered(question, status, payload, at: time, nodes: nodes, oracles: &oracles)
    }
  }

  private func answered(
    _ question: OpenCalls.Question, _ status: CallStatus, _ payload: [UInt8], at time: UInt64,
    nodes: [UInt64], oracles: inout Oracles
  ) {
    let isTaken = status.code == .ok
    switch question {
    case .enlist:
      guard isTaken, let lease = try? LeaseResponse(decoding: payload), let offer = LeaseOffer(lease) else {
        return
      }
      take(lease.links, at: time, nodes: nodes, oracles: &oracles)
      see(lease, at: time)
      step(.leaseOffered(offer), at: time, nodes: nodes, oracles: &oracles)
    case .report(let token, let node):
      if !isTaken { lastRefusal = "\(status)" }
      if [.notFound, .alreadyExists].contains(status.code) {
        step(
          .receiptRefused(token: token, node: "node-\(node)"), at: time, nodes: nodes, oracles: &oracles)
      }
      guard isTaken, let response = try? ReportResponse(decoding: payload),
        let proof = try? LedgerProof(parsing: response.proof)
      else { return }
      step(.receiptProven(proof), at: time, nodes: nodes, oracles: &oracles)
    case .fetch(let fetch, let node):
      let got = isTaken ? try? ArtifactContent(decoding: payload) : nil
      if got == nil { oracles.count(fault: "input not there") }
      let answer = got.map { InputAnswer.content($0.content, proof: $0.proof) }
      step(
        .inputAnswered(fetch, answer ?? .missed(status.message), node: "node-\(node)"),
        at: time, nodes: nodes, oracles: &oracles)
    case .put(let draft, let node):
      guard !isTaken else { return send(draft, to: node, at: time, oracles: &oracles) }
      lastRefusal = "\(status)"
      step(
        .resultRefused(
          token: draft.receipt.tokenID, node: "node-\(node)", status.message, isFinal: false),
        at: time, nodes: nodes, oracles: &oracles)
    }
  }

  /// Links of the chain of keys, as the program takes them.
  private func take(_ links: [String], at time: UInt64, nodes: [UInt64], oracles: inout Oracles) {
    let parsed = links.compactMap { try? LedgerProof(parsing: $0) }
    if !parsed.isEmpty { step(.keysOffered(parsed), at: time, nodes: nodes, oracles: &oracles) }
  }

  private func see(_ lease: LeaseResponse, at time: UInt64) {
    shadow.shown(
      lease, at: uptime(time), keys: credentials.keys.chain, links: instance?.identity.keys.links ?? 0)
  }

  private static func token(in proof: LedgerProof) -> String? {
    guard let record = try? Record(parsing: proof.leaf), case .decision(let decision) = record.body else {
      return nil
    }
    return decision.grant?.tokenID
  }

  // MARK: Effects out

  private func step(_ event: ExecutorEvent, at time: UInt64, nodes: [UInt64], oracles: inout Oracles) {
    let now = uptime(time)
    effects.clear()
    instance?.step(event, at: now, using: &random, into: &effects)
    let raised = effects
    var left = Int.max
    let count =
      raised.kills.count + raised.writes.count + raised.starts.count + raised.challenges.count
      + raised.fetches.count + raised.reports.count
    let dies = count > 1 ? armed : nil
    if dies != nil { left = Int(random.below(UInt64(count))) }
    /// Whether the next effect is still carried out.
    func lives() -> Bool {
      left -= 1
      return left >= 0
    }
    for (run, _) in raised.kills where lives() {
      if sandbox.kill(run, life: life) {
        oracles.count(fault: "machine outlived its kill")
        let gone = RunOutcome(ending: .killed)
        demands.append(.happening(.machineGone(run, gone), after: 1_000_000 + random.below(400_000_000)))
      }
    }
    for write in raised.writes where lives() {
      journal.append(write)
      oracles.holdsNoSecret(write.value ?? [], "a row of the journal of \(principal.path)", at: time)
      if write.key.hasPrefix("token/"), let bundle = shadow.newest?.bundle {
        let token = String(write.key.dropFirst(6))
        if bundles[token] == nil { bundles[token] = bundle }
      }
      diskFree = max(diskFree, time) + conditions.journalDelay + random.below(conditions.journalDelay + 1)
      demands.append(.happening(.synced, after: diskFree - time))
    }
    for order in raised.starts where lives() {
      oracles.starting(order, by: self, offers: offered[order.id.token] ?? [], at: time)
      timeline?.execution(principal, "starts \(order.id.token.prefix(8)), try \(order.id.attempt)", at: time)
      let plan = sandbox.start(order, life: life)
      if let trace = plan.trace { oracles.ran(order, trace, at: time) }
      demands.append(.happening(.guestSpoke(order.id), after: plan.boot))
      demands.append(.happening(.machineGone(order.id, plan.outcome), after: plan.end))
    }
    let reachable = nodes.filter { !isCutOff(from: $0) }
    for fetch in raised.fetches where lives() {
      guard !reachable.isEmpty else { continue }
      let request = ArtifactRequest(
        tenant: fetch.tenantID, digest: fetch.digest.hex, decision: fetch.decision.value)
      let node = reachable[fetch.attempt % reachable.count]
      calls.ask(.fetch(fetch, node: node), by: call(.artifactGet, request.encode(), to: node))
    }
    for challenge in raised.challenges where lives() {
      shadow.sent(challenge, at: now)
      let wall = Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch
      let declaration = HostDeclaration(
        executor: principal, incarnation: challenge.incarnation, challenge: challenge.bytes,
        isolationClasses: ["microvm-tcg"], isCompliant: false, shortcomings: [], declaredAt: wall)
      let signed = PartySigned(declaration, cluster: credentials.cluster, with: credentials.key)
      let request = EnlistRequest(
        incarnation: UInt32(challenge.incarnation), challenge: challenge.bytes,
        isolationClasses: declaration.isolationClasses, signature: signed.signature.bytes,
        declaredAt: wall.text)
      if let node = anyNode(nodes) { calls.ask(.enlist, by: call(.enlist, request.encode(), to: node)) }
    }
    for report in raised.reports where lives() {
      oracles.holdsNoSecret(report.draft.attachment.bytes, "a result of \(principal.path)", at: time)
      if let artifact = report.draft.artifact {
        oracles.count(fault: "result is a file")
        oracles.puts(artifact.content)
      }
      send(report, nodes, at: time, oracles: &oracles)
    }
    for notice in raised.notices {
      oracles.logs(notice.line, principal.path, at: time)
      switch notice {
      case .offerRefused: oracles.count(fault: "offer refused by an executor")
      case .jobRefused(_, let reason): oracles.count(fault: "job refused: \(reason.code)")
      case .leaseRefused: oracles.count(fault: "lease refused by an executor")
      default: break
      }
    }
    if let dies {
      oracles.count(fault: "executor crash between effects")
      armed = nil
      demands.append(.died(dies))
      // What it had not killed yet dies with it.
      return
    }
    for run in sandbox.runs where !run.isKilled && run.life == life {
      oracles.running(run.order, by: self, offers: offered[run.order.id.token] ?? [], at: time)
    }
  }

  /// The next node that answers, in turn.
  private func anyNode(_ nodes: [UInt64]) -> UInt64? {
    let reachable = nodes.filter { !isCutOff(from: $0) }
    guard !reachable.isEmpty else { return nil }
    nextNode += 1
    return reachable[Int(nextNode % UInt64(reachable.count))]
  }
}
