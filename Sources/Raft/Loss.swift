#if SIMULATION
import Mutants
#endif

// What a disk has lost is not what never was (Alagappan et al., "Protocol-Aware Recovery", FAST '18).

/// The end of a log that this node knows to have had on stable storage.
public struct LogEnd: Hashable, Comparable, Sendable {
  public let term: Term
  public let index: LogIndex

  public init(term: Term, index: LogIndex) {
    self.term = term
    self.index = index
  }

  /// Raft §5.4.1: the later term wins; of equal terms, the longer log.
  public static func < (left: LogEnd, right: LogEnd) -> Bool {
    #if SIMULATION
    if Mutant.logComparedByIndex.isActive { return left.index < right.index }
    #endif
    return (left.term, left.index) < (right.term, right.index)
  }
}

extension RaftInstance {
  /// The end of this log, as far as it can be read.
  var logEnd: LogEnd { LogEnd(term: log.term(at: log.lastIndex) ?? .zero, index: log.lastIndex) }

  /// What a candidate's log is measured by: while entries are lost, they count as held, because someone may
  /// have counted them.
  var votingEnd: LogEnd { max(logEnd, lost ?? logEnd) }

  /// Once as much is back and durable, nothing is lost any more.
  mutating func noteRecovery() {
    guard let lost else { return }
    let index = min(max(following.matched, finalIndex), persistence.durableIndex)
    if LogEnd(term: log.term(at: index) ?? .zero, index: index) >= lost { self.lost = nil }
  }
}
