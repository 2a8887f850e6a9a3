import Raft
import Testing

/// Dissertation §6.4: reads that miss nothing, without a write.
struct ReadTests {
  private func leader(opened: Bool = true) -> Solo {
    var solo = Solo.leader(opened: opened)
    if opened { solo.answer(from: 2, .matched(1)) }
    _ = solo.take()
    return solo
  }

  /// Peer's answer to the newest round that was sent to it.
  private func confirm(_ solo: inout Solo, _ peer: NodeID, round: UInt64) {
    solo.receive(
      from: peer, .appendResponse(AppendResponse(term: 1, outcome: .matched(1), round: round)))
  }

  private func round(_ solo: inout Solo) -> UInt64 { solo.requests(to: 2).last?.round ?? 0 }

  @Test("§6.4: the leader confirms that it leads with a round begun after the question")
  func confirmed() {
    var solo = leader()
    solo.read(7)
    let asked = round(&solo)
    confirm(&solo, 2, round: asked - 1)
    #expect(solo.reads == [])
    confirm(&solo, 2, round: asked)
    #expect(solo.reads == [ReadOutcome.at(7, 1)])
  }

  @Test("bug 26: a quorum of the voters, not one less")
  func quorum() {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3, 4, 5]))
    for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(1)) }
    _ = solo.take()
    solo.read(7)
    let asked = round(&solo)
    confirm(&solo, 2, round: asked)
    #expect(solo.reads == [])
    confirm(&solo, 3, round: asked)
    #expect(solo.reads == [ReadOutcome.at(7, 1)])
  }

  @Test("bug 23: a new leader does not know what is committed before it has committed its own first entry")
  func termFirst() {
    var solo = Solo.leader()
    solo.read(7)
    #expect(solo.reads == [ReadOutcome.at(7, nil)])
  }

  @Test("bug 25: none while leadership is being handed over")
  func transfer() {
    var solo = leader()
    #expect(solo.transfer(to: 3) == nil)
    solo.read(7)
    #expect(solo.reads == [ReadOutcome.at(7, nil)])
  }

  @Test("a leader that gives up gives its reads up")
  func deposed() {
    var solo = leader()
    solo.read(7)
    solo.receive(from: 3, .appendResponse(AppendResponse(term: 5, outcome: .matched(0), round: 0)))
    #expect(solo.reads == [ReadOutcome.at(7, nil)])
  }

  @Test("a follower asks its leader, and believes nobody else")
  func follower() {
    var solo = Solo()
    solo.read(1)
    #expect(solo.reads == [ReadOutcome.at(1, nil)], "it knows no leader")
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.persistAll()
    _ = solo.take()
    solo.read(2)
    guard case .readRequest(let request)? = solo.take().first(where: { $0.to == 2 })?.message else {
      Issue.record("nothing was asked")
      return
    }
    let answer = Message.readResponse(ReadResponse(term: 1, context: request.context, index: 9))
    solo.receive(from: 3, answer)
    #expect(solo.reads.count == 1)
    solo.receive(from: 2, answer)
    #expect(solo.reads.last == ReadOutcome.at(2, 9))
  }

  @Test("bug 24: an answer to an earlier question, or to one of an earlier life, is not taken for this one's")
  func contexts() {
    var contexts: [UInt64] = []
    for seed in [7, 8] as [UInt64] {
      var solo = Solo()
      solo.random = SeededRandom(seed: seed)
      solo.restart()
      solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
      solo.persistAll()
      for ticket in [1, 1] as [UInt64] { solo.read(ticket) }
      for envelope in solo.take() {
        if case .readRequest(let request) = envelope.message { contexts.append(request.context) }
      }
    }
    #expect(contexts.count == 4 && Set(contexts).count == 4)
  }

  @Test("a question that nobody answers ends within an election timeout")
  func expires() {
    var solo = Solo()
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.read(2)
    for _ in 0..<4 where solo.reads.isEmpty { solo.timeOut() }
    #expect(solo.reads == [ReadOutcome.at(2, nil)])
  }

  @Test("a leader answers a follower when a quorum has confirmed it")
  func served() {
    var solo = leader()
    solo.receive(from: 3, .readRequest(ReadRequest(term: 1, context: 44)))
    let asked = round(&solo)
    confirm(&solo, 2, round: asked)
    let answers = solo.take().compactMap { envelope -> ReadResponse? in
      guard envelope.to == 3, case .readResponse(let response) = envelope.message else { return nil }
      return response
    }
    #expect(answers == [ReadResponse(term: 1, context: 44, index: 1)])
  }
}
