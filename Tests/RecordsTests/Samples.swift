import Canonical
import Crypto
import Records
import Testing

/// Testing has attachments too.
typealias Attachment = Records.Attachment

/// One of everything, from fixed keys.
enum Samples {
  static let cluster = SHA256.hash("a cluster")
  static let time = Timestamp(text: "2026-03-01T12:00:00.5Z") ?? .epoch
  static let later = Timestamp(text: "2026-03-01T13:00:00Z") ?? .epoch
  static let agent = Principal.agent(tenant: "acme", name: "writer")
  static let digest = SHA256.hash("something")
  static let dollar = MicroUSD(micros: 1_250_000) ?? .zero

  static func key(_ name: String) -> SigningKey {
    var seed = SHA256.hash("test key of \(name)").bytes
    guard let key = SigningKey(seed: &seed) else { preconditionFailure("32 bytes are a seed") }
    return key
  }

  static func item(_ value: JSON) -> Attachment.Item {
    Attachment.Item(salt: [UInt8](repeating: 9, count: 16), value: value)
  }

  static let risk = RiskContext(
    estimatedCost: dollar, dataClassification: .pii, impactLevel: .moderate)

  static let proposal = Proposal(
    traceID: "trace-1", requestID: "request-1", tenantID: "acme", workspaceID: "main",
    requestedBy: agent, action: "echo", parametersHash: item(["text": "hi"]).hash, scopes: ["text"],
    risk: risk, inputs: [digest], depth: 1, validUntil: later)

  static func signed<Content>(_ content: Content, as principal: Principal) -> Signed<Content> {
    Signed.sign(content, cluster: cluster, as: principal, with: key(principal.path))
  }

  static let enrolment = Enrolment(
    principal: .executor("x1"), key: key("x1").publicKey, secondKey: key("x1-second").publicKey,
    roles: ["runner"], tenantID: "", owner: "olga", scopes: ["text"], expiresAt: later, incarnation: 2,
    isolationClasses: [.microvmTCG, .kata])

  static let grant = ApprovalGrant(
    tokenID: "token-1", approvalScope: "echo", allowedScopes: ["text"], issuedAt: time, expiresAt: later,
    nonce: "nonce-1",
    constraints: Constraints(maximumCost: dollar, maximumRetries: 1, rateLimitPerMinute: 60),
    executorID: .executor("x1"), executorIncarnation: 2, isolationClass: .microvmTCG,
    humanAttestors: [.approver("ann")], multiSigThreshold: 1)

  static let approval = Decision(
    decisionID: "decision-1", decisionType: .approve, proposal: LeafIndex(4), proposalHash: digest,
    cause: LeafIndex(5), request: proposal, actionVersion: "1", constitutionVersion: "1.0.0",
    policyBundleHash: digest,
    rulesFired: [FiredRule(rule: "policy.registry", effect: .approve, message: "registered")],
    rationale: "approved", decidedAt: time, effectiveRisk: risk, grant: grant)

  static let pending = Decision(
    decisionID: "decision-2", decisionType: .requireMultiSig, proposal: LeafIndex(4),
    proposalHash: digest, cause: LeafIndex(4), request: proposal, actionVersion: "1",
    constitutionVersion: "1.0.0", policyBundleHash: digest, rulesFired: [], rationale: "waits",
    decidedAt: time, effectiveRisk: risk, demands: [ApprovalDemand(role: "approver", count: 2)],
    deadline: later)

  static let receipt = Receipt(
    receiptID: "receipt-1", decision: approval, decisionIndex: LeafIndex(6), grant: grant,
    executedAt: time, finishedAt: later, status: .succeeded, errorCode: "",
    resultHash: item("done").hash, inputs: [digest], resultArtifact: item("more").hash, truncated: false,
    isolationClass: .microvmTCG,
    guest: GuestEvidence(kernel: "6.1", challenge: "00", answer: "11", bootID: "boot"),
    imageDigest: "sha256:00", provenance: item("image").hash, cost: dollar, exfiltrationRisk: false,
    piiDetected: true,
    loopGuardTriggered: false, approvalNote: "note")

  static let genesis = Genesis(
    clusterName: "test",
    parties: [
      Party(id: 1, name: "p1", key: key("p1").publicKey, verifyingShare: "aa"),
      Party(id: 2, name: "p2", key: key("p2").publicKey, verifyingShare: "bb"),
    ], threshold: 2, transcriptHash: digest, groupKey: key("group").publicKey,
    constitutionVersion: "1.0.0", policyBundleHash: digest, bundleHash: digest,
    enrolments: [enrolment], createdAt: time)

  static let incident = IncidentAct(
    incidentID: "incident-1", kind: .kill, target: .principal(agent), severity: 1,
    reasonHash: item("why").hash, signedAt: time, validUntil: later)

  static let ballot = Ballot(
    proposal: LeafIndex(4), proposalHash: digest, parametersHash: digest, policyBundleHash: digest,
    previewHash: digest, vote: .approve, role: "approver", reasonHash: item("fine").hash,
    voter: .approver("ann"), signedAt: time, validUntil: later)

  static let policy = PolicyAct(
    actID: "act-2", policyBundleHash: digest, bundleHash: digest, bundleVersion: "2",
    constitutionVersion: "1.0.0", killRunning: true, validUntil: later)

  static let version = VersionAct(actID: "act-5", semantics: 2, validUntil: later)

  static let members = MembersAct(
    actID: "act-4",
    parties: [
      PartySeat(id: 1, name: "p1", key: key("p1").publicKey),
      PartySeat(
        id: 3, name: "p3", key: key("p3").publicKey, address: "p3.example:7201",
        authority: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ], threshold: 2, takesBack: "act-3", validUntil: later)

  static let keyContent = KeyContent(
    cause: LeafIndex(9), origin: .generation, groupKey: key("second group").publicKey,
    parties: [
      Party(id: 1, name: "p1", key: key("p1").publicKey, verifyingShare: "aa"),
      Party(id: 3, name: "p3", key: key("p3").publicKey, verifyingShare: "cc"),
    ], threshold: 2, transcriptHash: digest)

  static let keyRecord = KeyRecord(
    content: keyContent,
    approvals: ["p1", "p3"].enumerated().map { position, name in
      KeyApproval(
        party: keyContent.parties[position].id,
        signature: key(name).sign(keyContent.signedBytes(cluster: cluster)), shareProof: "0102")
    })

  /// One body of every kind.
  static let bodies: [RecordBody] = [
    .genesis(genesis), .term(number: 18_446_744_073_709_551_615, leader: 3), .tick,
    .policy(signed(policy, as: .operator("pat"))), .version(signed(version, as: .operator("pat"))),
    .enrol(signed(EnrolmentAct(actID: "act-1", enrol: enrolment, validUntil: later), as: .operator("pat"))),
    .enrol(signed(EnrolmentAct(actID: "act-3", revoke: agent, validUntil: later), as: .operator("pat"))),
    .artifact(
      signed(
        ArtifactNote(
          digest: digest, tenantID: "acme", workspaceID: "main", name: "notes/monday.md", size: 12,
          mediaType: "text/plain", owner: agent, labels: ["untrusted"], validUntil: later), as: agent)),
    .proposal(signed(proposal, as: agent)),
    .ballot(signed(ballot, as: .approver("ann"))),
    .withdrawal(
      signed(Withdrawal(proposal: LeafIndex(4), requestedBy: agent, validUntil: later), as: agent)),
    .decision(approval), .decision(pending), .receipt(signed(receipt, as: .executor("x1"))),
    .incident(signed(incident, as: .operator("pat"))),
    .incident(
      signed(
        IncidentAct(
          incidentID: "incident-2", kind: .lift, target: .all, severity: 3, reasonHash: digest,
          lifts: ["incident-1"], signedAt: time, validUntil: later), as: .operator("pat"))),
    .derivedIncident(
      DerivedIncident(
        incidentID: "incident-3", kind: .breaker, cause: LeafIndex(4), about: LeafIndex(4),
        tenantID: "acme", target: .token("token-1"), message: "tripped")),
    .derivedIncident(
      DerivedIncident(
        incidentID: "incident-4", kind: .withheld, cause: LeafIndex(6), about: LeafIndex(6),
        tenantID: "acme", target: .token("token-1"), message: "withheld",
        declines: [
          PartySigned(
            Decline(
              party: 2, decision: LeafIndex(6), decisionID: "decision-1", reason: "no", declinedAt: time),
            cluster: digest, with: key("p2"))
        ])),
    .artifact(
      signed(
        ArtifactNote(
          digest: digest, tenantID: "acme", workspaceID: "main", size: 12, mediaType: "",
          owner: .executor("x1"), labels: [], decision: LeafIndex(6), validUntil: later), as: .executor("x1"))
    ),
    .members(signed(members, as: .operator("pat")), MemberList(voters: [1, 2], learners: [3])),
    .derivedMembers(
      DerivedMembers(
        step: .joint, cause: LeafIndex(9), configuration: MemberList(voters: [1, 3], outgoing: [1, 2]))),
    .key(keyRecord),
    .recovery(
      RecoveryRecord(
        act: signed(
          RecoveryAct(actID: "act-6", size: 9, root: digest, stateRoot: digest, validUntil: later),
          as: .operator("pat")))),
    .recovery(
      RecoveryRecord(
        act: signed(
          RecoveryAct(
            actID: "act-7", size: 9, root: digest, stateRoot: digest, key: keyContent, continuedAt: time,
            approvals: keyRecord.approvals, validUntil: later), as: .operator("pat")),
        approvals: keyRecord.approvals)),
  ]

  static let records = bodies.map { Record(at: time, body: $0) }
}

extension Record: CustomTestStringConvertible {
  public var testDescription: String { body.type.rawValue }
}
