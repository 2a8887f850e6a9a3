import Canonical
import Crypto
import EventLoop
import Host
import Network
import Records
import Wire

/// The connection to one governance node: leases are asked for, jobs listened to and receipts reported on
/// any of them.
final class NodeLink {
  let name: String
  private unowned let station: ExecutorStation
  private let node: ExecutorConfiguration.Node
  private var client: CallClient?
  private var isListening = false
  /// Its name had no address when it was looked up last.
  private var isUnknown = false

  init(station: ExecutorStation, node: ExecutorConfiguration.Node) {
    self.station = station
    self.node = node
    name = node.name
  }

  var isConnected: Bool { if case .connected = client?.state { true } else { false } }

  func connect(_ tls: TLSContext) {
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(100), cap: .seconds(3))
    let client = CallClient(
      loop: station.loop, tls: tls, at: CallClient.Place(node.address, resolver: station.resolver),
      expecting: .exactly(.node(name)), configuration: configuration)
    client.onStateChange = { [unowned self] state in
      switch state {
      case .connected:
        isUnknown = false
        station.note(.info, "node_connected", [("node", .string(name))])
        station.connected(self)
      case .waiting(.unknownName(let address)), .closed(.unknownName(let address)):
        isListening = false
        // Once, and not for every try.
        if !isUnknown {
          station.note(.error, "node_address", [("node", .string(name)), ("address", .string(address))])
        }
        isUnknown = true
      case .waiting, .closed, .connecting: isListening = false
      }
    }
    self.client = client
    client.connect()
  }

  func call(
    _ method: String, _ payload: [UInt8], timeout: Duration,
    _ completion: @escaping (Result<[UInt8], CallStatus>) -> Void
  ) {
    client?.call("/openexec.v1.\(method)", payload, timeout: timeout, completion: completion)
  }

  /// Opens the stream of jobs, and again when it has ended.
  func listen(incarnation: Int) {
    guard isConnected, !isListening else { return }
    isListening = true
    let request = JobsRequest(incarnation: UInt32(incarnation), knownLinks: station.knownLinks)
    client?.stream(
      "/openexec.v1.Executor/Jobs", request.encode(), timeout: nil,
      onItem: { [unowned self] in station.offered($0) },
      completion: { [unowned self] status in
        isListening = false
        station.note(.warning, "jobs_ended", [("node", .string(name)), ("status", .string("\(status)"))])
      })
  }

  func close() {
    client?.onStateChange = nil
    client?.close()
  }
}
