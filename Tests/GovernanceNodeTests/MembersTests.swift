import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

extension NodeHost {
  fileprivate var share: PartyShare<Ed25519SHA512>? { node?.signer.share }
  fileprivate var epoch: KeyEpoch<Ed25519SHA512>? { node?.epoch }
  fileprivate var configuration: Raft.Configuration? { node?.raft.configuration }
  fileprivate var links: [LedgerProof] { node?.links.links ?? [] }
  fileprivate var party: PartyIdentifier? { PartyIdentifier(UInt16(truncatingIfNeeded: id.rawValue)) }
}

/// Changes of members on whole nodes in the simulated world: agents, approvers and executors go on meanwhile, and
/// the world's oracles are watched throughout.
struct MembersTests {
  static let second: UInt64 = 1_000_000_000

  /// A world with the means to change its members.
  final class Town {
    let world: World
    var random: SeededRandom
    var seats: [PartySeat]

    init(_ seed: UInt64, nodes: Int, threshold: Int, faults: Faults = .none) throws {
      world = try World(seed: seed, nodes: nodes, threshold: threshold, faults: faults)
      random = SeededRandom(seed: seed &+ 1000)
      seats = world.genesis.parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) }
    }

    var wall: Timestamp { Timestamp(nanoseconds: World.epoch + Int64(world.time)) ?? .epoch }

    func pass(_ seconds: Double) {
      world.run(until: world.time + UInt64(seconds * Double(MembersTests.second)))
      #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
    }

    /// Passes time until something holds; false where it does not within `seconds`.
    func pass(until condition: () -> Bool, within seconds: Int = 30) -> Bool {
      for _ in 0..<(seconds * 10) {
        if condition() { return true }
        pass(0.1)
        if world.oracles.violation != nil { return false }
      }
      return condition()
    }

    func join() throws { seats.append(try world.join(using: &random)) }

    func leave(_ id: UInt64) { seats.removeAll { UInt64($0.id) == id } }

    func change(threshold: Int, rotate: Bool = false) {
      world.operators.change(seats, threshold: threshold, rotate: rotate, wall: wall)
    }

    func host(_ id: Int) throws -> NodeHost {
      try #require(world.hosts.first { $0.id.rawValue == UInt64(id) })
    }

    var leader: NodeHost? {
      world.hosts.filter { $0.view?.role == .leader }.max {
        ($0.view?.term ?? .zero) < ($1.view?.term ?? .zero)
      }
    }

    func members(_ host: NodeHost) -> MembersCell? { host.view?.finalState.membership }

    /// Whether the change is over at every party of now, with `keys` keys so far.
    func isSettled(keys: Int) -> Bool {
      seats.allSatisfy { seat in
        guard let host = world.hosts.first(where: { $0.id.rawValue == UInt64(seat.id) }), host.isUp,
          let cell = members(host)
        else { return false }
        return cell.change == nil && cell.epochs.count == keys
          && cell.parties.map(\.id) == seats.map(\.id) && host.share != nil
      }
    }

    /// That the cluster goes on: more becomes final at everyone, and approvals are given.
    func expectProgress() {
      let before = world.oracles.finalSize
      let ran = world.oracles.executions
      pass(6)
      #expect(world.oracles.finalSize > before + 10)
      #expect(world.oracles.executions > ran)
    }
  }

  @Test("a fifth party is added: the key is reshared, its share is needed and given")
  func add() throws {
    let town = try Town(1, nodes: 4, threshold: 3)
    town.pass(2)
    let old = try #require(town.leader?.epoch?.publicKeys.groupKey)
    try town.join()
    town.change(threshold: 4)
    #expect(town.pass(until: { town.isSettled(keys: 2) }))
    let leader = try #require(town.leader)
    #expect(leader.epoch?.publicKeys.groupKey == old, "nobody left, so it is the same key")
    #expect(leader.epoch?.threshold == 4)
    #expect(leader.configuration?.voters.count == 5)
    #expect(leader.configuration?.isJoint == false)
    town.expectProgress()
    // Four of five must sign: with one of the old gone, the new one's share is needed.
    let other = try #require(town.world.hosts.first { $0.id != leader.id && $0.id.rawValue != 5 })
    other.crash()
    town.world.oracles.forget(other.id)
    town.expectProgress()
  }

  @Test("a party is removed: the key rotates, and what it still signs is refused")
  func remove() throws {
    let town = try Town(2, nodes: 5, threshold: 4)
    town.pass(2)
    let gone = try #require(town.world.hosts.first { $0.id != town.leader?.id })
    let old = try #require(gone.share)
    let party = try #require(gone.party)
    let oldKey = try #require(town.leader?.epoch?.publicKeys.groupKey)
    town.leave(gone.id.rawValue)
    town.change(threshold: 3)
    #expect(town.pass(until: { town.isSettled(keys: 2) }))
    let leader = try #require(town.leader)
    let epoch = try #require(leader.epoch)
    #expect(epoch.publicKeys.groupKey != oldKey)
    #expect(!epoch.parties.contains(gone.id))
    #expect(!old.belongs(to: epoch.publicKeys, party: party))
    #expect(town.pass(until: { gone.share == nil }), "its old share is destroyed")
    #expect(leader.configuration?.voters.contains(gone.id) == false)
    town.expectProgress()
    // The links lead from the genesis to the new key, for anybody.
    var chain = KeyChain(cluster: town.world.cluster, genesisKey: town.world.genesis.groupKey)
    for link in leader.links { #expect(try chain.extend(link)) }
    #expect(chain.current.bytes == epoch.publicKeys.groupKey.serialised)
    #expect(chain.epochs == town.members(leader)?.epochs)
  }

  @Test("the leader itself is removed, and two are replaced at once")
  func replaceLeader() throws {
    let town = try Town(3, nodes: 5, threshold: 4)
    town.pass(2)
    let leader = try #require(town.leader?.id.rawValue)
    let other = try #require(town.world.hosts.first { $0.id.rawValue != leader }?.id.rawValue)
    try town.join()
    try town.join()
    town.leave(leader)
    town.leave(other)
    town.change(threshold: 4)
    #expect(town.pass(until: { town.isSettled(keys: 2) }, within: 40))
    #expect(town.seats.contains { UInt64($0.id) == town.leader?.id.rawValue })
    for id in [leader, other] {
      let host = try town.host(Int(id))
      host.crash()
      town.world.oracles.forget(host.id)
    }
    town.expectProgress()
  }
}
