import Canonical
import Crypto
import Records

/// What follows for a proposal, as every node derives it at the leaf that caused it. It becomes a
/// `Decision` when the leader writes it down.
struct Verdict: Equatable, Sendable {
  var type: DecisionType
  /// The leaf that caused it.
  var cause: LeafIndex
  /// Log time of that leaf.
  var decidedAt: Timestamp
  var rules: [FiredRule]
  var rationale: String
  var effectiveRisk: RiskContext
  /// Empty where the action is unknown.
  var actionVersion: String
  var constitutionVersion: String
  var policyBundleHash: Digest
  var demands: [ApprovalDemand] = []
  /// Until when people have, where they are asked.
  var deadline: Timestamp?
  /// How many people's rejections deny, where they are asked.
  var rejections = 1
  /// Who approved, in the order of their ballots, where it approves and people were asked.
  var attestors: [Principal] = []
  /// When the token ends, where it approves.
  var expiresAt: Timestamp?

  /// Whether every ballot needs its voter's second key.
  var needsSecondKey: Bool { rules.contains { $0.effect == .requireMFA } }
  /// Whether people are being asked.
  var isOpen: Bool { !type.isFinal }
}

extension Verdict: JSONWritable {
  init(from fields: inout Fields) throws(RecordError) {
    type = try fields.choice("type")
    cause = try fields.leafIndex("cause")
    decidedAt = try fields.time("decided_at")
    rules = try fields.objects("rules", limit: 64) { (inner) throws(RecordError) in
      try FiredRule(from: &inner)
    }
    rationale = try fields.text("rationale", limit: 4096)
    effectiveRisk = try fields.nested("risk") { (inner) throws(RecordError) in
      try RiskContext(from: &inner)
    }
    actionVersion = try fields.text("action_version", limit: 128)
    constitutionVersion = try fields.identifier("constitution_version")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    demands = try fields.objects("demands", limit: 16) { (inner) throws(RecordError) in
      try ApprovalDemand(from: &inner)
    }
    attestors = try fields.list("attestors", limit: 64, of: "principals") { json in
      json.string.flatMap(Principal.init(path:))
    }
    rejections = try fields.optionalRejections() ?? 1
    deadline = try fields.optionalTime("deadline")
    expiresAt = try fields.optionalTime("expires_at")
  }

  var members: [(String, JSON)] {
    present([
      ("type", .string(type.rawValue)), ("cause", .index(cause)), ("decided_at", .time(decidedAt)),
      ("rules", .array(rules.map(\.json))), ("rationale", .string(rationale)),
      ("risk", effectiveRisk.json), ("action_version", .string(actionVersion)),
      ("constitution_version", .string(constitutionVersion)),
      ("policy_bundle_hash", .digest(policyBundleHash)), ("demands", .array(demands.map(\.json))),
      ("attestors", .texts(attestors.map(\.path))),
      ("rejections", rejections == 1 ? nil : .integer(rejections)),
      ("deadline", deadline.map(JSON.time)), ("expires_at", expiresAt.map(JSON.time)),
    ])
  }
}

extension Fields {
  /// A time, nil where absent.
  mutating func optionalTime(_ field: String) throws(RecordError) -> Timestamp? {
    try optionalValue(field, "a time (RFC 3339, UTC)") { json in json.string.flatMap(Timestamp.init(text:)) }
  }

  /// Ascending leaf indices.
  mutating func leaves(_ field: String, limit: Int) throws(RecordError) -> [LeafIndex] {
    try list(field, limit: limit, of: "leaf indices") { json in
      json.integer.flatMap { $0 >= 0 ? LeafIndex(UInt64($0)) : nil }
    }
  }

  /// Money that may exceed what `MicroUSD` writes in dollars: micros as a decimal string.
  mutating func micros(_ field: String) throws(RecordError) -> MicroUSD {
    try value(field, "micro-dollars as a decimal string") { json in
      json.string.flatMap { Int64($0) }.flatMap(MicroUSD.init(micros:))
    }
  }
}
