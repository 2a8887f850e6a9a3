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
    guard let deadline = partsUntil, now.monotonic < deadline else { return true }
    if raft.role == .leader { return raft.transferee == nil }
    return raft.leader != nil
  }

  mutating func onParting(using random: inout some RandomNumberGenerator, into effects: inout NodeEffects) {
    #if SIMULATION
    if Mutant.partsAsLeader.isActive { return }
    #endif
    guard let successor = raft.handOver(at: now.monotonic, into: &raftEffects) else { return }
    let patience = raft.settings.electionTimeout + raft.settings.electionTimeout
    partsUntil = now.monotonic + patience
    effects.notices.append(.role("hands over to \(successor), since this process ends"))
    takeUp(using: &random, into: &effects)
  }
}
