#if SIMULATION
import Mutants
#endif

extension RaftInstance {
  /// A peer that does not take a snapshot so many times in a row gets entries, where the log has them.
  private static var snapshotAttempts: Int { 3 }

  /// The peer's next entry is gone from the log (Raft §7), or it is far behind.
  mutating func askForSnapshot(for position: Int, into effects: inout Effects) {
    leading.progress[position].becomeSnapshot(through: max(log.firstIndex.previous, finalIndex))
    effects.needsSnapshot.append(leading.progress[position].peer)
  }

  /// Whether the peer lacks so much of what is final that a snapshot serves it better than entries.
  func isFarBehind(_ progress: Progress) -> Bool {
    guard finalIndex > progress.match, progress.snapshotFailures < Self.snapshotAttempts else { return false }
    return finalIndex.rawValue - progress.match.rawValue > settings.snapshotLag
  }

  /// The transfer has ended. Whether it helped, a probe finds out; after a failure, with the next heartbeat.
  mutating func onSnapshotReport(peer: NodeID, succeeded: Bool, into effects: inout Effects) {
    guard role == .leader, let position = leading.position(of: peer),
      case .snapshot(let through) = leading.progress[position].state
    else { return }
    leading.progress[position].snapshotFailures =
      succeeded ? 0 : leading.progress[position].snapshotFailures + 1
    if succeeded {
      leading.progress[position].becomeProbe(next: through.next)
      replicate(to: position, into: &effects)
    } else {
      leading.progress[position].becomeProbe(next: leading.progress[position].match.next)
      leading.progress[position].isProbing = true
    }
  }

  /// Takes up a snapshot that the owner has verified (Raft figure 13).
  ///
  /// One that says nothing new is ignored, so that it cannot roll the log back. Where the log holds the
  /// same entry at its end, what follows is kept. Otherwise the log is emptied and begins after it, in
  /// one write with the snapshot's state: see ``PersistRequest/snapshot``.
  mutating func onSnapshotInstalled(
    _ point: SnapshotPoint, at now: Instant, into effects: inout Effects
  ) {
    guard role != .leader, point.index > commitIndex, point.index <= .limit, point.term <= .limit
    else { return }
    if point.term > currentTerm {
      becomeFollower(term: point.term, leader: nil, at: now, into: &effects)
    }
    #if SIMULATION
    let isReset = Mutant.snapshotTruncates.isActive
    #else
    let isReset = false
    #endif
    let isHeld =
      !isReset && point.index <= log.lastIndex && log.term(at: point.index) == point.term
      && log.root(at: point.index) == point.root
    if !isHeld {
      // Votes that were asked for with the old log say nothing about the new one.
      if role != .follower {
        becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects)
      }
      log.reset(to: point)
      persistence.reset(to: point)
      following.matched = .zero
      following.acknowledged = .zero
      followConfiguration(at: now, into: &effects)
      noteRecovery()
    }
    commit(through: point.index, into: &effects)
  }

  /// Removes what a group-signed note of `size` entries may contradict: their root is not this log's.
  ///
  /// The note does not say where the two part. Between honest nodes it is above all that is committed here, and above
  /// all that equals the leader's log: that stays, since others count on it. Only where one of them reaches as far as the
  /// note has somebody lied, or the leader is one whose term is over; then it goes. What is still another's below is
  /// replaced from the first entry that differs, by a later leader or by what peers show of the final history
  /// (``takeVouched(_:at:into:)``).
  ///
  /// - Returns: false, and nothing is done, where that would remove something final.
  public mutating func discardContradicted(
    by size: LogIndex, at now: Instant, into effects: inout Effects
  ) -> Bool {
    var kept = finalIndex
    for known in [commitIndex, following.matched] where known < size { kept = max(kept, known) }
    return discardTail(after: kept, at: now, into: &effects)
  }

  /// Removes the log's entries after `index` because a group-signed note has another content there: what is
  /// committed is provisional, what is final stands. The commit index falls back with the log, and a leader
  /// steps down.
  ///
  /// - Returns: false, and nothing is done, where that would remove something final.
  public mutating func discardTail(
    after index: LogIndex, at now: Instant, into effects: inout Effects
  ) -> Bool {
    guard index >= finalIndex, index >= log.firstIndex.previous else { return false }
    guard index < log.lastIndex else { return true }
    if role == .leader { stepDown(.tailDiscarded, at: now, into: &effects) }
    // What a campaign or an unsent answer says of the old tail is no longer so.
    if role != .follower { becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects) }
    outbox.removeAll()
    log.truncate(after: index)
    persistence.truncate(after: index)
    commitIndex = min(commitIndex, index)
    releaseLock(after: index)
    following.matched = min(following.matched, index)
    following.acknowledged = min(following.acknowledged, index)
    reportedDurable = min(reportedDurable, index)
    followConfiguration(at: now, into: &effects)
    flush(at: now, into: &effects)
    return true
  }
}
