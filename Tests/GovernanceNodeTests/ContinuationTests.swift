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
  /// Seals a share as the ceremony's end does.
  fileprivate func keep(_ share: PartyShare<Ed25519SHA512>, using random: inout SeededRandom) throws {
    var storage = [UInt8](repeating: 7, count: 32)
    guard let key = SymmetricKey(consuming: &storage) else { throw SimulationError.setup("a key") }
    guard
      let batch = node?.vault.keep(share, as: "continuation", beside: nil, storageKey: key, using: &random)
    else { throw SimulationError.setup("a node") }
    disk.sync(batch)
  }

  fileprivate var epochs: Int { node?.overlay.final.membership.epochs.count ?? 0 }
  fileprivate var lockSize: UInt64 { node?.signer.lock.size ?? 0 }

  fileprivate func export() throws -> [UInt8] {
    let notes = try node?.raft.log.notes(after: nil, limit: 1 << 20) ?? []
    guard let size = notes.last?.checkpoint.size else { throw SimulationError.setup("a note") }
    var text = ExportFormat.header(cluster: cluster, size: size)
    for leaf in 0..<size {
      let index = LeafIndex(leaf)
      guard let record = node?.raft.log.leaf(at: index) else { throw SimulationError.setup("a leaf") }
      text += ExportFormat.leaf(record, attachment: node?.raft.log.attachment(at: index)?.bytes ?? [])
    }
    for (_, note) in notes { text += ExportFormat.note(note) }
    return Array(text.utf8)
  }
}

/// More parties are lost than may be: operators take the ledger to a key of new parties.
struct ContinuationTests {
  /// Four parties, three of which sign; two are lost for good. Three operators are enrolled.
  private final class Ruin {
    let town: MembersTests.Town
    let third: SigningKey
    var random = SeededRandom(seed: 77)
    var calls: UInt64 = 1 << 21
    var codes: [UInt64: StatusCode] = [:]
    let survivors: [NodeHost]

    init(_ seed: UInt64) throws {
      town = try MembersTests.Town(seed, nodes: 4, threshold: 3)
      third = SigningKey.generate(using: &random)
      town.pass(1)
      town.world.operators.enrol(
        Enrolment(
          principal: .operator("operator3"), key: third.publicKey, owner: "operator3",
          expiresAt: .distantFuture), wall: town.wall)
      let world = town.world
      let isEnrolled = town.pass(until: {
        world.hosts.allSatisfy { $0.node?.overlay.final.enrolment(of: .operator("operator3")) != nil }
      })
      guard isEnrolled else { throw SimulationError.setup("a third operator") }
      let lost = world.hosts.suffix(2)
      survivors = Array(world.hosts.prefix(2))
      for host in lost {
        host.crash()
        world.oracles.forget(host.id)
        host.downUntil = .max
      }
      town.pass(5)
      world.overhears = { [unowned self] answer in
        if case .respond(let key, let status, _) = answer { codes[key.call] = status.code }
      }
    }

    /// A key of these hosts, made without a dealer, and its shares.
    func key(
      of hosts: [NodeHost], threshold: Int, cause: UInt64
    ) throws -> (content: KeyContent, shares: [PartyShare<Ed25519SHA512>]) {
      final class Chair {
        var ceremony: KeyGeneration<Ed25519SHA512>
        init(_ ceremony: consuming KeyGeneration<Ed25519SHA512>) { self.ceremony = ceremony }
      }
      let ids = hosts.compactMap { PartyIdentifier(UInt16($0.id.rawValue)) }
      var chairs: [Chair] = []
      for id in ids {
        chairs.append(
          Chair(
            try KeyGeneration(
              identifier: id, parties: ids, threshold: threshold, context: [1, 2, 3], using: &random)))
      }
      for (one, from) in zip(chairs, ids) {
        for (other, to) in zip(chairs, ids) where from != to {
          try other.ceremony.receive(one.ceremony.package, from: from)
        }
      }
      for (one, from) in zip(chairs, ids) {
        for share in try one.ceremony.secretShares() {
          guard let to = ids.firstIndex(of: share.recipient) else { continue }
          try chairs[to].ceremony.receive(share, from: from)
        }
      }
      let keys = try chairs[0].ceremony.publicKeys()
      var parties: [Party] = []
      for (host, id) in zip(hosts, ids) {
        var seed = host.keySeed
        guard let key = SigningKey(seed: &seed), let element = keys.verifyingShare(of: id) else {
          throw SimulationError.setup("a party")
        }
        parties.append(
          Party(
            id: Int(host.id.rawValue), name: "node\(host.id.rawValue)", key: key.publicKey,
            verifyingShare: Hex.encode(element.encoding ?? [])))
      }
      guard let groupKey = keys.groupKey.encoding.flatMap({ PublicKey($0) }) else {
        throw SimulationError.setup("a key")
      }
      let content = KeyContent(
        cause: LeafIndex(cause), origin: .generation, groupKey: groupKey, parties: parties,
        threshold: threshold, transcriptHash: try chairs[0].ceremony.transcript())
      return (content, try chairs.map { PartyShare(try $0.ceremony.finish()) })
    }

    func approvals(
      _ content: KeyContent, _ hosts: [NodeHost], _ shares: [PartyShare<Ed25519SHA512>]
    ) throws -> [KeyApproval] {
      let bytes = content.signedBytes(cluster: town.world.cluster)
      return try zip(hosts, shares).map { host, share in
        var seed = host.keySeed
        guard let key = SigningKey(seed: &seed) else { throw SimulationError.setup("a key") }
        return KeyApproval(
          party: Int(host.id.rawValue), signature: key.sign(bytes),
          shareProof: Hex.encode(share.key.proveShare(for: bytes, using: &random).encoding))
      }
    }

    /// What stands at `host`, with a key of others.
    func act(at host: NodeHost, _ content: KeyContent) throws -> RecoveryAct {
      let size = host.finalSize
      return RecoveryAct(
        actID: "continuation-1", size: size,
        root: try #require(host.node?.raft.log.rootHash(ofSize: size)),
        stateRoot: try #require(host.node?.finalState.stateRoot), key: content, continuedAt: town.wall,
        validUntil: town.wall.advanced(by: .seconds(3600)))
    }

    /// `signed`: the approvals that the operators saw; nil for those that are handed over.
    func record(
      _ act: RecoveryAct, _ approvals: [KeyApproval], signed seen: [KeyApproval]? = nil, people: Int = 3
    ) -> RecoveryRecord {
      var act = act
      act.approvalsHash = RecoveryAct.hash(of: seen ?? approvals)
      var signed = town.world.operators.signed(act)
      if people > 2 {
        signed = signed.cosigned(cluster: town.world.cluster, as: .operator("operator3"), with: third)
      }
      return RecoveryRecord(act: signed, approvals: approvals)
    }

    func hand(_ record: RecoveryRecord, to host: NodeHost) -> StatusCode? {
      calls += 1
      let statement = Statements.bytes(.recovery(record))
      town.world.step(
        host.id,
        .call(
          ClientCall(
            key: CallKey(connection: 99, call: calls), caller: town.world.operators.principal,
            method: Method.recover.path,
            payload: StatementRequest(statement: statement, attachment: Attachment().bytes).encode())))
      town.pass(0.1)
      return codes[calls]
    }
  }

  @Test(
    "with fewer shares left than sign, the ledger goes on under a new key by the word of as many operators, and of no fewer"
  )
  func wholeWay() throws {
    let ruin = try Ruin(51)
    let town = ruin.town
    let stuck = ruin.survivors.map(\.finalSize)
    town.pass(3)
    #expect(ruin.survivors.map(\.finalSize) == stuck, "nothing becomes final any more")
    let best = try #require(ruin.survivors.max { $0.finalSize < $1.finalSize })
    let final = best.finalSize
    var verifier = ExportVerifier()
    let plan = RestorePlan(try verifier.verify(try best.export(), cluster: best.cluster))
    #expect(plan.size == final)
    // Two new parties begin from what is left.
    for _ in 0..<2 { try town.join() }
    let fresh = try [town.host(5), town.host(6)]
    for host in fresh {
      while let run = plan.run(after: host.finalSize), host.finalSize < final {
        town.world.step(
          host.id, .restored(HistoryShown(first: run.first, payloads: run.payloads, note: run.note.encoded)))
        town.pass(0.01)
      }
    }
    let hosts = ruin.survivors + fresh
    let isLevel = town.pass(until: { hosts.allSatisfy { $0.finalSize == final } })
    #expect(isLevel)
    let (content, shares) = try ruin.key(of: hosts, threshold: 3, cause: final)
    let approvals = try ruin.approvals(content, hosts, shares)
    for (host, share) in zip(hosts, shares) { try host.keep(share, using: &ruin.random) }
    let act = try ruin.act(at: best, content)
    // Fewer people, another history, a key that a party did not approve, another's id: none of them counts.
    var other = act
    other.root = SHA256.hash("other")
    var state = act
    state.stateRoot = SHA256.hash("other")
    var spoiled = approvals
    spoiled[1].signature = spoiled[0].signature
    var unproven = approvals
    unproven[1].shareProof = unproven[0].shareProof
    var taken = act
    taken.key?.parties[2].id = 3
    var takenApprovals = approvals
    takenApprovals[2].party = 3
    // Nor does a statement with a signature more, from which several leaves could be made, nor one out of its time.
    let more = ruin.record(act, approvals).act.cosigned(
      cluster: best.cluster, as: .operator("operator9"), with: SigningKey.generate(using: &ruin.random))
    var over = act
    over.continuedAt = try #require(best.node?.finalState.logTime)
    over.validUntil = town.wall
    var early = act
    early.continuedAt = town.wall.advanced(by: .seconds(60))
    // Another proof of the same share is as good as the first, and makes another leaf: operators signed one of them.
    var another = approvals
    another[3] = try ruin.approvals(content, hosts, shares)[3]
    #expect(another[3].shareProof != approvals[3].shareProof)
    let otherLeaf = ruin.hand(ruin.record(act, another, signed: approvals), to: best)
    #expect(otherLeaf == .invalidArgument)
    let refused = [
      ruin.hand(RecoveryRecord(act: more, approvals: approvals), to: best),
      ruin.hand(ruin.record(over, approvals), to: best),
      ruin.hand(ruin.record(early, approvals), to: best),
      ruin.hand(ruin.record(act, approvals, people: 2), to: best),
      ruin.hand(ruin.record(other, approvals), to: best),
      ruin.hand(ruin.record(state, approvals), to: best),
      ruin.hand(ruin.record(act, spoiled), to: best),
      ruin.hand(ruin.record(act, unproven), to: best),
      ruin.hand(ruin.record(taken, takenApprovals), to: best),
    ]
    #expect(refused.allSatisfy { $0 == .failedPrecondition }, "\(refused)")
    let unchanged = [best.finalSize, UInt64(best.epochs)]
    #expect(unchanged == [final, 1])
    let record = ruin.record(act, approvals)
    for host in hosts {
      // What was committed, and not final, is nobody's any more.
      town.world.oracles.cut(to: final)
      let code = ruin.hand(record, to: host)
      #expect(code == .ok, "\(host.id)")
      // Handed over again, it is what it was.
      let again = ruin.hand(record, to: host)
      #expect(again == .ok)
    }
    town.seats = content.parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) }
    let goesOn = town.pass(until: { hosts.allSatisfy { $0.finalSize > final + 8 } }, within: 40)
    #expect(goesOn)
    // Over a restart, and what is signed is needed: with one gone the other three sign.
    hosts[0].crash()
    town.world.oracles.forget(hosts[0].id)
    town.world.restart(hosts[0].id)
    let isUp = hosts[0].isUp
    #expect(isUp)
    hosts[3].crash()
    town.world.oracles.forget(hosts[3].id)
    let reached = hosts[0].finalSize
    let signs = town.pass(until: { hosts[0].finalSize > reached + 4 }, within: 40)
    #expect(signs)
    var again = ExportVerifier()
    let export = try hosts[0].export()
    let verified = try again.verify(export, cluster: best.cluster)
    #expect(verified.continuations.map(\.leaf) == [LeafIndex(final)])
    #expect(verified.continuations.first?.operators.count == 3)
    #expect(verified.keys.epochs.map(\.firstSize) == [0, final + 1])
  }
}
