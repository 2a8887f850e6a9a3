import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// One executor: takes jobs, gates them, burns their nonces, orders their runs, and holds their
/// receipts until governance has them in the ledger. A value without I/O, clock or randomness of its
/// own: events in, effects out.
///
/// The way of a job: offered → proven → queued → admitted → inputs fetched → nonce burned, durably →
/// sandbox started → finished → receipt kept, durably → reported until proven. A crash before the burn loses nothing; after
/// it, the token never runs again and its receipt says `unknown`.
public struct ExecutorInstance: Sendable {
  public internal(set) var identity: ExecutorIdentity
  public let settings: ExecutorSettings
  public internal(set) var leases: LeaseKeeper
  public internal(set) var registry: ActionRegistry?
  public internal(set) var nonces = NonceRegistry()
  public internal(set) var activeClasses: [IsolationClass]
  public internal(set) var images = ImageClasses()
  /// Whether the preflight has said which classes are active. Until then no job is judged: its refusal for want
  /// of a sandbox would be for good.
  var isPreflightDone: Bool

  /// First in, first out, but for those that wait for a lease. Invariant: no token twice, none in `jobs`.
  var queue: [QueuedJob] = []
  /// Ascending by token.
  var jobs: [Job] = []
  /// Runs that began in the last minute, oldest first.
  var recentRuns: [(action: String, at: Uptime)] = []
  /// What the journal held at the start, until the first step.
  private var restored: [TokenRecord]
  private var nextTicket: UInt64 = 1
  private var lastChallenge: Uptime?
  private(set) var isShuttingDown = false
  let writer: ReceiptWriter

  /// An executor that goes on from its journal. With no active classes it waits for `classesFound`.
  public init(
    identity: ExecutorIdentity, journal: RestoredJournal, activeClasses: [IsolationClass],
    settings: ExecutorSettings = ExecutorSettings()
  ) {
    var identity = identity
    // The keys that it has come to know since the genesis, each certified by the one before.
    identity.keys = journal.keys
    self.identity = identity
    self.settings = settings
    self.activeClasses = activeClasses
    isPreflightDone = !activeClasses.isEmpty
    leases = LeaseKeeper(identity: identity, highest: journal.highestLease)
    writer = ReceiptWriter(identity: identity)
    restored = journal.tokens
    for record in journal.tokens {
      // The registry is made before the first event, so that none finds it without a burned nonce.
      #if SIMULATION
      if Mutant.runAgainAfterCrash.isActive, case .burned = record { continue }
      #endif
      switch record {
      case .burned(let burned), .reported(let burned, _):
        let grant = burned.token.grant
        _ = nonces.burn(grant.nonce, token: grant.tokenID, expiresAt: grant.expiresAt)
      case .settled(let id, let nonce, let end):
        _ = nonces.burn(nonce, token: id, expiresAt: end)
      }
    }
  }

  /// Takes one event. `now` never goes back.
  public mutating func step(
    _ event: ExecutorEvent, at now: Uptime, using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    if !restored.isEmpty { resume(at: now, using: &random, into: &effects) }
    switch event {
    case .jobOffered(let offer): take(offer, at: now, into: &effects)
    case .inputAnswered(let fetch, let answer, let node):
      answered(fetch, answer, by: node, at: now, into: &effects)
    case .resultRefused(let token, let node, let why, let isFinal):
      resultRefused(of: token, by: node, why, isFinal: isFinal, at: now, using: &random, into: &effects)
    case .persisted(let ticket): persisted(ticket, at: now, using: &random, into: &effects)
    case .sandboxStarted(let run): started(run)
    case .sandboxFinished(let run, let outcome):
      finished(run, outcome, at: now, using: &random, into: &effects)
    case .leaseOffered(let offer): take(offer, at: now, into: &effects)
    case .keysOffered(let links): take(links, into: &effects)
    case .receiptProven(let proof): settle(proof, into: &effects)
    case .receiptRefused(let token, let node): receiptRefused(of: token, by: node, into: &effects)
    case .classesFound(let classes):
      activeClasses = classes
      isPreflightDone = true
    case .imagesFound(let found): images = found
    case .tick: break
    case .shutdown: isShuttingDown = true
    }
    stopWhatMayNotRun(at: now, into: &effects)
    startWhatMay(at: now, using: &random, into: &effects)
    reportAgain(at: now, into: &effects)
    challengeIfDue(at: now, using: &random, into: &effects)
  }

  /// Where a token stands; nil where it is not known, or its receipt is proven.
  public func state(of token: String) -> JobState? {
    if let queued = queue.first(where: { $0.token.id == token }) {
      return queued.gathering == nil ? .queued : .gathering
    }
    guard let position = position(of: token) else { return nil }
    switch jobs[position].phase {
    case .burning: return .burning
    case .starting: return .starting
    case .running: return .running
    case .stopping: return .stopping
    case .concluding: return .concluding
    case .pending: return .pending
    }
  }

  /// Jobs that wait, run, or wait for the proof of their receipt.
  public var counts: (queued: Int, active: Int, unproven: Int) {
    let active = jobs.count { $0.isActive }
    return (queue.count, active, jobs.count - active)
  }

  // MARK: Time and order

  /// The cluster's time as well as this executor knows it: behind only while it has seen no lease since
  /// it started.
  func clock(_ now: Uptime) -> Timestamp {
    #if SIMULATION
    if Mutant.expiryByOwnClock.isActive, let current = leases.current { return current.mark.time }
    #endif
    return leases.current?.time(at: now) ?? leases.highest?.time ?? .epoch
  }

  /// The cluster's time, for what is signed here and judged there; nil until this run of the program has seen a lease, and
  /// nothing is known but the host's clock.
  public func clusterTime(at now: Uptime) -> Timestamp? { leases.current?.time(at: now) }

  mutating func write(
    _ key: String, _ value: [UInt8]?, into effects: inout ExecutorEffects
  ) -> Ticket {
    let ticket = Ticket(nextTicket)
    nextTicket += 1
    let row = value.map { JournalRow.sealed(key, $0) }
    effects.writes.append(JournalWrite(ticket: ticket, key: key, value: row))
    return ticket
  }

  func position(of token: String) -> Int? {
    let position = jobs.partitioningIndex { $0.burned.token.id >= token }
    return position < jobs.count && jobs[position].burned.token.id == token ? position : nil
  }

  mutating func insert(_ job: Job) {
    jobs.insert(job, at: jobs.partitioningIndex { $0.burned.token.id >= job.burned.token.id })
  }

  // MARK: Restart

  /// A burned nonce without a receipt: nobody can say how far it got, so it is said to be unknown.
  private mutating func resume(
    at now: Uptime, using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    var records: [TokenRecord] = []
    swap(&records, &restored)
    for record in records {
      #if SIMULATION
      if Mutant.runAgainAfterCrash.isActive, case .burned = record { continue }
      #endif
      switch record {
      case .settled: break
      case .reported(let burned, let draft):
        let report = ReceiptReport(draft)
        effects.reports.append(report)
        insert(Job(burned: burned, phase: .pending(report, since: now, reportedAt: now)))
      case .burned(let burned):
        let verdict = ReceiptWriter.Verdict(
          status: .unknown, code: "EXECUTOR_RESTARTED",
          explanation: "the executor ended while the action ran")
        let draft = writer.draft(
          burned, verdict: verdict, outcome: nil, ran: true, executedAt: burned.burnedAt,
          finishedAt: max(burned.burnedAt, clock(now)),
          cost: burned.token.grant.constraints.maximumCost, salt: random.bytes(16))
        effects.notices.append(.jobEnded(draft.receipt))
        conclude(burned, draft, into: &effects)
      }
    }
  }

  // MARK: Keys

  /// Takes links of the chain of keys. Each is written before anything that its key signs is acted on, since writes
  /// are done in order and a start waits for the write of its nonce.
  mutating func take(_ links: [LedgerProof], into effects: inout ExecutorEffects) {
    for link in links {
      do {
        guard try identity.keys.extend(link) else { continue }
      } catch {
        effects.notices.append(.keyRefused(error))
        return
      }
      leases.identity = identity
      _ = write(JournalKey.link(link.index), Array(link.encoded.utf8), into: &effects)
      effects.notices.append(.keyTaken(firstSize: link.index.value + 2))
    }
  }

  // MARK: Leases

  /// Takes a lease up. One that came with a job is extra: every node sends the same, so that it is not
  /// newer is no news.
  mutating func take(
    _ offer: LeaseOffer, isExtra: Bool = false, at now: Uptime, into effects: inout ExecutorEffects
  ) {
    let lease: Lease
    do {
      lease = try leases.accept(offer, at: now)
    } catch {
      // The same note answers several challenges, and comes from several nodes: that is no news either.
      if case .notNewer(let newest) = error, isExtra || offer.mark == newest { return }
      effects.notices.append(.leaseRefused(error))
      return
    }
    // Durable before whatever starts under it, since writes are done in order and a start waits for
    // the write of its nonce.
    _ = write(JournalKey.lease, JournalKey.leaseBytes(lease.mark), into: &effects)
    if !offer.bundle.isEmpty, registry?.hash != lease.line.policyBundleHash {
      do {
        registry = try ActionRegistry(parsing: offer.bundle, expected: lease.line.policyBundleHash)
        effects.notices.append(.bundleLoaded(lease.line.policyBundleHash))
      } catch {
        effects.notices.append(.bundleRefused(error))
      }
    }
    let held = jobs.map(\.burned.token.id)
    let ended = nonces.forget(at: lease.mark.time) { held.contains($0) }
    for token in ended { _ = write(TokenRecord.key(token), nil, into: &effects) }
  }

  private mutating func challengeIfDue(
    at now: Uptime, using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    guard !isShuttingDown else { return }
    if let last = lastChallenge, now.since(last) < settings.challengeInterval { return }
    if let lease = leases.live(at: now) {
      let third = Interval(nanoseconds: Int64(lease.line.seconds) * 1_000_000_000 / 3)
      guard now >= lease.began.advanced(by: third) else { return }
    }
    lastChallenge = now
    effects.challenges.append(leases.challenge(random.bytes(32), at: now))
  }
}
