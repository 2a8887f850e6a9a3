import CSystem
import EventLoop
import Glibc

/// Accepts TCP connections and makes channels of them.
public final class Listener {
  /// Bounds of a listener.
  public struct Limits: Sendable {
    /// Connections at a time; one more is closed as soon as it comes.
    public var connections = 1_024
    /// Connections the kernel holds until they are accepted.
    public var backlog: Int32 = 512
    public var channel = ChannelLimits()
    public init() {}
  }

  /// Where it listens, with the port that the kernel chose.
  public let address: SocketAddress
  /// Connections that are open, or on their way to it.
  public private(set) var connectionCount = 0
  /// Connections turned away for want of room.
  public private(set) var turnedAway: UInt64 = 0

  private let loop: EventLoop
  private let tls: TLSContext
  private let limits: Limits
  private let descriptor: Int32
  private var watch: EventLoop.WatchID?
  private let accept: (Channel) -> any ChannelDelegate

  /// Listens. For every connection `accept` names who listens to its channel; who does, calls
  /// `released()` when the channel has closed.
  public init(
    loop: EventLoop, tls: TLSContext, address: SocketAddress, limits: Limits = Limits(),
    accept: @escaping (Channel) -> any ChannelDelegate
  ) throws(EventLoopError) {
    var name = address.kernel
    descriptor = csystem_tcp_listen(&name, limits.backlog)
    guard descriptor >= 0 else {
      throw .system(SystemError(code: -descriptor, call: "listen on \(address)"))
    }
    var bound = csystem_address()
    let result = csystem_local_address(descriptor, &bound)
    guard result == 0 else {
      _ = csystem_close(descriptor)
      throw .system(SystemError(code: -result, call: "getsockname"))
    }
    self.address = SocketAddress(bound)
    self.loop = loop
    self.tls = tls
    self.limits = limits
    self.accept = accept
    do throws(EventLoopError) {
      watch = try loop.watch(descriptor, for: .read) { [weak self] _ in self?.acceptAll() }
    } catch {
      _ = csystem_close(descriptor)
      throw error
    }
  }

  deinit { close() }

  /// Accepts no more. Open channels live on.
  public func close() {
    guard let watch else { return }
    loop.unwatch(watch)
    self.watch = nil
    _ = csystem_close(descriptor)
  }

  /// A channel of this listener has closed.
  public func released() {
    precondition(connectionCount > 0)
    connectionCount -= 1
  }

  private func acceptAll() {
    // As many as came, but no more than a few at a time: the open connections get their turn.
    for _ in 0..<64 {
      guard watch != nil else { return }
      var peer = csystem_address()
      let accepted = csystem_accept(descriptor, &peer)
      if accepted == -EAGAIN { return }
      guard accepted >= 0 else { return rest() }
      guard connectionCount < limits.connections else {
        turnedAway += 1
        _ = csystem_close(accepted)
        continue
      }
      open(accepted, from: SocketAddress(peer))
    }
  }

  private func open(_ accepted: Int32, from remote: SocketAddress) {
    do throws(ChannelEnd) {
      let channel = try Channel(
        descriptor: accepted, remote: remote, role: .server, connecting: false, loop: loop, tls: tls,
        limits: limits.channel)
      connectionCount += 1
      channel.start(accept(channel))
    } catch {
      // The socket is closed already; nobody else has heard of it.
      turnedAway += 1
    }
  }

  /// Out of descriptors or memory: the queue stays readable, so without a pause the loop would spin.
  private func rest() {
    guard let watch else { return }
    do throws(EventLoopError) {
      try loop.change(watch, to: .none)
      _ = try loop.schedule(after: .milliseconds(100)) { [weak self] in
        guard let self, let watch = self.watch else { return }
        try? self.loop.change(watch, to: .read)
      }
    } catch {
      close()
    }
  }
}
