import Wire

/// A kind of message between nodes, for faults of a link that meet no other.
public enum MessageKind: String, Hashable, Sendable, CaseIterable {
  /// Asking around before a campaign, and the answers.
  case preVotes
  case votes
  case voteAnswers
  /// Append requests with entries, and those without.
  case entries
  case heartbeats
  /// Answers to append requests.
  case acknowledgements
  /// How far a party's log is durable, as it tells all others.
  case durables
  case signCalls
  /// Shares, and declines.
  case shares
  case notes
  /// What a node hands on to the leader, or shows to others since that does not take it.
  case forwards
  case restrictions
  /// Final entries, and the leaves before a snapshot, that a node has asked for.
  case histories
  case snapshots

  /// The kind of a message; nil where it is of none that has a name.
  init?(_ message: PeerMessage) {
    if let call = message.voteCall {
      self = call.preVote ? .preVotes : .votes
    } else if let answer = message.voteAnswer {
      self = answer.preVote ? .preVotes : .voteAnswers
    } else if let call = message.appendCall {
      self = call.entries.isEmpty ? .heartbeats : .entries
    } else if message.appendAnswer != nil {
      self = .acknowledgements
    } else if message.durable != nil {
      self = .durables
    } else if message.signCall != nil {
      self = .signCalls
    } else if message.signAnswer != nil {
      self = .shares
    } else if message.note != nil {
      self = .notes
    } else if message.forwardCall != nil || message.witnessCall != nil {
      self = .forwards
    } else if message.restriction != nil {
      self = .restrictions
    } else if message.historyShown != nil || message.earlierShown != nil {
      self = .histories
    } else if message.snapshotPiece != nil {
      self = .snapshots
    } else {
      return nil
    }
  }
}
