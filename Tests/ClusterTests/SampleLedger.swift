import Canonical
import Crypto
import Merkle
import Records
import Testing

/// A ledger made in a test, whose group key is held in one piece: its notes are signed as a quorum's are.
struct SampleLedger {
  /// What an adversary did to it, before the parties signed the tree.
  struct Faults {
    var founderIsSilent = false
    var executorKeyIsAnothers = false
    var consentLeavesOut: LeafIndex?
    var attestorVoted = true
    var enrolmentIsSignedTwice = true
  }

  let cluster: Digest
  let groupKey: PublicKey
  /// Number of the key that signs receipts.
  private let executor: UInt8
  private(set) var leaves: [(record: [UInt8], attachment: [UInt8])] = []
  private(set) var notes: [SignedNote] = []
  private var frontier = Frontier()
  private var nodes: [NodeAddress: Digest] = [:]
  static let at = Timestamp(text: "2026-01-01T00:00:00Z") ?? .epoch

  static func key(_ number: UInt8) throws -> SigningKey {
    var seed = [UInt8](repeating: number, count: 32)
    guard let key = SigningKey(seed: &seed) else { throw NoKey() }
    return key
  }
  private struct NoKey: Error {}
  /// The number of the group's key.
  private static let group: UInt8 = 1

  static func principal(_ path: String) throws -> Principal { try #require(Principal(path: path)) }

  static func salted(_ value: JSON) -> Records.Attachment.Item {
    Records.Attachment.Item(salt: [UInt8](repeating: 5, count: 32), value: value)
  }

  /// Only a genesis: one party, and who may act.
  init(enrolments: [Enrolment], faults: Faults = Faults()) throws {
    groupKey = try Self.key(Self.group).publicKey
    executor = faults.executorKeyIsAnothers ? 99 : 20
    let founder = try Self.key(2)
    let bundle = Self.salted(["registry.json": "{}"])
    let genesis = Genesis(
      clusterName: "sample", parties: [Party(id: 1, name: "one", key: founder.publicKey, verifyingShare: "")],
      threshold: 1, transcriptHash: SHA256.hash("t"), groupKey: groupKey, constitutionVersion: "1",
      policyBundleHash: SHA256.hash("p"), bundleHash: bundle.hash,
      enrolments: enrolments.sorted { $0.principal < $1.principal }, createdAt: Self.at)
    let record = Record(at: Self.at, body: .genesis(genesis)).bytes
    cluster = TreeHash.leaf(record)
    let signer = try Self.key(faults.founderIsSilent ? Self.group : 2)
    var attachment = Records.Attachment("bundle", bundle)
    attachment["signatures"] = Records.Attachment.Item(
      salt: Records.Attachment.noSalt,
      value: GenesisSignature.json([(1, signer.sign(GenesisSignature.bytes(leafHash: cluster)))]))
    leaves = []
    append(record, attachment)
  }

  @discardableResult
  private mutating func append(_ record: [UInt8], _ attachment: Records.Attachment) -> LeafIndex {
    leaves.append((record, attachment.bytes))
    frontier.append(TreeHash.leaf(record)) { nodes[$0] = $1 }
    return LeafIndex(UInt64(leaves.count - 1))
  }

  /// Appends a record; its leaf.
  @discardableResult
  mutating func append(_ body: RecordBody, _ attachment: Records.Attachment = Records.Attachment())
    -> LeafIndex
  {
    append(Record(at: Self.at, body: body).bytes, attachment)
  }

  /// Signs the tree as it is.
  @discardableResult
  mutating func sign(consent: ConsentLine? = nil) throws -> SignedNote {
    let note = try signed(
      CheckpointNote(
        cluster: cluster, size: frontier.size, root: frontier.root,
        stateRoot: SHA256.hash("\(frontier.size)"), time: Self.at, consent: consent))
    notes.append(note)
    return note
  }

  /// Any note, signed with the group's key.
  func signed(_ note: CheckpointNote) throws -> SignedNote {
    SignedNote(
      text: note.text, verifier: CheckpointNote.verifier(cluster: cluster, groupKey: groupKey),
      signature: try Self.key(Self.group).sign(Array(note.text.utf8)))
  }

  /// A leaf's proof under the newest note, which must be of the whole tree.
  func proof(of index: LeafIndex) throws -> LedgerProof {
    let path = try #require(
      Proof.inclusion(index: index.value, size: frontier.size) { nodes[$0] })
    return LedgerProof(
      leaf: leaves[Int(index.value)].record, index: index, path: path, note: try #require(notes.last))
  }

  /// The export's text.
  var export: String {
    var text = "openexec-export-v1\ncluster \(cluster.hex)\nsize \(leaves.count)\n"
    for leaf in leaves {
      let attached = leaf.attachment.isEmpty ? "-" : Base64.encode(leaf.attachment)
      text += "leaf \(TreeHash.leaf(leaf.record).hex) \(Base64.encode(leaf.record)) \(attached)\n"
    }
    for note in notes { text += "note \(Base64.encode(Array(note.encoded.utf8)))\n" }
    return text
  }

  // MARK: What happens in it

  static let agent = "tenant/acme/agent/a"

  static func enrolments() throws -> [Enrolment] {
    try [
      (agent, UInt8(10), "acme", "builders"), ("approver/x", 11, "", "x"), ("approver/y", 12, "", "y"),
      ("operator/m", 13, "", "m"), ("operator/n", 14, "", "n"), ("executor/e", 20, "", "ops"),
    ].map { path, number, tenant, owner in
      let isExecutor = path.hasPrefix("executor")
      return Enrolment(
        principal: try principal(path), key: try key(number).publicKey,
        roles: path.hasPrefix("approver") ? ["approver"] : [], tenantID: tenant, owner: owner,
        expiresAt: at.advanced(by: .seconds(1_000_000)), incarnation: isExecutor ? 1 : 0,
        isolationClasses: isExecutor ? [.microvmTCG] : [])
    }
  }

  static func proposal(_ action: String, request: String, parameters: Records.Attachment.Item) throws
    -> Proposal
  {
    Proposal(
      traceID: "trace", requestID: request, tenantID: "acme", workspaceID: "main",
      requestedBy: try principal(agent), action: action, parametersHash: parameters.hash, scopes: [],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low),
      validUntil: at.advanced(by: .seconds(3600)))
  }

  /// Appends a proposal; its leaf.
  mutating func propose(_ content: Proposal, _ parameters: Records.Attachment.Item) throws -> LeafIndex {
    let signed = Signed.sign(content, cluster: cluster, as: content.requestedBy, with: try Self.key(10))
    return append(.proposal(signed), Records.Attachment("parameters", parameters))
  }

  /// Appends a decision on the proposal at `index`; approving ones name `people`.
  mutating func decide(
    _ type: DecisionType, _ content: Proposal, at index: LeafIndex, people: [String] = []
  ) throws -> (leaf: LeafIndex, decision: Decision) {
    let grant = ApprovalGrant(
      tokenID: "token-\(index.value)", approvalScope: content.action, allowedScopes: [], issuedAt: Self.at,
      expiresAt: Self.at.advanced(by: .seconds(300)), nonce: "nonce-\(index.value)",
      constraints: Constraints(maximumCost: .zero, maximumRetries: 0, rateLimitPerMinute: 1),
      executorID: try Self.principal("executor/e"), executorIncarnation: 1, isolationClass: .microvmTCG,
      humanAttestors: try people.map { try Self.principal($0) }, multiSigThreshold: people.count)
    let decision = Decision(
      decisionID: "decision-\(leaves.count)", decisionType: type, proposal: index,
      proposalHash: TreeHash.leaf(leaves[Int(index.value)].record), cause: index, request: content,
      actionVersion: "1", constitutionVersion: "1", policyBundleHash: SHA256.hash("p"), rulesFired: [],
      rationale: "because", decidedAt: Self.at, effectiveRisk: content.risk,
      grant: type == .approve ? grant : nil)
    return (append(.decision(decision)), decision)
  }

  /// Appends an approver's vote for the proposal at `index`.
  mutating func vote(_ path: String, _ number: UInt8, _ content: Proposal, at index: LeafIndex) throws {
    let reason = Self.salted("because")
    let ballot = Ballot(
      proposal: index, proposalHash: TreeHash.leaf(leaves[Int(index.value)].record),
      parametersHash: content.parametersHash, policyBundleHash: SHA256.hash("p"), previewHash: nil,
      vote: .approve, role: "approver", reasonHash: reason.hash, voter: try Self.principal(path),
      signedAt: Self.at, validUntil: Self.at.advanced(by: .seconds(3600)))
    let signed = Signed.sign(ballot, cluster: cluster, as: ballot.voter, with: try Self.key(number))
    append(.ballot(signed), Records.Attachment("reason", reason))
  }

  /// Appends the executor's receipt for an approval, resting on `note`; its leaf.
  mutating func report(
    _ decision: Decision, at leaf: LeafIndex, note: SignedNote, status: RunStatus = .succeeded
  ) throws -> LeafIndex {
    let grant = try #require(decision.grant)
    let result = Self.salted(["sum": 42])
    let receipt = Receipt(
      receiptID: "receipt-\(leaves.count)", decision: decision, decisionIndex: leaf, grant: grant,
      executedAt: Self.at,
      finishedAt: Self.at, status: status, errorCode: "", resultHash: result.hash, truncated: false,
      isolationClass: .microvmTCG,
      guest: GuestEvidence(kernel: "6.1.0-sample", challenge: "c", answer: "a", bootID: "b"),
      imageDigest: "sha256:0", cost: .zero, exfiltrationRisk: false, piiDetected: false,
      loopGuardTriggered: false, approvalNote: note.encoded)
    let signed = Signed.sign(receipt, cluster: cluster, as: grant.executorID, with: try Self.key(executor))
    return append(.receipt(signed), Records.Attachment("result", result))
  }

  /// Appends an enrolment that operators m, and if asked n, have signed.
  mutating func enrol(_ new: Enrolment, isSignedTwice: Bool) throws {
    let act = EnrolmentAct(
      actID: "act-\(leaves.count)", enrol: new, validUntil: Self.at.advanced(by: .seconds(3600)))
    var signed = Signed.sign(
      act, cluster: cluster, as: try Self.principal("operator/m"), with: try Self.key(13))
    if isSignedTwice {
      signed = signed.cosigned(
        cluster: cluster, as: try Self.principal("operator/n"), with: try Self.key(14))
    }
    append(.enrol(signed))
  }

  /// A ledger in which everything happened once: leaves 1 to 4 approve, run and deny; 5 to 10 ask people,
  /// and an executor that was enrolled later runs it.
  static func full(_ faults: Faults = Faults()) throws -> SampleLedger {
    var ledger = try SampleLedger(enrolments: enrolments().filter { $0.owner != "ops" }, faults: faults)
    let executor = try #require(try enrolments().first { $0.owner == "ops" })
    try ledger.enrol(executor, isSignedTwice: faults.enrolmentIsSignedTwice)
    let parameters = salted(["text": "hello", "n": .number(1e21)])
    func consent(_ first: UInt64, _ last: UInt64) -> ConsentLine {
      let left = faults.consentLeavesOut.map { (first...last).contains($0.value) ? [$0] : [] } ?? []
      return ConsentLine(first: LeafIndex(first), last: LeafIndex(last), exceptions: left)
    }
    let echo = try proposal("echo", request: "r1", parameters: parameters)
    let first = try ledger.propose(echo, parameters)
    let (approval, decision) = try ledger.decide(.approve, echo, at: first)
    let note = try ledger.sign(consent: consent(2, 3))
    _ = try ledger.report(decision, at: approval, note: note)
    try ledger.sign()
    let report = try proposal("report", request: "r2", parameters: parameters)
    let second = try ledger.propose(report, parameters)
    _ = try ledger.decide(.requireMultiSig, report, at: second)
    try ledger.vote("approver/x", 11, report, at: second)
    if faults.attestorVoted { try ledger.vote("approver/y", 12, report, at: second) }
    let (leaf, granted) = try ledger.decide(
      .approve, report, at: second, people: ["approver/x", "approver/y"])
    let last = try ledger.sign(consent: consent(4, leaf.value))
    _ = try ledger.report(granted, at: leaf, note: last)
    try ledger.sign()
    return ledger
  }
}
