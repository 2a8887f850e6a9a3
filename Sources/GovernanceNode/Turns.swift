import Raft

/// When each peer was last served, so that none is served more often than it may be.
struct Turns: Sendable {
  private var served: [(peer: NodeID, at: Instant)] = []

  /// Whether `peer` may be served again, `pause` after it was; if so, it has been.
  mutating func serves(_ peer: NodeID, at now: Instant, pause: Nanoseconds) -> Bool {
    guard let position = served.firstIndex(where: { $0.peer == peer }) else {
      served.append((peer, now))
      return true
    }
    guard served[position].at + pause <= now else { return false }
    served[position].at = now
    return true
  }
}
