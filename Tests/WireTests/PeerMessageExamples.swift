import Wire

extension PublishedExamples {
  /// The same as it is told: one message for every kind that a peer tells.
  static let told: [Example] = [
    ("peer", "PeerMessage", PeerMessage.transferWanted(TransferRequest(node: 5))),
    (
      "peer", "PeerMessage",
      PeerMessage.witnessCall(ForwardCall(id: 1, type: "proposal", statement: [0, 255], attachment: [1]))
    ),
    ("peer", "PeerMessage", PeerMessage.repairStep(ShareRepairStep(nonce: [0, 255, 1]))),
    ("peer", "PeerMessage", PeerMessage.keySession(KeySessionCall(term: 7, attempt: 8, joint: 9))),
    ("peer", "PeerMessage", PeerMessage.keyApproved(KeyApproved(session: [0, 255, 1]))),
    ("peer", "PeerMessage", PeerMessage.keyFailed(KeyFailed(session: [0, 255, 1], reason: "é 2"))),
    ("peer", "PeerMessage", PeerMessage.membersShown(MembersShown(statement: [0, 255, 1]))),
    (
      "peer", "PeerMessage",
      PeerMessage.voteCall(
        VoteCall(term: 1099511627776, lastIndex: 18446744073709551615, lastTerm: 7, preVote: true))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.voteAnswer(VoteAnswer(term: 1099511627776, granted: true, preVote: true))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.appendCall(
        AppendCall(
          term: 1099511627776, previousIndex: 18446744073709551615, previousTerm: 7,
          previousRoot: [0, 255, 4],
          entries: [
            LogEntry(term: 1099511627776, payload: [0, 255, 2]),
            LogEntry(term: 1099511627776, payload: [0, 255, 2]),
          ], leaderCommit: 7, round: 1099511627776))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.appendAnswer(
        AppendAnswer(
          term: 1099511627776, round: 18446744073709551615, outcome: 4294967295, index: 1099511627776,
          outcomeTerm: 18446744073709551615, hint: 7))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.durable(DurableLog(term: 1099511627776, size: 18446744073709551615, root: [0, 255, 3]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.nonces(NonceBatch(commitments: [[0, 255, 1], [0, 255, 2]], wanted: true))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.signCall(
        SignCall(
          term: 1099511627776, round: 18446744073709551615, session: 7, text: [0, 255, 4],
          commitments: [[0, 255, 5], [0, 255, 6]], restrictions: [0, 255, 6],
          proofs: [
            StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
            StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
          ]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.signAnswer(
        SignAnswer(
          term: 1099511627776, round: 18446744073709551615, session: 7, share: [0, 255, 4], declined: "é 5",
          except: [7, 1099511627776],
          restrictions: [
            StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
            StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
          ], signature: [0, 255, 8]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.note(
        NoteShown(
          note: "é 1",
          challenges: [
            ChallengeNote(executor: "é 1", incarnation: 3, challenge: [0, 255, 3]),
            ChallengeNote(executor: "é 1", incarnation: 3, challenge: [0, 255, 3]),
          ], restrictions: [0, 255, 3]))
    ),
    ("peer", "PeerMessage", PeerMessage.declineShown(DeclineShown(statement: [0, 255, 1]))),
    ("peer", "PeerMessage", PeerMessage.historyWanted(HistoryWanted(first: 300))),
    ("peer", "PeerMessage", PeerMessage.advert(ProgramAdvert(semantics: 2))),
    ("peer", "PeerMessage", PeerMessage.historyShown(HistoryShown(first: 7, payloads: [[1]], note: "n"))),
    ("peer", "PeerMessage", PeerMessage.earlierWanted(EarlierWanted(first: 7, end: 300))),
    (
      "peer", "PeerMessage",
      PeerMessage.earlierShown(
        EarlierShown(first: 7, end: 300, payloads: [[1], [2, 3]], proof: [[4]], notes: ["n", "é"]))
    ),
    ("peer", "PeerMessage", PeerMessage.leavesWanted(LeavesWanted(leaves: [1, 300]))),
    ("peer", "PeerMessage", PeerMessage.leafShown(LeafShown(leaf: 300, payload: [1]))),
    ("peer", "PeerMessage", PeerMessage.noteWanted(NoteWanted(size: 1099511627776, leaves: [1, 300]))),
    (
      "peer", "PeerMessage",
      PeerMessage.forwardCall(
        ForwardCall(
          id: 1099511627776, type: "é 2", statement: [0, 255, 3], attachment: [0, 255, 4]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.forwardAnswer(
        ForwardAnswer(id: 1099511627776, code: 3, message: "é 3", index: 1099511627776))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.restriction(RestrictionShown(statement: [0, 255, 1], attachment: [0, 255, 2]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.restrictionBound(RestrictionBound(incidentID: "é 1", signature: [0, 255, 2]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.challenge(ChallengeNote(executor: "é 1", incarnation: 3, challenge: [0, 255, 3]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.artifactPush(ArtifactPush(statement: [0, 255, 1], content: [0, 255, 3]))
    ),
    ("peer", "PeerMessage", PeerMessage.artifactHeld(ArtifactHeld(tenant: "é 1", digest: "é 2"))),
    ("peer", "PeerMessage", PeerMessage.artifactWanted(ArtifactWanted(tenant: "é 1", digest: "é 2"))),
    (
      "peer", "PeerMessage",
      PeerMessage.artifactFound(ArtifactFound(tenant: "é 1", digest: "é 2", content: [0, 255, 3]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.snapshotPiece(
        SnapshotPiece(
          note: "é 1", term: 18446744073709551615, peaks: [[0, 255, 3], [0, 255, 4]], logTime: "é 4",
          names: ["é 5", "é 6"], cells: [[0, 255, 6], [0, 255, 7]], piece: 1099511627776, last: true))
    ),
    ("peer", "PeerMessage", PeerMessage.snapshotTaken(SnapshotTaken(size: 1099511627776, accepted: true))),
    (
      "peer", "PeerMessage",
      PeerMessage.keyRoundOne(KeyRoundOne(configuration: [0, 255, 1], package: [0, 255, 2], isAnswer: true))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.keyRoundTwo(
        KeyRoundTwo(share: [0, 255, 1], transcript: [0, 255, 2], session: [0, 255, 3]))
    ),
    (
      "peer", "PeerMessage",
      PeerMessage.keySignature(KeySignature(genesisHash: [0, 255, 1], signature: [0, 255, 2]))
    ),
    ("peer", "PeerMessage", PeerMessage.genesis(GenesisShown(leaf: [0, 255, 1], attachment: [0, 255, 2]))),
    ("peer", "PeerMessage", PeerMessage.timeoutNow(TimeoutNowCall(term: 7))),
    ("peer", "PeerMessage", PeerMessage.readCall(ReadCall(term: 7, context: 8))),
    ("peer", "PeerMessage", PeerMessage.readAnswer(ReadAnswer(term: 7, context: 8, index: 9, isKnown: true))),
  ]
}
