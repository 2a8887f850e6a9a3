#if SIMULATION
import Mutants
#endif

extension RaftInstance {
  /// Raft §5.4.2: only an entry of the leader's own term is committed by counting replicas; what precedes
  /// it is committed with it. The leader counts itself by what is durable on its own disk.
  mutating func advanceCommit(at now: Instant, into effects: inout Effects) {
    guard role == .leader else { return }
    let reached = configuration.quorum.committedIndex { voter in
      #if SIMULATION
      if Mutant.acknowledgedBeforeSync.isActive, voter == id { return log.lastIndex }
      #endif
      if voter == id { return persistence.durableIndex }
      return leading.position(of: voter).map { leading.progress[$0].match }
    }
    #if SIMULATION
    let isOfThisTerm = Mutant.priorTermCommitted.isActive ? true : log.term(at: reached) == currentTerm
    #else
    let isOfThisTerm = log.term(at: reached) == currentTerm
    #endif
    guard reached > commitIndex, reached <= log.lastIndex, isOfThisTerm else { return }
    commit(through: reached, into: &effects)
    leading.uncommitted.release(through: commitIndex)
    tellCommit(into: &effects)
    leaveIfRemoved(at: now, into: &effects)
  }

  mutating func commit(through index: LogIndex, into effects: inout Effects) {
    guard index > commitIndex else { return }
    precondition(index <= log.lastIndex, "\(index) cannot be committed: the log ends at \(log.lastIndex)")
    commitIndex = index
    effects.committed = index
  }
}
