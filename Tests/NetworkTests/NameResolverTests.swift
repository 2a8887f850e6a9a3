import EventLoop
import Synchronization
import Testing
import Wire

@testable import Network

/// Servers that are named and not addressed.
struct NameResolverTests {
  /// What the resolver is asked, and what it answers at each time; the last answer stays.
  private final class Zone: Sendable {
    let asked = Mutex<[String]>([])
    private let answers: [[SocketAddress]]

    init(_ answers: [SocketAddress]...) { self.answers = answers }

    @Sendable func lookUp(_ name: String) -> [SocketAddress] {
      asked.withLock { asked in
        asked.append(name)
        return answers[min(asked.count, answers.count) - 1]
      }
    }
  }

  private func client(
    _ world: World, _ zone: Zone, _ name: String = "node-1.example:7400"
  ) throws -> CallClient {
    let resolver = try NameResolver(loop: world.loop, lookUp: zone.lookUp)
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(1), cap: .milliseconds(20))
    let client = CallClient(
      loop: world.loop, tls: try world.realm.context(agent), at: CallClient.Place(name, resolver: resolver),
      expecting: .exactly(node), configuration: configuration)
    client.connect()
    return client
  }

  @Test("a name that has no address yet is asked for again until it has one; a literal address never is")
  func late() throws {
    let world = try World()
    let zone = Zone([], [], [world.address])
    let client = try client(world, zone)
    var ends: [ChannelEnd] = []
    client.onStateChange = { if case .waiting(let end) = $0 { ends.append(end) } }
    try turn(world.loop) { if case .connected = client.state { true } else { false } }
    #expect(ends == [.unknownName("node-1.example:7400"), .unknownName("node-1.example:7400")])
    #expect(zone.asked.withLock { $0 } == [String](repeating: "node-1.example:7400", count: 3))
    #expect(try world.answer(client, "/test.T/Echo", [1]).get() == [1])

    let addressed = try self.client(world, zone, "\(world.address)")
    try turn(world.loop) { if case .connected = addressed.state { true } else { false } }
    #expect(zone.asked.withLock { $0.count } == 3)
  }

  @Test("every connection goes to where the name is then, and each try to the next of its addresses")
  func moves() throws {
    let world = try World()
    // Nobody listens on the first.
    let zone = Zone([.loopback(port: 1), world.address])
    let client = try client(world, zone)
    try turn(world.loop) { if case .connected = client.state { true } else { false } }
    #expect(zone.asked.withLock { $0.count } == 2)
  }

  @Test("a call says that the name has no address; closed, an answer that comes late opens nothing")
  func words() throws {
    let world = try World()
    let zone = Zone([])
    let client = try client(world, zone)
    try turn(world.loop) { if case .waiting = client.state { true } else { false } }
    var said = ""
    client.call("/test.T/Echo", [], timeout: .seconds(1)) { result in
      if case .failure(let status) = result { said = "\(status.code) \(status.message)" }
    }
    try turn(world.loop) { !said.isEmpty }
    #expect(said.hasPrefix("UNAVAILABLE no connection to node-1.example:7400: "), "\(said)")
    #expect(said.contains("names no address now"), "\(said)")

    let late = Zone([world.address])
    let closed = try self.client(world, late)
    closed.close()
    try turn(world.loop) { late.asked.withLock { $0.count } == 1 }
    for _ in 0..<30 { try world.loop.turn(waitingAtMost: .milliseconds(10)) }
    #expect(closed.state == .closed(.closed) && closed.connection == nil)
  }
}
