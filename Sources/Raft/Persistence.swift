#if SIMULATION
import Mutants
#endif

/// What has been handed to the storage thread, and what of the log is durable.
///
/// Storage works first in, first out, so that a ticket vouches for all before it. An acknowledgement of
/// entries that were overwritten meanwhile must not make their successors look durable (ABA): every
/// truncation clips what the outstanding writes still vouch for.
struct Persistence: Sendable {
  private struct Outstanding: Sendable {
    let ticket: UInt64
    /// The log through here is durable once this ticket is. Clipped by later truncations.
    var through: LogIndex
    let bytes: Int
    let issuedAt: Instant
  }

  /// Invariant: tickets ascend; all are above `durableTicket`.
  private var outstanding: [Outstanding] = []
  private(set) var issuedTicket: UInt64 = 0
  private(set) var durableTicket: UInt64 = 0
  /// The ticket that carried the newest hard state.
  private var hardStateTicket: UInt64 = 0
  /// The log through here is on stable storage. Invariant: at most the log's last index.
  private(set) var durableIndex: LogIndex
  /// Bytes of entries handed out or about to be, and not durable.
  private(set) var unpersistedBytes = 0

  private var hardStateChanged = false
  #if SIMULATION
  private var termWritten = Term.zero
  #endif
  private var snapshot: SnapshotPoint?
  private var truncateAfter: LogIndex?
  private var entries: [Entry] = []

  /// All of the log that a node restarts with is durable.
  init(durableIndex: LogIndex) { self.durableIndex = durableIndex }

  mutating func hardStateDidChange() { hardStateChanged = true }

  mutating func append(_ appended: [Entry]) {
    entries.append(contentsOf: appended)
    unpersistedBytes += appended.reduce(0) { $0 + $1.cost }
  }

  mutating func truncate(after index: LogIndex) {
    precondition(entries.isEmpty, "a request truncates before it appends")
    truncateAfter = min(truncateAfter ?? index, index)
    clip(to: index)
  }

  mutating func reset(to point: SnapshotPoint) {
    precondition(entries.isEmpty && truncateAfter == nil, "a request resets before all else")
    snapshot = point
    clip(to: .zero)
  }

  private mutating func clip(to index: LogIndex) {
    durableIndex = min(durableIndex, index)
    #if SIMULATION
    if Mutant.overwrittenAckBelieved.isActive { return }
    #endif
    for position in outstanding.indices {
      outstanding[position].through = min(outstanding[position].through, index)
    }
  }

  /// The write that this step has gathered, if any.
  mutating func takeRequest(hardState: HardState, lastIndex: LogIndex, at now: Instant) -> PersistRequest? {
    guard hardStateChanged || snapshot != nil || truncateAfter != nil || !entries.isEmpty else { return nil }
    issuedTicket += 1
    if hardStateChanged { hardStateTicket = issuedTicket }
    #if SIMULATION
    let isVoteOwed = Mutant.termAndVoteApart.isActive && hardState.currentTerm > termWritten
    let written = isVoteOwed ? HardState(currentTerm: hardState.currentTerm) : hardState
    termWritten = hardState.currentTerm
    #else
    let written = hardState
    #endif
    let request = PersistRequest(
      ticket: issuedTicket, hardState: hardStateChanged ? written : nil, snapshot: snapshot,
      truncateAfter: truncateAfter, entries: entries)
    outstanding.append(
      Outstanding(
        ticket: issuedTicket, through: lastIndex, bytes: entries.reduce(0) { $0 + $1.cost }, issuedAt: now))
    hardStateChanged = false
    #if SIMULATION
    if Mutant.termAndVoteApart.isActive { hardStateChanged = isVoteOwed }
    #endif
    snapshot = nil
    truncateAfter = nil
    entries.removeAll()
    return request
  }

  /// Storage says that `ticket` and all before it are durable. Saying it again changes nothing.
  mutating func persisted(through ticket: UInt64) {
    precondition(ticket <= issuedTicket, "ticket \(ticket) was never issued; the last was \(issuedTicket)")
    let done = outstanding.prefix { $0.ticket <= ticket }
    for write in done {
      durableIndex = max(durableIndex, write.through)
      unpersistedBytes -= write.bytes
    }
    outstanding.removeFirst(done.count)
    durableTicket = max(durableTicket, ticket)
  }

  /// What speaks of the current term or vote may leave the node once this ticket is durable.
  var ticketOfHardState: UInt64 { hardStateTicket }

  var isHardStateDurable: Bool { !hardStateChanged && hardStateTicket <= durableTicket }

  /// When the oldest write that is not durable was handed out.
  var oldestIssue: Instant? { outstanding.first?.issuedAt }
}

extension RaftInstance {
  mutating func onPersisted(ticket: UInt64, at now: Instant, into effects: inout Effects) {
    persistence.persisted(through: ticket)
    if let last = suspectThrough, last <= persistence.durableTicket { suspectThrough = nil }
    releaseHeld(into: &effects)
    noteRecovery()
    switch role {
    case .follower: acknowledgeProgress()
    case .preCandidate: break
    case .candidate: countOwnVote(at: now, into: &effects)
    case .leader: advanceCommit(at: now, into: &effects)
    }
  }

  /// Queues a message that speaks of this node's term or vote: it leaves when those are durable.
  mutating func say(_ message: Message, to peer: NodeID) {
    guard outbox.count < Self.longestOutbox else { return }
    outbox.append(Held(ticket: nil, term: currentTerm, envelope: Envelope(to: peer, message: message)))
  }

  /// Ends a step: gathers its write, lets go what need not wait, and reports durability.
  mutating func flush(at now: Instant, into effects: inout Effects) {
    if let request = persistence.takeRequest(hardState: hardState, lastIndex: log.lastIndex, at: now) {
      effects.persist.append(request)
    }
    for position in outbox.indices where outbox[position].ticket == nil {
      outbox[position].ticket = persistence.ticketOfHardState
    }
    releaseHeld(into: &effects)
    reportDurable(into: &effects)
  }

  /// A message of a term that has passed is dropped: it would be true, but nobody needs it.
  private mutating func releaseHeld(into effects: inout Effects) {
    guard !outbox.isEmpty else { return }
    var waiting: [Held] = []
    for held in outbox where held.term == currentTerm {
      if let ticket = held.ticket, ticket <= persistence.durableTicket {
        effects.messages.append(held.envelope)
      } else {
        waiting.append(held)
      }
    }
    outbox = waiting
  }

  private mutating func reportDurable(into effects: inout Effects) {
    guard persistence.isHardStateDurable else { return }
    let index = role == .leader ? persistence.durableIndex : min(following.matched, persistence.durableIndex)
    guard index > reportedDurable else { return }
    reportedDurable = index
    effects.durable = DurablePoint(term: currentTerm, index: index)
  }
}

/// A message that waits for a ticket; nil until the step that queued it has gathered its write.
struct Held: Sendable {
  var ticket: UInt64?
  let term: Term
  let envelope: Envelope
}
