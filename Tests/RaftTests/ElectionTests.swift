import Raft
import Testing

/// Raft §5.1, §5.2, §5.4.1 and figure 2 "RequestVote"; pre-vote and check-quorum of dissertation §9.6, §6.2.
struct ElectionTests {
  private let three = Configuration(voters: [1, 2, 3])

  private func request(_ term: Term, lastIndex: LogIndex = 0, lastTerm: Term = 0, preVote: Bool = false)
    -> Message
  {
    .voteRequest(VoteRequest(term: term, lastIndex: lastIndex, lastTerm: lastTerm, preVote: preVote))
  }

  @Test("a server starts as a follower (§5.2)")
  func startsAsFollower() {
    #expect(Solo().raft.role == .follower)
    #expect(Solo(term: 4, votedFor: 1).raft.role == .follower)
  }

  @Test("election timeouts are drawn from one to two times the least, and differ (§5.2)")
  func timeoutsRandomised() {
    var solo = Solo()
    var spans: [UInt64] = []
    for _ in 0..<200 {
      let start = solo.raft.nextDeadline
      solo.timeOut()
      spans.append(solo.raft.nextDeadline.nanoseconds - start.nanoseconds)
    }
    #expect(spans.allSatisfy { $0 >= 100_000_000 && $0 < 200_000_000 })
    #expect(Set(spans).count > 150)
    #expect(spans.contains { $0 < 120_000_000 } && spans.contains { $0 > 180_000_000 })
  }

  @Test(
    "a follower that hears nothing asks first, then increments its term and votes for itself (§5.2, §9.6)")
  func campaign() {
    var solo = Solo(term: 3)
    solo.timeOut()
    #expect(solo.raft.role == .preCandidate && solo.raft.currentTerm == 3)
    #expect(solo.voteRequests().map(\.preVote) == [true, true])
    #expect(solo.writes.isEmpty)
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 4, granted: true, preVote: true)))
    #expect(solo.raft.role == .candidate && solo.raft.currentTerm == 4 && solo.raft.votedFor == 1)
    solo.persistAll()
    #expect(solo.voteRequests().map(\.term) == [4, 4])
  }

  @Test("heartbeats keep a follower from campaigning (§5.2)")
  func heartbeatsPreventElections() {
    var solo = Solo(term: 1)
    for _ in 0..<50 {
      solo.elapse(.milliseconds(90))
      solo.step(.tick)
      solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
      solo.persistAll()
    }
    #expect(solo.raft.role == .follower && solo.raft.leader == 2 && solo.raft.currentTerm == 1)
  }

  @Test("a candidate with votes from a majority becomes leader, with fewer it does not (§5.2)")
  func majorityWins() {
    var solo = Solo(configuration: Configuration(voters: [1, 2, 3, 4, 5]))
    solo.timeOut()
    for peer: NodeID in [2, 3] {
      solo.receive(from: peer, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    }
    solo.persistAll()
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: false)))
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: false)))
    #expect(solo.raft.role == .candidate, "one peer's vote counts once")
    solo.receive(from: 3, .voteResponse(VoteResponse(term: 1, granted: true, preVote: false)))
    #expect(solo.raft.role == .leader && solo.raft.leader == 1)
  }

  @Test("a candidate refused by a majority becomes a follower and keeps its vote (§5.2)")
  func majorityRefuses() {
    var solo = Solo()
    solo.timeOut()
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    solo.persistAll()
    for peer: NodeID in [2, 3] {
      solo.receive(from: peer, .voteResponse(VoteResponse(term: 1, granted: false, preVote: false)))
    }
    #expect(solo.raft.role == .follower && solo.raft.currentTerm == 1 && solo.raft.votedFor == 1)
  }

  @Test("each server votes for at most one candidate a term, first come first served (§5.2)")
  func oneVoteATerm() {
    var solo = Solo()
    solo.receive(from: 2, request(1))
    solo.receive(from: 3, request(1))
    solo.receive(from: 2, request(1))
    solo.persistAll()
    #expect(solo.votes(to: 2).map(\.granted) == [true, true])
    solo.receive(from: 3, request(1))
    #expect(solo.votes(to: 3).map(\.granted) == [false])
  }

  @Test("a new leader announces itself to all at once (§5.2)")
  func leaderAnnouncesItself() {
    var solo = Solo.leader(opened: false)
    #expect(solo.changes.last == .becameLeader(term: 1))
    solo.elapse(.milliseconds(20))
    solo.step(.tick)
    #expect(solo.take().map(\.to) == [2, 3])
  }

  @Test(
    "a candidate that hears a leader of its term or a later one follows it (§5.2)",
    arguments: [1, 2] as [Term])
  func candidateYields(term: Term) {
    var solo = Solo()
    solo.timeOut()
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    solo.receive(from: 3, MemoryLog().request(term: term, after: 0))
    #expect(solo.raft.role == .follower && solo.raft.leader == 3 && solo.raft.currentTerm == term)
  }

  @Test("an older leader is refused and told the term (§5.1)")
  func oldLeaderRefused() {
    var solo = Solo(term: 5)
    solo.receive(from: 2, MemoryLog(terms: [1]).request(term: 4, after: 0))
    #expect(solo.raft.leader == nil && solo.raft.log.lastIndex == 0)
    #expect(solo.take().map(\.message.term) == [5])
  }

  @Test("a leader that hears of a later term becomes a follower of it (§5.1)")
  func leaderYieldsToLaterTerm() {
    var solo = Solo.leader(term: 2)
    solo.receive(from: 3, .appendResponse(AppendResponse(term: 7, outcome: .matched(0), round: 0)))
    #expect(solo.raft.role == .follower && solo.raft.currentTerm == 7 && solo.raft.votedFor == nil)
  }

  /// (voter's log, candidate's last index and term, granted)
  static let logs: [([Term], LogIndex, Term, Bool)] = [
    ([1], 1, 1, true), ([1], 2, 1, true), ([1, 1], 1, 1, false),
    ([1], 1, 2, true), ([1], 1, 2, true), ([1, 1], 1, 2, true),
    ([2], 1, 1, false), ([2], 2, 1, false), ([2, 2], 9, 1, false),
  ]

  @Test(
    "a voter denies its vote to a log less up to date: last term first, then length (§5.4.1)", arguments: logs
  )
  func upToDate(own: [Term], lastIndex: LogIndex, lastTerm: Term, granted: Bool) {
    for preVote in [true, false] {
      var solo = Solo(term: 2, log: MemoryLog(terms: own))
      solo.receive(from: 2, request(3, lastIndex: lastIndex, lastTerm: lastTerm, preVote: preVote))
      solo.persistAll()
      #expect(solo.votes(to: 2).map(\.granted) == [granted])
    }
  }

  @Test("a request for votes within the least election timeout of hearing a leader is ignored (§6)")
  func stickiness() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.persistAll()
    _ = solo.take()
    solo.elapse(.milliseconds(99))
    solo.receive(from: 3, request(9))
    solo.receive(from: 3, request(9, preVote: true))
    #expect(solo.take().isEmpty && solo.raft.currentTerm == 1)
    solo.elapse(.milliseconds(1))
    solo.receive(from: 3, request(9, preVote: true))
    #expect(solo.votes(to: 3).map(\.granted) == [true])
  }

  @Test("a leader ignores requests for votes while it has its quorum (§6)")
  func leaderIsLoyalToItself() {
    var solo = Solo.leader(term: 2)
    solo.receive(from: 3, request(9, lastIndex: 9, lastTerm: 8))
    #expect(solo.raft.role == .leader && solo.raft.currentTerm == 2)
  }

  @Test("a pre-vote changes neither term nor vote of who is asked (dissertation §9.6)")
  func preVoteLeavesNoTrace() {
    var solo = Solo(term: 2)
    solo.receive(from: 3, request(3, preVote: true))
    #expect(solo.votes(to: 3) == [VoteResponse(term: 3, granted: true, preVote: true)])
    #expect(solo.raft.currentTerm == 2 && solo.raft.votedFor == nil && solo.writes.isEmpty)
  }

  @Test("a partitioned node does not raise its term, and returns without an election (dissertation §9.6)")
  func returningNodeDoesNotDisturb() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    let other = try #require(cluster.configuration.voters.last { $0 != leader })
    let term = cluster[leader].raft.currentTerm
    cluster.isolate(other)
    cluster.run(for: .seconds(3))
    #expect(cluster[other].raft.currentTerm == term)
    cluster.heal()
    cluster.run(for: .seconds(1))
    #expect(cluster.leaders == [leader] && cluster[leader].raft.currentTerm == term)
    #expect(cluster[other].raft.leader == leader)
  }

  @Test("a leader that no quorum answers steps down within its lease (dissertation §6.2)")
  func checkQuorum() {
    var solo = Solo.leader()
    solo.answer(from: 2, .matched(1))
    let last = solo.now
    for _ in 0..<20 where solo.raft.role == .leader { solo.timeOut() }
    #expect(solo.now == last + .milliseconds(80))
    #expect(solo.changes.suffix(2).first == .steppedDown(term: 1, reason: .quorumLost))
  }

  @Test("a leader that a quorum answers stays")
  func quorumKeepsLeader() {
    var solo = Solo.leader()
    for _ in 0..<100 {
      solo.timeOut()
      solo.answer(from: 3, .matched(1))
    }
    #expect(solo.raft.role == .leader)
  }

  @Test("a joint configuration elects with a majority of each side (§6)")
  func jointElection() {
    var solo = Solo(configuration: Configuration(voters: [1, 2, 3], outgoing: [4, 5, 6]))
    solo.timeOut()
    for peer: NodeID in [2, 3, 4] {
      solo.receive(from: peer, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    }
    #expect(solo.raft.role == .preCandidate)
    solo.receive(from: 5, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    #expect(solo.raft.role == .candidate)
  }

  @Test("a learner never campaigns")
  func learnerStaysQuiet() {
    var solo = Solo(id: 4, configuration: Configuration(voters: [1, 2, 3], learners: [4]))
    for _ in 0..<10 { solo.timeOut() }
    #expect(solo.raft.role == .follower && solo.take().isEmpty)
  }

  @Test("a single voter elects itself once its vote is durable")
  func singleVoter() {
    var solo = Solo(configuration: Configuration(voters: [1]))
    solo.timeOut()
    #expect(solo.raft.role == .candidate)
    solo.persistAll()
    #expect(solo.raft.role == .leader)
  }

  @Test("no single message takes a term so high that elections end")
  func termPoisoning() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, request(Term(rawValue: .max)))
    #expect(solo.raft.currentTerm == 1)
    solo.receive(from: 2, request(.limit))
    #expect(solo.raft.currentTerm.rawValue < 1 << 21)
    solo.receive(from: 3, MemoryLog().request(term: .limit, after: 0))
    #expect(solo.raft.currentTerm.rawValue < 1 << 22)
    solo.timeOut()
    #expect(solo.raft.role == .follower, "the term is not durable yet")
    solo.persistAll()
    solo.timeOut()
    #expect(solo.raft.role == .preCandidate)
  }
}
