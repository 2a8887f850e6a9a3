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
  fileprivate var change: MembersChange? { node?.overlay.head.membership.change }
  fileprivate var stage: ChangeStage? { change?.stage }
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

    var wall: Timestamp { Timestamp(nanoseconds: simulatedEpoch + Int64(world.time)) ?? .epoch }

    func pass(_ seconds: Double) {
      world.run(until: world.time + UInt64(seconds * Double(MembersTests.second)))
      #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
    }

    /// Passes time until something holds; false where it does not within `seconds`.
    func pass(until condition: () -> Bool, within seconds: Int = 30) -> Bool {
      let end = world.time + UInt64(seconds) * MembersTests.second
      while world.time < end, world.oracles.violation == nil {
        if condition() { return true }
        // Some stages last for a few messages only.
        world.run(until: world.time + 1_000_000)
      }
      #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
      return condition()
    }

    /// The stage that a leader's log has come to.
    var stage: ChangeStage? {
      guard let leader else { return nil }
      return leader.stage
    }

    func join() throws { seats.append(try world.join(using: &random)) }

    func leave(_ id: UInt64) { seats.removeAll { UInt64($0.id) == id } }

    func change(threshold: Int, rotate: Bool = false, takesBack: String? = nil) {
      world.operators.change(seats, threshold: threshold, rotate: rotate, takesBack: takesBack, wall: wall)
    }

    func host(_ id: Int) throws -> NodeHost {
      try #require(world.hosts.first { $0.id.rawValue == UInt64(id) })
    }

    var leader: NodeHost? {
      world.hosts.filter { $0.view?.role == .leader }.max {
        ($0.view?.term ?? .zero) < ($1.view?.term ?? .zero)
      }
    }

    func members(_ host: NodeHost) -> MembersCell? { host.node?.finalState.membership }

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
      #expect(
        pass(
          until: { self.world.oracles.finalSize > before + 10 && self.world.oracles.executions > ran },
          within: 20),
        "\(self.world.unsettled)")
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

  @Test(
    "a rotation takes no change back: it is refused while one waits, and the first key is made",
    arguments: [Semantics.namedReturns - 1, Semantics.newest])
  func rotatedTwice(semantics: Int) throws {
    let town = try Town(2, nodes: 4, threshold: 3, faults: Faults(semantics: semantics))
    town.pass(2)
    let leader = try #require(town.leader)
    let away = try #require(town.world.hosts.first { $0.id != leader.id })
    away.crash()
    town.world.oracles.forget(away.id)
    town.change(threshold: 3, rotate: true)
    #expect(town.pass(until: { town.stage == .joint }))
    town.pass(1)
    let first = try #require(town.members(leader)?.change)
    town.change(threshold: 3, rotate: true)
    town.pass(3)
    let now = town.members(leader)?.change
    #expect(now == first)
    town.world.restart(away.id)
    #expect(town.pass(until: { town.isSettled(keys: 2) }))
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

  // MARK: What goes wrong on the way

  /// A party that dies when the change has come to a stage.
  struct Death: CustomTestStringConvertible, Sendable {
    enum Victim: String, Sendable, CaseIterable { case leader, newcomer, other }
    let stage: ChangeStage
    let victim: Victim
    var testDescription: String { "\(victim.rawValue) dies in \(stage.rawValue)" }

    static let all = [
      Death(stage: .learning, victim: .leader), Death(stage: .learning, victim: .newcomer),
      Death(stage: .joint, victim: .leader), Death(stage: .joint, victim: .newcomer),
      Death(stage: .joint, victim: .other), Death(stage: .keyed, victim: .leader),
      Death(stage: .keyed, victim: .newcomer), Death(stage: .keyed, victim: .other),
    ]
  }

  @Test("whoever dies at any stage, the change ends, and one key is in force", arguments: Death.all)
  func crash(_ death: Death) throws {
    let town = try Town(11, nodes: 4, threshold: 3)
    town.pass(1.5)
    try town.join()
    // One leaves and one comes: the key is generated anew.
    let leader = try #require(town.leader?.id.rawValue)
    let gone = try #require(town.seats.first { UInt64($0.id) != leader && $0.id != 5 })
    town.leave(UInt64(gone.id))
    town.change(threshold: 3)
    #expect(
      town.pass(until: { town.stage == death.stage }))
    let victim: NodeHost? =
      switch death.victim {
      case .leader: town.leader
      case .newcomer: try town.host(5)
      case .other:
        town.world.hosts.first {
          $0.id != town.leader?.id && $0.id.rawValue < 5 && $0.id.rawValue != UInt64(gone.id)
        }
      }
    let host = try #require(victim)
    host.crash()
    town.world.oracles.forget(host.id)
    town.pass(2.5)
    town.world.restart(host.id)
    #expect(town.pass(until: { town.isSettled(keys: 2) }, within: 40))
    town.expectProgress()
  }

  @Test(
    "messages are lost and doubled, nodes die: when all is healed the change ends",
    arguments: 1...2 as ClosedRange<UInt64>)
  func storm(_ seed: UInt64) throws {
    var faults = Faults.none
    let second = MembersTests.second
    for fault in [LinkFault.loss(50_000), .duplication(50_000)] {
      faults.items.append(
        Schedule.Item(at: second, .link(from: [], to: [], fault, length: 13 * second)))
    }
    // The storm differs from seed to seed in who is hit when.
    for (number, node) in [2, 5, 1, 4].enumerated() {
      let at = (2 + 3 * UInt64(number)) * second + seed * 370_000_000
      faults.items.append(
        Schedule.Item(at: at, .crash(UInt64(node), kept: UInt64(number % 2), restartAfter: 1_500_000_000)))
    }
    for at in [4 * second, 9 * second] {
      faults.items.append(
        Schedule.Item(at: at + seed * second / 2, .partition([[1, 2, 6], [3, 4, 5]], length: 2 * second)))
    }
    let town = try Town(seed + 40, nodes: 5, threshold: 4, faults: faults)
    town.pass(1.5)
    try town.join()
    town.leave(1 + seed)
    town.change(threshold: 4)
    town.pass(12)
    town.world.calm()
    #expect(town.pass(until: { town.isSettled(keys: 2) }, within: 60))
    town.expectProgress()
  }

  @Test("a party that deals wrong shares, or shows two commitments, is found out; honest, it ends the change")
  func liar() throws {
    for isShare in [true, false] {
      let town = try Town(5, nodes: 4, threshold: 3)
      town.pass(1.5)
      town.world.oracles.liars = [2]
      try town.join()
      town.change(threshold: 4)
      let liar = try town.host(2).id
      let victim = try town.host(3).id
      var lies = 0
      town.world.tamper = { sender, receiver, message in
        guard sender == liar, receiver == victim, lies < 3 else { return }
        if isShare, var round = message.keyRoundTwo, !round.session.isEmpty {
          round.share[round.share.count - 1] ^= 1
          message = PeerMessage.keyRoundTwo(round)
          lies += 1
        } else if !isShare, var round = message.keyRoundOne {
          // Another dealer's commitment in its place does not fit its part of the key.
          round.package[round.package.count - 1] ^= 1
          message = PeerMessage.keyRoundOne(round)
          lies += 1
        }
      }
      #expect(town.pass(until: { town.isSettled(keys: 2) }, within: 60))
      #expect(lies == 3)
      if isShare {
        #expect(town.world.oracles.evidence.contains { $0.contains("party 2: invalidShare") })
      }
      town.expectProgress()
    }
  }

  @Test("a partition in the joint configuration stops the change and no more; healed, it goes on")
  func partition() throws {
    let town = try Town(6, nodes: 5, threshold: 4)
    town.pass(1.5)
    try town.join()
    town.leave(town.leader?.id.rawValue == 1 ? 2 : 1)
    town.change(threshold: 4)
    #expect(town.pass(until: { town.stage == .joint }))
    let leader = try #require(town.leader?.id)
    town.world.sideOne = [leader, try town.host(6).id]
    town.pass(5)
    #expect(!town.isSettled(keys: 2))
    town.world.sideOne = []
    town.world.reconnect()
    #expect(town.pass(until: { town.isSettled(keys: 2) }, within: 40))
    town.expectProgress()
  }

  @Test("a change whose new party never comes is taken back, while it learns and in the joint configuration")
  func takenBack() throws {
    for stage in [ChangeStage.learning, .joint] {
      let town = try Town(7, nodes: 4, threshold: 3)
      town.pass(1.5)
      let before = town.seats
      try town.join()
      let newcomer = try town.host(5)
      if stage == .learning { newcomer.crash() }
      town.change(threshold: 4)
      #expect(town.pass(until: { town.stage == stage }))
      newcomer.crash()
      town.world.oracles.forget(newcomer.id)
      town.pass(4)
      #expect(town.stage == stage, "it waits")
      let act = try #require(town.leader?.change?.actID)
      town.seats = before
      town.change(threshold: 3, takesBack: act)
      #expect(town.pass(until: { town.isSettled(keys: 1) }), "\(stage)")
      let leader = try #require(town.leader)
      #expect(leader.configuration?.voters.count == 4 && leader.configuration?.isJoint == false)
      #expect(leader.configuration?.learners.isEmpty == true)
      town.expectProgress()
    }
  }

  @Test(
    "who takes part is not for a leader to say: a configuration that no operators signed is appended by nobody"
  )
  func forgedConfiguration() throws {
    let town = try Town(10, nodes: 4, threshold: 3)
    town.pass(1.5)
    let leader = try #require(town.leader?.id)
    let own = Int(leader.rawValue)
    town.world.oracles.liars = [leader.rawValue]
    let victim = try #require(town.world.hosts.first { $0.id != leader }?.id)
    let forged: [RecordBody] = [
      .derivedMembers(
        DerivedMembers(step: .left, cause: LeafIndex(0), configuration: MemberList(voters: [own]))),
      .derivedMembers(
        DerivedMembers(
          step: .joint, cause: LeafIndex(0),
          configuration: MemberList(voters: [own], outgoing: [1, 2, 3, 4]))),
    ]
    var lies = 0
    town.world.tamper = { sender, receiver, message in
      guard sender == leader, receiver == victim, lies < 6, var call = message.appendCall,
        let last = call.entries.indices.last,
        let payload = try? EntryPayload(parsing: call.entries[last].payload),
        let record = try? Record(parsing: payload.record)
      else { return }
      let lie = Record(at: record.at, body: forged[lies % 2])
      call.entries[last].payload = EntryPayload(record: lie.bytes, attachment: []).bytes
      message = PeerMessage.appendCall(call)
      lies += 1
    }
    #expect(town.pass(until: { lies == 6 }))
    town.pass(1)
    let host = try #require(town.world.hosts.first { $0.id == victim })
    #expect(host.configuration?.voters.count == 4 && host.configuration?.isJoint == false)
    #expect(town.world.oracles.evidence.contains { $0.contains("refusedEntry") && $0.contains("expected") })
    town.expectProgress()
  }

  @Test("a share that is lost comes back from t others, the same; a helper that lies is named")
  func lostShare() throws {
    let town = try Town(9, nodes: 4, threshold: 3)
    town.pass(1.5)
    town.change(threshold: 3, rotate: true)
    #expect(town.pass(until: { town.isSettled(keys: 2) }))
    let victim = try #require(town.world.hosts.first { $0.id != town.leader?.id })
    let before = try #require(victim.share).key.serialized().withUnsafeBytes { Array($0) }
    victim.crash()
    town.world.oracles.forget(victim.id)
    var loss = WriteBatch()
    for row in try victim.disk.scan(.meta, from: Array("share/".utf8), limit: 9)
    where row.key.starts(with: Array("share/".utf8)) {
      loss.delete(.meta, row.key)
    }
    victim.disk.sync(loss)
    town.world.restart(victim.id)
    town.pass(1)
    #expect(victim.share == nil && victim.isUp)

    // One helper spoils its summands, for a while: it is named, and the operator asks again.
    let liar = try #require(town.world.hosts.first { $0.id != victim.id }?.id)
    town.world.oracles.liars = [liar.rawValue]
    var isLying = true
    town.world.tamper = { sender, _, message in
      guard isLying, sender == liar, var step = message.repairStep, !step.summand.isEmpty else { return }
      step.summand[step.summand.count - 1] ^= 1
      message = PeerMessage.repairStep(step)
    }
    func ask(_ call: UInt64) {
      town.world.step(
        victim.id,
        .call(
          ClientCall(
            key: CallKey(connection: 1 << 20, call: call), caller: town.world.operators.principal,
            method: Method.keys.path, payload: KeysRequest(repair: true).encode())))
    }
    ask(1)
    #expect(
      town.pass(until: { town.world.oracles.evidence.contains { $0.contains("party \(liar.rawValue):") } }))
    #expect(victim.share == nil)
    isLying = false
    town.pass(21)
    ask(2)
    #expect(town.pass(until: { victim.share != nil }))
    #expect(victim.share?.key.serialized().withUnsafeBytes { Array($0) } == before)
    // With another gone its share is needed.
    let other = try #require(town.world.hosts.first { $0.id != victim.id && $0.id != town.leader?.id })
    other.crash()
    town.world.oracles.forget(other.id)
    town.expectProgress()
  }

  @Test("with every share of the old key nobody signs anything that counts any more")
  func oldShares() throws {
    let town = try Town(8, nodes: 4, threshold: 3)
    town.pass(1.5)
    let old = town.world.hosts.compactMap(\.share)
    let oldKeys = try #require(town.leader?.epoch?.publicKeys)
    town.change(threshold: 3, rotate: true)
    #expect(town.pass(until: { town.isSettled(keys: 2) }))
    town.pass(1)
    let leader = try #require(town.leader)
    let size = try #require(leader.view?.logSize)
    let note = try #require(try forged(by: Array(old.prefix(3)), oldKeys, at: size, on: leader, town))
    town.world.oracles.liars = [4]
    let final = leader.view?.finalSize
    var effects = NodeEffects()
    let from = try #require(town.world.hosts.first { $0.id != leader.id }?.id)
    leader.step(
      .peer(from: from, PeerMessage.note(NoteShown(note: note.encoded))), at: town.world.time,
      into: &effects)
    #expect(leader.view?.finalSize == final)
    #expect(
      effects.notices.contains {
        if case .evidence(let what) = $0 { what.contains("does not sign size") } else { false }
      })
    // An executor that has followed the links refuses it as well.
    var ring = KeyChain(cluster: town.world.cluster, genesisKey: town.world.genesis.groupKey)
    for link in leader.links { #expect(try ring.extend(link)) }
    #expect(throws: NoteError.self) { try ring.verified(note) }
  }

  /// A note over what a node holds, signed by shares of the old key.
  private func forged(
    by shares: [PartyShare<Ed25519SHA512>], _ keys: PublicKeyPackage<Ed25519SHA512>, at size: UInt64,
    on host: NodeHost, _ town: Town
  ) throws -> SignedNote? {
    guard let root = host.node?.raft.log.rootHash(ofSize: size),
      let state = host.node?.overlay.state(at: size)
    else { return nil }
    let note = CheckpointNote(
      cluster: town.world.cluster, size: size, root: root, stateRoot: state.stateRoot,
      time: town.wall.advanced(by: .seconds(1)))
    var commitments: [NonceCommitment<Ed25519SHA512>] = []
    var random = SeededRandom(seed: 99)
    var pools: [Pool] = []
    for share in shares {
      let pool = Pool(share.key.identifier)
      commitments += pool.pool.publish(1, for: share.key, using: &random)
      pools.append(pool)
    }
    let package = try SigningPackage(commitments: commitments, message: Array(note.text.utf8))
    var signed: [SignatureShare<Ed25519SHA512>] = []
    for (share, pool) in zip(shares, pools) {
      if case .share(let part) = try pool.pool.sign(share.key.prepare(package), with: share.key) {
        signed.append(part)
      }
    }
    let signature = try keys.aggregate(signed, in: try keys.prepare(package))
    return SignedNote(
      text: note.text, name: CheckpointNote.origin(cluster: town.world.cluster),
      keyID: KeyEpoch<Ed25519SHA512>.keyID(
        town.world.genesis.groupKey, cluster: town.world.cluster), signature: signature.encoding)
  }

  private final class Pool {
    var pool: NoncePool<Ed25519SHA512>
    init(_ party: PartyIdentifier) { pool = NoncePool(party: party, boot: 9) }
  }
}
