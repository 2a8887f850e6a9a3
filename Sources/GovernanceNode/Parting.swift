import Raft

#if SIMULATION
import Mutants
#endif

/// A process that is asked to end: one that leads hands leadership over first, so that a cluster whose nodes are restarted
/// one after the other waits for no election timeout at any of them.
extension GovernanceNode {
  /// Whether the process may end now. Its owner steps with `parting` once and asks this after every step.
  ///
  /// It waits until another leads, since its own vote may be the one that is missing, and no longer than two election
  /// timeouts.
  public var mayEnd: Bool {
    guard let deadline = partsUntil, now.monotonic < deadline, conflict == nil else { return true }
    if raft.role == .leader { return raft.transferee == nil }
    return raft.leader != nil
  }

  mutating func onParting(using random: inout some RandomNumberGenerator, into effects: inout NodeEffects) {
    #if SIMULATION
    if Mutant.partsAsLeader.isActive { return }
    #endif
    let timeout = raft.settings.electionTimeout
    partsUntil = now.monotonic + timeout + timeout
    handOver(except: nil, into: &effects)
    takeUp(using: &random, into: &effects)
  }

  /// Hands over to whoever is fit for it, but for one that did not take over.
  private mutating func handOver(except failed: NodeID?, into effects: inout NodeEffects) {
    guard let successor = raft.handOver(except: failed, at: now.monotonic, into: &raftEffects) else {
      partsUntil = nil
      return
    }
    effects.notices.append(.role("hands over to \(successor), since this process ends"))
  }

  /// What became of leadership while the process waits to end: one that came to nothing is tried with another, and a leader that
  /// nobody hears has nothing to wait for.
  mutating func goOnParting(_ change: RoleChange, into effects: inout NodeEffects) {
    guard let deadline = partsUntil else { return }
    switch change {
    case .transferAborted(let target) where now.monotonic < deadline: handOver(except: target, into: &effects)
    case .steppedDown: partsUntil = nil
    case .transferAborted, .becameLeader, .follower, .preCandidate, .candidate: break
    }
  }
}
