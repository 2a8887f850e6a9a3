import CSystem
import EventLoop
import Glibc
import Testing
import Wire

@testable import Network

/// Strangers who hold connections without ever showing a certificate, and clients who hold too many.
@Suite("Crowds")
struct CrowdTests {
  /// Connections that never say a word.
  private final class Strangers {
    private var descriptors: [Int32] = []
    private let address: SocketAddress

    init(_ count: Int, at world: World) throws {
      address = world.address
      for _ in 0..<count { try add() }
    }

    func add() throws {
      var name = address.kernel
      let descriptor = csystem_tcp_connect(&name)
      try #require(descriptor >= 0)
      descriptors.append(descriptor)
    }

    deinit { for descriptor in descriptors { _ = csystem_close(descriptor) } }
  }

  private func world(_ adjust: (inout Listener.Limits) -> Void) throws -> World {
    try World {
      $0.listener.channel.handshake = .seconds(3_600)
      adjust(&$0.listener)
    }
  }

  @Test("silent connections beyond one address's share go, oldest first, and a client still gets in")
  func oneAddress() throws {
    let world = try world {
      $0.connections = 32
      $0.handshakes = 24
      $0.handshakesPerAddress = 8
    }
    let strangers = try Strangers(100, at: world)
    try turn(world.loop) { world.server.statistics.connections == 100 }
    #expect(world.server.connectionCount == 8)
    #expect(world.server.givenUp == 92)
    #expect(world.ends.allSatisfy { $0.peer == nil && $0.end == .crowdedOut })
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
    withExtendedLifetime(strangers) {}
  }

  @Test("where every place is taken, the oldest stranger goes, never a peer with a certificate")
  func full() throws {
    let world = try world {
      $0.connections = 8
      $0.handshakes = 8
      $0.handshakesPerAddress = 100
    }
    let clients = try (0..<4).map { _ in
      let client = try world.client()
      #expect(try world.code(client, "/test.T/Echo") == .ok)
      return client
    }
    let strangers = try Strangers(20, at: world)
    try turn(world.loop) { world.server.statistics.connections == 24 }
    #expect(world.server.connectionCount == 8)
    for client in clients { #expect(try world.code(client, "/test.T/Echo") == .ok) }
    // One more with a certificate takes a stranger's place.
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
    #expect(world.ends.allSatisfy { $0.end == .crowdedOut || $0.peer != nil })
    withExtendedLifetime(strangers) {}
  }

  @Test("strangers hold no more than the handshakes' share: the rest is for who has a certificate")
  func reserve() throws {
    let world = try world {
      $0.connections = 32
      $0.handshakes = 4
      $0.handshakesPerAddress = 100
    }
    let strangers = try Strangers(50, at: world)
    try turn(world.loop) { world.server.statistics.connections == 50 }
    #expect(world.server.connectionCount == 4)
    withExtendedLifetime(strangers) {}
  }

  @Test("one identity's connections are bounded, and what ends makes room")
  func oneIdentity() throws {
    let world = try world { $0.connectionsPerIdentity = 2 }
    let first = try world.client()
    let second = try world.client()
    #expect(try world.code(first, "/test.T/Echo") == .ok)
    #expect(try world.code(second, "/test.T/Echo") == .ok)
    let third = try RawPeer(world)
    try turn(world.loop) { third.hasEnded }
    let told = CallStatus(.resourceExhausted, "2 connections of \(agent.path) are open here")
    #expect(third.lastWord == told)
    // Another identity does not notice.
    let other = try world.client(.agent(tenant: "t1", agent: "a2"))
    #expect(try world.code(other, "/test.T/Echo") == .ok)
    try turn(world.loop) { world.server.connectionCount == 3 }
    first.close()
    try turn(world.loop) { world.server.connectionCount == 2 }
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
    #expect(try world.code(second, "/test.T/Echo") == .ok)
  }
}
