import Raft
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A checkpoint round that neither a lying party nor the end of its leader keeps from its end.
struct RoundOverLeadersTests {
  @Test(
    "a leader dies with shares on their way to it, a party sends garbage: the next leader finishes what waited, and the liar is named"
  )
  func changeOfLeader() throws {
    var faults = Faults.none
    faults.lies = [[.garbageShares]]
    // Seven parties, of which five sign: one may lie while one is down. With this seed an honest one leads after; a liar
    // who leads names nobody.
    let world = try World(seed: 13, nodes: 7, threshold: 5, faults: faults)
    world.run(until: 2_000_000_000)
    let liar = try #require(world.liars.first?.id)
    let honest = world.hosts.filter { $0.id != liar }
    let leader = try #require(honest.first { $0.view?.role == .leader })
    // Its calls go out, and no share reaches it.
    world.isIgnored = { receiver, message in receiver == leader.id && message.signAnswer != nil }
    world.run(until: world.time + 600_000_000)
    let stuck = try #require(leader.view?.finalSize)
    #expect(leader.node?.round != nil && (leader.view?.logSize ?? 0) > stuck)
    world.isIgnored = nil
    leader.crash()
    world.oracles.forget(leader.id)
    world.run(until: world.time + 6_000_000_000)

    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
    let rest = honest.filter { $0.id != leader.id }
    for host in rest { #expect((host.view?.finalSize ?? 0) > stuck + 10, "node \(host.id.rawValue)") }
    #expect(rest.contains { $0.view?.role == .leader })
    let garbage = world.oracles.faults.first { $0.name == "lie: garbage share" }?.count ?? 0
    #expect(garbage > 0)
    let named = world.oracles.evidence.filter { $0.contains("party") }
    #expect(
      !named.isEmpty && named.allSatisfy { $0.contains("party \(liar.rawValue)") }, "\(named.prefix(4))")
  }

  /// A world in which nobody asks for anything but executors for leases, after so many seconds, and who leads it.
  private func led(for seconds: UInt64) throws -> (World, NodeHost) {
    let world = try World(Schedule(Conditions(seed: 2), []))
    world.run(until: seconds * 1_000_000_000)
    return (world, try #require(world.hosts.first { $0.view?.role == .leader }))
  }

  private func endExecutors(of world: World) {
    for executor in world.executors {
      _ = executor.crash(
        ExecutorCrash(isBetweenEffects: false, kept: 0, journal: .kept), oracles: &world.oracles)
    }
  }

  /// Its time.
  private func newestNote(in world: World) -> Int64? {
    world.hosts.compactMap { $0.node?.newestCheckpoint?.time.nanoseconds }.max()
  }

  @Test(
    "a round that all decline without saying what to do otherwise is followed by ever later ones, up to a second apart"
  )
  func untaught() throws {
    let (world, leader) = try led(for: 2)
    // Nobody signs a note of a time that is an hour ahead, and nobody can say what to do about it.
    leader.clock.offset = 3_600_000_000_000
    var asked = 0
    world.tamper = { sender, _, message in
      if sender == leader.id, message.signCall != nil { asked += 1 }
    }
    world.run(until: 8_000_000_000)
    let counted = asked
    // Four parties are asked at a time: three rounds in the first second, then one in each. At the pulse it is some four
    // hundred, and as fast as the network carries it more than eight thousand.
    #expect((8...48).contains(counted), "\(counted)")
    // A round that can be signed is not kept waiting for longer, and those after it not at all.
    leader.clock.offset = 0
    world.run(until: world.time + 1_500_000_000)
    let newest = newestNote(in: world)
    #expect(try #require(newest) > simulatedEpoch + 8_000_000_000)
  }

  @Test(
    "a leader whose clock stays wrong is voted out where executors wait for leases, though nobody asks for anything"
  )
  func wrongClock() throws {
    let (world, leader) = try led(for: 2)
    leader.clock.offset = 3_600_000_000_000
    world.run(until: 25_000_000_000)
    let next = try #require(world.hosts.first { $0.view?.role == .leader })
    #expect(next.id != leader.id)
    let newest = newestNote(in: world)
    #expect(try #require(newest) > simulatedEpoch + 20_000_000_000)
    #expect(try #require(newest) < simulatedEpoch + 26_000_000_000)
    // Who leads well is led by for as long as it does.
    let term = next.view?.term
    world.run(until: 60_000_000_000)
    #expect(world.hosts.first { $0.view?.role == .leader }?.view?.term == term)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test("no leader is voted out for leases that nobody waits for, as of executors that are gone")
  func executorsGone() throws {
    let (world, leader) = try led(for: 5)
    let term = try #require(leader.view?.term)
    endExecutors(of: world)
    world.run(until: 60_000_000_000)
    #expect(world.executors.allSatisfy { !$0.isUp })
    #expect(world.hosts.allSatisfy { $0.view?.term == term }, "\(world.hosts.map { $0.view?.term as Any })")
  }

  @Test("what a peer says that executors ask moves nobody: it may be made up")
  func madeUp() throws {
    let (world, leader) = try led(for: 5)
    let term = try #require(leader.view?.term)
    let liar = try #require(world.hosts.first { $0.id != leader.id })
    let executor = try #require(world.executors.first).principal
    endExecutors(of: world)
    for second in 6..<60 {
      world.run(until: UInt64(second) * 1_000_000_000)
      let note = ChallengeNote(
        executor: executor.path, incarnation: 1, challenge: [UInt8](repeating: UInt8(second), count: 32))
      for host in world.hosts where host.id != leader.id && host.id != liar.id {
        world.step(host.id, .peer(from: liar.id, .challenge(note)))
      }
    }
    #expect(world.hosts.allSatisfy { $0.view?.term == term }, "\(world.hosts.map { $0.view?.term as Any })")
    // It is in nobody's list for longer than it is said.
    world.run(until: 80_000_000_000)
    #expect(world.hosts.allSatisfy { $0.node?.executors.isServing == false })
  }
}
