import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

/// A leader's attempt to have the new parties of a change make their key.
struct KeyRound: Sendable {
  let term: Term
  let attempt: UInt64
  let joint: LeafIndex
  let session: Digest
  var approvals: [(party: NodeID, approval: KeyApproved)] = []
  /// When the new parties were last asked.
  var lastAsked: Instant?
  /// When the next attempt may begin, once this one has failed.
  var retryAt: Instant?
}

extension GovernanceNode {
  /// How often what was not answered for is said again.
  static var keyInterval: Nanoseconds { .milliseconds(300) }
  /// How long a failed attempt is over before the next.
  static var keyPause: Nanoseconds { .seconds(1) }

  /// The name of a session: nobody chooses it but by the term and the attempt.
  private func session(_ term: UInt64, _ attempt: UInt64, joint: LeafIndex) -> Digest? {
    guard let root = raft.log.rootHash(ofSize: joint.value + 1) else { return nil }
    var hash = SHA256()
    hash.update("openexec/v1/key-session\n\(cluster.hex)\n\(joint.value)\n\(root.hex)\n\(term)\n\(attempt)")
    return hash.finalize()
  }

  private func newParties(of change: MembersChange) -> [NodeID] {
    change.parties.compactMap { NodeID(rawValue: UInt64($0.id)) }
  }

  // MARK: The leader

  mutating func pursueKeyRound(
    _ change: MembersChange, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    if keyRound?.term != raft.currentTerm || keyRound?.joint != change.since {
      beginKeyRound(change, attempt: 1)
    }
    if let failed = keyRound, let retryAt = failed.retryAt, retryAt <= now.monotonic {
      beginKeyRound(change, attempt: failed.attempt + 1)
    }
    guard var current = keyRound, current.retryAt == nil else { return }
    if current.approvals.count == change.parties.count {
      keyRound = current
      writeKey(change, into: &effects)
      return
    }
    if let last = current.lastAsked, now.monotonic < last + Self.keyInterval { return }
    current.lastAsked = now.monotonic
    keyRound = current
    let call = KeySessionCall(
      term: current.term.rawValue, attempt: current.attempt, joint: current.joint.value)
    for party in newParties(of: change) where party != raft.id {
      effects.messages.append((party, PeerMessage.keySession(call)))
    }
    if newParties(of: change).contains(raft.id) {
      onKeySession(call, from: raft.id, using: &random, into: &effects)
    }
  }

  private mutating func beginKeyRound(_ change: MembersChange, attempt: UInt64) {
    guard let session = session(raft.currentTerm.rawValue, attempt, joint: change.since) else { return }
    keyRound = KeyRound(
      term: raft.currentTerm, attempt: attempt, joint: change.since, session: session)
  }

  /// Everyone has approved: the key goes into the log, if it is one key.
  private mutating func writeKey(_ change: MembersChange, into effects: inout NodeEffects) {
    guard let current = keyRound, let plan = keyPlan(change, current.session),
      let first = current.approvals.first?.approval
    else { return }
    guard
      current.approvals.allSatisfy({
        $0.approval.keys == first.keys && $0.approval.transcript == first.transcript
      }),
      let keys = try? PublicKeyPackage<Suite>(encoding: first.keys),
      let transcript = Digest(first.transcript),
      let content = plan.content(keys, transcript: transcript)
    else {
      failKeyRound(
        "the new parties approved different keys: somebody showed different commitments", into: &effects)
      return
    }
    let approvals = current.approvals.compactMap { party, approval in
      Signature(approval.signature).map {
        KeyApproval(party: Int(party.rawValue), signature: $0, shareProof: Hex.encode(approval.shareProof))
      }
    }
    let body = RecordBody.key(KeyRecord(content: content, approvals: approvals))
    let record = Record(at: max(now.wall, raft.log.logTime), body: body)
    let payload = EntryPayload(record: record.bytes, attachment: [])
    let objection = (try? ParsedEntry(payload)).map { self.objection(to: $0) } ?? "it cannot be read"
    if let objection {
      failKeyRound("the key that was made is none: \(objection)", into: &effects)
      return
    }
    guard (try? raft.propose([payload.bytes], at: now.monotonic, into: &raftEffects)) != nil else { return }
    for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
    keyRound = nil
    effects.notices.append(.members("key of \(change.actID)"))
  }

  private mutating func failKeyRound(_ reason: String, into effects: inout NodeEffects) {
    effects.notices.append(.warning("key session \(keyRound?.attempt ?? 0): \(reason)"))
    keyRound?.retryAt = now.monotonic + Self.keyPause
  }

  mutating func onKeyApproved(
    _ approval: KeyApproved, from sender: NodeID, into effects: inout NodeEffects
  ) {
    guard let current = keyRound, approval.session == current.session.bytes, current.retryAt == nil,
      let change = overlay.head.membership.change, newParties(of: change).contains(sender),
      !current.approvals.contains(where: { $0.party == sender })
    else { return }
    guard let plan = keyPlan(change, current.session),
      let keys = try? PublicKeyPackage<Suite>(encoding: approval.keys),
      let transcript = Digest(approval.transcript), let content = plan.content(keys, transcript: transcript),
      let signature = Signature(approval.signature), let key = partyKey(of: sender),
      key.verifies(signature, over: content.signedBytes(cluster: cluster)),
      let party = PartyIdentifier(UInt16(truncatingIfNeeded: sender.rawValue)),
      let proof = SchnorrSignature<Suite>(encoding: approval.shareProof),
      keys.verifies(shareProof: proof, by: party, for: content.signedBytes(cluster: cluster))
    else {
      effects.notices.append(
        .evidence("party \(sender.rawValue) approved a key without its signature and proof"))
      return
    }
    keyRound?.approvals.append((sender, approval))
  }

  mutating func onKeyFailed(_ failed: KeyFailed, from sender: NodeID, into effects: inout NodeEffects) {
    guard let current = keyRound, failed.session == current.session.bytes, current.retryAt == nil,
      let change = overlay.head.membership.change, newParties(of: change).contains(sender)
    else { return }
    failKeyRound("party \(sender.rawValue) says: \(plain(failed.reason))", into: &effects)
  }

  private func plain(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(256).map { $0.value < 0x20 ? "?" : $0 }))
  }

  // MARK: A new party

  /// What the parties of a change make their key of.
  private func keyPlan(_ change: MembersChange, _ session: Digest) -> KeyPlan<Suite>? {
    guard let origin = overlay.head.membership.origin else { return nil }
    return KeyPlan(
      session: session, cause: change.act, origin: origin, seats: change.parties,
      threshold: change.threshold, old: epoch.publicKeys)
  }

  /// The leader asks for a key: this party takes part, if the change is final here.
  mutating func onKeySession(
    _ call: KeySessionCall, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard sender == raft.leader, call.term == raft.currentTerm.rawValue,
      let change = overlay.head.membership.change, change.stage == .joint, change.since.value == call.joint,
      change.since.value < finality.size, newParties(of: change).contains(raft.id),
      let session = session(call.term, call.attempt, joint: change.since)
    else { return }
    if keyChange?.plan.session != session {
      guard let plan = keyPlan(change, session) else { return }
      do {
        keyChange = try KeyChange(
          plan, party: signer.party, share: signer.share,
          random: SessionRandom(storageKey: identity.storageKey, session: session))
      } catch {
        keyChange = nil
        answerFailed(session.bytes, "\(error)", into: &effects)
        return
      }
    }
    pursueKeyChange(using: &random, into: &effects)
  }

  private mutating func answerFailed(_ session: [UInt8], _ reason: String, into effects: inout NodeEffects) {
    effects.notices.append(.warning("no part in the key session: \(reason)"))
    let failed = KeyFailed(session: session, reason: reason)
    if raft.role == .leader {
      onKeyFailed(failed, from: raft.id, into: &effects)
    } else if let leader = raft.leader {
      effects.messages.append((leader, PeerMessage.keyFailed(failed)))
    }
  }

  /// A dealer's word, for the session that this party takes part in; true where it was one.
  mutating func onKeyMessage(
    _ message: PeerMessage, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) -> Bool {
    guard let session = message.keyRoundOne?.configuration ?? message.keyRoundTwo?.session,
      let current = keyChange?.plan.session, session == current.bytes,
      let party = PartyIdentifier(UInt16(truncatingIfNeeded: sender.rawValue))
    else { return false }
    do {
      if let round = message.keyRoundOne {
        try keyChange?.receive(round, from: party)
      } else if let round = message.keyRoundTwo {
        try keyChange?.receive(round, from: party)
      }
      if try keyChange?.finish() == true { sealShare(using: &random, into: &effects) }
    } catch {
      nameCulprits(of: error, in: "the key session", into: &effects)
      keyChange = nil
      answerFailed(session, "\(error)", into: &effects)
      return true
    }
    return true
  }

  /// The share is sealed and synced before this party approves the key.
  private mutating func sealShare(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let share = keyChange?.share, let session = keyChange?.plan.session else { return }
    let batch = vault.keep(
      share, as: session.hex, beside: signer.share, storageKey: identity.storageKey, using: &random)
    effects.writes.append((.share(session: session), batch))
  }

  mutating func onShareDurable(
    _ session: Digest, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard keyChange?.plan.session == session, let content = keyChange?.content, let share = keyChange?.share,
      let keys = try? keyChange?.publicKeys()
    else { return }
    let bytes = content.signedBytes(cluster: cluster)
    keyChange?.approval = KeyApproved(
      session: session.bytes, keys: keys.encoding, transcript: content.transcriptHash.bytes,
      signature: identity.partyKey.sign(bytes).bytes,
      shareProof: share.key.proveShare(for: bytes, using: &random).encoding)
    keyChange?.lastSent = nil
    pursueKeyChange(using: &random, into: &effects)
  }

  /// Says again what the others may have missed, until the key is in the log.
  mutating func pursueKeyChange(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let session = keyChange?.plan.session else { return }
    guard let change = overlay.head.membership.change, change.stage == .joint else {
      keyChange = nil
      return
    }
    if let last = keyChange?.lastSent, now.monotonic < last + Self.keyInterval { return }
    keyChange?.lastSent = now.monotonic
    for peer in newParties(of: change) where peer != raft.id {
      guard let party = PartyIdentifier(UInt16(truncatingIfNeeded: peer.rawValue)) else { continue }
      for message in keyChange?.messages(to: party) ?? [] { effects.messages.append((peer, message)) }
    }
    if let approval = keyChange?.approval {
      if raft.role == .leader {
        onKeyApproved(approval, from: raft.id, into: &effects)
      } else if let leader = raft.leader {
        effects.messages.append((leader, PeerMessage.keyApproved(approval)))
      }
      return
    }
    // A cluster of one hears from nobody and goes on by itself.
    do {
      if try keyChange?.finish() == true { sealShare(using: &random, into: &effects) }
    } catch {
      keyChange = nil
      answerFailed(session.bytes, "\(error)", into: &effects)
    }
  }

  // MARK: The turn

  /// The last size that the key in force signs, where the log holds the record of another that is not final.
  var turn: UInt64? {
    let next = overlay.head.membership.keyedFrom
    return next > 0 && next - 1 > finality.size ? next - 1 : nil
  }

  /// The final state has another key than this node signs with: its record has become final with `note`. The link
  /// is kept, the new share taken up and the old one destroyed, in one write with the note.
  mutating func enterEpoch(
    _ note: SignedNote?, using random: inout some RandomNumberGenerator, in batch: inout WriteBatch,
    into effects: inout NodeEffects
  ) {
    let members = overlay.final.membership
    guard members.keyedFrom != epoch.firstSize else { return }
    guard let next = try? KeyEpoch<Suite>(members, cluster: cluster) else {
      effects.fatal = "SEV-1: the final state names a key that cannot be read; this party halts"
      return
    }
    if let note, let link = raft.log.proof(of: LeafIndex(members.keyedFrom - 2), under: note) {
      links.add(link, in: &batch)
    }
    epoch = next
    book = CommitmentBook(parties: next.publicKeys.parties)
    round = nil
    waitingCall = nil
    keyChange = nil
    helps.removeAll()
    var share = vault.share(of: next.publicKeys, party: signer.party)
    if share == nil, continuingShare?.belongs(to: next.publicKeys, party: signer.party) == true {
      share = continuingShare
    }
    vault.destroy(but: share, in: &batch)
    effects.retiresFoundingShare = true
    signer.exchange(share, using: &random)
    let isParty = next.parties.contains(raft.id)
    if isParty, share == nil {
      effects.notices.append(.warning("this party's share of the new key is not here: it signs nothing"))
    }
    effects.notices.append(
      .members(
        "key \(members.groupKey.hex) in force from size \(next.firstSize) on, \(next.threshold) of "
          + "\(next.parties.count)\(isParty ? "" : "; this node is no party of it")"))
    guard note != nil else { return }
    for message in executors.tell(links: links.missing(after: links.links.count - 1)) {
      effects.answers.append(message)
    }
  }
}
