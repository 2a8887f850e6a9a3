/// What nodes say to each other. The sender's identity comes from the channel, never from the message.
public enum Message: Hashable, Sendable {
  case voteRequest(VoteRequest)
  case voteResponse(VoteResponse)
  case appendRequest(AppendRequest)
  case appendResponse(AppendResponse)
  case timeoutNow(TimeoutNow)
  case readRequest(ReadRequest)
  case readResponse(ReadResponse)

  /// The term that the message speaks of. For a pre-vote and its grant, that is the term that *would* be.
  public var term: Term {
    switch self {
    case .voteRequest(let request): request.term
    case .voteResponse(let response): response.term
    case .appendRequest(let request): request.term
    case .appendResponse(let response): response.term
    case .timeoutNow(let request): request.term
    case .readRequest(let request): request.term
    case .readResponse(let response): response.term
    }
  }
}

/// A message and where it goes.
public struct Envelope: Hashable, Sendable {
  public let to: NodeID
  public let message: Message

  public init(to: NodeID, message: Message) {
    self.to = to
    self.message = message
  }
}

/// RequestVote (Raft figure 2), or the question whether it would succeed (pre-vote, dissertation §9.6).
public struct VoteRequest: Hashable, Sendable {
  /// The candidate's term; for a pre-vote, the one that it would campaign in.
  public let term: Term
  public let lastIndex: LogIndex
  public let lastTerm: Term
  public let preVote: Bool
  /// The leader handed over (dissertation §3.10). A voter believes it of whom the leader itself has named.
  public let isTransfer: Bool

  public init(term: Term, lastIndex: LogIndex, lastTerm: Term, preVote: Bool, isTransfer: Bool = false) {
    self.term = term
    self.lastIndex = lastIndex
    self.lastTerm = lastTerm
    self.preVote = preVote
    self.isTransfer = isTransfer
  }
}

/// The answer to a ``VoteRequest``.
public struct VoteResponse: Hashable, Sendable {
  /// The voter's current term; for a granted pre-vote, the term asked for.
  public let term: Term
  public let granted: Bool
  public let preVote: Bool

  public init(term: Term, granted: Bool, preVote: Bool) {
    self.term = term
    self.granted = granted
    self.preVote = preVote
  }
}

/// AppendEntries (Raft figure 2). Without entries it is a heartbeat or a probe.
public struct AppendRequest: Hashable, Sendable {
  public let term: Term
  public let previousIndex: LogIndex
  public let previousTerm: Term
  /// The root over entries 1 to `previousIndex`: a match needs it equal, so that a leader cannot tell
  /// two stories within one term.
  public let previousRoot: LogRoot
  /// They follow `previousIndex` without a gap.
  public let entries: [Entry]
  public let leaderCommit: LogIndex
  /// Counts the leader's heartbeats and comes back in the answer, which is what it is an answer to at
  /// the latest.
  public let round: UInt64
  /// To whom the leader is handing over: nobody is loyal to the leader against this node.
  public let transferee: NodeID?

  public init(
    term: Term, previousIndex: LogIndex, previousTerm: Term, previousRoot: LogRoot, entries: [Entry],
    leaderCommit: LogIndex, round: UInt64, transferee: NodeID? = nil
  ) {
    self.term = term
    self.previousIndex = previousIndex
    self.previousTerm = previousTerm
    self.previousRoot = previousRoot
    self.entries = entries
    self.leaderCommit = leaderCommit
    self.round = round
    self.transferee = transferee
  }

  /// The last index that the request speaks of, once it is known to be well formed.
  public var lastIndex: LogIndex { LogIndex(rawValue: previousIndex.rawValue &+ UInt64(entries.count)) }
}

/// The answer to ``AppendRequest``s. It speaks of what is *durable*, so one may answer several requests,
/// and a request with entries is answered only after they are synced.
public struct AppendResponse: Hashable, Sendable {
  public enum Outcome: Hashable, Sendable {
    /// The follower's log is durable and equals the leader's through this index.
    case matched(LogIndex)
    /// No entry like `previousIndex`'s is here; the leader may go on from `hint`, whose term here is
    /// `hintTerm`.
    case rejected(previousIndex: LogIndex, hint: LogIndex, hintTerm: Term)
    /// The log time of the entry at this index is too far ahead of the follower's clock.
    case ahead(LogIndex)
    /// The entry at this index will not be accepted: refused by the log, unequal to what the follower
    /// holds for the same term, or in conflict with what it may not remove.
    case refused(LogIndex)
    /// The follower's storage has lost what it had acknowledged after this index; what is left equals the
    /// leader's.
    case lost(after: LogIndex)
  }

  /// The follower's current term.
  public let term: Term
  public let outcome: Outcome
  /// The highest round that the follower has seen in this term.
  public let round: UInt64

  public init(term: Term, outcome: Outcome, round: UInt64) {
    self.term = term
    self.outcome = outcome
    self.round = round
  }
}

/// Asks a peer to stand for election at once (TimeoutNow, dissertation §3.10).
public struct TimeoutNow: Hashable, Sendable {
  /// The leader's term.
  public let term: Term

  public init(term: Term) { self.term = term }
}

/// A follower's question at which index it may read (dissertation §6.4).
public struct ReadRequest: Hashable, Sendable {
  public let term: Term
  /// Never used twice, not even by another life of the node.
  public let context: UInt64

  public init(term: Term, context: UInt64) {
    self.term = term
    self.context = context
  }
}

/// The answer to a ``ReadRequest``.
public struct ReadResponse: Hashable, Sendable {
  public let term: Term
  public let context: UInt64
  /// What is applied through here is new enough; nil where the leader could not say.
  public let index: LogIndex?

  public init(term: Term, context: UInt64, index: LogIndex?) {
    self.term = term
    self.context = context
    self.index = index
  }
}
