import Wire

extension PublishedExamples {
  /// What agents, approvers, auditors, operators and executors say to nodes, and what nodes answer.
  static let callers: [Example] = [
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
    (
      "approval", "ListPendingRequest", ListPendingRequest(role: "é 1", after: 1_099_511_627_776, proposal: 3)
    ),
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
            Rule(rule: "é 1", effect: "é 2", message: "é 3"),
            Rule(rule: "é 1", effect: "é 2", message: "é 3"),
          ]),
        PendingItem(
          proposal: 1099511627776, proposalHash: "é 2", leaf: [0, 255, 3], attachment: [0, 255, 4],
          demands: [
            Demand(role: "é 1", count: 3, approved: 4294967295),
            Demand(role: "é 1", count: 3, approved: 4294967295),
          ], deadline: "é 6", policyBundleHash: "é 7",
          rules: [
            Rule(rule: "é 1", effect: "é 2", message: "é 3"),
            Rule(rule: "é 1", effect: "é 2", message: "é 3"),
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
  ]
}
