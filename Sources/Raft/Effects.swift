/// What an instance wants done. One buffer, reused; the owner empties it after each step.
///
/// The contract of order: take up ``persist`` in order, then send ``messages``, then apply
/// ``committed``, then answer whoever waits. Taking up means handing to the storage thread, which works
/// first in, first out; nothing here waits for it. What depends on durability stays inside the instance
/// until the owner says ``Event/persisted(ticket:)``, so every message here may leave at once.
public struct Effects: Sendable {
  /// To be made durable, each request as one atomic write, in this order.
  public var persist: [PersistRequest] = []
  /// To be sent, in this order. Losing, doubling or delaying them is allowed.
  public var messages: [Envelope] = []
  /// The new commit index. Lower than an earlier one only after a lie (``Evidence/protectedConflict``,
  /// ``Evidence/twoStories``) or ``RaftInstance/discardTail(after:at:into:)``.
  public var committed: LogIndex?
  /// This node's log is now durable and equal to the current leader's (its own, if it leads) through
  /// this point, in the current term. The owner tells all peers.
  public var durable: DurablePoint?
  /// Peers whose next entry is gone from the log: stream them a snapshot, then say
  /// ``Event/snapshotReport(peer:succeeded:)``.
  public var needsSnapshot: [NodeID] = []
  /// What no honest peer does. The last finding is not repeated.
  public var evidence: [Evidence] = []
  /// In the order in which they happened.
  public var roleChanges: [RoleChange] = []
  /// The configuration that is in force from now on; the owner connects to its members.
  public var configuration: Configuration?
  /// Reads that may be served, or not.
  public var reads: [ReadOutcome] = []

  public init() {}
}

/// One atomic, synced write. Its parts take effect in the order of its fields.
public struct PersistRequest: Hashable, Sendable {
  /// Ascends by one with each request.
  public let ticket: UInt64
  /// Where not nil, replaces the hard state as a whole.
  public let hardState: HardState?
  /// Where not nil, the log is emptied and begins after this point, together with the snapshot's state.
  public let snapshot: SnapshotPoint?
  /// Where not nil, entries after this index are removed.
  public let truncateAfter: LogIndex?
  /// Appended last.
  public let entries: [Entry]

  public init(
    ticket: UInt64, hardState: HardState?, snapshot: SnapshotPoint?, truncateAfter: LogIndex?,
    entries: [Entry]
  ) {
    self.ticket = ticket
    self.hardState = hardState
    self.snapshot = snapshot
    self.truncateAfter = truncateAfter
    self.entries = entries
  }
}

/// How far a log is durable in a term.
public struct DurablePoint: Hashable, Sendable {
  public let term: Term
  public let index: LogIndex

  public init(term: Term, index: LogIndex) {
    self.term = term
    self.index = index
  }
}

/// Raft's roles (Raft figure 4), and the one that asks before it campaigns (dissertation §9.6).
public enum Role: Hashable, Sendable {
  case follower, preCandidate, candidate, leader
}

/// A transition between roles, terms or leaders.
public enum RoleChange: Hashable, Sendable {
  case follower(term: Term, leader: NodeID?)
  case preCandidate(term: Term)
  case candidate(term: Term)
  /// The owner now proposes the first entry of the term.
  case becameLeader(term: Term)
  /// Precedes the `follower` change of a leader that gives up by itself.
  case steppedDown(term: Term, reason: StepDownReason)
  /// Nobody took over within an election timeout; this leader goes on.
  case transferAborted(to: NodeID)
}

/// Why a leader gave up without having seen a higher term.
public enum StepDownReason: Hashable, Sendable {
  /// No quorum has answered within the lease.
  case quorumLost
  /// Its oldest write is older than the storage deadline.
  case storageStalled
  /// So many answered `ahead` or `refused` that no majority can accept its entries.
  case unwillingMajority
  /// The owner discarded the tail of its log.
  case tailDiscarded
  /// The committed configuration is without it.
  case removed
}

/// What no honest peer does.
public enum Evidence: Hashable, Sendable {
  /// Two roots for one index and term.
  case conflictingRoot(from: NodeID, index: LogIndex, term: Term, kept: LogRoot, received: LogRoot)
  /// What was kept for an index of an earlier term is not what the leader of this one, who need not be the liar,
  /// holds there: the leader of that term told two stories.
  case twoStories(index: LogIndex, term: Term, shownBy: NodeID)
  /// Two contents for one index and term.
  case conflictingEntry(from: NodeID, kept: Entry, received: Entry)
  /// An attempt to replace an entry that is final, signed or committed, or that this leader itself sent in
  /// this term. What is merely committed gives way.
  case protectedConflict(
    from: NodeID, index: LogIndex, kept: Term, received: Term, protectedThrough: LogIndex)
  /// An entry that ``RaftLog/admission(of:)`` refused, and why.
  case refusedEntry(from: NodeID, index: LogIndex, term: Term, reason: String)
  /// Two leaders of one term.
  case secondLeader(term: Term, first: NodeID, second: NodeID)
  /// An acknowledgement of what was never sent.
  case impossibleAcknowledgement(from: NodeID, index: LogIndex, lastIndex: LogIndex)
  /// A peer does not have what it had acknowledged: its storage lost it, it discarded it for a note, or it never
  /// had it.
  case acknowledgedAndLost(from: NodeID, after: LogIndex, acknowledged: LogIndex)
  /// A message that no leader forms.
  case malformed(from: NodeID, Malformation)
}

/// What is wrong with an append request before any log is looked at.
public enum Malformation: Hashable, Sendable {
  case indexBeyondLimit
  case entriesNotContiguous
  case termsNotAscending
  case entryOfLaterTerm
  case entryTooLarge
}
