import Canonical
import Crypto
import Merkle
import OpenExec
import Records
import Testing

/// The same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A governance of one: a plain Ed25519 key stands for the group's, whose signatures look the same.
final class World {
  let cluster = SHA256.hash("the cluster of these tests")
  let group: SigningKey
  let stranger: SigningKey
  let agentKey: SigningKey
  let executorKey: SigningKey
  var random = SeededRandom(seed: 1)
  let executor = Principal.executor("e1")
  let agent = Principal.agent(tenant: "acme", name: "bot")
  let bundle: PolicyBundle
  /// 2026-01-01T00:00:00Z.
  static let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000) ?? .epoch

  init() throws {
    group = SigningKey.generate(using: &random)
    stranger = SigningKey.generate(using: &random)
    agentKey = SigningKey.generate(using: &random)
    executorKey = SigningKey.generate(using: &random)
    bundle = try World.bundle()
  }

  var identity: ExecutorIdentity {
    ExecutorIdentity(
      keys: KeyRing(cluster: cluster, keys: [GroupKey(group.publicKey)]), executor: executor,
      incarnation: 3)
  }

  static func bundle(version: String = "1", isolation: String = "microvm-tcg") throws -> PolicyBundle {
    func action(
      _ name: String, egress: String = "", inputs: String = "", scopes: String = "\"compute\"",
      retries: Int = 0
    ) -> String {
      """
      {"name":"\(name)","version":"1","description":"","parameters_schema":{"type":"object",
       "properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"],
       "additionalProperties":false},"image":"sha256:\(String(repeating: "ab", count: 32))",
       "arguments":["/action","add"],"scopes":[\(scopes)],"risk":{"estimated_cost_usd":"0.25",
       "data_classification":"public","impact_level":"low"},"maximum_cost_usd":"1","max_retries":\(retries),
       "rate_limit_per_min":100,"limits":{"wall_seconds":10,"memory_mib":64,"processes":8,
       "output_bytes":65536,"disk_mib":8},\(inputs)"isolation_class":"\(isolation)","egress":[\(egress)],
       "token_seconds":300}
      """
    }
    let reach = action(
      "reach", egress: "\"https://api.example.org:443\"",
      inputs: """
        "egress_limits":{"sent_bytes":1000,"received_bytes":1000,"connections":4,"connections_per_min":4},
        "secrets":["token"],
        "oauth":[{"name":"calendar","scopes":["cal.read"],"audience":"https://api.example.org"}],
        """,
      scopes: #""compute","egress:api.example.org:443","oauth:calendar","secret:token""#, retries: 1)
    let priced = action(
      "priced", inputs: #""prices":{"usd_per_processor_second":"0.1","usd_per_sent_mib":"2"},"#)
    let proven = action("proven", inputs: #""verification":2,"#)
    let registry = """
      {"bundle_version":"\(version)","constitution_version":"c1",
       "actions":[\(action("add")),\(action("fetch", egress: "\"example.org\"")),
        \(action(
          "digest",
          inputs: #""inputs":{"minimum_count":1,"maximum_count":2,"maximum_bytes":100},"#)),\(reach),
        \(priced),\(proven)],"approvals":[],
       "breakers":{"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":10,
       "repeats_per_minute":10,"maximum_depth":1}}
      """
    return try PolicyBundle(files: [(PolicyBundle.registryPath, registry)])
  }

  // MARK: Trees and notes

  func tree(_ leaves: [Digest]) -> (root: Digest, path: (Int) -> [Digest]) {
    var frontier = Frontier()
    var nodes: [NodeAddress: Digest] = [:]
    for leaf in leaves { frontier.append(leaf) { nodes[$0] = $1 } }
    let all = nodes
    return (
      frontier.root,
      { Proof.inclusion(index: UInt64($0), size: UInt64(leaves.count)) { all[$0] } ?? [] }
    )
  }

  func note(_ checkpoint: CheckpointNote, by key: borrowing SigningKey) -> SignedNote {
    let verifier = CheckpointNote.verifier(cluster: cluster, groupKey: key.publicKey)
    return SignedNote(
      text: checkpoint.text, verifier: verifier, signature: key.sign(Array(checkpoint.text.utf8)))
  }

  func note(_ checkpoint: CheckpointNote) -> SignedNote { note(checkpoint, by: group) }

  /// A leaf in a tree of `size` leaves, at the place before the last.
  func proof(
    of leaf: [UInt8], size: Int, time: Timestamp, consents: Bool = true, byStranger: Bool = false
  ) -> LedgerProof {
    let index = size - 2
    var leaves = (0..<size).map { TreeHash.leaf(Array("leaf \($0)".utf8)) }
    leaves[index] = TreeHash.leaf(leaf)
    let tree = tree(leaves)
    let last = LeafIndex(UInt64(size - 1))
    let checkpoint = CheckpointNote(
      cluster: cluster, size: UInt64(size), root: tree.root, stateRoot: tree.root, time: time,
      consent: ConsentLine(
        first: LeafIndex(0), last: last, exceptions: consents ? [] : [LeafIndex(UInt64(index))]))
    let signed = byStranger ? note(checkpoint, by: stranger) : note(checkpoint)
    return LedgerProof(
      leaf: leaf, index: LeafIndex(UInt64(index)), path: tree.path(index), note: signed)
  }

  // MARK: Jobs

  /// Everything about a job that a test may spoil, before it is signed.
  struct JobPlan {
    var name: String
    var parameters: JSON = ["a": 1, "b": 2]
    var givenParameters: JSON?
    var action = "add"
    var proposedTenant = "acme"
    var decidedTenant = "acme"
    var inputs: [Digest] = []
    var decisionType = DecisionType.approve
    var actionVersion = "1"
    var bundleHash: Digest?
    var proposalHash: Digest?
    var grant: ApprovalGrant
    var size = 10
    var time = World.start
    var consents = true
    var byStranger = false
  }

  func plan(_ name: String = "t1") -> JobPlan {
    JobPlan(
      name: name,
      grant: ApprovalGrant(
        tokenID: name, approvalScope: "add", allowedScopes: ["compute", "more"],
        issuedAt: World.start, expiresAt: World.start.advanced(by: .seconds(300)),
        nonce: "nonce-\(name)",
        constraints: Constraints(
          maximumCost: MicroUSD(micros: 1_000_000) ?? .zero, maximumRetries: 0,
          rateLimitPerMinute: 100),
        executorID: executor, executorIncarnation: 3, isolationClass: .microvmTCG,
        humanAttestors: [], multiSigThreshold: 0))
  }

  func job(_ plan: JobPlan) -> OfferedJob {
    let salt = [UInt8](repeating: 7, count: 16)
    let proposal = Proposal(
      traceID: "trace", requestID: "request-\(plan.name)", tenantID: plan.proposedTenant,
      workspaceID: "w", requestedBy: agent, action: plan.action,
      parametersHash: plan.parameters.saltedHash(salt), scopes: ["compute"],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low),
      inputs: plan.inputs, validUntil: World.start.advanced(by: .seconds(600)))
    let leaf = Record(
      at: World.start,
      body: .proposal(Signed.sign(proposal, cluster: cluster, as: agent, with: agentKey))
    ).bytes
    var decision = Decision(
      decisionID: "decision-\(plan.name)", decisionType: plan.decisionType,
      proposal: LeafIndex(1), proposalHash: plan.proposalHash ?? TreeHash.leaf(leaf),
      cause: LeafIndex(1), request: proposal, actionVersion: plan.actionVersion,
      constitutionVersion: "c1", policyBundleHash: plan.bundleHash ?? bundle.hash, rulesFired: [],
      rationale: "", decidedAt: World.start, effectiveRisk: proposal.risk,
      grant: plan.decisionType == .approve ? plan.grant : nil)
    decision.tenantID = plan.decidedTenant
    let decided = Record(at: World.start, body: .decision(decision)).bytes
    let attachment = Attachment(
      "parameters", Attachment.Item(salt: salt, value: plan.givenParameters ?? plan.parameters))
    return OfferedJob(
      token: proof(
        of: decided, size: plan.size, time: plan.time, consents: plan.consents,
        byStranger: plan.byStranger
      ).encoded,
      proposal: leaf, attachment: attachment.bytes)
  }

  // MARK: Leases

  struct LeasePlan {
    var size: UInt64 = 100
    var time = World.start.advanced(by: .seconds(1))
    var mode = LeaseMode.running
    var seconds = 10
    var bundleHash: Digest?
    var restrictions: [RestrictionList.Entry] = []
    var givenRestrictions: [RestrictionList.Entry]?
    var bundle: [UInt8]?
    var hasLine = true
    var byStranger = false
  }

  func lease(_ plan: LeasePlan, answering challenge: Challenge) -> LeaseOffer {
    let other = Challenge(executor: .executor("e2"), incarnation: 1, bytes: challenge.bytes)
    let tree = Challenge.tree([other, challenge])
    let restrictions = RestrictionList(plan.restrictions)
    let line = LeaseLine(
      policyBundleHash: plan.bundleHash ?? bundle.hash, mode: plan.mode, seconds: plan.seconds,
      challengeRoot: tree.root, restrictionsHash: restrictions.hash)
    let checkpoint = CheckpointNote(
      cluster: cluster, size: plan.size, root: cluster, stateRoot: cluster, time: plan.time,
      lease: plan.hasLine ? line : nil)
    let given = plan.givenRestrictions.map(RestrictionList.init) ?? restrictions
    return LeaseOffer(
      note: (plan.byStranger ? note(checkpoint, by: stranger) : note(checkpoint)).encoded,
      challengePath: tree.paths[1], challengeIndex: 1, challengeCount: 2,
      restrictions: given.json.canonicalBytes(),
      bundle: plan.bundle ?? bundle.json.canonicalBytes())
  }

  /// A job that reads these.
  func job(_ name: String = "t1", reading inputs: [Digest]) -> OfferedJob {
    var plan = plan(name)
    plan.action = "digest"
    plan.grant.approvalScope = "digest"
    plan.inputs = inputs
    return job(plan)
  }

  /// What a node answers to a fetch: the content and the record that says what it is.
  func file(
    _ content: String, tenant: String = "acme", workspace: String = "w", labels: [String] = [],
    byStranger: Bool = false, change: (inout ArtifactNote) -> Void = { _ in }
  ) -> InputAnswer {
    var note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: tenant, workspaceID: workspace, name: "files/\(content)",
      size: content.utf8.count, mediaType: "text/plain", owner: agent, labels: labels,
      validUntil: World.start.advanced(by: .seconds(60)))
    change(&note)
    let leaf = Record(
      at: World.start, body: .artifact(Signed.sign(note, cluster: cluster, as: agent, with: agentKey))
    ).bytes
    let proof = proof(of: leaf, size: 50, time: World.start, byStranger: byStranger)
    return .content(Array(content.utf8), proof: proof.encoded)
  }

  /// A receipt in the ledger.
  func proof(of draft: ReceiptDraft) -> LedgerProof {
    let signed = Signed.sign(draft.receipt, cluster: cluster, as: executor, with: executorKey)
    let leaf = Record(at: World.start, body: .receipt(signed)).bytes
    return proof(of: leaf, size: 60, time: World.start.advanced(by: .seconds(2)))
  }
}

/// One executor with its journal, as its program drives it.
struct Shell {
  let world: World
  var instance: ExecutorInstance
  var now = Uptime(nanoseconds: 1_000_000_000)
  var random = SeededRandom(seed: 2)
  /// What is on disk.
  var journal: [String: [UInt8]] = [:]
  /// What has been asked for and is not on disk yet.
  var unwritten: [JournalWrite] = []
  var starts: [RunOrder] = []
  var fetches: [InputFetch] = []
  var kills: [(run: RunID, reason: KillReason)] = []
  var reports: [ReceiptDraft] = []
  /// The same as they were sent, with the number of each try.
  var sent: [ReceiptReport] = []
  var notices: [ExecutorNotice] = []
  var challenges: [Challenge] = []

  init(
    _ world: World, settings: ExecutorSettings = ExecutorSettings(),
    activeClasses: [IsolationClass] = [.microvmTCG]
  ) throws {
    self.world = world
    for write in RestoredJournal.beginning(world.identity) { journal[write.key] = write.value }
    instance = ExecutorInstance(
      identity: world.identity,
      journal: try RestoredJournal(journal.map { ($0.key, $0.value) }, identity: world.identity),
      activeClasses: activeClasses, settings: settings)
  }

  mutating func step(_ event: ExecutorEvent) {
    var effects = ExecutorEffects()
    instance.step(event, at: now, using: &random, into: &effects)
    kills += effects.kills
    unwritten += effects.writes
    starts += effects.starts
    fetches += effects.fetches
    reports += effects.reports.map(\.draft)
    sent += effects.reports
    notices += effects.notices
    challenges += effects.challenges
  }

  /// Puts everything on disk and says so, until nothing more is asked for.
  mutating func flush() {
    while let last = unwritten.last {
      for write in unwritten { journal[write.key] = write.value }
      unwritten = []
      step(.persisted(last.ticket))
    }
  }

  mutating func pass(_ seconds: Double) {
    now = now.advanced(by: Interval(nanoseconds: Int64(seconds * 1e9)))
    step(.tick)
  }

  /// Takes a lease that answers the newest challenge.
  mutating func renew(_ plan: World.LeasePlan = World.LeasePlan()) throws {
    if challenges.isEmpty { pass(4) }
    let challenge = try #require(challenges.last)
    challenges = []
    step(.leaseOffered(world.lease(plan, answering: challenge)))
    flush()
  }

  /// What a machine that did well says.
  func success(_ order: RunOrder, output: String = "{\"sum\":3}") -> RunOutcome {
    let statement = GuestEvidence.statement(challenge: order.challenge, kernel: "6.1", bootID: "b")
    return RunOutcome(
      ending: .completed(exitStatus: 0), output: Array(output.utf8),
      guest: GuestEvidence(
        kernel: "6.1", challenge: Hex.encode(order.challenge),
        answer: SHA256.hash(statement).hex, bootID: "b"))
  }

  /// The program is killed and started again, with what was on disk.
  mutating func crash() throws {
    unwritten = []
    challenges = []
    instance = ExecutorInstance(
      identity: world.identity,
      journal: try RestoredJournal(journal.map { ($0.key, $0.value) }, identity: world.identity),
      activeClasses: [.microvmTCG], settings: instance.settings)
    now = Uptime(nanoseconds: 1_000_000_000)
    step(.tick)
  }
}

/// The same proof with one bit of its note's signature changed.
enum SignedNoteForgery {
  static func flip(_ proof: LedgerProof, line: SignedNote.SignatureLine) -> LedgerProof {
    var signature = line.signature
    signature[0] ^= 1
    return LedgerProof(
      leaf: proof.leaf, index: proof.index, path: proof.path,
      note: SignedNote(
        text: proof.note.text, name: line.name, keyID: line.keyID, signature: signature))
  }
}
