import CSystem
import EventLoop
import Glibc
import OpenExec

/// One request to an authorization server and its whole answer: resolved, connected to (over TLS, but to this host's own
/// loopback), written, read to the end, all within `seconds`. Confined to the loop.
///
/// The operator named the server in the vault; so its address may be one that no run may reach.
final class OAuthCall {
  private let loop: EventLoop
  private let settings: EgressSettings
  private let helpers: Helpers
  private let endpoint: OAuthEndpoint
  private var request: [UInt8]
  private let done: (Result<[UInt8], OAuthError>) -> Void
  private var answer: [UInt8] = []
  private var socket: Int32 = -1
  private var watch: EventLoop.WatchID?
  private var timer: TimerID?
  private var child: ChildID?
  private var isOver = false

  static let seconds: Int64 = 15

  /// Begins; `done` is called once, later.
  static func start(
    loop: EventLoop, settings: EgressSettings, resolver: Resolver, endpoint: OAuthEndpoint, request: [UInt8],
    _ done: @escaping (Result<[UInt8], OAuthError>) -> Void
  ) {
    let call = OAuthCall(loop, settings, resolver.helpers, endpoint, request, done)
    call.timer = try? loop.schedule(after: .seconds(seconds)) {
      call.end(.failure(.unreachable("no answer within \(seconds) seconds")))
    }
    if let address = NetworkAddress(text: endpoint.host) {
      loop.atEndOfTurn { call.connect(address) }
    } else {
      resolver.resolve(endpoint.host) { result in
        switch result {
        case .failure(let failure): call.end(.failure(.unreachable(failure.why)))
        case .success(let addresses): call.connect(addresses.first(where: \.isIPv4) ?? addresses[0])
        }
      }
    }
  }

  private init(
    _ loop: EventLoop, _ settings: EgressSettings, _ helpers: Helpers, _ endpoint: OAuthEndpoint,
    _ request: [UInt8],
    _ done: @escaping (Result<[UInt8], OAuthError>) -> Void
  ) {
    self.loop = loop
    self.settings = settings
    self.helpers = helpers
    self.endpoint = endpoint
    self.request = request
    self.done = done
  }

  private func connect(_ address: NetworkAddress) {
    guard !isOver else { return }
    do {
      if endpoint.isSecure {
        let tls = try TLSChild.start(
          loop: loop, settings: settings, helpers: helpers, address: address, port: endpoint.port,
          host: endpoint.host)
        (socket, child) = (tls.descriptor, tls.child)
      } else {
        var target = csystem_address(address, port: endpoint.port)
        let result = csystem_tcp_connect(&target)
        guard result >= 0 else { return end(.failure(.unreachable("errno \(-result)"))) }
        socket = result
      }
      watch = try loop.watch(socket, for: [.read, .write]) { [self] readiness in
        if readiness.writable { write() }
        if readiness.readable || readiness.failed { read() }
      }
    } catch {
      end(.failure(.unreachable("\(error)")))
    }
  }

  private func write() {
    guard !isOver else { return }
    while !request.isEmpty {
      let count = csystem_send(socket, request, request.count)
      if count == -Int(EAGAIN) { return }
      guard count > 0 else { return end(.failure(.unreachable("it hung up"))) }
      request.removeFirst(count)
    }
    if let watch { try? loop.change(watch, to: .read) }
  }

  private func read() {
    guard !isOver else { return }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = csystem_read(socket, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      return end(answer.isEmpty ? .failure(.unreachable("it hung up without an answer")) : .success(answer))
    }
    answer += bytes[..<count]
    if answer.count > OAuthTokens.maximumAnswer { end(.failure(.malformed("a shorter answer"))) }
  }

  private func end(_ result: Result<[UInt8], OAuthError>) {
    guard !isOver else { return }
    isOver = true
    if let timer { loop.cancel(timer) }
    if let watch { loop.unwatch(watch) }
    if socket >= 0 { _ = csystem_close(socket) }
    if let child { loop.signal(child, SIGKILL) }
    done(result)
  }
}
