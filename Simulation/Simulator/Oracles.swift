import ClawShield
import Crypto
import GovernanceNode
import Raft
import Records

/// What must hold in every run. Each check counts how often it was made, and each fault how often it
/// fired: a run that checked nothing passes nothing.
///
/// Verified: one canonical final history and one state a size; one leader a term; who cannot hear or write does not go
/// on leading; nothing that a client was told is lost; no token runs twice; nothing runs without a valid approval or a
/// live lease; receipts tell what happened; nobody honest is named as a liar; the history of clients is linearizable;
/// nobody gets what is another's.
public struct Oracles: Sendable {
  /// Every oracle, as it is counted.
  public static let names = [
    "a veto binds its party's share", "access tokens stay within their grant", "acknowledged outcomes",
    "acknowledged restrictions hold",
    "attachments belong to their leaves", "backups are whole", "byte-equal state", "canonical final history",
    "committed becomes final", "committed history", "consent stops at restrictions",
    "contamination canaries", "egress stays within its grant", "election safety", "every run has an outcome",
    "executed as proposed",
    "erased is gone", "files are kept as the bundle says", "fresh reads are fresh",
    "images are the approved ones", "inputs as proposed",
    "labels follow inputs",
    "leader completeness", "leaders can lead", "ledger follows its rules", "linearizable client history",
    "lock-outs take two people", "log matching",
    "no run past a lease", "no start without a lease", "nodes stay up", "one nonce, one message",
    "only liars are named", "only the named executor's receipt counts",
    "policy in force",
    "receipts tell what happened", "relaxations take two people", "results are redacted",
    "risky runs are flagged",
    "secrets stay in their runs", "single execution", "somebody leads",
    "tenants are charged what was approved", "valid approvals only",
    "verified results agree", "who is stopped hands over",
  ]

  /// What no oracle looks at yet, and the subject that brings it.
  public static let pending = [
    "no ledger is compacted, so no export lacks what came before a snapshot"
  ]

  /// The first property that did not hold, in words.
  public private(set) var violation: String?
  /// The oracle that found it.
  public private(set) var violated: String?
  public private(set) var violatedAt: UInt64 = 0
  /// How often each oracle evaluated; ascending by name.
  public private(set) var evaluations: [(name: String, count: UInt64)] = []
  /// How often each fault fired; ascending by name.
  public private(set) var faults: [(name: String, count: UInt64)] = []
  /// Evidence that nodes reported; honest parties give none.
  public private(set) var evidence: [String] = []
  /// Whether some node's disk does not give back what was written.
  var hasDamage = false

  /// Parties that lie. What crashes alone cannot break holds only where there are none.
  var liars: [UInt64] = []
  /// The executors' own keys.
  var executorKeys: [(principal: Principal, key: PublicKey)] = []

  private var roots: [UInt64: Digest] = [:]
  private var states: [UInt64: Digest] = [:]
  private var leaders: [Term: NodeID] = [:]
  private var finalSizes: [NodeID: UInt64] = [:]
  /// What clients asked and were told.
  var history = ClientHistory()
  /// What is known of runs that reach out.
  var reach = ReachKnowledge()
  /// What only one agent has.
  var canaries = CanaryBook(of: [], seed: 0)
  /// The labels that artifacts should have.
  var labels = LabelModel()
  /// For how long files are to be kept.
  var files = RetentionModel()
  /// What the final leaves say, read apart from ClawShield.
  var audit: LedgerAudit?
  /// Committed history.
  private var consensus = ConsensusShadow()
  /// What is known of executions.
  var execution = ExecutionKnowledge()
  /// How many leaves there were when charges were compared last.
  var chargedUpTo: UInt64 = 0
  /// How many leaves of the final history were looked at.
  private(set) var walked: UInt64 = 0
  /// The largest final size that any node has shown.
  public private(set) var finalSize: UInt64 = 0

  mutating func fail(_ oracle: String, _ what: String, at time: UInt64) {
    guard violation == nil else { return }
    violation = what
    violated = oracle
    violatedAt = time
  }

  mutating func count(fault: String) { Self.count(fault, in: &faults) }

  static func count(_ name: String, in counters: inout [(name: String, count: UInt64)]) {
    // Ascending by name.
    var low = 0
    var high = counters.count
    while low < high {
      let middle = (low + high) / 2
      if counters[middle].name < name { low = middle + 1 } else { high = middle }
    }
    if low < counters.count, counters[low].name == name {
      counters[low].count += 1
    } else {
      counters.insert((name, 1), at: low)
    }
  }

  mutating func evaluated(_ name: String) { Self.count(name, in: &evaluations) }

  mutating func observe<Suite>(_ host: NodeHost<Suite>, _ view: NodeView, at time: UInt64) {
    if view.role == .leader, liars.isEmpty {
      evaluated("election safety")
      if let leader = leaders[view.term], leader != view.id {
        fail(
          "election safety", "term \(view.term.rawValue) has two leaders, \(leader) and \(view.id)", at: time)
      }
      leaders[view.term] = view.id
    }
    if liars.isEmpty, let (oracle, objection) = consensus.observe(host, view, counting: &evaluations) {
      fail(oracle, objection, at: time)
    }
    checkTime(of: host.node?.newestCheckpoint, at: time)
    let seen = finalSizes[view.id] ?? 0
    guard view.finalSize != seen else { return }
    if view.finalSize < seen {
      fail(
        "canonical final history", "\(view.id) took back what was final: \(seen) to \(view.finalSize)",
        at: time)
    }
    finalSizes[view.id] = view.finalSize
    if view.finalSize > finalSize {
      finalSize = view.finalSize
      history.final(finalSize)
    }
    evaluated("canonical final history")
    guard let root = host.node?.finalRoot, let final = host.node?.finalState else {
      fail("canonical final history", "\(view.id) has no root for its final size \(view.finalSize)", at: time)
      return
    }
    if let known = roots[view.finalSize], known != root {
      fail("canonical final history", "two final histories of size \(view.finalSize)", at: time)
    }
    roots[view.finalSize] = root
    evaluated("byte-equal state")
    let state = final.stateRoot
    if let known = states[view.finalSize], known != state {
      fail("byte-equal state", "two states at final size \(view.finalSize)", at: time)
    }
    states[view.finalSize] = state
    checkAttachments(host, from: seen, to: view.finalSize, at: time)
    walk(host, to: view.finalSize, at: time)
    if walked == view.finalSize {
      holdLabels(final, at: time)
      holdCharges(final, at: time)
    }
    checkConsent(of: host.node?.newestCheckpoint, at: time)
  }

  /// How far a note's time may be ahead: parties allow five seconds, and most clocks are right to within two.
  private static var allowedLead: Interval { .seconds(7) }

  /// No note that an honest node has taken up is of a time that is yet to come.
  mutating func checkTime(of note: CheckpointNote?, at time: UInt64) {
    guard let note, note.time.since(wall(time)) > Self.allowedLead else { return }
    fail(
      "ledger follows its rules",
      "the note of size \(note.size) is of \(note.time.text), and it is \(wall(time).text)", at: time)
  }

  /// A node has crashed: what it had not made durable it may have to learn again.
  mutating func forget(_ id: NodeID) {
    finalSizes[id] = nil
    consensus.forget(id)
  }

  /// Operators have said that no more than `size` leaves stand.
  mutating func cut(to size: UInt64) { consensus.cut(to: size) }

  /// The run is over: the whole history of clients is there.
  mutating func checkHistory(at time: UInt64) {
    guard liars.isEmpty else { return }
    for request in history.requests {
      evaluated("linearizable client history")
      if let objection = history.objection(to: request) {
        fail("linearizable client history", objection, at: time)
        return
      }
    }
  }

  mutating func note(_ notice: Notice, of id: NodeID, at time: UInt64) {
    logs(notice.line, "\(id)", at: time)
    guard case .evidence(let what) = notice else { return }
    evidence.append("\(id): \(what)")
    // That a disk lost what it had is a fault, not a lie.
    if hasDamage, what.hasPrefix("acknowledgedAndLost") { return }
    guard !liars.isEmpty else {
      evaluated("only liars are named")
      fail("only liars are named", "\(id) found evidence against an honest peer: \(what)", at: time)
      return
    }
    guard let named = Self.named(by: what) else { return }
    evaluated("only liars are named")
    if !liars.contains(named) {
      fail("only liars are named", "\(id) names an honest party: \(what)", at: time)
    }
  }

  /// Whom evidence names that no other's lie can have made true. What a leader shows, and what a party holds no more, may
  /// come of what a liar had shown it.
  private static func named(by what: String) -> UInt64? {
    let owned = [
      "party ", "impossibleAcknowledgement", " acknowledged a restriction without",
      " showed a decline without",
      " sent a signature over the genesis",
    ]
    guard owned.contains(where: { what.hasPrefix($0) || (!$0.hasPrefix("party") && what.contains($0)) })
    else {
      return nil
    }
    let words = what.split(whereSeparator: { !$0.isLetter && !$0.isNumber })
    let position = words.firstIndex { $0 == "party" || $0 == "node" }
    return position.flatMap { $0 + 1 < words.count ? UInt64(words[$0 + 1]) : nil }
  }

  /// What a node keeps beside the leaves that became final at it is what the records name.
  private mutating func checkAttachments<Suite>(
    _ host: NodeHost<Suite>, from first: UInt64, to size: UInt64, at time: UInt64
  ) {
    for index in first..<size {
      evaluated("attachments belong to their leaves")
      guard let fault = host.node?.attachmentFault(at: LeafIndex(index)) else { continue }
      fail(
        "attachments belong to their leaves",
        "\(host.id) keeps beside leaf \(index) what is not its own: \(fault)", at: time)
    }
  }

  /// A note of all that was walked consents to no approval that people have restricted in it.
  private mutating func checkConsent(of note: CheckpointNote?, at time: UInt64) {
    guard let note, note.size == walked, let consent = note.consent else { return }
    evaluated("consent stops at restrictions")
    if let objection = audit?.objection(to: consent) {
      fail("consent stops at restrictions", "the note of size \(note.size): \(objection)", at: time)
    }
  }

  /// Looks at every leaf of the final history once, from the first node that has it.
  private mutating func walk<Suite>(_ host: NodeHost<Suite>, to size: UInt64, at time: UInt64) {
    while walked < size, let record = host.record(at: walked) {
      walked += 1
      evaluated("ledger follows its rules")
      let now = wall(time)
      let cancelled = audit?.cancelled
      if let objection = audit?.take(record, at: walked - 1, now: now) {
        fail("ledger follows its rules", objection, at: time)
      }
      if audit?.cancelled != cancelled { count(fault: "change of members cancelled") }
      let leaf = walked - 1
      labels.take(record, at: leaf)
      files.take(record, at: leaf, isTaken: audit?.isProposal(at: leaf) ?? false)
      if case .derivedIncident(let incident) = record.body, incident.kind == .withheld {
        count(fault: "withheld")
      }
      publishes(record.bytes, "leaf \(leaf)", at: time)
      guard case .receipt(let signed) = record.body,
        let key = executorKeys.first(where: { $0.principal == signed.content.executorID })?.key,
        signed.verifiedSignatures(cluster: host.cluster).contains(where: { $0.key == key })
      else { continue }
      final(signed.content, at: time)
    }
    auditStarts(at: time)
  }

  /// The true time of day.
  func wall(_ time: UInt64) -> Timestamp {
    Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch
  }

  /// One operator alone asked for a relaxation, and was answered.
  mutating func relaxed(byOne isAccepted: Bool, _ what: String, at time: UInt64) {
    evaluated("relaxations take two people")
    if isAccepted { fail("relaxations take two people", what, at: time) }
  }

  /// One operator alone, or a name of nobody, tried to have the certificates refused by which all others are admitted.
  mutating func lockedOut(byOne isBinding: Bool, _ what: String, at time: UInt64) {
    evaluated("lock-outs take two people")
    if isBinding { fail("lock-outs take two people", what, at: time) }
  }

  /// A client was told an outcome whose proof does not verify, or that contradicts an earlier one.
  mutating func told(isConsistent: Bool, _ what: String, at time: UInt64) {
    evaluated("acknowledged outcomes")
    if !isConsistent { fail("acknowledged outcomes", what, at: time) }
  }

  /// The largest size that was committed anywhere so far.
  var committedSize: UInt64 { consensus.committedSize }

  /// Somebody asked a node for a state no older than the question, when so many entries were committed, and was
  /// shown one of this size. A promise under crash faults alone.
  mutating func checked(at node: UInt64, shown size: UInt64, committed: UInt64, time: UInt64) {
    guard liars.isEmpty else { return }
    evaluated("fresh reads are fresh")
    guard size < committed else { return }
    fail(
      "fresh reads are fresh",
      "node \(node) shows \(size) entries for fresh, and \(committed) were committed when it was asked",
      at: time)
  }

  /// Tokens that ran.
  public var executions: Int { execution.starts.count }
}
