import Raft
import Testing

@testable import GovernanceNode
@testable import Simulator

/// Processes that are asked to end: who leads hands over first.
struct PartingTests {
  private static let second: UInt64 = 1_000_000_000
  private let world: World
  private let leader: NodeHost

  init() throws {
    let world = try World(Schedule(Conditions(seed: 3)))
    world.run(until: 3 * Self.second)
    self.world = world
    leader = try #require(world.hosts.first { $0.view?.role == .leader })
  }

  private var isLed: Bool { world.hosts.contains { $0.id != leader.id && $0.view?.role == .leader } }

  /// Runs until the leader's process has ended; after how many milliseconds.
  private func runToItsEnd() -> UInt64? {
    let began = world.time
    while leader.isUp, world.time < began + 5 * Self.second { world.run(until: world.time + 1_000_000) }
    return leader.isUp ? nil : (world.time - began) / 1_000_000
  }

  @Test("a leader ends once another leads, far within an election timeout, and nothing is lost")
  func leading() throws {
    world.part(leader, pause: Self.second)
    #expect(leader.isUp && leader.node?.mayEnd == false)
    let took = try #require(runToItsEnd())
    #expect(took < 300 && isLed, "\(took) ms")
    world.run(until: world.time + 10 * Self.second)
    #expect(leader.isUp && world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test("one that does not lead ends at once")
  func following() throws {
    let host = try #require(world.hosts.first { $0.view?.role == .follower })
    world.part(host, pause: Self.second)
    #expect(!host.isUp && leader.view?.role == .leader)
  }

  @Test("where the first does not take over another does, within two election timeouts")
  func another() throws {
    let first = try #require(world.hosts.map(\.id).first { $0 != leader.id })
    world.isIgnored = { receiver, message in receiver == first && message.timeoutNow != nil }
    world.part(leader, pause: Self.second)
    #expect(leader.node?.raft.transferee == first, "all have as much: the first of them")
    let took = try #require(runToItsEnd())
    #expect((900...1_300).contains(took) && isLed, "\(took) ms")
  }

  @Test("a leader of whom nobody takes over ends after two election timeouts, and no later")
  func ignored() throws {
    world.isIgnored = { _, message in message.timeoutNow != nil }
    world.part(leader, pause: Self.second)
    let took = try #require(runToItsEnd())
    #expect((1_900...2_100).contains(took) && !isLed, "\(took) ms")
  }

  @Test("who all end at once do not wait for each other")
  func all() throws {
    world.part(leader, pause: Self.second)
    #expect(leader.isUp)
    var effects = NodeEffects()
    for host in world.hosts where host.id != leader.id {
      leader.step(.unreachable(host.id), at: world.time, into: &effects)
    }
    #expect(leader.view?.role == .leader && leader.node?.mayEnd == true)
  }

  @Test("a leader that nobody answers ends at once")
  func alone() throws {
    world.isIgnored = { [id = leader.id] receiver, _ in receiver == id }
    var effects = NodeEffects()
    let now = world.time + Self.second
    // Without a tick between: it leads still.
    leader.step(.parting, at: now, into: &effects)
    #expect(leader.view?.role == .leader && leader.node?.mayEnd == true && effects.messages.isEmpty)
  }
}
