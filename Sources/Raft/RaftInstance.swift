#if SIMULATION
import Mutants
#endif

/// One node's part in Raft, as a value: no I/O, clock, randomness or thread of its own.
///
/// The owner feeds events to ``step(_:at:using:into:)``, proposes, and carries out ``Effects`` in their
/// order. It calls `step(.tick)` at ``nextDeadline`` at the latest. Time never runs backwards between calls.
///
/// After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (cited as Raft §n), and
/// Ongaro's dissertation.
public struct RaftInstance<Log: RaftLog> {
  public let id: NodeID
  public let settings: Settings
  /// The owner reads it, and removes its front when it has a snapshot; everything else is done here.
  public var log: Log

  /// In force: the newest in the log, committed or not.
  public internal(set) var configuration: Configuration
  /// The entry that holds it; 0 for the one that the cluster began with.
  public internal(set) var configurationIndex = LogIndex.zero
  let initialConfiguration: Configuration
  public internal(set) var role = Role.follower
  /// The current term's leader, where known.
  public internal(set) var leader: NodeID?
  /// Everything through here is committed. Never decreases, but by ``discardTail(after:at:into:)`` and where
  /// an earlier leader turns out to have told two stories.
  public internal(set) var commitIndex: LogIndex
  /// Nothing through here is ever removed.
  public internal(set) var finalIndex: LogIndex

  /// What this node has signed as a party: through here the log gives way to a note alone.
  public private(set) var lockedIndex = LogIndex.zero

  /// Changed by nothing but ``updateHardState(_:)``.
  private(set) var hardState: HardState
  var persistence: Persistence
  /// Messages that wait for the hard state to be durable. At most ``longestOutbox``.
  var outbox: [Held] = []
  /// What ``Effects/durable`` said last in this term.
  var reportedDurable = LogIndex.zero
  /// A write took longer than the storage deadline: no campaign until this ticket, the last that was
  /// issued while it hung, is durable.
  var suspectThrough: UInt64?

  var electionTimer: ElectionTimer
  /// When the current term's leader was last heard.
  var leaderContact: Instant?
  /// In `preCandidate` and `candidate`: the answers so far.
  var tally = VoteTally()
  /// When a candidate that was asked to stand asks for votes again; nil for any other.
  var votesAskedAgainAt: Instant?
  /// As a follower: how this log compares with the current term's leader's.
  var following = Following()
  /// In `leader`: what only a leader keeps.
  var leading = Leading()
  /// Reads that wait for an index.
  var reads: Reads
  /// The end that the log had before storage lost some of it, until as much is back.
  public internal(set) var lost: LogEnd?
  /// The owner holds it against the leader of this term that it keeps something out of the log.
  public internal(set) var distrustsLeader = false
  /// How often each peer may raise the term over a live leader's head.
  var credits = TermCredits()
  var lastEvidence: Evidence?

  static var longestOutbox: Int { 256 }

  /// Starts a node from what its storage holds; all of it counts as durable.
  ///
  /// `commitIndex` is what the owner knows to be final; it lies within the log. `configuration` is the one that
  /// the cluster began with: it is in force while the log holds none. `lost` is the end that the log had
  /// where storage has lost some of it: the node neither stands nor votes as though that had never been.
  public init(
    id: NodeID, configuration: Configuration, hardState: HardState, log: Log, commitIndex: LogIndex,
    lost: LogEnd? = nil, settings: Settings, at now: Instant,
    using random: inout some RandomNumberGenerator
  ) {
    let snapshotIndex = log.firstIndex.previous
    precondition(
      commitIndex <= log.lastIndex, "\(commitIndex) is final, but the log ends at \(log.lastIndex)")
    precondition(
      (log.term(at: log.lastIndex) ?? .zero) <= hardState.currentTerm,
      "the log is of a later term than the hard state, which must have been lost")
    self.id = id
    initialConfiguration = configuration
    let point = log.configuration(at: log.lastIndex)
    self.configuration = point?.configuration ?? configuration
    configurationIndex = point?.index ?? .zero
    self.hardState = hardState
    self.log = log
    self.commitIndex = max(commitIndex, snapshotIndex)
    self.settings = settings
    finalIndex = self.commitIndex
    persistence = Persistence(durableIndex: log.lastIndex)
    electionTimer = ElectionTimer(settings: settings, at: now, using: &random)
    reads = Reads(nextContext: random.next())
    self.lost = lost
    #if SIMULATION
    if Mutant.corruptIsAbsent.isActive { self.lost = nil }
    #endif
    noteRecovery()
  }

  public var currentTerm: Term { hardState.currentTerm }

  public var votedFor: NodeID? { hardState.votedFor }

  /// This log is durable through here.
  public var durableIndex: LogIndex { persistence.durableIndex }

  /// When the owner must call `step(.tick)` at the latest.
  public var nextDeadline: Instant {
    switch role {
    case .follower, .preCandidate: electionTimer.deadline
    case .candidate: min(electionTimer.deadline, votesAskedAgainAt ?? .distantFuture)
    case .leader:
      min(
        leading.heartbeatDue, quorumDeadline, storageDeadline, leading.transfer?.deadline ?? .distantFuture)
    }
  }

  /// Takes one event in.
  public mutating func step(
    _ event: Event, at now: Instant, using random: inout some RandomNumberGenerator,
    into effects: inout Effects
  ) {
    electionTimer.refill(settings: settings, using: &random)
    if storageDeadline <= now { suspectThrough = persistence.issuedTicket }
    switch event {
    case .tick: onTick(at: now, into: &effects)
    case .receive(let sender, let message): onMessage(message, from: sender, at: now, into: &effects)
    case .persisted(let ticket): onPersisted(ticket: ticket, at: now, into: &effects)
    case .snapshotInstalled(let point): onSnapshotInstalled(point, at: now, into: &effects)
    case .snapshotReport(let peer, let succeeded):
      onSnapshotReport(peer: peer, succeeded: succeeded, into: &effects)
    case .unreachable(let peer): onUnreachable(peer: peer, into: &effects)
    }
    flush(at: now, into: &effects)
  }

  /// Nothing through `index` will be removed any more; the log holds it. Never decreases.
  public mutating func setFinal(_ index: LogIndex) {
    finalIndex = max(finalIndex, min(index, log.lastIndex))
  }

  /// This node has signed, as a party, what the log holds through `index`, so no leader may take it away; a note
  /// may (``discardTail(after:at:into:)``).
  public mutating func setLocked(_ index: LogIndex) {
    lockedIndex = max(lockedIndex, min(index, log.lastIndex))
  }

  mutating func releaseLock(after index: LogIndex) { lockedIndex = min(lockedIndex, index) }

  /// Term and vote change together and are persisted as one (Raft figure 2).
  mutating func updateHardState(_ state: HardState) {
    precondition(state.currentTerm >= hardState.currentTerm, "the term never decreases")
    precondition(
      state.currentTerm > hardState.currentTerm || hardState.votedFor == nil
        || state.votedFor == hardState.votedFor, "one vote a term")
    guard state != hardState else { return }
    if state.currentTerm > hardState.currentTerm {
      following = Following()
      reportedDurable = .zero
      leaderContact = nil
      distrustsLeader = false
    }
    hardState = state
    persistence.hardStateDidChange()
  }

  mutating func report(_ evidence: Evidence, into effects: inout Effects) {
    guard evidence != lastEvidence else { return }
    lastEvidence = evidence
    effects.evidence.append(evidence)
  }
}

extension RaftInstance: Sendable where Log: Sendable {}

extension RaftInstance {
  private mutating func onTick(at now: Instant, into effects: inout Effects) {
    expireReads(at: now, into: &effects)
    switch role {
    case .follower, .preCandidate, .candidate:
      if electionTimer.deadline <= now {
        onElectionTimeout(at: now, into: &effects)
      } else {
        askForVotesAgain(at: now)
      }
    case .leader:
      onLeaderTick(at: now, into: &effects)
    }
  }

  private mutating func onMessage(
    _ message: Message, from sender: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard sender != id, message.term <= .limit else { return }
    #if SIMULATION
    if Mutant.departsTooEarly.isActive, configuration.isJoint, !configuration.voters.contains(id) { return }
    #endif
    switch message {
    case .voteRequest(let request):
      onVoteRequest(request, from: sender, at: now, into: &effects)
    case .voteResponse(let response):
      guard configuration.isVoter(sender) else { return }
      onVoteResponse(response, from: sender, at: now, into: &effects)
    case .appendRequest(let request):
      guard catchUp(to: request.term, from: sender, leader: sender, at: now, into: &effects) else { return }
      onAppendRequest(request, from: sender, at: now, into: &effects)
    case .appendResponse(let response):
      guard configuration.members.contains(sender) || leading.position(of: sender) != nil,
        catchUp(to: response.term, from: sender, leader: nil, at: now, into: &effects)
      else { return }
      onAppendResponse(response, from: sender, at: now, into: &effects)
    case .timeoutNow(let request): onTimeoutNow(request, from: sender, at: now, into: &effects)
    case .readRequest(let request):
      guard configuration.members.contains(sender) else { return }
      onReadRequest(request, from: sender, at: now, into: &effects)
    case .readResponse(let response): onReadResponse(response, from: sender, into: &effects)
    }
  }

  /// A higher term makes any server a follower of that term (Raft §5.1). False where the term is so far
  /// off that this message brought the node only part of the way, and where the sender has too often raised
  /// the term of nodes that a live leader leads. Whom that leader has asked to stand raises it by its leave.
  mutating func catchUp(
    to term: Term, from sender: NodeID, leader: NodeID?, at now: Instant, into effects: inout Effects
  ) -> Bool {
    guard term > currentTerm else { return true }
    #if SIMULATION
    let isAsked =
      isTransferee(sender) && term == currentTerm.next && !Mutant.handoverCounted.isActive
    #else
    let isAsked = isTransferee(sender) && term == currentTerm.next
    #endif
    if isLed(at: now), !isAsked, !credits.spend(sender, at: now, settings) { return false }
    let reach = Term(rawValue: currentTerm.rawValue + Term.longestAdvance)
    #if SIMULATION
    if Mutant.termBumpedWhileLeading.isActive, role == .leader, term <= reach {
      updateHardState(HardState(currentTerm: term))
      return true
    }
    #endif
    becomeFollower(term: min(term, reach), leader: term <= reach ? leader : nil, at: now, into: &effects)
    return term <= reach
  }

  /// Becomes a follower of `term`, which may be the current one: then the vote stands.
  mutating func becomeFollower(
    term: Term, leader: NodeID?, at now: Instant, into effects: inout Effects
  ) {
    let isNews = role != .follower || term != currentTerm || leader != self.leader
    let wasLeader = role == .leader
    if term > currentTerm { updateHardState(HardState(currentTerm: term)) }
    #if SIMULATION
    if Mutant.voteForgotten.isActive, term == currentTerm {
      hardState = HardState(currentTerm: term)
      persistence.hardStateDidChange()
    }
    if Mutant.commitLostOnStepDown.isActive, wasLeader { commitIndex = finalIndex }
    #endif
    role = .follower
    self.leader = leader
    if isNews { failReads(into: &effects) }
    tally = VoteTally()
    leading = Leading()
    if wasLeader { electionTimer.restart(at: now) }
    if isNews { effects.roleChanges.append(.follower(term: term, leader: leader)) }
  }
}
