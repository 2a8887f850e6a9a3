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

  /// A connection of ours to `peer` ended before the peer was verified.
  func outgoing(to peer: String, at address: SocketAddress, _ end: ChannelEnd) {
    write(.init(end), at: address, direction: "out", peer: peer)
  }

  /// Somebody's connection to us ended before they were verified.
  func incoming(from address: SocketAddress, _ end: ChannelEnd) {
    write(.init(end), at: address, direction: "in", peer: nil)
  }

  private func write(_ refusal: Refusal?, at address: SocketAddress, direction: String, peer: String?) {
    guard let refusal else { return }
    // Without the port, which is another at each attempt.
    let host = address.hostText
    let now = Duration.nanoseconds(Int64(clamping: station.loop.now.nanoseconds))
    guard let leftOut = filter.admit("\(direction) \(host) \(refusal.reason)", at: now) else { return }
    var fields: [(String, JSON)] = [
      ("direction", .string(direction)), ("address", .string("\(address)")),
      ("reason", .string(refusal.reason)),
    ]
    if let peer { fields.append(("peer", .string(peer))) }
    if leftOut > 0 { fields.append(("repeated", .integer(leftOut))) }
    station.note(.warning, "peer_refused", fields)
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
        .stalled,
        .queueOverflow, .loop:
        return nil
      }
    }
  }
}
