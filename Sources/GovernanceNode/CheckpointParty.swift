import ClawLedger
import ClawShield
import Crypto
import FROST
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// A coordinator's call that this party cannot judge yet: its log is not durable that far, or not
/// enough parties have said that theirs is.
struct WaitingCall: Sendable {
  let call: SignCall
  let coordinator: NodeID
  let since: Instant
}

/// What a party thinks of a checkpoint that it is asked to sign.
enum Verdict: Equatable, Sendable {
  case sign(CheckpointNote)
  /// Not yet: something that is on its way has not come.
  case wait
  /// No, and that is no fault: these leaves, or these restrictions, stand against it.
  case declineConsent(except: [LeafIndex])
  case declineLease
  /// No.
  case refuse(String)
}

extension GovernanceNode {
  /// How far a note's time may be from this party's clock.
  static var allowedSkew: Interval { .seconds(5) }

  mutating func onSignCall(
    _ call: SignCall, from coordinator: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard call.term == raft.currentTerm.rawValue, leads(coordinator) else { return }
    // Restrictions that the coordinator proves bind this party as if an operator had shown them.
    for proof in call.proofs {
      bind(statement: proof.statement, attachment: proof.attachment, into: &effects)
    }
    waitingCall = WaitingCall(call: call, coordinator: coordinator, since: now.monotonic)
    retryWaitingCall(using: &random, into: &effects)
  }

  /// Whether a node leads this term, also while this one asks around whether it might itself: a question that met it then
  /// would be lost.
  private func leads(_ node: NodeID) -> Bool {
    raft.leader == node || (raft.leader == nil && lastLed.map { $0 == (raft.currentTerm, node) } ?? false)
  }

  /// Judges the waiting call again, now that something has changed.
  mutating func retryWaitingCall(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let waiting = waitingCall else { return }
    guard waiting.call.term == raft.currentTerm.rawValue,
      waiting.since + .seconds(5) > now.monotonic
    else {
      waitingCall = nil
      return
    }
    var answer = SignAnswer(
      term: waiting.call.term, round: waiting.call.round, session: waiting.call.session)
    consultLocalPolicy(about: waiting.call)
    switch judge(waiting.call) {
    case .wait: return
    case .sign(let note):
      waitingCall = nil
      sign(note, waiting, using: &random, into: &effects)
      return
    case .declineConsent(let leaves):
      answer.declined = "consent"
      answer.except = leaves.map(\.value)
    case .declineLease:
      answer.declined = "lease"
      answer.restrictions = restrictions.proofs()
    case .refuse(let reason):
      answer.declined = "other"
      effects.notices.append(.warning("no share: \(reason)"))
    }
    waitingCall = nil
    answer.signature = identity.partyKey.sign(declineStatement(answer)).bytes
    deliver(answer, to: waiting.coordinator.rawValue, using: &random, into: &effects)
  }

  func declineStatement(_ answer: SignAnswer) -> [UInt8] {
    var unsigned = answer
    unsigned.signature = []
    return Array("openexec/v1/decline\n\(cluster.hex)\n".utf8) + unsigned.encode()
  }

  func isSigned(_ decline: SignAnswer, by sender: NodeID) -> Bool {
    guard let key = partyKey(of: sender), let signature = Signature(decline.signature) else { return false }
    return key.verifies(signature, over: declineStatement(decline))
  }

  /// Every check before a share is given.
  func judge(_ call: SignCall) -> Verdict {
    guard let text = String(validating: call.text, as: UTF8.self),
      let note = try? CheckpointNote(parsing: text)
    else { return .refuse("the text is not a checkpoint") }
    guard note.cluster == cluster else { return .refuse("the checkpoint is of another cluster") }
    guard signer.share != nil else { return .refuse("this party holds no share of the key in force") }
    if let objection = signer.lock.objection(to: note) { return .refuse(objection) }
    guard note.size >= epoch.firstSize else {
      return .refuse(
        "size \(note.size) was signed by the key before; this one signs from \(epoch.firstSize) on")
    }
    // The size that ends in a key's record is the last that the key before it signs.
    guard turn.map({ note.size <= $0 }) ?? true else { return .wait }
    #if SIMULATION
    if Mutant.shareWithoutRebuilding.isActive { return .sign(note) }
    #endif
    if let last = finality.checkpoint, note.size < last.size {
      return .refuse("size \(note.size) is below \(last.size), which is final")
    }
    // Only this party's own durable log, at a size that t parties have acknowledged to it.
    guard note.size <= raft.durableIndex.rawValue else { return .wait }
    #if SIMULATION
    let isAcknowledged = Mutant.lockWithoutAcknowledgements.isActive || hasAcknowledged(note.size)
    #else
    let isAcknowledged = hasAcknowledged(note.size)
    #endif
    guard isAcknowledged || note.size == finality.size else { return .wait }
    guard raft.log.rootHash(ofSize: note.size) == note.root else {
      return .refuse("the root at size \(note.size) is not the one of this party's log")
    }
    // What it signed may be a note that it has not seen: until a note covers that size, it signs nothing
    // that does not extend it, whatever a leader has since put in its log.
    #if SIMULATION
    let lock = Mutant.secondRootSigned.isActive ? .none : signer.lock
    #else
    let lock = signer.lock
    #endif
    guard lock.size <= finality.size || raft.log.rootHash(ofSize: lock.size) == lock.root else {
      return .refuse("this party signed another root for size \(lock.size), and no note covers that yet")
    }
    guard let state = overlay.state(at: note.size) else { return .wait }
    // Once the log has its id the state says what holds, and a lease names it where it does.
    if let id = restrictions.unreadable.first(where: { !state.hasIncident($0) }) {
      return .refuse(
        "the restriction \(id), which this party may have acknowledged, cannot be read from its store")
    }
    #if SIMULATION
    let isDerived = state.stateRoot == note.stateRoot || Mutant.divergenceIgnored.isActive
    #else
    let isDerived = state.stateRoot == note.stateRoot
    #endif
    guard isDerived else {
      return .refuse("the state root at size \(note.size) is not the one that this party derives")
    }
    #if SIMULATION
    let isTimeUnchecked = Mutant.noteTimeUnchecked.isActive
    #else
    let isTimeUnchecked = false
    #endif
    guard
      note.time.since(now.wall) <= Self.allowedSkew && now.wall.since(note.time) <= Self.allowedSkew
        || isTimeUnchecked
    else { return .refuse("time \(note.time.text) is more than five seconds off") }
    guard note.time >= state.logTime else { return .refuse("time is before log time") }
    if let objection = judgeConsent(note, state) { return objection }
    if let objection = judgeLease(note, state, call.restrictions) { return objection }
    return .sign(note)
  }

  private func hasAcknowledged(_ size: UInt64) -> Bool {
    acks.acknowledgedSize(
      by: epoch.threshold, of: epoch.parties, term: raft.currentTerm, ledger: raft.log) >= size
  }

  private func judgeConsent(_ note: CheckpointNote, _ state: ShieldState) -> Verdict? {
    guard let consent = note.consent else { return nil }
    #if SIMULATION
    if Mutant.voidLeafConsented.isActive { return nil }
    #endif
    let range = consent.first.value...consent.last.value
    let impossible = unconsentable(in: range, state: state, time: note.time)
    let objectionable = state.approvals(in: range).filter { leaf in
      !consent.exceptions.contains(leaf) && (impossible.contains(leaf) || ownObjection(to: leaf) != nil)
    }
    return objectionable.isEmpty ? nil : .declineConsent(except: objectionable)
  }

  /// The approving leaves in `range` that no honest party consents to: void, duplicate, expired,
  /// revoked or halted since, by the log or by a restriction that binds this party at once. What this party
  /// alone objects to is not among them: a leader asks the others for it all the same.
  func unconsentable(in range: ClosedRange<UInt64>, state: ShieldState, time: Timestamp) -> [LeafIndex] {
    let own = restrictions.list(with: state)
    return state.approvals(in: range).filter { index in
      guard state.isLiveApproval(at: index, time: time), !own.isHalted,
        let record = raft.log.record(at: index), case .decision(let decision) = record.body,
        let grant = decision.grant
      else { return true }
      return own.forbids(decision, tokenID: grant.tokenID, executor: grant.executorID) != nil
    }
  }

  private func judgeLease(_ note: CheckpointNote, _ state: ShieldState, _ shown: [UInt8]) -> Verdict? {
    guard let lease = note.lease else { return nil }
    guard lease.policyBundleHash == state.bundle.hash else {
      return .refuse("the lease is for another policy bundle")
    }
    guard lease.seconds == LeaseLine.standardSeconds else {
      return .refuse("a lease lives \(LeaseLine.standardSeconds) seconds, not \(lease.seconds)")
    }
    guard let list = try? RestrictionList(parsing: shown), list.hash == lease.restrictionsHash else {
      return .refuse("the restrictions are not the ones that the lease names")
    }
    let own = restrictions.list(with: state)
    guard own.isSubset(of: list) else { return .declineLease }
    // What it forbids beyond this party's own list must have been shown with its signatures, and then
    // it is in this party's own list.
    guard list.isSubset(of: own) else { return .refuse("a restriction in the lease was not proven") }
    guard (lease.mode == .halted) == list.isHalted else {
      return .refuse("the lease's mode is not the one of its restrictions")
    }
    return nil
  }

  private mutating func sign(
    _ note: CheckpointNote, _ waiting: WaitingCall, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    // A question comes again where it, or its answer, may have been lost.
    switch signer.answered(waiting.call, from: waiting.coordinator.rawValue) {
    case .held: return
    case .given(let answer):
      deliver(answer, to: waiting.coordinator.rawValue, using: &random, into: &effects)
      return
    case nil: break
    }
    var answer = SignAnswer(
      term: waiting.call.term, round: waiting.call.round, session: waiting.call.session)
    var commitments: [NonceCommitment<Suite>] = []
    for bytes in waiting.call.commitments {
      guard let commitment = try? NonceCommitment<Suite>(encoding: bytes) else { break }
      commitments.append(commitment)
    }
    guard commitments.count == waiting.call.commitments.count,
      let package = try? SigningPackage(commitments: commitments, message: waiting.call.text)
    else {
      answer.declined = "other"
      deliver(answer, to: waiting.coordinator.rawValue, using: &random, into: &effects)
      return
    }
    let outcome = signer.sign(
      note, package: package, call: waiting.call, coordinator: waiting.coordinator.rawValue,
      bound: restrictions.taken)
    if let lock = outcome.lock { effects.locks.append(lock) }
    #if SIMULATION
    let isLocking = !Mutant.secondRootSigned.isActive
    #else
    let isLocking = true
    #endif
    if isLocking { raft.setLocked(LogIndex(rawValue: signer.lock.size)) }
    if let answer = outcome.answer {
      deliver(answer, to: waiting.coordinator.rawValue, using: &random, into: &effects)
    }
    if signer.pool.available < signer.pool.capacity / 2 {
      sendNonces(to: waiting.coordinator, using: &random, into: &effects)
    }
  }

  /// The locks through `ticket` are durable: gives the shares that waited for them. A restriction that came meanwhile binds
  /// from its moment on, so that what was made before it is declined as it would be now.
  mutating func release(
    through ticket: UInt64, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let (released, stale) = signer.locked(ticket: ticket, bound: restrictions.taken)
    for share in released {
      deliver(share.answer, to: share.coordinator, using: &random, into: &effects)
    }
    for share in stale {
      var answer = share.answer
      answer.share = []
      answer.declined = "lease"
      answer.restrictions = restrictions.proofs()
      answer.signature = identity.partyKey.sign(declineStatement(answer)).bytes
      deliver(answer, to: share.coordinator, using: &random, into: &effects)
    }
  }

  /// Gives an answer to the coordinator, who may be this node.
  mutating func deliver(
    _ answer: SignAnswer, to coordinator: UInt64, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let coordinator = NodeID(rawValue: coordinator) else { return }
    if coordinator == raft.id {
      onSignAnswer(answer, from: raft.id, using: &random, into: &effects)
    } else {
      effects.messages.append((coordinator, PeerMessage.signAnswer(answer)))
    }
  }

  // MARK: Nonces

  /// Publishes fresh commitments to a coordinator, who may be this node.
  mutating func sendNonces(
    to coordinator: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    let fresh = signer.publish(using: &random)
    guard !fresh.isEmpty else { return }
    if coordinator == raft.id {
      try? book.add(fresh, from: signer.party)
    } else {
      let batch = NonceBatch(commitments: fresh.map { $0.encoding })
      effects.messages.append((coordinator, PeerMessage.nonces(batch)))
    }
  }

  /// Publishes to the coordinator that leads: unasked once it is followed, since its first round waits for that.
  mutating func serveNonces(
    to leader: NodeID, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    signer.serve(leader.rawValue, term: raft.currentTerm.rawValue, using: &random)
    sendNonces(to: leader, using: &random, into: &effects)
  }

  /// As coordinator: asks a party for commitments, not again while the answer may be on its way.
  mutating func wantNonces(of peer: NodeID, into effects: inout NodeEffects) {
    guard nonceRequests.mayAsk(peer, at: now.monotonic) else { return }
    effects.messages.append((peer, PeerMessage.nonces(NonceBatch(wanted: true))))
  }

  /// Sees to it that this coordinator has commitments of its own party. What the pool has published before
  /// went to a book that is gone, so a full pool starts over.
  mutating func refillOwnNonces(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard signer.share != nil, book.available(of: signer.party) == 0 else { return }
    if signer.pool.available == signer.pool.capacity { signer.renewPool(using: &random) }
    sendNonces(to: raft.id, using: &random, into: &effects)
    precondition(book.available(of: signer.party) > 0, "a refilled book is not empty")
  }

  mutating func onNonces(
    _ batch: NonceBatch, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    if batch.wanted, raft.leader == sender { serveNonces(to: sender, using: &random, into: &effects) }
    guard !batch.commitments.isEmpty, epoch.parties.contains(sender),
      let party = PartyIdentifier(UInt16(truncatingIfNeeded: sender.rawValue))
    else { return }
    var commitments: [NonceCommitment<Suite>] = []
    for bytes in batch.commitments.prefix(FROSTLimits.nonces) {
      guard let commitment = try? NonceCommitment<Suite>(encoding: bytes) else { return }
      commitments.append(commitment)
    }
    nonceRequests.answered(by: sender)
    do {
      try book.add(commitments, from: party)
    } catch {
      // One that comes twice, or after a later one, as over another connection, is no fault.
      if error != .culprits([Culprit(party, .repeatedCommitment)]) {
        effects.notices.append(.warning("commitments of \(sender): \(error)"))
      }
      return
    }
    if var round {
      round.step(.commitmentsAvailable, book: &book)
      self.round = round
    }
    advanceCheckpoint(using: &random, into: &effects)
  }
}
