import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Records
import Wire

/// What is final: covered by a group-signed checkpoint.
struct Finality: Sendable {
  /// Number of final leaves.
  private(set) var size: UInt64
  /// The newest note, and what it says.
  private(set) var note: SignedNote?
  private(set) var checkpoint: CheckpointNote?
  /// The newest note with a lease line, as it was shown.
  private(set) var lease: NoteShown?
  /// The root over the challenges of `lease`.
  private var leaseRoot: Digest?
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

  /// Takes up a lease where what came beside its note is what the line commits to. Executors challenge every few seconds, and
  /// notes come several times a second: mostly the challenges are those of the note before.
  mutating func acceptLease(_ line: LeaseLine, _ shown: NoteShown) {
    let known = lease.flatMap { $0.showsSameChallenges(as: shown) ? leaseRoot : nil }
    let root = known ?? Challenge.root(shown.leasedChallenges)
    guard root == line.challengeRoot, SHA256.hash(shown.restrictions) == line.restrictionsHash else { return }
    lease = shown
    leaseRoot = root
  }

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
    overlay.final.cells.takeChanges(since: known) { name, bytes in
      if let bytes {
        batch.put(.state, Array(name.utf8), bytes)
      } else {
        batch.delete(.state, Array(name.utf8))
      }
    }
  }

  /// Makes final what a note covers that this log agrees with: keeps the note and the state, and answers who waits for
  /// it. Its caller has verified the note and held it against log and state.
  mutating func makeFinal(
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
    if let line = checkpoint.lease { finality.acceptLease(line, shown) }

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
