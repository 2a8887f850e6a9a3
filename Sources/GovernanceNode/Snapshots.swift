import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// Snapshots on their way: the governance state at a noted size, for a node whose next entries its peers
/// no longer have.
struct SnapshotTransfers: Sendable {
  struct Incoming: Sendable {
    let from: NodeID
    let note: String
    let term: UInt64
    let peaks: [[UInt8]]
    let logTime: String
    let links: [String]
    var cells: [(name: String, bytes: [UInt8])] = []
    var nextPiece: UInt64 = 0
    /// Of the names and cells so far.
    var bytes = 0
  }

  /// A snapshot on its way to a peer: made once, encoded piece by piece as the peer takes them.
  struct Outgoing: Sendable {
    let peer: NodeID
    let note: SignedNote
    let term: Term
    let peaks: [Digest]
    let links: [String]
    /// A value: it stays what it is while the node goes on.
    let state: ShieldState
    /// The cells of each piece, by name.
    let pieces: [[String]]
    /// Pieces that were sent, and those that the peer has taken.
    var sent = 0
    var taken = 0
    /// When it began, or the peer last took a piece.
    var since: Instant

    /// The piece of a number.
    func piece(_ number: Int) -> SnapshotPiece {
      var piece = SnapshotPiece()
      for name in pieces[number] {
        guard let cell = state.cells[name] else { continue }
        piece.names.append(name)
        piece.cells.append(cell.merkleBytes())
      }
      piece.term = term.rawValue
      piece.logTime = state.logTime.text
      piece.piece = UInt64(number)
      piece.last = number == pieces.count - 1
      if number == 0 {
        piece.note = note.encoded
        piece.peaks = peaks.map(\.bytes)
        piece.links = links
      }
      return piece
    }
  }

  var incoming: Incoming?
  /// To peers that consensus wants one sent to.
  var outgoing: [Outgoing] = []
  /// Names and cells of one piece, where no cell alone is larger.
  var pieceBytes = 512 << 10

  /// Pieces that are on their way to one peer at a time: the log and everything else goes on beside them.
  static var window: Int { 4 }
  static var maximumCells: Int { 1 << 20 }
  /// Names and cells of one snapshot: what a node holds of it in memory until the last piece.
  static var maximumBytes: Int { 1 << 30 }
  /// How long a peer may take no piece; then the transfer has failed, and consensus asks for another.
  static var patience: Nanoseconds { .seconds(10) }

  /// The cells of `state` in pieces, by name.
  func divided(_ state: ShieldState) -> [[String]] {
    var pieces: [[String]] = [[]]
    var bytes = 0
    state.cells.forEach { name, cell in
      let size = cell.merkleBytes().count + name.utf8.count
      if bytes + size > pieceBytes, bytes > 0 {
        pieces.append([])
        bytes = 0
      }
      pieces[pieces.count - 1].append(name)
      bytes += size
    }
    return pieces
  }
}

extension GovernanceNode {
  /// Begins to send the state at the last final size, in pieces, a few at a time. False where there is no note of it.
  @discardableResult
  package mutating func sendSnapshot(to peer: NodeID, into effects: inout NodeEffects) -> Bool {
    snapshots.outgoing.removeAll { $0.peer == peer }
    guard let note = finality.note, let checkpoint = finality.checkpoint,
      checkpoint.size == overlay.final.size,
      let frontier = Frontier(size: checkpoint.size, nodes: raft.log.node),
      let term = raft.log.term(at: LogIndex(rawValue: checkpoint.size))
    else { return false }
    snapshots.outgoing.append(
      SnapshotTransfers.Outgoing(
        peer: peer, note: note, term: term, peaks: frontier.peaks, links: links.missing(after: 0),
        state: overlay.final, pieces: snapshots.divided(overlay.final), since: now.monotonic))
    sendPieces(to: peer, into: &effects)
    return true
  }

  /// Sends what the window has room for.
  private mutating func sendPieces(to peer: NodeID, into effects: inout NodeEffects) {
    guard let position = snapshots.outgoing.firstIndex(where: { $0.peer == peer }) else { return }
    var transfer = snapshots.outgoing[position]
    while transfer.sent < transfer.pieces.count, transfer.sent < transfer.taken + SnapshotTransfers.window {
      effects.messages.append((peer, PeerMessage.snapshotPiece(transfer.piece(transfer.sent))))
      transfer.sent += 1
    }
    snapshots.outgoing[position] = transfer
  }

  mutating func onSnapshotPiece(
    _ piece: SnapshotPiece, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    // Only a leader sends one; what another sends would only take memory, and the place of the real one.
    guard sender == raft.leader, sender != raft.id else { return }
    if piece.piece == 0 {
      snapshots.incoming = SnapshotTransfers.Incoming(
        from: sender, note: piece.note, term: piece.term, peaks: piece.peaks, logTime: piece.logTime,
        links: piece.links)
    }
    let bytes = piece.names.reduce(0) { $0 + $1.utf8.count } + piece.cells.reduce(0) { $0 + $1.count }
    guard var incoming = snapshots.incoming, incoming.nextPiece == piece.piece, incoming.from == sender,
      piece.names.count == piece.cells.count,
      incoming.cells.count + piece.names.count <= SnapshotTransfers.maximumCells,
      incoming.bytes + bytes <= SnapshotTransfers.maximumBytes
    else {
      snapshots.incoming = nil
      return
    }
    incoming.cells += zip(piece.names, piece.cells).map { ($0, $1) }
    incoming.nextPiece += 1
    incoming.bytes += bytes
    snapshots.incoming = incoming
    guard piece.last else {
      effects.messages.append(
        (sender, PeerMessage.snapshotTaken(SnapshotTaken(pieces: incoming.nextPiece))))
      return
    }
    snapshots.incoming = nil
    let size = install(incoming, using: &random, into: &effects)
    effects.messages.append(
      (sender, PeerMessage.snapshotTaken(SnapshotTaken(size: size ?? 0, accepted: size != nil))))
  }

  /// Installs a snapshot that a note vouches for: its state's root and its tree's root must be the
  /// note's, and the note the group key's. Nil where it is not, or says nothing new.
  private mutating func install(
    _ incoming: SnapshotTransfers.Incoming, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) -> UInt64? {
    guard let received = try? SignedNote(parsing: Array(incoming.note.utf8)),
      let checkpoint = try? CheckpointNote(parsing: received.text), checkpoint.cluster == cluster,
      let (chain, newLinks) = chain(through: incoming.links),
      let note = KeyEpoch<Suite>.verified(
        received, under: chain.key(signing: checkpoint.size), cluster: cluster)
    else {
      effects.notices.append(.evidence("a snapshot was sent that no note vouches for"))
      return nil
    }
    // What came late, or twice, says nothing new and nothing against its sender.
    guard checkpoint.size > raft.commitIndex.rawValue else { return nil }
    #if SIMULATION
    let isMatched = !Mutant.snapshotUnmatched.isActive
    #else
    let isMatched = true
    #endif
    let addresses = Frontier.addresses(size: checkpoint.size)
    guard incoming.peaks.count == addresses.count,
      // No note vouches for the term; one that no leader was heard in would end every later leadership.
      incoming.term <= raft.currentTerm.rawValue,
      let frontier = Frontier(
        size: checkpoint.size,
        nodes: { address in
          addresses.firstIndex(of: address).flatMap { Digest(incoming.peaks[$0]) }
        }), frontier.root == checkpoint.root, let root = LogRoot(bytes: frontier.root.bytes),
      let state = try? ShieldState(restoring: incoming.cells),
      state.stateRoot == checkpoint.stateRoot || !isMatched,
      state.size == checkpoint.size, incoming.logTime == state.logTime.text,
      state.membership.epochs == chain.epochs
    else {
      effects.notices.append(.evidence("a snapshot does not match the note that it came with"))
      return nil
    }
    guard state.semantics <= newestSemantics else {
      effects.fatal = outgrown(
        by: state.semantics, newest: newestSemantics, "the snapshot of size \(state.size) has")
      return nil
    }
    raft.log.expect(
      frontier, at: state.logTime, configuration: state.configurationPoint, final: finality.size)
    let point = SnapshotPoint(
      index: LogIndex(rawValue: checkpoint.size), term: Term(rawValue: incoming.term), root: root)
    stepSnapshot(point, state, note, checkpoint, newLinks, using: &random, into: &effects)
    return checkpoint.size
  }

  /// The chain of keys with the links that a snapshot brought, and those that are new here; nil where one does not
  /// verify.
  private func chain(through links: [String]) -> (KeyChain, [LedgerProof])? {
    guard links.count <= 1024,
      var chain = KeyChain(cluster: cluster, verified: overlay.final.membership.epochs)
    else { return nil }
    var new: [LedgerProof] = []
    for text in links {
      guard let link = try? LedgerProof(parsing: text), let isNew = try? chain.extend(link) else {
        return nil
      }
      if isNew { new.append(link) }
    }
    return (chain, new)
  }

  private mutating func stepSnapshot(
    _ point: SnapshotPoint, _ state: ShieldState, _ note: SignedNote, _ checkpoint: CheckpointNote,
    _ newLinks: [LedgerProof], using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    raft.step(.snapshotInstalled(point), at: now.monotonic, using: &random, into: &raftEffects)
    // The state changes before anything of the new log is applied to it.
    overlay.reset(to: state)
    raft.setFinal(point.index)
    finality.accept(note, checkpoint, approvals: [])
    finality.isStateStored = true
    var batch = WriteBatch()
    batch.deleteFrom(.state, [])
    state.cells.forEach { name, cell in batch.put(.state, Array(name.utf8), cell.merkleBytes()) }
    let consented = checkpoint.consent.map { consent in
      state.approvals(in: consent.first.value...consent.last.value).filter(consent.covers)
    }
    raft.log.keep(note, checkpoint, consentingTo: consented ?? [], in: &batch)
    for link in newLinks { links.add(link, in: &batch) }
    enterEpoch(nil, using: &random, in: &batch, into: &effects)
    if let request = raftEffects.persist.first, request.snapshot != nil {
      // The log that begins with the snapshot and the state at its beginning are one write.
      raftEffects.persist.removeFirst()
      var whole = raft.log.batch(for: request) { state.tenant(ofProposal: $0) }
      whole.append(batch)
      effects.writes.append((.log(ticket: request.ticket), whole))
    } else {
      effects.writes.append((.note(size: checkpoint.size), batch))
    }
    awaitErasures(in: &effects)
    takeUp(using: &random, into: &effects)
  }

  mutating func onSnapshotTaken(
    _ taken: SnapshotTaken, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard taken.pieces > 0 else {
      endTransfer(to: sender, succeeded: taken.accepted, using: &random, into: &effects)
      return
    }
    guard let position = snapshots.outgoing.firstIndex(where: { $0.peer == sender }),
      taken.pieces > snapshots.outgoing[position].taken, taken.pieces <= snapshots.outgoing[position].sent
    else { return }
    snapshots.outgoing[position].taken = Int(taken.pieces)
    snapshots.outgoing[position].since = now.monotonic
    sendPieces(to: sender, into: &effects)
  }

  /// A transfer is over, one way or the other: consensus goes on with the peer, or asks again.
  mutating func endTransfer(
    to peer: NodeID, succeeded: Bool, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard snapshots.outgoing.contains(where: { $0.peer == peer }) else { return }
    snapshots.outgoing.removeAll { $0.peer == peer }
    stepRaft(.snapshotReport(peer: peer, succeeded: succeeded), using: &random, into: &effects)
  }

  /// Gives up on transfers that were not answered.
  mutating func pursueSnapshots(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    for transfer in snapshots.outgoing where transfer.since + SnapshotTransfers.patience <= now.monotonic {
      endTransfer(to: transfer.peer, succeeded: false, using: &random, into: &effects)
    }
  }
}
