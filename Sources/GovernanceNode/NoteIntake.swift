import ClawLedger
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

// Notes that others show: which are signed, which this log agrees with, and what follows from the others.
extension GovernanceNode {
  /// A note that the key which signs its size has signed for this cluster; nil where it has not. It comes back with
  /// the group's line alone: what else a peer put beside it nobody has checked, and is neither kept nor shown on.
  func groupSigned(_ encoded: String) -> (note: SignedNote, checkpoint: CheckpointNote)? {
    guard let received = try? SignedNote(parsing: Array(encoded.utf8)),
      let checkpoint = try? CheckpointNote(parsing: received.text), checkpoint.cluster == cluster,
      let note = verified(received, checkpoint)
    else { return nil }
    return (note, checkpoint)
  }

  /// Takes a note up: checks its signature, compares it with this log, and makes final what it covers.
  mutating func onNoteShown(
    _ shown: NoteShown, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let received = try? SignedNote(parsing: Array(shown.note.utf8)),
      let checkpoint = try? CheckpointNote(parsing: received.text), checkpoint.cluster == cluster
    else {
      effects.notices.append(.evidence("a note was shown that cannot be read"))
      return
    }
    guard let note = verified(received, checkpoint) else {
      onUnverified(received, checkpoint, into: &effects)
      return
    }
    var shown = shown
    shown.note = note.encoded
    guard !rulings.refutes(checkpoint) else {
      effects.notices.append(
        .evidence("a note of size \(checkpoint.size) was shown that operators have said not to stand"))
      return
    }
    if let last = finality.checkpoint, checkpoint.size == last.size,
      checkpoint.root != last.root || checkpoint.stateRoot != last.stateRoot
    {
      halt(
        Conflict(
          size: checkpoint.size, reason: "two notes of size \(checkpoint.size) conflict",
          first: finality.note?.encoded ?? last.text, second: note.encoded), into: &effects)
      return
    }
    guard checkpoint.size >= finality.size, checkpoint.time > (finality.checkpoint?.time ?? .epoch) else {
      onOlderNote(note, checkpoint, into: &effects)
      return
    }
    guard let root = raft.log.rootHash(ofSize: checkpoint.size), checkpoint.size <= overlay.size else {
      if checkpoint.size > raft.log.size { finality.pending = shown }
      return
    }
    guard root == checkpoint.root else {
      onForeignNote(shown, checkpoint, into: &effects)
      return
    }
    // Only the key in force signs the size that ends in another's record, and nothing above. That it signed more
    // is no note, whoever still holds shares of it.
    guard turn.map({ checkpoint.size <= $0 }) ?? true else { return }
    guard let state = overlay.state(at: checkpoint.size) else { return }
    guard state.stateRoot == checkpoint.stateRoot else {
      halt(
        Conflict(
          size: checkpoint.size,
          reason: "the state at size \(checkpoint.size) is not the one that the note names",
          first: state.stateRoot.hex, second: note.encoded), into: &effects)
      return
    }
    makeFinal(note, checkpoint, shown, using: &random, into: &effects)
    advanceCheckpoint(using: &random, into: &effects)
  }

  /// The note with the line of the key that signs its size, as far as this node knows; nil where that line is
  /// missing or does not verify.
  func verified(_ note: SignedNote, _ checkpoint: CheckpointNote) -> SignedNote? {
    #if SIMULATION
    if Mutant.noteUnverified.isActive { return note }
    if Mutant.oldKeyAccepted.isActive {
      let cluster = cluster
      return overlay.final.membership.epochs.lazy.compactMap {
        KeyEpoch<Suite>.verified(note, under: $0.key, cluster: cluster)
      }.first
    }
    #endif
    return KeyEpoch<Suite>.verified(
      note, under: overlay.final.membership.key(signing: checkpoint.size), cluster: cluster)
  }

  /// A note that the key which signs its size did not sign. It may be a later key's: then this node asks for the
  /// notes that lead there.
  private mutating func onUnverified(
    _ note: SignedNote, _ checkpoint: CheckpointNote, into effects: inout NodeEffects
  ) {
    let epochs = overlay.final.membership.epochs
    let ids = epochs.map { KeyEpoch<Suite>.keyID($0.key, cluster: cluster) }
    let key = overlay.final.membership.key(signing: checkpoint.size)
    let isKnown = note.signatures.contains { line in ids.contains(line.keyID) }
    if isKnown {
      let isFormer = epochs.contains { epoch in
        epoch.key != key && KeyEpoch<Suite>.verified(note, under: epoch.key, cluster: cluster) != nil
      }
      effects.notices.append(
        .evidence(
          isFormer
            ? "a key that does not sign size \(checkpoint.size) any more, or not yet, signed it"
            : "a note was shown that the group key did not sign"))
    } else if checkpoint.size > finality.size {
      finality.lastWanted = Instant(nanoseconds: 0)
    }
  }

  /// An older note says nothing new of what is final, but may consent to what this node has no proof for.
  private mutating func onOlderNote(
    _ note: SignedNote, _ checkpoint: CheckpointNote, into effects: inout NodeEffects
  ) {
    guard checkpoint.size <= finality.size, let root = raft.log.rootHash(ofSize: checkpoint.size) else {
      return
    }
    guard root == checkpoint.root else {
      halt(
        Conflict(
          size: checkpoint.size,
          reason: "a note of size \(checkpoint.size) contradicts what is final here",
          first: raft.log.notes(covering: LeafIndex(checkpoint.size - 1), limit: 1).first?.encoded
            ?? root.hex, second: note.encoded), into: &effects)
      return
    }
    guard let consent = checkpoint.consent else { return }
    let proven = finality.unproven.filter { consent.covers($0) }
    guard !proven.isEmpty else { return }
    finality.admit(note, checkpoint)
    var batch = WriteBatch()
    raft.log.keep(note, checkpoint, consentingTo: proven, in: &batch)
    effects.writes.append((.note(size: checkpoint.size), batch))
    answerFinal(from: finality.size, consented: proven, into: &effects)
  }

  /// A note for another root: what is final elsewhere stands, and what it contradicts in this log goes, and peers
  /// are asked at once for what is final.
  private mutating func onForeignNote(
    _ shown: NoteShown, _ checkpoint: CheckpointNote, into effects: inout NodeEffects
  ) {
    effects.notices.append(
      .warning("the note of size \(checkpoint.size) has another root; what it contradicts is discarded"))
    let size = LogIndex(rawValue: checkpoint.size)
    guard raft.discardContradicted(by: size, at: now.monotonic, into: &raftEffects) else {
      halt(
        Conflict(
          size: checkpoint.size,
          reason: "a note of size \(checkpoint.size) conflicts with what is final here",
          first: finality.note?.encoded ?? "", second: shown.note), into: &effects)
      return
    }
    finality.pending = shown
    // What is kept may be another's still: then only what is final can take its place.
    if raft.log.size > finality.size, history.askedAt + HistoryKeeper.servingPause <= now.monotonic {
      askForHistory(into: &effects)
    }
  }

  /// A note that came before the entries it covers.
  mutating func retryPendingNote(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let pending = finality.pending else { return }
    guard let note = try? SignedNote(parsing: Array(pending.note.utf8)),
      let checkpoint = try? CheckpointNote(parsing: note.text), checkpoint.size > finality.size
    else {
      finality.pending = nil
      return
    }
    guard checkpoint.size <= raft.log.size else { return }
    finality.pending = nil
    onNoteShown(pending, using: &random, into: &effects)
  }
}
