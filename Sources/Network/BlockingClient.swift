import EventLoop
import Wire

/// A client that waits, for command lines: it turns a loop of its own on the calling thread.
public final class BlockingClient {
  private let loop: EventLoop
  private let client: CallClient

  /// Connects, or says within `timeout` why not.
  public init(
    tls: TLSContext, address: SocketAddress, expecting expectation: PeerExpectation,
    timeout: Duration = .seconds(5), oldestCertificate: OldestCertificate? = nil
  ) throws(CallStatus) {
    do throws(EventLoopError) {
      loop = try EventLoop()
    } catch {
      throw CallStatus(.internal, "\(error)")
    }
    var configuration = CallClient.Configuration()
    configuration.channel.handshake = timeout
    client = CallClient(
      loop: loop, tls: tls, address: address, expecting: expectation, configuration: configuration)
    client.oldestCertificate = oldestCertificate
    client.connect()
    var outcome: CallStatus?
    while outcome == nil {
      switch client.state {
      case .connecting: try turn()
      case .connected: outcome = .ok
      case .waiting(let end), .closed(let end): outcome = end.status
      }
    }
    if let outcome, outcome.code != .ok { throw outcome }
  }

  /// Goes on with a client that is connected, on a loop that nobody else turns.
  init(loop: EventLoop, client: CallClient) {
    self.loop = loop
    self.client = client
  }

  /// What the last reply said of finality: how far the node knew the ledger to be final, and since when.
  public var finality: FinalityMark? { client.finality }

  deinit {
    client.close()
    loop.end()
  }

  /// Calls a method and waits for its answer.
  public func call(_ method: String, _ payload: [UInt8], timeout: Duration) throws(CallStatus) -> [UInt8] {
    var result: Result<[UInt8], CallStatus>?
    client.call(method, payload, timeout: timeout) { result = $0 }
    while true {
      if let result { return try result.get() }
      try turn()
    }
  }

  /// Calls a method and hands over each item of its stream until it ends, or `onItem` answers false.
  public func stream(
    _ method: String, _ payload: [UInt8], timeout: Duration?, onItem: ([UInt8]) -> Bool
  ) throws(CallStatus) {
    var items: [[UInt8]] = []
    var end: CallStatus?
    let call = client.stream(method, payload, timeout: timeout, onItem: { items.append($0) }) { end = $0 }
    while true {
      while !items.isEmpty {
        guard onItem(items.removeFirst()) else {
          if let call { client.cancel(call) }
          return
        }
      }
      if let end {
        guard end.code == .ok else { throw end }
        return
      }
      try turn()
    }
  }

  private func turn() throws(CallStatus) {
    do throws(EventLoopError) {
      try loop.turn()
    } catch {
      throw CallStatus(.internal, "\(error)")
    }
  }
}
