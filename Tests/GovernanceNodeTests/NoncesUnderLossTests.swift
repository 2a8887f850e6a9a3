import Raft
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A coordinator's commitments come by messages, and few of each party are out at a time: what is lost must not keep
/// a party from signing for good.
struct NoncesUnderLossTests {
  private static let second: UInt64 = 1_000_000_000

  private func world(_ seed: UInt64) throws -> World {
    try World(seed: seed, nodes: 5, threshold: 4, faults: .none)
  }

  private func size(_ world: World) -> UInt64 { world.hosts.compactMap { $0.view?.finalSize }.max() ?? 0 }

  @Test(
    "three of ten messages of every signing round are lost: sizes become final meanwhile, and all of them after",
    arguments: 1...2 as ClosedRange<UInt64>)
  func rounds(_ seed: UInt64) throws {
    let world = try world(seed)
    world.run(until: 2 * Self.second)
    var random = SeededRandom(seed: seed)
    var lost = 0
    world.isIgnored = { _, message in
      guard message.nonces != nil || message.signCall != nil || message.signAnswer != nil,
        random.chance(300_000)
      else { return false }
      lost += 1
      return true
    }
    let before = size(world)
    world.run(until: world.time + 30 * Self.second)
    #expect(size(world) > before + 50, "from \(before) to \(size(world))")
    // How many are sent depends on how many sizes a round covers; what counts is that loss was in most of them.
    #expect(lost > 30)
    // Nothing is left of it: what waited is signed at once.
    world.isIgnored = nil
    let waiting = world.hosts.compactMap { $0.view?.logSize }.max() ?? .max
    world.run(until: world.time + 4 * Self.second)
    #expect(size(world) >= waiting, "\(size(world)) of \(waiting)")
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test("a party whose every batch of commitments is lost for a while signs again once they arrive")
  func batches() throws {
    let world = try world(3)
    world.run(until: 2 * Self.second)
    // With one party down the one that starves is needed.
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    let others = world.hosts.filter { $0.id != leader.id }
    let starved = others[0]
    others[1].crash()
    world.oracles.forget(others[1].id)
    others[1].downUntil = .max
    // Out at the party, and nowhere else: its pool is full of what nobody holds.
    world.isIgnored = { receiver, message in
      receiver == leader.id && message.nonces?.commitments.isEmpty == false
    }
    world.run(until: world.time + 10 * Self.second)
    let stuck = size(world)
    world.run(until: world.time + Self.second)
    #expect(size(world) == stuck, "without commitments nothing is signed")
    let out = starved.node?.signer.pool.available ?? 0
    #expect(out > 0)
    world.isIgnored = nil
    world.run(until: world.time + 6 * Self.second)
    #expect(size(world) > stuck + 5)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test(
    "a leader that follows one that died signs at once, with no party to spare: each brings commitments as it follows",
    arguments: 1...6 as ClosedRange<UInt64>)
  func justEnough(_ seed: UInt64) throws {
    let world = try World(seed: seed, nodes: 5, threshold: 3, faults: .none)
    world.run(until: 2 * Self.second)
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    // Long enough without a lease that the next leader's first round is one, before its term's record is there.
    for host in [leader] + world.hosts.filter({ $0.id != leader.id }).prefix(1) {
      host.crash()
      world.oracles.forget(host.id)
      host.downUntil = .max
    }
    world.isIgnored = { _, message in message.voteCall != nil }
    world.run(until: world.time + 4 * Self.second)
    world.isIgnored = nil
    let before = size(world)
    while !world.hosts.contains(where: { $0.view?.role == .leader }), world.time < 30 * Self.second {
      world.run(until: world.time + 1_000_000)
    }
    let led = world.time
    while size(world) == before, world.time < led + 5 * Self.second {
      world.run(until: world.time + 1_000_000)
    }
    #expect(world.time < led + 100_000_000, "it took \((world.time - led) / 1_000_000) ms")
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }
}
