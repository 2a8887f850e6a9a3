import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

// Fewer shares are left than sign: no note can be made any more, under the key in force. As many operators as the
// threshold names parties say at which final size the ledger stands, and hand it to new parties who have made a key of
// their own. Their record is the next leaf; no note of the old key covers it, and none could. It is final by the
// operators' word, at each node of the new parties to which it is handed, and at whoever gets it from them later.

extension GovernanceNode {
  /// Takes the record of a continuation up, as the leaf that follows what is final.
  mutating func onContinuation(
    _ call: ClientCall, _ record: RecoveryRecord, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) throws {
    let act = record.act.content
    if overlay.final.hasRecovery(act.actID, at: LeafIndex(act.size)) {
      answerContinued(call.key, act, into: &effects)
      return
    }
    // A statement that was never handed over does not lie ready for whoever finds it later.
    guard act.validUntil > now.wall else {
      throw Refusal(
        .failedPrecondition, "valid until \(act.validUntil.text), and it is \(now.wall.text) here")
    }
    if let time = act.continuedAt, time > now.wall.advanced(by: Ledger.allowedLead) {
      throw Refusal(.failedPrecondition, "of \(time.text), and it is \(now.wall.text) here")
    }
    if let objection = objection(toContinuing: record) {
      throw Refusal(.failedPrecondition, objection)
    }
    guard let time = act.continuedAt, let term = raft.log.term(at: LogIndex(rawValue: act.size)),
      // What was not final is nobody's any more.
      raft.discardTail(
        after: LogIndex(rawValue: act.size), at: now.monotonic, into: &raftEffects)
    else { throw Refusal(.failedPrecondition, "the log cannot be cut at size \(act.size)") }
    let bytes = EntryPayload(record: Record(at: time, body: .recovery(record)).bytes, attachment: []).bytes
    let next: Continuation
    do {
      next = try Continuation(payloads: [bytes], first: LeafIndex(act.size), after: term)
    } catch {
      throw Refusal(.invalidArgument, "\(error)")
    }
    guard raft.takeVouched(next.entries, at: now.monotonic, into: &raftEffects) else {
      throw Refusal(.resourceExhausted, "the disk has enough to do: try again")
    }
    takeUp(using: &random, into: &effects)
    guard overlay.final.hasRecovery(act.actID, at: LeafIndex(act.size)) else {
      throw Refusal(.failedPrecondition, "the record did not take effect")
    }
    answerContinued(call.key, act, into: &effects)
  }

  private func answerContinued(_ key: CallKey, _ act: RecoveryAct, into effects: inout NodeEffects) {
    effects.answers.append(
      .respond(key, .ok, payload: ActResponse(index: act.size).encode()))
  }

  /// Why the ledger here cannot go on with a record; nil where it can.
  func objection(toContinuing record: RecoveryRecord) -> String? {
    let act = record.act.content
    guard act.size == finality.size, raft.log.rootHash(ofSize: act.size) == act.root else {
      return
        "expected what is final here, size \(finality.size) of root "
        + "\(raft.log.rootHash(ofSize: finality.size)?.hex ?? "unknown"); found size \(act.size) of root \(act.root.hex)"
    }
    if let objection = overlay.final.objection(toContinuing: record) { return objection }
    guard let key = record.key else { return nil }
    var state = overlay.final
    state.continueUnder(record, at: LeafIndex(act.size))
    return objection(to: key, state)
  }

  /// When operators took the ledger to the key in force; nil where the key before it certified it.
  var continuedAt: Timestamp? {
    guard epoch.firstSize > 0,
      case .recovery(let record)? = raft.log.record(at: LeafIndex(epoch.firstSize - 1))?.body
    else { return nil }
    return record.act.content.continuedAt
  }

  /// Where the leaf after what is final is a continuation that took effect, it is final with it: the new key signs
  /// from there on. Called whenever the log has grown.
  mutating func adoptContinuation(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let size = finality.size + 1
    guard overlay.final.size == finality.size, overlay.size >= size, raft.commitIndex.rawValue >= size,
      let leaf = raft.log.leaf(at: LeafIndex(size - 1)), RecordType(endOf: leaf) == .recovery,
      case .recovery(let record)? = raft.log.record(at: LeafIndex(size - 1))?.body, record.key != nil,
      let state = overlay.state(at: size), state.membership.keyedFrom == size,
      // The root that stands is nothing that a state knows.
      raft.log.rootHash(ofSize: size - 1) == record.act.content.root,
      let root = raft.log.rootHash(ofSize: size)
    else { return }
    let earlier = overlay.final
    conflict = nil
    signer.release()
    overlay.finalize(size)
    raft.setFinal(LogIndex(rawValue: size))
    finality.stand(at: size)
    finality.lastAdvance = now.monotonic
    var batch = WriteBatch()
    keepState(since: earlier, in: &batch)
    raft.log.stand(at: size, root: root, state: state.stateRoot, in: &batch)
    batch.delete(.meta, Conflict.key)
    enterEpoch(nil, using: &random, in: &batch, into: &effects)
    effects.writes.append((.note(size: size), batch))
    effects.membersChanged = true
    effects.notices.append(
      .warning("the ledger goes on from size \(size - 1) by the word of operators, under another key"))
  }
}
