import Canonical
import EventLoop
import Host
import Network

/// What this node's log says of connections that never came to be: somebody who cannot show to be whom
/// this node was told to expect is refused, and whoever watches the log is to hear of it.
final class RefusalLog {
  private unowned let station: Station
  /// Whoever can reach the port can be refused as often as they like.
  private var filter = RepeatFilter(interval: .seconds(10), capacity: 64)

  init(station: Station) { self.station = station }

  /// A connection of ours to `peer`, who is said to be at `host:port`, ended before the peer was verified.
  func outgoing(to peer: String, at place: String, _ end: ChannelEnd) {
    if case .unknownName = end {
      let fields: [(String, JSON)] = [("peer", .string(peer)), ("reason", .string(end.status.message))]
      write(.error, "peer_address", fields, key: "name \(place)")
      return
    }
    let host = place.lastIndex(of: ":").map { String(place[..<$0]) } ?? place
    write(.init(end), at: place, host: host, direction: "out", peer: peer)
  }

  /// Somebody's connection to us ended before they were verified.
  func incoming(from address: SocketAddress, _ end: ChannelEnd) {
    write(.init(end), at: "\(address)", host: address.hostText, direction: "in", peer: nil)
  }

  /// By the host alone: the port is another at each attempt.
  private func write(_ refusal: Refusal?, at place: String, host: String, direction: String, peer: String?) {
    guard let refusal else { return }
    var fields: [(String, JSON)] = [
      ("direction", .string(direction)), ("address", .string(place)),
      ("reason", .string(refusal.reason)),
    ]
    if let peer { fields.append(("peer", .string(peer))) }
    write(.warning, "peer_refused", fields, key: "\(direction) \(host) \(refusal.reason)")
  }

  private func write(_ level: LogLine.Level, _ event: String, _ fields: [(String, JSON)], key: String) {
    let now = Duration.nanoseconds(Int64(clamping: station.loop.now.nanoseconds))
    guard let leftOut = filter.admit(key, at: now) else { return }
    station.note(level, event, leftOut > 0 ? fields + [("repeated", .integer(leftOut))] : fields)
  }

  /// An end that says something about who the other is; nil for those that say nothing, such as a host
  /// that is down.
  private struct Refusal {
    let reason: String

    init?(_ end: ChannelEnd) {
      switch end {
      case .peerRefused(let refusal): reason = "\(refusal)"
      case .tls(let error): reason = "\(error)"
      case .closed, .closedByPeer, .refused, .system, .handshakeOverdue, .crowdedOut, .frameOverdue, .idle,
        .stalled, .queueOverflow, .loop, .unknownName:
        return nil
      }
    }
  }
}
