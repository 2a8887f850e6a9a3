import Canonical
import Crypto
import Foundation
import Merkle
import Records
import Synchronization
import Testing
import Wire

/// A governance that holds the group's key in one piece, for one live `openexec`: it leases, signs what the test wants
/// approved, and takes receipts into its ledger. ``ScriptedGovernanceNode`` is where it is reached.
final class ScriptedGovernance: Sendable {
  struct State {
    var ledger: SampleLedger
    var offers: [JobOffer] = []
    var isLeasing = true
    var leaseSeconds = LeaseLine.standardSeconds
    /// The time of the next lease's note.
    var time = SampleLedger.at.advanced(by: .seconds(1))
    var leases: UInt64 = 0
    /// How often a lease was asked for, and the last time.
    var asked = 0
    var enlisted: EnlistRequest?
    /// In the order in which they came, each once.
    var receipts: [Receipt] = []
    /// The proof that the last one got.
    var proof = ""
    /// What `Artifact/Get` gets, one after the other; the last again and again.
    var contents: [ContentAnswer] = []
    /// What was asked for.
    var fetched: [ArtifactRequest] = []
  }

  /// An answer to `Artifact/Get`.
  enum ContentAnswer: Sendable {
    case content(ArtifactContent)
    case failure(CallStatus)
    /// No artifact at all.
    case noise
    case silence
  }

  static let executor = Principal.executor("executor-1")

  let bundle: PolicyBundle
  let state: Mutex<State>

  init() throws {
    bundle = try Self.bundle()
    state = Mutex(State(ledger: try SampleLedger(enrolments: SampleLedger.enrolments())))
  }

  /// The default bundle with the digest of the images that were built.
  private static func bundle() throws -> PolicyBundle {
    let path = Programs.repository.appendingPathComponent("Deploy/policy/registry.json")
    let digests = try String(contentsOfFile: Machines.images + "/digests.json", encoding: .utf8)
    let digest = try #require(try JSON.parse(digests)["actions"]?.string)
    let text = try String(contentsOf: path, encoding: .utf8)
      .replacingOccurrences(of: "sha256:" + String(repeating: "0", count: 64), with: digest)
    return try PolicyBundle(files: [(PolicyBundle.registryPath, text)])
  }

  func lease(_ request: EnlistRequest) throws -> LeaseResponse? {
    try state.withLock { state in
      state.asked += 1
      state.enlisted = request
      guard state.isLeasing else { return nil }
      state.leases += 1
      let challenge = Challenge(
        executor: Self.executor, incarnation: Int(request.incarnation), bytes: request.challenge)
      let restrictions = RestrictionList([])
      let tree = Challenge.tree([challenge])
      let note = CheckpointNote(
        cluster: state.ledger.cluster, size: 1_000_000 + state.leases, root: bundle.hash,
        stateRoot: bundle.hash,
        time: state.time,
        lease: LeaseLine(
          policyBundleHash: bundle.hash, mode: .running, seconds: state.leaseSeconds,
          challengeRoot: tree.root, restrictionsHash: restrictions.hash))
      return LeaseResponse(
        note: try state.ledger.signed(note).encoded, challengePath: tree.paths[0].map(\.bytes),
        challengeIndex: 0, challengeCount: 1, restrictions: restrictions.json.canonicalBytes(),
        bundle: bundle.json.canonicalBytes())
    }
  }

  /// Takes a receipt into the ledger; its proof.
  func take(_ request: StatementRequest) throws -> String {
    try state.withLock { state in
      guard case .object(var object) = try JSON.parse(request.statement) else {
        throw CallStatus(.invalidArgument)
      }
      object["type"] = "receipt"
      object["at"] = .string(SampleLedger.at.text)
      let record = try Record(.object(object))
      guard case .receipt(let signed) = record.body else { throw CallStatus(.invalidArgument) }
      if !state.receipts.contains(where: { $0.receiptID == signed.content.receiptID }) {
        state.receipts.append(signed.content)
      }
      let leaf = state.ledger.append(record.body, try Records.Attachment(parsing: request.attachment))
      try state.ledger.sign()
      state.proof = try state.ledger.proof(of: leaf).encoded
      return state.proof
    }
  }

  // MARK: Approvals

  /// An approval of `add`, as a quorum signs it once `spoil` has changed it; one of `transform` where it names
  /// inputs.
  func approval(
    _ name: String, reading inputs: [Digest] = [],
    spoil: (inout Proposal, inout Decision) -> Void = { _, _ in }
  ) throws -> JobOffer {
    try state.withLock { state in
      let (action, scopes) =
        inputs.isEmpty ? ("add", ["compute"]) : ("transform", ["text.read", "text.write"])
      let parameters = SampleLedger.salted(
        inputs.isEmpty ? ["a": 40, "b": 2] : ["operation": "uppercase"])
      var proposal = try SampleLedger.proposal(action, request: name, parameters: parameters)
      proposal.scopes = scopes
      proposal.inputs = inputs
      let index = try state.ledger.propose(proposal, parameters)
      let leaf = state.ledger.leaves[Int(index.value)]
      let grant = ApprovalGrant(
        tokenID: "token-\(name)", approvalScope: action, allowedScopes: scopes, issuedAt: SampleLedger.at,
        expiresAt: SampleLedger.at.advanced(by: .seconds(300)), nonce: "nonce-\(name)",
        constraints: Constraints(
          maximumCost: MicroUSD(micros: 1_000) ?? .zero, maximumRetries: 0, rateLimitPerMinute: 100),
        executorID: Self.executor, executorIncarnation: 1, isolationClass: .microvmTCG, humanAttestors: [],
        multiSigThreshold: 0)
      var decision = Decision(
        decisionID: "decision-\(name)", decisionType: .approve, proposal: index,
        proposalHash: TreeHash.leaf(leaf.record), cause: index, request: proposal, actionVersion: "1",
        constitutionVersion: "1.0.0", policyBundleHash: bundle.hash, rulesFired: [], rationale: "because",
        decidedAt: SampleLedger.at, effectiveRisk: proposal.risk, grant: grant)
      spoil(&proposal, &decision)
      let decided = state.ledger.append(.decision(decision))
      try state.ledger.sign(consent: ConsentLine(first: decided, last: decided))
      return JobOffer(
        token: try state.ledger.proof(of: decided).encoded, proposal: leaf.record, attachment: leaf.attachment
      )
    }
  }

  /// Brings a file into the ledger; what an honest node answers who asks for it.
  func put(
    _ content: String, tenant: String = "acme", workspace: String = "main"
  ) throws -> ArtifactContent {
    try state.withLock { state in
      let owner = Principal.agent(tenant: tenant, name: "a")
      let note = ArtifactNote(
        digest: SHA256.hash(content), tenantID: tenant, workspaceID: workspace, name: "files/\(tenant)",
        size: content.utf8.count, mediaType: "text/plain", owner: owner, labels: [],
        validUntil: SampleLedger.at.advanced(by: .seconds(300)))
      let signed = Signed.sign(
        note, cluster: state.ledger.cluster, as: owner, with: try SampleLedger.key(10))
      let leaf = state.ledger.append(.artifact(signed))
      try state.ledger.sign()
      return ArtifactContent(
        content: Array(content.utf8), proof: try state.ledger.proof(of: leaf).encoded)
    }
  }

  /// The next answer to `Artifact/Get`.
  func content(_ request: ArtifactRequest) -> ContentAnswer {
    state.withLock { state in
      state.fetched.append(request)
      guard let next = state.contents.first else { return .failure(CallStatus(.notFound, "nothing here")) }
      if state.contents.count > 1 { state.contents.removeFirst() }
      return next
    }
  }

  func offer(_ offers: [JobOffer]) { state.withLock { $0.offers += offers } }

  func receipt(_ name: String) -> Receipt? {
    state.withLock { state in state.receipts.first { $0.tokenID == "token-\(name)" } }
  }
}
