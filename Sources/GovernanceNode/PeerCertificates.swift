import Canonical
import ClawShield
import Raft
import Records

/// Which peers this node is connected to.
struct ConnectedPeers: Sendable {
  private var ids: [NodeID] = []

  func contains(_ peer: NodeID) -> Bool { ids.contains(peer) }

  mutating func connected(_ peer: NodeID) { if !ids.contains(peer) { ids.append(peer) } }
  mutating func lost(_ peer: NodeID) { ids.removeAll { $0 == peer } }
}

extension GovernanceNode {
  /// The members whose earlier certificates are refused here, and whether a newer one was seen. Connections with a refused
  /// one end and no other is made, so that whoever is connected has shown a newer one; of its own certificate this node
  /// knows when it begins. A node whose own is refused is connected to nobody for that, and says so alone.
  var refusedCertificates: [(name: String, before: Timestamp, isReplaced: Bool, isOwn: Bool)] {
    let all: [(name: String, before: Timestamp, isReplaced: Bool, isOwn: Bool)] =
      overlay.final.membership.known.compactMap { seat in
        guard let before = oldestCertificate(of: .node(seat.name)) else { return nil }
        if seat.id == Int(raft.id.rawValue) {
          return (seat.name, before, host.certificateBegins.map { $0 >= before } ?? true, true)
        }
        let isConnected = NodeID(rawValue: UInt64(seat.id)).map(connectedPeers.contains) ?? false
        return (seat.name, before, isConnected, false)
      }
    let own = all.filter { $0.isOwn && !$0.isReplaced }
    return own.isEmpty ? all : own
  }

  /// The part of `Admin/Status` that says so.
  var refusedCertificatesStatus: JSON {
    .array(
      refusedCertificates.map { entry in
        .object([
          ("node", .string(entry.name)), ("before", .time(entry.before)),
          ("replaced", .bool(entry.isReplaced)), ("own", .bool(entry.isOwn)),
        ])
      })
  }
}
