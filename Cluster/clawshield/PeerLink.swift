import EventLoop
import Network
import Raft
import Wire

/// The connection on which this node speaks to one peer; what the peer says comes on its own.
final class PeerLink {
  static let method = "/openexec.v1.Peer/Tell"

  let id: NodeID
  private unowned let station: Station
  private var client: CallClient?
  private let peer: PeerDirectory.Peer
  private var tls: TLSContext
  /// A connection with another certificate of this node's, on its way to take the place of `client`.
  private var successor: CallClient?
  private var wasConnected = false

  init(station: Station, peer: PeerDirectory.Peer, tls: TLSContext) {
    self.station = station
    self.peer = peer
    self.tls = tls
    id = peer.id
  }

  var isConnected: Bool { if case .connected = client?.state { true } else { false } }

  func connect() {
    let client = make()
    client.onStateChange = { [unowned self] state in changed(state) }
    self.client = client
    client.connect()
  }

  private func make() -> CallClient {
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(50), cap: .seconds(2))
    let client = CallClient(
      loop: station.loop, tls: tls, at: CallClient.Place(peer.address, resolver: station.resolver),
      expecting: .exactly(.node(peer.name)), configuration: configuration)
    client.oldestCertificate = { [unowned station] in station.oldestCertificate(of: $0) }
    return client
  }

  /// Connects with another certificate, and lets the old connection go when the new one is there.
  func renew(_ tls: TLSContext) {
    self.tls = tls
    dropSuccessor()
    let next = make()
    successor = next
    next.onStateChange = { [unowned self] state in
      guard case .connected = state else { return }
      client?.onStateChange = nil
      client?.close()
      client = next
      successor = nil
      next.onStateChange = { [unowned self] state in changed(state) }
      changed(state)
    }
    next.connect()
  }

  /// Ends the connection where its peer's certificate is refused by now.
  func reviewPeer() { client?.reviewPeer() }

  private func changed(_ state: CallClient.State) {
    switch state {
    case .connected:
      wasConnected = true
      station.note(.info, "peer_connected", [("peer", .string(peer.name))])
      station.connected(id)
    case .waiting(let end), .closed(let end):
      if wasConnected {
        station.note(.info, "peer_lost", [("peer", .string(peer.name)), ("reason", .string("\(end)"))])
        station.disconnected(id)
      } else {
        station.refusals.outgoing(to: peer.name, at: peer.address, end)
      }
      wasConnected = false
    case .connecting: break
    }
  }

  func send(_ message: PeerMessage) {
    let payload = message.encode()
    switch client?.oneWay(Self.method, payload) {
    case .tooLarge: station.couldNotSend(message.kind, to: peer.name, bytes: payload.count)
    // One that finds no room is lost, as the protocol above expects.
    case .queued, .full, .dropped, nil: break
    }
  }

  func close() {
    client?.onStateChange = nil
    client?.close()
    client = nil
    dropSuccessor()
  }

  private func dropSuccessor() {
    successor?.onStateChange = nil
    successor?.close()
    successor = nil
  }
}
