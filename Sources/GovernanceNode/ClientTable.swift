import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// The calls that wait for something; all bounded.
struct ClientTable: Sendable {
  /// A submission on its way to a leader.
  struct Forward: Sendable {
    let id: UInt64
    let submission: Submission
    /// As it is sent, each time the same.
    let statement: [UInt8]
    let since: Instant
    /// A peer forwarded it in vain and showed it to this node.
    var isWitnessed = false
    var sentTo: NodeID?
    var sentAt = Instant(nanoseconds: 0)
    /// Where the leader says that it is; the log does not reach there yet.
    var promised: LeafIndex?
    /// When peers were shown it.
    var shownAt: Instant?
  }

  /// A call that waits until a leaf is final.
  struct Waiter: Sendable {
    let submission: Submission
    let index: LeafIndex
  }

  /// A call that waits for the outcome of a proposal.
  struct Watcher: Sendable {
    let key: CallKey
    let proposal: LeafIndex
    let isStream: Bool
    /// What it was told last.
    var told: String
  }

  private var forwards: [Forward] = []
  private var nextForward: UInt64 = 1
  private(set) var waiters: [Waiter] = []
  var watchers: [Watcher] = []
  var exports: [Export] = []

  static var maximumForwards: Int { 8192 }
  /// Beyond this many, what peers show is not taken up: they have other witnesses.
  static var maximumWitnessed: Int { 1024 }
  /// All of them are looked at whenever more becomes final.
  static var maximumWatchers: Int { 4096 }
  static var forwardDeadline: Nanoseconds { .seconds(30) }
  static var resendAfter: Nanoseconds { .milliseconds(500) }

  /// Whether there is something to stream at once.
  var isStreaming: Bool { exports.contains { !$0.isHeld } }

  // MARK: Forwards

  /// False where there is no room.
  mutating func forward(_ submission: Submission, isWitnessed: Bool = false, at now: Instant) -> Bool {
    guard forwards.count < (isWitnessed ? Self.maximumWitnessed : Self.maximumForwards) else { return false }
    forwards.append(
      Forward(
        id: nextForward, submission: submission, statement: Statements.bytes(submission.body), since: now,
        isWitnessed: isWitnessed))
    nextForward += 1
    return true
  }

  /// The oldest forwards that have waited for at least `span`, at most `limit`.
  func overdue(for span: Nanoseconds, at now: Instant, limit: Int = .max) -> [Forward] {
    Array(forwards.lazy.filter { $0.since + span <= now }.prefix(limit))
  }

  func isForwarding(_ statement: [UInt8]) -> Bool {
    forwards.contains { $0.statement == statement }
  }

  mutating func change(_ id: UInt64, _ body: (inout Forward) -> Void) {
    for position in forwards.indices where forwards[position].id == id { body(&forwards[position]) }
  }

  mutating func takeForwards() -> [Forward] {
    defer { forwards.removeAll() }
    return forwards
  }

  /// Forwards that this leader was not sent, or has not answered for a while.
  mutating func unsent(to leader: NodeID, at now: Instant) -> [Forward] {
    var out: [Forward] = []
    for position in forwards.indices
    where forwards[position].promised == nil
      && (forwards[position].sentTo != leader || forwards[position].sentAt + Self.resendAfter <= now)
    {
      forwards[position].sentTo = leader
      forwards[position].sentAt = now
      out.append(forwards[position])
    }
    return out
  }

  func forwarded(_ id: UInt64, to leader: NodeID) -> Submission? {
    forwards.first { $0.id == id && $0.sentTo == leader }?.submission
  }

  mutating func endForward(_ id: UInt64) { forwards.removeAll { $0.id == id } }

  mutating func resend(_ id: UInt64) {
    for position in forwards.indices where forwards[position].id == id { forwards[position].sentTo = nil }
  }

  mutating func expireForwards(at now: Instant) -> [Purpose] {
    // With every pulse: mostly none is.
    guard forwards.indices.contains(where: { forwards[$0].since + Self.forwardDeadline <= now }) else {
      return []
    }
    var expired: [Purpose] = []
    forwards.removeAll { forward in
      guard forward.since + Self.forwardDeadline <= now else { return false }
      if let purpose = forward.submission.purpose, forward.promised == nil { expired.append(purpose) }
      return true
    }
    return expired
  }

  // MARK: Waiters

  mutating func wait(_ submission: Submission, at index: LeafIndex) {
    waiters.append(Waiter(submission: submission, index: index))
  }

  /// The waiters whose leaf is below `size`.
  mutating func takeWaiters(below size: UInt64) -> [Waiter] {
    let due = waiters.filter { $0.index.value < size }
    if !due.isEmpty { waiters.removeAll { $0.index.value < size } }
    return due
  }

  /// The caller has gone.
  mutating func remove(_ key: CallKey) {
    forwards.removeAll { $0.submission.purpose?.key == key }
    waiters.removeAll { $0.submission.purpose?.key == key }
    watchers.removeAll { $0.key == key }
    exports.removeAll { $0.key == key }
  }
}

extension GovernanceNode {
  func refuse(_ key: CallKey, _ refusal: Refusal, into effects: inout NodeEffects) {
    refuse(key, refusal.code.status, refusal.message, into: &effects)
  }

  func refuse(_ key: CallKey, _ code: StatusCode, _ message: String, into effects: inout NodeEffects) {
    effects.answers.append(.respond(key, CallStatus(code, message), payload: []))
  }

  /// A submission is in the log at `index`: it is answered when that is final.
  mutating func wait(_ submission: Submission, at index: LeafIndex, into effects: inout NodeEffects) {
    guard submission.purpose != nil else { return }
    clients.wait(submission, at: index)
    if index.value < finality.size { answerWaiters(into: &effects) }
  }

  /// More has become final: whoever waited for it is answered.
  mutating func answerFinal(from first: UInt64, consented: [LeafIndex], into effects: inout NodeEffects) {
    answerWaiters(into: &effects)
    answerWatchers(into: &effects)
    for leaf in consented { offer(leaf, into: &effects) }
    answerEnlisted(into: &effects)
    guard first < finality.size else { return }
    for index in first..<finality.size {
      guard let record = raft.log.record(at: LeafIndex(index)) else { continue }
      if case .decision(let decision) = record.body { effects.notices.append(.decided(decision)) }
    }
  }

  private mutating func answerWaiters(into effects: inout NodeEffects) {
    for waiter in clients.takeWaiters(below: finality.size) {
      guard let purpose = waiter.submission.purpose else { continue }
      guard let record = raft.log.record(at: waiter.index) else {
        answerUnheld(waiter.submission, purpose, into: &effects)
        continue
      }
      guard isSame(record.body, waiter.submission.body) else {
        // Another leader's entry took this place: bring it in again.
        submit(waiter.submission, into: &effects)
        continue
      }
      switch purpose {
      case .outcome(let key): answerOutcome(key, record.body, at: waiter.index, into: &effects)
      case .act(let key):
        var message = "final"
        if case .incident(let act) = record.body { message += remark(on: act.content.target) }
        let response = ActResponse(
          index: waiter.index.value, finalSize: finality.size, message: message,
          proof: proof(of: waiter.index)?.encoded ?? "")
        effects.answers.append(.respond(key, .ok, payload: response.encode()))
      case .report(let key):
        let proof = proof(of: waiter.index)?.encoded ?? ""
        effects.answers.append(
          .respond(key, .ok, payload: ReportResponse(proof: proof).encode()))
      case .artifact(let key):
        guard case .artifact(let signed) = record.body else { continue }
        effects.answers.append(
          .respond(key, .ok, payload: ArtifactTable.stat(signed.content, at: waiter.index).encode()))
      }
    }
  }

  /// The leaf is final and not here, since this log begins with a later snapshot.
  private mutating func answerUnheld(
    _ submission: Submission, _ purpose: Purpose, into effects: inout NodeEffects
  ) {
    guard
      case .known(let index) = overlay.head.admits(
        submission.body, attachment: submission.attachment, at: now.wall),
      index.value < finality.size, raft.log.record(at: index) == nil
    else {
      submit(submission, into: &effects)
      return
    }
    refuse(
      purpose.key, .unavailable,
      "this is final at leaf \(index.value), and this node's log begins after it: ask another node",
      into: &effects)
  }

  /// Whether a final record is the one that was submitted: the same statement, whoever signed first.
  func isSame(_ record: RecordBody, _ submitted: RecordBody) -> Bool {
    switch (record, submitted) {
    case (.proposal(let a), .proposal(let b)): a.content == b.content
    case (.ballot(let a), .ballot(let b)): a.content == b.content
    case (.withdrawal(let a), .withdrawal(let b)): a.content == b.content
    case (.receipt(let a), .receipt(let b)): a.content.receiptID == b.content.receiptID
    case (.incident(let a), .incident(let b)): a.content == b.content
    case (.enrol(let a), .enrol(let b)): a.content == b.content
    case (.version(let a), .version(let b)): a.content == b.content
    case (.policy(let a), .policy(let b)): a.content == b.content
    case (.members(let a, _), .members(let b, _)): a.content == b.content
    case (.recovery(let a), .recovery(let b)): a.act.content == b.act.content
    case (.artifact(let a), .artifact(let b)):
      a.content.digest == b.content.digest && a.content.tenantID == b.content.tenantID
        && a.content.workspaceID == b.content.workspaceID
    default: false
    }
  }

  private mutating func answerOutcome(
    _ key: CallKey, _ body: RecordBody, at index: LeafIndex, into effects: inout NodeEffects
  ) {
    let proposal: LeafIndex
    switch body {
    case .ballot(let ballot): proposal = ballot.content.proposal
    case .withdrawal(let withdrawal): proposal = withdrawal.content.proposal
    default: proposal = index
    }
    watch(ClientTable.Watcher(key: key, proposal: proposal, isStream: false, told: ""), into: &effects)
  }

  /// Tells those who wait for an outcome what has changed.
  mutating func answerWatchers(into effects: inout NodeEffects) {
    clients.watchers = clients.watchers.compactMap { tell($0, into: &effects) }
  }

  /// Takes a watcher in, and tells it what there is to tell; the others have been told.
  mutating func watch(_ watcher: ClientTable.Watcher, into effects: inout NodeEffects) {
    guard clients.watchers.count < ClientTable.maximumWatchers else {
      refuse(watcher.key, .resourceExhausted, "too many wait for outcomes here; try again", into: &effects)
      return
    }
    if let waiting = tell(watcher, into: &effects) { clients.watchers.append(waiting) }
  }

  /// Tells a watcher what is new; nil where it has heard all.
  private func tell(_ told: ClientTable.Watcher, into effects: inout NodeEffects) -> ClientTable.Watcher? {
    var watcher = told
    guard let outcome = outcome(of: watcher.proposal) else { return watcher }
    let mark = "\(outcome.status) \(outcome.demands.map(\.approved)) \(outcome.decisionID)"
    // An approval without consent does not exist yet.
    guard mark != watcher.told, outcome.status != Self.undecided else { return watcher }
    watcher.told = mark
    guard watcher.isStream else {
      effects.answers.append(.respond(watcher.key, .ok, payload: outcome.encode()))
      return nil
    }
    effects.answers.append(.item(watcher.key, payload: outcome.encode()))
    guard Self.isSettled(outcome.status) else { return watcher }
    effects.answers.append(.respond(watcher.key, .ok, payload: []))
    return nil
  }

  /// The status of a proposal whose decision is not final, or approves without consent.
  static var undecided: String { "undecided" }

  static func isSettled(_ status: String) -> Bool {
    switch ProposalStatus(rawValue: status) {
    case .denied, .withdrawn, .completed, .failed, .aborted, .unknown: true
    case .pending, .approved, .none: false
    }
  }

  /// Where a proposal stands by what is final; nil where its proposal is not.
  func outcome(of proposal: LeafIndex) -> Outcome? {
    #if SIMULATION
    let state = Mutant.effectBeforeFinality.isActive ? overlay.head : overlay.final
    #else
    let state = overlay.final
    #endif
    guard let view = state.proposalView(at: proposal) else { return nil }
    var outcome = Outcome(
      status: view.status.rawValue, proposal: view.index.value, message: view.rationale,
      finalSize: finality.size, finalTime: finality.checkpoint?.time.text ?? "",
      decisionID: view.decisionID ?? "", traceID: view.proposal.traceID, tokenID: view.tokenID ?? "")
    outcome.rules = view.rules.map {
      Rule(rule: $0.rule, effect: $0.effect.rawValue, message: $0.message)
    }
    outcome.demands = view.demands.map {
      Demand(role: $0.demand.role, count: UInt32($0.demand.count), approved: UInt32($0.approved))
    }
    outcome.deadline = view.deadline?.text ?? ""
    outcome.unconfirmed = view.challenge != nil
    if view.lastDecision == nil { outcome.status = Self.undecided }
    if let approval = view.approval {
      if let proof = self.proof(of: approval, consenting: true) {
        outcome.decisionProof = proof.encoded
      } else if view.status != .aborted && view.status != .unknown {
        outcome.status = Self.undecided
      }
      // What ended before the parties consented to it never will be approved: its agent is told how it ended,
      // without a proof of an approval that does not exist.
    } else if let decision = view.lastDecision {
      // A node that began with a state instead of the leaves before it cannot show them yet.
      if let proof = self.proof(of: decision) {
        outcome.decisionProof = proof.encoded
      } else {
        #if SIMULATION
        if Mutant.unprovenTold.isActive || Mutant.effectBeforeFinality.isActive { return outcome }
        #endif
        outcome.status = Self.undecided
      }
    }
    if let receipt = view.receipt {
      outcome.receiptProof = self.proof(of: receipt)?.encoded ?? ""
      outcome.result = shown(raft.log.attachment(at: receipt))
    }
    return outcome
  }
}
