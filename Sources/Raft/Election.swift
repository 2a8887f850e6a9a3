#if SIMULATION
import Mutants
#endif

/// A randomised timer whose randomness is drawn ahead, so that what restarts it needs no generator.
struct ElectionTimer: Hashable, Sendable {
  private(set) var deadline: Instant
  /// The next timeout. Invariant: from `electionTimeout` to twice as long.
  private var drawn: Nanoseconds
  private var isSpent = false

  init(settings: Settings, at now: Instant, using random: inout some RandomNumberGenerator) {
    deadline = now + Self.draw(settings, using: &random)
    drawn = Self.draw(settings, using: &random)
  }

  mutating func refill(settings: Settings, using random: inout some RandomNumberGenerator) {
    guard isSpent else { return }
    drawn = Self.draw(settings, using: &random)
    isSpent = false
  }

  /// Begins a new wait; `patience` comes on top.
  mutating func restart(at now: Instant, patience: Nanoseconds = .zero) {
    deadline = now + drawn + patience
    isSpent = true
  }

  /// Ends the wait.
  mutating func runOut(at now: Instant) { deadline = min(deadline, now) }

  private static func draw(_ settings: Settings, using random: inout some RandomNumberGenerator)
    -> Nanoseconds
  {
    let least = settings.electionTimeout.rawValue
    let extra = random.next().multipliedFullWidth(by: least).high
    return Nanoseconds(rawValue: least + extra)
  }
}

/// The answers to one campaign. Only voters are counted, each once.
struct VoteTally: Hashable, Sendable {
  private struct Vote: Hashable, Sendable {
    let voter: NodeID
    let granted: Bool
  }

  private var votes: [Vote] = []

  subscript(voter: NodeID) -> Bool? { votes.first { $0.voter == voter }?.granted }

  /// The first answer stands.
  mutating func record(_ voter: NodeID, granted: Bool) {
    if self[voter] == nil { votes.append(Vote(voter: voter, granted: granted)) }
  }
}

extension RaftInstance {
  /// Whether this node may stand at all. While its disk is in doubt it could not keep a vote.
  var mayCampaign: Bool {
    isElectable && suspectThrough == nil && persistence.isHardStateDurable && currentTerm < .limit
      && lost == nil
  }

  /// A voter may stand; so may one that a change which is not committed has left out: until it is, the cluster
  /// may need it. It does not count itself then (dissertation §4.2.2).
  private var isElectable: Bool {
    if configuration.isVoter(id) { return true }
    #if SIMULATION
    if Mutant.removedLeaderSpeaks.isActive { return true }
    #endif
    guard !isConfigurationCommitted else { return false }
    let earlier = log.configuration(at: configurationIndex.previous)?.configuration ?? initialConfiguration
    return earlier.isVoter(id)
  }

  #if SIMULATION
  /// What is in force where a change counts from its commit on.
  private var committedConfiguration: Configuration {
    guard !isConfigurationCommitted else { return configuration }
    return log.configuration(at: configurationIndex.previous)?.configuration ?? initialConfiguration
  }
  #endif

  /// Makes this node stand with the next tick, as though its timer had run out: an exact order of elections for who
  /// plays one out.
  package mutating func runOutElectionTimer(at now: Instant) { electionTimer.runOut(at: now) }

  mutating func onElectionTimeout(at now: Instant, into effects: inout Effects) {
    electionTimer.restart(at: now)
    guard mayCampaign else {
      if role != .candidate { becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects) }
      return
    }
    preCampaign(at: now, into: &effects)
  }

  /// Asks whether a campaign would succeed before disturbing anyone's term (dissertation §9.6).
  private mutating func preCampaign(at now: Instant, into effects: inout Effects) {
    role = .preCandidate
    leader = nil
    tally = VoteTally()
    tally.record(id, granted: true)
    effects.roleChanges.append(.preCandidate(term: currentTerm))
    requestVotes(term: currentTerm.next, preVote: true)
    decideElection(at: now, into: &effects)
  }

  /// The owner has found that the leader of this term keeps something out of the log, or has not. A node that
  /// distrusts its leader votes as though it had none.
  public mutating func setDistrust(_ distrusts: Bool) { distrustsLeader = distrusts && role != .leader }

  /// Stands against a leader that the owner distrusts, if enough peers do as well.
  public mutating func challengeLeader(at now: Instant, into effects: inout Effects) {
    guard distrustsLeader, role == .follower, mayCampaign else { return }
    electionTimer.restart(at: now)
    preCampaign(at: now, into: &effects)
    flush(at: now, into: &effects)
  }

  /// Begins an election (Raft §5.2). The requests wait for the term and the vote to be durable, and with
  /// them for the log that they boast of.
  mutating func campaign(
    isTransfer: Bool = false, at now: Instant, into effects: inout Effects
  ) {
    failReads(into: &effects)
    updateHardState(HardState(currentTerm: currentTerm.next, votedFor: id))
    role = .candidate
    leader = nil
    tally = VoteTally()
    electionTimer.restart(at: now)
    effects.roleChanges.append(.candidate(term: currentTerm))
    requestVotes(term: currentTerm, preVote: false, isTransfer: isTransfer)
    votesAskedAgainAt = isTransfer ? now + settings.heartbeatInterval : nil
  }

  /// Asks those who have not answered a candidate that was asked to stand: who has heard the leader, and not yet that it hands
  /// over, is silent, and the leader's word to it may come after the candidate's.
  mutating func askForVotesAgain(at now: Instant) {
    guard role == .candidate, let due = votesAskedAgainAt, due <= now else { return }
    votesAskedAgainAt = now + settings.heartbeatInterval
    // Before the vote is durable nobody has been asked yet: it all waits.
    guard persistence.isHardStateDurable else { return }
    requestVotes(term: currentTerm, preVote: false, isTransfer: true)
  }

  /// Asks every voter that has not answered in this campaign.
  private mutating func requestVotes(term: Term, preVote: Bool, isTransfer: Bool = false) {
    let request = VoteRequest(
      term: term, lastIndex: logEnd.index, lastTerm: logEnd.term, preVote: preVote, isTransfer: isTransfer)
    for peer in configuration.members where peer != id && configuration.isVoter(peer) && tally[peer] == nil {
      say(.voteRequest(request), to: peer)
    }
  }

  /// A candidate's vote for itself counts once it is durable.
  mutating func countOwnVote(at now: Instant, into effects: inout Effects) {
    guard role == .candidate, persistence.isHardStateDurable else { return }
    tally.record(id, granted: true)
    decideElection(at: now, into: &effects)
  }

  private mutating func decideElection(at now: Instant, into effects: inout Effects) {
    #if SIMULATION
    let quorum = Mutant.campaignWhileUnapplied.isActive ? committedConfiguration.quorum : configuration.quorum
    #else
    let quorum = configuration.quorum
    #endif
    switch (quorum.outcome { tally[$0] }, role) {
    case (.won, .preCandidate): campaign(at: now, into: &effects)
    case (.won, .candidate): becomeLeader(at: now, into: &effects)
    case (.lost, _): becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects)
    case (.pending, _), (.won, .follower), (.won, .leader): break
    }
  }

  /// Whether a live leader was heard within the least election timeout, or is this node. Such a node
  /// ignores requests for votes: who cannot hear the leader must not depose it (Raft §6). It lets go of a
  /// leader that it distrusts, and of one that hands over to this very candidate.
  private func isLoyal(to request: VoteRequest, from candidate: NodeID, at now: Instant) -> Bool {
    if request.isTransfer, isTransferee(candidate) { return false }
    return isLed(at: now)
  }

  /// Whether the leader, which may be this node, hands over to this one.
  func isTransferee(_ node: NodeID) -> Bool {
    node == (role == .leader ? transferee : following.transferee)
  }

  /// Whether this node leads, or heard from a leader that it trusts within the least election timeout. One that the
  /// configuration is without is on its way out, and need not be waited for (dissertation §4.2.2).
  func isLed(at now: Instant) -> Bool {
    if role == .leader { return true }
    guard let leaderContact, !distrustsLeader, leader.map(configuration.isVoter) ?? true else { return false }
    #if SIMULATION
    if Mutant.leaseAboveTimeout.isActive { return true }
    #endif
    return now < leaderContact + settings.electionTimeout
  }

  /// Raft §5.4.1: the later last term wins; of equal terms, the longer log.
  private func isUpToDate(_ request: VoteRequest) -> Bool {
    LogEnd(term: request.lastTerm, index: request.lastIndex) >= votingEnd
  }

  /// A voter does not ask whether it is one in the configuration that it knows: that may be old, and a
  /// learner promoted meanwhile must vote for anyone to learn of it.
  mutating func onVoteRequest(
    _ request: VoteRequest, from candidate: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard !isLoyal(to: request, from: candidate, at: now) else { return }
    #if SIMULATION
    if Mutant.learnerRefusesVote.isActive, !configuration.isVoter(id) { return }
    #endif
    if request.preVote {
      answerPreVote(request, from: candidate)
      return
    }
    guard catchUp(to: request.term, from: candidate, leader: nil, at: now, into: &effects) else { return }
    let isFree = (votedFor == nil && leader == nil) || votedFor == candidate
    let granted = request.term == currentTerm && isFree && isUpToDate(request)
    if granted {
      updateHardState(HardState(currentTerm: currentTerm, votedFor: candidate))
      electionTimer.restart(at: now)
    }
    say(.voteResponse(VoteResponse(term: currentTerm, granted: granted, preVote: false)), to: candidate)
  }

  /// A refusal carries this node's term, so that a candidate behind it catches up and asks again: else
  /// two nodes, one with the longer log and one with the higher term, would refuse each other forever.
  private mutating func answerPreVote(_ request: VoteRequest, from candidate: NodeID) {
    guard suspectThrough == nil else { return }
    let granted = request.term > currentTerm && isUpToDate(request)
    #if SIMULATION
    if Mutant.preVoteDeadlock.isActive, !granted {
      say(.voteResponse(VoteResponse(term: .zero, granted: false, preVote: true)), to: candidate)
      return
    }
    #endif
    let term = granted ? request.term : currentTerm
    say(.voteResponse(VoteResponse(term: term, granted: granted, preVote: true)), to: candidate)
  }

  mutating func onVoteResponse(
    _ response: VoteResponse, from voter: NodeID, at now: Instant, into effects: inout Effects
  ) {
    if response.preVote && response.granted {
      guard role == .preCandidate, response.term == currentTerm.next else { return }
    } else {
      guard catchUp(to: response.term, from: voter, leader: nil, at: now, into: &effects) else { return }
      guard role == (response.preVote ? .preCandidate : .candidate) else { return }
      // An answer from an earlier campaign says nothing about this one.
      #if SIMULATION
      let isOfToday = response.term == currentTerm || Mutant.oldVoteCounted.isActive
      #else
      let isOfToday = response.term == currentTerm
      #endif
      guard response.preVote || isOfToday else { return }
    }
    tally.record(voter, granted: response.granted)
    decideElection(at: now, into: &effects)
  }
}
