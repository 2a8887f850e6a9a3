import ClawLedger
import Merkle
import Raft
import Records
import Wire

// What nodes ask each other for where a note has been missed, and show who asks.
extension GovernanceNode {
  /// Asks the others for notes that this node seems to have missed: those that consent to approvals, and,
  /// where what is committed has not become final for a while, the newest.
  mutating func wantNotes(into effects: inout NodeEffects) {
    let pause = Nanoseconds.milliseconds(400)
    let isBehind =
      raft.commitIndex.rawValue > finality.size && finality.lastAdvance + pause <= now.monotonic
    guard isBehind || !finality.unproven.isEmpty, finality.lastWanted + pause <= now.monotonic else {
      return
    }
    finality.lastWanted = now.monotonic
    let state = overlay.final
    finality.forgetUnproven { leaf in
      guard let status = state.status(ofDecision: leaf) else { return true }
      return status == .aborted || status == .unknown
    }
    guard isBehind || !finality.unproven.isEmpty else { return }
    let wanted = NoteWanted(size: finality.size, leaves: finality.unproven.prefix(64).map(\.value))
    for peer in peers { effects.messages.append((peer, PeerMessage.noteWanted(wanted))) }
  }

  /// Shows a peer what it asks for: the newest note, and those that consent to given approvals.
  func showNotes(_ wanted: NoteWanted, to peer: NodeID, into effects: inout NodeEffects) {
    var shown: [String] = []
    for leaf in wanted.leaves.prefix(64) {
      guard let note = note(proving: LeafIndex(leaf), consenting: true), !shown.contains(note.text) else {
        continue
      }
      shown.append(note.text)
      effects.messages.append((peer, PeerMessage.note(NoteShown(note: note.encoded))))
    }
    // Who has not seen a key's record become final can check nothing that the key signed: that note comes first.
    if let link = links.next(after: wanted.size), link.index.value + 1 < finality.size {
      effects.messages.append((peer, PeerMessage.note(NoteShown(note: link.note.encoded))))
      return
    }
    // Nor can who has not seen the size at which operators took the ledger from one key to another.
    if let stand = continuations.first(where: { $0 > wanted.size }), stand < finality.size {
      if let note = noteOfSize(stand) {
        effects.messages.append((peer, PeerMessage.note(NoteShown(note: note.encoded))))
      }
      return
    }
    guard finality.size > wanted.size, let note = finality.note, !shown.contains(note.text) else { return }
    effects.messages.append((peer, PeerMessage.note(NoteShown(note: note.encoded))))
  }
}
