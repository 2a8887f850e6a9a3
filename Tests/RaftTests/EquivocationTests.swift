import Raft
import Testing

/// A leader that lies: two stories within a term, and attempts at what is final.
struct EquivocationTests {
  private var kept: MemoryLog { MemoryLog(terms: [1, 1, 1]) }

  /// The same terms, another content at index 2.
  private var other: MemoryLog {
    var log = MemoryLog(terms: [1])
    log.append([Entry(1, 2, mark: 9), Entry(1, 3)])
    return log
  }

  @Test("a match needs the root: equal index and term with another root is evidence, and refused")
  func conflictingRoot() throws {
    var solo = Solo(term: 1, log: kept)
    solo.receive(from: 2, other.request(term: 1, after: 3, commit: 3))
    #expect(
      solo.evidence == [
        .conflictingRoot(
          from: 2, index: 3, term: 1, kept: kept.point(at: 3).root, received: other.point(at: 3).root)
      ])
    #expect(solo.answers(to: 2) == [.refused(3)])
    #expect(solo.raft.log.all == kept.all && solo.raft.commitIndex == 0 && solo.durable.isEmpty)
  }

  @Test("another content for an index and term: the first is kept, the second is evidence")
  func conflictingEntry() {
    var solo = Solo(term: 1, log: kept)
    solo.receive(from: 2, other.request(term: 1, after: 1, commit: 3))
    #expect(
      solo.evidence == [.conflictingEntry(from: 2, kept: Entry(1, 2), received: Entry(1, 2, mark: 9))])
    #expect(solo.answers(to: 2) == [.refused(2)])
    #expect(solo.raft.log.all == kept.all && solo.raft.commitIndex == 1)
  }

  @Test("the same finding is reported once")
  func evidenceOnce() {
    var solo = Solo(term: 1, log: kept)
    for _ in 0..<5 { solo.receive(from: 2, other.request(term: 1, after: 3)) }
    #expect(solo.evidence.count == 1)
  }

  @Test(
    "nothing at or below what is final or signed is removed; the attempt is evidence",
    arguments: [true, false])
  func protected(isFinal: Bool) {
    var solo = Solo(term: 1, log: kept)
    if isFinal { solo.raft.setFinal(2) } else { solo.raft.setLocked(2) }
    let usurper = MemoryLog(terms: [1, 2, 2])
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, usurper.request(term: 2, after: 1))
    #expect(
      solo.evidence == [
        .protectedConflict(from: 3, index: 2, kept: 1, received: 2, protectedThrough: 2)
      ])
    solo.receive(from: 3, usurper.request(term: 2, after: 2))
    solo.persistAll()
    #expect(solo.answers(to: 3) == [.refused(2), .refused(2), .matched(1)])
    #expect(solo.raft.log.all == kept.all)
    // Above it, the leader has its way.
    solo.receive(from: 3, MemoryLog(terms: [1, 1, 2]).request(term: 2, after: 2))
    #expect(solo.raft.log.terms == [1, 1, 2])
  }

  @Test("what is merely committed gives way to a later leader, and that is evidence: someone lied")
  func committed() {
    var solo = Solo(term: 1, log: kept)
    solo.receive(from: 2, kept.request(term: 1, after: 2, commit: 2))
    solo.persistAll()
    let other = MemoryLog(terms: [1, 2, 2])
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, other.request(term: 2, after: 1))
    #expect(
      solo.evidence == [
        .protectedConflict(from: 3, index: 2, kept: 1, received: 2, protectedThrough: 2)
      ])
    #expect(solo.raft.log.all == other.all && solo.raft.commitIndex == 1)
  }

  @Test("a note takes away what this party has signed; a leader does not")
  func signedGivesWayToANote() {
    var solo = Solo(term: 1, log: kept)
    solo.raft.setLocked(3)
    let discarded = solo.discardTail(after: 1)
    #expect(discarded && solo.raft.lockedIndex == 1)
    solo.receive(from: 2, other.request(term: 2, after: 1))
    #expect(solo.raft.log.all == other.all)
  }

  @Test("of two stories of an earlier term, the later leader's is taken, and who told them is named")
  func twoStories() {
    var solo = Solo(term: 1, log: kept)
    solo.receive(from: 3, other.request(term: 2, after: 3))
    solo.persistAll()
    #expect(solo.answers(to: 3) == [.rejected(previousIndex: 3, hint: 0, hintTerm: 0)])
    solo.receive(from: 3, other.request(term: 2, after: 1))
    #expect(solo.raft.log.all == other.all)
    #expect(
      solo.evidence == [
        .twoStories(index: 3, term: 1, shownBy: 3), .twoStories(index: 2, term: 1, shownBy: 3),
      ])
  }

  @Test("a leader cannot take back within its term what it sent")
  func leaderContradictsItself() {
    var solo = Solo(term: 3, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, MemoryLog(terms: [1, 3, 3]).request(term: 3, after: 1))
    solo.receive(from: 2, MemoryLog(terms: [1, 2, 3]).request(term: 3, after: 1))
    #expect(solo.raft.log.terms == [1, 3, 3])
    #expect(
      solo.evidence == [
        .protectedConflict(from: 2, index: 2, kept: 3, received: 2, protectedThrough: 3)
      ])
  }

  @Test("a second leader of a term is evidence, and not followed (§5.2)")
  func secondLeader() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.receive(from: 3, kept.request(term: 1, after: 0))
    #expect(solo.evidence == [.secondLeader(term: 1, first: 2, second: 3)])
    #expect(solo.raft.leader == 2 && solo.raft.log.lastIndex == 0)
    var leader = Solo.leader()
    leader.receive(from: 3, kept.request(term: 1, after: 0))
    #expect(leader.evidence == [.secondLeader(term: 1, first: 1, second: 3)] && leader.raft.role == .leader)
  }

  @Test("a leader so answered by a blocking minority steps down", arguments: [true, false])
  func unwilling(isAhead: Bool) {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3, 4, 5]))
    func no(_ index: LogIndex) -> AppendResponse.Outcome { isAhead ? .ahead(index) : .refused(index) }
    solo.answer(from: 2, no(1))
    solo.answer(from: 3, no(1))
    #expect(solo.raft.role == .leader, "three of five are left")
    solo.answer(from: 2, .matched(1))
    solo.answer(from: 4, no(1))
    #expect(solo.raft.role == .leader, "one has come round")
    solo.answer(from: 5, no(1))
    #expect(solo.raft.role == .follower)
    #expect(solo.changes.suffix(2).first == .steppedDown(term: 1, reason: .unwillingMajority))
    #expect(solo.raft.nextDeadline >= solo.now + .milliseconds(300), "others go first")
  }

  @Test("a peer that is ahead is asked again with heartbeats, and taken back when it agrees")
  func aheadRecovers() {
    var solo = Solo.leader()
    solo.answer(from: 2, .matched(0))
    solo.answer(from: 2, .ahead(1))
    _ = solo.take()
    #expect(solo.raft.peers.first?.unwillingAt == 1)
    solo.timeOut()
    #expect(solo.requests(to: 2).map(\.previousIndex) == [0])
    solo.answer(from: 2, .matched(0))
    #expect(solo.requests(to: 2).flatMap(\.entries).map(\.index) == [1])
    solo.answer(from: 2, .matched(1))
    #expect(solo.raft.peers.first?.unwillingAt == nil)
  }

  @Test("a tail that a note contradicts is discarded down to what is final, never below")
  func discardTail() {
    var solo = Solo(term: 1, log: kept)
    solo.receive(from: 2, kept.request(term: 1, after: 3, commit: 3))
    solo.raft.setFinal(1)
    let below = solo.discardTail(after: 0)
    let above = solo.discardTail(after: 1)
    #expect(!below && above)
    #expect(solo.raft.log.lastIndex == 1 && solo.raft.commitIndex == 1 && solo.raft.durableIndex == 1)
    #expect(solo.writes.last?.truncateAfter == 1)
    _ = solo.take()
    solo.receive(from: 2, other.request(term: 1, after: 1, commit: 3))
    #expect(solo.raft.log.all == other.all && solo.raft.commitIndex == 3)
    #expect(solo.evidence.isEmpty)
  }

  @Test("honest nodes that a leader told different stories elect another and go on without it")
  func recoversFromEquivocation() throws {
    // Node 1 led term 1, told 2 and 3 one story of index 2 and 4 and 5 another, and is silent since.
    let one = MemoryLog(terms: [1, 1])
    var two = MemoryLog(terms: [1])
    two.append([Entry(1, 2, mark: 9)])
    var cluster = Cluster(voters: [1, 2, 3, 4, 5], logs: [1: one, 2: one, 3: one, 4: two, 5: two])
    cluster.crash(1)
    cluster.run(for: .seconds(5))
    let committed = ([2, 3, 4, 5] as [NodeID]).map { cluster[$0].raft.commitIndex }
    #expect(committed.allSatisfy { $0 >= 3 }, "no entry was committed in five seconds: \(committed)")
  }

  @Test("one follower cannot end leadership after leadership by naming higher terms")
  func followerNamesHigherTerms() throws {
    var cluster = Cluster(voters: [1, 2, 3, 4, 5])
    cluster.elect(1)
    cluster.run(for: .seconds(1))
    #expect(cluster[1].raft.role == .leader)
    let term = cluster[1].raft.currentTerm
    var deposed = 0
    // Each of the four others believes it once, as it must believe an honest node that got ahead.
    for _ in 0..<20 {
      let leader = try #require(cluster.leaders.last)
      guard leader != 5 else { break }
      let lie = AppendResponse(term: cluster[leader].raft.currentTerm.next, outcome: .matched(0), round: 0)
      cluster.step(leader, .receive(from: 5, .appendResponse(lie)))
      if cluster[leader].raft.role != .leader { deposed += 1 }
      _ = try cluster.elect()
    }
    #expect(deposed <= 4, "node 5 ended \(deposed) leaderships, from \(term) on")
  }

  @Test("a node that got ahead is let back in; again only after a while that doubles")
  func credits() {
    var solo = Solo.leader()
    func raises(after span: Nanoseconds) -> Bool {
      solo.elapse(span)
      solo.elect()
      let term = solo.raft.currentTerm
      solo.receive(from: 3, .appendResponse(AppendResponse(term: term.next, outcome: .matched(0), round: 0)))
      return solo.raft.currentTerm > term
    }
    #expect(raises(after: .zero))
    #expect(!raises(after: .milliseconds(500)))
    #expect(raises(after: .milliseconds(600)))
    #expect(!raises(after: .milliseconds(1_100)))
    #expect(raises(after: .milliseconds(1_000)))
  }
}
