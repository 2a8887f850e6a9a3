import Canonical
import Crypto

/// A party's own word about one approval: it gives no share to what consents to it. It binds that party
/// alone; as many of them as sign a note make a `withheld` record.
public struct Decline: PartyContent {
  public static let domain = "decline-of-decision"
  /// Longest reason in bytes. It stands in the ledger for good, so it says nothing of anybody's data.
  public static let maximumReason = 256

  /// The party's number.
  public var party: Int
  /// The approving decision's leaf.
  public var decision: LeafIndex
  public var decisionID: String
  /// In words for people.
  public var reason: String
  /// The party's clock.
  public var declinedAt: Timestamp

  /// A decline.
  public init(party: Int, decision: LeafIndex, decisionID: String, reason: String, declinedAt: Timestamp) {
    self.party = party
    self.decision = decision
    self.decisionID = decisionID
    self.reason = reason
    self.declinedAt = declinedAt
  }

  public init(from fields: inout Fields) throws(RecordError) {
    party = try fields.integer("party", in: 1...65_535)
    decision = try fields.leafIndex("decision")
    decisionID = try fields.identifier("decision_id")
    reason = try fields.text("reason", limit: Self.maximumReason)
    declinedAt = try fields.time("declined_at")
  }

  public var members: [(String, JSON)] {
    [
      ("party", .integer(party)), ("decision", .index(decision)), ("decision_id", .string(decisionID)),
      ("reason", .string(reason)), ("declined_at", .time(declinedAt)),
    ]
  }
}

/// What the people of a party tell their own node: not to consent to what is decided about a proposal. By the
/// party's key, so that nobody vetoes with another's share. It never enters the ledger; the declines that
/// follow may.
public struct VetoOrder: PartyContent {
  public static let domain = "veto"

  public var party: Int
  /// The proposal's leaf, and its hash.
  public var proposal: LeafIndex
  public var proposalHash: Digest
  /// As in ``Decline/reason``.
  public var reason: String
  public var signedAt: Timestamp
  /// Until when the node takes it up. What it has taken up stands.
  public var validUntil: Timestamp

  /// An order.
  public init(
    party: Int, proposal: LeafIndex, proposalHash: Digest, reason: String, signedAt: Timestamp,
    validUntil: Timestamp
  ) {
    self.party = party
    self.proposal = proposal
    self.proposalHash = proposalHash
    self.reason = reason
    self.signedAt = signedAt
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    party = try fields.integer("party", in: 1...65_535)
    proposal = try fields.leafIndex("proposal")
    proposalHash = try fields.digest("proposal_hash")
    reason = try fields.text("reason", limit: Decline.maximumReason)
    signedAt = try fields.time("signed_at")
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    [
      ("party", .integer(party)), ("proposal", .index(proposal)), ("proposal_hash", .digest(proposalHash)),
      ("reason", .string(reason)), ("signed_at", .time(signedAt)), ("valid_until", .time(validUntil)),
    ]
  }
}
