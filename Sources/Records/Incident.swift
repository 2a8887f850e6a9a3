import Canonical
import Crypto

/// What an incident power is aimed at.
public enum IncidentTarget: Hashable, Sendable {
  /// Everything: the global kill (IR-2).
  case all
  case tenant(String)
  case principal(Principal)
  /// One token, by its id (IR-4).
  case token(String)
  /// Somebody's certificates that became valid before a whole second: another has taken their place.
  case certificates(of: Principal, before: Timestamp)

  /// Reads `text`; nil for anything else.
  public init?(text: String) {
    if text == "all" {
      self = .all
    } else if text.hasPrefix("token/") {
      let name = String(text.dropFirst(6))
      guard Identifier.isValid(name) else { return nil }
      self = .token(name)
    } else if text.hasPrefix(Self.certificatesPrefix) {
      guard let slash = text.lastIndex(of: "/"),
        let seconds = Int64(text[text.index(after: slash)...]), (1...Self.lastSecond).contains(seconds),
        let principal = Principal(path: String(text[..<slash].dropFirst(Self.certificatesPrefix.count))),
        let before = Timestamp(nanoseconds: seconds * 1_000_000_000)
      else { return nil }
      self = .certificates(of: principal, before: before)
      // One text for one target.
      guard self.text == text else { return nil }
    } else if let principal = Principal(path: text) {
      self = .principal(principal)
    } else if text.hasPrefix("tenant/") {
      let name = String(text.dropFirst(7))
      guard Identifier.isValid(name) else { return nil }
      self = .tenant(name)
    } else {
      return nil
    }
  }

  private static let certificatesPrefix = "certificates/"
  /// What a `Timestamp` holds, in the year 2255.
  private static let lastSecond: Int64 = 9_000_000_000

  /// Whether leases may name it: executors connect to nodes alone, so that whose other certificates are refused is no
  /// matter of theirs.
  public var concernsExecutors: Bool {
    switch self {
    case .all, .tenant, .principal, .token, .certificates(of: .node, before: _): true
    case .certificates: false
    }
  }

  /// What every target of somebody's certificates begins with.
  public static func certificates(of principal: Principal) -> String {
    "\(certificatesPrefix)\(principal.path)/"
  }

  /// `all`, `tenant/<t>`, `token/<id>`, `certificates/<principal>/<seconds since 1970>` or a principal's path.
  public var text: String {
    switch self {
    case .all: "all"
    case .tenant(let name): "tenant/\(name)"
    case .principal(let principal): principal.path
    case .token(let id): "token/\(id)"
    case .certificates(let principal, let before):
      Self.certificates(of: principal) + String(before.nanoseconds / 1_000_000_000)
    }
  }
}

/// The powers for a bad day (group H). The first three bind a party the moment it holds a signed one.
public enum IncidentKind: String, Sendable, CaseIterable {
  /// Halt what the target runs and refuse everything of it.
  case kill
  /// Freeze the target: nothing new, logs kept.
  case quarantine
  /// Make a token, or every token of an agent or executor, void; or refuse somebody's earlier certificates.
  case revoke
  /// Take named restrictions back; at least two people.
  case lift
  /// Destroy what a tenant has in attachments and files, of everything before this record; at least two people.
  case erase

  /// Whether it forbids something, and so binds at once.
  public var isRestriction: Bool {
    switch self {
    case .kill, .quarantine, .revoke: true
    case .lift, .erase: false
    }
  }
}

/// A signed use of an incident power.
public struct IncidentAct: StatementContent {
  public static let type = RecordType.incident

  /// Names the restriction; a lifted id never binds again.
  public var incidentID: String
  public var kind: IncidentKind
  public var target: IncidentTarget
  /// 1 to 3 (IR-1).
  public var severity: Int
  /// Salted hash of the reason; the reason travels as the attachment.
  public var reasonHash: Digest
  /// For a lift: the restrictions it takes back.
  public var lifts: [String]
  public var signedAt: Timestamp
  public var validUntil: Timestamp

  /// An incident act.
  public init(
    incidentID: String, kind: IncidentKind, target: IncidentTarget, severity: Int, reasonHash: Digest,
    lifts: [String] = [], signedAt: Timestamp, validUntil: Timestamp
  ) {
    self.incidentID = incidentID
    self.kind = kind
    self.target = target
    self.severity = severity
    self.reasonHash = reasonHash
    self.lifts = lifts
    self.signedAt = signedAt
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    incidentID = try fields.identifier("incident_id")
    kind = try fields.choice("kind")
    target = try fields.value(
      "target", "all, tenant/<t>, token/<id>, certificates/<principal>/<seconds> or a principal"
    ) { json in json.string.flatMap(IncidentTarget.init(text:)) }
    severity = try fields.integer("severity", in: 1...3)
    reasonHash = try fields.digest("reason_hash")
    lifts = try fields.identifiers("lifts")
    signedAt = try fields.time("signed_at")
    validUntil = try fields.time("valid_until")
    if case .certificates = target, kind != .revoke {
      throw .field(fields.name("target"), expected: "certificates in a revocation alone")
    }
    guard (kind == .lift) == !lifts.isEmpty else {
      throw .field(fields.name("lifts"), expected: "the lifted ids, in a lift and only there")
    }
  }

  public var members: [(String, JSON)] {
    [
      ("incident_id", .string(incidentID)), ("kind", .string(kind.rawValue)),
      ("target", .string(target.text)), ("severity", .integer(severity)),
      ("reason_hash", .digest(reasonHash)), ("lifts", .texts(lifts)), ("signed_at", .time(signedAt)),
      ("valid_until", .time(validUntil)),
    ]
  }
}

/// An incident that follows from the log: every node derives it, the leader writes it down.
public struct DerivedIncident: Equatable, Sendable, JSONWritable {
  /// What was found.
  public enum Kind: String, Sendable, CaseIterable {
    /// A spend, rate, repeat, retry or depth limit tripped; the agent is quarantined (INV-021).
    case breaker
    /// A token had no receipt at its expiry plus skew; its cost is settled at the reservation.
    case unknownOutcome = "unknown_outcome"
    /// *t* parties declined their consent to an approval.
    case withheld
    /// Somebody voted more often within a minute than a person can who looks at what they vote on.
    case ballotRate = "ballot_rate"
    /// An action's result differs from its preview beyond what the action declares (INV-018). It restricts
    /// nobody.
    case previewDiffers = "preview_differs"
    /// Executors that ran the same have other results: one of them at least did not run what was approved. It restricts
    /// nobody, since it is not known which.
    case verificationDiffers = "verification_differs"
    /// A bundle that is asked beside the one in force would have decided otherwise. It restricts nobody.
    case policyDifference = "policy_difference"
    /// One of two tenants has taken back its consent to what reads its files, or to whom they are given.
    case crossingRevoked = "crossing_revoked"
    /// A file was let go of, since nobody had spoken of it for as long as the bundle keeps it. It restricts nobody.
    case retentionEnded = "retention_ended"
  }

  /// Derives from the causing index.
  public var incidentID: String
  public var kind: Kind
  /// The leaf that caused it.
  public var cause: LeafIndex
  /// The proposal, decision or artifact that it is about.
  public var about: LeafIndex
  public var tenantID: String
  public var target: IncidentTarget
  /// In words for people.
  public var message: String
  /// Of a withheld approval alone: the parties' signed words, ascending by party. They do not follow from the
  /// log, so the record brings them.
  public var declines: [PartySigned<Decline>]

  /// Most parties whose declines one record carries.
  public static let maximumDeclines = 64

  /// A derived incident.
  public init(
    incidentID: String, kind: Kind, cause: LeafIndex, about: LeafIndex, tenantID: String,
    target: IncidentTarget, message: String, declines: [PartySigned<Decline>] = []
  ) {
    self.declines = declines
    self.incidentID = incidentID
    self.kind = kind
    self.cause = cause
    self.about = about
    self.tenantID = tenantID
    self.target = target
    self.message = message
  }

  package init(from fields: inout Fields) throws(RecordError) {
    incidentID = try fields.identifier("incident_id")
    kind = try fields.choice("derived")
    cause = try fields.leafIndex("cause")
    about = try fields.leafIndex("about")
    tenantID = try fields.identifier("tenant_id")
    target = try fields.value("target", "all, tenant/<t>, token/<id> or a principal") { json in
      json.string.flatMap(IncidentTarget.init(text:))
    }
    message = try fields.text("message", limit: 1024)
    declines =
      try fields.optionalObjects("declines", limit: Self.maximumDeclines) { (inner) throws(RecordError) in
        try PartySigned<Decline>(from: &inner)
      } ?? []
    guard (kind == .withheld) == !declines.isEmpty else {
      throw .field(
        fields.name("declines"), expected: "the parties' declines, of what is withheld and only there")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("incident_id", .string(incidentID)), ("derived", .string(kind.rawValue)),
      ("cause", .index(cause)), ("about", .index(about)), ("tenant_id", .string(tenantID)),
      ("target", .string(target.text)), ("message", .string(message)),
      ("declines", declines.isEmpty ? nil : .array(declines.map(\.json))),
    ])
  }
}
