import ClawLedger
import Crypto
import FROST
import Raft
import Records
import Wire

/// What peers say, and to which part of the node it goes.
extension GovernanceNode {
  mutating func onConnected(_ peer: NodeID, into effects: inout NodeEffects) {
    if let last = acks.own(raft.id), let root = raft.log.rootHash(ofSize: last.size) {
      let durable = DurableLog(term: last.term.rawValue, size: last.size, root: root.bytes)
      effects.messages.append((peer, PeerMessage.durable(durable)))
    }
    nonceRequests.answered(by: peer)
    if raft.role == .leader { wantNonces(of: peer, into: &effects) }
    effects.messages.append((peer, PeerMessage.noteWanted(NoteWanted(size: finality.size))))
    restrictions.showAll(to: peer, into: &effects)
    showMembers(to: peer, into: &effects)
    advertise(to: peer, into: &effects)
  }

  mutating func onPeer(
    _ message: PeerMessage, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard isKnown(sender) || isLastWord(message, of: sender) else { return }
    switch message {
    case .voteCall, .voteAnswer, .appendCall, .appendAnswer, .timeoutNow, .readCall, .readAnswer:
      onRaftMessage(message, from: sender, using: &random, into: &effects)
    case .durable(let durable): onDurable(durable, from: sender, using: &random, into: &effects)
    case .nonces(let batch): onNonces(batch, from: sender, using: &random, into: &effects)
    case .signCall(let call): onSignCall(call, from: sender, using: &random, into: &effects)
    case .signAnswer(let answer): onSignAnswer(answer, from: sender, using: &random, into: &effects)
    case .challenge(let challenge):
      onChallenge(challenge, from: sender)
      advanceCheckpoint(using: &random, into: &effects)
    case .note(let shown): onNoteShown(shown, using: &random, into: &effects)
    case .noteWanted(let wanted): showNotes(wanted, to: sender, into: &effects)
    case .forwardCall(let call): onForwardCall(call, from: sender, using: &random, into: &effects)
    case .forwardAnswer(let answer): onForwardAnswer(answer, from: sender, using: &random, into: &effects)
    case .witnessCall(let call): onWitnessCall(call, using: &random, into: &effects)
    case .restriction(let shown): onRestrictionShown(shown, from: sender, into: &effects)
    case .restrictionBound(let bound): onRestrictionBound(bound, from: sender, into: &effects)
    case .declineShown(let shown): onDeclineShown(shown, from: sender, into: &effects)
    case .transferWanted(let wanted): onTransferWanted(wanted, from: sender, using: &random, into: &effects)
    case .historyWanted(let wanted): onHistoryWanted(wanted, from: sender, into: &effects)
    case .historyShown(let shown): onHistoryShown(shown, from: sender, using: &random, into: &effects)
    case .earlierWanted(let wanted): onEarlierWanted(wanted, from: sender, into: &effects)
    case .earlierShown(let shown): onEarlierShown(shown, from: sender, into: &effects)
    case .leavesWanted(let wanted): onLeavesWanted(wanted, from: sender, into: &effects)
    case .leafShown(let shown): onLeafShown(shown, from: sender, into: &effects)
    case .artifactPush(let push): onArtifactPush(push, from: sender, using: &random, into: &effects)
    case .artifactHeld(let held): onArtifactHeld(held, from: sender, using: &random, into: &effects)
    case .artifactWanted(let wanted): onArtifactWanted(wanted, from: sender, into: &effects)
    case .artifactFound(let found): onArtifactFound(found, from: sender, using: &random, into: &effects)
    case .snapshotPiece(let piece): onSnapshotPiece(piece, from: sender, using: &random, into: &effects)
    case .snapshotTaken(let taken): onSnapshotTaken(taken, from: sender, using: &random, into: &effects)
    case .keyRoundOne(let round):
      if !onKeyMessage(message, from: sender, using: &random, into: &effects), !round.isAnswer {
        onGenesisWanted(round, from: sender, into: &effects)
      }
    case .keyRoundTwo: _ = onKeyMessage(message, from: sender, using: &random, into: &effects)
    case .keySession(let call): onKeySession(call, from: sender, using: &random, into: &effects)
    case .keyApproved(let approval): onKeyApproved(approval, from: sender, into: &effects)
    case .keyFailed(let failed): onKeyFailed(failed, from: sender, into: &effects)
    case .repairStep(let step): onRepairStep(step, from: sender, using: &random, into: &effects)
    case .membersShown(let shown): onMembersShown(shown, into: &effects)
    case .advert(let advert): onAdvert(advert, from: sender, into: &effects)
    // Said in the ceremony, before there is a node; or by a program that knows more.
    case .keySignature, .genesis, .unknown: break
    }
  }

  private mutating func onRaftMessage(
    _ message: PeerMessage, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let message = RaftCodec.decode(message) else { return }
    stepRaft(.receive(from: sender, message), using: &random, into: &effects)
    // An entry that had to be judged first: now it can be appended.
    for _ in 0..<8 where judgeAwaited(into: &effects) {
      stepRaft(.receive(from: sender, message), using: &random, into: &effects)
    }
  }

  private mutating func onDurable(
    _ durable: DurableLog, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let root = Digest(durable.root) else { return }
    acks.record(
      sender, term: Term(rawValue: durable.term), size: durable.size, root: root, current: raft.currentTerm)
    retryWaitingCall(using: &random, into: &effects)
    advanceCheckpoint(using: &random, into: &effects)
  }

  /// A peer that still generates its key is a laggard, and one that joins has nothing yet: the genesis is what they
  /// lack. One that votes already and asks like one that joins has lost its store, and with it what it voted: it
  /// gets nothing to begin anew with.
  private func onGenesisWanted(_ round: KeyRoundOne, from peer: NodeID, into effects: inout NodeEffects) {
    let members = raft.configuration
    if round.configuration == cluster.bytes, members.voters.contains(peer) || members.outgoing.contains(peer)
    {
      effects.notices.append(
        .warning("\(peer) votes, and asks for the genesis: its store is lost; replace the party"))
      return
    }
    showGenesis(to: peer, into: &effects)
  }

  private func showGenesis(to peer: NodeID, into effects: inout NodeEffects) {
    guard let leaf = raft.log.leaf(at: LeafIndex(0)),
      let attachment = raft.log.attachment(at: LeafIndex(0))
    else { return }
    let shown = GenesisShown(leaf: leaf, attachment: attachment.bytes)
    effects.messages.append((peer, PeerMessage.genesis(shown)))
  }
}
