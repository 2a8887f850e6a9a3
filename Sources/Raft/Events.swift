/// What happens to an instance.
public enum Event: Hashable, Sendable {
  /// ``RaftInstance/nextDeadline`` has come.
  case tick
  /// A message from the peer that the channel was authenticated for.
  case receive(from: NodeID, Message)
  /// The persist request of this ticket and all before it are on stable storage.
  case persisted(ticket: UInt64)
  /// The owner has received and verified a snapshot: the log may begin after it.
  case snapshotInstalled(SnapshotPoint)
  /// The transfer that ``Effects/needsSnapshot`` asked for has ended.
  case snapshotReport(peer: NodeID, succeeded: Bool)
  /// Messages to this peer were lost, as when a connection broke.
  case unreachable(peer: NodeID)
}

/// Why a proposal was not appended. Nothing of it was.
public enum ProposalRefusal: Error, Hashable, Sendable {
  /// Only the leader appends; this is it, where known.
  case notLeader(leader: NodeID?)
  /// The first entry of the term comes first: ``RaftInstance/proposeTermRecord(_:at:into:)``.
  case termEntryPending
  /// The first entry of the term is in the log already.
  case termEntryAppended
  /// Too much is not committed or not durable yet. Try again when the commit index has moved.
  case busy
  /// Leadership is being handed to this node.
  case transferPending(to: NodeID)
  /// A change of members waits for the first entry of the term to be committed.
  case termNotCommitted
  /// The latest change of members is not committed yet.
  case configurationPending
  /// What is wrong with a change of members, or of the leader.
  case invalidChange(ChangeFault)
  /// The payload at this position, or the whole, is over this limit in bytes.
  case tooLarge(position: Int?, limit: Int)
  /// There was no payload.
  case empty
}
