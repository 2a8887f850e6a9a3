import CSystem
import EventLoop
import OpenExec
import Records
import Wire

/// The side of a machine's channel that a proxy speaks to. All of it is on the loop.
protocol ProxyChannel: AnyObject {
  /// How many more bytes can wait for a stream; 0 for one that is gone.
  func room(_ stream: UInt32) -> Int
  func send(_ bytes: [UInt8], on stream: UInt32)
  /// Bytes of the action were passed on, and it may send as many again.
  func consumed(_ count: Int, of stream: UInt32)
  func end(_ stream: UInt32)
  func reset(_ stream: UInt32)
}

/// What one run reaches of the network: each stream of its machine is one connection, judged and counted by its
/// meter. Confined to the loop; holds sockets, and decides nothing.
final class EgressProxy {
  let loop: EventLoop
  let settings: EgressSettings
  let resolver: Resolver
  var meter: EgressMeter
  /// What was seen in what the action sent in the clear.
  var findings = ContentFindings()
  /// For what it sends: how the run's secrets are recognised.
  let secrets: [RunSecret]
  private weak var channel: (any ProxyChannel)?
  private let began: MonotonicInstant
  /// Ascending by stream.
  private var connections: [ProxyConnection] = []

  init(
    loop: EventLoop, settings: EgressSettings, resolver: Resolver, grant: EgressGrant, secrets: [RunSecret],
    channel: any ProxyChannel
  ) {
    self.loop = loop
    self.settings = settings
    self.resolver = resolver
    self.secrets = secrets
    self.channel = channel
    meter = EgressMeter(grant, controlPlane: settings.controlPlane)
    began = loop.now
  }

  /// Since the run began.
  var elapsed: Interval { Interval(nanoseconds: Int64(clamping: loop.now.nanoseconds - began.nanoseconds)) }

  /// Takes what the action did with a stream.
  func take(_ event: GuestStreams.Event) {
    guard let channel else { return }
    switch event {
    case .opened(let stream):
      connections.append(ProxyConnection(stream: stream, proxy: self, channel: channel))
    case .data(let stream, let bytes): connection(stream)?.receive(bytes)
    case .ended(let stream): connection(stream)?.guestEnded()
    case .reset(let stream): connection(stream)?.guestReset()
    case .credited(let stream): connection(stream)?.resume()
    }
  }

  /// Something has left for the action, so there may be room for more.
  func resume() {
    for connection in connections { connection.resume() }
  }

  private func connection(_ stream: UInt32) -> ProxyConnection? {
    connections.first { $0.stream == stream }
  }

  func forget(_ connection: ProxyConnection) {
    connections.removeAll { $0 === connection }
  }

  /// Ends every connection; nothing is told any more.
  func close() {
    let open = connections
    connections = []
    for connection in open { connection.close(nil) }
  }
}
