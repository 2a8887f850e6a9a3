import Foundation
import Testing
import Wire

/// One message of every type, every field set, with the file that declares it.
private let examples: [(file: String, type: String, message: any WireMessage)] = [
  ("governance", "StatementRequest", StatementRequest(statement: [0, 255, 1], attachment: [0, 255, 2])),
  ("governance", "ProposalRequest", ProposalRequest(requestID: "é 1", agent: "é 2", proposal: 7)),
  ("governance", "Rule", Rule(rule: "é 1", effect: "é 2", message: "é 3")),
  ("governance", "Demand", Demand(role: "é 1", count: 3, approved: 4294967295, tenant: "é 4")),
  (
    "governance", "Outcome",
    Outcome(
      status: "é 1", proposal: 18446744073709551615, message: "é 3",
      rules: [
        Rule(rule: "é 1", effect: "é 2", message: "é 3"), Rule(rule: "é 1", effect: "é 2", message: "é 3"),
      ],
      demands: [
        Demand(role: "é 1", count: 3, approved: 4294967295),
        Demand(role: "é 1", count: 3, approved: 4294967295),
      ], deadline: "é 6", decisionProof: "é 7", receiptProof: "é 8", result: [0, 255, 9],
      finalSize: 1099511627776, finalTime: "é 11", decisionID: "é 12", traceID: "é 13", tokenID: "é 14",
      unconfirmed: true)
  ),
  ("governance", "ListActionsRequest", ListActionsRequest()),
  (
    "governance", "ListActionsResponse",
    ListActionsResponse(
      policyBundleHash: "é 1", constitutionVersion: "é 2", actions: [[0, 255, 3], [0, 255, 4]])
  ),
  ("approval", "ListPendingRequest", ListPendingRequest(role: "é 1", after: 1_099_511_627_776, proposal: 3)),
  (
    "approval", "PendingItem",
    PendingItem(
      proposal: 1099511627776, proposalHash: "é 2", leaf: [0, 255, 3], attachment: [0, 255, 4],
      demands: [
        Demand(role: "é 1", count: 3, approved: 4294967295),
        Demand(role: "é 1", count: 3, approved: 4294967295),
      ], deadline: "é 6", policyBundleHash: "é 7",
      rules: [
        Rule(rule: "é 1", effect: "é 2", message: "é 3"), Rule(rule: "é 1", effect: "é 2", message: "é 3"),
      ], attachmentLeftOut: 9, decision: [0, 255, 10], responsible: "é 11", unconfirmed: true,
      preview: [0, 255, 13], previewResult: [0, 255, 14])
  ),
  (
    "approval", "ListPendingResponse",
    ListPendingResponse(items: [
      PendingItem(
        proposal: 1099511627776, proposalHash: "é 2", leaf: [0, 255, 3], attachment: [0, 255, 4],
        demands: [
          Demand(role: "é 1", count: 3, approved: 4294967295),
          Demand(role: "é 1", count: 3, approved: 4294967295),
        ], deadline: "é 6", policyBundleHash: "é 7",
        rules: [
          Rule(rule: "é 1", effect: "é 2", message: "é 3"), Rule(rule: "é 1", effect: "é 2", message: "é 3"),
        ]),
      PendingItem(
        proposal: 1099511627776, proposalHash: "é 2", leaf: [0, 255, 3], attachment: [0, 255, 4],
        demands: [
          Demand(role: "é 1", count: 3, approved: 4294967295),
          Demand(role: "é 1", count: 3, approved: 4294967295),
        ], deadline: "é 6", policyBundleHash: "é 7",
        rules: [
          Rule(rule: "é 1", effect: "é 2", message: "é 3"), Rule(rule: "é 1", effect: "é 2", message: "é 3"),
        ]),
    ])
  ),
  ("ledger", "CheckpointRequest", CheckpointRequest(fresh: true, held: ["é 2"])),
  (
    "ledger", "CheckpointResponse",
    CheckpointResponse(
      note: "é 1", cluster: "é 2", groupKey: "é 3", crashOnly: true, links: ["é 5"],
      refusedCertificates: ["é 6"], lifts: ["é 7"])
  ),
  ("ledger", "EntryRequest", EntryRequest(index: 1099511627776)),
  ("ledger", "EntryResponse", EntryResponse(leaf: [0, 255, 1], attachment: [0, 255, 2], proof: "é 3")),
  ("ledger", "ProofRequest", ProofRequest(index: 1099511627776, size: 18446744073709551615)),
  ("ledger", "ProofResponse", ProofResponse(hashes: [[0, 255, 1], [0, 255, 2]])),
  ("ledger", "TraceRequest", TraceRequest(traceID: "é 1", after: 1_099_511_627_776, tenant: "é 3")),
  (
    "ledger", "TraceResponse",
    TraceResponse(
      indices: [1099511627776, 18446744073709551615], leaves: [[0, 255, 2], [0, 255, 3]], more: true)
  ),
  ("ledger", "ExportRequest", ExportRequest(first: 1099511627776)),
  ("ledger", "ExportChunk", ExportChunk(text: [0, 255, 1])),
  (
    "artifact", "ArtifactPutRequest",
    ArtifactPutRequest(statement: [0, 255, 1], content: [0, 255, 3])
  ),
  (
    "artifact", "ArtifactRequest",
    ArtifactRequest(tenant: "é 1", digest: "é 2", workspace: "é 3", decision: 1_099_511_627_776)
  ),
  (
    "artifact", "ArtifactStat",
    ArtifactStat(
      digest: "é 1", size: 18446744073709551615, mediaType: "é 3", labels: ["é 4", "é 5"],
      index: 18446744073709551615, workspace: "é 6", name: "é 7", owner: "é 8", droppedAt: "é 9",
      droppedIndex: 10)
  ),
  (
    "artifact", "ArtifactContent",
    ArtifactContent(
      stat: ArtifactStat(
        digest: "é 1", size: 18446744073709551615, mediaType: "é 3", labels: ["é 4", "é 5"],
        index: 18446744073709551615, workspace: "é 6", name: "é 7", owner: "é 8"),
      content: [0, 255, 2], proof: "é 9")
  ),
  (
    "artifact", "ArtifactListRequest",
    ArtifactListRequest(tenant: "é 1", workspace: "é 2", after: 18_446_744_073_709_551_615)
  ),
  (
    "artifact", "ArtifactListResponse",
    ArtifactListResponse(items: [ArtifactStat(digest: "é 1"), ArtifactStat(name: "é 2")], more: true)
  ),
  ("admin", "StatusRequest", StatusRequest(principal: "é 1", incidents: ["é 2", "é 3"])),
  ("admin", "StatusResponse", StatusResponse(json: [0, 255, 1])),
  (
    "admin", "ActResponse",
    ActResponse(
      index: 1099511627776, finalSize: 18446744073709551615, acknowledged: 4294967295, message: "é 4",
      proof: "é 5")
  ),
  ("admin", "TransferRequest", TransferRequest(node: 5)),
  ("admin", "TransferResponse", TransferResponse(leader: 5, term: 1099511627776)),
  ("peer", "PeerMessage", PeerMessage.transferWanted(TransferRequest(node: 5))),
  (
    "peer", "PeerMessage",
    PeerMessage.witnessCall(ForwardCall(id: 1, type: "proposal", statement: [0, 255], attachment: [1]))
  ),
  ("admin", "KeysRequest", KeysRequest(repair: true)),
  ("admin", "KeysResponse", KeysResponse(json: [0, 255, 1], links: ["é 2", "é 3"])),
  (
    "executor", "EnlistRequest",
    EnlistRequest(
      incarnation: 4294967295, challenge: [0, 255, 2], isolationClasses: ["é 3", "é 4"], knownLinks: 4,
      compliant: true, shortcomings: ["é 6", "é 7"], signature: [0, 255, 7], declaredAt: "é 8")
  ),
  (
    "executor", "LeaseResponse",
    LeaseResponse(
      note: "é 1", challengePath: [[0, 255, 2], [0, 255, 3]], challengeIndex: 7,
      challengeCount: 1099511627776, restrictions: [0, 255, 5], bundle: [0, 255, 6])
  ),
  ("executor", "JobsRequest", JobsRequest(incarnation: 4294967295, knownLinks: 3)),
  (
    "executor", "JobOffer",
    JobOffer(
      token: "é 1", proposal: [0, 255, 2], attachment: [0, 255, 3],
      lease: LeaseResponse(note: "é 5", challengePath: [[0, 255, 6]], challengeIndex: 8))
  ),
  ("executor", "ReportResponse", ReportResponse(proof: "é 1")),
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
      executor: "é 1", incarnation: 3, challenge: [0, 255, 3], compliant: true, shortcomings: ["é 4", "é 5"],
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
  ("peer", "ForwardAnswer", ForwardAnswer(id: 1099511627776, code: 3, message: "é 3", index: 1099511627776)),
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
  ("peer", "KeyRoundTwo", KeyRoundTwo(share: [0, 255, 1], transcript: [0, 255, 2], session: [0, 255, 3])),
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
  ("peer", "PeerMessage", PeerMessage.repairStep(ShareRepairStep(nonce: [0, 255, 1]))),
  ("peer", "PeerMessage", PeerMessage.keySession(KeySessionCall(term: 7, attempt: 8, joint: 9))),
  ("peer", "PeerMessage", PeerMessage.keyApproved(KeyApproved(session: [0, 255, 1]))),
  ("peer", "PeerMessage", PeerMessage.keyFailed(KeyFailed(session: [0, 255, 1], reason: "é 2"))),
  ("peer", "PeerMessage", PeerMessage.membersShown(MembersShown(statement: [0, 255, 1]))),
  ("peer", "KeySignature", KeySignature(genesisHash: [0, 255, 1], signature: [0, 255, 2])),
  ("peer", "GenesisShown", GenesisShown(leaf: [0, 255, 1], attachment: [0, 255, 2])),
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
        term: 1099511627776, previousIndex: 18446744073709551615, previousTerm: 7, previousRoot: [0, 255, 4],
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
  ("peer", "DeclineShown", DeclineShown(statement: [0, 255, 1])),
  ("peer", "PeerMessage", PeerMessage.declineShown(DeclineShown(statement: [0, 255, 1]))),
  ("peer", "PeerMessage", PeerMessage.historyWanted(HistoryWanted(first: 300))),
  ("peer", "ProgramAdvert", ProgramAdvert(semantics: 2)),
  ("peer", "PeerMessage", PeerMessage.advert(ProgramAdvert(semantics: 2))),
  ("peer", "PeerMessage", PeerMessage.historyShown(HistoryShown(first: 7, payloads: [[1]], note: "n"))),
  ("peer", "EarlierWanted", EarlierWanted(first: 7, end: 300)),
  (
    "peer", "EarlierShown",
    EarlierShown(first: 7, end: 300, payloads: [[1], [2, 3]], proof: [[4]], notes: ["n", "é"])
  ),
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
    PeerMessage.forwardAnswer(ForwardAnswer(id: 1099511627776, code: 3, message: "é 3", index: 1099511627776))
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
    PeerMessage.keyRoundTwo(KeyRoundTwo(share: [0, 255, 1], transcript: [0, 255, 2], session: [0, 255, 3]))
  ),
  (
    "peer", "PeerMessage",
    PeerMessage.keySignature(KeySignature(genesisHash: [0, 255, 1], signature: [0, 255, 2]))
  ),
  ("peer", "PeerMessage", PeerMessage.genesis(GenesisShown(leaf: [0, 255, 1], attachment: [0, 255, 2]))),
  ("peer", "TimeoutNowCall", TimeoutNowCall(term: 7)),
  ("peer", "ReadCall", ReadCall(term: 7, context: 18446744073709551615)),
  ("peer", "ReadAnswer", ReadAnswer(term: 7, context: 8, index: 1099511627776, isKnown: true)),
  ("peer", "PeerMessage", PeerMessage.timeoutNow(TimeoutNowCall(term: 7))),
  ("peer", "PeerMessage", PeerMessage.readCall(ReadCall(term: 7, context: 8))),
  ("peer", "PeerMessage", PeerMessage.readAnswer(ReadAnswer(term: 7, context: 8, index: 9, isKnown: true))),
]

private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Docs/Protocol").path

/// Runs protoc and gives what it wrote.
private func protoc(_ arguments: [String], input: [UInt8]) throws -> [UInt8] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
  process.arguments = ["-I", folder] + arguments
  let stdin = Pipe()
  let stdout = Pipe()
  process.standardInput = stdin
  process.standardOutput = stdout
  try process.run()
  stdin.fileHandleForWriting.write(Data(input))
  try stdin.fileHandleForWriting.close()
  let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "protoc \(arguments) failed")
  return Array(output)
}

struct PublishedInterfaceTests {
  @Test("every message that is published has its example; frames and the guest's have tests of their own")
  func complete() throws {
    var published: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(atPath: folder)
    where file.hasSuffix(".proto") && file != "frame.proto" && file != "guest.proto" {
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      published.formUnion(text.matches(of: /(?m)^message (\w+)/).map { String($0.1) })
    }
    #expect(published == Set(examples.map(\.type)))
  }

  @Test("protoc reads what the code encodes, and the code's bytes come back from protoc's text")
  func everyMessage() throws {
    for (file, type, message) in examples {
      let bytes = message.encode()
      let text = try protoc(["--decode=openexec.v1.\(type)", "\(file).proto"], input: bytes)
      let unknown = String(decoding: text, as: UTF8.self).split(separator: "\n").filter {
        $0.trimmingCharacters(in: .whitespaces).first?.isNumber == true
      }
      #expect(unknown.isEmpty, "\(type): fields that the .proto does not know: \(unknown)")
      let again = try protoc(["--encode=openexec.v1.\(type)", "\(file).proto"], input: text)
      #expect(again == bytes, "\(type)")
      try decodes(message, from: again)
    }
  }

  private func decodes<M: WireMessage>(_ message: M, from bytes: [UInt8]) throws {
    #expect(try M(decoding: bytes) == message)
  }
}
