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
  private let tls: TLSContext
  private var wasConnected = false

  init(station: Station, peer: PeerDirectory.Peer, tls: TLSContext) {
    self.station = station
    self.peer = peer
    self.tls = tls
    id = peer.id
  }

  var isConnected: Bool { if case .connected = client?.state { true } else { false } }

  func connect() {
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(50), cap: .seconds(2))
    let client = CallClient(
      loop: station.loop, tls: tls, at: CallClient.Place(peer.address, resolver: station.resolver),
      expecting: .exactly(.node(peer.name)), configuration: configuration)
    client.onStateChange = { [unowned self] state in changed(state) }
    self.client = client
    client.connect()
  }

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
    // A message that finds no room is lost, as the protocol above expects.
    _ = client?.oneWay(Self.method, message.encode())
  }

  func close() {
    client?.onStateChange = nil
    client?.close()
    client = nil
  }
}
