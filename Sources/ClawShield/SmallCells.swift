import Canonical
import Crypto
import Records

/// How far the log has been applied.
public struct LogCell: Equatable, Sendable, JSONWritable {
  /// Leaves applied.
  var size: UInt64
  /// The highest `at` of them.
  var time: Timestamp

  init(size: UInt64, time: Timestamp) {
    self.size = size
    self.time = time
  }

  init(from fields: inout Fields) throws(RecordError) {
    size = try fields.leafIndex("size").value
    time = try fields.time("time")
  }

  public var members: [(String, JSON)] { [("size", .index(LeafIndex(size))), ("time", .time(time))] }
}

/// What stands in the first leaf and never changes.
public struct GenesisCell: Equatable, Sendable, JSONWritable {
  /// Hash of the genesis leaf.
  var cluster: Digest
  var clusterName: String
  var parties: [Party]
  var threshold: Int
  var groupKey: PublicKey
  var semantics: Int
  /// The first bundle's hash: all parties have signed for it, so that it needs no author to come back.
  /// Remembered by ledgers that begin with semantics 3 or newer.
  var policyBundleHash: Digest?

  init(cluster: Digest, genesis: Genesis) {
    policyBundleHash = genesis.semantics >= Semantics.people ? genesis.policyBundleHash : nil
    self.cluster = cluster
    clusterName = genesis.clusterName
    parties = genesis.parties
    threshold = genesis.threshold
    groupKey = genesis.groupKey
    semantics = genesis.semantics
  }

  init(from fields: inout Fields) throws(RecordError) {
    cluster = try fields.digest("cluster")
    clusterName = try fields.identifier("cluster_name")
    parties = try fields.objects("parties", limit: 64) { (inner) throws(RecordError) in
      try Party(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...64)
    groupKey = try fields.publicKey("group_key")
    semantics = try fields.integer("semantics", in: 1...65_535)
    policyBundleHash = try fields.optionalDigest("policy_bundle_hash")
  }

  public var members: [(String, JSON)] {
    present([
      ("cluster", .digest(cluster)), ("cluster_name", .string(clusterName)),
      ("parties", .array(parties.map(\.json))), ("threshold", .integer(threshold)),
      ("group_key", .string(groupKey.hex)), ("semantics", .integer(semantics)),
      ("policy_bundle_hash", policyBundleHash.map(JSON.digest)),
    ])
  }
}

/// The semantics in force since a `version` record; absent while those of the genesis are.
public struct VersionCell: Equatable, Sendable, JSONWritable {
  var semantics: Int
  /// The leaf that put them in force: the next one is the first they apply to.
  var leaf: LeafIndex

  init(semantics: Int, leaf: LeafIndex) {
    self.semantics = semantics
    self.leaf = leaf
  }

  init(from fields: inout Fields) throws(RecordError) {
    semantics = try fields.integer("semantics", in: 1...65_535)
    leaf = try fields.leafIndex("leaf")
  }

  public var members: [(String, JSON)] { [("semantics", .integer(semantics)), ("leaf", .index(leaf))] }
}

/// The active policy bundle.
public struct BundleCell: Equatable, Sendable, JSONWritable {
  /// The leaf that activated it. Approvals at or below it are void (TOK-9; ruling 3).
  var activatedAt: LeafIndex
  var bundle: PolicyBundle

  init(activatedAt: LeafIndex, bundle: PolicyBundle) {
    self.activatedAt = activatedAt
    self.bundle = bundle
  }

  init(from fields: inout Fields) throws(RecordError) {
    activatedAt = try fields.leafIndex("activated_at")
    bundle = try PolicyBundle(try fields.required("files"))
  }

  public var members: [(String, JSON)] { [("activated_at", .index(activatedAt)), ("files", bundle.json)] }
}

/// Somebody who may act.
public struct EnrolmentCell: Equatable, Sendable, JSONWritable {
  /// The leaf that enrolled it.
  var leaf: LeafIndex
  var enrolment: Enrolment
  /// Only of an executor, whose incarnations are remembered: it comes back in a later one, or never.
  var isRevoked = false

  init(leaf: LeafIndex, enrolment: Enrolment, isRevoked: Bool = false) {
    self.leaf = leaf
    self.enrolment = enrolment
    self.isRevoked = isRevoked
  }

  init(from fields: inout Fields) throws(RecordError) {
    leaf = try fields.leafIndex("leaf")
    enrolment = try fields.nested("enrolment") { (inner) throws(RecordError) in
      try Enrolment(from: &inner)
    }
    isRevoked = try fields.optionalValue("revoked", "true") { $0.bool == true ? true : nil } ?? false
  }

  public var members: [(String, JSON)] {
    var members: [(String, JSON)] = [("leaf", .index(leaf)), ("enrolment", enrolment.json)]
    if isRevoked { members.append(("revoked", true)) }
    return members
  }
}

/// A restriction, in force or lifted; or the id of one that was lifted before the log knew it. Signed
/// ones are never forgotten: a lifted id never binds again.
public struct IncidentCell: Equatable, Sendable, JSONWritable {
  /// Who made the restriction.
  enum Origin: Equatable, Sendable {
    /// An operator, by the act with this content hash.
    case signed(Digest)
    /// A breaker, by the log; the record's leaf, nil while it is owed.
    case breaker(DerivedIncident, written: LeafIndex?)
    /// Nobody that the log knows: lifted before it came.
    case unseen
  }

  var incidentID: String
  var origin: Origin
  /// Nil where the restriction was lifted unseen.
  var target: IncidentTarget?
  /// Leaf and log time at which it began.
  var leaf: LeafIndex
  var at: Timestamp
  /// The lift that took it back.
  var liftedBy: LeafIndex?
  /// Of a refusal of certificates: the one before it, in whose place it is, and the one after it, in its own place now.
  /// Both name incidents that nobody has lifted, and each names the other.
  var replaces: String?
  var replacedBy: String?

  /// Whether it forbids something now.
  var isInForce: Bool { liftedBy == nil && replacedBy == nil && target != nil }
  /// Whether it restricts nobody, and somebody should look at it all the same.
  var isFlag: Bool {
    guard case .breaker(let incident, _) = origin else { return false }
    switch incident.kind {
    case .previewDiffers, .ballotRate, .verificationDiffers: return true
    case .breaker, .unknownOutcome, .withheld, .policyDifference, .crossingRevoked, .retentionEnded:
      return false
    }
  }
  /// Whether it may be forgotten some day: it has never restricted anybody, and its record is written.
  var isPassing: Bool {
    guard case .breaker(let incident, .some) = origin else { return false }
    switch incident.kind {
    case .ballotRate, .policyDifference, .previewDiffers, .verificationDiffers: return true
    case .breaker, .unknownOutcome, .withheld, .crossingRevoked, .retentionEnded: return false
    }
  }
  /// The derived record that is owed.
  var owed: DerivedIncident? {
    if case .breaker(let incident, written: nil) = origin { incident } else { nil }
  }

  init(
    incidentID: String, origin: Origin, target: IncidentTarget?, leaf: LeafIndex, at: Timestamp,
    liftedBy: LeafIndex? = nil
  ) {
    self.incidentID = incidentID
    self.origin = origin
    self.target = target
    self.leaf = leaf
    self.at = at
    self.liftedBy = liftedBy
  }

  init(from fields: inout Fields) throws(RecordError) {
    incidentID = try fields.identifier("incident_id")
    target = try fields.optionalValue("target", "a target") { json in
      json.string.flatMap(IncidentTarget.init(text:))
    }
    leaf = try fields.leafIndex("leaf")
    at = try fields.time("at")
    liftedBy = try fields.optionalLeaf("lifted_by")
    func incident(_ json: JSON) -> String? { json.string.flatMap { Identifier.isValid($0) ? $0 : nil } }
    replaces = try fields.optionalValue("replaces", "an incident's id", incident)
    replacedBy = try fields.optionalValue("replaced_by", "an incident's id", incident)
    let statement = try fields.optionalDigest("statement")
    let written = try fields.optionalLeaf("written")
    let breaker = try fields.optionalNested("breaker") { (inner) throws(RecordError) in
      try DerivedIncident(from: &inner)
    }
    switch (statement, breaker) {
    case (.some(let hash), .none): origin = .signed(hash)
    case (.none, .some(let incident)): origin = .breaker(incident, written: written)
    case (.none, .none): origin = .unseen
    case (.some, .some): throw .field("breaker", expected: "either a statement or a breaker")
    }
  }

  public var members: [(String, JSON)] {
    var statement: Digest?
    var breaker: DerivedIncident?
    var record: LeafIndex?
    switch origin {
    case .signed(let hash): statement = hash
    case .breaker(let incident, let written): (breaker, record) = (incident, written)
    case .unseen: break
    }
    return present([
      ("incident_id", .string(incidentID)), ("target", target.map { .string($0.text) }),
      ("leaf", .index(leaf)), ("at", .time(at)), ("lifted_by", liftedBy.map(JSON.index)),
      ("replaces", replaces.map(JSON.string)), ("replaced_by", replacedBy.map(JSON.string)),
      ("statement", statement.map(JSON.digest)), ("breaker", breaker?.json),
      ("written", record.map(JSON.index)),
    ])
  }
}

/// A governed act that took effect, remembered until it has expired and can no longer be replayed.
public struct ActCell: Equatable, Sendable, JSONWritable {
  var type: RecordType
  var actID: String
  var contentHash: Digest
  var leaf: LeafIndex
  var validUntil: Timestamp

  init(type: RecordType, actID: String, contentHash: Digest, leaf: LeafIndex, validUntil: Timestamp) {
    self.type = type
    self.actID = actID
    self.contentHash = contentHash
    self.leaf = leaf
    self.validUntil = validUntil
  }

  init(from fields: inout Fields) throws(RecordError) {
    type = try fields.choice("type")
    actID = try fields.identifier("act_id")
    contentHash = try fields.digest("content_hash")
    leaf = try fields.leafIndex("leaf")
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    [
      ("type", .string(type.rawValue)), ("act_id", .string(actID)),
      ("content_hash", .digest(contentHash)), ("leaf", .index(leaf)), ("valid_until", .time(validUntil)),
    ]
  }
}

/// What a tenant has spent and set aside on one day.
public struct SpendCell: Equatable, Sendable, JSONWritable {
  var tenantID: String
  /// Days since the epoch, in UTC.
  var day: Int64
  var amount: MicroUSD

  init(tenantID: String, day: Int64, amount: MicroUSD) {
    self.tenantID = tenantID
    self.day = day
    self.amount = amount
  }

  init(from fields: inout Fields) throws(RecordError) {
    tenantID = try fields.identifier("tenant_id")
    day = Int64(try fields.integer("day", in: 0...200_000))
    amount = try fields.micros("micros")
  }

  public var members: [(String, JSON)] {
    [
      ("tenant_id", .string(tenantID)), ("day", .integer(Int(day))),
      ("micros", .string(String(amount.micros))),
    ]
  }
}

/// Which of 1024 leaves parse as approving decisions, void or not. Never forgotten: a note's consent
/// covers a range, and whatever parses as an approval in it must be known.
public struct ApprovalBits: Equatable, Sendable, JSONWritable {
  static let length: UInt64 = 1024

  let chunk: UInt64
  /// 128 bytes, most significant bit first.
  private var bits: [UInt8]

  init(chunk: UInt64) {
    self.chunk = chunk
    bits = [UInt8](repeating: 0, count: Int(Self.length / 8))
  }

  mutating func insert(_ leaf: UInt64) {
    let offset = Int(leaf % Self.length)
    bits[offset / 8] |= 0x80 >> UInt8(offset % 8)
  }

  func contains(_ leaf: UInt64) -> Bool {
    let offset = Int(leaf % Self.length)
    return bits[offset / 8] & (0x80 >> UInt8(offset % 8)) != 0
  }

  init(from fields: inout Fields) throws(RecordError) {
    chunk = try fields.leafIndex("chunk").value
    bits = try fields.value("bits", "128 bytes in hexadecimal") { json in
      json.string.flatMap(Hex.decode).flatMap { $0.count == Int(Self.length / 8) ? $0 : nil }
    }
  }

  public var members: [(String, JSON)] {
    [("chunk", .index(LeafIndex(chunk))), ("bits", .string(Hex.encode(bits)))]
  }
}
