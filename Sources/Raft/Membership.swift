#if SIMULATION
import Mutants
#endif

// Changes of who takes part (Raft §6, dissertation §4.3), by joint consensus only.
//
// The newest configuration in the log is in force, committed or not, on leader and follower alike; a
// truncation brings back the one before. A change is two entries: the joint configuration, which decides by a
// majority of the old *and* a majority of the new, and, once that is committed, the new one alone.

/// What is wrong with a change of members.
public enum ChangeFault: Hashable, Sendable, CustomStringConvertible {
  /// A cluster without voters can never do anything again.
  case noVoters
  /// Voters change by way of a joint configuration whose outgoing side is the voters of now.
  case notJoint
  /// A joint configuration is left for one of its sides, and nothing else.
  case notLeaving
  /// Whoever is to vote receives the log first, as a learner.
  case notLearner(NodeID)
  /// The learner does not keep up within an election timeout (dissertation §4.2.1).
  case notCaughtUp(NodeID)
  /// Leadership goes to a voter other than the leader.
  case notTransferable(NodeID)

  public var description: String {
    switch self {
    case .noVoters: "expected at least one voter"
    case .notJoint: "expected a joint configuration whose outgoing voters are those of now"
    case .notLeaving: "expected one side's voters of the joint configuration, alone"
    case .notLearner(let node): "expected \(node) to be a learner before it votes"
    case .notCaughtUp(let node): "\(node) does not keep up with the log yet"
    case .notTransferable(let node): "expected a voter other than the leader, not \(node)"
    }
  }
}

extension Configuration {
  /// The joint configuration on the way to `target`; itself where the voters stay the same.
  public func joint(to target: Configuration) -> Configuration {
    target.voters == voters && !isJoint
      ? target : Configuration(voters: target.voters, outgoing: voters, learners: target.learners)
  }

  /// What a joint configuration is left for.
  public var left: Configuration { Configuration(voters: voters, learners: learners) }

  /// What a joint configuration is left for where the change is taken back: whatever was decided meanwhile had
  /// a majority of these voters as well.
  public var abandoned: Configuration { Configuration(voters: outgoing, learners: learners) }
}

extension RaftInstance {
  /// Whether the configuration in force is committed.
  public var isConfigurationCommitted: Bool { configurationIndex <= commitIndex }

  /// Appends a change of members; it is in force at once, on this node.
  ///
  /// `payload` is the entry that holds `next`, as the log reads it. One change at a time, and none before the
  /// first entry of the leader's own term is committed: two leaders could else change different things at
  /// once. A new voter is a learner that keeps up.
  public mutating func proposeConfiguration(
    _ next: Configuration, payload: [UInt8], at now: Instant, into effects: inout Effects
  ) throws(ProposalRefusal) -> LogIndex {
    guard role == .leader else { throw .notLeader(leader: leader) }
    guard let opened = leading.termRecord else { throw .termEntryPending }
    #if SIMULATION
    let isOpen = opened <= commitIndex || Mutant.changeBeforeCommit.isActive
    let isSettled = isConfigurationCommitted || Mutant.jointLeftEarly.isActive && configuration.isJoint
    #else
    let isOpen = opened <= commitIndex
    let isSettled = isConfigurationCommitted
    #endif
    guard isOpen else { throw .termNotCommitted }
    guard isSettled else { throw .configurationPending }
    if let fault = fault(in: next, at: now) { throw .invalidChange(fault) }
    let index = try propose([payload], at: now, into: &effects).lowerBound
    precondition(
      configurationIndex == index && configuration == next, "the payload holds the proposed configuration")
    return index
  }

  /// Why a voter of `next` may not be one yet; nil where all may. For the owner, before it asks people.
  public func fault(in next: Configuration, at now: Instant) -> ChangeFault? {
    guard !next.voters.isEmpty else { return .noVoters }
    // What says again who takes part changes nothing: the owner has it said with other words.
    if next == configuration { return nil }
    if configuration.isJoint {
      return next == configuration.left || next == configuration.abandoned ? nil : .notLeaving
    }
    if next.isJoint {
      guard next.outgoing == configuration.voters else { return .notJoint }
    } else {
      guard next.voters == configuration.voters else { return .notJoint }
    }
    for voter in next.voters where !configuration.voters.contains(voter) {
      guard configuration.learners.contains(voter) else { return .notLearner(voter) }
      guard keepsUp(voter, at: now) else { return .notCaughtUp(voter) }
    }
    return nil
  }

  /// Whether a peer holds all that the log held an election timeout ago: then it would hold up the cluster
  /// for no longer than an election does.
  private func keepsUp(_ peer: NodeID, at now: Instant) -> Bool {
    guard let position = leading.position(of: peer), let bar = leading.pace.bar(at: now, settings) else {
      return false
    }
    let progress = leading.progress[position]
    return progress.match >= bar && progress.unwillingAt == nil
      && now < progress.lastContact + settings.electionTimeout
  }

  /// Takes up what the log says of who takes part. To be called after every change of the log.
  mutating func followConfiguration(at now: Instant, into effects: inout Effects) {
    let point =
      log.configuration(at: log.lastIndex)
      ?? ConfigurationPoint(index: .zero, configuration: initialConfiguration)
    guard point.index != configurationIndex || point.configuration != configuration else { return }
    configurationIndex = point.index
    guard point.configuration != configuration else { return }
    configuration = point.configuration
    effects.configuration = point.configuration
    guard role == .leader else { return }
    for member in configuration.members where member != id && leading.position(of: member) == nil {
      leading.progress.append(Progress(peer: member, next: log.lastIndex.next, at: now))
    }
    leading.progress.sort { $0.peer < $1.peer }
    if let target = leading.transfer?.target, !configuration.voters.contains(target) {
      leading.transfer = nil
    }
  }

  /// A leader that the committed configuration is without has done its last duty: it names the voter that
  /// knows most as its successor, and goes.
  mutating func leaveIfRemoved(at now: Instant, into effects: inout Effects) {
    guard role == .leader, isConfigurationCommitted, !configuration.isVoter(id) else { return }
    #if SIMULATION
    if Mutant.removedLeaderSpeaks.isActive { return }
    #endif
    if let successor = successor(at: now), let position = leading.position(of: successor),
      leading.progress[position].match == log.lastIndex
    {
      leading.transfer = Transfer(target: successor, deadline: now + settings.electionTimeout)
      announceTransfer(into: &effects)
    } else {
      tellCommit(into: &effects)
    }
    stepDown(.removed, at: now, into: &effects)
  }

  /// Who has left hears of it, if it can within an election timeout, and then no more.
  mutating func dismissDeparted(at now: Instant) {
    guard isConfigurationCommitted else {
      leading.dismissal = nil
      return
    }
    guard leading.progress.contains(where: { !configuration.members.contains($0.peer) }) else { return }
    let deadline = leading.dismissal ?? now + settings.electionTimeout
    leading.dismissal = deadline
    leading.progress.removeAll { progress in
      guard !configuration.members.contains(progress.peer) else { return false }
      return deadline <= now
        || (progress.match >= configurationIndex && progress.toldCommit >= configurationIndex)
    }
  }
}

/// How long the log was when: what a learner is measured by.
struct Pace: Sendable {
  private struct Mark: Sendable {
    let at: Instant
    let index: LogIndex
  }

  /// One for each heartbeat. Invariant: ascending; at most one is older than an election timeout.
  private var marks: [Mark] = []

  mutating func mark(_ index: LogIndex, at now: Instant, _ settings: Settings) {
    marks.append(Mark(at: now, index: index))
    while marks.count > 1, marks[1].at + settings.electionTimeout <= now { marks.removeFirst() }
  }

  /// The end of the log an election timeout ago; nil where this leader does not know it.
  func bar(at now: Instant, _ settings: Settings) -> LogIndex? {
    marks.last { $0.at + settings.electionTimeout <= now }?.index
  }
}
