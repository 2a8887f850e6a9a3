import ClawLedger
import Crypto
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

extension NodeHost {
  /// All that is final here, as an export has it.
  fileprivate func export() throws -> [UInt8] {
    guard let size = node?.finality.size else { throw SimulationError.setup("a node") }
    var text = ExportFormat.header(cluster: cluster, size: size)
    for leaf in 0..<size {
      let index = LeafIndex(leaf)
      guard let record = node?.raft.log.leaf(at: index) else { throw SimulationError.setup("a leaf") }
      text += ExportFormat.leaf(record, attachment: node?.raft.log.attachment(at: index)?.bytes ?? [])
    }
    for (checkpoint, note) in try node?.raft.log.notes(after: nil, limit: 1 << 20) ?? []
    where checkpoint.size <= size { text += ExportFormat.note(note) }
    return Array(text.utf8)
  }

  fileprivate func content(_ name: (tenant: String, digest: Digest)) -> [UInt8]? {
    node?.content(tenant: name.tenant, digest: name.digest)
  }

  fileprivate var finalSize: UInt64 { node?.finality.size ?? 0 }
  fileprivate var hasVoted: Bool { node?.raft.votedFor != nil }
  fileprivate var holdsShare: Bool { node?.signer.share != nil }
  fileprivate var isVoter: Bool { node?.raft.configuration.voters.contains(id) ?? false }
}

/// A ledger that comes back from a backup, to a party that never was one.
struct RestoreTests {
  /// A town whose key has changed once, with a file in it, and its export.
  private func town(_ seed: UInt64) throws -> (MembersTests.Town, RestorePlan) {
    var faults = Faults.none
    faults.items.append(Schedule.Item(at: 900_000_000, .agent(1, .put, at: 2)))
    let town = try MembersTests.Town(seed, nodes: 4, threshold: 3, faults: faults)
    town.pass(2)
    town.change(threshold: 3, rotate: true)
    let isSettled = town.pass(until: { town.isSettled(keys: 2) })
    #expect(isSettled)
    town.pass(1)
    let host = try #require(town.leader)
    var verifier = ExportVerifier()
    return (town, RestorePlan(try verifier.verify(try host.export(), cluster: host.cluster)))
  }

  private func take(_ run: RestorePlan.Run, at host: NodeHost, in town: MembersTests.Town) {
    town.world.step(
      host.id,
      .restored(HistoryShown(first: run.first, payloads: run.payloads, note: run.note.encoded)))
    town.pass(0.01)
  }

  @Test(
    "ledger, state and keys come back over a change of the key; no vote and no share do; it joins as a learner"
  )
  func wholeWay() throws {
    let (town, plan) = try town(31)
    try town.join()
    let host = try town.host(5)
    var runs = 0
    while let run = plan.run(after: host.finalSize), runs < 1000 {
      take(run, at: host, in: town)
      runs += 1
    }
    #expect(runs > 1 && host.finalSize == plan.size, "\(runs) runs")
    let peer = try #require(town.leader)
    #expect(
      host.node?.raft.log.rootHash(ofSize: plan.size) == peer.node?.raft.log.rootHash(ofSize: plan.size))
    #expect(host.node?.finalState.membership.epochs.count == 2)
    #expect(!host.hasVoted && !host.holdsShare && !host.isVoter)
    let content = try #require(plan.contents.first)
    let bytes = try #require(peer.content(content))
    town.world.step(host.id, .restoredContent(tenant: content.tenant, bytes))
    town.world.step(host.id, .restoredContent(tenant: content.tenant, [1, 2, 3]))
    town.pass(0.1)
    let kept = host.content(content)
    let other = host.content((content.tenant, SHA256.hash([1, 2, 3])))
    #expect(kept == bytes)
    #expect(other == nil)
    // A restart finds what was taken in, and the newer key.
    host.crash()
    town.world.oracles.forget(host.id)
    town.world.restart(host.id)
    let found = host.finalSize
    #expect(found == plan.size)
    // It takes the place of one that is gone for good.
    let gone = try #require(town.world.hosts.first { $0.id != peer.id && $0.id != host.id })
    gone.crash()
    town.world.oracles.forget(gone.id)
    gone.downUntil = .max
    town.leave(gone.id.rawValue)
    town.change(threshold: 3)
    let isSettled = town.pass(until: { town.isSettled(keys: 3) }, within: 40)
    #expect(isSettled)
    let now = [host.holdsShare, host.isVoter]
    #expect(now == [true, true])
    town.expectProgress()
  }

  @Test("a run that was changed, or that does not follow, is not taken in")
  func tampered() throws {
    let (town, plan) = try town(32)
    try town.join()
    let host = try town.host(5)
    let run = try #require(plan.run(after: 1))
    var payloads = run.payloads
    payloads[payloads.count - 1][20] ^= 1
    for shown in [
      HistoryShown(first: run.first, payloads: payloads, note: run.note.encoded),
      HistoryShown(first: run.first, payloads: Array(run.payloads.dropLast()), note: run.note.encoded),
      HistoryShown(first: run.first, payloads: run.payloads, note: ""),
      HistoryShown(first: run.first + 1, payloads: run.payloads, note: run.note.encoded),
      HistoryShown(first: run.first, payloads: [], note: run.note.encoded),
    ] {
      town.world.step(host.id, .restored(shown))
      town.pass(0.01)
      let size = host.finalSize
      #expect(size <= 1)
    }
    take(run, at: host, in: town)
    let size = host.finalSize
    #expect(size == run.first + UInt64(run.payloads.count))
  }

  @Test("who was ever a party is known by number, name and key")
  func seen() throws {
    let (town, plan) = try town(33)
    let seat = try #require(town.seats.first)
    let other = try #require(
      PublicKey(hex: String(repeating: "58", count: 1) + String(repeating: "66", count: 31)))
    #expect(plan.hasSeen(id: seat.id, name: "other", key: other))
    #expect(plan.hasSeen(id: 60, name: seat.name, key: other))
    #expect(plan.hasSeen(id: 60, name: "other", key: seat.key))
    #expect(!plan.hasSeen(id: 60, name: "other", key: other))
  }

  @Test("a voter that asks for the genesis as one that joins gets none: its votes are lost with its store")
  func lostVoter() throws {
    let town = try MembersTests.Town(34, nodes: 4, threshold: 3)
    town.pass(2)
    let host = try #require(town.leader)
    let voter = try #require(town.world.hosts.first { $0.id != host.id }).id
    var shown: [NodeID] = []
    town.world.tamper = { _, receiver, message in if message.genesis != nil { shown.append(receiver) } }
    func ask(_ sender: NodeID, _ configuration: [UInt8]) {
      town.world.step(
        host.id, .peer(from: sender, PeerMessage.keyRoundOne(KeyRoundOne(configuration: configuration))))
    }
    ask(voter, town.world.cluster.bytes)
    #expect(shown.isEmpty)
    // One that still founds the cluster asks with the ceremony's fingerprint.
    ask(voter, [UInt8](repeating: 1, count: 32))
    #expect(shown == [voter])
  }
}
