import Raft
import Testing

/// Entries that a group-signed note vouches for: they stand, whoever leads and whoever brings them.
struct VouchedTests {
  private func entries(_ range: ClosedRange<UInt64>, term: Term, mark: UInt8 = 0) -> [Entry] {
    range.map { Entry(term: term, index: LogIndex(rawValue: $0), payload: [UInt8($0), mark]) }
  }

  private func log(_ pieces: [Entry]) -> MemoryLog {
    var log = MemoryLog()
    log.append(pieces)
    return log
  }

  private func take(_ entries: [Entry], _ solo: inout Solo) -> Bool {
    var effects = Effects()
    let isTaken = solo.raft.takeVouched(entries, at: solo.now, into: &effects)
    solo.writes += effects.persist
    return isTaken
  }

  @Test("what is new is appended, written and committed, without a leader")
  func appended() {
    var solo = Solo(term: 2, log: log(entries(1...3, term: 1)), commit: 2)
    #expect(take(entries(3...5, term: 1), &solo))
    #expect(solo.raft.log.lastIndex == 5 && solo.raft.commitIndex == 5 && solo.raft.currentTerm == 2)
    #expect(solo.writes.last?.entries.map(\.index) == [4, 5] && solo.writes.last?.truncateAfter == nil)
  }

  @Test("what stands in their place goes, be it committed or signed; what is final does not")
  func replaced() throws {
    var solo = Solo(term: 2, log: log(entries(1...4, term: 1)), commit: 2)
    let root = try #require(solo.raft.log.root(at: 4))
    solo.receive(
      from: 2,
      .appendRequest(
        AppendRequest(
          term: 2, previousIndex: 4, previousTerm: 1, previousRoot: root, entries: [], leaderCommit: 4,
          round: 1)))
    #expect(solo.raft.commitIndex == 4)
    solo.raft.setLocked(4)
    #expect(take(entries(3...5, term: 1, mark: 9), &solo))
    #expect(solo.raft.log.lastIndex == 5 && solo.writes.contains { $0.truncateAfter == 2 })
    #expect(solo.raft.log.entries(from: 3, through: 3, maxBytes: 0).first?.payload == [3, 9])

    var other = Solo(term: 2, log: log(entries(1...4, term: 1)), commit: 2)
    other.raft.setFinal(3)
    #expect(!take(entries(3...5, term: 1, mark: 9), &other))
    #expect(other.raft.log.lastIndex == 4 && other.writes.isEmpty)
  }

  @Test("a later term is entered; a candidate, and a leader that lacks them, give up")
  func roles() {
    var candidate = Solo(term: 1, log: log(entries(1...1, term: 1)))
    candidate.timeOut()
    #expect(candidate.raft.role == .preCandidate)
    #expect(take(entries(2...3, term: 4), &candidate))
    #expect(candidate.raft.role == .follower && candidate.raft.currentTerm == 4)
    #expect(candidate.writes.contains { $0.hardState?.currentTerm == 4 })

    var leader = Solo.leader(term: 3, log: log(entries(1...1, term: 1)))
    #expect(take(entries(2...4, term: 2, mark: 1), &leader))
    #expect(leader.raft.role == .follower && leader.raft.log.lastIndex == 4)
  }

  @Test("gaps, falling terms, and what does not follow the log are refused whole")
  func refused() {
    var solo = Solo(term: 3, log: log(entries(1...3, term: 2)))
    #expect(!take([], &solo))
    #expect(!take(entries(5...6, term: 2), &solo))
    #expect(!take(entries(4...4, term: 2) + entries(6...6, term: 2), &solo))
    #expect(!take(entries(4...4, term: 1), &solo))
    #expect(!take(entries(4...4, term: 3) + entries(5...5, term: 2), &solo))
    #expect(solo.raft.log.lastIndex == 3 && solo.writes.isEmpty && solo.raft.commitIndex == 0)
  }

  @Test("a node that lost entries has lost nothing once they are back, final and on disk")
  func recovered() {
    var solo = Solo(
      term: 2, log: log(entries(1...2, term: 1)), lost: LogEnd(term: 1, index: 4))
    #expect(take(entries(3...4, term: 1), &solo))
    solo.raft.setFinal(4)
    #expect(solo.raft.lost != nil, "not on disk yet")
    solo.persistAll()
    #expect(solo.raft.lost == nil)
  }
}
