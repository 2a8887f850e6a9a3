import Raft
import Testing

/// Raft §5.3, §5.4.2, §8: when an entry is committed.
struct CommitTests {
  @Test("an entry of the term is committed once a majority has it on disk, the leader included (§5.3)")
  func majorityCommits() {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3, 4, 5]))
    solo.answer(from: 2, .matched(1))
    #expect(solo.raft.commitIndex == 0)
    solo.answer(from: 3, .matched(1))
    #expect(solo.raft.commitIndex == 1)
  }

  @Test("a leader's own unfinished write does not count, even where that denies the majority")
  func leaderCountsItselfWhenDurable() {
    var solo = Solo.leader(opened: false)
    solo.propose(termRecord: [0])
    solo.answer(from: 2, .matched(0))
    solo.answer(from: 2, .matched(1))
    #expect(solo.raft.commitIndex == 0)
    solo.persistAll()
    #expect(solo.raft.commitIndex == 1)
  }

  @Test("a majority of others commits while the leader's write is still under way (§10.2.1)")
  func othersCommit() {
    var solo = Solo.leader(opened: false)
    solo.propose(termRecord: [0])
    for peer: NodeID in [2, 3] {
      solo.answer(from: peer, .matched(0))
      solo.answer(from: peer, .matched(1))
    }
    #expect(solo.raft.commitIndex == 1 && solo.raft.durableIndex == 0)
  }

  @Test("a commit is told to followers at once")
  func commitTold() {
    var solo = Solo.leader()
    solo.answer(from: 2, .matched(0))
    solo.answer(from: 3, .matched(0))
    _ = solo.take()
    solo.answer(from: 2, .matched(1))
    let told = solo.take().compactMap { envelope -> LogIndex? in
      guard case .appendRequest(let request) = envelope.message else { return nil }
      return request.leaderCommit
    }
    #expect(told == [1, 1])
  }

  @Test("learners are sent the log and counted for nothing")
  func learnersDoNotCount() {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3], learners: [4, 5]))
    for peer: NodeID in [4, 5] { solo.answer(from: peer, .matched(1)) }
    #expect(solo.raft.commitIndex == 0)
    solo.answer(from: 3, .matched(1))
    #expect(solo.raft.commitIndex == 1)
  }

  @Test("a joint configuration commits with a majority of each side (§6)")
  func jointCommit() {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3], outgoing: [4, 5, 6]))
    for peer: NodeID in [2, 3, 4] { solo.answer(from: peer, .matched(1)) }
    #expect(solo.raft.commitIndex == 0)
    solo.answer(from: 6, .matched(1))
    #expect(solo.raft.commitIndex == 1)
  }

  @Test("what an earlier leader committed and spread survives; the new leader commits it with its own (§8)")
  func newLeaderCommitsEarlier() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    cluster.propose(leader, [1])
    cluster.settle()
    cluster.crash(leader)
    let next = try cluster.elect()
    cluster.run(for: .milliseconds(100))
    cluster.restart(leader)
    cluster.run(for: .seconds(1))
    let logs = cluster.configuration.voters.map { cluster[$0].raft.log.all }
    #expect(logs.allSatisfy { $0 == logs[0] } && logs[0].map(\.payload) == [[0xff], [1], [0xff]])
    #expect(cluster.configuration.voters.allSatisfy { cluster[$0].raft.commitIndex == 3 })
    #expect(cluster.leaders == [next] && cluster.oracle.violations == [])
  }
}
