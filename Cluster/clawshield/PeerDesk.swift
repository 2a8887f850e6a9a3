import Canonical
import EventLoop
import GovernanceNode
import Network
import Raft
import Wire

/// The nodes that this one may speak with, by its configuration and by the ledger: the listener that hears them, and a
/// link to each. Confined to the station's loop.
final class PeerDesk {
  private unowned let station: Station
  private var directory = PeerDirectory()
  /// One for each node of the directory.
  private(set) var links: [PeerLink] = []
  private var server: CallServer?
  /// When the ledger was last asked for the nodes, on the loop's clock.
  private var lastLook: UInt64 = 0

  init(station: Station) { self.station = station }

  /// Where peers connect to; nil before `open()`.
  var address: SocketAddress? { server?.address }

  /// Whether the ledger was last asked for the nodes two seconds ago or more.
  var isLookDue: Bool { lastLook + 2_000_000_000 <= station.loop.now.nanoseconds }

  /// Listens for the nodes that the configuration names, and connects to them.
  func open() throws {
    directory = try PeerDirectory(station.configuration)
    let tls = try ownTLS()
    let server = try CallServer(
      loop: station.loop, tls: tls, address: station.configuration.listenPeers,
      configuration: station.serving)
    server.handleOneWay(PeerLink.method) { [unowned self] message in receive(message) }
    server.onEnd = { [unowned station] peer, address, end in
      guard let peer, !end.isRefusal else { return station.refusals.incoming(from: address, end) }
      station.note(.info, "peer_closed", [("peer", .string(peer.path)), ("reason", .string("\(end)"))])
    }
    server.oldestCertificate = { [unowned station] in station.oldestCertificate(of: $0) }
    self.server = server
    for peer in directory.peers {
      links.append(PeerLink(station: station, peer: peer, tls: tls))
    }
    for link in links { link.connect() }
  }

  /// Connects to the nodes that the ledger has come to name, and lets go of those that have left. A party's address
  /// and authority are those of the act that two operators signed.
  func look() {
    lastLook = station.loop.now.nanoseconds
    station.reviewPeers()
    guard let connections = station.connections, let seats = station.seats else { return }
    do {
      guard try directory.follow(seats, connections, own: station.configuration.id) else { return }
      let tls = try ownTLS()
      server?.trust(tls)
      for link in links where !directory.peers.contains(where: { $0.id == link.id }) {
        station.note(.info, "peer_left", [("peer", .string("\(link.id)"))])
        link.close()
      }
      links.removeAll { link in !directory.peers.contains { $0.id == link.id } }
      for peer in directory.peers where !links.contains(where: { $0.id == peer.id }) {
        station.note(
          .info, "peer_added", [("peer", .string(peer.name)), ("address", .string(peer.address))])
        let link = PeerLink(station: station, peer: peer, tls: tls)
        links.append(link)
        link.connect()
      }
    } catch {
      station.note(.error, "peers", [("reason", .string("\(error)"))])
    }
  }

  private func ownTLS() throws -> TLSContext {
    try directory.tls(station.configuration, station.certificates.own)
  }

  func send(_ message: PeerMessage, to peer: NodeID) {
    links.first { $0.id == peer }?.send(message)
  }

  private func receive(_ incoming: IncomingMessage) {
    guard case .node(let name) = incoming.peer,
      let peer = directory.peers.first(where: { $0.name == name })
    else { return }
    guard let message = try? PeerMessage(decoding: incoming.payload) else {
      station.notices.unreadable(from: name)
      return
    }
    station.received(message, from: peer.id)
  }

  /// Ends the connections whose peers' certificates are refused by now.
  func review() {
    server?.reviewPeers()
    for link in links { link.reviewPeer() }
  }

  /// Goes on with another certificate of this node's.
  func renew() throws {
    let tls = try ownTLS()
    server?.renew(tls)
    for link in links { link.renew(tls) }
  }

  /// Nothing is said or heard any more, also not of what ends with it.
  func close() {
    server?.onEnd = nil
    server?.close()
    for link in links { link.close() }
  }
}
