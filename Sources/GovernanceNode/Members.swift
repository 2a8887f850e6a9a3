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

// Who takes part. What decides is the log (`ShieldState.membership`); the leader writes each step down when its time
// has come, and a follower appends it only when its own state derives the very same (Docs/Decisions/009).

extension GovernanceNode {
  /// Everyone whom this node speaks to: members by the configuration in force, those who are leaving and have
  /// not been told, and, as long as it is no member itself, those whom it was told by hand.
  public var connections: [NodeID] {
    let own = raft.configuration.members + raft.peers.map(\.peer)
    let told = raft.configuration.members.contains(raft.id) ? [] : identity.contacts
    return (own + told).reduce(into: []) { if !$0.contains($1) && $1 != raft.id { $0.append($1) } }.sorted()
  }

  /// Where the parties' nodes are, and what they are pinned to, as far as records say; ascending by id.
  public var seats: [PartySeat] {
    let known = overlay.head.membership.known
    return (known + shownSeats.filter { shown in !known.contains { $0.id == shown.id } }).sorted {
      $0.id < $1.id
    }
  }

  /// Whether messages of this node are looked at.
  func isKnown(_ sender: NodeID) -> Bool {
    #if SIMULATION
    if Mutant.removedLeaderSpeaks.isActive { return true }
    #endif
    let isMember = raft.configuration.members.contains(sender) && sender != raft.id
    return isMember || peers.contains(sender) || seats.contains { UInt64($0.id) == sender.rawValue }
  }

  /// Whether a leader that is no member any more asks this node to take its place (dissertation §4.2.2).
  func isLastWord(_ message: PeerMessage, of sender: NodeID) -> Bool {
    message.timeoutNow != nil && raft.leader == sender
  }

  /// The key with which a party signs by itself, also one that is only about to be a party, or that is one until the
  /// record of the new key is final.
  func partyKey(of node: NodeID) -> PublicKey? {
    for members in [overlay.head.membership, overlay.final.membership] {
      if let seat = members.known.first(where: { UInt64($0.id) == node.rawValue }) { return seat.key }
    }
    return nil
  }

  // MARK: The leader's steps

  /// Writes down the next step of a change of members, where its time has come.
  mutating func pursueMembers(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard raft.mayPropose, let change = overlay.head.membership.change, isReady(change)
    else {
      keyRound = nil
      return
    }
    switch change.stage {
    case .learning, .keyed, .returning:
      keyRound = nil
      guard let (step, configuration) = overlay.head.membership.next,
        raft.fault(in: Configuration(configuration), at: now.monotonic) == nil
      else { return }
      let derived = DerivedMembers(step: step, cause: change.act, configuration: configuration)
      guard case .success = appendMembers(.derivedMembers(derived), configuration, into: &effects) else {
        return
      }
      effects.notices.append(.members("\(step.rawValue) of \(change.actID)"))
    case .joint: pursueKeyRound(change, using: &random, into: &effects)
    }
  }

  /// Why an act cannot be taken now, though the state would take it: before semantics 6 the state reads whatever names the
  /// parties and the threshold of now as taking back the change that is on its way, and whoever asks for another key did not
  /// mean it.
  func objection(toChanging act: MembersAct) -> String? {
    guard overlay.head.semantics < Semantics.namedReturns, act.rotate,
      let change = overlay.head.membership.change
    else { return nil }
    return
      "act \(change.actID) is on its way (\(change.stage.rawValue)), and another key is made after it: wait for its end, "
      + "or take it back first"
  }

  /// Whether a stage of a change is final here: the next rests on it.
  private func isReady(_ change: MembersChange) -> Bool {
    #if SIMULATION
    if Mutant.jointLeftEarly.isActive, change.stage == .keyed { return true }
    #endif
    return change.since.value < finality.size
  }

  /// Appends a record that holds a configuration, as leader.
  mutating func appendMembers(
    _ body: RecordBody, _ configuration: MemberList, into effects: inout NodeEffects
  ) -> Result<LeafIndex, CallStatus> {
    let record = Record(at: max(now.wall, raft.log.logTime), body: body)
    let bytes = record.bytes
    guard bytes.count <= Record.maximumBytes else {
      return .failure(
        CallStatus(.invalidArgument, "expected a record of at most \(Record.maximumBytes) bytes"))
    }
    let payload = EntryPayload(record: bytes, attachment: [])
    guard let entry = try? ParsedEntry(payload) else {
      return .failure(CallStatus(.invalidArgument, "expected a record that every node can read"))
    }
    if let objection = objection(to: entry) { return .failure(CallStatus(.failedPrecondition, objection)) }
    do {
      let index = try raft.proposeConfiguration(
        Configuration(configuration), payload: payload.bytes, at: now.monotonic, into: &raftEffects)
      for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
      writeOwed(into: &effects)
      return .success(LeafIndex(index.rawValue - 1))
    } catch {
      return .failure(status(of: error))
    }
  }

  // MARK: Judging what a leader sends

  /// Judges the entry that the log has met and not appended yet; false where there is none to judge now.
  mutating func judgeAwaited(into effects: inout NodeEffects) -> Bool {
    guard let awaited = raft.log.awaitedEntry, awaited.index.rawValue == overlay.size + 1 else {
      return false
    }
    // The old parties go when the new key is final, and final here.
    if case .derivedMembers(let step) = awaited.entry.record.body, step.step == .left,
      let change = overlay.head.membership.change, change.stage == .keyed, !isReady(change)
    {
      return false
    }
    if let shortcoming = shortcoming(before: awaited.entry) {
      effects.fatal = shortcoming
      return false
    }
    raft.log.judge(awaited, objection: objection(to: awaited.entry))
    return true
  }

  /// Why a record that holds a configuration, a key or a version cannot come next; nil where it can.
  func objection(to entry: ParsedEntry) -> String? {
    var state = overlay.head
    let applied = state.apply(
      entry.record, leafHash: entry.leafHash, attachment: entry.attachment, at: LeafIndex(overlay.size))
    switch applied {
    case .effective: break
    case .void(let reason): return reason
    case .divergent(let expected): return "expected \(expected)"
    }
    if case .recovery(let recovery) = entry.record.body {
      guard recovery.act.content.root == raft.log.rootHash(ofSize: recovery.act.content.size) else {
        return "expected a recovery of this history"
      }
      return recovery.key.flatMap { objection(to: $0, state) }
    }
    guard case .key(let record) = entry.record.body else { return nil }
    return objection(to: record, state)
  }

  /// What is wrong with a key's group elements; the state has judged everything else.
  func objection(to record: KeyRecord, _ state: ShieldState) -> String? {
    guard let epoch = try? KeyEpoch<Suite>(state.membership, cluster: cluster), epoch.publicKeys.isConsistent
    else { return "expected public shares that lie on one polynomial with the group key" }
    let context = record.content.signedBytes(cluster: cluster)
    for approval in record.approvals {
      guard let party = PartyIdentifier(UInt16(truncatingIfNeeded: approval.party)),
        let proof = Hex.decode(approval.shareProof).flatMap({ SchnorrSignature<Suite>(encoding: $0) }),
        epoch.publicKeys.verifies(shareProof: proof, by: party, for: context)
      else { return "expected party \(approval.party)'s proof of its share" }
    }
    return nil
  }

  // MARK: Who is not known yet

  /// Shows a peer the act that a change rests on: it may lead to parties that the peer does not know, one of which
  /// may lead already.
  func showMembers(to peer: NodeID, into effects: inout NodeEffects) {
    guard let act = lastMembersAct else { return }
    effects.messages.append((peer, PeerMessage.membersShown(MembersShown(statement: act))))
  }

  /// The newest act in the log as it was signed; nil where there is none here.
  private var lastMembersAct: [UInt8]? {
    guard let leaf = overlay.head.membership.lastAct, let record = raft.log.record(at: leaf) else {
      return nil
    }
    return Statements.bytes(record.body)
  }

  /// Two operators name parties that this node does not know: it listens to them. What they say is judged as ever.
  mutating func onMembersShown(_ shown: MembersShown, into effects: inout NodeEffects) {
    guard case .members(let act, _)? = try? Statements.body(.members, shown.statement),
      case .accept = overlay.head.admits(
        .members(act, MemberList(voters: [1])), attachment: Attachment(), at: now.wall)
    else { return }
    let new = act.content.parties.filter { seat in
      !seat.address.isEmpty && !seats.contains { $0.id == seat.id }
    }
    guard !new.isEmpty else { return }
    shownSeats = new
    effects.membersChanged = true
  }
}
