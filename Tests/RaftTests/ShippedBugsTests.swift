import Raft
import Testing

/// One regression for each bug that a real implementation shipped, as far as it concerns what is here: a
/// transcript in which the bug would show. Bugs of membership change, reads and leadership transfer come
/// with those features.
struct ShippedBugsTests {
  private func vote(_ term: Term, granted: Bool = true, preVote: Bool = false) -> Message {
    .voteResponse(VoteResponse(term: term, granted: granted, preVote: preVote))
  }

  private func request(_ term: Term, lastIndex: LogIndex = 0, lastTerm: Term = 0, preVote: Bool = false)
    -> Message
  {
    .voteRequest(VoteRequest(term: term, lastIndex: lastIndex, lastTerm: lastTerm, preVote: preVote))
  }

  @Test("bug 1: stepping down within a term frees the vote, and the node votes twice")
  func voteKeptOnStepDown() {
    // A leader that lost its quorum.
    var leader = Solo.leader()
    for _ in 0..<20 where leader.raft.role == .leader { leader.timeOut() }
    leader.receive(from: 3, request(1, lastIndex: 9, lastTerm: 1))
    #expect(leader.votes(to: 3).map(\.granted) == [false] && leader.raft.votedFor == 1)
    // A candidate that finds a leader.
    var candidate = Solo()
    candidate.timeOut()
    candidate.receive(from: 2, vote(1, preVote: true))
    candidate.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    #expect(candidate.raft.role == .follower && candidate.raft.votedFor == 1)
  }

  @Test("bug 2: term and vote are written apart, and a crash between them frees the vote")
  func termAndVoteTogether() {
    var solo = Solo(term: 1)
    solo.receive(from: 2, request(5))
    #expect(solo.writes.compactMap(\.hardState) == [HardState(currentTerm: 5, votedFor: 2)])
  }

  @Test("bug 3: a vote of an earlier campaign is counted in this one")
  func staleVotes() {
    var solo = Solo(configuration: Configuration(voters: [1, 2, 3, 4, 5]))
    for term in [1, 2] as [Term] {
      for _ in 0..<5 where solo.raft.role != .preCandidate { solo.timeOut() }
      for peer: NodeID in [2, 3] { solo.receive(from: peer, vote(term, preVote: true)) }
      solo.persistAll()
      #expect(solo.raft.currentTerm == term && solo.raft.role == .candidate)
      if term == 1 { solo.timeOut() }
    }
    solo.receive(from: 2, vote(1))
    solo.receive(from: 3, vote(1))
    solo.receive(from: 4, vote(2, preVote: true))
    solo.receive(from: 5, vote(3, preVote: true))
    #expect(solo.raft.role == .candidate)
    solo.receive(from: 2, vote(2))
    solo.receive(from: 3, vote(2))
    #expect(solo.raft.role == .leader)
  }

  @Test("bug 4: a longer log of an older term passes for up to date")
  func lexicographic() {
    var solo = Solo(term: 3, log: MemoryLog(terms: [1, 3]))
    solo.receive(from: 2, request(4, lastIndex: 100, lastTerm: 2))
    solo.receive(from: 3, request(4, lastIndex: 1, lastTerm: 4))
    solo.persistAll()
    #expect(solo.votes(to: 3).map(\.granted) == [true] && solo.raft.votedFor == 3)
  }

  @Test("bug 5: a term moves on while the leader writes entries under it")
  func noEntryUnderANewTerm() {
    var solo = Solo.leader(term: 2)
    solo.receive(from: 3, .appendResponse(AppendResponse(term: 8, outcome: .matched(0), round: 0)))
    #expect(solo.propose([[1]]) == .failure(.notLeader(leader: nil)))
    #expect(solo.raft.log.terms == [2])
  }

  @Test("bug 6: an election is won by the union of two configurations")
  func noUnion() {
    var solo = Solo(configuration: Configuration(voters: [1, 2, 3], outgoing: [1, 4, 5]))
    solo.timeOut()
    solo.receive(from: 2, vote(1, preVote: true))
    solo.receive(from: 3, vote(1, preVote: true))
    #expect(solo.raft.role == .preCandidate, "three of five, but one of the outgoing three")
  }

  @Test("bug 7: a node that believes itself a learner refuses to vote, though it was promoted")
  func learnerVotes() {
    var solo = Solo(id: 4, configuration: Configuration(voters: [1, 2, 3], learners: [4]))
    solo.receive(from: 2, request(1, preVote: true))
    solo.receive(from: 2, request(1))
    solo.persistAll()
    #expect(solo.votes(to: 2).map(\.granted) == [true, true])
  }

  @Test("bug 8: of two nodes, one has the longer log and one the higher term, and pre-vote never ends")
  func preVoteWithUnequalTerms() throws {
    var cluster = Cluster(
      logs: [1: MemoryLog(terms: [1, 1]), 2: MemoryLog(terms: [1])], terms: [1: 1, 2: 9, 3: 1])
    cluster.crash(3)
    let leader = try cluster.elect()
    #expect(leader == 1 && cluster[1].raft.currentTerm >= 10)
    #expect(cluster[2].raft.log.all == cluster[1].raft.log.all)
  }

  @Test("bug 8: a node of a higher term and a leader of a lower one ignore each other for ever")
  func higherTermRejoins() throws {
    var cluster = Cluster(terms: [1: 1, 2: 1, 3: 9])
    cluster.crash(3)
    _ = try cluster.elect()
    cluster.restart(3)
    cluster.run(for: .seconds(1))
    #expect(cluster.leaders.count == 1)
    let terms = cluster.configuration.voters.map { cluster[$0].raft.currentTerm }
    #expect(terms.allSatisfy { $0 == terms[0] && $0 >= 10 })
    #expect(cluster[3].raft.leader == cluster.leaders.first)
  }

  @Test("bug 9: a lease as long as the election timeout makes elections endless: such settings are refused")
  func leaseBelowTimeout() {
    #expect(throws: SettingsFault.leaseNotBelowElectionTimeout) {
      try Settings(electionTimeout: .milliseconds(900), leaderLease: .milliseconds(900))
    }
  }

  @Test("bug 9: a cut-off leader is gone before another can be elected")
  func oldLeaderGoneFirst() throws {
    var cluster = Cluster()
    let leader = try cluster.elect()
    cluster.isolate(leader)
    for _ in 0..<100 where cluster.leaders == [leader] { cluster.run(for: .milliseconds(5)) }
    #expect(cluster.leaders == [], "for a while there is none, never two")
    cluster.run(for: .seconds(1))
    #expect(cluster.leaders.count == 1)
  }

  /// Figure 8: at (c) S1 leads term 4 and spreads an entry of term 2 to a majority. Counting it as
  /// committed would be undone at (d) by S5.
  @Test("bug 10: an entry of an earlier term is committed by counting replicas (figure 8, §5.4.2)")
  func figure8() {
    var solo = Solo.leader(
      configuration: Configuration(voters: [1, 2, 3, 4, 5]), term: 4, log: MemoryLog(terms: [1, 2]),
      commit: 1,
      opened: false)
    for peer: NodeID in [2, 3, 4, 5] { solo.answer(from: peer, .matched(2)) }
    #expect(solo.raft.commitIndex == 1)
    solo.propose(termRecord: [0])
    solo.persistAll()
    solo.answer(from: 2, .matched(3))
    #expect(solo.raft.commitIndex == 1)
    solo.answer(from: 3, .matched(3))
    #expect(solo.raft.commitIndex == 3)
  }

  @Test("bug 11: a follower commits through leaderCommit what no request has shown to match")
  func commitOnlyMatched() {
    var solo = Solo(term: 3, log: MemoryLog(terms: [1, 2, 2]))
    solo.receive(from: 2, MemoryLog(terms: [1, 3, 3]).request(term: 3, after: 1, through: 1, commit: 3))
    #expect(solo.raft.commitIndex == 1)
  }

  @Test("bug 12: an old or doubled request removes the entries that follow it")
  func oldRequestKeepsSuffix() {
    let leader = MemoryLog(terms: [1, 1, 1, 1])
    var solo = Solo(term: 1, log: leader)
    solo.receive(from: 2, leader.request(term: 1, after: 0, through: 2))
    solo.receive(from: 2, leader.request(term: 1, after: 1, through: 1))
    #expect(solo.raft.log.all == leader.all && solo.writes.isEmpty)
  }

  @Test("bug 13: a late rejection rolls a peer back")
  func staleRejection() {
    var solo = Solo.leader(term: 2, log: MemoryLog(terms: [1, 1, 1]))
    solo.answer(from: 2, .matched(3))
    solo.answer(from: 2, .matched(4))
    _ = solo.take()
    let before = solo.raft.peers
    solo.answer(from: 2, .rejected(previousIndex: 3, hint: 0, hintTerm: 0))
    solo.answer(from: 2, .matched(1))
    #expect(solo.raft.peers == before && solo.take().isEmpty)
  }

  @Test("bug 13: a follower acknowledges its own tail beyond what it received")
  func noAcknowledgementBeyondReceived() {
    let shared = MemoryLog(terms: [1, 1])
    var solo = Solo(term: 2, log: MemoryLog(terms: [1, 1, 1, 1]))
    solo.receive(from: 2, shared.request(term: 2, after: 2))
    #expect(solo.answers(to: 2) == [.matched(2)])
    #expect(solo.durable == [DurablePoint(term: 2, index: 2)])
  }

  @Test("bug 14: a previous entry that was compacted away is taken for a conflict, and the log deleted")
  func purgedPrevious() {
    let leader = MemoryLog(terms: [1, 1, 1, 1])
    var log = leader
    log.compact(through: 3)
    var solo = Solo(term: 1, log: log, commit: 3)
    solo.receive(from: 2, leader.request(term: 1, after: 1))
    #expect(solo.answers(to: 2) == [.rejected(previousIndex: 1, hint: 3, hintTerm: 1)])
    #expect(solo.raft.log.lastIndex == 4 && solo.evidence.isEmpty)
    // The leader takes the hint upwards.
    var sender = Solo.leader(term: 2, log: leader)
    sender.answer(from: 2, .rejected(previousIndex: 4, hint: 1, hintTerm: 1))
    _ = sender.take()
    sender.answer(from: 2, .rejected(previousIndex: 1, hint: 3, hintTerm: 1))
    #expect(sender.requests(to: 2).map(\.previousIndex) == [3])
  }

  @Test("bug 15: peers answer in any order, and only a quorum commits")
  func progressKeepsItsOrder() {
    for order: [NodeID] in [[5, 2, 4, 3], [3, 4, 2, 5], [4, 5, 3, 2]] {
      var solo = Solo.leader(configuration: Configuration(voters: [5, 3, 1, 4, 2]))
      for (position, peer) in order.enumerated() {
        solo.answer(from: peer, .matched(1))
        #expect(solo.raft.commitIndex == (position >= 1 ? 1 : 0))
        #expect(solo.raft.peers.first { $0.peer == peer }?.match == 1)
      }
      #expect(solo.raft.peers.map(\.peer) == [2, 3, 4, 5])
    }
  }

  /// Entries of term 1 are being written when term 2 replaces them: the end of the first write says nothing
  /// about the second.
  @Test("bug 16: the end of a write of overwritten entries makes their successors durable (ABA)")
  func overwrittenIsNotDurable() {
    let first = MemoryLog(terms: [1, 1, 1])
    let second = MemoryLog(terms: [1, 2, 2])
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, first.request(term: 1, after: 1))
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, second.request(term: 2, after: 1))
    #expect(solo.writes.count == 2)
    solo.step(.persisted(ticket: solo.writes[0].ticket))
    #expect(solo.raft.durableIndex == 1)
    #expect(solo.take().isEmpty && solo.durable == [DurablePoint(term: 1, index: 1)])
    solo.step(.persisted(ticket: solo.writes[1].ticket))
    // The first entry was durable before; its acknowledgement waited for the term.
    #expect(solo.answers(to: 3) == [.matched(1), .matched(3)])
    #expect(solo.durable.last == DurablePoint(term: 2, index: 3))
  }

  /// A, B, A again: the same entries as before, in a third write.
  @Test("bug 16: entries written, replaced and written again are durable with the last write only")
  func writtenAgain() {
    let first = MemoryLog(terms: [1, 1])
    let again = MemoryLog(terms: [1, 1, 3])
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, first.request(term: 1, after: 1))
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, MemoryLog(terms: [1, 2]).request(term: 2, after: 1))
    solo.elapse(.milliseconds(200))
    solo.receive(from: 2, again.request(term: 3, after: 1))
    solo.step(.persisted(ticket: solo.writes[1].ticket))
    #expect(solo.raft.durableIndex == 1)
    solo.persistAll()
    #expect(solo.raft.durableIndex == 3)
  }

  @Test("bug 16: a leader does not count its own entries by a write of those that they replaced")
  func leaderOverwrites() {
    var solo = Solo(term: 1, log: MemoryLog(terms: [1]))
    solo.receive(from: 2, MemoryLog(terms: [1, 1, 1]).request(term: 1, after: 1))
    solo.elapse(.milliseconds(200))
    solo.receive(from: 3, MemoryLog(terms: [1, 2]).request(term: 2, after: 1))
    solo.step(.persisted(ticket: 1))
    #expect(solo.raft.durableIndex == 1 && solo.raft.log.lastIndex == 2)
  }

  @Test("bug 17: committed state is lost when a leader becomes a follower")
  func commitSurvivesStepDown() {
    var solo = Solo.leader()
    solo.answer(from: 2, .matched(1))
    solo.receive(from: 3, MemoryLog().request(term: 5, after: 0))
    #expect(solo.raft.role == .follower && solo.raft.commitIndex == 1)
    solo.receive(from: 3, MemoryLog(terms: [4]).request(term: 5, after: 0))
    // An honest leader holds what was committed: that this one does not is evidence.
    #expect(
      solo.evidence == [
        .protectedConflict(from: 3, index: 1, kept: 1, received: 4, protectedThrough: 1)
      ])
  }

  @Test("bug 27: an entry is acknowledged before its sync, by a follower, a leader or a cluster of one")
  func nothingBeforeSync() {
    var follower = Solo(term: 1)
    follower.receive(from: 2, MemoryLog(terms: [1]).request(term: 1, after: 0))
    follower.receive(from: 2, MemoryLog(terms: [1]).request(term: 1, after: 0))
    #expect(!follower.answers(to: 2).contains(.matched(1)))
    var single = Solo(configuration: Configuration(voters: [1]))
    single.timeOut()
    single.persistAll()
    single.propose(termRecord: [0])
    #expect(single.raft.commitIndex == 0)
    single.persistAll()
    #expect(single.raft.commitIndex == 1)
  }

  @Test("bug 29: a leader's disk hangs, its heartbeats go on, and there is no election ever")
  func hungDisk() {
    var solo = Solo.leader()
    _ = solo.propose([[1]])
    let start = solo.now
    for _ in 0..<100 where solo.raft.role == .leader {
      solo.timeOut()
      for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(2)) }
    }
    #expect(solo.now == start + .milliseconds(300))
    #expect(solo.changes.contains(.steppedDown(term: 1, reason: .storageStalled)))
    for _ in 0..<20 { solo.timeOut() }
    #expect(solo.raft.role == .follower)
    solo.persistAll()
    solo.timeOut()
    #expect(solo.raft.role == .preCandidate)
  }

  @Test("bug 31: a snapshot behind the log truncates the tail")
  func oldSnapshot() {
    let log = MemoryLog(terms: [1, 1, 1, 1])
    var solo = Solo(term: 1, log: log, commit: 3)
    solo.step(.snapshotInstalled(log.point(at: 2)))
    solo.step(.snapshotInstalled(log.point(at: 3)))
    #expect(solo.raft.log.all == log.all && solo.raft.commitIndex == 3 && solo.writes.isEmpty)
  }

  @Test("bug 31: a snapshot behind one that the node has already rolls the log back")
  func snapshotBehindSnapshot() {
    let full = MemoryLog(terms: [1, 1, 1, 1])
    var log = full
    log.compact(through: 3)
    var solo = Solo(term: 1, log: log, commit: 3)
    solo.step(.snapshotInstalled(full.point(at: 2)))
    #expect(solo.raft.log.firstIndex == 4 && solo.raft.log.all == log.all && solo.writes.isEmpty)
  }

  @Test("bug 31: a conflicting entry at the snapshot's index is kept, with what follows it")
  func conflictAtSnapshot() {
    var solo = Solo(term: 2, log: MemoryLog(terms: [1, 1, 1, 1]))
    let point = MemoryLog(terms: [1, 1, 2]).point(at: 3)
    solo.step(.snapshotInstalled(point))
    #expect(solo.raft.log.firstIndex == 4 && solo.raft.log.lastIndex == 3)
    #expect(solo.raft.log.term(at: 3) == 2 && solo.raft.log.root(at: 3) == point.root)
  }

  @Test("bug 31: the same term with another root at the snapshot's index is a conflict too")
  func rootConflictAtSnapshot() {
    var other = MemoryLog(terms: [1])
    other.append([Entry(1, 2, mark: 9), Entry(1, 3)])
    var solo = Solo(term: 2, log: MemoryLog(terms: [1, 1, 1, 1]))
    solo.step(.snapshotInstalled(other.point(at: 3)))
    #expect(solo.raft.log.lastIndex == 3 && solo.raft.log.root(at: 3) == other.root(at: 3))
  }

  @Test("bug 32: a node that sends and does not hear causes elections without end")
  func sendOnly() throws {
    for voice in [1, 2, 3] as [NodeID] {
      var cluster = Cluster()
      _ = try cluster.elect()
      for peer in cluster.configuration.voters where peer != voice {
        cluster.cut.append(Cluster.Link(from: peer, to: voice))
      }
      // A leader that does not hear is replaced; after that, peace.
      cluster.run(for: .seconds(1))
      let leader = try #require(cluster.leaders.first)
      let term = cluster[leader].raft.currentTerm
      #expect(leader != voice)
      cluster.run(for: .seconds(5))
      #expect(cluster.leaders == [leader] && cluster[leader].raft.currentTerm == term)
    }
  }

  @Test("bug 32: a leader that is heard and does not hear, and one that hears and is not heard, give way")
  func deafOrMuteLeader() throws {
    for isDeaf in [true, false] {
      var cluster = Cluster()
      let leader = try cluster.elect()
      for peer in cluster.configuration.voters where peer != leader {
        cluster.cut.append(
          isDeaf ? Cluster.Link(from: peer, to: leader) : Cluster.Link(from: leader, to: peer))
      }
      cluster.run(for: .seconds(1))
      #expect(cluster.leaders.count == 1 && cluster.leaders != [leader])
    }
  }

  @Test("a partial partition: two nodes cannot hear each other, both hear the third, and there is peace")
  func partialPartition() throws {
    for (left, right) in [(1, 2), (2, 3), (1, 3)] as [(NodeID, NodeID)] {
      var cluster = Cluster()
      _ = try cluster.elect()
      cluster.cut = [Cluster.Link(from: left, to: right), Cluster.Link(from: right, to: left)]
      cluster.run(for: .seconds(1))
      let leader = try #require(cluster.leaders.first)
      let term = cluster[leader].raft.currentTerm
      cluster.run(for: .seconds(5))
      #expect(cluster.leaders == [leader] && cluster[leader].raft.currentTerm == term)
    }
  }
}
