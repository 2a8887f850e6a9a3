import CSystem
import EventLoop
import Glibc
import Wire

/// Accepts TCP connections and makes channels of them.
public final class Listener {
  /// Bounds of a listener.
  public struct Limits: Sendable {
    /// Connections at a time. Where they are used up, the oldest that has not shown a certificate goes; one
    /// more than that is closed as soon as it comes.
    public var connections = 1_024
    /// Of these, connections that have not shown a certificate yet: what strangers can hold at most. With one
    /// more the oldest of them goes. The rest is for who has shown one.
    public var handshakes = 512
    /// Of these, connections from one address; with one more its own oldest goes.
    public var handshakesPerAddress = 128
    /// Connections of one identity; one more is told `RESOURCE_EXHAUSTED`.
    public var connectionsPerIdentity = 256
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
  /// Connections that were given up, before they showed a certificate, for newer ones.
  public private(set) var givenUp: UInt64 = 0

  private let loop: EventLoop
  /// What connections are made from that come from now on; those that are open keep theirs.
  public var tls: TLSContext
  private let limits: Limits
  private let descriptor: Int32
  private var watch: EventLoop.WatchID?
  private var handshakes = HandshakeTable()
  private var identities: [PeerIdentity: Int] = [:]
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

  /// A channel of this listener has shown who its peer is. Nil where it may stay, else what to tell it.
  public func admitted(_ channel: Channel, as peer: PeerIdentity) -> CallStatus? {
    handshakes.remove(channel)
    let count = identities[peer, default: 0] + 1
    identities[peer] = count
    guard count > limits.connectionsPerIdentity else { return nil }
    return CallStatus(
      .resourceExhausted, "\(limits.connectionsPerIdentity) connections of \(peer.path) are open here")
  }

  /// A channel of this listener has closed.
  public func released(_ channel: Channel) {
    precondition(connectionCount > 0)
    connectionCount -= 1
    handshakes.remove(channel)
    guard let peer = channel.peer, let count = identities[peer] else { return }
    identities[peer] = count > 1 ? count - 1 : nil
  }

  private func acceptAll() {
    // As many as came, but no more than a few at a time: the open connections get their turn.
    for _ in 0..<64 {
      guard watch != nil else { return }
      var peer = csystem_address()
      let accepted = csystem_accept(descriptor, &peer)
      if accepted == -EAGAIN { return }
      guard accepted >= 0 else { return rest() }
      let remote = SocketAddress(peer)
      if handshakes.count(from: remote) >= limits.handshakesPerAddress {
        giveUp(handshakes.oldest(from: remote))
      } else if handshakes.count >= limits.handshakes || connectionCount >= limits.connections {
        giveUp(handshakes.oldest)
      }
      guard connectionCount < limits.connections else {
        turnedAway += 1
        _ = csystem_close(accepted)
        continue
      }
      open(accepted, from: remote)
    }
  }

  private func open(_ accepted: Int32, from remote: SocketAddress) {
    do throws(ChannelEnd) {
      let channel = try Channel(
        descriptor: accepted, remote: remote, role: .server, connecting: false, loop: loop, tls: tls,
        limits: limits.channel)
      connectionCount += 1
      handshakes.add(channel)
      channel.start(accept(channel))
    } catch {
      // The socket is closed already; nobody else has heard of it.
      turnedAway += 1
    }
  }

  /// A stranger who took the room that a newer one needs: more likely the one who holds it for nothing.
  private func giveUp(_ oldest: Channel?) {
    guard let oldest else { return }
    givenUp += 1
    oldest.fail(.crowdedOut)
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
