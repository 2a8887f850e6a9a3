import Raft
import Testing

/// Dissertation §3.10: a leader hands over on purpose.
struct TransferTests {
  private func leader() -> Solo {
    var solo = Solo.leader()
    for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(1)) }
    _ = solo.take()
    return solo
  }

  private func asked(_ solo: inout Solo) -> [NodeID] {
    solo.take().filter { $0.message == .timeoutNow(TimeoutNow(term: 1)) }.map(\.to)
  }

  @Test("§3.10: the leader takes no proposals, brings the target up to date, and asks it to stand, once")
  func steps() {
    var solo = leader()
    _ = solo.propose([[1]])
    solo.persistAll()
    #expect(solo.transfer(to: 3) == nil)
    #expect(solo.propose([[2]]) == .failure(.transferPending(to: 3)) && !solo.raft.mayPropose)
    solo.answer(from: 2, .matched(2))
    #expect(asked(&solo) == [], "its log is not as long")
    solo.answer(from: 3, .matched(2))
    #expect(asked(&solo) == [3])
    solo.answer(from: 3, .matched(2))
    #expect(asked(&solo) == [])
  }

  @Test("§3.10: after an election timeout the leader goes on")
  func aborted() {
    var solo = leader()
    #expect(solo.transfer(to: 3) == nil)
    for _ in 0..<8 {
      solo.elapse(.milliseconds(15))
      solo.step(.tick)
      for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(1)) }
    }
    #expect(solo.changes.contains(.transferAborted(to: 3)) && solo.raft.role == .leader)
    #expect(solo.propose([[2]]) == .success(2...2))
  }

  @Test("only a voter other than the leader, and one at a time")
  func refused() {
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3], learners: [4]))
    #expect(solo.transfer(to: 1) == .invalidChange(.notTransferable(1)))
    #expect(solo.transfer(to: 4) == .invalidChange(.notTransferable(4)))
    #expect(solo.transfer(to: 9) == .invalidChange(.notTransferable(9)))
    #expect(solo.transfer(to: 2) == nil)
    #expect(solo.transfer(to: 3) == .transferPending(to: 2))
    var follower = Solo()
    #expect(follower.transfer(to: 2) == .notLeader(leader: nil))
  }

  @Test("the target stands at once, if its own leader asks, in its own term")
  func target() {
    func after(_ message: Message, from sender: NodeID) -> Solo {
      var solo = Solo()
      solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
      solo.persistAll()
      solo.receive(from: sender, message)
      return solo
    }
    #expect(after(.timeoutNow(TimeoutNow(term: 1)), from: 2).raft.currentTerm == 2)
    #expect(after(.timeoutNow(TimeoutNow(term: 1)), from: 3).raft.currentTerm == 1)
    #expect(after(.timeoutNow(TimeoutNow(term: 0)), from: 2).raft.currentTerm == 1)
    #expect(after(.timeoutNow(TimeoutNow(term: 9)), from: 2).raft.currentTerm == 1)
  }

  @Test("voters are loyal to a leader they hear, but to nobody whom it did not name")
  func loyalty() {
    let claim = Message.voteRequest(
      VoteRequest(term: 2, lastIndex: 0, lastTerm: 0, preVote: false, isTransfer: true))
    func granted(naming transferee: NodeID?) -> Bool {
      var solo = Solo()
      let root = MemoryLog().point(at: 0).root
      solo.receive(
        from: 2,
        .appendRequest(
          AppendRequest(
            term: 1, previousIndex: 0, previousTerm: 0, previousRoot: root, entries: [], leaderCommit: 0,
            round: 1, transferee: transferee)))
      solo.receive(from: 3, claim)
      solo.persistAll()
      return solo.raft.votedFor == 3
    }
    #expect(granted(naming: 3))
    #expect(!granted(naming: nil) && !granted(naming: 1))
  }

  @Test(
    "who is asked to stand raises the term by the leader's leave, as often as it is asked, and by one at a time"
  )
  func again() {
    var solo = Solo()
    let root = MemoryLog().point(at: 0).root
    func leads(_ leader: NodeID, _ term: Term, naming transferee: NodeID?) {
      solo.receive(
        from: leader,
        .appendRequest(
          AppendRequest(
            term: term, previousIndex: 0, previousTerm: 0, previousRoot: root, entries: [], leaderCommit: 0,
            round: 1, transferee: transferee)))
      solo.persistAll()
    }
    func stands(_ candidate: NodeID, _ term: Term) -> Bool {
      solo.receive(
        from: candidate,
        .voteRequest(VoteRequest(term: term, lastIndex: 0, lastTerm: 0, preVote: false, isTransfer: true)))
      solo.persistAll()
      return solo.raft.currentTerm == term && solo.raft.votedFor == candidate
    }
    // No time passes: 2 and 3 hand over to each other.
    for term: UInt64 in 1...6 {
      let (leader, other): (NodeID, NodeID) = term % 2 == 1 ? (2, 3) : (3, 2)
      leads(leader, Term(rawValue: term), naming: other)
      #expect(stands(other, Term(rawValue: term + 1)), "term \(term + 1)")
    }
    leads(3, 7, naming: 2)
    #expect(stands(2, 9), "two at a time is counted: the first time it may")
    leads(2, 9, naming: 3)
    leads(3, 10, naming: 2)
    #expect(!stands(2, 12), "and the next it may not")
  }

  @Test("the target is asked again after each heartbeat, since what it was asked may be lost")
  func askedAgain() {
    var solo = leader()
    #expect(solo.transfer(to: 3) == nil)
    #expect(asked(&solo) == [3])
    solo.elapse(solo.raft.settings.heartbeatInterval)
    solo.step(.tick)
    solo.answer(from: 2, .matched(1))
    solo.answer(from: 3, .matched(1))
    #expect(asked(&solo) == [3])
  }

  @Test(
    "who is asked to stand asks those again who do not answer: they may hear of the handover after the candidate"
  )
  func votesAskedAgain() {
    var solo = Solo()
    solo.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    solo.persistAll()
    solo.receive(from: 2, .timeoutNow(TimeoutNow(term: 1)))
    solo.persistAll()
    func voters() -> [NodeID] {
      solo.take().compactMap { envelope in
        guard case .voteRequest(let request) = envelope.message, request.isTransfer, request.term == 2 else {
          return nil
        }
        return envelope.to
      }
    }
    #expect(voters() == [2, 3])
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 2, granted: false, preVote: false)))
    #expect(solo.raft.nextDeadline == solo.now + solo.raft.settings.heartbeatInterval)
    solo.elapse(solo.raft.settings.heartbeatInterval)
    solo.step(.tick)
    #expect(voters() == [3])
    solo.step(.tick)
    #expect(voters() == [])
    solo.elapse(solo.raft.settings.heartbeatInterval)
    solo.step(.tick)
    #expect(voters() == [3])
    // Before its vote is durable nobody has been asked, and nothing is asked again.
    var slow = Solo()
    slow.receive(from: 2, MemoryLog().request(term: 1, after: 0))
    slow.persistAll()
    _ = slow.take()
    slow.receive(from: 2, .timeoutNow(TimeoutNow(term: 1)))
    for _ in 0..<5 {
      slow.elapse(slow.raft.settings.heartbeatInterval)
      slow.step(.tick)
    }
    #expect(slow.take().isEmpty)
    slow.persistAll()
    #expect(slow.take().count == 2)
    // One that stands by itself asks once: who is loyal to a leader would count each time.
    var own = Solo()
    own.timeOut()
    own.receive(from: 2, .voteResponse(VoteResponse(term: 1, granted: true, preVote: true)))
    own.persistAll()
    _ = own.take()
    own.elapse(own.raft.settings.heartbeatInterval)
    own.step(.tick)
    #expect(own.raft.role == .candidate && own.take().isEmpty)
  }

  @Test("a handover to a peer whose connection is lost is given up at once")
  func lost() {
    var solo = leader()
    #expect(solo.transfer(to: 3) == nil)
    solo.step(.unreachable(peer: 2))
    #expect(solo.raft.transferee == 3)
    solo.step(.unreachable(peer: 3))
    #expect(solo.changes.contains(.transferAborted(to: 3)) && solo.raft.mayPropose)
  }

  @Test("a leader that is about to go hands over to the voter that has most of those that answer and append")
  func successor() {
    /// One entry beyond the first, which peer 3 has.
    func ahead() -> Solo {
      var solo = leader()
      _ = solo.propose([[1]])
      solo.persistAll()
      solo.answer(from: 3, .matched(2))
      return solo
    }
    var solo = ahead()
    #expect(solo.handOver() == 3 && solo.raft.transferee == 3)
    #expect(asked(&solo) == [3])
    #expect(solo.handOver() == 3, "it is under way already")

    var silent = ahead()
    silent.elapse(silent.raft.settings.electionTimeout)
    silent.answer(from: 2, .matched(1))
    #expect(silent.handOver() == 2, "3 has not answered for an election timeout")

    var gone = ahead()
    gone.step(.unreachable(peer: 3))
    #expect(gone.handOver() == 2, "its connection is lost")

    var failed = ahead()
    #expect(failed.handOver(except: 3) == 2)

    var alone = leader()
    alone.elapse(alone.raft.settings.electionTimeout)
    #expect(alone.handOver() == nil && alone.raft.transferee == nil && alone.raft.mayPropose)

    var learning = Solo.leader(configuration: Configuration(voters: [1, 2], learners: [3]))
    learning.answer(from: 2, .matched(0))
    learning.answer(from: 3, .matched(1))
    #expect(learning.handOver() == 2, "who learns cannot lead")

    var new = Solo.leader()
    #expect(new.handOver() == nil, "nobody has answered it yet")

    var follower = Solo()
    #expect(follower.handOver() == nil)
  }

  @Test("in a cluster: leadership moves while no time passes, and nothing is lost")
  func cluster() {
    var cluster = Cluster()
    cluster.elect(1)
    cluster.settle()
    cluster.transfer(1, to: 3)
    // Without any time passing: nobody's election timeout has to end for it.
    cluster.settle()
    #expect(cluster.leaders == [3] && cluster[3].raft.currentTerm == 2)
    #expect(cluster.oracle.violations == [])
  }
}
