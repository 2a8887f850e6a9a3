import ClawLedger
import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A tenant is erased in a cluster of whole nodes.
struct ErasureTests {
  private static let second: UInt64 = 1_000_000_000

  private func pass(_ seconds: UInt64, in world: World) {
    world.run(until: world.time + seconds * Self.second)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  /// The proposals of a tenant before a leaf that a node can still read.
  private func readable(_ host: NodeHost, of tenant: String, before leaf: UInt64) -> Int {
    (0..<leaf).count { index in
      guard case .proposal(let signed)? = host.record(at: index)?.body,
        case .agent(tenant, _) = signed.content.requestedBy
      else { return false }
      return host.node?.hasAttachment(at: LeafIndex(index)) == true
    }
  }

  /// What a node tells operators about erasures; the size through which it has carried out everything.
  private func told(_ host: NodeHost) -> (through: UInt64?, leaves: [String?]) {
    let status = host.node?.erasuresStatus
    return (
      status?["through"]?.string.flatMap { UInt64($0) },
      status?["all"]?.array?.map { $0["leaf"]?.string } ?? []
    )
  }

  private func erasure(_ host: NodeHost) -> UInt64? { host.node?.finalState.erasure(of: "acme")?.value }

  @Test(
    "every node erases at one leaf; one that was away gets the state, then the leaves without what is gone; restarts change nothing"
  )
  func everywhere() throws {
    let world = try World(
      seed: 11, nodes: 5, threshold: 3,
      faults: Faults(items: [
        Schedule.Item(
          at: 2 * Self.second, .cut(from: [5], to: [1, 2, 3, 4], isBothWays: true, length: 8 * Self.second))
      ]))
    pass(5, in: world)
    let away = world.hosts[4]
    #expect(readable(world.hosts[0], of: "acme", before: world.hosts[0].view?.finalSize ?? 0) > 0)
    world.operators.erase("acme", wall: world.wall())
    pass(3, in: world)
    let leaf = try #require(erasure(world.hosts[0]))
    #expect(
      world.hosts.prefix(4).allSatisfy { erasure($0) == leaf && readable($0, of: "acme", before: leaf) == 0 })
    #expect(world.hosts.prefix(4).allSatisfy { $0.disk.keys(of: "acme", before: leaf).isEmpty })
    #expect(erasure(away) == nil && readable(away, of: "acme", before: away.view?.finalSize ?? 0) > 0)
    // Each says what it has done: one that is behind has not come to it, and its size says so.
    #expect(world.hosts.prefix(4).allSatisfy { told($0).through ?? 0 > leaf })
    #expect(world.hosts.prefix(4).allSatisfy { told($0).leaves == [String(leaf)] })
    #expect(told(away).through ?? .max <= leaf && told(away).leaves.isEmpty)
    // What came since is read, under another key.
    #expect(readable(world.hosts[0], of: "acme", before: world.hosts[0].view?.finalSize ?? 0) > 0)

    // Nobody can send the party what it lacks: it gets the state, and the leaves after it.
    pass(3, in: world)
    var began: UInt64 = 0
    for _ in 0..<20 where erasure(away) == nil || began == 0 {
      pass(1, in: world)
      began = max(began, (away.node?.raft.log.firstIndex.rawValue ?? 1) - 1)
    }
    #expect(erasure(away) == leaf && readable(away, of: "acme", before: leaf) == 0)
    #expect(away.disk.keys(of: "acme", before: leaf).isEmpty)
    #expect(told(away).through ?? 0 > leaf)
    for _ in 0..<20 where away.node?.raft.log.missing != nil { pass(1, in: world) }
    #expect(away.node?.raft.log.missing == nil, "the whole ledger is here")
    #expect((0..<leaf).allSatisfy { away.record(at: $0) != nil })

    for host in [world.hosts[0], away] {
      host.crash()
      world.oracles.forget(host.id)
      world.restart(host.id)
      pass(2, in: world)
      #expect(host.view?.finalSize ?? 0 > leaf && readable(host, of: "acme", before: leaf) == 0)
      #expect(host.node?.raft.lost == nil, "what is erased is not lost")
    }
    world.oracles.checkErasures(world.hosts, at: world.time)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test("a crash between an erasure that is durable and the end of its keys: the next start ends them")
  func crash() throws {
    let world = try World(seed: 12, nodes: 3, threshold: 2, faults: .none)
    pass(3, in: world)
    let host = world.hosts[0]
    let kept = host.disk.keys
    world.operators.erase("acme", wall: world.wall())
    pass(3, in: world)
    let leaf = try #require(erasure(host))
    host.crash()
    world.oracles.forget(host.id)
    for (name, bytes) in kept { host.disk.sync(.keep(name: name, bytes: bytes)) }
    #expect(!host.disk.keys(of: "acme", before: leaf).isEmpty)
    world.restart(host.id)
    pass(1, in: world)
    #expect(host.disk.keys(of: "acme", before: leaf).isEmpty)
    #expect(readable(host, of: "acme", before: leaf) == 0)
  }
}
