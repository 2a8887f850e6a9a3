import Canonical
import Crypto

/// Who may act, as enrolled in the ledger: the only keys that count are these.
public struct Enrolment: Hashable, Sendable, JSONWritable {
  public var principal: Principal
  /// The key that its statements must verify under.
  public var key: PublicKey
  /// A second key of the same person, for `require_mfa`.
  public var secondKey: PublicKey?
  /// The roles it holds, such as `approver`, `security`, `auditor`.
  public var roles: [String]
  /// The tenant it belongs to; empty for parties and operators, who stand above tenants.
  public var tenantID: String
  /// The person who answers for it. Distinct people are distinct owners.
  public var owner: String
  /// The scopes an agent may ask for.
  public var scopes: [String]
  /// From this time on it is nobody.
  public var expiresAt: Timestamp
  /// For executors: counts up whenever the nonce registry was lost or restored; 0 for others.
  public var incarnation: Int
  /// For executors: the isolation classes it offers.
  public var isolationClasses: [IsolationClass]

  /// An enrolment.
  public init(
    principal: Principal, key: PublicKey, secondKey: PublicKey? = nil, roles: [String] = [],
    tenantID: String = "", owner: String, scopes: [String] = [], expiresAt: Timestamp,
    incarnation: Int = 0, isolationClasses: [IsolationClass] = []
  ) {
    self.principal = principal
    self.key = key
    self.secondKey = secondKey
    self.roles = roles
    self.tenantID = tenantID
    self.owner = owner
    self.scopes = scopes
    self.expiresAt = expiresAt
    self.incarnation = incarnation
    self.isolationClasses = isolationClasses
  }

  package init(from fields: inout Fields) throws(RecordError) {
    principal = try fields.principal("principal")
    key = try fields.publicKey("key")
    secondKey = try fields.optionalValue("second_key", "an Ed25519 public key") { json in
      json.string.flatMap(PublicKey.init(hex:))
    }
    roles = try fields.identifiers("roles")
    tenantID = try fields.text("tenant_id", limit: 128)
    owner = try fields.identifier("owner")
    scopes = try fields.identifiers("scopes")
    expiresAt = try fields.time("expires_at")
    incarnation = try fields.integer("incarnation", in: 0...1_000_000)
    isolationClasses = try fields.list("isolation_classes", limit: 4, of: "isolation classes") { json in
      json.string.flatMap(IsolationClass.init(rawValue:))
    }
    if case .agent(let tenant, _) = principal, tenant != tenantID {
      throw .field(fields.name("tenant_id"), expected: "the agent's own tenant, \(tenant)")
    }
    if case .executor = principal {
      guard incarnation >= 1, !isolationClasses.isEmpty else {
        throw .field(
          fields.name("incarnation"), expected: "at least 1, and an isolation class, for an executor")
      }
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("principal", .string(principal.path)), ("key", .string(key.hex)),
      ("second_key", secondKey.map { .string($0.hex) }), ("roles", .texts(roles)),
      ("tenant_id", .string(tenantID)), ("owner", .string(owner)), ("scopes", .texts(scopes)),
      ("expires_at", .time(expiresAt)), ("incarnation", .integer(incarnation)),
      ("isolation_classes", .texts(isolationClasses.map(\.rawValue))),
    ])
  }
}

/// A signed change of who may act; at least two distinct people with distinct keys.
public struct EnrolmentAct: StatementContent {
  public static let type = RecordType.enrol

  /// Names the act.
  public var actID: String
  /// Who is enrolled, replacing what was enrolled under that name.
  public var enrol: Enrolment?
  /// Who is no longer enrolled.
  public var revoke: Principal?
  public var validUntil: Timestamp

  /// Enrols one principal.
  public init(actID: String, enrol: Enrolment, validUntil: Timestamp) {
    self.actID = actID
    self.enrol = enrol
    revoke = nil
    self.validUntil = validUntil
  }

  /// Ends one enrolment.
  public init(actID: String, revoke: Principal, validUntil: Timestamp) {
    self.actID = actID
    enrol = nil
    self.revoke = revoke
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    actID = try fields.identifier("act_id")
    enrol = try fields.optionalNested("enrol") { (inner) throws(RecordError) in
      try Enrolment(from: &inner)
    }
    revoke = try fields.optionalValue("revoke", "a principal") { json in
      json.string.flatMap(Principal.init(path:))
    }
    validUntil = try fields.time("valid_until")
    guard (enrol == nil) != (revoke == nil) else {
      throw .field(fields.name("enrol"), expected: "either enrol or revoke")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("act_id", .string(actID)), ("enrol", enrol?.json),
      ("revoke", revoke.map { .string($0.path) }), ("valid_until", .time(validUntil)),
    ])
  }
}

/// What a policy act does with its bundle.
public enum PolicyMode: String, Sendable, CaseIterable {
  /// Puts it in force.
  case activate
  /// Puts it in force, and with it the constitution that it is issued under, in the place of another (POL-9).
  case amend
  /// Has it asked beside the bundle in force: differences are recorded, and nothing acts on them.
  case shadow
  /// Ends that.
  case unshadow

  /// Whether the bundle comes into force.
  public var isInForce: Bool { self == .activate || self == .amend }
}

/// A signed change of the active policy bundle; at least two distinct people (POL-7). The bundle's
/// files travel as the attachment.
public struct PolicyAct: StatementContent {
  public static let type = RecordType.policy

  public var actID: String
  /// Hash by ruling 2.
  public var policyBundleHash: Digest
  /// Salted hash of the files.
  public var bundleHash: Digest
  public var bundleVersion: String
  public var constitutionVersion: String
  /// Whether what runs under the old bundle is killed.
  public var killRunning: Bool
  /// What becomes of the bundle.
  public var mode: PolicyMode
  public var validUntil: Timestamp

  /// A policy act.
  public init(
    actID: String, policyBundleHash: Digest, bundleHash: Digest, bundleVersion: String,
    constitutionVersion: String, killRunning: Bool, mode: PolicyMode = .activate, validUntil: Timestamp
  ) {
    self.mode = mode
    self.actID = actID
    self.policyBundleHash = policyBundleHash
    self.bundleHash = bundleHash
    self.bundleVersion = bundleVersion
    self.constitutionVersion = constitutionVersion
    self.killRunning = killRunning
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    actID = try fields.identifier("act_id")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    bundleHash = try fields.digest("bundle_hash")
    bundleVersion = try fields.identifier("bundle_version")
    constitutionVersion = try fields.identifier("constitution_version")
    killRunning = try fields.bool("kill_running")
    mode =
      try fields.optionalValue(
        "mode", "amend, shadow or unshadow, or nothing where it is to be in force under the same constitution"
      ) { json in
        json.string.flatMap(PolicyMode.init(rawValue:)).flatMap { $0 == .activate ? nil : $0 }
      } ?? .activate
    validUntil = try fields.time("valid_until")
    guard mode.isInForce || !killRunning else {
      throw .field(fields.name("kill_running"), expected: "false, where nothing comes into force")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("act_id", .string(actID)), ("policy_bundle_hash", .digest(policyBundleHash)),
      ("bundle_hash", .digest(bundleHash)), ("bundle_version", .string(bundleVersion)),
      ("constitution_version", .string(constitutionVersion)), ("kill_running", .bool(killRunning)),
      ("mode", mode == .activate ? nil : .string(mode.rawValue)), ("valid_until", .time(validUntil)),
    ])
  }
}

extension Enrolment {
  /// Reads an enrolment from its object.
  public init(_ value: JSON) throws(RecordError) {
    var fields = try Fields(value, at: "enrolment")
    try self.init(from: &fields)
    try fields.finish()
  }
}
