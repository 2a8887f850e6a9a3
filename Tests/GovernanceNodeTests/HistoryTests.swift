import Raft
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A node that its leader starves takes what is final from others.
struct HistoryTests {
  private let world: World
  private let victim: NodeHost
  private let source: NodeHost

  /// Nodes of which one hears heartbeats, but neither entries nor notes.
  init() throws {
    world = try World(seed: 6, nodes: 5, threshold: 4, faults: .none)
    world.run(until: 2_000_000_000)
    let followers = world.hosts.filter { $0.view?.role == .follower }
    victim = try #require(followers.first)
    source = try #require(followers.last)
    let starved = victim.id
    world.isIgnored = { receiver, message in
      receiver == starved && (message.appendCall?.entries.isEmpty == false || message.note != nil)
    }
  }

  private func pass(_ seconds: UInt64) {
    world.run(until: world.time + seconds * 1_000_000_000)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  private func size(_ host: NodeHost) -> UInt64 { host.view?.finalSize ?? 0 }

  /// What `source` shows the victim, wherever that stands.
  private func shown() throws -> HistoryShown {
    var effects = NodeEffects()
    let wanted = PeerMessage.historyWanted(HistoryWanted(first: size(victim)))
    source.step(.peer(from: victim.id, wanted), at: world.time, into: &effects)
    return try #require(effects.messages.compactMap(\.message.historyShown).first)
  }

  /// Lets the victim ask `source`, and nobody answer but the test.
  private func ask() {
    let starved = victim.id
    world.isIgnored = { receiver, message in
      receiver == starved && (message.appendCall?.entries.isEmpty == false || message.note != nil)
        || message.historyWanted != nil
    }
    for _ in 0..<100 where victim.node?.history.asked != source.id { pass(1) }
    #expect(victim.node?.history.asked == source.id)
  }

  @Test("a node that gets neither entries nor notes is at most seconds behind, and restarts with what it has")
  func starved() throws {
    let before = size(victim)
    pass(4)
    let reached = size(source)
    #expect(reached > before + 10)
    pass(4)
    #expect(size(victim) >= reached)
    victim.crash()
    world.oracles.forget(victim.id)
    world.restart(victim.id)
    pass(1)
    #expect(size(victim) >= reached)
  }

  @Test("it stays as it was without peers that answer: the control")
  func control() {
    ask()
    let before = size(victim)
    pass(8)
    #expect(size(victim) == before)
  }

  @Test("pieces come in order, from the peer that was asked; what no note vouches for is not taken")
  func spoiled() throws {
    ask()
    let before = size(victim)
    let whole = try shown()
    #expect(whole.first == before && whole.payloads.count > 4 && !whole.note.isEmpty)
    let half = whole.payloads.count / 2
    let front = HistoryShown(first: before, payloads: Array(whole.payloads[..<half]))
    let back = HistoryShown(
      first: before + UInt64(half), payloads: Array(whole.payloads[half...]), note: whole.note)
    var other = whole
    other.payloads[1][other.payloads[1].count / 2] ^= 1
    var fewer = whole
    fewer.payloads.removeLast()
    var unsigned = whole
    unsigned.note = whole.note.replacing("openexec", with: "openexeC", maxReplacements: 1)
    var later = whole
    later.first += 1
    var effects = NodeEffects()
    func give(_ shown: HistoryShown, from peer: NodeID) {
      victim.step(.peer(from: peer, PeerMessage.historyShown(shown)), at: world.time, into: &effects)
    }
    for spoiled in [other, fewer, unsigned, later, back] {
      give(spoiled, from: source.id)
      #expect(size(victim) == before)
    }
    let stranger = try #require(world.hosts.first { $0.id != source.id && $0.id != victim.id })
    give(whole, from: stranger.id)
    #expect(size(victim) == before, "from a peer that was not asked")
    give(front, from: source.id)
    #expect(size(victim) == before, "half of it")
    give(back, from: source.id)
    #expect(size(victim) == before + UInt64(whole.payloads.count))
    #expect(victim.node?.finalRoot == source.node?.raft.log.rootHash(ofSize: size(victim)).map { $0 })
    #expect(victim.node?.history.asked == source.id, "there may be more")
  }

  @Test("a peer that shows entries without end fills no memory, however small they are")
  func endless() throws {
    ask()
    let first = size(victim)
    var effects = NodeEffects()
    func give(_ payload: [UInt8], count: Int, at offset: Int) {
      let shown = HistoryShown(
        first: first + UInt64(offset), payloads: Array(repeating: payload, count: count))
      victim.step(.peer(from: source.id, PeerMessage.historyShown(shown)), at: world.time, into: &effects)
    }
    give([], count: 1000, at: 0)
    #expect(victim.node?.history.incoming.map(\.payloads.count) == nil)
    var most = 0
    for piece in 0..<30 {
      give([1], count: 100_000, at: piece * 100_000)
      most = max(most, victim.node?.history.incoming.map(\.payloads.count) ?? 0)
    }
    let limit = HistoryKeeper.maximumHeldBytes / HistoryKeeper.entryBytes
    #expect(most > 0 && most <= limit, "\(most)")
    #expect(victim.node?.history.incoming.map(\.payloads.count) == nil)
  }

  @Test("a peer is served at most five times a second")
  func paced() {
    pass(1)
    var effects = NodeEffects()
    let wanted = PeerMessage.historyWanted(HistoryWanted(first: 0))
    for _ in 0..<10 { source.step(.peer(from: victim.id, wanted), at: world.time, into: &effects) }
    #expect(effects.messages.count { $0.message.historyShown?.note.isEmpty == false } == 1)
  }
}
