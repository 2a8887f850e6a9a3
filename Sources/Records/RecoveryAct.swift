import Canonical
import Crypto

/// What operators state where the parties' signatures do not decide: which history stands, and, where too few shares
/// of the key are left, under which key it goes on. Signatures of as many distinct people as the threshold names parties.
public struct RecoveryAct: StatementContent {
  public static let type = RecordType.recovery

  public var actID: String
  /// How many leaves stand.
  public var size: UInt64
  /// The root of their tree.
  public var root: Digest
  /// The root of the governance state after them.
  public var stateRoot: Digest
  /// The key that signs every larger size; nil where the key in force goes on. Its `cause` is `size`: the leaf at which
  /// the record stands.
  public var key: KeyContent?
  /// Log time of the record, where there is a key: every node appends the same bytes.
  public var continuedAt: Timestamp?
  /// Of the new parties' approvals, where there is a key: whoever of them approves twice makes no second leaf.
  public var approvalsHash: Digest?
  public var validUntil: Timestamp

  /// A statement of what stands.
  public init(
    actID: String, size: UInt64, root: Digest, stateRoot: Digest, key: KeyContent? = nil,
    continuedAt: Timestamp? = nil, approvals: [KeyApproval] = [], validUntil: Timestamp
  ) {
    self.actID = actID
    self.size = size
    self.root = root
    self.stateRoot = stateRoot
    self.key = key
    self.continuedAt = continuedAt
    approvalsHash = key == nil ? nil : Self.hash(of: approvals)
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    actID = try fields.identifier("act_id")
    size = try fields.leafIndex("size").value
    root = try fields.digest("root")
    stateRoot = try fields.digest("state_root")
    key = try fields.optionalNested("key") { (inner) throws(RecordError) in try KeyContent(from: &inner) }
    continuedAt = try fields.optionalValue("continued_at", "a time") { json in
      json.string.flatMap { Timestamp(text: $0) }
    }
    approvalsHash = try fields.optionalValue("approvals_hash", "a hash") { json in
      json.string.flatMap(Digest.init(hex:))
    }
    validUntil = try fields.time("valid_until")
    guard size > 0 else { throw .field(fields.name("size"), expected: "at least the genesis") }
    guard (key == nil) == (continuedAt == nil), (key == nil) == (approvalsHash == nil) else {
      throw .field(
        fields.name("continued_at"),
        expected: "a time and a hash of approvals beside a key, and none without the others")
    }
    if let key, key.cause.value != size || key.origin != .generation {
      throw .field(fields.name("key"), expected: "a key that was generated, with the cause \(size)")
    }
  }

  public var members: [(String, JSON)] {
    var members: [(String, JSON)] = [
      ("act_id", .string(actID)), ("size", .index(LeafIndex(size))), ("root", .digest(root)),
      ("state_root", .digest(stateRoot)), ("valid_until", .time(validUntil)),
    ]
    if let key { members.append(("key", key.json)) }
    if let continuedAt { members.append(("continued_at", .time(continuedAt))) }
    if let approvalsHash { members.append(("approvals_hash", .digest(approvalsHash))) }
    return members
  }
}

extension RecoveryAct {
  /// Of approvals, ascending by party.
  public static func hash(of approvals: [KeyApproval]) -> Digest {
    JSON.array(approvals.sorted { $0.party < $1.party }.map(\.json)).contentHash
  }

  /// Whether a record of this time may hold it: the time that was signed, and within its validity.
  public func isInForce(at time: Timestamp) -> Bool {
    continuedAt == time && Statement.isInForce(until: validUntil, at: time)
  }
}

/// A statement of what stands, with the approvals of those who share its key; none where it has none.
public struct RecoveryRecord: Equatable, Sendable {
  /// Where it brings a key, the signatures ascend by key: the leaf has the same bytes in whatever order people signed.
  public let act: Signed<RecoveryAct>
  /// One of every party of the key, ascending.
  public let approvals: [KeyApproval]

  /// A record.
  public init(act: Signed<RecoveryAct>, approvals: [KeyApproval] = []) {
    let signatures = act.signatures.sorted { $0.key.hex < $1.key.hex }
    self.act = act.content.key == nil ? act : Signed(content: act.content, signatures: signatures)
    self.approvals = approvals.sorted { $0.party < $1.party }
  }

  package init(from fields: inout Fields) throws(RecordError) {
    act = try Signed(from: &fields)
    approvals = try fields.objects("approvals", limit: MembersAct.maximumParties) {
      (inner) throws(RecordError) in try KeyApproval(from: &inner)
    }
    guard approvals.map(\.party) == act.content.key?.parties.map(\.id) ?? [] else {
      throw .field(fields.name("approvals"), expected: "one of every party of the key, ascending by party")
    }
    guard act.content.approvalsHash.map({ $0 == RecoveryAct.hash(of: approvals) }) ?? true else {
      throw .field(fields.name("approvals"), expected: "those whose hash the operators signed")
    }
    let signers = act.signatures.map(\.key.hex)
    guard act.content.key == nil || signers == signers.sorted() else {
      throw .field(fields.name("signatures"), expected: "signatures that ascend by key")
    }
  }

  var members: [(String, JSON)] { act.members + [("approvals", .array(approvals.map(\.json)))] }

  /// The key under which the ledger goes on, with its approvals; nil where the key in force does.
  public var key: KeyRecord? { act.content.key.map { KeyRecord(content: $0, approvals: approvals) } }
}
