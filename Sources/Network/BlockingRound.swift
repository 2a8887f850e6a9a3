import EventLoop
import Wire

/// One call to several servers at the same time, for command lines: it turns a loop of its own on the calling thread. A server
/// that is dead, stopped or silent costs the others nothing, and the caller a time that it names.
public final class BlockingRound {
  /// A server and who it must prove to be.
  public struct Server: Sendable {
    /// `host:port`; of a name's addresses one is tried after the other.
    public var place: String
    public var expectation: PeerExpectation

    public init(place: String, expecting expectation: PeerExpectation) {
      self.place = place
      self.expectation = expectation
    }
  }

  /// What came of a server.
  public struct Answer: Sendable {
    /// What it answered, or what kept it from that.
    public let result: Result<[UInt8], CallStatus>
    /// This host's clock when it came.
    public let at: WallInstant
  }

  /// One server's part: its addresses until one takes the connection, then the call.
  private final class Attempt {
    let server: Server
    var client: CallClient?
    /// Those that are left to try.
    var addresses: [SocketAddress] = []
    var resolver: NameResolver?
    var answer: Answer?

    init(_ server: Server) { self.server = server }

    func finish(_ result: Result<[UInt8], CallStatus>) {
      if answer == nil { answer = Answer(result: result, at: .now) }
    }
  }

  private let loop: EventLoop
  private let tls: TLSContext
  private let oldestCertificate: OldestCertificate?
  private let connecting: Duration
  private let lookUp: @Sendable (String) -> [SocketAddress]
  private let attempts: [Attempt]
  private var hasGivenLoopAway = false

  /// Connects to nobody yet.
  ///
  /// - Parameters:
  ///   - connecting: how long each address has to take the connection, the handshake included.
  ///   - lookUp: gives the addresses of a name; it may block, on a thread of its own.
  public init(
    tls: TLSContext, servers: [Server], connecting: Duration, oldestCertificate: OldestCertificate? = nil,
    lookUp: @escaping @Sendable (String) -> [SocketAddress] = SocketAddress.resolve
  ) throws(CallStatus) {
    do throws(EventLoopError) {
      loop = try EventLoop()
    } catch {
      throw CallStatus(.internal, "\(error)")
    }
    self.tls = tls
    self.oldestCertificate = oldestCertificate
    self.connecting = connecting
    self.lookUp = lookUp
    attempts = servers.map(Attempt.init)
  }

  deinit {
    leaveAll()
    if !hasGivenLoopAway { loop.end() }
  }

  /// Ends what is not kept; each holds what holds it until then.
  private func leaveAll() {
    for attempt in attempts {
      attempt.client?.onStateChange = nil
      attempt.client?.close()
      attempt.client = nil
    }
  }

  /// Calls a method of every server, once.
  ///
  /// - Parameters:
  ///   - timeout: when it is over at the latest, from now.
  ///   - patience: asked after each answer with all that there are, in the servers' order, nil where none is yet: how much longer
  ///     the others are waited for, which never makes it longer than it was to be; nil changes nothing.
  /// - Returns: the answers in the servers' order, nil where none came.
  public func call(
    _ method: String, _ payload: [UInt8], timeout: Duration, patience: ([Answer?]) -> Duration?
  ) throws(CallStatus) -> [Answer?] {
    let end = loop.now + timeout
    for attempt in attempts {
      begin(attempt) { [weak self] in self?.call(method, payload, of: attempt, until: end) }
    }
    var limit = end
    var heard = 0
    while true {
      let answers = attempts.map(\.answer)
      let count = answers.count { $0 != nil }
      if count > heard, let more = patience(answers) { limit = min(limit, loop.now + more) }
      heard = count
      let now = loop.now
      guard count < answers.count, now < limit else { return answers }
      do throws(EventLoopError) {
        try loop.turn(waitingAtMost: limit.since(now))
      } catch {
        throw CallStatus(.internal, "\(error)")
      }
    }
  }

  /// The connection to a server that has answered, for more calls of it alone; the others are closed. Nil where there is none.
  public func keep(_ index: Int) -> BlockingClient? {
    guard !hasGivenLoopAway, let client = attempts[index].client, case .connected = client.state else {
      return nil
    }
    attempts[index].client = nil
    leaveAll()
    hasGivenLoopAway = true
    return BlockingClient(loop: loop, client: client)
  }

  // MARK: One server

  /// Finds the server's addresses and connects to the first that takes the connection; then `onConnected`.
  private func begin(_ attempt: Attempt, _ onConnected: @escaping () -> Void) {
    if let address = SocketAddress(attempt.server.place) {
      attempt.addresses = [address]
      return next(attempt, after: nil, onConnected)
    }
    let name = attempt.server.place
    do throws(EventLoopError) {
      // One each: a name that nobody knows is not to hold up the others.
      let resolver = try NameResolver(loop: loop, lookUp: lookUp)
      attempt.resolver = resolver
      let isAsked = resolver.resolve(name) { [weak self] found in
        attempt.addresses = found
        self?.next(attempt, after: ChannelEnd.unknownName(name).status, onConnected)
      }
      if !isAsked { attempt.finish(.failure(ChannelEnd.unknownName(name).status)) }
    } catch {
      attempt.finish(.failure(CallStatus(.internal, "\(error)")))
    }
  }

  private func next(_ attempt: Attempt, after reason: CallStatus?, _ onConnected: @escaping () -> Void) {
    guard !attempt.addresses.isEmpty else {
      return attempt.finish(.failure(reason ?? CallStatus(.unavailable, "no connection")))
    }
    var configuration = CallClient.Configuration()
    configuration.channel.handshake = connecting
    let client = CallClient(
      loop: loop, tls: tls, address: attempt.addresses.removeFirst(),
      expecting: attempt.server.expectation, configuration: configuration)
    client.oldestCertificate = oldestCertificate
    attempt.client = client
    // The loop may outlive the round, with the connection that is kept.
    client.onStateChange = { [weak self] state in
      switch state {
      case .connecting: break
      case .connected: onConnected()
      case .waiting(let end), .closed(let end):
        attempt.client = nil
        self?.next(attempt, after: CallStatus(.unavailable, end.status.message), onConnected)
      }
    }
    client.connect()
  }

  private func call(_ method: String, _ payload: [UInt8], of attempt: Attempt, until end: MonotonicInstant) {
    guard let client = attempt.client else { return }
    // From here on the connection's end is the call's.
    client.onStateChange = nil
    client.call(method, payload, timeout: end.since(loop.now)) { attempt.finish($0) }
  }
}
