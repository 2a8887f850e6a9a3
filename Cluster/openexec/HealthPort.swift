import CSystem
import EventLoop
import Glibc
import Network
import OpenExec

/// Where this host's probes ask how the executor stands: HTTP/1.1 on loopback, one request a connection (RT-15). Confined
/// to its loop.
///
/// Everyone on the host may ask, so everything is bounded: connections, bytes, time. What is asked for changes nothing.
final class HealthPort {
  /// Why there is none where the configuration names none.
  static let unconfigured = "no \"health\" in the configuration; the log and claw status say how it stands"
  /// Connections at a time; one more is closed as soon as it comes.
  static let maximumConnections = 16
  /// From the first moment of a connection to its last.
  static let patience = Duration.seconds(5)

  /// Where it listens, with the port that the kernel chose.
  let address: SocketAddress
  private let loop: EventLoop
  private let answer: (ProbeRequest, [UInt8]) -> ProbeAnswer
  private var descriptor: Int32
  private var watch: EventLoop.WatchID?
  private var connections: [Int32: HealthConnection] = [:]

  /// Listens. `answer` is called once for each request that has come whole.
  init(
    loop: EventLoop, address: SocketAddress, _ answer: @escaping (ProbeRequest, [UInt8]) -> ProbeAnswer
  ) throws(EventLoopError) {
    self.loop = loop
    self.answer = answer
    var name = address.kernel
    descriptor = csystem_tcp_listen(&name, 16)
    guard descriptor >= 0 else {
      throw .system(SystemError(code: -descriptor, call: "listen on \(address)"))
    }
    var bound = csystem_address()
    _ = csystem_local_address(descriptor, &bound)
    self.address = SocketAddress(bound)
    do throws(EventLoopError) {
      watch = try loop.watch(descriptor, for: .read) { [weak self] _ in self?.accept() }
    } catch {
      _ = csystem_close(descriptor)
      throw error
    }
  }

  deinit { close() }

  /// Ends every connection, and listens no more.
  func close() {
    guard let watch else { return }
    loop.unwatch(watch)
    self.watch = nil
    _ = csystem_close(descriptor)
    for connection in Array(connections.values) { connection.close() }
  }

  private func accept() {
    for _ in 0..<HealthPort.maximumConnections {
      var peer = csystem_address()
      let accepted = csystem_accept(descriptor, &peer)
      guard accepted >= 0 else { return }
      guard connections.count < HealthPort.maximumConnections,
        let connection = try? HealthConnection(
          loop: loop, descriptor: accepted, answer: answer,
          ended: { [weak self] in self?.connections[accepted] = nil })
      else {
        _ = csystem_close(accepted)
        continue
      }
      connections[accepted] = connection
    }
  }
}

/// One request and its answer.
private final class HealthConnection {
  private let loop: EventLoop
  private let descriptor: Int32
  private let answer: (ProbeRequest, [UInt8]) -> ProbeAnswer
  private let ended: () -> Void
  private var watch: EventLoop.WatchID?
  private var timer: TimerID?
  /// At most a head and a body as long as they may be, and one read more.
  private var incoming: [UInt8] = []
  /// Of the head, once it has come.
  private var request: (head: ProbeRequest, length: Int)?
  private var outgoing: [UInt8] = []
  private var hasAnswered = false

  init(
    loop: EventLoop, descriptor: Int32, answer: @escaping (ProbeRequest, [UInt8]) -> ProbeAnswer,
    ended: @escaping () -> Void
  ) throws(EventLoopError) {
    self.loop = loop
    self.descriptor = descriptor
    self.answer = answer
    self.ended = ended
    watch = try loop.watch(descriptor, for: .read) { [unowned self] readiness in
      if readiness.writable { send() } else { receive() }
    }
    do throws(EventLoopError) {
      timer = try loop.schedule(after: HealthPort.patience) { [unowned self] in close() }
    } catch {
      // Without a bound on its time there is no connection.
      if let watch { loop.unwatch(watch) }
      throw error
    }
  }

  func close() {
    guard let watch else { return }
    loop.unwatch(watch)
    self.watch = nil
    if let timer { loop.cancel(timer) }
    _ = csystem_close(descriptor)
    ended()
  }

  private func receive() {
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = csystem_read(descriptor, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else { return close() }
    // What comes after the answer is read and forgotten, so that the answer is not lost to a reset.
    guard !hasAnswered else { return }
    incoming += bytes[..<count]
    do throws(ProbeRefusal) {
      guard let request = try whole() else { return }
      let body = Array(incoming[request.length..<(request.length + request.head.bodyLength)])
      say(answer(request.head, body), withBody: request.head.method != "HEAD")
    } catch {
      say(ProbeAnswer(error), withBody: true)
    }
  }

  /// The request, once all of it is here.
  private func whole() throws(ProbeRefusal) -> (head: ProbeRequest, length: Int)? {
    if request == nil, let length = try ProbeRequest.headLength(incoming) {
      request = (try ProbeRequest(parsing: incoming[..<length]), length)
    }
    guard let request, incoming.count >= request.length + request.head.bodyLength else { return nil }
    return request
  }

  private func say(_ answer: ProbeAnswer, withBody: Bool) {
    hasAnswered = true
    outgoing = answer.bytes(withBody: withBody)
    incoming = []
    send()
  }

  private func send() {
    while !outgoing.isEmpty {
      let count = csystem_send(descriptor, outgoing, outgoing.count)
      if count == -Int(EAGAIN) {
        if let watch { try? loop.change(watch, to: .write) }
        return
      }
      guard count > 0 else { return close() }
      outgoing.removeFirst(count)
    }
    _ = csystem_end_sending(descriptor)
    // Until the other side has hung up too, or its time is over.
    if let watch { try? loop.change(watch, to: .read) }
  }
}
