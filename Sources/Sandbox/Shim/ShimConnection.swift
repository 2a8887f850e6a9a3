import CSystem
import EventLoop
import Glibc
import Wire

/// A connection to a shim: ttRPC calls over a Unix socket. Confined to its loop.
///
/// Every call ends once, by its own deadline at the latest. After `close` nothing is told but the failure of what was
/// open.
final class ShimConnection {
  typealias Completion = (Result<[UInt8], TTRPCFailure>) -> Void

  private let loop: EventLoop
  private let service: TaskService
  private var descriptor: Int32
  private var watch: EventLoop.WatchID?
  private var timer: TimerID?
  private var calls = TTRPCCalls()
  private var waiting: [UInt32: Completion] = [:]
  private var outgoing: [UInt8] = []
  /// Told once, when the other side has ended it.
  var onEnd: (String) -> Void = { _ in }

  /// Connects to the first of the names where somebody of this program's own user and group listens.
  init(loop: EventLoop, to bootstrap: ShimBootstrap) throws(ShimError) {
    self.loop = loop
    service = bootstrap.service
    descriptor = try ShimConnection.connect(bootstrap.addresses)
    do {
      watch = try loop.watch(descriptor, for: .read) { [unowned self] readiness in
        if readiness.writable { send() }
        if readiness.readable || readiness.failed { receive() }
      }
    } catch {
      _ = csystem_close(descriptor)
      throw .reply("connect", "\(error)")
    }
  }

  deinit { letGo() }

  static func connect(_ addresses: [ShimAddress]) throws(ShimError) -> Int32 {
    var failure = ShimError.bootstrap("no address")
    for address in addresses {
      let name = address.socketName.map { CChar(bitPattern: $0) }
      let connected = csystem_unix_connect(name, name.count)
      guard connected >= 0 else {
        failure = .socket(address.description, SystemError(code: -connected, call: "connect"))
        continue
      }
      var user: uid_t = 0
      var group: gid_t = 0
      let asked = csystem_peer_user(connected, &user, &group)
      guard asked == 0, user == geteuid(), group == getegid() else {
        _ = csystem_close(connected)
        throw .stranger(address.description, user: user, group: group)
      }
      return connected
    }
    throw failure
  }

  /// Calls a method of the task service.
  func call(
    _ method: String, _ message: some WireMessage, timeout: Duration, _ completion: @escaping Completion
  ) {
    guard descriptor >= 0 else {
      loop.atEndOfTurn { completion(.failure(.connectionLost("closed"))) }
      return
    }
    do throws(TTRPCFailure) {
      let (stream, bytes) = try calls.call(
        service.rawValue, method, message.encode(), now: instant,
        timeoutNanoseconds: timeout.wholeNanoseconds)
      waiting[stream] = completion
      outgoing += bytes
      send()
      arm()
    } catch {
      loop.atEndOfTurn { completion(.failure(error)) }
    }
  }

  /// Ends the connection; what is open fails.
  func close() { end("closed", tells: false) }

  private var instant: CallInstant { CallInstant(nanoseconds: loop.now.nanoseconds) }

  private func receive() {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = csystem_read(descriptor, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      return end(count == 0 ? "the shim ended it" : "\(SystemError(code: Int32(-count), call: "read"))")
    }
    do {
      complete(try calls.receive(Array(bytes[..<count])))
    } catch {
      end(error.description)
    }
  }

  private func send() {
    while !outgoing.isEmpty {
      let count = csystem_send(descriptor, outgoing, outgoing.count)
      if count == -Int(EAGAIN) { break }
      // The end will be read as well, after what came before it.
      guard count > 0 else {
        outgoing = []
        break
      }
      outgoing.removeFirst(count)
    }
    guard let watch else { return }
    try? loop.change(watch, to: outgoing.isEmpty ? .read : [.read, .write])
  }

  private func arm() {
    if let timer { loop.cancel(timer) }
    timer = nil
    guard let next = calls.nextDeadline else { return }
    timer = try? loop.schedule(at: MonotonicInstant(nanoseconds: next.nanoseconds)) { [unowned self] in
      timer = nil
      complete(calls.expire(at: instant))
    }
    // Without a timer no call would have a deadline.
    if timer == nil { end("no timer for the calls' deadlines") }
  }

  private func complete(_ completions: [TTRPCCalls.Completion]) {
    let told = completions.map { (waiting.removeValue(forKey: $0.stream), $0.result) }
    if descriptor >= 0 { arm() }
    for (completion, result) in told { completion?(result) }
  }

  private func end(_ why: String, tells: Bool = true) {
    guard descriptor >= 0 else { return }
    letGo()
    complete(calls.close(why))
    if tells { onEnd(why) }
  }

  private func letGo() {
    if let timer { loop.cancel(timer) }
    if let watch { loop.unwatch(watch) }
    (timer, watch) = (nil, nil)
    if descriptor >= 0 { _ = csystem_close(descriptor) }
    descriptor = -1
  }
}
