import Raft
import Testing

/// The leader's side of Raft §5.3: what is sent to whom, and what answers do.
struct ReplicationTests {
  /// Brings peer 2 of a new leader to pipelined replication.
  private func leaderWithPeer(
    log: MemoryLog = MemoryLog(), term: Term = 1, settings: Settings = .testing()
  ) -> Solo {
    var solo = Solo.leader(term: term, log: log, settings: settings)
    solo.answer(from: 2, .matched(log.lastIndex))
    solo.answer(from: 2, .matched(log.lastIndex.next))
    _ = solo.take()
    return solo
  }

  @Test("a leader appends a proposal to its log and sends it in parallel with its own write (§5.3, §10.2.1)")
  func sendsBeforeDurable() {
    var solo = leaderWithPeer()
    #expect(solo.propose([[7], [8]]) == .success(2...3))
    let request = solo.requests(to: 2)
    #expect(request.flatMap(\.entries).map(\.payload) == [[7], [8]])
    #expect(request.map(\.previousIndex) == [1] && request.map(\.previousTerm) == [1])
    #expect(solo.raft.durableIndex == 1 && solo.writes.last?.entries.count == 2)
  }

  @Test("requests are pipelined without waiting, up to the window in messages (§10.2.1)")
  func windowInMessages() {
    var solo = leaderWithPeer(settings: .testing(maxInflightMessages: 3))
    for byte in 0..<10 as Range<UInt8> { _ = solo.propose([[byte]]) }
    #expect(solo.requests(to: 2).map(\.previousIndex) == [1, 2, 3])
    solo.answer(from: 2, .matched(3))
    // Two acknowledged: two more go out, and the first of them takes all that waits.
    #expect(solo.requests(to: 2).map(\.entries.count) == [7])
  }

  @Test("the window in bytes holds, and each request is bounded")
  func windowInBytes() {
    var solo = leaderWithPeer(settings: .testing(maxAppendBytes: 300, maxInflightBytes: 500))
    #expect(solo.propose(Array(repeating: [UInt8](repeating: 1, count: 68), count: 10)) == .success(2...11))
    let requests = solo.requests(to: 2)
    #expect(requests.map(\.entries.count) == [3, 2])
    #expect(requests.allSatisfy { $0.entries.reduce(0) { $0 + $1.cost } <= 300 })
    solo.answer(from: 2, .matched(4))
    #expect(solo.requests(to: 2).map(\.entries.count) == [3])
  }

  @Test("an entry larger than a request goes alone")
  func oversizedEntry() {
    var solo = leaderWithPeer(settings: .testing(maxAppendBytes: 100, maxInflightBytes: 100))
    _ = solo.propose([[UInt8](repeating: 1, count: 1_000), [2]])
    #expect(solo.requests(to: 2).map(\.entries.count) == [1])
    solo.answer(from: 2, .matched(2))
    #expect(solo.requests(to: 2).filter { !$0.entries.isEmpty }.map(\.entries.count) == [1])
  }

  @Test("a new leader looks for the point of agreement with empty requests, one at a time (§5.3)")
  func probing() {
    var solo = Solo.leader(term: 5, log: MemoryLog(terms: [1, 1, 4, 4]))
    #expect(solo.raft.peers.map(\.next) == [5, 5], "just after its log as it was elected")
    solo.answer(from: 2, .rejected(previousIndex: 4, hint: 3, hintTerm: 2))
    let probe = solo.requests(to: 2)
    #expect(probe.map(\.previousIndex) == [2] && probe.map(\.entries.isEmpty) == [true])
    solo.answer(from: 2, .matched(2))
    #expect(solo.requests(to: 2).flatMap(\.entries).map(\.index) == [3, 4, 5])
  }

  /// A hint skips a whole term of conflicts at a time (§5.3, "to reduce the number of rejected").
  @Test("figure 7: every follower is brought to the leader's log in few rounds (§5.3)")
  func figure7() throws {
    let leaderLog: [Term] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    let followers: [[Term]] = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]
    for terms in followers {
      // The third holds the log of a follower that votes; all of term 7 and below.
      var cluster = Cluster(
        logs: [1: MemoryLog(terms: leaderLog), 2: MemoryLog(terms: terms), 3: MemoryLog()],
        terms: [1: 7, 2: 7, 3: 7])
      cluster.cut = [.init(from: 1, to: 2), .init(from: 2, to: 1)]
      cluster.elect(1)
      #expect(cluster.leaders == [1])
      cluster.heal()
      cluster.run(for: .milliseconds(60))
      #expect(cluster[2].raft.log.all == cluster[1].raft.log.all, "\(terms)")
      #expect(cluster.oracle.violations == [])
    }
  }

  @Test("a lost request is noticed by the next heartbeat and sent again (§5.3)")
  func lossNoticed() {
    var solo = leaderWithPeer()
    _ = solo.propose([[7]])
    _ = solo.take()
    solo.timeOut()
    #expect(solo.requests(to: 2).map(\.previousIndex) == [2])
    solo.answer(from: 2, .rejected(previousIndex: 2, hint: 1, hintTerm: 1))
    #expect(solo.requests(to: 2).map(\.previousIndex) == [1])
    solo.answer(from: 2, .matched(1))
    #expect(solo.requests(to: 2).flatMap(\.entries).map(\.payload) == [[7]])
  }

  @Test("a peer that cannot be reached is probed with heartbeats, not flooded")
  func unreachable() {
    var solo = leaderWithPeer()
    solo.step(.unreachable(peer: 2))
    for byte in 0..<5 as Range<UInt8> { _ = solo.propose([[byte]]) }
    #expect(solo.requests(to: 2).filter { !$0.entries.isEmpty }.isEmpty)
  }

  @Test("a peer that answers the same rejection again is asked again with the next heartbeat only")
  func noPingPong() {
    var solo = Solo.leader(term: 2, log: MemoryLog(terms: [1, 1]))
    // It claims to have everything, and yet rejects.
    solo.answer(from: 2, .rejected(previousIndex: 2, hint: 2, hintTerm: 1))
    #expect(solo.take().isEmpty)
    solo.timeOut()
    #expect(solo.requests(to: 2).count == 1)
  }

  @Test("answers of nobody, of an earlier term or from strangers change nothing")
  func strangers() {
    var solo = leaderWithPeer(term: 3)
    let before = solo.raft.peers
    solo.receive(from: 9, .appendResponse(AppendResponse(term: 3, outcome: .matched(1), round: 0)))
    solo.receive(from: 9, .appendResponse(AppendResponse(term: 9, outcome: .matched(1), round: 0)))
    solo.receive(from: 3, .appendResponse(AppendResponse(term: 2, outcome: .matched(1), round: 0)))
    #expect(solo.raft.peers == before && solo.raft.role == .leader)
  }

  @Test("an acknowledgement of what was never sent is evidence, and does not commit")
  func impossibleAcknowledgement() {
    var solo = leaderWithPeer()
    solo.answer(from: 3, .matched(LogIndex(rawValue: .max)))
    #expect(solo.evidence == [.impossibleAcknowledgement(from: 3, index: .max, lastIndex: 1)])
    #expect(solo.raft.peers.last?.match == 0)
  }

  @Test("hints beyond all bounds do no harm")
  func wildHints() {
    var solo = leaderWithPeer(log: MemoryLog(terms: [1, 1]), term: 2)
    for index in [LogIndex.max, .limit, .zero] {
      solo.answer(from: 3, .rejected(previousIndex: index, hint: .max, hintTerm: Term(rawValue: .max)))
      solo.answer(from: 3, .rejected(previousIndex: 2, hint: index, hintTerm: 0))
      solo.answer(from: 3, .ahead(index))
      solo.answer(from: 3, .refused(index))
      solo.timeOut()
    }
    #expect(solo.raft.role == .leader)
  }

  @Test("the round of the latest heartbeat comes back with every answer")
  func roundEchoed() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0, round: 5))
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0, round: 4))
    let rounds = solo.take().compactMap { envelope -> UInt64? in
      guard case .appendResponse(let response) = envelope.message else { return nil }
      return response.round
    }
    #expect(rounds == [5, 5])
  }
}
