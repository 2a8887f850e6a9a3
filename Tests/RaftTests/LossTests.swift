import Raft
import Testing

/// A disk that lost what it had acknowledged: lost is not absent (bug 30).
struct LossTests {
  /// Entry 3 of term 2 is gone; 1 and 2 are left.
  private func solo() -> Solo {
    Solo(term: 2, log: MemoryLog(terms: [1, 2]), lost: LogEnd(term: 2, index: 3))
  }

  @Test("bug 30: a node that lost entries does not stand for election")
  func noCampaign() {
    var solo = solo()
    for _ in 0..<4 { solo.timeOut() }
    #expect(solo.raft.role == .follower && solo.raft.currentTerm == 2)
  }

  @Test("bug 30: it votes as though it still had them")
  func votes() {
    func granted(_ lastTerm: Term, _ lastIndex: LogIndex) -> Bool {
      var solo = solo()
      solo.receive(
        from: 2,
        .voteRequest(VoteRequest(term: 3, lastIndex: lastIndex, lastTerm: lastTerm, preVote: false)))
      return solo.raft.votedFor == 2
    }
    #expect(!granted(2, 2), "this candidate lacks what may have been committed with this node's word")
    #expect(granted(2, 3) && granted(3, 1))
  }

  @Test("it tells the leader, who counts it for what it has, and sends what is gone")
  func refetched() {
    var node = solo()
    let whole = MemoryLog(terms: [1, 2, 2, 2])
    node.receive(from: 2, whole.request(term: 2, after: 4))
    node.persistAll()
    #expect(node.answers(to: 2) == [.lost(after: 2)])
    node.receive(from: 2, whole.request(term: 2, after: 2))
    node.persistAll()
    #expect(node.raft.lost == nil && node.answers(to: 2) == [.matched(4)])
    for _ in 0..<2 where node.raft.role == .follower { node.timeOut() }
    #expect(node.raft.role == .preCandidate)

    var leader = Solo.leader()
    _ = leader.propose([[1], [2]])
    leader.persistAll()
    leader.answer(from: 3, .matched(3))
    _ = leader.take()
    leader.answer(from: 3, .lost(after: 1))
    #expect(leader.raft.peers.first { $0.peer == 3 }?.match == 1)
    #expect(leader.evidence == [.acknowledgedAndLost(from: 3, after: 1, acknowledged: 3)])
    leader.answer(from: 3, .matched(1))
    #expect(leader.requests(to: 3).last?.entries.map(\.index) == [2, 3])
    #expect(leader.raft.commitIndex == 3, "what was committed stays committed")
  }

  @Test(
    "a peer that denies what it acknowledged is believed after three heartbeats in a row, not by a late answer"
  )
  func denial() {
    var leader = Solo.leader()
    _ = leader.propose([[1], [2]])
    leader.persistAll()
    // As a liar says it, or a node that then discards its tail for a note.
    leader.answer(from: 3, .matched(3))
    func match() -> LogIndex? { leader.raft.peers.first { $0.peer == 3 }?.match }
    func deny(round: UInt64) {
      leader.receive(
        from: 3,
        .appendResponse(
          AppendResponse(
            term: 1, outcome: .rejected(previousIndex: 3, hint: 1, hintTerm: 1), round: round)))
    }
    func beat() -> UInt64 {
      _ = leader.take()
      leader.elapse(.milliseconds(20))
      leader.step(.tick)
      leader.answer(from: 2, .matched(3))
      return leader.take().compactMap { envelope -> UInt64? in
        guard envelope.to == 3, case .appendRequest(let request) = envelope.message else { return nil }
        return request.round
      }.max() ?? 0
    }
    let old = beat()
    for _ in 0..<5 { deny(round: old) }
    #expect(match() == 3, "one answer, five times")
    deny(round: beat())
    leader.answer(from: 3, .matched(3))
    deny(round: beat())
    deny(round: beat())
    #expect(match() == 3, "it has acknowledged again in between")
    deny(round: beat())
    #expect(match() == 1)
    leader.answer(from: 3, .matched(1))
    #expect(leader.requests(to: 3).last?.entries.map(\.index) == [2, 3])
  }

  @Test("who says that it lost what comes after the end of every log is asked from the end of the leader's")
  func beyond() {
    for named in [LogIndex.max, LogIndex(rawValue: .max - 1), LogIndex.limit, 17] {
      var leader = Solo.leader()
      _ = leader.propose([[1], [2]])
      leader.persistAll()
      leader.answer(from: 3, .lost(after: named))
      let peer = leader.raft.peers.first { $0.peer == 3 }
      #expect(peer?.next == leader.raft.log.lastIndex.next && peer?.match == 0, "\(named)")
    }
  }

  @Test("what is back is not durable before its write is")
  func durableFirst() {
    var solo = solo()
    solo.receive(from: 2, MemoryLog(terms: [1, 2, 2]).request(term: 2, after: 2))
    #expect(solo.raft.lost != nil)
    solo.persistAll()
    #expect(solo.raft.lost == nil)
  }
}

/// A leader that keeps something out of the log (the owner finds out) is voted out.
struct DistrustTests {
  private func follower() -> Solo {
    var solo = Solo()
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.persistAll()
    _ = solo.take()
    return solo
  }

  private let question = Message.voteRequest(
    VoteRequest(term: 2, lastIndex: 0, lastTerm: 0, preVote: true))

  @Test("who distrusts the leader stands against it at once, asking first")
  func challenge() {
    var solo = follower()
    solo.challenge()
    #expect(solo.raft.role == .preCandidate && solo.voteRequests().map(\.preVote) == [true, true])
    #expect(solo.raft.currentTerm == 1)
  }

  @Test("who trusts it does not vote against it; who distrusts it does, until the term ends")
  func votes() {
    var loyal = follower()
    loyal.receive(from: 3, question)
    #expect(loyal.votes(to: 3) == [])
    var doubtful = follower()
    doubtful.raft.setDistrust(true)
    doubtful.receive(from: 3, question)
    #expect(doubtful.votes(to: 3).map(\.granted) == [true])
    doubtful.receive(from: 3, MemoryLog().request(term: 2, after: 0))
    #expect(!doubtful.raft.distrustsLeader)
  }
}

extension ReadOutcome {
  static func at(_ ticket: UInt64, _ index: LogIndex?) -> ReadOutcome {
    ReadOutcome(ticket: ticket, index: index)
  }
}
