import Canonical
import Crypto
import Merkle
import Records
import Testing

@testable import ClawShield

/// Testing has attachments too.
typealias Attachment = Records.Attachment

/// A small governed world: three parties, people, agents, executors, and the state of their log.
struct Governed {
  /// What was applied, to be applied again.
  struct Leaf {
    let record: Record
    let hash: Digest
    let attachment: Attachment
  }

  static let start = Timestamp(text: "2026-03-01T12:00:00Z") ?? .epoch
  static let far = Timestamp(text: "2027-03-01T12:00:00Z") ?? .epoch

  static let agent = Principal.agent(tenant: "acme", name: "writer")
  static let otherAgent = Principal.agent(tenant: "acme", name: "reader")
  static let foreignAgent = Principal.agent(tenant: "rival", name: "spy")
  static let executor = Principal.executor("x1")

  var state: ShieldState
  private(set) var log: [Leaf] = []
  /// The leader's clock.
  var now = Governed.start
  private var serial = 0

  init(
    registry: Registry = Registry(), evaluator: any PolicyEvaluating = BundlePolicy(),
    semantics: Int = Semantics.newest
  ) throws {
    let (leaf, attachment) = try Governed.genesis(registry: registry, semantics: semantics)
    state = try ShieldState.initial(
      genesisLeaf: leaf.bytes, record: leaf, attachment: attachment, policyEvaluator: evaluator)
    log.append(Leaf(record: leaf, hash: TreeHash.leaf(leaf.bytes), attachment: attachment))
  }

  var cluster: Digest { state.cluster }

  // MARK: Genesis

  /// A key by its holder's name.
  static func key(_ name: String) -> SigningKey {
    var seed = SHA256.hash("test key of \(name)").bytes
    guard let key = SigningKey(seed: &seed) else { preconditionFailure("32 bytes are a seed") }
    return key
  }

  /// A file's note, signed by its owner, or by `keyName`'s key in its name.
  func artifact(
    _ content: String, of owner: Principal, tenant: String = "acme", workspace: String = "main",
    labels: [String] = [], resultOf decision: LeafIndex? = nil, keyName: String? = nil
  ) -> (RecordBody, Attachment) {
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: tenant, workspaceID: workspace, size: content.utf8.count,
      mediaType: "text/plain", owner: owner, labels: labels, decision: decision,
      validUntil: now.advanced(by: .seconds(60)))
    let signed = Signed.sign(note, cluster: cluster, as: owner, with: Governed.key(keyName ?? owner.path))
    return (.artifact(signed), Attachment())
  }

  /// A result of an approval, as its executor puts it.
  func result(_ content: String, of approval: LeafIndex) -> (RecordBody, Attachment) {
    artifact(content, of: Governed.executor, labels: [Governed.agent.path], resultOf: approval)
  }

  static func enrolment(
    _ principal: Principal, owner: String? = nil, roles: [String] = [], scopes: [String] = ["text"],
    tenant: String? = nil, expiresAt: Timestamp = far, incarnation: Int? = nil,
    classes: [IsolationClass] = [.microvmTCG], keyName: String? = nil, secondKey: String? = nil
  ) -> Enrolment {
    var tenantID = tenant ?? ""
    var number = 0
    var offered: [IsolationClass] = []
    switch principal {
    case .agent(let own, _): tenantID = tenant ?? own
    case .executor: (number, offered) = (incarnation ?? 1, classes)
    case .node, .approver, .operator, .auditor: break
    }
    return Enrolment(
      principal: principal, key: key(keyName ?? principal.path).publicKey,
      secondKey: secondKey.map { key($0).publicKey }, roles: roles, tenantID: tenantID,
      owner: owner ?? "owner-of-\(principal.path.replacing("/", with: "."))", scopes: scopes,
      expiresAt: expiresAt, incarnation: number, isolationClasses: offered)
  }

  static var enrolments: [Enrolment] {
    [
      enrolment(agent, owner: "olga"), enrolment(otherAgent, owner: "otto"),
      enrolment(foreignAgent, owner: "rita"),
      enrolment(.approver("ann"), owner: "ann", roles: ["approver"], secondKey: "ann's second"),
      enrolment(.approver("bob"), owner: "bob", roles: ["approver", "security"], secondKey: "bob's second"),
      enrolment(.approver("cyd"), owner: "cyd", roles: ["approver"]),
      enrolment(.approver("olga"), owner: "olga", roles: ["approver"], secondKey: "olga's second"),
      enrolment(.approver("bob-again"), owner: "bob", roles: ["approver"]),
      enrolment(.approver("rival-approver"), owner: "rex", roles: ["approver"], tenant: "rival"),
      enrolment(.approver("clerk"), owner: "clerk", roles: ["clerk"]),
      enrolment(.operator("pat"), owner: "pat"), enrolment(.operator("quin"), owner: "quin"),
      enrolment(.operator("pat-again"), owner: "pat"),
      enrolment(executor), enrolment(.executor("x2")),
      enrolment(.executor("weak"), classes: [.container]),
    ].sorted { $0.principal < $1.principal }
  }

  static func genesis(
    registry: Registry, parties: [String] = ["p1", "p2", "p3"], signers: [String] = ["p1", "p2", "p3"],
    semantics: Int = Semantics.newest
  ) throws -> (Record, Attachment) {
    let bundle = try registry.bundle
    let salt = [UInt8](repeating: 7, count: 16)
    let genesis = Genesis(
      clusterName: "test",
      parties: parties.enumerated().map { position, name in
        Party(id: position + 1, name: name, key: key(name).publicKey, verifyingShare: "")
      }, threshold: 2, transcriptHash: SHA256.hash("transcript"), groupKey: key("group").publicKey,
      constitutionVersion: bundle.constitutionVersion, policyBundleHash: bundle.hash,
      bundleHash: bundle.json.saltedHash(salt), enrolments: enrolments, createdAt: start, semantics: semantics
    )
    let record = Record(at: start, body: .genesis(genesis))
    let bytes = GenesisSignature.bytes(leafHash: TreeHash.leaf(record.bytes))
    var attachment = Attachment("bundle", Attachment.Item(salt: salt, value: bundle.json))
    attachment["signatures"] = Attachment.Item(
      salt: Attachment.noSalt,
      value: GenesisSignature.json(
        signers.enumerated().map { ($0.offset + 1, key($0.element).sign(bytes)) }))
    return (record, attachment)
  }

  // MARK: The log

  /// Appends a record as a leader would, through its bytes, and applies it.
  @discardableResult
  mutating func append(_ body: RecordBody, _ attachment: Attachment = Attachment()) throws -> Applied {
    let record = try Record(parsing: Record(at: now, body: body).bytes)
    #expect(record.body == body)
    try attachment.check(against: record.body)
    let leaf = Leaf(record: record, hash: TreeHash.leaf(record.bytes), attachment: attachment)
    log.append(leaf)
    return state.apply(leaf.record, leafHash: leaf.hash, attachment: attachment, at: LeafIndex(state.size))
  }

  /// Writes everything that is owed; approvals name `executor`.
  mutating func settle(executor: Principal? = Governed.executor) throws {
    while let owed = state.owed.first {
      let body: RecordBody
      switch owed {
      case .decision(let decision): body = .decision(state.decision(for: decision, executor: executor))
      case .incident(let incident): body = .derivedIncident(incident)
      }
      #expect(try append(body) == .effective)
    }
  }

  /// Lets time pass, as an idle cluster notices it.
  mutating func pass(seconds: Int64) throws {
    now = now.advanced(by: .seconds(seconds))
    try append(.tick)
  }

  var last: LeafIndex { LeafIndex(state.size - 1) }

  // MARK: Statements

  mutating func fresh() -> String {
    serial += 1
    return "id-\(serial)"
  }

  /// A proposal by `agent` with fresh ids, and its attachment.
  mutating func proposal(
    by agent: Principal = Governed.agent, action: String = "echo",
    parameters: JSON = ["text": "hello"], requestID: String? = nil, traceID: String = "trace",
    tenant: String? = nil, scopes: [String] = ["text"],
    risk: RiskContext = RiskContext(
      estimatedCost: .zero, dataClassification: .public, impactLevel: .low), inputs: [Digest] = [],
    depth: Int = 0, validFor seconds: Int64 = 7200, preview: LeafIndex? = nil,
    crossing: Crossing? = nil, signedBy keyName: String? = nil
  ) -> (RecordBody, Attachment) {
    let requestID = requestID ?? fresh()
    let salt = SHA256.hash("salt of \(requestID)").bytes
    let item = Attachment.Item(salt: salt, value: parameters)
    var own = ""
    if case .agent(let tenant, _) = agent { own = tenant }
    let content = Proposal(
      traceID: traceID, requestID: requestID, tenantID: tenant ?? own, workspaceID: "main",
      requestedBy: agent, action: action, parametersHash: item.hash, scopes: scopes, risk: risk,
      inputs: inputs, depth: depth, validUntil: now.advanced(by: .seconds(seconds)), preview: preview,
      crossing: crossing)
    let signed = Signed.sign(
      content, cluster: cluster, as: agent, with: Governed.key(keyName ?? agent.path))
    return (.proposal(signed), Attachment("parameters", item))
  }

  /// Proposes, and answers the proposal's leaf.
  mutating func propose(
    by agent: Principal = Governed.agent, action: String = "echo",
    parameters: JSON = ["text": "hello"], requestID: String? = nil, traceID: String = "trace",
    tenant: String? = nil, scopes: [String] = ["text"],
    risk: RiskContext = RiskContext(
      estimatedCost: .zero, dataClassification: .public, impactLevel: .low), inputs: [Digest] = [],
    depth: Int = 0, validFor seconds: Int64 = 7200, preview: LeafIndex? = nil,
    crossing: Crossing? = nil
  ) throws -> LeafIndex {
    let (body, attachment) = proposal(
      by: agent, action: action, parameters: parameters, requestID: requestID, traceID: traceID,
      tenant: tenant, scopes: scopes, risk: risk, inputs: inputs, depth: depth, validFor: seconds,
      preview: preview, crossing: crossing)
    #expect(try append(body, attachment) == .effective)
    return last
  }

  /// Proposes and writes what follows; the approval's leaf.
  mutating func approved(
    by agent: Principal = Governed.agent, executor: Principal = Governed.executor, inputs: [Digest] = []
  ) throws -> LeafIndex {
    let index = try propose(by: agent, inputs: inputs)
    try settle(executor: executor)
    return try #require(state.proposalView(at: index)?.approval)
  }

  func view(_ index: LeafIndex) throws -> ProposalView { try #require(state.proposalView(at: index)) }

  /// The names of the rules behind a proposal's latest decision that have `effect`.
  func rules(_ index: LeafIndex, _ effect: DecisionType = .deny) throws -> [String] {
    try view(index).rules.filter { $0.effect == effect }.map(\.rule)
  }

  /// A ballot on `index` with its attachment.
  func ballot(
    _ voter: Principal, on index: LeafIndex, vote: Vote = .approve, role: String = "approver",
    keys: [String]? = nil, change: (inout Ballot) -> Void = { _ in }
  ) throws -> (RecordBody, Attachment) {
    let reason = Attachment.Item(salt: [UInt8](repeating: 3, count: 16), value: "looks right")
    let view = try view(index)
    var content = Ballot(
      proposal: index, proposalHash: view.leafHash, parametersHash: view.proposal.parametersHash,
      policyBundleHash: state.bundleHash, previewHash: view.previewHash, vote: vote,
      role: vote == .confirm ? Ballot.confirmingRole : role,
      reasonHash: reason.hash, voter: voter, signedAt: now, validUntil: now.advanced(by: .seconds(600)),
      challenge: vote == .confirm ? view.challenge ?? "none" : nil)
    change(&content)
    let names = keys ?? [voter.path]
    var signed = Signed.sign(content, cluster: cluster, as: voter, with: Governed.key(names[0]))
    for name in names.dropFirst() {
      signed = signed.cosigned(cluster: cluster, as: voter, with: Governed.key(name))
    }
    return (.ballot(signed), Attachment("reason", reason))
  }

  @discardableResult
  mutating func vote(
    _ voter: String, on index: LeafIndex, vote: Vote = .approve, role: String = "approver",
    keys: [String]? = nil
  ) throws -> Applied {
    let (body, attachment) = try ballot(.approver(voter), on: index, vote: vote, role: role, keys: keys)
    return try append(body, attachment)
  }

  func incident(
    _ kind: IncidentKind, _ target: IncidentTarget, id: String, lifts: [String] = [],
    by operators: [String] = ["pat"]
  ) -> (RecordBody, Attachment) {
    let reason = Attachment.Item(salt: [UInt8](repeating: 4, count: 16), value: "a bad day")
    let content = IncidentAct(
      incidentID: id, kind: kind, target: target, severity: 1, reasonHash: reason.hash, lifts: lifts,
      signedAt: now, validUntil: now.advanced(by: .seconds(3600)))
    return (.incident(cosigned(content, by: operators)), Attachment("reason", reason))
  }

  /// Uses an incident power; what takes two operators by both.
  mutating func use(
    _ kind: IncidentKind, _ target: IncidentTarget = .all, id: String, lifts: [String] = []
  ) throws {
    var takesTwo = kind == .lift
    if case .certificates(of: .node, before: _) = target { takesTwo = true }
    let people = takesTwo ? ["pat", "quin"] : ["pat"]
    let (body, attachment) = incident(kind, target, id: id, lifts: lifts, by: people)
    #expect(try append(body, attachment) == .effective)
  }

  func cosigned<Content>(_ content: Content, by operators: [String]) -> Signed<Content> {
    let principals = operators.map(Principal.operator)
    var signed = Signed.sign(
      content, cluster: cluster, as: principals[0], with: Governed.key(principals[0].path))
    for principal in principals.dropFirst() {
      signed = signed.cosigned(cluster: cluster, as: principal, with: Governed.key(principal.path))
    }
    return signed
  }

  mutating func enrol(_ enrolment: Enrolment, by operators: [String] = ["pat", "quin"]) throws -> Applied {
    let act = EnrolmentAct(
      actID: fresh(), enrol: enrolment, validUntil: now.advanced(by: .seconds(600)))
    return try append(.enrol(cosigned(act, by: operators)))
  }

  mutating func revoke(_ principal: Principal) throws -> Applied {
    let act = EnrolmentAct(
      actID: fresh(), revoke: principal, validUntil: now.advanced(by: .seconds(600)))
    return try append(.enrol(cosigned(act, by: ["pat", "quin"])))
  }

  func policy(
    _ bundle: PolicyBundle, id: String, killRunning: Bool = false, hash: Digest? = nil,
    by operators: [String] = ["pat", "quin"], mode: PolicyMode = .activate, author: String? = "pat"
  ) -> (RecordBody, Attachment) {
    let bundle = authored(bundle, by: author)
    let item = Attachment.Item(salt: [UInt8](repeating: 5, count: 16), value: bundle.json)
    let act = PolicyAct(
      actID: id, policyBundleHash: hash ?? bundle.hash, bundleHash: item.hash,
      bundleVersion: bundle.bundleVersion, constitutionVersion: bundle.constitutionVersion,
      killRunning: killRunning, mode: mode, validUntil: now.advanced(by: .seconds(600)))
    return (
      .policy(cosigned(act, by: operators)), mode == .unshadow ? Attachment() : Attachment("bundle", item)
    )
  }

  /// The bundle with its author's signature, where the semantics ask for one and it has none.
  func authored(_ bundle: PolicyBundle, by author: String? = "pat") -> PolicyBundle {
    guard let author, bundle.author == nil, state.semantics >= Semantics.people else { return bundle }
    let principal = Principal.operator(author)
    return (try? bundle.authored(by: principal, with: Governed.key(principal.path))) ?? bundle
  }

  mutating func activate(_ registry: Registry, killRunning: Bool = false) throws {
    let (body, attachment) = policy(
      try registry.bundle, id: fresh(), killRunning: killRunning)
    #expect(try append(body, attachment) == .effective)
  }

  /// The receipt that the named executor would give for an approval.
  func receipt(
    for approval: LeafIndex, status: RunStatus = .succeeded, cost: MicroUSD = .zero,
    by signer: Principal? = nil, result value: JSON = ["text": "hello"],
    change: (inout Receipt) -> Void = { _ in }
  ) throws -> (RecordBody, Attachment) {
    guard case .decision(let decision) = log[Int(approval.value)].record.body,
      let grant = decision.grant
    else { throw TestFailure("leaf \(approval.value) is no approval") }
    let result = Attachment.Item(salt: SHA256.hash("salt of \(approval.value)").bytes, value: value)
    var content = Receipt(
      receiptID: "receipt-\(approval.value)", decision: decision, decisionIndex: approval, grant: grant,
      executedAt: now, finishedAt: now, status: status, errorCode: status == .succeeded ? "" : "SOME",
      resultHash: result.hash, truncated: false, isolationClass: .microvmTCG, guest: nil,
      imageDigest: "", cost: cost, exfiltrationRisk: false, piiDetected: false,
      loopGuardTriggered: false, approvalNote: "")
    if status == .succeeded, state.semantics >= Semantics.reach {
      content.evidence = try evidence(of: content, for: decision)
    }
    change(&content)
    let principal = signer ?? grant.executorID
    let signed = Signed.sign(
      content, cluster: cluster, as: principal, with: Governed.key(principal.path))
    return (.receipt(signed), Attachment("result", result))
  }

  /// Evidence as an honest executor gives it.
  func evidence(of receipt: Receipt, for decision: Decision) throws -> RunEvidence {
    guard let action = state.compiled.bundle.action(receipt.action) else { throw TestFailure("no action") }
    let nothing = OutputEvidence(digest: SHA256.hash(""), writtenBytes: 0, isCut: false, redactions: 0)
    return RunEvidence(
      manifestDigest: action.manifestDigest, limits: action.limits, usage: nil, machine: nil, exitStatus: 0,
      output: nothing, errorOutput: nothing, egress: nil, secrets: [], labels: [decision.requestedBy.path])
  }

  func admits(_ submission: (RecordBody, Attachment)) -> Admittance {
    state.admits(submission.0, attachment: submission.1, at: now)
  }

  /// The code with which a submission is refused; nil where it is not. What is refused at the door must
  /// be void in the log.
  func refusal(_ submission: (RecordBody, Attachment)) throws -> Refusal.Code? {
    guard case .refuse(let refusal) = admits(submission) else { return nil }
    var copy = self
    #expect(try copy.append(submission.0, submission.1) == .void(reason: refusal.message))
    return refusal.code
  }

  /// The state that its cells restore.
  func restored() throws -> ShieldState {
    var cells: [(name: String, bytes: [UInt8])] = []
    state.cells.forEach { name, cell in cells.append((name, cell.merkleBytes())) }
    return try ShieldState(restoring: cells)
  }
}

struct TestFailure: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The declarative part of a test bundle.
struct Registry {
  var version = "1"
  var requestLimit = "100"
  var dayLimit = "1000"
  var perMinute = 1000
  var repeats = 1000
  var tokenSeconds = 300
  var echoSchema =
    #"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}"#
  var echoArguments = #"["/action","echo"]"#
  var withoutEcho = false
  /// Of `publish`: how many rejections deny, and who counts.
  var publishRejections = 1
  var publishFilters: [String] = []
  /// Whether the rule for `pay` asks for a confirmation alone.
  var confirmationAlone = false
  var retriesPerHour: Int?
  /// Whether `publish` has `plan` as its dry run, and what of its result may differ.
  var withPreview = false
  var mayDiffer: [String] = []
  /// What `echo` reads.
  var echoInputs = #""inputs":{"minimum_count":0,"maximum_count":2,"maximum_bytes":1000},"#
  var files: [(path: String, text: String)] = []
  /// More members of `costly`, and of the rule about `publish`: what comes before their other members.
  var costlyHas = ""
  var publishRuleHas = ""
  /// The file itself, where it is to be wrong.
  var override: String?
  /// What one evaluation may use, as JSON.
  var evaluation: String?

  private func action(
    _ name: String, impact: String, cost: String, schema: String, arguments: String, inputs: String = "",
    preview: String? = nil
  ) -> String {
    let names = mayDiffer.map { "\"\($0)\"" }.joined(separator: ",")
    let differing = mayDiffer.isEmpty ? "" : #""may_differ":[\#(names)],"#
    return """
      {"name":"\(name)","version":"1","description":"","parameters_schema":\(schema),
       "image":"sha256:\(String(repeating: "0", count: 64))","arguments":\(arguments),"scopes":["text"],
       "risk":{"impact_level":"\(impact)","data_classification":"internal","estimated_cost_usd":"\(cost)"},
       "maximum_cost_usd":"\(cost)","max_retries":0,"rate_limit_per_min":60,
       "limits":{"wall_seconds":10,"memory_mib":64,"processes":8,"output_bytes":65536,"disk_mib":16},
       \(inputs)\(preview.map { #""preview":"\#($0)",\#(differing)"# } ?? "")"isolation_class":"microvm-tcg","egress":[],"token_seconds":\(tokenSeconds)}
      """
  }

  private func rule(
    _ name: String, _ action: String, _ demands: [(String, Int)], _ decision: String, rejections: Int = 1,
    filters: [String] = []
  ) -> String {
    let names = filters.map { "\"\($0)\"" }.joined(separator: ",")
    let held = filters.isEmpty ? "" : #","filters":[\#(names)]"#
    let people = demands.map { #"{"role":"\#($0.0)","count":\#($0.1)\#(held)}"# }.joined(separator: ",")
    let more = rejections == 1 ? "" : #","rejections":\#(rejections)"#
    return """
      {"name":"\(name)",\(action == "publish" ? publishRuleHas : "")"actions":["\(action)"],"demands":[\(people)],"decision":"\(decision)",
       "deadline_seconds":3600\(more)}
      """
  }

  var text: String {
    var actions = ["publish", "pay", "purge", "costly"].map { name in
      action(
        name, impact: name == "purge" ? "critical" : "low", cost: name == "costly" ? "60" : "1",
        schema: #"{"type":"object"}"#, arguments: #"["/action","\#(name)"]"#,
        inputs: name == "costly" ? costlyHas : "",
        preview: withPreview && name == "publish" ? "plan" : nil)
    }
    if withPreview {
      actions.append(
        action(
          "plan", impact: "low", cost: "1", schema: #"{"type":"object"}"#, arguments: #"["/action","plan"]"#))
    }
    if !withoutEcho {
      actions.append(
        action(
          "echo", impact: "low", cost: "1", schema: echoSchema, arguments: echoArguments,
          inputs: echoInputs))
    }
    let rules = [
      rule(
        "two-people", "publish", [("approver", 2)], "require_multi_sig", rejections: publishRejections,
        filters: publishFilters),
      rule("both-keys", "pay", confirmationAlone ? [] : [("approver", 1)], "require_mfa"),
      rule("two-roles", "purge", [("approver", 1), ("security", 1)], "require_multi_sig"),
    ]
    return """
      {"bundle_version":"\(version)","constitution_version":"1.0.0",
       "actions":[\(actions.joined(separator: ","))],"approvals":[\(rules.joined(separator: ","))],
       "breakers":{"request_usd":"\(requestLimit)","tenant_usd_per_day":"\(dayLimit)",
        "proposals_per_minute":\(perMinute),"repeats_per_minute":\(repeats),"maximum_depth":3\(
          retriesPerHour.map { #","retries_per_hour":\#($0)"# } ?? "")}
       \(evaluation.map { #","evaluation":\#($0)"# } ?? "")}
      """
  }

  var bundle: PolicyBundle {
    get throws { try PolicyBundle(files: [(PolicyBundle.registryPath, override ?? text)] + files) }
  }
}
