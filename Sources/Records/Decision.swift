import Canonical
import Crypto

/// What governance answers (API-4).
public enum DecisionType: String, Sendable, CaseIterable {
  case approve, deny, escalate
  case requireMFA = "require_mfa"
  case requireMultiSig = "require_multi_sig"

  /// Whether the proposal is decided for good.
  public var isFinal: Bool { self == .approve || self == .deny }
}

/// A rule that had its say, in the order in which it was asked.
public struct FiredRule: Hashable, Sendable, JSONWritable {
  /// The rule's name, such as `floor.cross_tenant` or `policy.approvals[0]`.
  public var rule: String
  /// What it called for.
  public var effect: DecisionType
  /// Why, in words for people; no parameters.
  public var message: String

  /// A fired rule.
  public init(rule: String, effect: DecisionType, message: String) {
    self.rule = rule
    self.effect = effect
    self.message = message
  }

  package init(from fields: inout Fields) throws(RecordError) {
    rule = try fields.text("rule", limit: 256)
    effect = try fields.choice("effect")
    message = try fields.text("message", limit: 1024)
  }

  public var members: [(String, JSON)] {
    [("rule", .string(rule)), ("effect", .string(effect.rawValue)), ("message", .string(message))]
  }
}

/// What an executor enforces locally (API-6).
public struct Constraints: Hashable, Sendable, JSONWritable {
  /// The most the action may cost.
  public var maximumCost: MicroUSD
  /// How often a failed run may be tried again within the token.
  public var maximumRetries: Int
  /// The most runs of this action a minute.
  public var rateLimitPerMinute: Int

  /// Constraints.
  public init(maximumCost: MicroUSD, maximumRetries: Int, rateLimitPerMinute: Int) {
    self.maximumCost = maximumCost
    self.maximumRetries = maximumRetries
    self.rateLimitPerMinute = rateLimitPerMinute
  }

  package init(from fields: inout Fields) throws(RecordError) {
    maximumCost = try fields.money("max_cost_usd")
    maximumRetries = try fields.integer("max_retries", in: 0...16)
    rateLimitPerMinute = try fields.integer("rate_limit_per_min", in: 0...1_000_000)
  }

  public var members: [(String, JSON)] {
    [
      ("max_cost_usd", .money(maximumCost)), ("max_retries", .integer(maximumRetries)),
      ("rate_limit_per_min", .integer(rateLimitPerMinute)),
    ]
  }
}

/// The part of an approving decision that makes it a token (TOK-2, TOK-3, TOK-15; ruling 1).
public struct ApprovalGrant: Hashable, Sendable, JSONWritable {
  /// Names the token.
  public var tokenID: String
  /// What the approval is for: the action's name.
  public var approvalScope: String
  /// The scopes that are granted.
  public var allowedScopes: [String]
  /// Log time of the decision.
  public var issuedAt: Timestamp
  /// At most fifteen minutes after `issuedAt`.
  public var expiresAt: Timestamp
  /// Burned once, durably, before the action starts.
  public var nonce: String
  /// What the executor enforces.
  public var constraints: Constraints
  /// The one executor that may run it.
  public var executorID: Principal
  /// That executor's incarnation.
  public var executorIncarnation: Int
  /// The least isolation that will do.
  public var isolationClass: IsolationClass
  /// The people who approved, in the order of their ballots.
  public var humanAttestors: [Principal]
  /// How many of them had to.
  public var multiSigThreshold: Int

  /// A grant.
  public init(
    tokenID: String, approvalScope: String, allowedScopes: [String], issuedAt: Timestamp,
    expiresAt: Timestamp, nonce: String, constraints: Constraints, executorID: Principal,
    executorIncarnation: Int, isolationClass: IsolationClass, humanAttestors: [Principal],
    multiSigThreshold: Int
  ) {
    self.tokenID = tokenID
    self.approvalScope = approvalScope
    self.allowedScopes = allowedScopes
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.nonce = nonce
    self.constraints = constraints
    self.executorID = executorID
    self.executorIncarnation = executorIncarnation
    self.isolationClass = isolationClass
    self.humanAttestors = humanAttestors
    self.multiSigThreshold = multiSigThreshold
  }

  package init(from fields: inout Fields) throws(RecordError) {
    tokenID = try fields.identifier("token_id")
    approvalScope = try fields.identifier("approval_scope")
    allowedScopes = try fields.identifiers("allowed_scopes")
    issuedAt = try fields.time("issued_at")
    expiresAt = try fields.time("expires_at")
    nonce = try fields.identifier("nonce")
    constraints = try fields.nested("constraints") { (inner) throws(RecordError) in
      try Constraints(from: &inner)
    }
    executorID = try fields.principal("executor_id")
    executorIncarnation = try fields.integer("executor_incarnation", in: 1...1_000_000)
    isolationClass = try fields.choice("isolation_class")
    humanAttestors = try fields.list("human_attestors", limit: 64, of: "principals") { json in
      json.string.flatMap(Principal.init(path:))
    }
    multiSigThreshold = try fields.integer("multi_sig_threshold", in: 0...64)
  }

  public var members: [(String, JSON)] {
    [
      ("token_id", .string(tokenID)), ("approval_scope", .string(approvalScope)),
      ("allowed_scopes", .texts(allowedScopes)), ("issued_at", .time(issuedAt)),
      ("expires_at", .time(expiresAt)), ("nonce", .string(nonce)), ("constraints", constraints.json),
      ("executor_id", .string(executorID.path)), ("executor_incarnation", .integer(executorIncarnation)),
      ("isolation_class", .string(isolationClass.rawValue)),
      ("human_attestors", .texts(humanAttestors.map(\.path))),
      ("multi_sig_threshold", .integer(multiSigThreshold)),
    ]
  }
}

extension ApprovalGrant {
  /// Whether what it lets run may bring text from outside.
  public var reachesOut: Bool { allowedScopes.contains { $0.hasPrefix("egress:") } }
}

/// What people must do before a pending proposal is decided.
public struct ApprovalDemand: Hashable, Sendable, JSONWritable {
  /// The role whose holders may vote.
  public var role: String
  /// How many distinct people must approve.
  public var count: Int
  /// Names of conditions that the policy engine holds each of them against, all of which must hold; ascending.
  public var filters: [String]
  /// Whose people they are: enrolled for this tenant and no other. Nil for those of the proposal's, and those who serve
  /// all.
  public var tenant: String?

  /// A demand.
  public init(role: String, count: Int, filters: [String] = [], tenant: String? = nil) {
    self.role = role
    self.count = count
    self.filters = filters
    self.tenant = tenant
  }

  package init(from fields: inout Fields) throws(RecordError) {
    role = try fields.identifier("role")
    count = try fields.integer("count", in: 1...16)
    filters =
      try fields.optionalValue("filters", "1 to \(Self.maximumFilters) identifiers, ascending") { json in
        guard let names = json.array?.compactMap(\.string), names.count == json.array?.count,
          (1...Self.maximumFilters).contains(names.count), names.allSatisfy(Identifier.isValid),
          zip(names, names.dropFirst()).allSatisfy({ $0.utf8.lexicographicallyPrecedes($1.utf8) })
        else { return nil }
        return names
      } ?? []
    tenant = try fields.optionalValue("tenant", "a tenant") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
  }

  /// Most conditions of one demand.
  public static let maximumFilters = 8

  public var members: [(String, JSON)] {
    present([
      ("role", .string(role)), ("count", .integer(count)),
      ("filters", filters.isEmpty ? nil : .texts(filters)), ("tenant", tenant.map(JSON.string)),
    ])
  }

  /// Whether a person who is enrolled for `home`, or for none where that is empty, may vote towards it.
  public func isOpen(to home: String, of proposal: Proposal) -> Bool {
    tenant.map { $0 == home } ?? (home.isEmpty || home == proposal.tenantID)
  }
}

/// A decision (API-8): derived by every node from the log, written down by the leader.
public struct Decision: Equatable, Sendable, JSONWritable {
  /// Names the decision; derives from the causing index.
  public var decisionID: String
  /// What is decided.
  public var decisionType: DecisionType
  /// The proposal's leaf.
  public var proposal: LeafIndex
  /// The hash of that leaf.
  public var proposalHash: Digest
  /// The leaf that caused this decision: the proposal, a ballot, a tick, a policy change.
  public var cause: LeafIndex
  public var traceID: String
  public var requestID: String
  public var tenantID: String
  public var workspaceID: String
  public var requestedBy: Principal
  public var action: String
  /// The registry's version of the action; empty where the action is unknown.
  public var actionVersion: String
  public var parametersHash: Digest
  public var constitutionVersion: String
  public var policyBundleHash: Digest
  /// Every rule that had its say.
  public var rulesFired: [FiredRule]
  /// In words for people.
  public var rationale: String
  /// Log time of the cause.
  public var decidedAt: Timestamp
  /// The higher of declared and registered.
  public var effectiveRisk: RiskContext
  /// What people must do, while pending.
  public var demands: [ApprovalDemand]
  /// Until when, while pending; then the proposal is denied.
  public var deadline: Timestamp?
  /// How many people's rejections deny, while pending; 1, a veto, unless every rule says more.
  public var rejections: Int
  /// What the person who answers for the agent must confirm with a second key, while that is asked.
  public var challenge: String?
  /// Salted hash of the preview's result, which ballots bind; nil where the action has no preview.
  public var previewHash: Digest?
  /// Whose files it reads beside its own tenant's.
  public var crossing: Crossing?
  /// The token's claims, where approved.
  public var grant: ApprovalGrant?

  /// A decision.
  public init(
    decisionID: String, decisionType: DecisionType, proposal: LeafIndex, proposalHash: Digest,
    cause: LeafIndex, request: Proposal, actionVersion: String, constitutionVersion: String,
    policyBundleHash: Digest, rulesFired: [FiredRule], rationale: String, decidedAt: Timestamp,
    effectiveRisk: RiskContext, demands: [ApprovalDemand] = [], deadline: Timestamp? = nil,
    rejections: Int = 1, challenge: String? = nil, previewHash: Digest? = nil, grant: ApprovalGrant? = nil
  ) {
    self.rejections = rejections
    self.challenge = challenge
    self.previewHash = previewHash
    self.decisionID = decisionID
    self.decisionType = decisionType
    self.proposal = proposal
    self.proposalHash = proposalHash
    self.cause = cause
    traceID = request.traceID
    requestID = request.requestID
    tenantID = request.tenantID
    workspaceID = request.workspaceID
    requestedBy = request.requestedBy
    action = request.action
    crossing = request.crossing
    self.actionVersion = actionVersion
    parametersHash = request.parametersHash
    self.constitutionVersion = constitutionVersion
    self.policyBundleHash = policyBundleHash
    self.rulesFired = rulesFired
    self.rationale = rationale
    self.decidedAt = decidedAt
    self.effectiveRisk = effectiveRisk
    self.demands = demands
    self.deadline = deadline
    self.grant = grant
  }

  package init(from fields: inout Fields) throws(RecordError) {
    decisionID = try fields.identifier("decision_id")
    decisionType = try fields.choice("decision_type")
    proposal = try fields.leafIndex("proposal")
    proposalHash = try fields.digest("proposal_hash")
    cause = try fields.leafIndex("cause")
    traceID = try fields.identifier("trace_id")
    requestID = try fields.identifier("request_id")
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
    requestedBy = try fields.principal("requested_by")
    action = try fields.identifier("action")
    actionVersion = try fields.text("action_version", limit: 64)
    parametersHash = try fields.digest("parameters_hash")
    constitutionVersion = try fields.identifier("constitution_version")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    rulesFired = try fields.objects("rules_fired", limit: 64) { (inner) throws(RecordError) in
      try FiredRule(from: &inner)
    }
    rationale = try fields.text("rationale", limit: 4096)
    decidedAt = try fields.time("decided_at")
    effectiveRisk = try fields.nested("effective_risk") { (inner) throws(RecordError) in
      try RiskContext(from: &inner)
    }
    demands = try fields.objects("demands", limit: 16) { (inner) throws(RecordError) in
      try ApprovalDemand(from: &inner)
    }
    deadline = try fields.optionalValue("deadline", "a time (RFC 3339, UTC)") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
    rejections = try fields.optionalRejections() ?? 1
    challenge = try fields.optionalValue("challenge", "an identifier") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
    previewHash = try fields.optionalDigest("preview_hash")
    crossing = try fields.optionalNested("crossing") { (inner) throws(RecordError) in
      try Crossing(from: &inner)
    }
    grant = try fields.optionalNested("grant") { (inner) throws(RecordError) in
      try ApprovalGrant(from: &inner)
    }
    guard (grant != nil) == (decisionType == .approve) else {
      throw .field(fields.name("grant"), expected: "a grant exactly where the decision approves")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("decision_id", .string(decisionID)), ("decision_type", .string(decisionType.rawValue)),
      ("proposal", .index(proposal)), ("proposal_hash", .digest(proposalHash)),
      ("cause", .index(cause)), ("trace_id", .string(traceID)), ("request_id", .string(requestID)),
      ("tenant_id", .string(tenantID)), ("workspace_id", .string(workspaceID)),
      ("requested_by", .string(requestedBy.path)), ("action", .string(action)),
      ("action_version", .string(actionVersion)), ("parameters_hash", .digest(parametersHash)),
      ("constitution_version", .string(constitutionVersion)),
      ("policy_bundle_hash", .digest(policyBundleHash)),
      ("rules_fired", .array(rulesFired.map(\.json))), ("rationale", .string(rationale)),
      ("decided_at", .time(decidedAt)), ("effective_risk", effectiveRisk.json),
      ("demands", .array(demands.map(\.json))), ("deadline", deadline.map(JSON.time)),
      ("rejections", rejections == 1 ? nil : .integer(rejections)),
      ("challenge", challenge.map(JSON.string)), ("preview_hash", previewHash.map(JSON.digest)),
      ("crossing", crossing?.json), ("grant", grant?.json),
    ])
  }
}

extension Fields {
  /// How many rejections deny, where it is more than the one of a veto.
  package mutating func optionalRejections() throws(RecordError) -> Int? {
    try optionalValue("rejections", "2 to 16, or nothing for a veto") { json in
      json.integer.flatMap { (2...16).contains($0) ? $0 : nil }
    }
  }
}

/// Names that derive from the index that caused them, the same on every node.
public enum DerivedID {
  /// 32 hexadecimal characters of SHA-256 over domain, cluster, purpose and causing leaf.
  public static func make(_ purpose: String, cluster: Digest, cause: LeafIndex, about: LeafIndex)
    -> String
  {
    let text = "openexec/v1/derived\n\(cluster.hex)\n\(purpose)\n\(cause.value)\n\(about.value)"
    return SHA256.hash(text).value.withUnsafeBytes { Hex.encode($0.prefix(16)) }
  }
}
