import Raft
import Testing

/// Figure 2 "AppendEntries RPC, receiver implementation" and Raft §5.3: what a follower takes and answers.
struct MatchingTests {
  @Test("a follower appends, and answers only when its disk has the entries (figure 2)")
  func appendsThenAnswers() {
    let leader = MemoryLog(terms: [1, 1])
    var solo = Solo(term: 1)
    solo.receive(from: 2, leader.request(term: 1, after: 0))
    #expect(solo.raft.log.all == leader.all)
    #expect(solo.take().isEmpty && solo.durable.isEmpty)
    solo.persistAll()
    #expect(solo.answers(to: 2) == [.matched(2)])
    #expect(solo.durable == [DurablePoint(term: 1, index: 2)])
  }

  @Test("no entry at previousIndex: rejected, with the end of the log as a hint (receiver 2)")
  func gap() {
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, MemoryLog(terms: [1, 1, 1]).request(term: 1, after: 2))
    #expect(solo.answers(to: 2) == [.rejected(previousIndex: 2, hint: 1, hintTerm: 1)])
    #expect(solo.raft.log.terms == [1])
  }

  @Test("another term at previousIndex: rejected, and the hint skips the conflicting term (receiver 2, §5.3)")
  func conflictAtPrevious() {
    var solo = Solo(term: 4, log: MemoryLog(terms: [1, 1, 2, 2, 2]))
    solo.receive(from: 2, MemoryLog(terms: [1, 1, 1, 1, 4]).request(term: 4, after: 4))
    #expect(solo.answers(to: 2) == [.rejected(previousIndex: 4, hint: 2, hintTerm: 1)])
    #expect(solo.raft.log.terms == [1, 1, 2, 2, 2], "a rejection removes nothing")
  }

  @Test("a conflicting entry goes, with all that follow it (receiver 3)")
  func conflictRemoved() {
    let leader = MemoryLog(terms: [1, 1, 3])
    var solo = Solo(term: 3, log: MemoryLog(terms: [1, 1, 2, 2, 2]))
    solo.receive(from: 2, leader.request(term: 3, after: 1))
    #expect(solo.raft.log.all == leader.all)
    #expect(solo.writes.last?.truncateAfter == 2 && solo.writes.last?.entries.map(\.index) == [3])
  }

  @Test("entries not in the log are appended, those in it left alone (receiver 4)")
  func overlap() {
    let leader = MemoryLog(terms: [1, 1, 1, 1])
    var solo = Solo(term: 1, log: MemoryLog(terms: [1, 1]))
    solo.receive(from: 2, leader.request(term: 1, after: 0))
    #expect(solo.writes.last?.entries.map(\.index) == [3, 4])
    #expect(solo.writes.last?.truncateAfter == nil)
  }

  @Test("commitIndex = min(leaderCommit, last entry matched by this request) (receiver 5)")
  func commitOfFollower() {
    let leader = MemoryLog(terms: [1, 1, 1])
    var solo = Solo(term: 1, log: leader)
    solo.receive(from: 2, leader.request(term: 1, after: 1, through: 2, commit: 3))
    #expect(solo.raft.commitIndex == 2)
    solo.receive(from: 2, leader.request(term: 1, after: 1, through: 2, commit: 1))
    #expect(solo.raft.commitIndex == 2)
    solo.receive(from: 2, leader.request(term: 1, after: 2, through: 3, commit: .limit))
    #expect(solo.raft.commitIndex == 3)
  }

  @Test("what an entry-carrying request waits for, a heartbeat does not: it tells what is durable now")
  func heartbeatDuringSlowWrite() {
    let leader = MemoryLog(terms: [1, 1])
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, leader.request(term: 1, after: 1))
    solo.receive(from: 2, leader.request(term: 1, after: 2))
    #expect(solo.answers(to: 2) == [.matched(1)])
    solo.persistAll()
    #expect(solo.answers(to: 2) == [.matched(2)])
  }

  @Test("one answer acknowledges all that one write made durable")
  func acknowledgementsCoalesce() {
    let leader = MemoryLog(terms: [1, 1, 1])
    var solo = Solo(term: 1)
    for index in 0..<3 as Range<UInt64> {
      solo.receive(
        from: 2,
        leader.request(term: 1, after: LogIndex(rawValue: index), through: LogIndex(rawValue: index + 1)))
    }
    solo.persistAll()
    #expect(solo.answers(to: 2) == [.matched(3)])
  }

  @Test("an entry ahead of this node's clock is not appended, and the answer says so")
  func ahead() {
    var log = MemoryLog()
    log.admissionRule = { $0.index >= 3 ? .ahead : .accept }
    var solo = Solo(term: 1, log: log)
    solo.receive(from: 2, MemoryLog(terms: [1, 1, 1, 1]).request(term: 1, after: 0, commit: 4))
    #expect(solo.answers(to: 2) == [.ahead(3)])
    #expect(solo.raft.log.lastIndex == 2 && solo.raft.commitIndex == 2)
    solo.persistAll()
    #expect(solo.answers(to: 2) == [.matched(2)])
  }

  @Test("an entry that the log refuses is refused with what follows, with the reason as evidence")
  func refused() {
    var log = MemoryLog()
    log.admissionRule = { $0.index == 2 ? .refuse(reason: "attachment") : .accept }
    var solo = Solo(term: 1, log: log)
    solo.receive(from: 2, MemoryLog(terms: [1, 1, 1]).request(term: 1, after: 0))
    #expect(solo.answers(to: 2) == [.refused(2)])
    #expect(solo.raft.log.lastIndex == 1)
    #expect(solo.evidence == [.refusedEntry(from: 2, index: 2, term: 1, reason: "attachment")])
  }

  @Test("when storage falls behind, entries are left for later, and taken when it has caught up")
  func storageBackPressure() {
    let leader = MemoryLog(terms: [1, 1, 1, 1, 1, 1])
    var solo = Solo(term: 1, settings: .testing(maxUnpersistedBytes: 100))
    solo.receive(from: 2, leader.request(term: 1, after: 0))
    #expect(solo.raft.log.lastIndex == 3)
    solo.persistAll()
    #expect(solo.answers(to: 2) == [.matched(3)])
    solo.receive(from: 2, leader.request(term: 1, after: 3))
    #expect(solo.raft.log.lastIndex == 6)
  }

  static func malformed() -> [(AppendRequest, Malformation)] {
    let log = MemoryLog(terms: [1])
    func request(_ previous: LogIndex, _ previousTerm: Term, _ entries: [Entry]) -> AppendRequest {
      AppendRequest(
        term: 2, previousIndex: previous, previousTerm: previousTerm, previousRoot: log.point(at: 0).root,
        entries: entries, leaderCommit: .max, round: .max)
    }
    return [
      (request(.max, 1, [Entry(1, 1)]), .indexBeyondLimit),
      (request(0, 3, []), .entryOfLaterTerm),
      (request(0, 0, [Entry(1, 2)]), .entriesNotContiguous),
      (request(0, 0, [Entry(1, 1), Entry(1, 1)]), .entriesNotContiguous),
      (request(0, 0, [Entry(2, 1), Entry(1, 2)]), .termsNotAscending),
      (request(0, 0, [Entry(3, 1)]), .entryOfLaterTerm),
      (
        request(0, 0, [Entry(term: 1, index: 1, payload: [UInt8](repeating: 0, count: 5_000))]),
        .entryTooLarge
      ),
    ]
  }

  @Test("a malformed request is evidence, changes nothing and does not count as a leader's voice")
  func malformedRequests() {
    for (request, fault) in Self.malformed() {
      var solo = Solo(term: 2)
      solo.receive(from: 2, .appendRequest(request))
      #expect(solo.evidence == [.malformed(from: 2, fault)])
      #expect(solo.raft.leader == nil && solo.raft.log.lastIndex == 0 && solo.take().isEmpty)
    }
  }
}
