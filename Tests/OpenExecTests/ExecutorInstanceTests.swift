import Canonical
import Crypto
import OpenExec
import Records
import Testing

/// The way of a job, step by step, with everything that may go wrong at each.
@Suite("Executor instance")
struct ExecutorInstanceTests {
  let world: World
  init() throws { world = try World() }

  /// A shell with a live lease.
  func ready(settings: ExecutorSettings = ExecutorSettings()) throws -> Shell {
    var shell = try Shell(world, settings: settings)
    shell.step(.tick)
    try shell.renew()
    return shell
  }

  func offer(_ name: String = "t1", _ change: (inout World.JobPlan) -> Void = { _ in }) -> ExecutorEvent {
    var plan = world.plan(name)
    change(&plan)
    return .jobOffered(world.job(plan))
  }

  /// A job whose machine runs.
  func running(_ change: (inout World.JobPlan) -> Void = { _ in }) throws -> (Shell, RunOrder) {
    var shell = try ready()
    shell.step(offer("t1", change))
    shell.flush()
    let order = try #require(shell.starts.last)
    shell.step(.sandboxStarted(order.id))
    #expect(shell.instance.state(of: "t1") == .running)
    return (shell, order)
  }

  @Test("offered, burned, run, reported, proven")
  func lifecycle() throws {
    var shell = try ready()
    shell.step(offer())
    #expect(shell.instance.state(of: "t1") == .burning)
    #expect(shell.starts.isEmpty)
    shell.flush()
    let order = try #require(shell.starts.first)
    #expect(order.parameters == Array(#"{"a":1,"b":2}"#.utf8))
    #expect(shell.instance.state(of: "t1") == .starting)
    shell.step(.sandboxStarted(order.id))
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    #expect(shell.instance.state(of: "t1") == .concluding)
    #expect(shell.reports.isEmpty)
    shell.flush()
    let draft = try #require(shell.reports.first)
    #expect(draft.receipt.status == .succeeded && draft.receipt.errorCode == "")
    #expect(draft.receipt.isolationClass == .microvmTCG)
    #expect(draft.attachment["result"]?.hash == draft.receipt.resultHash)
    #expect(draft.attachment["result"]?.value["output"]?["sum"]?.integer == 3)
    #expect(shell.instance.state(of: "t1") == .pending)
    shell.step(.receiptProven(world.proof(of: draft)))
    shell.flush()
    #expect(shell.instance.state(of: "t1") == nil)
    #expect(shell.instance.nonces.isUsed("nonce-t1"))
    #expect(shell.instance.counts == (0, 0, 0))
  }

  @Test("no run starts before its nonce is on disk")
  func burnFirst() throws {
    var shell = try ready()
    shell.step(offer())
    shell.pass(1)
    shell.pass(1)
    #expect(shell.starts.isEmpty)
    #expect(shell.unwritten.contains { $0.key == "token/t1" })
    shell.flush()
    #expect(shell.starts.count == 1)
  }

  @Test("a token that ends while its nonce is on its way to the disk is not run, and its receipt says so")
  func endsWhileBurning() throws {
    var shell = try ready()
    shell.step(offer { $0.grant.expiresAt = World.start.advanced(by: .seconds(7)) })
    #expect(shell.unwritten.contains { $0.key == "token/t1" })
    for _ in 0..<4 { shell.pass(2) }
    // The lease is still good.
    shell.flush()
    #expect(shell.starts.isEmpty)
    let receipt = try #require(shell.reports.first).receipt
    #expect(receipt.status == .aborted && receipt.errorCode == "TOKEN_EXPIRED")
  }

  @Test("a job that comes before the preflight is through waits for it, and is not refused")
  func waitsForPreflight() throws {
    var shell = try Shell(world, activeClasses: [])
    shell.step(.tick)
    try shell.renew()
    shell.step(offer())
    shell.flush()
    #expect(shell.instance.state(of: "t1") == .queued)
    #expect(shell.reports.isEmpty)
    shell.step(.classesFound([.microvmTCG]))
    shell.flush()
    #expect(shell.starts.count == 1)
  }

  @Test("a journal in which any bit of any row has turned over needs a new incarnation (HF-4)")
  func damage() throws {
    var (shell, order) = try running()
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    let draft = try #require(shell.reports.first)
    shell.step(.receiptProven(world.proof(of: draft)))
    shell.flush()
    let rows = shell.journal.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
    #expect(rows.count == 3)
    for row in rows.indices {
      for bit in stride(from: 0, to: rows[row].value.count * 8, by: 7) {
        var damaged = rows
        damaged[row].value[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(throws: JournalError.self, "bit \(bit) of \(rows[row].key)") {
          _ = try RestoredJournal(damaged, identity: world.identity)
        }
      }
    }
  }

  @Test("one token is run once, however often it is offered, and never again once it is done")
  func onlyOnce() throws {
    var (shell, order) = try running()
    for _ in 0..<3 { shell.step(offer()) }
    shell.flush()
    #expect(shell.starts.count == 1)
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    shell.step(offer())
    #expect(shell.starts.count == 1)
    let draft = try #require(shell.reports.first)
    // Offered again while unproven: governance does not have the receipt, so it is told again.
    #expect(shell.reports.count == 2)
    shell.step(.receiptProven(world.proof(of: draft)))
    shell.flush()
    shell.step(offer())
    shell.flush()
    #expect(shell.starts.count == 1)
    #expect(shell.notices.last == .offerRefused(.nonceUsed))
    #expect(shell.reports.count == 2)
  }

  @Test("a crash before the burn is durable loses nothing; after it the token never runs again")
  func crashes() throws {
    var shell = try ready()
    shell.step(offer())
    try shell.crash()
    #expect(!shell.instance.nonces.isUsed("nonce-t1"))
    #expect(shell.reports.isEmpty)

    for runsFirst in [false, true] {
      var (shell, order) = try running()
      if runsFirst { shell.step(.sandboxFinished(order.id, shell.success(order))) }
      // The receipt was asked to be written, and was not.
      try shell.crash()
      #expect(shell.instance.nonces.isUsed("nonce-t1"))
      shell.flush()
      let draft = try #require(shell.reports.last)
      #expect(draft.receipt.status == .unknown)
      #expect(draft.receipt.errorCode == "EXECUTOR_RESTARTED")
      #expect(draft.receipt.cost == MicroUSD(micros: 1_000_000))
      try shell.renew(World.LeasePlan(size: 200))
      shell.step(offer())
      shell.flush()
      #expect(shell.starts.count == 1)
      shell.step(.receiptProven(world.proof(of: draft)))
      shell.flush()
      #expect(shell.instance.counts == (0, 0, 0))
    }
  }

  @Test("a receipt that was on disk is reported again, the same to the byte, after every crash")
  func receiptSurvives() throws {
    var (shell, order) = try running()
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    let draft = try #require(shell.reports.first)
    for _ in 0..<3 {
      try shell.crash()
      #expect(shell.reports.last == draft)
      #expect(shell.instance.state(of: "t1") == .pending)
    }
    shell.step(.receiptProven(world.proof(of: draft)))
    shell.flush()
    try shell.crash()
    #expect(shell.instance.counts == (0, 0, 0))
    #expect(shell.instance.nonces.isUsed("nonce-t1"))
  }

  @Test("a refusal gets a receipt, and its nonce is used up with it")
  func refusal() throws {
    var shell = try ready()
    shell.step(offer("t1") { $0.grant.allowedScopes = [] })
    shell.flush()
    let draft = try #require(shell.reports.first)
    #expect(draft.receipt.status == .refused && draft.receipt.errorCode == "SCOPE_MISSING")
    #expect(draft.receipt.isolationClass == nil && draft.receipt.imageDigest == "")
    #expect(draft.receipt.executedAt == draft.receipt.finishedAt)
    #expect(shell.starts.isEmpty)
    try shell.crash()
    #expect(shell.instance.nonces.isUsed("nonce-t1"))
    #expect(shell.reports.last == draft)
  }

  @Test("whoever watches hears of every start, end and refusal of a job, by its hashes (RT-10)")
  func notices() throws {
    var (shell, order) = try running()
    let started = shell.notices.compactMap { notice -> Decision? in
      if case .jobStarted(order.id, let decision, .microvmTCG, command: order.commandHash) = notice {
        decision
      } else {
        nil
      }
    }
    #expect(started.map(\.traceID) == ["trace"] && started.map(\.requestID) == ["request-t1"])
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.step(offer("t2") { $0.grant.allowedScopes = [] })
    shell.flush()
    let (ended, refused) = (try #require(shell.reports.first), try #require(shell.reports.last))
    #expect(shell.notices.contains(.jobEnded(ended.receipt)) && ended.receipt.status == .succeeded)
    #expect(refused.receipt.status == .refused)
    #expect(
      shell.notices.contains { notice in
        if case .jobRefused(refused.receipt, .scopeMissing) = notice { true } else { false }
      })
    // Ended by a crash: nobody knows how, and that is said too.
    var (other, _) = try running()
    try other.crash()
    other.flush()
    let unknown = try #require(other.reports.last)
    #expect(unknown.receipt.status == .unknown && other.notices.contains(.jobEnded(unknown.receipt)))
  }

  @Test("a node that offers a good token with other parameters or another proposal does not use it up")
  func spoiledOffer() throws {
    var shell = try ready()
    let good = world.job(world.plan("t1"))
    let other = world.job(world.plan("t2"))
    shell.step(
      .jobOffered(OfferedJob(token: good.token, proposal: good.proposal, attachment: other.proposal)))
    shell.step(
      .jobOffered(OfferedJob(token: good.token, proposal: other.proposal, attachment: good.attachment)))
    shell.step(.jobOffered(OfferedJob(token: good.token, proposal: [], attachment: [])))
    shell.step(.jobOffered(good))
    shell.flush()
    #expect(shell.reports.isEmpty && shell.starts.map(\.id) == [RunID(token: "t1", attempt: 1)])
  }

  @Test("what is not a proven token leaves no trace but a notice")
  func unproven() throws {
    var shell = try ready()
    shell.step(offer("t1") { $0.byStranger = true })
    shell.step(offer("t1") { $0.consents = false })
    #expect(shell.unwritten.isEmpty && shell.reports.isEmpty)
    #expect(shell.instance.counts == (0, 0, 0))
    #expect(shell.notices.contains(.offerRefused(.unknownKey)))
  }

  @Test("without a lease nothing starts; with one that is older than the approval neither")
  func waiting() throws {
    var shell = try Shell(world)
    shell.step(offer("t1") { $0.size = 150 })
    shell.pass(5)
    shell.flush()
    #expect(shell.instance.state(of: "t1") == .queued)
    try shell.renew()
    #expect(shell.instance.state(of: "t1") == .queued)
    shell.pass(4)
    try shell.renew(
      World.LeasePlan(size: 150, time: World.start.advanced(by: .seconds(8))))
    #expect(shell.starts.count == 1)
  }

  @Test("a lease that lapses stops what runs, and its receipt says aborted")
  func lapse() throws {
    var (shell, order) = try running()
    shell.pass(9)
    #expect(shell.kills.isEmpty)
    shell.pass(1.1)
    #expect(shell.kills.map(\.run) == [order.id])
    #expect(shell.kills.map(\.reason) == [.leaseLapsed])
    shell.pass(1)
    #expect(shell.kills.count == 1)
    shell.step(.sandboxFinished(order.id, RunOutcome(ending: .killed)))
    shell.flush()
    let draft = try #require(shell.reports.first)
    #expect(draft.receipt.status == .aborted && draft.receipt.errorCode == "LEASE_LAPSED")
  }

  @Test("a kill or a quarantine stops what runs", arguments: [0, 1])
  func kill(way: Int) throws {
    var (shell, order) = try running()
    shell.pass(4)
    let code: String
    switch way {
    case 0:
      try shell.renew(World.LeasePlan(size: 101, mode: .halted))
      code = "HALTED"
    default:
      let entry = RestrictionList.Entry(incidentID: "i", target: .tenant("acme"))
      try shell.renew(World.LeasePlan(size: 101, restrictions: [entry]))
      code = "RESTRICTED"
    }
    #expect(shell.kills.map(\.run) == [order.id])
    shell.step(.sandboxFinished(order.id, RunOutcome(ending: .killed)))
    shell.flush()
    #expect(shell.reports.first?.receipt.status == .aborted)
    #expect(shell.reports.first?.receipt.errorCode == code)
  }

  @Test("what was forbidden while the nonce was being written does not start")
  func forbiddenMeanwhile() throws {
    var shell = try ready()
    shell.step(offer())
    shell.now = shell.now.advanced(by: .seconds(60))
    shell.flush()
    #expect(shell.starts.isEmpty)
    #expect(shell.reports.first?.receipt.status == .aborted)
    #expect(shell.instance.nonces.isUsed("nonce-t1"))
  }

  @Test("success takes the guest's own word and evidence for this very challenge")
  func evidence() throws {
    let spoils: [(inout RunOutcome) -> Void] = [
      { $0.guest = nil },
      { $0.guest?.answer = String(repeating: "0", count: 64) },
      { $0.guest?.bootID = "another" },
      { $0.guest?.kernel = "6.2" },
      { $0.ending = .sandboxFailed("the machine ended") },
      { $0.ending = .completed(exitStatus: 1) },
      { $0.ending = .signalled(number: 9) },
      // A shim's word, for a run in a machine.
      { $0.ending = .toldByShim(exitStatus: 0) },
    ]
    let codes = [
      "EVIDENCE", "EVIDENCE", "EVIDENCE", "EVIDENCE", "SANDBOX_FAILED", "EXIT_STATUS", "SIGNALLED",
      "EVIDENCE",
    ]
    for (spoil, code) in zip(spoils, codes) {
      var (shell, order) = try running()
      var outcome = shell.success(order)
      spoil(&outcome)
      shell.step(.sandboxFinished(order.id, outcome))
      shell.flush()
      #expect(shell.reports.first?.receipt.status == .failed)
      #expect(shell.reports.first?.receipt.errorCode == code)
    }
    // Evidence of another run.
    var (shell, order) = try running()
    var other = order
    other = RunOrder(
      id: order.id, isolationClass: order.isolationClass, imageDigest: order.imageDigest,
      arguments: order.arguments, parameters: order.parameters, limits: order.limits,
      challenge: [UInt8](repeating: 9, count: 32))
    shell.step(.sandboxFinished(order.id, shell.success(other)))
    shell.flush()
    #expect(shell.reports.first?.receipt.errorCode == "EVIDENCE")
  }

  @Test("a failed run is tried again within the token; then the loop guard ends it")
  func retries() throws {
    var (shell, order) = try running { $0.grant.constraints.maximumRetries = 2 }
    for attempt in 1...3 {
      #expect(shell.starts.count == attempt)
      order = try #require(shell.starts.last)
      #expect(order.id.attempt == attempt)
      var outcome = shell.success(order)
      outcome.ending = .completed(exitStatus: 1)
      shell.step(.sandboxFinished(order.id, outcome))
    }
    shell.flush()
    #expect(shell.starts.count == 3)
    #expect(Set(shell.starts.map(\.challenge)).count == 3)
    let receipt = try #require(shell.reports.first?.receipt)
    #expect(receipt.status == .aborted && receipt.errorCode == "LOOP_GUARD")
    #expect(receipt.loopGuardTriggered)
  }

  @Test("a second try that succeeds is a success")
  func secondTry() throws {
    var (shell, order) = try running { $0.grant.constraints.maximumRetries = 1 }
    shell.step(.sandboxFinished(order.id, RunOutcome(ending: .sandboxFailed("no"))))
    let second = try #require(shell.starts.last)
    shell.step(.sandboxFinished(second.id, shell.success(second)))
    shell.flush()
    #expect(shell.reports.first?.receipt.status == .succeeded)
  }

  @Test("wall clock and cost beyond the limit are the loop guard's", arguments: [true, false])
  func loopGuard(byCost: Bool) throws {
    var (shell, order) = try running()
    var outcome = shell.success(order)
    if byCost {
      outcome.cost = try #require(MicroUSD(micros: 1_000_001))
    } else {
      outcome.ending = .wallClock
    }
    shell.step(.sandboxFinished(order.id, outcome))
    shell.flush()
    let receipt = try #require(shell.reports.first?.receipt)
    #expect(receipt.status == .aborted && receipt.errorCode == "LOOP_GUARD")
    #expect(receipt.loopGuardTriggered)
  }

  @Test("a run costs what was metered, and at least the registry's estimate; what did not run, nothing")
  func cost() throws {
    for (metered, expected) in [(0, 250_000), (300_000, 300_000)] {
      var (shell, order) = try running()
      var outcome = shell.success(order)
      outcome.cost = try #require(MicroUSD(micros: Int64(metered)))
      shell.step(.sandboxFinished(order.id, outcome))
      shell.flush()
      let receipt = try #require(shell.reports.first?.receipt)
      #expect(receipt.status == .succeeded && receipt.cost == MicroUSD(micros: Int64(expected)))
    }
    var shell = try ready()
    shell.step(offer("t1") { $0.grant.allowedScopes = [] })
    shell.flush()
    #expect(shell.reports.first?.receipt.cost == .zero)
  }

  @Test(
    "where the registry prices processor time, a run costs what it used, and an unmeasured one the estimate")
  func priced() throws {
    for (nanoseconds, metered, expected) in [(1, 0, 1), (2_500_000_000, 7, 250_007), (nil, 0, 250_000)] {
      var (shell, order) = try running {
        $0.action = "priced"
        $0.grant.approvalScope = "priced"
      }
      var outcome = shell.success(order)
      outcome.cost = try #require(MicroUSD(micros: Int64(metered)))
      outcome.measures.usage = nanoseconds.map {
        RunUsage(processorNanoseconds: $0, memoryPeakBytes: 1, wallNanoseconds: 1)
      }
      shell.step(.sandboxFinished(order.id, outcome))
      shell.flush()
      let receipt = try #require(shell.reports.first?.receipt)
      #expect(receipt.status == .succeeded && receipt.cost == MicroUSD(micros: Int64(expected)))
    }
    let prices = RunPrices(
      processorSecond: try #require(MicroUSD(text: "0.1")), sentMebibyte: try #require(MicroUSD(text: "2")))
    #expect(prices.cost(processorNanoseconds: 0, sentBytes: (1 << 20) + 1).micros == 2_000_002)
    #expect(prices.cost(processorNanoseconds: .max, sentBytes: .max) == .maximum)
  }

  @Test("a sandbox that does not end in time is killed from here")
  func backstop() throws {
    var (shell, order) = try running()
    for step in 1...18 {
      shell.pass(4)
      try shell.renew(
        World.LeasePlan(
          size: 100 + UInt64(step), time: World.start.advanced(by: .seconds(Int64(step) * 4))))
    }
    #expect(shell.kills.map(\.run) == [order.id])
    #expect(shell.kills.map(\.reason) == [.wallClock])
  }

  @Test("queue and running jobs are bounded; a receipt unproven for 30 s keeps new jobs out")
  func bounds() throws {
    var settings = ExecutorSettings()
    settings.maximumQueue = 2
    var shell = try ready(settings: settings)
    for number in 1...4 { shell.step(offer("t\(number)")) }
    shell.flush()
    #expect(shell.instance.counts == (2, 1, 0))
    #expect(shell.notices.contains(.queueFull(limit: 2)))
    let order = try #require(shell.starts.first)
    shell.step(.sandboxFinished(order.id, RunOutcome(ending: .signalled(number: 9))))
    shell.flush()
    #expect(shell.starts.count == 2)
    // The second is done as well, and neither receipt is proven.
    let second = try #require(shell.starts.last)
    for step in 1...8 {
      shell.pass(4)
      try shell.renew(
        World.LeasePlan(
          size: 100 + UInt64(step), time: World.start.advanced(by: .seconds(Int64(step) * 4))))
    }
    shell.step(.sandboxFinished(second.id, shell.success(second)))
    shell.flush()
    #expect(shell.starts.count == 2)
    #expect(shell.instance.state(of: "t3") == .queued)
    let owed = try #require(shell.reports.first)
    shell.step(.receiptProven(world.proof(of: owed)))
    shell.flush()
    #expect(shell.starts.count == 3)
  }

  @Test("a proof settles its own receipt only, and only under the cluster's key")
  func proofs() throws {
    var (shell, order) = try running()
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    let draft = try #require(shell.reports.first)
    let good = world.proof(of: draft)
    let line = good.note.signatures[0]
    let forged = SignedNoteForgery.flip(good, line: line)
    shell.step(.receiptProven(forged))
    var receipt = draft.receipt
    receipt.status = .failed
    let signed = Signed.sign(
      receipt, cluster: world.cluster, as: world.executor, with: world.executorKey)
    let leaf = Record(at: World.start, body: .receipt(signed)).bytes
    shell.step(.receiptProven(world.proof(of: leaf, size: 60, time: World.start)))
    #expect(shell.instance.state(of: "t1") == .pending)
    shell.step(.receiptProven(good))
    #expect(shell.instance.state(of: "t1") == nil)
  }

  @Test("a challenge is asked for at once, every second without a lease, at a third of its life with one")
  func challenges() throws {
    var shell = try Shell(world)
    shell.step(.tick)
    #expect(shell.challenges.count == 1)
    shell.pass(0.5)
    #expect(shell.challenges.count == 1)
    shell.pass(0.5)
    #expect(shell.challenges.count == 2)
    try shell.renew()
    shell.pass(3)
    #expect(shell.challenges.isEmpty)
    shell.pass(0.4)
    #expect(shell.challenges.count == 1)
  }

  @Test("the lease in force once more, as every node sends it, is no news; an older one is")
  func again() throws {
    var shell = try Shell(world)
    shell.pass(4)
    let challenge = try #require(shell.challenges.last)
    let offer = world.lease(World.LeasePlan(size: 105), answering: challenge)
    shell.step(.leaseOffered(offer))
    shell.flush()
    func refusals() -> Int {
      shell.notices.count { if case .leaseRefused = $0 { true } else { false } }
    }
    let before = refusals()
    shell.step(.leaseOffered(offer))
    #expect(refusals() == before)
    shell.step(.leaseOffered(world.lease(World.LeasePlan(size: 104), answering: challenge)))
    #expect(refusals() == before + 1)
  }

  @Test("nonces are let go only when a durable lease's time is past the token's end")
  func forgetting() throws {
    var (shell, order) = try running()
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    let draft = try #require(shell.reports.first)
    // Its end is at 300 s; it is held for 900 s beyond, and for as long as its receipt is not proven.
    func lease(_ size: UInt64, _ seconds: Int64) throws {
      shell.pass(4)
      try shell.renew(
        World.LeasePlan(size: size, time: World.start.advanced(by: .seconds(seconds))))
    }
    try lease(101, 1_300)
    #expect(shell.instance.nonces.isUsed("nonce-t1"))
    var (early, earlyOrder) = try running()
    early.step(.sandboxFinished(earlyOrder.id, early.success(earlyOrder)))
    early.flush()
    early.step(.receiptProven(world.proof(of: try #require(early.reports.first))))
    early.pass(4)
    try early.renew(World.LeasePlan(size: 101, time: World.start.advanced(by: .seconds(1_200))))
    #expect(early.instance.nonces.isUsed("nonce-t1"))
    shell.step(.receiptProven(world.proof(of: draft)))
    shell.flush()
    #expect(shell.journal["token/t1"] != nil)
    try lease(102, 1_301)
    #expect(!shell.instance.nonces.isUsed("nonce-t1"))
    #expect(shell.journal["token/t1"] == nil)
    // Forgotten is not forgiven, and gets no second receipt.
    let reports = shell.reports.count
    shell.step(offer())
    shell.flush()
    #expect(shell.starts.count == 1 && shell.reports.count == reports)
    guard case .offerRefused(.expired) = shell.notices.last else {
      Issue.record("expected a refusal for its expiry, came \(String(describing: shell.notices.last))")
      return
    }
    // One that ended not long ago and was never seen gets its receipt.
    shell.step(offer("t2") { $0.grant.expiresAt = World.start.advanced(by: .seconds(800)) })
    shell.flush()
    #expect(shell.reports.last?.receipt.tokenID == "t2")
    #expect(shell.reports.last?.receipt.errorCode == "TOKEN_EXPIRED")
    // Nor is it after a restart, before any lease: the expiry is judged under a lease only.
    try shell.crash()
    shell.step(offer())
    #expect(shell.starts.count == 1)
  }

  @Test("a journal that is missing, of another life, or damaged needs a new incarnation")
  func lostJournal() throws {
    #expect(throws: JournalError.registryLost(expected: 3)) {
      try RestoredJournal([], identity: world.identity)
    }
    let older = ExecutorIdentity(
      keys: world.identity.keys, executor: world.executor, incarnation: 2)
    let contents = RestoredJournal.beginning(older).compactMap { write in
      write.value.map { (key: write.key, value: $0) }
    }
    #expect(throws: JournalError.self) {
      try RestoredJournal(contents, identity: world.identity)
    }
    var (shell, _) = try running()
    shell.flush()
    let kept = try #require(shell.journal["token/t1"])
    for position in stride(from: 0, to: kept.count, by: 97) {
      var damaged = shell.journal
      damaged["token/t1"] = Array(kept[..<position])
      #expect(throws: JournalError.self) {
        try RestoredJournal(damaged.map { ($0.key, $0.value) }, identity: world.identity)
      }
    }
  }

  @Test("a shutdown stops what runs and starts nothing")
  func shutdown() throws {
    var (shell, order) = try running()
    shell.step(offer("t2"))
    shell.step(.shutdown)
    #expect(shell.kills.map(\.reason) == [.shutdown])
    shell.step(.sandboxFinished(order.id, RunOutcome(ending: .killed)))
    shell.flush()
    #expect(shell.starts.count == 1)
    #expect(shell.reports.first?.receipt.errorCode == "SHUTDOWN")
  }

  @Test("whatever happens in whatever order, a token is run once and has one receipt")
  func property() throws {
    for seed in 0..<60 as Range<UInt64> {
      var dice = SeededRandom(seed: seed)
      var shell = try ready()
      var begun: [RunID] = []
      var size: UInt64 = 100
      for _ in 0..<80 {
        let name = "t\(Int.random(in: 1...3, using: &dice))"
        switch Int.random(in: 0..<10, using: &dice) {
        case 0, 1: shell.step(offer(name))
        case 2: shell.flush()
        case 3: if let order = shell.starts.last { shell.step(.sandboxStarted(order.id)) }
        case 4, 5:
          if let order = shell.starts.last {
            shell.step(.sandboxFinished(order.id, shell.success(order)))
          }
        case 6: shell.pass(Double.random(in: 0...12, using: &dice))
        case 7: try shell.crash()
        case 8: if let draft = shell.reports.last { shell.step(.receiptProven(world.proof(of: draft))) }
        default:
          size += 1
          if !shell.challenges.isEmpty { try shell.renew(World.LeasePlan(size: size)) }
        }
        begun = shell.starts.map(\.id)
      }
      let tokens = begun.map(\.token)
      #expect(Set(tokens).count == tokens.count, "seed \(seed)")
      // One receipt a token, whatever was reported how often.
      for name in ["t1", "t2", "t3"] {
        let drafts = shell.reports.filter { $0.receipt.tokenID == name }
        #expect(drafts.allSatisfy { $0 == drafts[0] }, "seed \(seed)")
      }
    }
  }
}
