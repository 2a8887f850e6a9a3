import Canonical
import Crypto

/// What an agent asks for (API-2). The parameters themselves travel as the attachment.
public struct Proposal: StatementContent {
  public static let type = RecordType.proposal

  /// Ties together all records of one piece of work.
  public var traceID: String
  /// Unique per agent until `validUntil`; again with the same content, it names the first outcome.
  public var requestID: String
  /// The tenant for whom the action runs; the agent's own.
  public var tenantID: String
  /// The tenant's workspace that the action may touch.
  public var workspaceID: String
  /// The agent; must be the one signer.
  public var requestedBy: Principal
  /// The action's name in the registry.
  public var action: String
  /// SHA-256 over salt and canonical parameters.
  public var parametersHash: Digest
  /// The scopes that are asked for.
  public var scopes: [String]
  /// What the agent says is at stake.
  public var risk: RiskContext
  /// The most artifacts that one proposal names.
  public static let maximumInputs = 64

  /// Artifacts of the workspace that the action reads, in this order; none twice.
  public var inputs: [Digest]
  /// Depth of nesting: 0 for what no other action asked for.
  public var depth: Int
  /// The proposal of the dry run whose result people are to decide on; for an action that has one.
  public var preview: LeafIndex?
  /// Whose files it reads beside its own tenant's; nil where it stays at home.
  public var crossing: Crossing?
  /// At most 24 hours ahead of log time.
  public var validUntil: Timestamp

  /// A proposal.
  public init(
    traceID: String, requestID: String, tenantID: String, workspaceID: String, requestedBy: Principal,
    action: String, parametersHash: Digest, scopes: [String], risk: RiskContext, inputs: [Digest] = [],
    depth: Int = 0, validUntil: Timestamp, preview: LeafIndex? = nil, crossing: Crossing? = nil
  ) {
    self.preview = preview
    self.crossing = crossing
    self.traceID = traceID
    self.requestID = requestID
    self.tenantID = tenantID
    self.workspaceID = workspaceID
    self.requestedBy = requestedBy
    self.action = action
    self.parametersHash = parametersHash
    self.scopes = scopes
    self.risk = risk
    self.inputs = inputs
    self.depth = depth
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    traceID = try fields.identifier("trace_id")
    requestID = try fields.identifier("request_id")
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
    requestedBy = try fields.principal("requested_by")
    action = try fields.identifier("action")
    parametersHash = try fields.digest("parameters_hash")
    scopes = try fields.identifiers("scopes")
    risk = try fields.nested("risk_context") { (inner) throws(RecordError) in
      try RiskContext(from: &inner)
    }
    inputs = try fields.list("inputs", limit: Proposal.maximumInputs, of: "SHA-256 digests") { json in
      json.string.flatMap(Digest.init(hex:))
    }
    depth = try fields.integer("depth", in: 0...64)
    preview = try fields.optionalLeaf("preview")
    crossing = try fields.optionalNested("crossing") { (inner) throws(RecordError) in
      try Crossing(from: &inner)
    }
    if let crossing, crossing.tenantID == tenantID || inputs.isEmpty {
      throw .field(fields.name("crossing"), expected: "another tenant, and inputs of it")
    }
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    present([
      ("trace_id", .string(traceID)), ("request_id", .string(requestID)),
      ("tenant_id", .string(tenantID)), ("workspace_id", .string(workspaceID)),
      ("requested_by", .string(requestedBy.path)), ("action", .string(action)),
      ("parameters_hash", .digest(parametersHash)), ("scopes", .texts(scopes)),
      ("risk_context", risk.json), ("inputs", .array(inputs.map(JSON.digest))),
      ("depth", .integer(depth)), ("preview", preview.map(JSON.index)),
      ("crossing", crossing?.json),
      ("valid_until", .time(validUntil)),
    ])
  }
}

/// An agent takes its own pending proposal back.
public struct Withdrawal: StatementContent {
  public static let type = RecordType.withdrawal

  /// Which proposal.
  public var proposal: LeafIndex
  /// Its agent.
  public var requestedBy: Principal
  /// No effect at or after this.
  public var validUntil: Timestamp

  /// A withdrawal.
  public init(proposal: LeafIndex, requestedBy: Principal, validUntil: Timestamp) {
    self.proposal = proposal
    self.requestedBy = requestedBy
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    proposal = try fields.leafIndex("proposal")
    requestedBy = try fields.principal("requested_by")
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    [
      ("proposal", .index(proposal)), ("requested_by", .string(requestedBy.path)),
      ("valid_until", .time(validUntil)),
    ]
  }
}
