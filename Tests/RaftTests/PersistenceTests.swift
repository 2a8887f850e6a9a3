import Raft
import Testing

/// Figure 2 "persistent state, updated on stable storage before responding to RPCs", with a storage thread.
struct PersistenceTests {
  private let grant = Message.voteResponse(VoteResponse(term: 1, granted: true, preVote: true))

  @Test("a vote leaves the node only when term and vote are durable (figure 2)")
  func voteWaits() {
    var solo = Solo()
    solo.receive(from: 2, .voteRequest(VoteRequest(term: 4, lastIndex: 0, lastTerm: 0, preVote: false)))
    #expect(solo.take().isEmpty)
    #expect(solo.writes.map(\.hardState) == [HardState(currentTerm: 4, votedFor: 2)])
    solo.persistAll()
    #expect(solo.votes(to: 2) == [VoteResponse(term: 4, granted: true, preVote: false)])
  }

  @Test("a candidate asks for votes only when its term, its vote and its log are durable")
  func candidacyWaits() {
    var solo = Solo(term: 1)
    solo.receive(from: 3, MemoryLog(terms: [1]).request(term: 1, after: 0))
    solo.elapse(.milliseconds(200))
    solo.timeOut()
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 2, granted: true, preVote: true)))
    _ = solo.take()
    let entry = solo.writes[0].ticket
    solo.step(.persisted(ticket: entry))
    #expect(solo.voteRequests().isEmpty)
    solo.persistAll()
    #expect(solo.voteRequests().map(\.lastIndex) == [1, 1])
  }

  @Test("a candidate does not count its own vote before it is durable")
  func ownVoteWaits() {
    var solo = Solo()
    solo.timeOut()
    solo.receive(from: 2, grant)
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: false)))
    #expect(solo.raft.role == .candidate)
    solo.persistAll()
    #expect(solo.raft.role == .leader)
  }

  @Test("a new term is durable before it is answered in")
  func termWaits() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, MemoryLog().request(term: 3, after: 0))
    #expect(solo.take().isEmpty)
    solo.persistAll()
    #expect(solo.take().map(\.message.term) == [3])
  }

  @Test("what waited to be said in a term that has passed is not said")
  func heldDropped() {
    var solo = Solo()
    solo.receive(from: 2, .voteRequest(VoteRequest(term: 1, lastIndex: 0, lastTerm: 0, preVote: false)))
    solo.receive(from: 3, .voteRequest(VoteRequest(term: 2, lastIndex: 0, lastTerm: 0, preVote: false)))
    solo.persistAll()
    #expect(solo.take().map(\.to) == [3])
  }

  @Test("a node that restarts keeps term, vote and log, and votes for nobody else (figure 2)")
  func restart() {
    var solo = Solo(term: 4, votedFor: 2, log: MemoryLog(terms: [1, 4]), commit: 1)
    #expect(solo.raft.commitIndex == 1 && solo.raft.finalIndex == 1 && solo.raft.durableIndex == 2)
    solo.receive(from: 3, .voteRequest(VoteRequest(term: 4, lastIndex: 9, lastTerm: 4, preVote: false)))
    #expect(solo.votes(to: 3).map(\.granted) == [false])
  }

  @Test("a crash loses what was not durable, and the leader sends it again")
  func crashLosesTail() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    let peer = try #require(cluster.configuration.voters.first { $0 != leader })
    cluster[peer].isDiskHung = true
    cluster.propose(leader, [1])
    cluster.settle()
    #expect(cluster[peer].raft.log.lastIndex == 2 && cluster[leader].raft.commitIndex == 2)
    cluster.crash(peer)
    cluster[peer].isDiskHung = false
    cluster.restart(peer)
    #expect(cluster[peer].raft.log.lastIndex == 1)
    cluster.run(for: .milliseconds(100))
    #expect(cluster[peer].raft.durableIndex == 2 && cluster[peer].raft.commitIndex == 2)
    #expect(cluster.oracle.violations == [])
  }

  @Test("durability is reported once for each advance, in the current term")
  func durableReported() {
    let leader = MemoryLog(terms: [1, 1])
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    #expect(solo.durable.isEmpty, "durable, but of whose log?")
    solo.receive(from: 2, leader.request(term: 1, after: 1))
    #expect(solo.durable == [DurablePoint(term: 1, index: 1)])
    solo.persistAll()
    solo.receive(from: 2, leader.request(term: 1, after: 2))
    #expect(solo.durable == [DurablePoint(term: 1, index: 1), DurablePoint(term: 1, index: 2)])
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, leader.request(term: 5, after: 2))
    #expect(solo.durable.count == 2, "the new term is not durable")
    solo.persistAll()
    #expect(solo.durable.last == DurablePoint(term: 5, index: 2))
  }

  @Test("a leader whose disk hangs steps down and stands again only when it has drained")
  func hungDisk() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    cluster[leader].isDiskHung = true
    cluster.propose(leader, [1])
    let term = cluster[leader].raft.currentTerm
    cluster.run(for: .milliseconds(320))
    #expect(cluster[leader].changes.contains(.steppedDown(term: term, reason: .storageStalled)))
    cluster.run(for: .seconds(1))
    let next = try #require(cluster.leaders.first)
    #expect(next != leader && cluster[leader].raft.role == .follower)
    let peers = cluster.configuration.voters.filter { $0 != leader }
    for peer in peers { cluster.crash(peer) }
    cluster.run(for: .seconds(2))
    #expect(
      !cluster[leader].changes.suffix(1).contains(.preCandidate(term: cluster[leader].raft.currentTerm)))
    cluster[leader].isDiskHung = false
    for peer in peers { cluster.restart(peer) }
    cluster.run(for: .seconds(1))
    #expect(cluster.leaders.count == 1 && cluster.oracle.violations == [])
    #expect(cluster.configuration.voters.allSatisfy { cluster[$0].raft.commitIndex >= 4 })
  }

  @Test("a disk that is merely slow does not cost the leadership")
  func slowDisk() {
    var solo = Solo.leader()
    for _ in 0..<20 {
      _ = solo.propose([[1]])
      for _ in 0..<10 {
        solo.timeOut()
        solo.answer(from: 2, .matched(1))
      }
      solo.persistAll()
    }
    #expect(solo.raft.role == .leader)
  }
}
