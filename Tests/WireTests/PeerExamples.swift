import Wire

extension PublishedExamples {
  /// What nodes say to each other, by itself.
  static let peers: [Example] = [
    ("peer", "LogEntry", LogEntry(term: 1099511627776, payload: [0, 255, 2])),
    (
      "peer", "VoteCall",
      VoteCall(
        term: 1099511627776, lastIndex: 18446744073709551615, lastTerm: 7, preVote: true, isTransfer: true)
    ),
    ("peer", "VoteAnswer", VoteAnswer(term: 1099511627776, granted: true, preVote: true)),
    (
      "peer", "AppendCall",
      AppendCall(
        term: 1099511627776, previousIndex: 18446744073709551615, previousTerm: 7, previousRoot: [0, 255, 4],
        entries: [
          LogEntry(term: 1099511627776, payload: [0, 255, 2]),
          LogEntry(term: 1099511627776, payload: [0, 255, 2]),
        ], leaderCommit: 7, round: 1099511627776, transferee: 9)
    ),
    (
      "peer", "AppendAnswer",
      AppendAnswer(
        term: 1099511627776, round: 18446744073709551615, outcome: 4294967295, index: 1099511627776,
        outcomeTerm: 18446744073709551615, hint: 7)
    ),
    ("peer", "DurableLog", DurableLog(term: 1099511627776, size: 18446744073709551615, root: [0, 255, 3])),
    ("peer", "NonceBatch", NonceBatch(commitments: [[0, 255, 1], [0, 255, 2]], wanted: true)),
    (
      "peer", "SignCall",
      SignCall(
        term: 1099511627776, round: 18446744073709551615, session: 7, text: [0, 255, 4],
        commitments: [[0, 255, 5], [0, 255, 6]], restrictions: [0, 255, 6],
        proofs: [
          StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
          StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
        ])
    ),
    (
      "peer", "SignAnswer",
      SignAnswer(
        term: 1099511627776, round: 18446744073709551615, session: 7, share: [0, 255, 4], declined: "é 5",
        except: [7, 1099511627776],
        restrictions: [
          StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
          StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2]),
        ], signature: [0, 255, 8])
    ),
    (
      "peer", "ChallengeNote",
      ChallengeNote(
        executor: "é 1", incarnation: 3, challenge: [0, 255, 3], compliant: true,
        shortcomings: ["é 4", "é 5"],
        isolationClasses: ["é 6", "é 7"], signature: [0, 255, 7], declaredAt: "é 8")
    ),
    (
      "peer", "NoteShown",
      NoteShown(
        note: "é 1",
        challenges: [
          ChallengeNote(executor: "é 1", incarnation: 3, challenge: [0, 255, 3]),
          ChallengeNote(executor: "é 1", incarnation: 3, challenge: [0, 255, 3]),
        ], restrictions: [0, 255, 3])
    ),
    ("peer", "HistoryWanted", HistoryWanted(first: 1 << 40)),
    ("peer", "HistoryShown", HistoryShown(first: 7, payloads: [[1, 2], [], [3]], note: "a note")),
    ("peer", "LeavesWanted", LeavesWanted(leaves: [1, 300])),
    ("peer", "LeafShown", LeafShown(leaf: 300, payload: [1, 2])),
    ("peer", "NoteWanted", NoteWanted(size: 1099511627776, leaves: [1, 300])),
    (
      "peer", "ForwardCall",
      ForwardCall(id: 1099511627776, type: "é 2", statement: [0, 255, 3], attachment: [0, 255, 4])
    ),
    (
      "peer", "ForwardAnswer", ForwardAnswer(id: 1099511627776, code: 3, message: "é 3", index: 1099511627776)
    ),
    ("peer", "RestrictionShown", RestrictionShown(statement: [0, 255, 1], attachment: [0, 255, 2])),
    (
      "peer", "RestrictionBound",
      RestrictionBound(incidentID: "é 1", signature: [0, 255, 2], contentHash: [3, 0])
    ),
    ("peer", "ArtifactPush", ArtifactPush(statement: [0, 255, 1], content: [0, 255, 3])),
    ("peer", "ArtifactHeld", ArtifactHeld(tenant: "é 1", digest: "é 2")),
    ("peer", "ArtifactWanted", ArtifactWanted(tenant: "é 1", digest: "é 2")),
    ("peer", "ArtifactFound", ArtifactFound(tenant: "é 1", digest: "é 2", content: [0, 255, 3])),
    (
      "peer", "SnapshotPiece",
      SnapshotPiece(
        note: "é 1", term: 18446744073709551615, peaks: [[0, 255, 3], [0, 255, 4]], logTime: "é 4",
        names: ["é 5", "é 6"], cells: [[0, 255, 6], [0, 255, 7]], piece: 1099511627776, last: true)
    ),
    ("peer", "SnapshotTaken", SnapshotTaken(size: 1099511627776, accepted: true)),
    ("peer", "SnapshotTaken", SnapshotTaken(pieces: 3)),
    ("peer", "KeyRoundOne", KeyRoundOne(configuration: [0, 255, 1], package: [0, 255, 2], isAnswer: true)),
    (
      "peer", "KeyRoundTwo", KeyRoundTwo(share: [0, 255, 1], transcript: [0, 255, 2], session: [0, 255, 3])
    ),
    ("peer", "KeySessionCall", KeySessionCall(term: 7, attempt: 8, joint: 1_099_511_627_776)),
    (
      "peer", "KeyApproved",
      KeyApproved(
        session: [0, 255, 1], keys: [0, 255, 2], transcript: [0, 255, 3], signature: [0, 255, 4],
        shareProof: [0, 255, 5])
    ),
    ("peer", "KeyFailed", KeyFailed(session: [0, 255, 1], reason: "é 2")),
    ("peer", "MembersShown", MembersShown(statement: [0, 255, 1])),
    (
      "peer", "ShareRepairStep",
      ShareRepairStep(
        nonce: [0, 255, 1], firstSize: 7, helpers: [1, 300], lost: 2, commitment: [0, 255, 5],
        summand: [0, 255, 6], sum: [0, 255, 7])
    ),
    ("peer", "KeySignature", KeySignature(genesisHash: [0, 255, 1], signature: [0, 255, 2])),
    ("peer", "GenesisShown", GenesisShown(leaf: [0, 255, 1], attachment: [0, 255, 2])),
    ("peer", "DeclineShown", DeclineShown(statement: [0, 255, 1])),
    ("peer", "ProgramAdvert", ProgramAdvert(semantics: 2)),
    ("peer", "EarlierWanted", EarlierWanted(first: 7, end: 300)),
    (
      "peer", "EarlierShown",
      EarlierShown(first: 7, end: 300, payloads: [[1], [2, 3]], proof: [[4]], notes: ["n", "é"])
    ),
    ("peer", "TimeoutNowCall", TimeoutNowCall(term: 7)),
    ("peer", "ReadCall", ReadCall(term: 7, context: 18446744073709551615)),
    ("peer", "ReadAnswer", ReadAnswer(term: 7, context: 8, index: 1099511627776, isKnown: true)),
  ]
}
