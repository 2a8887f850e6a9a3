import ClawLedger
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A disk that does not give back what was written.
struct RepairTests {
  private let world: World
  private let victim: NodeHost

  init() throws {
    world = try World(seed: 9, nodes: 5, threshold: 4, faults: .none)
    world.run(until: 3_000_000_000)
    victim = try #require(world.hosts.first { $0.view?.role == .follower })
    world.oracles.hasDamage = true
  }

  private func pass(_ seconds: UInt64) {
    world.run(until: world.time + seconds * 1_000_000_000)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  private func key(_ leaf: UInt64) -> [UInt8] { withUnsafeBytes(of: leaf.bigEndian) { Array($0) } }

  /// Turns a bit of a stored leaf over, or takes the leaf away.
  private func damage(_ leaf: UInt64, missing: Bool = false) throws {
    var row = try #require(try victim.disk.get(.entries, key(leaf)))
    row[row.count / 2] ^= 1
    var batch = WriteBatch()
    if missing { batch.delete(.entries, key(leaf)) } else { batch.put(.entries, key(leaf), row) }
    victim.disk.sync(batch)
  }

  private func restart() {
    victim.crash()
    world.oracles.forget(victim.id)
    world.restart(victim.id)
  }

  @Test("final leaves that are damaged or gone are fetched from peers, and the node runs on")
  func final() throws {
    let size = try #require(victim.view?.finalSize)
    #expect(size > 20)
    let good = try (0..<size).map { try #require(try victim.disk.get(.entries, key($0))) }
    victim.crash()
    for leaf in [UInt64(1), 7, 8, size - 1] { try damage(leaf) }
    try damage(11, missing: true)
    restart()
    #expect(victim.isUp && victim.node?.raft.log.leaf(at: LeafIndex(7)) == nil)
    pass(4)
    for leaf in 0..<size { #expect(try victim.disk.get(.entries, key(leaf)) == good[Int(leaf)], "\(leaf)") }
    #expect((victim.view?.finalSize ?? 0) > size)
    restart()
    #expect(victim.isUp)
  }

  @Test("nothing is put in a leaf's place that does not hash to what the tree has for it")
  func forged() throws {
    let size = try #require(victim.view?.finalSize)
    let peer = try #require(world.hosts.first { $0.id != victim.id })
    let right = try #require(peer.node?.raft.log.payload(at: LeafIndex(7)))
    let wrong = try #require(peer.node?.raft.log.payload(at: LeafIndex(9)))
    victim.crash()
    try damage(7)
    world.isIgnored = { _, message in message.leafShown != nil }
    restart()
    pass(1)
    #expect(victim.node?.repairs.damaged == [7] && size > 9)
    var effects = NodeEffects()
    func show(_ payload: [UInt8]) {
      effects.clear()
      let shown = PeerMessage.leafShown(LeafShown(leaf: 7, payload: payload))
      victim.step(.peer(from: peer.id, shown), at: world.time, into: &effects)
    }
    show(wrong)
    #expect(effects.writes.isEmpty)
    show(Array(right.dropLast()))
    #expect(effects.writes.isEmpty)
    show(right)
    #expect(effects.writes.map(\.name) == [.repair(leaf: 7)])
  }

  @Test(
    "entries that are not final are lost, not absent: the node votes as though it had them, until they are back"
  )
  func unfinal() throws {
    // No note covers what comes now.
    world.isIgnored = { _, message in message.signAnswer != nil || message.note != nil }
    let final = try #require(victim.view?.finalSize)
    pass(1)
    let size = try #require(victim.view?.logSize)
    #expect(size > final + 4)
    let others = world.hosts.filter { $0.id != victim.id }.map(\.id)
    victim.crash()
    let written = try #require(try victim.disk.last(.entries)).key
    try damage(final + 1)
    world.sideOne = others
    restart()
    #expect(victim.node?.raft.log.size == final + 1)
    let lost = try #require(victim.node?.raft.lost)
    #expect(lost.index.rawValue == written.reduce(0) { $0 << 8 | UInt64($1) } + 1)
    // It does not stand, and a restart forgets nothing.
    pass(3)
    #expect(victim.view?.role == .follower)
    restart()
    #expect(victim.node?.raft.lost == lost)
    world.sideOne = []
    world.isIgnored = nil
    world.reconnect()
    pass(4)
    #expect(victim.node?.raft.lost == nil && (victim.view?.finalSize ?? 0) >= size)
    #expect(try victim.disk.get(.meta, Array("lost".utf8)) == nil)
  }
}
