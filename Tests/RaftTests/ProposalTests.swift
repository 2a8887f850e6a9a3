import Raft
import Testing

/// Who may append, when, and how much.
struct ProposalTests {
  @Test("only the leader takes proposals; others name it (§8)")
  func onlyLeader() {
    var solo = Solo(term: 1)
    #expect(solo.propose([[1]]) == .failure(.notLeader(leader: nil)))
    solo.receive(from: 3, MemoryLog().request(term: 1, after: 0))
    #expect(solo.propose([[1]]) == .failure(.notLeader(leader: 3)))
    #expect(solo.raft.log.lastIndex == 0)
  }

  @Test("the first entry of a term comes before all others, and once")
  func termRecordFirst() {
    var solo = Solo.leader(opened: false)
    #expect(!solo.raft.mayPropose)
    #expect(solo.propose([[1]]) == .failure(.termEntryPending))
    solo.propose(termRecord: [9])
    #expect(solo.raft.mayPropose)
    #expect(solo.propose([[1]]) == .success(2...2))
    var effects = Effects()
    #expect(throws: ProposalRefusal.termEntryAppended) {
      try solo.raft.proposeTermRecord([9], at: solo.now, into: &effects)
    }
  }

  @Test("what is held leaves with what follows it, in one message and one write")
  func held() throws {
    var solo = Solo.leader()
    solo.answer(from: 2, .matched(1))
    solo.answer(from: 3, .matched(1))
    var effects = Effects()
    let first = try solo.raft.propose([[1]], isHeld: true, at: solo.now, into: &effects)
    let second = try solo.raft.propose([[2]], isHeld: true, at: solo.now, into: &effects)
    #expect(effects.messages.isEmpty && effects.persist.isEmpty)
    solo.raft.sendHeld(at: solo.now, into: &effects)
    #expect(effects.persist.map { $0.entries.map(\.index) } == [[first.lowerBound, second.lowerBound]])
    let sent = effects.messages.compactMap { envelope -> [LogIndex]? in
      guard case .appendRequest(let request) = envelope.message else { return nil }
      return request.entries.map(\.index)
    }
    #expect(sent == Array(repeating: [first.lowerBound, second.lowerBound], count: 2))
  }

  @Test("what is empty or too large is refused whole")
  func limits() {
    var solo = Solo.leader(settings: .testing(maxUncommittedBytes: 10_000))
    #expect(solo.propose([]) == .failure(.empty))
    let large = [UInt8](repeating: 0, count: 4_097)
    #expect(solo.propose([[1], large]) == .failure(.tooLarge(position: 1, limit: 4_096)))
    let batch = Array(repeating: [UInt8](repeating: 0, count: 4_000), count: 3)
    #expect(solo.propose(batch) == .failure(.tooLarge(position: nil, limit: 10_000)))
    #expect(solo.raft.log.lastIndex == 1)
  }

  @Test("uncommitted bytes are bounded: refused as busy until something commits")
  func backPressure() {
    var solo = Solo.leader(settings: .testing(maxUncommittedBytes: 2_000))
    var accepted = 0
    while case .success = solo.propose([[UInt8](repeating: 0, count: 68)]) { accepted += 1 }
    #expect(accepted == 19, "33 bytes of the term's record and 19 times 100 are below 2000")
    #expect(solo.propose([[1]]) == .success(21...21))
    #expect(solo.propose([[1, 2, 3]]) == .failure(.busy))
    solo.persistAll()
    solo.answer(from: 2, .matched(11))
    #expect(solo.raft.commitIndex == 11)
    #expect(solo.propose([[UInt8](repeating: 0, count: 900)]) == .success(22...22))
  }

  @Test("the first entry of a term is taken however much an earlier leader left uncommitted")
  func termRecordUnderPressure() {
    var log = MemoryLog()
    for index in 1...50 as ClosedRange<UInt64> {
      log.append([Entry(term: 1, index: LogIndex(rawValue: index), payload: [UInt8](repeating: 0, count: 68))]
      )
    }
    var solo = Solo.leader(term: 2, log: log, settings: .testing(maxUncommittedBytes: 2_000))
    #expect(solo.propose([[1]]) == .failure(.busy))
    solo.answer(from: 2, .matched(51))
    #expect(solo.raft.commitIndex == 51)
    #expect(solo.propose([[1]]) == .success(52...52))
  }

  @Test("a leader whose own disk falls behind refuses, though the others commit")
  func unpersistedBound() {
    var solo = Solo.leader(settings: .testing(maxUnpersistedBytes: 1_000))
    var index: UInt64 = 1
    while case .success = solo.propose([[UInt8](repeating: 0, count: 68)]) {
      index += 1
      for peer: NodeID in [2, 3] { solo.answer(from: peer, .matched(LogIndex(rawValue: index))) }
    }
    #expect(index == 11 && solo.raft.commitIndex == 11)
    solo.persistAll()
    #expect(solo.propose([[1]]) == .success(12...12))
  }

  @Test("settings that cannot work are refused")
  func settings() {
    #expect(throws: SettingsFault.leaseNotBelowElectionTimeout) {
      try Settings(electionTimeout: .milliseconds(100), leaderLease: .milliseconds(100))
    }
    #expect(throws: SettingsFault.heartbeatNotWithinLease) {
      try Settings(heartbeatInterval: .milliseconds(500))
    }
    #expect(throws: SettingsFault.heartbeatNotWithinLease) { try Settings(heartbeatInterval: .zero) }
    #expect(throws: SettingsFault.notPositive("maxAppendBytes")) { try Settings(maxAppendBytes: 0) }
    #expect(throws: SettingsFault.tooLarge("maxInflightBytes")) { try Settings(maxInflightBytes: .max) }
    #expect(throws: SettingsFault.electionTimeoutTooLong) { try Settings(electionTimeout: .seconds(.max)) }
    #expect(throws: Never.self) { try Settings() }
  }
}
