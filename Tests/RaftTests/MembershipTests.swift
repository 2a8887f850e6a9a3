import Raft
import Testing

/// Raft §6 and dissertation §4: who takes part changes by joint consensus.
struct MembershipTests {
  static let three = Configuration(voters: [1, 2, 3])

  /// A leader of 1, 2, 3 whose first entry is committed.
  private func leader(_ configuration: Configuration = three) -> Solo {
    var solo = Solo.leader(configuration: configuration, log: .withConfigurations)
    for voter in configuration.members where voter != 1 { solo.answer(from: voter, .matched(1)) }
    _ = solo.take()
    return solo
  }

  /// Lets an election timeout pass in which `peers` keep answering for `index`.
  private func settle(_ solo: inout Solo, _ peers: [NodeID], at index: LogIndex) {
    for _ in 0..<8 {
      solo.elapse(.milliseconds(20))
      solo.step(.tick)
      for peer in peers { solo.answer(from: peer, .matched(index)) }
    }
    _ = solo.take()
  }

  private func fault(_ result: Result<LogIndex, ProposalRefusal>) -> ChangeFault? {
    if case .failure(.invalidChange(let fault)) = result { return fault }
    return nil
  }

  @Test("§6: a server uses the newest configuration in its log, committed or not")
  func inForceAtOnce() {
    var solo = leader()
    let next = Configuration(voters: [1, 2, 3], learners: [4])
    #expect(solo.propose(next) == .success(2))
    #expect(solo.raft.configuration == next && !solo.raft.isConfigurationCommitted)
    #expect(solo.requests(to: 4).isEmpty == false)

    var follower = Solo(log: .withConfigurations)
    var log = MemoryLog.withConfigurations
    log.append([Entry(term: 1, index: 1, payload: next.payload)])
    follower.receive(from: 2, log.request(term: 1, after: 0))
    #expect(follower.raft.configuration == next && follower.raft.commitIndex == 0)
  }

  @Test("§6: what is removed from the log is no configuration any more")
  func truncation() {
    var log = MemoryLog.withConfigurations
    log.append([
      Entry(1, 1),
      Entry(term: 1, index: 2, payload: Configuration(voters: [1, 2, 3], learners: [4]).payload),
    ])
    var solo = Solo(term: 1, log: log)
    #expect(solo.raft.configuration.learners == [4])
    var other = MemoryLog(terms: [1])
    other.append([Entry(2, 2)])
    solo.receive(from: 2, other.request(term: 2, after: 1))
    #expect(solo.raft.configuration == Self.three && solo.raft.configurationIndex == 0)
  }

  @Test("a restart, and a snapshot, keep the configuration")
  func kept() {
    let next = Configuration(voters: [1, 2, 4], outgoing: [1, 2, 3])
    var log = MemoryLog.withConfigurations
    log.append([Entry(term: 1, index: 1, payload: next.payload), Entry(1, 2)])
    #expect(Solo(term: 1, log: log).raft.configuration == next)
    var fresh = Solo(log: .withConfigurations)
    fresh.step(.snapshotInstalled(log.point(at: 2)))
    #expect(fresh.raft.configuration == next)
    log.compact(through: 2)
    #expect(Solo(term: 1, log: log, commit: 2).raft.configuration == next)
  }

  @Test("§6: a joint configuration may be left for the side it came from, and for no other")
  func takenBack() {
    var solo = leader(Configuration(voters: [1, 2, 3], learners: [4]))
    settle(&solo, [2, 3, 4], at: 1)
    let joint = solo.raft.configuration.joint(to: Configuration(voters: [1, 2, 4]))
    #expect(solo.propose(joint) == .success(2))
    solo.persistAll()
    settle(&solo, [2, 3, 4], at: 2)
    #expect(solo.raft.isConfigurationCommitted)
    #expect(fault(solo.propose(Configuration(voters: [1, 2, 3, 4]))) == .notLeaving)
    #expect(fault(solo.propose(Configuration(voters: [1]))) == .notLeaving)
    #expect(solo.propose(joint) == .success(3), "said again, it is the same")
    solo.persistAll()
    settle(&solo, [2, 3, 4], at: 3)
    #expect(solo.propose(joint.abandoned) == .success(4))
    #expect(solo.raft.configuration == Self.three)
  }

  @Test("an entry that its owner has not judged is left out, without blame, and taken when it comes again")
  func judgedLater() {
    var log = MemoryLog.withConfigurations
    log.admissionRule = { $0.index == 2 ? .later : .accept }
    var solo = Solo(log: log)
    var sender = MemoryLog.withConfigurations
    sender.append([Entry(1, 1), Entry(1, 2), Entry(1, 3)])
    solo.receive(from: 2, sender.request(term: 1, after: 0))
    #expect(solo.raft.log.lastIndex == 1)
    #expect(solo.effects.evidence.isEmpty)
    _ = solo.take()
    solo.raft.log.admissionRule = { _ in .accept }
    solo.receive(from: 2, sender.request(term: 1, after: 0))
    #expect(solo.raft.log.lastIndex == 3)
  }

  @Test("bug 18: a change before the first entry of the term is committed")
  func termFirst() {
    var solo = Solo.leader(log: .withConfigurations)
    let next = Configuration(voters: [1, 2, 3], learners: [4])
    #expect(solo.propose(next) == .failure(.termNotCommitted))
    solo.answer(from: 2, .matched(1))
    #expect(solo.propose(next) == .success(2))
  }

  @Test("§6: one change at a time")
  func oneAtATime() {
    var solo = leader()
    #expect(solo.propose(Configuration(voters: [1, 2, 3], learners: [4])) == .success(2))
    let more = Configuration(voters: [1, 2, 3], learners: [4, 5])
    #expect(solo.propose(more) == .failure(.configurationPending))
    solo.persistAll()
    solo.answer(from: 2, .matched(2))
    #expect(solo.propose(more) == .success(3))
  }

  @Test("§6: voters change through a joint configuration, and it is left for its incoming side alone")
  func shape() {
    var solo = leader()
    #expect(fault(solo.propose(Configuration(voters: [1, 2]))) == .notJoint)
    #expect(fault(solo.propose(Configuration(voters: [], outgoing: [1, 2, 3]))) == .noVoters)
    #expect(fault(solo.propose(Configuration(voters: [1, 2], outgoing: [1, 2]))) == .notJoint)
    let joint = Self.three.joint(to: Configuration(voters: [1, 2]))
    #expect(joint == Configuration(voters: [1, 2], outgoing: [1, 2, 3]))
    #expect(solo.propose(joint) == .success(2))
    #expect(solo.propose(joint.left) == .failure(.configurationPending))
    solo.persistAll()
    solo.answer(from: 2, .matched(2))
    #expect(fault(solo.propose(Configuration(voters: [1, 3]))) == .notLeaving)
    #expect(solo.propose(joint.left) == .success(3))
  }

  @Test("§4.2.1: whoever is to vote is a learner first, and keeps up for an election timeout")
  func catchUpGate() {
    var solo = leader()
    let joint = Self.three.joint(to: Configuration(voters: [1, 2, 3, 4]))
    #expect(fault(solo.propose(joint)) == .notLearner(4))
    _ = solo.propose(Configuration(voters: [1, 2, 3], learners: [4]))
    solo.persistAll()
    solo.answer(from: 2, .matched(2))
    settle(&solo, [2, 3], at: 2)
    #expect(fault(solo.propose(joint)) == .notCaughtUp(4))
    settle(&solo, [2, 3, 4], at: 2)
    #expect(solo.propose(joint) == .success(3))
  }

  @Test("bugs 6, 26: a joint configuration commits by a majority of each side")
  func bothMajorities() {
    var solo = leader(Configuration(voters: [1, 2, 3], outgoing: [1, 4, 5]))
    _ = solo.propose([[1]])
    solo.persistAll()
    solo.answer(from: 2, .matched(2))
    solo.answer(from: 3, .matched(2))
    #expect(solo.raft.commitIndex == 1)
    solo.answer(from: 5, .matched(2))
    #expect(solo.raft.commitIndex == 2)
  }

  @Test("bug 20: a joint configuration is left before it is committed")
  func leftWhenCommitted() {
    var log = MemoryLog.withConfigurations
    let joint = Self.three.joint(to: Configuration(voters: [1, 2, 4]))
    log.append([Entry(term: 1, index: 1, payload: joint.payload)])
    var solo = Solo.leader(configuration: Configuration(voters: [1, 2, 3, 4]), term: 2, log: log)
    for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(1)) }
    #expect(solo.propose(joint.left) == .failure(.termNotCommitted))
    for peer: NodeID in [2, 4] { solo.answer(from: peer, .matched(2)) }
    #expect(solo.raft.commitIndex == 2 && solo.propose(joint.left) == .success(3))
  }

  @Test(
    "§4.2.2: a leader that is removed leads until the change is committed, does not count itself, and goes")
  func leaderRemoved() {
    var solo = leader()
    _ = solo.propose(Self.three.joint(to: Configuration(voters: [2, 3])))
    solo.persistAll()
    for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(2)) }
    #expect(solo.propose(Configuration(voters: [2, 3])) == .success(3))
    solo.persistAll()
    solo.answer(from: 2, .matched(3))
    #expect(solo.raft.commitIndex == 2 && solo.raft.role == .leader, "two of 2 and 3, not of 1 and 2")
    _ = solo.take()
    solo.answer(from: 3, .matched(3))
    #expect(solo.raft.commitIndex == 3 && solo.raft.role == .follower)
    #expect(solo.changes.contains(.steppedDown(term: 1, reason: .removed)))
    let left = solo.take()
    #expect(left.contains { $0.message == .timeoutNow(TimeoutNow(term: 1)) }, "its successor stands at once")
    // It heard of the commit, so it asks nobody for anything any more.
    for _ in 0..<5 { solo.timeOut() }
    #expect(solo.voteRequests().isEmpty && solo.raft.role == .follower)
  }

  @Test("§4.2.2: a leader that the configuration is without is not waited for, and is no reason not to vote")
  func removedLeaderIsNobody() {
    func votes(_ configuration: Configuration) -> Bool {
      var log = MemoryLog.withConfigurations
      log.append([Entry(term: 1, index: 1, payload: configuration.payload)])
      var solo = Solo(id: 3, term: 1, log: log, commit: 1)
      let point = log.point(at: 1)
      solo.receive(
        from: 1,
        .appendRequest(
          AppendRequest(
            term: 1, previousIndex: 1, previousTerm: 1, previousRoot: point.root, entries: [],
            leaderCommit: 1,
            round: 1)))
      solo.receive(
        from: 2,
        .voteRequest(VoteRequest(term: 2, lastIndex: 1, lastTerm: 1, preVote: false, isTransfer: true)))
      solo.persistAll()
      return solo.raft.votedFor == 2
    }
    #expect(!votes(Configuration(voters: [1, 2, 3])))
    #expect(votes(Configuration(voters: [2, 3])))
  }

  @Test("bug 21: a removed node campaigns, or is spoken to for ever")
  func removedNode() {
    var solo = leader()
    _ = solo.propose(Self.three.joint(to: Configuration(voters: [1, 2])))
    solo.persistAll()
    for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(2)) }
    _ = solo.propose(Configuration(voters: [1, 2]))
    solo.persistAll()
    _ = solo.take()
    solo.answer(from: 2, .matched(3))
    #expect(solo.raft.commitIndex == 3)
    #expect(solo.raft.peers.map(\.peer) == [2, 3], "it is told")
    settle(&solo, [2], at: 3)
    #expect(solo.raft.peers.map(\.peer) == [2])

    var log = MemoryLog.withConfigurations
    log.append([Entry(term: 1, index: 1, payload: Configuration(voters: [1, 2]).payload)])
    var removed = Solo(id: 3, term: 1, log: log, commit: 1)
    for _ in 0..<5 { removed.timeOut() }
    #expect(removed.voteRequests().isEmpty && removed.raft.currentTerm == 1)
  }

  @Test("bug 22: who leaves votes and counts until the joint configuration is left")
  func departing() {
    let joint = Self.three.joint(to: Configuration(voters: [1, 2, 4]))
    var log = MemoryLog.withConfigurations
    log.append([Entry(term: 1, index: 1, payload: joint.payload)])
    var leaving = Solo(id: 3, term: 1, log: log, commit: 1)
    leaving.receive(
      from: 2, .voteRequest(VoteRequest(term: 2, lastIndex: 1, lastTerm: 1, preVote: false)))
    leaving.persistAll()
    #expect(leaving.votes(to: 2).map(\.granted) == [true])
    for _ in 0..<3 where leaving.raft.role != .preCandidate { leaving.timeOut() }
    #expect(leaving.raft.role == .preCandidate)
  }

  @Test(
    "bug 22: who a change leaves out stands for election until the change is committed, without its own vote")
  func leftOutUncommitted() {
    var log = MemoryLog.withConfigurations
    log.append([
      Entry(1, 1), Entry(term: 1, index: 2, payload: Configuration(voters: [2, 3]).payload),
    ])
    func campaigns(commit: LogIndex) -> Solo {
      var solo = Solo(term: 1, log: log, commit: commit)
      for _ in 0..<2 where solo.raft.role == .follower { solo.timeOut() }
      return solo
    }
    #expect(campaigns(commit: 2).raft.role == .follower)
    var solo = campaigns(commit: 1)
    #expect(solo.raft.role == .preCandidate)
    solo.receive(from: 2, .voteResponse(VoteResponse(term: 2, granted: true, preVote: true)))
    #expect(solo.raft.role == .preCandidate, "one of two, not two of three")
    solo.receive(from: 3, .voteResponse(VoteResponse(term: 2, granted: true, preVote: true)))
    #expect(solo.raft.role == .candidate)
  }

  @Test("a whole cluster is replaced, one step at a time, and the old one falls silent")
  func replaceAll() {
    let everyone: [NodeID] = [1, 2, 3, 4, 5, 6]
    var cluster = Cluster(
      voters: [1, 2, 3], learners: [4, 5, 6],
      logs: Dictionary(uniqueKeysWithValues: everyone.map { ($0, .withConfigurations) }), seed: 3)
    cluster.elect(1)
    cluster.run(for: .milliseconds(300))
    let target = Configuration(voters: [4, 5, 6])
    let joint = cluster[1].raft.configuration.joint(to: target)
    #expect(cluster.propose(1, joint) != nil)
    cluster.settle()
    #expect(cluster.propose(1, joint.left) != nil)
    cluster.run(for: .milliseconds(600))
    let leader = cluster.leaders
    #expect(leader.count == 1 && [4, 5, 6].contains(leader[0]))
    for id in target.voters { #expect(cluster[id].raft.configuration == target) }
    #expect(cluster.oracle.violations == [])
  }
}
