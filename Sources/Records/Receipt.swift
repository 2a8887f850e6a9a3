import Canonical
import Crypto

/// How a run ended (INV-015, RT-11).
public enum RunStatus: String, Sendable, CaseIterable {
  /// The guest said it completed, with exit status 0.
  case succeeded
  /// It ran and failed.
  case failed
  /// The token gate or the preflight refused; nothing ran.
  case refused
  /// A limit, a kill or a lapsed lease ended it.
  case aborted
  /// The executor cannot say how it ended.
  case unknown
}

/// What only code inside the guest could have said.
public struct GuestEvidence: Hashable, Sendable, JSONWritable {
  /// `uname -r` inside the guest.
  public var kernel: String
  /// The executor's challenge, hexadecimal.
  public var challenge: String
  /// SHA-256 over challenge, kernel version and boot id, computed in the guest, hexadecimal.
  public var answer: String
  /// The guest's boot id.
  public var bootID: String

  /// Evidence.
  public init(kernel: String, challenge: String, answer: String, bootID: String) {
    self.kernel = kernel
    self.challenge = challenge
    self.answer = answer
    self.bootID = bootID
  }

  package init(from fields: inout Fields) throws(RecordError) {
    kernel = try fields.text("kernel", limit: 128)
    challenge = try fields.text("challenge", limit: 128)
    answer = try fields.text("answer", limit: 128)
    bootID = try fields.text("boot_id", limit: 64)
  }

  public var members: [(String, JSON)] {
    [
      ("kernel", .string(kernel)), ("challenge", .string(challenge)), ("answer", .string(answer)),
      ("boot_id", .string(bootID)),
    ]
  }
}

/// What one execution did, signed by its executor (API-9, INV-015, RT-10; rulings 4 and 8).
public struct Receipt: StatementContent {
  public static let type = RecordType.receipt

  public var receiptID: String
  public var traceID: String
  public var requestID: String
  public var tenantID: String
  public var workspaceID: String
  public var action: String
  public var actionVersion: String
  public var parametersHash: Digest
  public var decisionID: String
  /// The approving decision's leaf.
  public var decision: LeafIndex
  public var tokenID: String
  public var policyBundleHash: Digest
  public var executorID: Principal
  public var executorIncarnation: Int
  public var approvedAt: Timestamp
  /// When the executor began; equal to `finishedAt` where nothing ran.
  public var executedAt: Timestamp
  public var finishedAt: Timestamp
  public var status: RunStatus
  /// A short name of what went wrong, such as `LOOP_GUARD`, `WALL_CLOCK`, `TOKEN_EXPIRED`; empty for success.
  public var errorCode: String
  /// Salted hash of the result; the result travels as the attachment.
  public var resultHash: Digest
  /// The artifacts that the guest had before the action began, in their order; absent where it had none.
  public var inputs: [Digest]
  /// The artifact that holds what the action wrote, where it is too long for the attachment.
  public var resultArtifact: Digest?
  /// Whether output was cut at a limit.
  public var truncated: Bool
  /// The class that ran; absent where nothing ran.
  public var isolationClass: IsolationClass?
  /// Absent where nothing ran, and of a WebAssembly module in class `container`, which has no guest.
  public var guest: GuestEvidence?
  /// Digest of the image that ran.
  public var imageDigest: String
  /// SHA-256 of the canonical document that says where that image came from (`provenance_json`, INV-023), as the executor
  /// had checked it when it loaded the image; absent where nothing ran, or the image has none.
  public var provenance: Digest?
  /// What it cost; what is settled against the reservation.
  public var cost: MicroUSD
  public var exfiltrationRisk: Bool
  public var piiDetected: Bool
  public var loopGuardTriggered: Bool
  public var humanAttestors: [Principal]
  /// What ran, within what bounds, and what it did; absent where nothing ran.
  public var evidence: RunEvidence?
  /// Salted hash of the list of its connections, which travels in the attachment; absent where it could make none.
  public var egressHash: Digest?
  /// The signed note that approved it, so that an export shows consent as well as decision.
  public var approvalNote: String

  public var validUntil: Timestamp { .distantFuture }

  /// A receipt; see the fields.
  public init(
    receiptID: String, decision: Decision, decisionIndex: LeafIndex, grant: ApprovalGrant,
    executedAt: Timestamp, finishedAt: Timestamp, status: RunStatus, errorCode: String,
    resultHash: Digest, inputs: [Digest] = [], resultArtifact: Digest? = nil, truncated: Bool,
    isolationClass: IsolationClass?, guest: GuestEvidence?,
    imageDigest: String, provenance: Digest? = nil, cost: MicroUSD, exfiltrationRisk: Bool, piiDetected: Bool,
    loopGuardTriggered: Bool, evidence: RunEvidence? = nil, egressHash: Digest? = nil,
    approvalNote: String
  ) {
    self.receiptID = receiptID
    traceID = decision.traceID
    requestID = decision.requestID
    tenantID = decision.tenantID
    workspaceID = decision.workspaceID
    action = decision.action
    actionVersion = decision.actionVersion
    parametersHash = decision.parametersHash
    decisionID = decision.decisionID
    self.decision = decisionIndex
    tokenID = grant.tokenID
    policyBundleHash = decision.policyBundleHash
    executorID = grant.executorID
    executorIncarnation = grant.executorIncarnation
    approvedAt = grant.issuedAt
    self.executedAt = executedAt
    self.finishedAt = finishedAt
    self.status = status
    self.errorCode = errorCode
    self.resultHash = resultHash
    self.inputs = inputs
    self.resultArtifact = resultArtifact
    self.truncated = truncated
    self.isolationClass = isolationClass
    self.guest = guest
    self.imageDigest = imageDigest
    self.provenance = provenance
    self.cost = cost
    self.exfiltrationRisk = exfiltrationRisk
    self.piiDetected = piiDetected
    self.loopGuardTriggered = loopGuardTriggered
    humanAttestors = grant.humanAttestors
    self.evidence = evidence
    self.egressHash = egressHash
    self.approvalNote = approvalNote
  }

  public init(from fields: inout Fields) throws(RecordError) {
    receiptID = try fields.identifier("receipt_id")
    traceID = try fields.identifier("trace_id")
    requestID = try fields.identifier("request_id")
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
    action = try fields.identifier("action")
    actionVersion = try fields.text("action_version", limit: 64)
    parametersHash = try fields.digest("parameters_hash")
    decisionID = try fields.identifier("decision_id")
    decision = try fields.leafIndex("decision")
    tokenID = try fields.identifier("token_id")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    executorID = try fields.principal("executor_id")
    executorIncarnation = try fields.integer("executor_incarnation", in: 1...1_000_000)
    approvedAt = try fields.time("approved_at")
    executedAt = try fields.time("executed_at")
    finishedAt = try fields.time("finished_at")
    status = try fields.choice("status")
    errorCode = try fields.text("error_code", limit: 64)
    resultHash = try fields.digest("result_hash")
    inputs =
      try fields.optionalValue("inputs", "1 to \(Proposal.maximumInputs) SHA-256 digests") { json in
        guard let list = json.array, (1...Proposal.maximumInputs).contains(list.count) else { return nil }
        let digests = list.compactMap { $0.string.flatMap(Digest.init(hex:)) }
        return digests.count == list.count ? digests : nil
      } ?? []
    resultArtifact = try fields.optionalDigest("result_artifact")
    truncated = try fields.bool("truncated")
    isolationClass = try fields.optionalValue("isolation_class", "an isolation class") { json in
      json.string.flatMap(IsolationClass.init(rawValue:))
    }
    guest = try fields.optionalNested("guest") { (inner) throws(RecordError) in
      try GuestEvidence(from: &inner)
    }
    imageDigest = try fields.text("image_digest", limit: 128)
    provenance = try fields.optionalDigest("provenance")
    guard provenance == nil || !imageDigest.isEmpty else {
      throw .field(fields.name("provenance"), expected: "none where no image ran")
    }
    cost = try fields.money("cost_usd")
    exfiltrationRisk = try fields.bool("exfiltration_risk")
    piiDetected = try fields.bool("pii_detected")
    loopGuardTriggered = try fields.bool("loop_guard_triggered")
    humanAttestors = try fields.list("human_attestors", limit: 64, of: "principals") { json in
      json.string.flatMap(Principal.init(path:))
    }
    evidence = try fields.optionalNested("evidence") { (inner) throws(RecordError) in
      try RunEvidence(from: &inner)
    }
    egressHash = try fields.optionalDigest("egress_hash")
    guard (egressHash == nil) == (evidence?.egress == nil) else {
      throw .field(fields.name("egress_hash"), expected: "a digest exactly where the evidence has egress")
    }
    approvalNote = try fields.text("approval_note", limit: 16 << 10)
  }

  public var members: [(String, JSON)] {
    present([
      ("receipt_id", .string(receiptID)), ("trace_id", .string(traceID)),
      ("request_id", .string(requestID)), ("tenant_id", .string(tenantID)),
      ("workspace_id", .string(workspaceID)), ("action", .string(action)),
      ("action_version", .string(actionVersion)), ("parameters_hash", .digest(parametersHash)),
      ("decision_id", .string(decisionID)), ("decision", .index(decision)),
      ("token_id", .string(tokenID)), ("policy_bundle_hash", .digest(policyBundleHash)),
      ("executor_id", .string(executorID.path)), ("executor_incarnation", .integer(executorIncarnation)),
      ("approved_at", .time(approvedAt)), ("executed_at", .time(executedAt)),
      ("finished_at", .time(finishedAt)), ("status", .string(status.rawValue)),
      ("error_code", .string(errorCode)), ("result_hash", .digest(resultHash)),
      ("inputs", inputs.isEmpty ? nil : .array(inputs.map(JSON.digest))),
      ("result_artifact", resultArtifact.map(JSON.digest)),
      ("truncated", .bool(truncated)),
      ("isolation_class", isolationClass.map { .string($0.rawValue) }), ("guest", guest?.json),
      ("image_digest", .string(imageDigest)), ("provenance", provenance.map(JSON.digest)),
      ("cost_usd", .money(cost)),
      ("exfiltration_risk", .bool(exfiltrationRisk)), ("pii_detected", .bool(piiDetected)),
      ("loop_guard_triggered", .bool(loopGuardTriggered)),
      ("human_attestors", .texts(humanAttestors.map(\.path))),
      ("evidence", evidence?.json), ("egress_hash", egressHash.map(JSON.digest)),
      ("approval_note", .string(approvalNote)),
    ])
  }
}
