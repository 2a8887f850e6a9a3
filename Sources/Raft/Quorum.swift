#if SIMULATION
import Mutants
#endif

/// How a vote stands.
public enum VoteOutcome: Hashable, Sendable {
  case pending, won, lost
}

/// Decisions by more than half of a set of voters.
///
/// An empty set agrees to everything, which makes it the neutral half of a ``JointQuorum``.
public struct MajorityQuorum: Hashable, Sendable {
  /// Without duplicates, in ascending order.
  public let voters: [NodeID]

  public init(voters: [NodeID]) { self.voters = voters.sortedWithoutDuplicates() }

  /// Of voters that ascend already.
  init(ascending voters: [NodeID]) { self.voters = voters }

  /// How many voters make a majority.
  public var size: Int { voters.count / 2 + 1 }

  /// The greatest value that a majority has reached; a voter without a value counts as 0. `UInt64.max`
  /// for no voters.
  func reached(_ value: (NodeID) -> UInt64?) -> UInt64 {
    guard !voters.isEmpty else { return .max }
    #if SIMULATION
    let ascending =
      Mutant.progressUnordered.isActive
      ? voters.map { value($0) ?? 0 } : voters.map { value($0) ?? 0 }.sorted()
    #else
    let ascending = voters.map { value($0) ?? 0 }.sorted()
    #endif
    return ascending[ascending.count - size]
  }

  /// The greatest index that a majority acknowledges (Raft §5.3); ``LogIndex/max`` for no voters.
  public func committedIndex(_ acknowledged: (NodeID) -> LogIndex?) -> LogIndex {
    LogIndex(rawValue: reached { acknowledged($0)?.rawValue })
  }

  /// How a vote stands, given each voter's answer, nil while it's missing (Raft §5.2).
  public func outcome(of vote: (NodeID) -> Bool?) -> VoteOutcome {
    guard !voters.isEmpty else { return .won }
    var granted = 0
    var missing = 0
    for voter in voters {
      switch vote(voter) {
      case true?: granted += 1
      case nil: missing += 1
      case false?: break
      }
    }
    if granted >= size { return .won }
    return granted + missing >= size ? .pending : .lost
  }
}

/// Decisions by a majority of each of two sets, never of their union (Raft §6).
public struct JointQuorum: Hashable, Sendable {
  public let incoming: MajorityQuorum
  public let outgoing: MajorityQuorum

  public init(incoming: MajorityQuorum, outgoing: MajorityQuorum) {
    self.incoming = incoming
    self.outgoing = outgoing
  }

  /// The greatest value that both majorities have reached.
  func reached(_ value: (NodeID) -> UInt64?) -> UInt64 {
    min(incoming.reached(value), outgoing.reached(value))
  }

  /// The greatest index that both majorities acknowledge.
  public func committedIndex(_ acknowledged: (NodeID) -> LogIndex?) -> LogIndex {
    min(incoming.committedIndex(acknowledged), outgoing.committedIndex(acknowledged))
  }

  /// Won when both have won, lost when either has lost.
  public func outcome(of vote: (NodeID) -> Bool?) -> VoteOutcome {
    #if SIMULATION
    if Mutant.quorumOverUnion.isActive {
      return MajorityQuorum(voters: incoming.voters + outgoing.voters).outcome(of: vote)
    }
    #endif
    switch (incoming.outcome(of: vote), outgoing.outcome(of: vote)) {
    case (.lost, _), (_, .lost): return .lost
    case (.won, .won): return .won
    case (.pending, _), (_, .pending): return .pending
    }
  }
}

extension [NodeID] {
  func sortedWithoutDuplicates() -> [NodeID] {
    if zip(self, dropFirst()).allSatisfy({ $0 < $1 }) { return self }
    var result: [NodeID] = []
    for node in sorted() where result.last != node { result.append(node) }
    return result
  }
}
