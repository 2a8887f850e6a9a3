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

/// One attempt of a leader to have a checkpoint signed.
struct CheckpointRound<Suite: CipherSuite>: Sendable {
  let number: UInt64
  let note: CheckpointNote
  let text: [UInt8]
  /// What the lease line commits to.
  let challenges: [Challenge]
  let restrictions: RestrictionList
  let startedAt: Instant
  /// Leaves that some party declined; a next round excepts them.
  var declinedLeaves: [LeafIndex] = []
  /// Parties that said that their nonces were spent, once for each time they said so in this round.
  var spent: [PartyIdentifier] = []
  /// Parties that declined this round, each once.
  var declines: [PartyIdentifier] = []
  /// Whether a decline said what the next round must do otherwise.
  var isTaught = false
  private var coordinator: Coordinator<Suite>
  /// What the coordinator wants done and nobody has taken up yet.
  var pending: [Coordinator<Suite>.Effect] = []
  /// What the coordinating party is to sign itself, once the others who are not late have given their shares: what it alone
  /// would sign, such as a time that its clock alone believes, then binds it to nothing.
  var own: SignCall?
  private var asked: [(party: PartyIdentifier, at: Instant)] = []

  init(
    number: UInt64, note: CheckpointNote, challenges: [Challenge], restrictions: RestrictionList,
    publicKeys: PublicKeyPackage<Suite>, preferred: [PartyIdentifier], at now: Instant
  ) throws(FROSTError) {
    self.number = number
    self.note = note
    self.challenges = challenges
    self.restrictions = restrictions
    text = Array(note.text.utf8)
    startedAt = now
    coordinator = try Coordinator(publicKeys: publicKeys, message: text, preferred: preferred)
  }

  mutating func step(_ event: Coordinator<Suite>.Event, book: inout CommitmentBook<Suite>) {
    coordinator.step(event, book: &book, into: &pending)
  }

  mutating func markAsked(_ party: PartyIdentifier, at now: Instant) {
    asked.removeAll { $0.party == party }
    asked.append((party, now))
  }

  /// Asks again whom it has asked for `span` and without whom nothing can be done: the question, or its answer, may be lost.
  mutating func repeatQuestions(except own: PartyIdentifier, at now: Instant, after span: Nanoseconds) {
    guard coordinator.isStuck else { return }
    for effect in coordinator.pendingRequests {
      guard case .request(let party, _, _) = effect, party != own,
        let last = asked.first(where: { $0.party == party }), last.at + span <= now
      else { continue }
      pending.append(effect)
    }
  }

  /// Whether a party's answer to this call is awaited still.
  func awaits(_ party: PartyIdentifier, _ call: SignCall) -> Bool {
    coordinator.awaits(party, session: Int(truncatingIfNeeded: call.session))
  }

  /// Whether it waits for commitments, or for parties to become free.
  var lacksCommitments: Bool { coordinator.isStuck }

  /// Whether it waits in vain for what another round may have at once.
  var isHopeless: Bool { coordinator.isStuckByUnwilling }

  /// Whether others than `party` are to answer first.
  func awaitsOthers(than party: PartyIdentifier) -> Bool { coordinator.awaitsOthers(than: party) }

  /// The parties that have not answered for `span`.
  func late(at now: Instant, after span: Nanoseconds) -> [PartyIdentifier] {
    let waited = coordinator.pending
    return asked.filter { $0.at + span <= now && waited.contains($0.party) }.map { $0.party }
  }
}

/// Whom a coordinator has asked for commitments, and when. Who is asked twice publishes twice.
struct NonceRequests: Sendable {
  /// For how long an answer may be on its way.
  private static let patience = Nanoseconds.milliseconds(150)
  private var open: [(peer: NodeID, at: Instant)] = []

  /// Whether `peer` is to be asked; then it has been.
  mutating func mayAsk(_ peer: NodeID, at now: Instant) -> Bool {
    #if SIMULATION
    if Mutant.commitmentsOnRequest.isActive { return true }
    #endif
    open.removeAll { $0.at + Self.patience <= now }
    guard !open.contains(where: { $0.peer == peer }) else { return false }
    open.append((peer, now))
    return true
  }

  /// Its commitments have come, or it is another life of its process: what was asked is answered.
  mutating func answered(by peer: NodeID) { open.removeAll { $0.peer == peer } }
}

/// How long no round is begun, after rounds that more parties have declined than can be spared and that taught nothing: the
/// next would be declined for the same.
struct RoundPause: Sendable {
  private static let longest = Nanoseconds.seconds(1)
  private var length = Nanoseconds.zero
  private var ends = Instant(nanoseconds: 0)

  func isOver(at now: Instant) -> Bool { ends <= now }

  /// Twice as long as the last, from 125 milliseconds to a second.
  mutating func lengthen(at now: Instant) {
    length = min(max(length + length, .milliseconds(125)), Self.longest)
    ends = now + length
  }

  /// A round has ended well, or others are led.
  mutating func end() { self = RoundPause() }
}

extension GovernanceNode {
  /// A party that has not answered for this long is passed over for another.
  static var shareDeadline: Nanoseconds { .milliseconds(150) }
  /// A question that nothing can be done without is asked again as often.
  static var repeatInterval: Nanoseconds { .milliseconds(300) }
  /// A round that has not ended after this long is given up for a new one.
  static var roundDeadline: Nanoseconds { .milliseconds(1500) }
  /// And one in which some will not sign, and the others are late, after this long: the next asks for something else.
  static var hopelessDeadline: Nanoseconds { .milliseconds(600) }
  /// How often a party's nonces may be spent in one round.
  static var maximumSpent: Int { 3 }
  /// A lease is renewed at a third of its life.
  static var leaseInterval: Nanoseconds { .milliseconds(3300) }

  /// Begins a round where there is something to sign, and moves on the one that runs.
  mutating func advanceCheckpoint(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    if round == nil { beginRound(using: &random, into: &effects) }
    performRound(using: &random, into: &effects)
  }

  private mutating func beginRound(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard raft.role == .leader, raft.mayPropose, roundPause.isOver(at: now.monotonic) else { return }
    #if SIMULATION
    let needed = Mutant.allPartiesNeeded.isActive ? epoch.parties.count : epoch.threshold
    let acknowledged =
      Mutant.lockWithoutAcknowledgements.isActive
      ? raft.commitIndex.rawValue
      : acks.acknowledgedSize(by: needed, of: epoch.parties, term: raft.currentTerm, ledger: raft.log)
    #else
    let acknowledged = acks.acknowledgedSize(
      by: epoch.threshold, of: epoch.parties, term: raft.currentTerm, ledger: raft.log)
    #endif
    let size = max(min(acknowledged, raft.commitIndex.rawValue, turn ?? .max), finality.size)
    // What this party has signed is in its log, and others signed it too: they would decline a smaller size, and a moment later
    // it is acknowledged again.
    guard size >= signer.lock.size || raft.log.rootHash(ofSize: signer.lock.size) != signer.lock.root else {
      return
    }
    let isLeaseDue = executors.isLeaseDue(at: now.monotonic, interval: Self.leaseInterval)
    let mayRetryConsent =
      !finality.unconsented.isEmpty && finality.lastRetry + .milliseconds(500) <= now.monotonic
    guard size > 0, size >= epoch.firstSize, size > finality.size || isLeaseDue || mayRetryConsent,
      let state = overlay.state(at: size), let root = raft.log.rootHash(ofSize: size)
    else { return }
    if mayRetryConsent { finality.lastRetry = now.monotonic }
    let signed = max(signer.lock.time, finality.checkpoint?.time ?? .epoch)
    let time = max(max(now.wall, state.logTime), signed.advanced(by: Interval(nanoseconds: 1)))
    var note = CheckpointNote(
      cluster: cluster, size: size, root: root, stateRoot: state.stateRoot, time: time)
    note.consent = consentLine(size: size, state: state, time: time)
    #if SIMULATION
    falsify(&note, state)
    #endif
    let list = restrictions.list(with: state)
    let challenges = executors.isServing ? executors.challenges : []
    if executors.isServing {
      note.lease = LeaseLine(
        policyBundleHash: state.bundle.hash, mode: list.isHalted ? .halted : .running,
        seconds: LeaseLine.standardSeconds, challengeRoot: Challenge.root(challenges),
        restrictionsHash: list.hash)
    }
    startRound(note, challenges: challenges, restrictions: list, using: &random, into: &effects)
  }

  /// Consent to every approval since what was consented to last, but for those that nobody may consent to, or
  /// that others have declined. What this party alone objects to it asks the others for.
  private func consentLine(size: UInt64, state: ShieldState, time: Timestamp) -> ConsentLine? {
    let first = finality.unconsented.first?.value ?? finality.size
    guard first < size else { return nil }
    let range = first...(size - 1)
    let approvals = state.approvals(in: range)
    guard !approvals.isEmpty else { return nil }
    var exceptions = unconsentable(in: range, state: state, time: time)
    let hopeless = vetoes.hopeless(beyond: epoch.parties.count - epoch.threshold, of: epoch.parties)
    for leaf in finality.declined(at: now.monotonic) + hopeless
    where approvals.contains(leaf) && !exceptions.contains(leaf) {
      exceptions.append(leaf)
    }
    exceptions.sort()
    guard exceptions.count < approvals.count else { return nil }
    guard exceptions.count <= ConsentLine.maximumExceptions else {
      // Too many to list: consent up to the first that does not fit.
      let end = exceptions[ConsentLine.maximumExceptions].value - 1
      return ConsentLine(
        first: LeafIndex(first), last: LeafIndex(end),
        exceptions: Array(exceptions.prefix(ConsentLine.maximumExceptions)))
    }
    return ConsentLine(first: LeafIndex(first), last: LeafIndex(size - 1), exceptions: exceptions)
  }

  private mutating func startRound(
    _ note: CheckpointNote, challenges: [Challenge], restrictions: RestrictionList,
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let holders = acks.holders(of: note.size, term: raft.currentTerm, ledger: raft.log)
    let preferred = ([raft.id] + holders.filter { $0 != raft.id }).filter(epoch.parties.contains).compactMap {
      PartyIdentifier(UInt16(truncatingIfNeeded: $0.rawValue))
    }
    refillOwnNonces(using: &random, into: &effects)
    guard
      var fresh = try? CheckpointRound(
        number: nextRound, note: note, challenges: challenges, restrictions: restrictions,
        publicKeys: epoch.publicKeys, preferred: preferred, at: now.monotonic)
    else { return }
    nextRound += 1
    fresh.step(.commitmentsAvailable, book: &book)
    round = fresh
  }

  /// Takes up what the round's coordinator wants done.
  private mutating func performRound(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    while let pending = round?.pending, !pending.isEmpty, var current = round {
      current.pending.removeAll()
      var signature: SchnorrSignature<Suite>?
      var isOwnNew = false
      let proofs = current.note.lease == nil ? [] : restrictions.proofs()
      for effect in pending {
        switch effect {
        case .request(let party, let session, let package):
          let call = SignCall(
            term: raft.currentTerm.rawValue, round: current.number, session: UInt64(session),
            text: current.text, commitments: package.commitments.map { $0.encoding },
            restrictions: current.note.lease == nil ? [] : current.restrictions.json.canonicalBytes(),
            proofs: proofs)
          if party == signer.party {
            (current.own, isOwnNew) = (call, true)
          } else if let peer = NodeID(rawValue: UInt64(party.value)) {
            current.markAsked(party, at: now.monotonic)
            effects.messages.append((peer, PeerMessage.signCall(call)))
          }
        case .needCommitments(let party):
          if party == signer.party {
            refillOwnNonces(using: &random, into: &effects)
            current.step(.commitmentsAvailable, book: &book)
          } else if let peer = NodeID(rawValue: UInt64(party.value)) {
            wantNonces(of: peer, into: &effects)
          }
        case .culprit(let culprit):
          effects.notices.append(.evidence("party \(culprit.party): \(culprit.misbehaviour)"))
        case .stuck: break
        case .signed(let result): signature = result
        }
      }
      if let signature {
        round = nil
        let note = SignedNote(
          text: current.note.text, name: CheckpointNote.origin(cluster: cluster), keyID: epoch.keyID,
          signature: signature.encoding)
        publish(note, current, using: &random, into: &effects)
        return
      }
      round = current
      if isOwnNew { signOwn(isNew: true, using: &random, into: &effects) }
    }
    signOwn(isNew: false, using: &random, into: &effects)
  }

  /// Gives this party's own share when it is the last that is awaited, or says that it gives none: that at once, so that
  /// another is asked instead.
  private mutating func signOwn(
    isNew: Bool, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let call = round?.own, let current = round else { return }
    let isAwaited = current.awaits(signer.party, call)
    if isAwaited, current.awaitsOthers(than: signer.party) {
      guard isNew else { return }
      switch judge(call) {
      case .sign, .wait: return
      case .declineConsent, .declineLease, .refuse: break
      }
    }
    round?.own = nil
    guard isAwaited else { return }
    round?.markAsked(signer.party, at: now.monotonic)
    waitingCall = WaitingCall(call: call, coordinator: raft.id, since: now.monotonic)
    retryWaitingCall(using: &random, into: &effects)
  }

  mutating func onSignAnswer(
    _ answer: SignAnswer, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard var current = round, answer.term == raft.currentTerm.rawValue, answer.round == current.number,
      let party = PartyIdentifier(UInt16(truncatingIfNeeded: sender.rawValue))
    else { return }
    let session = Int(truncatingIfNeeded: answer.session)
    #if SIMULATION
    if Mutant.oneDeclineEnds.isActive, answer.share.isEmpty {
      round = nil
      return
    }
    #endif
    switch answer.declined {
    case "":
      guard let share = try? SignatureShare<Suite>(encoding: answer.share) else {
        effects.notices.append(.evidence("party \(party) sent a share that cannot be read"))
        current.step(.declined(party), book: &book)
        break
      }
      current.step(.share(share, session: session, from: party), book: &book)
    case "spent":
      // Honest nonces are gone after a restart or a change of leader: once, not in every session. Who goes on
      // saying so is not asked again in this round, or it would be asked as fast as the network carries it.
      guard current.spent.count(where: { $0 == party }) < Self.maximumSpent else {
        current.step(.declined(party), book: &book)
        break
      }
      current.spent.append(party)
      book.drop(party)
      if sender == raft.id {
        refillOwnNonces(using: &random, into: &effects)
      } else {
        wantNonces(of: sender, into: &effects)
      }
      current.step(.nonceSpent(party, session: session), book: &book)
    default:
      // Declines are evidence of what a party would not consent to: unsigned ones are no answer.
      guard sender == raft.id || isSigned(answer, by: sender) else {
        effects.notices.append(.evidence("party \(party) declined without a valid signature"))
        current.step(.declined(party), book: &book)
        break
      }
      for leaf in answer.except.prefix(ConsentLine.maximumExceptions)
      where !current.declinedLeaves.contains(LeafIndex(leaf)) {
        current.declinedLeaves.append(LeafIndex(leaf))
        current.isTaught = true
      }
      if !current.declines.contains(party) { current.declines.append(party) }
      for shown in answer.restrictions
      where bind(statement: shown.statement, attachment: shown.attachment, into: &effects) {
        current.isTaught = true
      }
      current.step(.declined(party), book: &book)
    }
    round = current
    // With more than n − t declines this round cannot end; what was declined is excepted in the next.
    if current.declines.count > epoch.parties.count - epoch.threshold {
      for leaf in current.declinedLeaves { finality.decline(leaf, at: now.monotonic) }
      round = nil
      if !current.isTaught { roundPause.lengthen(at: now.monotonic) }
      // This party's own answer comes at once, and would be the same, and so would all where nobody said what to do
      // otherwise, such as those of parties that hold the time for false: the next round waits for the pulse.
      if sender == raft.id || !current.isTaught { return }
    }
    advanceCheckpoint(using: &random, into: &effects)
  }

  /// Passes late parties over, and gives a round up that leads nowhere.
  mutating func pursueRound(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard var current = round else { return }
    let deadline = current.isHopeless ? Self.hopelessDeadline : Self.roundDeadline
    guard current.startedAt + deadline > now.monotonic else {
      for leaf in current.declinedLeaves { finality.decline(leaf, at: now.monotonic) }
      round = nil
      return
    }
    for party in current.late(at: now.monotonic, after: Self.shareDeadline) {
      current.step(.passOver(party), book: &book)
    }
    // What was asked for may be lost.
    #if SIMULATION
    let asksAgain = !Mutant.commitmentsOnRequest.isActive
    #else
    let asksAgain = true
    #endif
    if asksAgain, current.lacksCommitments { current.step(.commitmentsAvailable, book: &book) }
    #if SIMULATION
    let repeats = !Mutant.questionsOnce.isActive
    #else
    let repeats = true
    #endif
    if repeats {
      current.repeatQuestions(except: signer.party, at: now.monotonic, after: Self.repeatInterval)
    }
    round = current
    performRound(using: &random, into: &effects)
  }

  /// Shows a new note to everyone, and takes it up here.
  private mutating func publish(
    _ note: SignedNote, _ round: CheckpointRound<Suite>,
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let shown = NoteShown(
      note: note.encoded,
      challenges: round.challenges.map {
        ChallengeNote(
          executor: $0.executor.path, incarnation: UInt32($0.incarnation), challenge: $0.bytes)
      },
      restrictions: round.note.lease == nil ? [] : round.restrictions.json.canonicalBytes())
    roundPause.end()
    for peer in peers { effects.messages.append((peer, PeerMessage.note(shown))) }
    if round.note.lease != nil { executors.leased(round.challenges, at: now.monotonic) }
    onNoteShown(shown, using: &random, into: &effects)
  }
}

#if SIMULATION
/// What a lying coordinator asks the others to sign: not a shell around a node can do that, since the node checks what
/// it has signed.
public enum FalseNote: String, Sendable, CaseIterable {
  /// A root that nobody has.
  case root
  /// A state that nobody derives.
  case state
  /// Consent to every approval, void or not.
  case consent
}

extension GovernanceNode {
  fileprivate func falsify(_ note: inout CheckpointNote, _ state: ShieldState) {
    switch falseNote {
    case nil: break
    case .root: note.root = SHA256.hash(note.root.bytes)
    case .state: note.stateRoot = SHA256.hash(note.stateRoot.bytes)
    case .consent:
      let first = finality.unconsented.first?.value ?? finality.size
      guard first < note.size, !state.approvals(in: first...(note.size - 1)).isEmpty else { return }
      note.consent = ConsentLine(first: LeafIndex(first), last: LeafIndex(note.size - 1), exceptions: [])
    }
  }
}
#endif
