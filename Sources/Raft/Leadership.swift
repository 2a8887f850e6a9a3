#if SIMULATION
import Mutants
#endif

/// What only a leader keeps; emptied when it steps down.
struct Leading: Sendable {
  /// Invariant: ascending by peer; every member of the configuration but the leader itself, and for a while
  /// those who have left it.
  var progress: [Progress] = []
  /// Counts heartbeats.
  var round: UInt64 = 0
  var heartbeatDue = Instant.distantFuture
  /// The first entry of the term, once appended.
  var termRecord: LogIndex?
  var uncommitted = UncommittedBytes()
  var transfer: Transfer?
  var pace = Pace()
  /// When those who have left are no longer spoken to.
  var dismissal: Instant?

  func position(of peer: NodeID) -> Int? { progress.firstIndex { $0.peer == peer } }
}

extension RaftInstance {
  mutating func becomeLeader(at now: Instant, into effects: inout Effects) {
    precondition(role == .candidate && votedFor == id, "only a candidate that voted for itself can win")
    role = .leader
    leader = id
    tally = VoteTally()
    leading = Leading()
    leading.progress = configuration.members.filter { $0 != id }.map {
      Progress(peer: $0, next: log.lastIndex.next, at: now)
    }
    leading.uncommitted.inherit(from: log, after: commitIndex, limit: settings.maxUncommittedBytes)
    effects.roleChanges.append(.becameLeader(term: currentTerm))
    heartbeat(at: now, into: &effects)
  }

  mutating func onLeaderTick(at now: Instant, into effects: inout Effects) {
    #if SIMULATION
    let isStalled = Mutant.hungDiskLeads.isActive ? false : suspectThrough != nil
    #else
    let isStalled = suspectThrough != nil
    #endif
    if isStalled {
      stepDown(.storageStalled, at: now, into: &effects)
    } else if quorumDeadline <= now {
      stepDown(.quorumLost, at: now, into: &effects)
    } else if leading.heartbeatDue <= now {
      dismissDeparted(at: now)
      heartbeat(at: now, into: &effects)
    }
    if role == .leader { expireTransfer(at: now, into: &effects) }
  }

  /// Gives up within the term; the vote stands.
  mutating func stepDown(_ reason: StepDownReason, at now: Instant, into effects: inout Effects) {
    precondition(role == .leader, "only a leader steps down")
    effects.roleChanges.append(.steppedDown(term: currentTerm, reason: reason))
    becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects)
  }

  /// When the lease ends that the answers of a quorum have given (check-quorum, dissertation §6.2).
  var quorumDeadline: Instant {
    #if SIMULATION
    if Mutant.deafLeads.isActive { return .distantFuture }
    #endif
    let contact = configuration.quorum.reached { voter in
      if voter == id { return UInt64.max }
      return leading.position(of: voter).map { leading.progress[$0].lastContact.nanoseconds }
    }
    return Instant(nanoseconds: contact) + settings.leaderLease
  }

  var storageDeadline: Instant {
    persistence.oldestIssue.map { $0 + settings.storageDeadline } ?? .distantFuture
  }

  /// A leader whose entries so many will not take that no majority can be reached makes room for another,
  /// and waits longer than the others before it stands again.
  mutating func stepDownIfUnwilling(at now: Instant, into effects: inout Effects) {
    let outcome = configuration.quorum.outcome { voter in
      guard voter != id, let position = leading.position(of: voter) else { return true }
      return leading.progress[position].unwillingAt == nil
    }
    guard outcome == .lost else { return }
    stepDown(.unwillingMajority, at: now, into: &effects)
    electionTimer.restart(at: now, patience: settings.electionTimeout + settings.electionTimeout)
  }
}

extension RaftInstance {
  /// What a leader knows of its peers, ascending; empty for others.
  public var peers: [PeerStatus] {
    leading.progress.map { progress in
      var needsSnapshot = false
      if case .snapshot = progress.state { needsSnapshot = true }
      return PeerStatus(
        peer: progress.peer, match: progress.match, next: progress.next, lastContact: progress.lastContact,
        needsSnapshot: needsSnapshot, unwillingAt: progress.unwillingAt)
    }
  }
}
