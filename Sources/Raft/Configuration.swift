/// A configuration, and the entry that holds it; index 0 for the one that the cluster began with.
public struct ConfigurationPoint: Hashable, Sendable {
  public let index: LogIndex
  public let configuration: Configuration

  public init(index: LogIndex, configuration: Configuration) {
    self.index = index
    self.configuration = configuration
  }
}

/// Who takes part (Raft §6). All lists ascend and hold no duplicates.
public struct Configuration: Hashable, Sendable {
  /// The voters; in a joint configuration, the incoming ones.
  public let voters: [NodeID]
  /// The outgoing voters of a joint configuration; empty otherwise.
  public let outgoing: [NodeID]
  /// Those who receive the log without a vote. A node that votes on either side isn't listed.
  public let learners: [NodeID]
  /// Everyone who receives the log, ascending.
  public let members: [NodeID]

  /// Sorts what it is given and drops duplicates.
  public init(voters: [NodeID], outgoing: [NodeID] = [], learners: [NodeID] = []) {
    let incoming = voters.sortedWithoutDuplicates()
    let leaving = outgoing.sortedWithoutDuplicates()
    self.voters = incoming
    self.outgoing = leaving
    let learning = learners.sortedWithoutDuplicates().filter {
      !incoming.contains($0) && !leaving.contains($0)
    }
    self.learners = learning
    members = (incoming + leaving + learning).sortedWithoutDuplicates()
  }

  public var isJoint: Bool { !outgoing.isEmpty }

  /// Whether `node` votes on either side.
  public func isVoter(_ node: NodeID) -> Bool { voters.contains(node) || outgoing.contains(node) }

  /// What every decision of this configuration takes.
  public var quorum: JointQuorum {
    JointQuorum(
      incoming: MajorityQuorum(ascending: voters), outgoing: MajorityQuorum(ascending: outgoing))
  }
}
