import Raft

/// One instance, and the test as everything around it.
struct Solo {
  var raft: RaftInstance<MemoryLog>
  var effects = Effects()
  var now = Instant(nanoseconds: 0)
  var random = SeededRandom(seed: 7)
  /// Every persist request so far.
  var writes: [PersistRequest] = []
  /// Everything sent since the last ``take()``.
  private var sent: [Envelope] = []
  var evidence: [Evidence] = []
  var changes: [RoleChange] = []
  var durable: [DurablePoint] = []
  var needsSnapshot: [NodeID] = []
  var reads: [ReadOutcome] = []

  init(
    id: NodeID = 1, configuration: Configuration = Configuration(voters: [1, 2, 3]), term: Term = 0,
    votedFor: NodeID? = nil, log: MemoryLog = MemoryLog(), commit: LogIndex = 0, lost: LogEnd? = nil,
    settings: Settings = .testing()
  ) {
    raft = RaftInstance(
      id: id, configuration: configuration, hardState: HardState(currentTerm: term, votedFor: votedFor),
      log: log, commitIndex: commit, lost: lost, settings: settings, at: now, using: &random)
  }

  /// Starts over from what is on disk, with the randomness that there is now.
  mutating func restart() {
    raft = RaftInstance(
      id: raft.id, configuration: raft.configuration,
      hardState: HardState(currentTerm: raft.currentTerm, votedFor: raft.votedFor), log: raft.log,
      commitIndex: 0, settings: raft.settings, at: now, using: &random)
    writes = []
  }

  /// A leader of `term`, elected by node 2, all of its writes durable.
  static func leader(
    configuration: Configuration = Configuration(voters: [1, 2, 3]), term: Term = 1,
    log: MemoryLog = MemoryLog(),
    commit: LogIndex = 0, opened: Bool = true, settings: Settings = .testing()
  ) -> Solo {
    var solo = Solo(
      configuration: configuration, term: Term(rawValue: term.rawValue - 1), log: log, commit: commit,
      settings: settings)
    solo.timeOut()
    for voter in configuration.members where voter != 1 {
      solo.receive(
        from: voter, .voteResponse(VoteResponse(term: term, granted: true, preVote: true)))
    }
    solo.persistAll()
    for voter in configuration.members where voter != 1 {
      solo.receive(from: voter, .voteResponse(VoteResponse(term: term, granted: true, preVote: false)))
    }
    precondition(solo.raft.role == .leader, "the harness elects node 1")
    if opened {
      solo.propose(termRecord: [0])
      solo.persistAll()
    }
    _ = solo.take()
    return solo
  }

  /// Makes it lead again, with the votes of 2, and have a quorum.
  mutating func elect() {
    for _ in 0..<8 where raft.role != .leader {
      if raft.role == .follower { timeOut() }
      let term = raft.role == .preCandidate ? raft.currentTerm.next : raft.currentTerm
      let isPre = raft.role == .preCandidate
      receive(from: 2, .voteResponse(VoteResponse(term: term, granted: true, preVote: isPre)))
      persistAll()
    }
    answer(from: 2, .matched(0))
  }

  private mutating func absorb() {
    writes += effects.persist
    sent += effects.messages
    evidence += effects.evidence
    changes += effects.roleChanges
    needsSnapshot += effects.needsSnapshot
    reads += effects.reads
    if let point = effects.durable { durable.append(point) }
    effects = Effects()
  }

  mutating func step(_ event: Event) {
    raft.step(event, at: now, using: &random, into: &effects)
    absorb()
  }

  mutating func receive(from peer: NodeID, _ message: Message) { step(.receive(from: peer, message)) }

  mutating func elapse(_ span: Nanoseconds) { now = now + span }

  /// Lets the instance's own deadline come.
  mutating func timeOut() {
    now = max(now, raft.nextDeadline)
    step(.tick)
  }

  mutating func persistAll() {
    if let last = writes.last { step(.persisted(ticket: last.ticket)) }
  }

  mutating func propose(termRecord payload: [UInt8]) {
    do {
      _ = try raft.proposeTermRecord(payload, at: now, into: &effects)
    } catch {
      preconditionFailure("\(error)")
    }
    absorb()
  }

  mutating func propose(_ payloads: [[UInt8]]) -> Result<ClosedRange<LogIndex>, ProposalRefusal> {
    defer { absorb() }
    do throws(ProposalRefusal) {
      return .success(try raft.propose(payloads, at: now, into: &effects))
    } catch {
      return .failure(error)
    }
  }

  mutating func propose(_ next: Configuration) -> Result<LogIndex, ProposalRefusal> {
    defer { absorb() }
    do throws(ProposalRefusal) {
      return .success(
        try raft.proposeConfiguration(next, payload: next.payload, at: now, into: &effects))
    } catch {
      return .failure(error)
    }
  }

  mutating func transfer(to target: NodeID) -> ProposalRefusal? {
    defer { absorb() }
    do throws(ProposalRefusal) {
      try raft.transferLeadership(to: target, at: now, into: &effects)
      return nil
    } catch {
      return error
    }
  }

  mutating func handOver(except failed: NodeID? = nil) -> NodeID? {
    defer { absorb() }
    return raft.handOver(except: failed, at: now, into: &effects)
  }

  mutating func read(_ ticket: UInt64) {
    raft.requestRead(ticket, at: now, into: &effects)
    absorb()
  }

  mutating func challenge() {
    raft.setDistrust(true)
    raft.challengeLeader(at: now, into: &effects)
    absorb()
  }

  mutating func discardTail(after index: LogIndex) -> Bool {
    defer { absorb() }
    return raft.discardTail(after: index, at: now, into: &effects)
  }

  /// What was sent since the last call.
  mutating func take() -> [Envelope] {
    defer { sent = [] }
    return sent
  }

  /// The append requests sent to `peer` since the last ``take()``, which this is.
  mutating func requests(to peer: NodeID) -> [AppendRequest] {
    take().compactMap { envelope in
      guard envelope.to == peer, case .appendRequest(let request) = envelope.message else { return nil }
      return request
    }
  }

  /// The outcomes answered to `peer` since the last ``take()``, which this is.
  mutating func answers(to peer: NodeID) -> [AppendResponse.Outcome] {
    take().compactMap { envelope in
      guard envelope.to == peer, case .appendResponse(let response) = envelope.message else { return nil }
      return response.outcome
    }
  }

  mutating func votes(to peer: NodeID) -> [VoteResponse] {
    take().compactMap { envelope in
      guard envelope.to == peer, case .voteResponse(let response) = envelope.message else { return nil }
      return response
    }
  }

  mutating func voteRequests() -> [VoteRequest] {
    take().compactMap { envelope in
      guard case .voteRequest(let request) = envelope.message else { return nil }
      return request
    }
  }

  /// A peer's answer in the current term.
  mutating func answer(from peer: NodeID, _ outcome: AppendResponse.Outcome) {
    receive(
      from: peer,
      .appendResponse(AppendResponse(term: raft.currentTerm, outcome: outcome, round: 0)))
  }
}
