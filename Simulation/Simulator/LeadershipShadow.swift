import GovernanceNode
import Raft

/// Leaders as an onlooker sees them: one that no majority can reach, or whose log's disk stands, gives up and makes room
/// (check-quorum, dissertation §6.2). One that goes on speaking keeps the others from an election.
///
/// One that knows that the committed members are without it goes as well (§4.2.2).
///
/// Only cuts count as unreachable: what is lost or late on an open link may still come. A node that stood still begins
/// anew.
struct LeadershipShadow: Sendable {
  private struct Seen: Sendable {
    let id: NodeID
    var life: UInt64
    var at: UInt64
    /// Since when no majority reaches it, and since when its disk has finished nothing; nil where not.
    var deafSince: UInt64?
    var hungSince: UInt64?
    /// Since when the final members are without it; nil where they are not.
    var goneSince: UInt64?
  }

  /// A leader gives up 0.9 s after it heard from a majority, and 3 s after a write was asked for; clocks drift a little, and
  /// it looks every 50 ms.
  private static let deafLimit: UInt64 = 2_000_000_000
  private static let hungLimit: UInt64 = 4_500_000_000
  private static let goneLimit: UInt64 = 2_000_000_000
  /// Nodes that run are looked at more often.
  private static let pause: UInt64 = 500_000_000

  private var seen: [Seen] = []

  /// Looks at a node that leads or does not; why it should not any more, or nil.
  mutating func observe(
    _ id: NodeID, life: UInt64, leads: Bool, isDeaf: Bool, isHung: Bool, isGone: Bool = false,
    at time: UInt64
  ) -> String? {
    guard leads else {
      seen.removeAll { $0.id == id }
      return nil
    }
    let position = seen.firstIndex { $0.id == id } ?? seen.endIndex
    if position == seen.endIndex { seen.append(Seen(id: id, life: life, at: time)) }
    var known = seen[position]
    if known.life != life || known.at + Self.pause < time { known = Seen(id: id, life: life, at: time) }
    known.at = time
    known.deafSince = isDeaf ? known.deafSince ?? time : nil
    known.hungSince = isHung ? known.hungSince ?? time : nil
    known.goneSince = isGone ? known.goneSince ?? time : nil
    seen[position] = known
    if let since = known.goneSince, since + Self.goneLimit < time {
      return "\(id) leads, and has been no member any more for \((time - since) / 1_000_000) ms"
    }
    if let since = known.deafSince, since + Self.deafLimit < time {
      return "\(id) leads, and no majority has reached it for \((time - since) / 1_000_000) ms"
    }
    if let since = known.hungSince, since + Self.hungLimit < time {
      return "\(id) leads, and its disk has finished nothing for \((time - since) / 1_000_000) ms"
    }
    return nil
  }
}

extension NodeHost {
  /// Whether its node knows that the committed members are without it.
  fileprivate var hasLeft: Bool {
    guard let configuration = node?.configuration, node?.isConfigurationCommitted == true else {
      return false
    }
    return !configuration.isVoter(id)
  }
}

extension World {
  /// Holds a node that leads against what reaches it, what its disk does, and who its members are.
  func observeLeadership(_ host: NodeHost<Suite>, _ view: NodeView) {
    let leads = view.role == .leader
    let isHung =
      host.diskFaults.contains { $0.fault == .hang }
      && host.disk.pending.contains { write in
        if case .batch(.log, _) = write.write { true } else { false }
      }
    if leads { oracles.evaluated("leaders can lead") }
    if let objection = leadership.observe(
      host.id, life: host.life, leads: leads, isDeaf: leads && isDeaf(host), isHung: isHung,
      isGone: leads && host.hasLeft, at: time)
    {
      oracles.fail("leaders can lead", objection, at: time)
    }
  }

  /// Whether no majority of its members, as it knows them, reaches a node.
  private func isDeaf(_ host: NodeHost<Suite>) -> Bool {
    guard let configuration = host.node?.configuration else { return false }
    return configuration.quorum.outcome { $0 == host.id || canTalk($0, host.id) ? true : false } == .lost
  }
}
