import EventLoop
import Wire

/// A call as its handler gets it.
public struct IncomingCall {
  /// Who calls, as the certificate says.
  public let peer: PeerIdentity
  public let method: String
  public let payload: [UInt8]
  /// When the caller stops waiting; nil where it waits as long as the connection lives.
  public let deadline: MonotonicInstant?
}

/// A message without an answer.
public struct IncomingMessage {
  public let peer: PeerIdentity
  public let method: String
  public let payload: [UInt8]
}

/// Answers calls on every connection of one listener.
///
/// A method without a handler is answered `UNIMPLEMENTED`. Handlers run on the loop and must not block;
/// an answer may come later, from a timer, a mailbox or another call.
public final class CallServer {
  public struct Configuration: Sendable {
    public var listener = Listener.Limits()
    /// Calls that are worked on at a time for one connection; more are answered `RESOURCE_EXHAUSTED`.
    public var callsPerConnection = 1_024
    public init() {}
  }

  /// What has happened that nobody was told of.
  public struct Statistics: Equatable, Sendable {
    public var connections: UInt64 = 0
    public var calls: UInt64 = 0
    public var messages: UInt64 = 0
    /// Frames and answers that came too late.
    public var drops: UInt64 = 0
    /// Connections closed because the peer broke the protocol.
    public var violations: UInt64 = 0
    /// Connections whose certificate names nobody here.
    public var peersRefused: UInt64 = 0
    /// One-way messages that no handler wants.
    public var unknownMessages: UInt64 = 0
    /// Handlers that answered twice or with too much: bugs.
    public var misuses: UInt64 = 0
  }

  public typealias Handler = (IncomingCall, Responder) -> Void

  /// What every reply says of finality, asked when it is sent; nil says nothing.
  public var finality: (() -> FinalityMark?)?
  public typealias MessageHandler = (IncomingMessage) -> Void

  public internal(set) var statistics = Statistics()
  /// Whose certificates are too old here.
  public var oldestCertificate: OldestCertificate?
  /// Called when a connection has ended, with its peer if it got that far, and where it came from: for logs.
  public var onEnd: ((PeerIdentity?, SocketAddress, ChannelEnd) -> Void)?

  let loop: EventLoop
  let callsPerConnection: Int
  private var listener: Listener?
  private var handlers: [String: Handler] = [:]
  private var messageHandlers: [String: MessageHandler] = [:]
  private(set) var connections: [ObjectIdentifier: ServerConnection] = [:]

  /// Listens at once; calls that come before their handler is registered are unimplemented, so register
  /// in the same turn of the loop.
  public init(
    loop: EventLoop, tls: TLSContext, address: SocketAddress, configuration: Configuration = Configuration()
  ) throws(EventLoopError) {
    self.loop = loop
    callsPerConnection = configuration.callsPerConnection
    listener = try Listener(loop: loop, tls: tls, address: address, limits: configuration.listener) {
      [unowned self] channel in
      let connection = ServerConnection(server: self, channel: channel)
      connections[ObjectIdentifier(connection)] = connection
      statistics.connections += 1
      return connection
    }
  }

  deinit { close() }

  /// Believes others from here on. Connections that are open stay as they were verified.
  public func trust(_ tls: TLSContext) { listener?.tls = tls }

  /// Shows another certificate from here on. Each connection that was made with the old one ends as soon as no call is
  /// open on it; no call is cut short.
  public func renew(_ tls: TLSContext) {
    trust(tls)
    // In no order that matters to any of them.
    for connection in connections.values { connection.endWhenIdle() }
  }

  /// Ends every connection whose peer's certificate has become too old.
  public func reviewPeers() {
    for connection in connections.values { connection.review() }
  }

  /// Where it listens; nil once closed.
  public var address: SocketAddress? { listener?.address }

  /// Connections that were given up, before they showed a certificate, for newer ones.
  public var givenUp: UInt64 { listener?.givenUp ?? 0 }

  /// Connections that are open, or on their way to it.
  public var connectionCount: Int { connections.count }

  /// Registers the handler of a method such as `/openexec.v1.Governance/Submit`.
  public func handle(_ method: String, _ handler: @escaping Handler) {
    precondition(handlers[method] == nil, "\(method) has a handler")
    handlers[method] = handler
  }

  /// Registers the handler of a method that is called without waiting for an answer.
  public func handleOneWay(_ method: String, _ handler: @escaping MessageHandler) {
    precondition(messageHandlers[method] == nil, "\(method) has a handler")
    messageHandlers[method] = handler
  }

  /// Stops listening and ends every connection, each told `UNAVAILABLE`.
  public func close() {
    listener?.close()
    // The order in which they are told does not matter to any of them.
    for connection in connections.values {
      connection.channel.finish(CallStatus(.unavailable, "the server is going down"))
    }
  }

  /// What a peer that has just been verified is told where it has too many connections.
  func objection(to peer: PeerIdentity, on channel: Channel) -> CallStatus? {
    listener?.admitted(channel, as: peer)
  }

  func handler(of method: String) -> Handler? { handlers[method] }
  func messageHandler(of method: String) -> MessageHandler? { messageHandlers[method] }

  func ended(_ connection: ServerConnection, _ end: ChannelEnd) {
    connections[ObjectIdentifier(connection)] = nil
    listener?.released(connection.channel)
    if case .peerRefused = end { statistics.peersRefused += 1 }
    onEnd?(connection.channel.peer, connection.channel.remote, end)
  }
}
