import CSystem
import EventLoop
import Wire

/// Calls one server, over one connection at a time.
///
/// Nothing leaves before the server has shown the certificate that is expected of it; calls made while
/// the connection is on its way wait for that, within their deadlines. Confined to its loop.
public final class CallClient {
  /// What to do when the connection is gone.
  public enum Reconnection: Equatable, Sendable {
    case never
    /// Wait `first`, then twice as long each time up to `cap`, each wait shortened by up to half at random
    /// so that many clients do not return in one instant.
    case backoff(first: Duration, cap: Duration)
  }

  public struct Configuration: Sendable {
    /// Calls that are open at a time.
    public var calls = 4_096
    public var reconnection = Reconnection.never
    /// `handshake` counts from the first packet: it is the deadline for connecting.
    public var channel = ChannelLimits()
    public init() {}
  }

  /// How things stand.
  public enum State: Equatable, Sendable {
    /// Can transition to: connected, waiting, closed.
    case connecting
    /// Can transition to: waiting, closed.
    case connected(PeerIdentity)
    /// No connection, and one will be tried. Can transition to: connecting, closed.
    case waiting(ChannelEnd)
    /// For good.
    case closed(ChannelEnd)
  }

  /// Names a call, so that it can be cancelled.
  public struct CallHandle: Hashable, Sendable {
    let connection: UInt64
    let call: CallID
  }

  /// Where a server is.
  public enum Place {
    case address(SocketAddress)
    /// `host:port`, looked up anew for every connection, so that a name may be late and may move. Of its addresses each
    /// try takes the next.
    case name(String, NameResolver)
  }

  public let place: Place
  public private(set) var state = State.closed(.closed)
  /// Called at every change of state.
  public var onStateChange: ((State) -> Void)?
  /// Whose certificates are too old here.
  public var oldestCertificate: OldestCertificate?
  /// Called when the connection takes more, after `oneWay` answered `.full`.
  public var onWritable: (() -> Void)?
  /// Frames that came too late.
  public internal(set) var drops: UInt64 = 0
  /// What the last reply said of finality.
  public internal(set) var finality: FinalityMark?

  let loop: EventLoop
  let expectation: PeerExpectation
  private let tls: TLSContext
  private let configuration: Configuration
  private(set) var connection: ClientConnection?
  private var connectionCount: UInt64 = 0
  /// Connections that failed, or did not last as long as the longest wait: a server that refuses a certificate
  /// does so after the client's side of the handshake is done (TLS 1.3).
  private var failuresInARow: Int = 0
  private var connectedAt: MonotonicInstant?
  private let retry: LoopDeadline
  /// Counts lookups, so that the answer to one that was given up is told from the last one's.
  private var lookups: UInt64 = 0
  /// It takes no new calls, and closes when the last has ended.
  private var isEnding = false

  public convenience init(
    loop: EventLoop, tls: TLSContext, address: SocketAddress, expecting expectation: PeerExpectation,
    configuration: Configuration = Configuration()
  ) {
    self.init(
      loop: loop, tls: tls, at: .address(address), expecting: expectation, configuration: configuration)
  }

  /// A client of the server that is there and shows what is expected.
  public init(
    loop: EventLoop, tls: TLSContext, at place: Place, expecting expectation: PeerExpectation,
    configuration: Configuration = Configuration()
  ) {
    self.loop = loop
    self.tls = tls
    self.place = place
    self.expectation = expectation
    self.configuration = configuration
    retry = LoopDeadline(loop: loop)
  }

  deinit { close() }

  /// Begins to connect, unless it has begun.
  public func connect() {
    switch state {
    case .connecting, .connected: return
    case .waiting, .closed: break
    }
    retry.disarm()
    enter(.connecting)
    switch place {
    case .address(let address): connect(to: address)
    case .name(let name, let resolver):
      lookups += 1
      let lookup = lookups
      let isAsked = resolver.resolve(name) { [weak self] in self?.found($0, of: name, by: lookup) }
      if !isAsked { lost(.unknownName(name)) }
    }
  }

  private func found(_ addresses: [SocketAddress], of name: String, by lookup: UInt64) {
    guard lookup == lookups, case .connecting = state else { return }
    guard !addresses.isEmpty else { return lost(.unknownName(name)) }
    connect(to: addresses[failuresInARow % addresses.count])
  }

  private func connect(to address: SocketAddress) {
    var name = address.kernel
    let descriptor = csystem_tcp_connect(&name)
    guard descriptor >= 0 else {
      return lost(.system(SystemError(code: -descriptor, call: "connect to \(address)")))
    }
    do throws(ChannelEnd) {
      let channel = try Channel(
        descriptor: descriptor, remote: address, role: .client, connecting: true, loop: loop, tls: tls,
        limits: configuration.channel)
      connectionCount += 1
      let connection = ClientConnection(
        client: self, channel: channel, number: connectionCount, limit: configuration.calls)
      self.connection = connection
      channel.start(connection)
    } catch {
      lost(error)
    }
  }

  /// Ends the connection and every open call, for good unless `connect` is called.
  public func close() {
    retry.disarm()
    lookups += 1
    let last = connection
    connection = nil
    state = .closed(.closed)
    last?.channel.close()
  }

  /// Ends the connection for good as soon as no call is open on it, at once where none is. Calls that are made later fail.
  public func closeWhenIdle() {
    isEnding = true
    endIfIdle()
  }

  func endIfIdle() {
    if isEnding, connection?.isIdle ?? true { close() }
  }

  /// Ends the connection where its peer's certificate has become too old.
  public func reviewPeer() { connection?.review() }

  // MARK: Calls

  /// Calls a method with one answer. `completion` is called once, on the loop, never from within this
  /// function. `timeout` nil waits as long as the connection lives.
  @discardableResult
  public func call(
    _ method: String, _ payload: [UInt8], timeout: Duration?,
    completion: @escaping (Result<[UInt8], CallStatus>) -> Void
  ) -> CallHandle? {
    open(method, payload, .unary, timeout, onItem: { _ in }) { response in
      completion(response.status.code == .ok ? .success(response.payload) : .failure(response.status))
    }
  }

  /// Calls a method with a stream of answers: `onItem` for each, then `completion` once.
  @discardableResult
  public func stream(
    _ method: String, _ payload: [UInt8], timeout: Duration?, onItem: @escaping ([UInt8]) -> Void,
    completion: @escaping (CallStatus) -> Void
  ) -> CallHandle? {
    open(method, payload, .stream, timeout, onItem: onItem) { completion($0.status) }
  }

  /// Gives a call up: it completes as `CANCELLED`. One that has ended is left alone.
  public func cancel(_ call: CallHandle) {
    guard let connection, connection.number == call.connection else { return }
    connection.cancel(call.call)
  }

  /// Sends a message that has no answer. `.tooLarge`, connected or not, where the payload is above
  /// `Frame.maximumPayloadCount`. `.dropped` where there is no connection; a message that was
  /// queued may still be lost with its connection, as its sender's protocol must expect.
  @discardableResult
  public func oneWay(_ method: String, _ payload: [UInt8]) -> SendOutcome {
    guard payload.count <= Frame.maximumPayloadCount else { return .tooLarge }
    guard let connection else { return .dropped }
    return connection.channel.send(Frame(.oneWay(OneWay(method: method, payload: payload))))
  }

  /// Reads no answers until `resume`; the server is held back, and in time closes the connection.
  public func pause() { connection?.channel.pause() }
  public func resume() { connection?.channel.resume() }

  private func open(
    _ method: String, _ payload: [UInt8], _ shape: CallShape, _ timeout: Duration?,
    onItem: @escaping ([UInt8]) -> Void, completion: @escaping (Response) -> Void
  ) -> CallHandle? {
    let status: CallStatus
    if isEnding {
      status = CallStatus(.unavailable, "another connection has taken this one's place")
    } else if let connection {
      switch connection.open(method, payload, shape, timeout, onItem: onItem, completion: completion) {
      case .success(let id): return CallHandle(connection: connection.number, call: id)
      case .failure(let refusal): status = refusal
      }
    } else {
      status = CallStatus(.unavailable, unavailability)
    }
    loop.atEndOfTurn { completion(Response(status)) }
    return nil
  }

  private var unavailability: String {
    switch state {
    case .waiting(let end), .closed(let end): "no connection to \(place): \(end.status)"
    case .connecting, .connected: "no connection to \(place)"
    }
  }

  // MARK: The connection

  func opened(_ peer: PeerIdentity) {
    connectedAt = loop.now
    enter(.connected(peer))
  }

  func ended(_ connection: ClientConnection, _ end: ChannelEnd) {
    guard self.connection === connection else { return }
    self.connection = nil
    if isEnding { close() } else { lost(end) }
  }

  private func lost(_ end: ChannelEnd) {
    switch configuration.reconnection {
    case .never: enter(.closed(end))
    case .backoff(let first, let cap):
      if let connectedAt, loop.now >= connectedAt + cap { failuresInARow = 0 }
      connectedAt = nil
      let doubled = first * (1 << min(failuresInARow, 20))
      failuresInARow += 1
      let wait = min(doubled, cap)
      let shortened = wait - wait / 2 * Double.random(in: 0...1)
      do throws(EventLoopError) {
        try retry.arm(at: loop.now + shortened) { [weak self] in self?.connect() }
        enter(.waiting(end))
      } catch {
        enter(.closed(.loop(error)))
      }
    }
  }

  private func enter(_ next: State) {
    state = next
    onStateChange?(next)
  }
}

extension CallClient.Place: CustomStringConvertible {
  public var description: String {
    switch self {
    case .address(let address): "\(address)"
    case .name(let name, _): name
    }
  }

  /// What `host:port` says: an address where it is one, and otherwise a name.
  public init(_ text: String, resolver: NameResolver) {
    self = SocketAddress(text).map { .address($0) } ?? .name(text, resolver)
  }
}
