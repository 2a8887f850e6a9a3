import Raft
import Testing

/// Raft §7 and figure 13: a peer that needs what is gone, and what a node does with a snapshot.
struct SnapshotTests {
  private func compacted(_ terms: [Term], through index: LogIndex) -> MemoryLog {
    var log = MemoryLog(terms: terms)
    log.compact(through: index)
    return log
  }

  @Test("a leader asks for a snapshot for a peer whose next entry is gone, once (§7)")
  func asksOnce() {
    var solo = Solo.leader(term: 2, log: compacted([1, 1, 1, 1], through: 3), commit: 3)
    solo.answer(from: 2, .rejected(previousIndex: 4, hint: 1, hintTerm: 1))
    #expect(solo.needsSnapshot == [2])
    _ = solo.take()
    for _ in 0..<3 {
      solo.timeOut()
      // Heartbeats go on, at the snapshot's point.
      #expect(solo.requests(to: 2).map(\.previousIndex) == [3])
      solo.answer(from: 2, .rejected(previousIndex: 3, hint: 1, hintTerm: 1))
    }
    #expect(solo.needsSnapshot == [2] && solo.raft.role == .leader)
  }

  @Test(
    "after the report the leader goes on from the snapshot; after a failure it asks again, a heartbeat later")
  func report() {
    var solo = Solo.leader(term: 2, log: compacted([1, 1, 1, 1], through: 3), commit: 3)
    solo.answer(from: 2, .rejected(previousIndex: 4, hint: 1, hintTerm: 1))
    solo.step(.snapshotReport(peer: 2, succeeded: false))
    #expect(solo.needsSnapshot == [2])
    solo.timeOut()
    #expect(solo.needsSnapshot == [2, 2])
    _ = solo.take()
    solo.step(.snapshotReport(peer: 2, succeeded: true))
    #expect(solo.requests(to: 2).map(\.previousIndex) == [3])
    solo.answer(from: 2, .matched(3))
    #expect(solo.requests(to: 2).flatMap(\.entries).map(\.index) == [4, 5])
  }

  @Test("a peer that has the snapshot without a report is found out by its answer")
  func installedUnreported() {
    var solo = Solo.leader(term: 2, log: compacted([1, 1, 1, 1], through: 3), commit: 3)
    solo.answer(from: 2, .rejected(previousIndex: 4, hint: 1, hintTerm: 1))
    _ = solo.take()
    solo.answer(from: 2, .matched(3))
    #expect(solo.requests(to: 2).flatMap(\.entries).map(\.index) == [4, 5])
  }

  @Test("a peer that lacks more final entries than the setting says gets a snapshot, though the log has them")
  func farBehind() {
    let terms = [Term](repeating: 1, count: 10)
    func leader(lag: UInt64) -> Solo {
      .leader(term: 2, log: MemoryLog(terms: terms), commit: 9, settings: .testing(snapshotLag: lag))
    }
    var near = leader(lag: 5)
    near.answer(from: 2, .matched(4))
    #expect(near.needsSnapshot.isEmpty, "exactly as far as may be")
    #expect(near.requests(to: 2).flatMap(\.entries).first?.index == 5)
    var far = leader(lag: 5)
    far.answer(from: 2, .matched(3))
    #expect(far.needsSnapshot == [2] && far.requests(to: 2).flatMap(\.entries).isEmpty)
    _ = far.take()
    // What it had all along is no sign that the snapshot is there.
    far.answer(from: 2, .matched(3))
    #expect(far.requests(to: 2).isEmpty && far.needsSnapshot == [2])
    far.step(.snapshotReport(peer: 2, succeeded: true))
    #expect(far.requests(to: 2).map(\.previousIndex) == [9])
    far.answer(from: 2, .matched(9))
    #expect(far.requests(to: 2).flatMap(\.entries).map(\.index) == [10, 11])
  }

  @Test("a peer that takes no snapshot three times over gets entries, where the log has them")
  func refusesSnapshots() {
    let terms = [Term](repeating: 1, count: 10)
    var solo = Solo.leader(
      term: 2, log: MemoryLog(terms: terms), commit: 9, settings: .testing(snapshotLag: 5))
    for attempt in 1...3 {
      solo.answer(from: 2, .matched(2))
      #expect(solo.needsSnapshot.count == attempt)
      _ = solo.take()
      solo.step(.snapshotReport(peer: 2, succeeded: false))
      #expect(solo.requests(to: 2).isEmpty, "not before the next heartbeat")
    }
    solo.answer(from: 2, .matched(2))
    #expect(solo.needsSnapshot.count == 3)
    #expect(solo.requests(to: 2).flatMap(\.entries).first?.index == 3)
  }

  @Test("a log that lacks the snapshot's entry is emptied, in one write with the snapshot (figure 13)")
  func resets() {
    let point = MemoryLog(terms: [1, 1, 2]).point(at: 3)
    var solo = Solo(term: 2, log: MemoryLog(terms: [1]))
    solo.step(.snapshotInstalled(point))
    #expect(solo.raft.log.firstIndex == 4 && solo.raft.commitIndex == 3)
    #expect(solo.writes.map(\.snapshot) == [point])
    #expect(solo.raft.durableIndex == 0)
    solo.persistAll()
    #expect(solo.raft.durableIndex == 3)
  }

  @Test("a log that holds the snapshot's entry keeps what follows it (figure 13)")
  func keepsTail() {
    let log = MemoryLog(terms: [1, 1, 2, 2])
    var solo = Solo(term: 2, log: log)
    solo.step(.snapshotInstalled(log.point(at: 3)))
    #expect(solo.raft.log.all == log.all && solo.raft.commitIndex == 3 && solo.writes.isEmpty)
  }

  @Test("a snapshot of a later term brings the node into it")
  func laterTerm() {
    let point = MemoryLog(terms: [1, 7]).point(at: 2)
    var solo = Solo(term: 3, votedFor: 2)
    solo.step(.snapshotInstalled(point))
    #expect(solo.raft.currentTerm == 7 && solo.raft.votedFor == nil)
    #expect(solo.writes.map(\.hardState) == [HardState(currentTerm: 7)])
  }

  @Test("a candidate that takes a snapshot over its log stops being one")
  func candidateYields() {
    var solo = Solo(term: 3)
    solo.timeOut()
    solo.step(.snapshotInstalled(MemoryLog(terms: [1, 2]).point(at: 2)))
    #expect(solo.raft.role == .follower)
  }

  @Test("a laggard is brought up by snapshot and log, and the cluster goes on")
  func laggard() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    let laggard = try #require(cluster.configuration.voters.last { $0 != leader })
    cluster.crash(laggard)
    for byte in 0..<10 as Range<UInt8> {
      cluster.propose(leader, [byte])
      cluster.settle()
    }
    cluster.compact(leader, through: 8)
    cluster.restart(laggard)
    cluster.run(for: .seconds(1))
    #expect(cluster[laggard].raft.log.firstIndex == 9)
    #expect(cluster[laggard].raft.commitIndex == 11 && cluster[laggard].raft.durableIndex == 11)
    #expect(cluster.oracle.violations == [])
  }
}
