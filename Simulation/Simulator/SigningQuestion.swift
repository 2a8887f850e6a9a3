import Raft

/// What a coordinator asks one party under one name: a share for one session of one round.
struct SigningQuestion: Hashable, Sendable {
  let party: NodeID
  let coordinator: NodeID
  let term: UInt64
  let round: UInt64
  let session: UInt64
}
