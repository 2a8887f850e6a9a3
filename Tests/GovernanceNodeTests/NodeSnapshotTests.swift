import ClawLedger
import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Whole nodes on the simulated network. A ledger is never compacted, so that a leader has all that a
/// laggard lacks, unless its own log began with a snapshot or the laggard is far behind: most are sent by the test's
/// own hand.
struct NodeSnapshotTests {
  private static let second: UInt64 = 1_000_000_000

  private func world(_ seed: UInt64) throws -> World {
    try World(seed: seed, nodes: 5, threshold: 3, faults: .none)
  }

  private func pass(_ seconds: UInt64, in world: World) {
    world.run(until: world.time + seconds * Self.second)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  private func currentLeader(_ world: World) -> NodeHost? {
    world.hosts.filter { $0.view?.role == .leader }.max {
      ($0.view?.term ?? .zero) < ($1.view?.term ?? .zero)
    }
  }

  private func size(_ host: NodeHost) -> UInt64 { host.view?.finalSize ?? 0 }

  /// Where the node's log begins.
  private func base(_ host: NodeHost) -> UInt64 { (host.node?.raft.log.firstIndex.rawValue ?? 0) - 1 }

  private func restart(_ host: NodeHost, in world: World) {
    host.crash()
    world.oracles.forget(host.id)
    world.restart(host.id)
  }

  /// Whether the agents make new proposals; where not, virtual time is cheap.
  private func load(_ isOn: Bool, on world: World) {
    for client in world.clients { (client as? SimulatedAgent)?.isActive = isOn }
  }

  /// What the leader would send, if its log had been compacted.
  private func snapshot(by leader: NodeHost, for peer: NodeHost) -> [PeerMessage] {
    var effects = NodeEffects()
    leader.node?.sendSnapshot(to: peer.id, into: &effects)
    return effects.messages.map(\.message)
  }

  /// A node takes pieces from its leader alone: it hears that one first, as it would when the network is back.
  private func heartbeat(of leader: NodeHost) throws -> PeerMessage {
    let end = LogIndex(rawValue: size(leader))
    let term = try #require(leader.view?.term)
    return RaftCodec.encode(
      .appendRequest(
        AppendRequest(
          term: term, previousIndex: end, previousTerm: term,
          previousRoot: try #require(leader.node?.raft.log.root(at: end)), entries: [], leaderCommit: .zero,
          round: 1)))
  }

  /// Cuts off two followers, lets the others go on, and hands the first of the two a snapshot.
  private func beginWithSnapshot(_ seed: UInt64) throws -> (world: World, taken: NodeHost, behind: NodeHost) {
    let world = try world(seed)
    pass(2, in: world)
    let leader = try #require(currentLeader(world))
    let followers = world.hosts.filter { $0.id != leader.id }
    let (taken, behind) = (followers[0], followers[1])
    world.sideOne = [taken.id, behind.id]
    let before = size(taken)
    pass(2, in: world)
    #expect(size(leader) > before + 5 && size(taken) == before)

    let pieces = snapshot(by: leader, for: taken)
    try #require(!pieces.isEmpty)
    let final = size(leader)
    for message in [try heartbeat(of: leader)] + pieces {
      world.step(taken.id, .peer(from: leader.id, message))
    }
    #expect(size(taken) == final && base(taken) == final)
    #expect(taken.node?.finalState.stateRoot == leader.node?.finalState.stateRoot)
    #expect(taken.node?.finalRoot == leader.node?.finalRoot)
    load(false, on: world)
    pass(1, in: world)
    return (world, taken, behind)
  }

  @Test(
    "a laggard takes a snapshot, restarts from it, goes on, and its share signs again")
  func laggard() throws {
    let (world, taken, behind) = try beginWithSnapshot(1)
    let final = size(taken)
    restart(taken, in: world)
    #expect(taken.isUp && size(taken) == final && base(taken) == final)
    #expect(taken.node?.finalState.size == final)

    // With two others gone it is one of the three that must sign.
    load(true, on: world)
    world.sideOne = []
    world.reconnect()
    pass(1, in: world)
    #expect(size(taken) > final)
    load(false, on: world)
    let gone = world.hosts.filter { $0.id != taken.id && $0.id != behind.id }.prefix(2)
    for host in gone { host.crash() }
    pass(4, in: world)
    let reached = size(taken)
    load(true, on: world)
    pass(2, in: world)
    #expect(size(taken) > reached, "nothing becomes final without its share")
    // Once more: the leaves before the snapshot have come meanwhile.
    restart(taken, in: world)
    #expect(taken.isUp && base(taken) == 0 && size(taken) >= reached)
  }

  /// How many leaves of the first `size` cannot be read or proven here as the leader has them.
  private func unlike(_ host: NodeHost, _ other: NodeHost, _ size: UInt64) -> Int {
    (0..<size).count { index in
      let leaf = LeafIndex(index)
      guard let log = host.node?.raft.log, let whole = other.node?.raft.log else { return true }
      return log.payload(at: leaf) != whole.payload(at: leaf) || log.payload(at: leaf) == nil
        || log.inclusionProof(of: leaf, size: size) != whole.inclusionProof(of: leaf, size: size)
        || log.term(at: LogIndex(rawValue: index + 1)) != whole.term(at: LogIndex(rawValue: index + 1))
    }
  }

  @Test(
    "state first, history after: the leaves before the snapshot come from peers, whole, over restarts too")
  func historyAfter() throws {
    let (world, taken, behind) = try beginWithSnapshot(11)
    let final = size(taken)
    let kept = try #require(taken.node?.raft.log.missing?.lowerBound)
    let end = taken.node?.raft.log.missing?.upperBound
    #expect(kept > 1 && end == final, "what was final here has stayed")
    taken.node?.earlier.limit = (leaves: 3, bytes: 1 << 20)
    for host in world.hosts { host.node?.earlier.limit = (leaves: 3, bytes: 1 << 20) }
    world.sideOne = [behind.id]
    world.reconnect()
    for _ in 0..<100 where taken.node?.raft.log.missing?.lowerBound == kept {
      world.run(until: world.time + Self.second / 20)
    }
    let some = try #require(taken.node?.raft.log.missing)
    #expect(some.lowerBound > kept && some.upperBound == final, "a few leaves at a time")
    restart(taken, in: world)
    #expect(taken.node?.raft.log.missing?.lowerBound == some.lowerBound, "progress is kept")
    let answers = [taken.node?.raft.log.leaf(at: LeafIndex(final - 2)) == nil, base(taken) == final]
    #expect(answers == [true, true], "and nothing is there that has not come")
    pass(8, in: world)
    let isWhole = taken.node?.raft.log.missing == nil && base(taken) == 0
    #expect(isWhole)
    let other = try #require(world.hosts.first { $0.id != taken.id && $0.id != behind.id })
    #expect(unlike(taken, other, final + 1) == 0)
    restart(taken, in: world)
    let again = unlike(taken, other, final + 1)
    #expect(taken.isUp && again == 0 && base(taken) == 0)
    let notes = taken.node?.raft.log.notes(covering: LeafIndex(kept), limit: 1).count
    #expect(notes == 1, "and the notes that prove them")
  }

  @Test("a peer that shows one leaf at a time does not keep the history from who asks: the next one is asked")
  func miser() throws {
    let (world, taken, behind) = try beginWithSnapshot(14)
    let missing = try #require(taken.node?.raft.log.missing)
    #expect(missing.count > 8)
    // Whoever is asked first is the miser.
    var miser: NodeID?
    var runs = 0
    world.isIgnored = { receiver, message in
      if message.earlierWanted != nil, miser == nil {
        miser = receiver
        world.hosts.first { $0.id == receiver }?.node?.earlier.limit = (leaves: 1, bytes: 1 << 20)
      }
      if receiver == taken.id, message.earlierShown?.payloads.isEmpty == false { runs += 1 }
      return false
    }
    world.sideOne = [behind.id]
    world.reconnect()
    for _ in 0..<200 where taken.node?.raft.log.missing != nil {
      world.run(until: world.time + Self.second / 20)
    }
    let isWhole = taken.node?.raft.log.missing == nil
    #expect(isWhole && miser != nil)
    #expect(runs < 6, "\(runs) runs for \(missing.count) leaves")
  }

  /// Reconnects everybody, and keeps the first answer with earlier leaves from who waits for it: whom it had asked.
  private func firstAsked(by taken: NodeHost, in world: World) throws -> NodeID {
    var asked: NodeID?
    world.isIgnored = { receiver, message in
      guard receiver == taken.id, message.earlierShown?.payloads.isEmpty == false, asked == nil else {
        return false
      }
      asked = taken.node?.earlier.asked
      return true
    }
    world.sideOne = []
    world.reconnect()
    for _ in 0..<100 where asked == nil { world.run(until: world.time + Self.second / 20) }
    return try #require(asked)
  }

  /// What a peer shows to who asks it for these leaves.
  private func earlier(
    _ leaves: Range<UInt64>, of peer: NodeID, for taken: NodeHost, in world: World
  ) throws -> EarlierShown {
    let host = try #require(world.hosts.first { $0.id == peer })
    var effects = NodeEffects()
    host.node?.earlier.turns = Turns()
    let wanted = EarlierWanted(first: leaves.lowerBound, end: leaves.upperBound)
    host.step(.peer(from: taken.id, .earlierWanted(wanted)), at: world.time, into: &effects)
    return try #require(effects.messages.compactMap(\.message.earlierShown).first)
  }

  @Test("a peer that shows other leaves is named, and the next one asked; one that has none hinders nobody")
  func lyingPeer() throws {
    let (world, taken, behind) = try beginWithSnapshot(12)
    let final = size(taken)
    // Whoever is asked first lies.
    let first = try firstAsked(by: taken, in: world)
    var spoilt = 0
    let missing = try #require(taken.node?.raft.log.missing)
    #expect(taken.node?.earlier.asked == first, "it waits for an answer")
    var effects = NodeEffects()
    // Late, to what was asked before another snapshot came: the proof leads to another size, and nobody lies.
    let late = try earlier(missing.lowerBound..<(missing.upperBound - 1), of: first, for: taken, in: world)
    taken.step(.peer(from: first, .earlierShown(late)), at: world.time, into: &effects)
    #expect(effects.notices.isEmpty && effects.writes.isEmpty && taken.node?.earlier.asked == first)
    var lie = try earlier(missing.lowerBound..<final, of: first, for: taken, in: world)
    let last = lie.payloads.count - 1
    lie.payloads[last][lie.payloads[last].count / 2] ^= 1
    let stranger = try #require(world.hosts.first { $0.id != first && $0.id != taken.id })
    taken.step(.peer(from: stranger.id, PeerMessage.earlierShown(lie)), at: world.time, into: &effects)
    #expect(effects.notices.isEmpty, "who was not asked is not heard")
    taken.step(.peer(from: first, PeerMessage.earlierShown(lie)), at: world.time, into: &effects)
    for notice in effects.notices {
      if case .evidence(let text) = notice, text.contains("\(first)") { spoilt += 1 }
    }
    #expect(spoilt == 1 && effects.writes.isEmpty)
    #expect(taken.node?.earlier.asked != first)
    pass(4, in: world)
    let isWhole = taken.node?.raft.log.missing == nil
    #expect(isWhole, "the others have them")
    _ = behind
  }

  @Test(
    "a peer whose leaves only lack what a tenant may have had erased is not named, and the next one is asked")
  func erasedElsewhere() throws {
    let (world, taken, _) = try beginWithSnapshot(12)
    let first = try firstAsked(by: taken, in: world)
    let missing = try #require(taken.node?.raft.log.missing)
    var shown = try earlier(missing, of: first, for: taken, in: world)
    let whole = shown.payloads
    shown.payloads = whole.map { payload in
      guard let content = try? EntryPayload(parsing: payload),
        case .proposal? = (try? Record(parsing: content.record))?.body
      else { return payload }
      return EntryPayload(record: content.record, attachment: []).bytes
    }
    #expect(shown.payloads != whole)
    var effects = NodeEffects()
    taken.step(.peer(from: first, .earlierShown(shown)), at: world.time, into: &effects)
    #expect(effects.notices.isEmpty && effects.writes.isEmpty)
    #expect(taken.node?.earlier.asked != first && taken.node?.earlier.named.isEmpty == true)
    pass(4, in: world)
    let isWhole = taken.node?.raft.log.missing == nil
    #expect(isWhole)
  }

  @Test(
    "a follower far behind gets the state, where its leader has the entries; one that is near gets entries")
  func farBehind() throws {
    let world = try world(13)
    for host in world.hosts { host.snapshotLag = 12 }
    for host in world.hosts { restart(host, in: world) }
    pass(3, in: world)
    let victim = try #require(world.hosts.last { $0.view?.role == .follower })
    world.isIgnored = { _, message in message.earlierShown != nil || message.historyShown != nil }
    world.sideOne = [victim.id]
    let before = size(victim)
    world.run(until: world.time + Self.second / 2)
    world.sideOne = []
    world.reconnect()
    pass(1, in: world)
    #expect(size(victim) > before && base(victim) == 0, "near")
    world.sideOne = [victim.id]
    let left = size(victim)
    pass(6, in: world)
    world.sideOne = []
    world.reconnect()
    pass(2, in: world)
    #expect(base(victim) > left + 12, "far")
    world.isIgnored = { _, _ in false }
    pass(3, in: world)
    let isWhole = taken(victim)
    #expect(isWhole)
  }

  private func taken(_ host: NodeHost) -> Bool { host.node?.raft.log.missing == nil && base(host) == 0 }

  @Test("a leader whose log begins with a snapshot sends one to who lacks more")
  func organic() throws {
    let (world, taken, behind) = try beginWithSnapshot(2)
    let before = size(behind)
    // Without the leaves before its snapshot.
    world.isIgnored = { _, message in message.earlierShown != nil || message.historyShown != nil }
    world.sideOne = [behind.id]
    world.reconnect()
    pass(2, in: world)
    for _ in 0..<40 {
      guard let leader = currentLeader(world), leader.id != taken.id else { break }
      leader.crash()
      world.oracles.forget(leader.id)
      pass(3, in: world)
      world.restart(leader.id)
      pass(2, in: world)
    }
    try #require(currentLeader(world)?.id == taken.id)
    #expect(size(behind) == before && before < base(taken))
    world.sideOne = []
    world.reconnect()
    pass(2, in: world)
    #expect(base(behind) >= base(taken) && size(behind) == size(taken))
    restart(behind, in: world)
    #expect(behind.isUp)
    // Requests from before the snapshot are asked for again, of nodes that no longer hold them.
    load(true, on: world)
    pass(1, in: world)
    #expect(size(behind) > before)
    #expect(world.oracles.evidence.isEmpty)
    world.isIgnored = { _, _ in false }
    pass(3, in: world)
    #expect(base(behind) == 0 && base(taken) == 0)
  }

  @Test("a transfer of which nothing comes is tried again")
  func lostTransfer() throws {
    let (world, taken, behind) = try beginWithSnapshot(4)
    _ = taken
    let leader = try #require(currentLeader(world))
    let pieces = snapshot(by: leader, for: behind)
    #expect(!pieces.isEmpty)
    #expect(leader.node?.snapshots.outgoing.map(\.peer).contains(behind.id) == true)
    pass(11, in: world)
    #expect(leader.node?.snapshots.outgoing.isEmpty == true)
  }

  @Test(
    "pieces leave a few at a time, as they are taken; a piece that is lost ends the transfer, not the node")
  func window() throws {
    let world = try world(9)
    pass(2, in: world)
    let leader = try #require(currentLeader(world))
    let victim = try #require(world.hosts.first { $0.id != leader.id })
    world.sideOne = [victim.id]
    pass(1, in: world)
    leader.node?.snapshots.pieceBytes = 1024
    var effects = NodeEffects()
    victim.step(.peer(from: leader.id, try heartbeat(of: leader)), at: world.time, into: &effects)
    var waiting = snapshot(by: leader, for: victim)
    let first = waiting.count
    #expect(first == SnapshotTransfers.window)
    var pieces = 0
    var acknowledged = 0
    while !waiting.isEmpty, pieces < 10_000 {
      let next = waiting.removeFirst()
      pieces += 1
      effects.clear()
      victim.step(.peer(from: leader.id, next), at: world.time, into: &effects)
      for (_, answer) in effects.messages where answer.snapshotTaken != nil {
        if answer.snapshotTaken?.pieces != 0 { acknowledged += 1 }
        var sent = NodeEffects()
        leader.step(.peer(from: victim.id, answer), at: world.time, into: &sent)
        waiting += sent.messages.map(\.message).filter { $0.snapshotPiece != nil }
        // Said twice, it asks for nothing more.
        sent.clear()
        leader.step(.peer(from: victim.id, answer), at: world.time, into: &sent)
        let again = sent.messages.count { $0.message.snapshotPiece != nil }
        #expect(again == 0)
      }
      let outstanding = waiting.count
      #expect(outstanding <= SnapshotTransfers.window)
    }
    #expect(pieces > 2 * SnapshotTransfers.window && acknowledged == pieces - 1)
    let reached = [size(victim), base(victim)]
    #expect(reached == [size(leader), size(leader)])
  }

  @Test("what is not the note's is not taken")
  func refused() throws {
    let world = try world(7)
    pass(2, in: world)
    let leader = try #require(currentLeader(world))
    let victim = try #require(world.hosts.first { $0.id != leader.id })
    world.sideOne = [victim.id]
    let before = size(victim)
    pass(1, in: world)
    let sent = snapshot(by: leader, for: victim)
    let piece = try #require(sent.first?.snapshotPiece)
    try #require(sent.count == 1)
    let spoils: [(String, (inout SnapshotPiece) -> Void)] = [
      ("state", { $0.cells[0][$0.cells[0].count / 2] ^= 1 }),
      ("name", { $0.names[0] += "x" }),
      ("cell", { $0.cells.removeLast() }),
      (
        "fewer",
        {
          $0.cells.removeLast(); $0.names.removeLast()
        }
      ),
      ("tree", { $0.peaks[0][3] ^= 1 }),
      ("note", { $0.note = $0.note.replacing("openexec", with: "openexeC", maxReplacements: 1) }),
      ("signature", { $0.note = String($0.note.dropLast(4)) + "AAA=" }),
      ("order", { $0.piece = 1 }),
    ]
    var effects = NodeEffects()
    victim.step(.peer(from: leader.id, try heartbeat(of: leader)), at: world.time, into: &effects)
    for (what, spoil) in spoils {
      var spoiled = piece
      spoil(&spoiled)
      victim.step(
        .peer(from: leader.id, PeerMessage.snapshotPiece(spoiled)), at: world.time, into: &effects)
      #expect(size(victim) == before && base(victim) == 0, "\(what)")
    }
    // The same, unspoiled, is. Again, and it is no news and no evidence.
    for _ in 0..<2 {
      effects.clear()
      victim.step(
        .peer(from: leader.id, PeerMessage.snapshotPiece(piece)), at: world.time, into: &effects)
      #expect(size(victim) == size(leader))
      #expect(!effects.notices.contains { if case .evidence = $0 { true } else { false } })
    }
  }

  @Test("log and state of a snapshot are one write: a crash leaves both or neither")
  func oneWrite() throws {
    let world = try world(8)
    pass(2, in: world)
    let leader = try #require(currentLeader(world))
    let victim = try #require(world.hosts.first { $0.id != leader.id })
    world.sideOne = [victim.id]
    pass(1, in: world)
    var effects = NodeEffects()
    for message in [try heartbeat(of: leader)] + snapshot(by: leader, for: victim) {
      victim.step(.peer(from: leader.id, message), at: world.time, into: &effects)
    }
    try #require(!effects.writes.isEmpty)
    for (count, write) in effects.writes.enumerated() {
      victim.disk.sync(write.batch)
      restart(victim, in: world)
      #expect(victim.isUp && victim.node?.finalState.size == size(victim), "after \(count + 1) writes")
    }
    #expect(size(victim) == size(leader))
  }
}
