import ClawLedger
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

// State first, history after. A node whose log began with a snapshot governs at once with the snapshot's state, and
// asks its peers, one after the other, for the leaves before it. Which they are the snapshot's root says: whoever shows
// others is found out with the first run, and named.

/// How far a node is with the leaves before its snapshot.
struct EarlierKeeper: Sendable {
  /// Whom this node asks, and when it last did; the answer is awaited while `awaits`.
  var asked: NodeID?
  var askedAt = Instant(nanoseconds: 0)
  var awaits = false
  /// What is on its way to the disk: nothing is asked for meanwhile.
  var writing: Backfill?
  /// Peers that have shown what is not in the tree; asked again only where nobody else is left.
  var named: [NodeID] = []
  var turns = Turns()

  /// How long a peer may take to answer.
  static var patience: Nanoseconds { .seconds(2) }
  /// A peer is served at most so often: with `limit`, what the log's replication is never kept from.
  static var servingPause: Nanoseconds { .milliseconds(20) }
  /// What a run has at most. Bytes of payload: one run is on its way at a time, so that much and its notes are in
  /// flight. Leaves: each may bring a note whose signature is to be checked.
  var limit = (leaves: Self.runLeaves, bytes: Self.runBytes)
  static var runLeaves: Int { 512 }
  static var runBytes: Int { 256 << 10 }
  /// Notes that are looked at, for one run.
  static var runNotes: Int { 4 * runLeaves }
}

extension GovernanceNode {
  /// Asks for the next run, where leaves are missing and none is on its way. Called with every pulse, so that at most
  /// one run comes in a pulse.
  mutating func pursueEarlier(into effects: inout NodeEffects) {
    guard let missing = raft.log.missing, earlier.writing == nil else { return }
    if earlier.awaits {
      guard earlier.askedAt + EarlierKeeper.patience <= now.monotonic else { return }
      turnFromPeer()
    }
    if earlier.asked == nil { turnFromPeer() }
    guard let peer = earlier.asked else { return }
    earlier.awaits = true
    earlier.askedAt = now.monotonic
    let wanted = EarlierWanted(first: missing.lowerBound, end: missing.upperBound)
    effects.messages.append((peer, PeerMessage.earlierWanted(wanted)))
  }

  /// What was asked on an earlier connection, or of a peer that is not reached, is not answered any more.
  mutating func loseEarlier(_ peer: NodeID) {
    if earlier.awaits, earlier.asked == peer { turnFromPeer() }
  }

  /// Turns to the next peer.
  private mutating func turnFromPeer() {
    let order = peers.sorted()
    if order.allSatisfy({ earlier.named.contains($0) }) { earlier.named.removeAll() }
    let candidates = order.filter { !earlier.named.contains($0) }
    earlier.asked = candidates.first { $0 > earlier.asked ?? raft.id } ?? candidates.first
    earlier.awaits = false
  }

  /// Shows leaves from before a peer's snapshot, or that they are not here.
  mutating func onEarlierWanted(
    _ wanted: EarlierWanted, from sender: NodeID, into effects: inout NodeEffects
  ) {
    guard wanted.first < wanted.end,
      earlier.turns.serves(sender, at: now.monotonic, pause: EarlierKeeper.servingPause)
    else { return }
    var shown = EarlierShown(first: wanted.first, end: wanted.end)
    if wanted.end <= finality.size,
      let leaves = raft.log.earlier(
        from: wanted.first, below: wanted.end, count: earlier.limit.leaves, bytes: earlier.limit.bytes)
    {
      shown.payloads = leaves.payloads
      shown.proof = leaves.proof.map(\.bytes)
      shown.notes = notes(after: wanted.first, through: wanted.first + UInt64(leaves.payloads.count))
    }
    effects.messages.append((sender, PeerMessage.earlierShown(shown)))
  }

  /// The notes kept of some sizes: one a size, and those that consent, as an export has them.
  private func notes(after first: UInt64, through last: UInt64) -> [String] {
    var shown: [String] = []
    var size = first
    for note in raft.log.notes(covering: LeafIndex(first), limit: EarlierKeeper.runNotes) {
      guard let checkpoint = try? CheckpointNote(parsing: note.text), checkpoint.size <= last else { break }
      if checkpoint.size > size || checkpoint.consent != nil { shown.append(note.encoded) }
      size = checkpoint.size
    }
    return shown
  }

  mutating func onEarlierShown(
    _ shown: EarlierShown, from sender: NodeID, into effects: inout NodeEffects
  ) {
    guard earlier.awaits, sender == earlier.asked, let missing = raft.log.missing,
      // What was asked for before another snapshot came, whose size the proof leads to, says nothing about its sender.
      shown.first == missing.lowerBound, shown.end == missing.upperBound
    else { return }
    earlier.awaits = false
    guard !shown.payloads.isEmpty else {
      turnFromPeer()
      return
    }
    let leaves = EarlierLeaves(
      first: shown.first, payloads: shown.payloads, proof: shown.proof.compactMap { Digest($0) })
    let notes = shown.notes.prefix(EarlierKeeper.runNotes).compactMap { groupSigned($0) }
    let final = overlay.final
    let filling: Filling =
      shown.payloads.count > EarlierKeeper.runLeaves
      ? .foreign
      : raft.log.filling(with: leaves, notes: notes, approvals: { final.approvals(in: $0) })
    switch filling {
    case .next(let backfill): fill(with: backfill, shown, into: &effects)
    case .lacking:
      // The peer has carried out an erasure that is not final here, or not durable: soon it will be.
      turnFromPeer()
    case .foreign:
      earlier.named.append(sender)
      effects.notices.append(
        .evidence("\(sender) showed leaves from \(shown.first) on that are not under the snapshot's root"))
      turnFromPeer()
    }
  }

  private mutating func fill(
    with backfill: Backfill, _ shown: EarlierShown, into effects: inout NodeEffects
  ) {
    earlier.writing = backfill
    effects.writes.append((.earlier(size: backfill.size), backfill.batch))
    // Who shows little of much is not asked again at once: one leaf at a time the history would never be here.
    let shownBytes = shown.payloads.reduce(0) { $0 + $1.count }
    if shown.payloads.count < EarlierKeeper.runLeaves / 2, shownBytes < EarlierKeeper.runBytes / 2 {
      turnFromPeer()
    }
  }

  /// A run is durable. With the last one the snapshot's point has gone: this node proves, exports and lists from the
  /// genesis on, as any other.
  mutating func onEarlierDurable(_ size: UInt64, into effects: inout NodeEffects) {
    guard let backfill = earlier.writing, backfill.size == size else { return }
    earlier.writing = nil
    raft.log.filled(by: backfill)
    guard raft.log.missing == nil, size == backfill.base else { return }
    finality.resume(raft.log, overlay.final)
    for executor in executors.streams.map(\.executor) {
      for leaf in overlay.final.outstandingApprovals(for: executor) { offer(leaf, into: &effects) }
    }
    effects.notices.append(.warning("the leaves before the snapshot of size \(size) are here"))
  }
}
