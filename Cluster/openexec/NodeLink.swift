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
  /// A connection with another certificate of this executor's, on its way to take the place of `client`.
  private var successor: CallClient?
  /// Connections whose place another has taken, until the last call on them has ended.
  private var leaving: [CallClient] = []
  /// The newest stream of jobs, and how many there have been: what the end of an earlier one says is of no concern.
  private var jobs: CallClient.CallHandle?
  private var streams = 0
  private var isListening = false
  /// Its name had no address when it was looked up last.
  private var isUnknown = false
  /// Why its certificate was refused last.
  private var refused: PeerRefusal?

  init(station: ExecutorStation, node: ExecutorConfiguration.Node) {
    self.station = station
    self.node = node
    name = node.name
  }

  var isConnected: Bool { if case .connected = client?.state { true } else { false } }

  func connect(_ tls: TLSContext) {
    let client = make(tls)
    client.onStateChange = { [unowned self] in changed($0) }
    self.client = client
    client.connect()
  }

  private func make(_ tls: TLSContext) -> CallClient {
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(100), cap: .seconds(3))
    let client = CallClient(
      loop: station.loop, tls: tls, at: CallClient.Place(node.address, resolver: station.resolver),
      expecting: .exactly(.node(name)), configuration: configuration)
    client.oldestCertificate = { [unowned station] in station.oldestCertificate(of: $0) }
    return client
  }

  /// Connects with another certificate. When the new connection is there jobs come over it; on the old one the calls that
  /// are open end, and then it goes.
  func renew(_ tls: TLSContext) {
    dropSuccessor()
    let next = make(tls)
    successor = next
    next.onStateChange = { [unowned self] state in
      guard case .connected = state else { return }
      retire(client)
      client = next
      successor = nil
      next.onStateChange = { [unowned self] in changed($0) }
      changed(state)
    }
    next.connect()
  }

  private func retire(_ old: CallClient?) {
    leaving.removeAll { if case .closed = $0.state { true } else { false } }
    guard let old else { return }
    old.onStateChange = nil
    leaving.append(old)
    isListening = false
    streams += 1
    if let jobs { old.cancel(jobs) }
    jobs = nil
    old.closeWhenIdle()
  }

  private func dropSuccessor() {
    successor?.onStateChange = nil
    successor?.close()
    successor = nil
  }

  /// Ends the connections where the node's certificate is refused by now.
  func reviewPeer() { for client in leaving + [client].compactMap({ $0 }) { client.reviewPeer() } }

  private func changed(_ state: CallClient.State) {
    switch state {
    case .connected:
      isUnknown = false
      refused = nil
      station.note(.info, "node_connected", [("node", .string(name))])
      station.connected(self)
    case .waiting(.unknownName(let address)), .closed(.unknownName(let address)):
      isListening = false
      // Once, and not for every try.
      if !isUnknown {
        station.note(.error, "node_address", [("node", .string(name)), ("address", .string(address))])
      }
      isUnknown = true
    case .waiting(.peerRefused(let refusal)), .closed(.peerRefused(let refusal)):
      isListening = false
      if refused != refusal {
        station.note(.warning, "node_refused", [("node", .string(name)), ("reason", .string("\(refusal)"))])
      }
      refused = refusal
    case .waiting, .closed, .connecting: isListening = false
    }
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
    streams += 1
    let stream = streams
    let request = JobsRequest(incarnation: UInt32(incarnation), knownLinks: station.knownLinks)
    jobs = client?.stream(
      "/openexec.v1.Executor/Jobs", request.encode(), timeout: nil,
      onItem: { [unowned self] in station.offered($0) },
      completion: { [unowned self] status in
        guard stream == streams else { return }
        isListening = false
        station.note(.warning, "jobs_ended", [("node", .string(name)), ("status", .string("\(status)"))])
      })
  }

  func close() {
    client?.onStateChange = nil
    client?.close()
    dropSuccessor()
    for client in leaving { client.close() }
  }
}
