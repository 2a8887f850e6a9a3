import CSystem
import EventLoop
import Glibc
import OpenExec

/// The side of a run's connection that faces its destination: a TCP connection, or a child that speaks TLS over one.
/// Confined to the loop; its owner closes it.
final class ProxySocket {
  private let loop: EventLoop
  /// Below zero once it is closed: whoever still holds it reaches nobody's descriptor.
  private var descriptor: Int32
  private let child: ChildID?
  private var watch: EventLoop.WatchID?

  private init(loop: EventLoop, descriptor: Int32, child: ChildID?) {
    self.loop = loop
    self.descriptor = descriptor
    self.child = child
  }

  /// Begins to connect; what came of it `fault` says, when the socket is writable.
  static func connect(
    to address: NetworkAddress, port: Int, on loop: EventLoop
  ) throws(EgressRefusal) -> ProxySocket {
    var target = csystem_address(address, port: port)
    let result = csystem_tcp_connect(&target)
    guard result >= 0 else { throw .unreachable("errno \(-result)") }
    return ProxySocket(loop: loop, descriptor: result, child: nil)
  }

  /// Starts a child that connects, and checks the certificate for `host`.
  static func startTLS(
    to address: NetworkAddress, port: Int, host: String, by proxy: EgressProxy
  ) throws(EgressRefusal) -> ProxySocket {
    let started = try TLSChild.start(
      loop: proxy.loop, settings: proxy.settings, helpers: proxy.resolver.helpers, address: address,
      port: port, host: host)
    return ProxySocket(loop: proxy.loop, descriptor: started.descriptor, child: started.child)
  }

  /// Whether anybody hears what becomes of it.
  var isWatched: Bool { watch != nil }

  /// Has `ready` called from now on; false where the loop has no place for another descriptor.
  func listen(for interest: EventLoop.Interest, _ ready: @escaping (EventLoop.Readiness) -> Void) -> Bool {
    watch = try? loop.watch(descriptor, for: interest, ready)
    return watch != nil
  }

  /// Nothing is heard any more, not even that it has ended, which is told in any case while it is watched.
  func suspend() {
    if let watch { loop.unwatch(watch) }
    watch = nil
  }

  func change(to interest: EventLoop.Interest) {
    if let watch { try? loop.change(watch, to: interest) }
  }

  /// Why the connection did not come to be, an errno below zero; zero where it did.
  var fault: Int32 { csystem_socket_error(descriptor) }

  /// Sends of `bytes` the first `limit` at most. Returns how many went, or an errno below zero.
  func send(_ bytes: [UInt8], atMost limit: Int) -> Int { csystem_send(descriptor, bytes, limit) }

  /// Reads into `bytes` at most as many as it has. Returns how many came, zero at the end, or an errno below zero.
  func read(into bytes: inout [UInt8]) -> Int { csystem_read(descriptor, &bytes, bytes.count) }

  /// Says that nothing more comes; what the destination still says is heard.
  func endSending() { _ = csystem_end_sending(descriptor) }

  func close() {
    suspend()
    guard descriptor >= 0 else { return }
    _ = csystem_close(descriptor)
    descriptor = -1
    if let child { loop.signal(child, SIGKILL) }
  }
}
