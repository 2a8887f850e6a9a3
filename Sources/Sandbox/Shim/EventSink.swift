import CSystem
import EventLoop
import Glibc
import Wire

/// Where shims tell what happens: containerd's ttRPC events service on a Unix socket. Confined to its loop.
///
/// A shim that finds nobody there waits seven seconds at its end. What is understood is an end for want of memory; the
/// rest is acknowledged. Only this program's own user and group are listened to.
final class EventSink {
  let path: String
  private let loop: EventLoop
  private var listener: Int32
  private var watch: EventLoop.WatchID?
  private var peers: [Int32: Peer] = [:]
  /// Called with the task's id.
  var onOutOfMemory: (String) -> Void = { _ in }

  /// Most connections at once; one more is closed at once.
  static let maximumPeers = 256

  private final class Peer {
    var answers = TTRPCAnswers()
    var watch: EventLoop.WatchID?
    var outgoing: [UInt8] = []
  }

  /// Listens on a new socket in a folder that nobody else may write to.
  init(loop: EventLoop, path: String) throws(ShimError) {
    self.loop = loop
    self.path = path
    guard path.utf8.count <= ShimAddress.longest else {
      throw .identifier("\(path): expected a path of at most \(ShimAddress.longest) bytes")
    }
    unlink(path)
    let name = Array(path.utf8).map { CChar(bitPattern: $0) }
    let before = umask(0o177)
    listener = csystem_unix_listen(name, name.count, 64)
    umask(before)
    guard listener >= 0 else { throw .socket(path, SystemError(code: -listener, call: "listen")) }
    do {
      watch = try loop.watch(listener, for: .read) { [unowned self] _ in accept() }
    } catch {
      _ = csystem_close(listener)
      throw .reply("listen", "\(error)")
    }
  }

  deinit { close() }

  /// Ends every connection and removes the socket.
  func close() {
    guard listener >= 0 else { return }
    for descriptor in peers.keys.sorted() { drop(descriptor) }
    if let watch { loop.unwatch(watch) }
    watch = nil
    _ = csystem_close(listener)
    listener = -1
    unlink(path)
  }

  private func accept() {
    while true {
      var address = csystem_address()
      let descriptor = csystem_accept(listener, &address)
      guard descriptor >= 0 else { return }
      var user: uid_t = 0
      var group: gid_t = 0
      guard peers.count < EventSink.maximumPeers, csystem_peer_user(descriptor, &user, &group) == 0,
        user == geteuid(), group == getegid()
      else {
        _ = csystem_close(descriptor)
        continue
      }
      let peer = Peer()
      peer.watch = try? loop.watch(descriptor, for: .read) { [unowned self] readiness in
        if readiness.writable { send(descriptor) }
        if readiness.readable || readiness.failed { receive(descriptor) }
      }
      guard peer.watch != nil else {
        _ = csystem_close(descriptor)
        continue
      }
      peers[descriptor] = peer
    }
  }

  private func receive(_ descriptor: Int32) {
    guard let peer = peers[descriptor] else { return }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = csystem_read(descriptor, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else { return drop(descriptor) }
    do {
      for (stream, request) in try peer.answers.receive(Array(bytes[..<count])) {
        peer.outgoing += TTRPCAnswers.answer(stream, take(request))
      }
      // Who asks and does not listen is not kept waiting for.
      guard peer.outgoing.count <= 1 << 20 else { return drop(descriptor) }
      send(descriptor)
    } catch {
      drop(descriptor)
    }
  }

  private func take(_ request: Result<TTRPCRequest, ProtobufError>) -> TTRPCResponse {
    switch request {
    case .failure(let error): return TTRPCResponse(status: RemoteStatus(.invalidArgument, "\(error)"))
    case .success(let request):
      guard request.service == ForwardedEvent.service, request.method == ForwardedEvent.method else {
        return TTRPCResponse(
          status: RemoteStatus(.unimplemented, "expected \(ForwardedEvent.service)/\(ForwardedEvent.method)"))
      }
      do {
        let event = try ForwardedEvent(decoding: request.payload)
        if let envelope = event.envelope, envelope.topic == TaskOutOfMemory.topic, let body = envelope.event {
          onOutOfMemory(try TaskOutOfMemory(decoding: body.value).containerID)
        }
        return TTRPCResponse()
      } catch {
        return TTRPCResponse(status: RemoteStatus(.invalidArgument, "\(error)"))
      }
    }
  }

  private func send(_ descriptor: Int32) {
    guard let peer = peers[descriptor] else { return }
    while !peer.outgoing.isEmpty {
      let count = csystem_send(descriptor, peer.outgoing, peer.outgoing.count)
      if count == -Int(EAGAIN) { break }
      guard count > 0 else { return drop(descriptor) }
      peer.outgoing.removeFirst(count)
    }
    if let watch = peer.watch {
      try? loop.change(watch, to: peer.outgoing.isEmpty ? .read : [.read, .write])
    }
  }

  private func drop(_ descriptor: Int32) {
    guard let peer = peers.removeValue(forKey: descriptor) else { return }
    if let watch = peer.watch { loop.unwatch(watch) }
    _ = csystem_close(descriptor)
  }
}
