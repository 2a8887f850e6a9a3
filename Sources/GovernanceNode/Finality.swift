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

/// What is final: covered by a group-signed checkpoint.
struct Finality: Sendable {
  /// Number of final leaves.
  private(set) var size: UInt64
  /// The newest note, and what it says.
  private(set) var note: SignedNote?
  private(set) var checkpoint: CheckpointNote?
  /// The newest note with a lease line, as it was shown.
  var lease: NoteShown?
  /// Notes of the last sizes, newest last, for proofs that storage cannot give yet.
  private(set) var recent: [(checkpoint: CheckpointNote, note: SignedNote)] = []
  /// Live approvals that are final but not consented to; ascending.
  private(set) var unconsented: [LeafIndex] = []
  /// Final approvals that no note known here consents to, live or not; ascending, bounded. Another node
  /// may have the note: one may have been missed.
  private(set) var unproven: [LeafIndex] = []
  /// When notes were last asked for.
  var lastWanted = Instant(nanoseconds: 0)
  /// When more became final last.
  var lastAdvance = Instant(nanoseconds: 0)
  /// When a note came last, of whatever size.
  var lastNote = Instant(nanoseconds: 0)
  /// Leaders that came since, while something waited for a note.
  var fruitlessLeaders = 0
  /// Leaves that some party declined; excepted for a while that doubles each time, so that neither one party's
  /// objection nor one party's lie delays what the others consent to for good.
  private var declines: [(leaf: LeafIndex, until: Instant, pause: Nanoseconds)] = []
  /// When consent to what was left out was last asked for again.
  var lastRetry = Instant(nanoseconds: 0)
  /// A note that is ahead of this node's log.
  var pending: NoteShown?
  /// Whether the store holds the state at the last note: until the first note it holds none, and then all
  /// of it is written, not what changed.
  var isStateStored: Bool

  private static var recentLength: Int { 256 }
  private static var maximumUnproven: Int { 1024 }

  init(size: UInt64, note: SignedNote?) {
    self.size = max(size, 1)
    self.note = note
    checkpoint = note.flatMap { try? CheckpointNote(parsing: $0.text) }
    isStateStored = note != nil
  }

  /// After a restart, or once the leaves before a snapshot are here: which live approvals no kept note consents to.
  mutating func resume(_ ledger: Ledger, _ state: ShieldState) {
    unconsented = state.liveApprovals().filter { ledger.note(consentingTo: $0) == nil }
    unproven = unconsented
    for (checkpoint, _) in recent { prove(by: checkpoint) }
  }

  mutating func accept(_ note: SignedNote, _ checkpoint: CheckpointNote, approvals: [LeafIndex]) {
    size = checkpoint.size
    self.note = note
    self.checkpoint = checkpoint
    recent.append((checkpoint, note))
    if recent.count > Self.recentLength { recent.removeFirst() }
    unconsented += approvals
    unproven += approvals
    prove(by: checkpoint)
    if unproven.count > Self.maximumUnproven {
      unproven.removeFirst(unproven.count - Self.maximumUnproven)
    }
  }

  /// Operators have said that so many leaves are final; no note covers the last of them yet.
  mutating func stand(at size: UInt64) { self.size = max(self.size, size) }

  /// Takes an older note in for what it consents to.
  mutating func admit(_ note: SignedNote, _ checkpoint: CheckpointNote) {
    recent.append((checkpoint, note))
    if recent.count > Self.recentLength { recent.removeFirst() }
    prove(by: checkpoint)
  }

  private mutating func prove(by checkpoint: CheckpointNote) {
    guard let consent = checkpoint.consent else { return }
    unconsented.removeAll { consent.covers($0) }
    unproven.removeAll { consent.covers($0) }
  }

  /// Approvals that can no longer be consented to need no further rounds.
  mutating func forget(_ isGone: (LeafIndex) -> Bool) {
    unconsented.removeAll(where: isGone)
    declines.removeAll { isGone($0.leaf) }
  }

  /// What ended without consent is proven by no note, anywhere: it is not asked for any more.
  mutating func forgetUnproven(_ isOver: (LeafIndex) -> Bool) { unproven.removeAll(where: isOver) }

  /// What is excepted now.
  func declined(at now: Instant) -> [LeafIndex] { declines.filter { $0.until > now }.map(\.leaf) }

  mutating func decline(_ leaf: LeafIndex, at now: Instant) {
    var pause = Nanoseconds.milliseconds(500)
    if let position = declines.firstIndex(where: { $0.leaf == leaf }) {
      guard declines[position].until <= now else { return }
      let last = declines.remove(at: position).pause
      pause = last + last > .seconds(30) ? .seconds(30) : last + last
    }
    declines.append((leaf, now + pause, pause))
    if declines.count > 4096 { declines.removeFirst() }
  }
}

extension GovernanceNode {
  /// Writes down what the final state has that an earlier one had not, and forgets what it no longer has.
  mutating func keepState(since earlier: ShieldState, in batch: inout WriteBatch) {
    let known = finality.isStateStored ? earlier.cells : MerkleMap()
    finality.isStateStored = true
    overlay.final.cells.forEachChange(since: known) { name, cell in
      if let cell {
        batch.put(.state, Array(name.utf8), cell.merkleBytes())
      } else {
        batch.delete(.state, Array(name.utf8))
      }
    }
  }

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

  private mutating func makeFinal(
    _ note: SignedNote, _ checkpoint: CheckpointNote, _ shown: NoteShown,
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let earlier = overlay.final
    let first = finality.size
    let isLarger = checkpoint.size > first
    overlay.finalize(checkpoint.size)
    raft.setFinal(LogIndex(rawValue: checkpoint.size))
    let approvals = isLarger ? overlay.final.approvals(in: first...(checkpoint.size - 1)) : []
    let wereUnconsented = finality.unconsented
    let proven = checkpoint.consent.map { consent in
      Set(finality.unproven + wereUnconsented + approvals).filter(consent.covers).sorted()
    }
    finality.accept(note, checkpoint, approvals: approvals)
    finality.lastNote = now.monotonic
    if isLarger { finality.lastAdvance = now.monotonic }
    // Leases alone, while records wait to be final, are no success.
    if isLarger || raft.log.size == checkpoint.size { finality.fruitlessLeaders = 0 }
    // What came beside the note is signed through the note alone.
    if let line = checkpoint.lease, Challenge.tree(shown.leasedChallenges).root == line.challengeRoot,
      SHA256.hash(shown.restrictions) == line.restrictionsHash
    {
      finality.lease = shown
    }

    if isLarger || checkpoint.consent != nil {
      var batch = WriteBatch()
      raft.log.keep(note, checkpoint, consentingTo: proven ?? [], in: &batch)
      keepState(since: earlier, in: &batch)
      enterEpoch(note, using: &random, in: &batch, into: &effects)
      bindRulings(in: first..<checkpoint.size, in: &batch)
      // What a change that was taken back has left.
      if overlay.final.membership.change == nil, vault.holdsMore(than: signer.share) {
        vault.destroy(but: signer.share, in: &batch)
      }
      effects.writes.append((.note(size: checkpoint.size), batch))
      awaitErasures(in: &effects)
    }
    let consented = (wereUnconsented + approvals).filter { checkpoint.consent?.covers($0) == true }
    if isLarger { effects.notices.append(.final(size: checkpoint.size, consented: consented.count)) }
    let state = overlay.final
    finality.forget { !state.isLiveApproval(at: $0, time: checkpoint.time) }
    reconcileRestrictions(into: &effects)
    if let batch = vetoes.reconcile(with: state) {
      effects.writes.append((.note(size: checkpoint.size), batch))
    }
    answerFinal(from: first, consented: consented, into: &effects)
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

  /// A note that proves `leaf`; for an approval, one that consents to it.
  func note(proving leaf: LeafIndex, consenting: Bool) -> SignedNote? {
    if consenting {
      return finality.recent.first { $0.checkpoint.consent?.covers(leaf) == true }?.note
        ?? raft.log.note(consentingTo: leaf)
    }
    return finality.recent.first { $0.checkpoint.size > leaf.value }?.note
      ?? raft.log.notes(covering: leaf, limit: 1).first
  }

  /// The leaf with its proof, where it is final (and, for an approval, consented to).
  func proof(of leaf: LeafIndex, consenting: Bool = false) -> LedgerProof? {
    guard let note = note(proving: leaf, consenting: consenting) else { return nil }
    return raft.log.proof(of: leaf, under: note)
  }
}
