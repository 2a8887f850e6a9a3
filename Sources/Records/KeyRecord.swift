import Canonical
import Crypto

/// How a key came about.
public enum KeyOrigin: String, Sendable, CaseIterable {
  /// Generated anew by the new parties.
  case generation
  /// The same key, shared anew: nobody left.
  case reshare
}

/// What every new party signs of a key.
public struct KeyContent: Hashable, Sendable, JSONWritable {
  /// The leaf of the members act.
  public var cause: LeafIndex
  public var origin: KeyOrigin
  public var groupKey: PublicKey
  /// Ascending by id, each with its public share.
  public var parties: [Party]
  public var threshold: Int
  /// Hash of everything that was broadcast in the session.
  public var transcriptHash: Digest

  /// A key.
  public init(
    cause: LeafIndex, origin: KeyOrigin, groupKey: PublicKey, parties: [Party], threshold: Int,
    transcriptHash: Digest
  ) {
    self.cause = cause
    self.origin = origin
    self.groupKey = groupKey
    self.parties = parties
    self.threshold = threshold
    self.transcriptHash = transcriptHash
  }

  /// Reads a content that travels by itself, from party to party.
  public init(_ value: JSON) throws(RecordError) {
    var fields = try Fields(value)
    try self.init(from: &fields)
    try fields.finish()
  }

  package init(from fields: inout Fields) throws(RecordError) {
    cause = try fields.leafIndex("cause")
    origin = try fields.choice("origin")
    groupKey = try fields.publicKey("group_key")
    parties = try fields.objects("parties", limit: MembersAct.maximumParties) {
      (inner) throws(RecordError) in try Party(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...MembersAct.maximumParties)
    transcriptHash = try fields.digest("transcript_hash")
    guard zip(parties, parties.dropFirst()).allSatisfy({ $0.id < $1.id }) else {
      throw .field(fields.name("parties"), expected: "parties ascending by id, none twice")
    }
    guard threshold > parties.count / 2, threshold <= parties.count else {
      throw .field(
        fields.name("threshold"), expected: "a majority of \(parties.count), at most all of them")
    }
  }

  public var members: [(String, JSON)] {
    [
      ("cause", .index(cause)), ("origin", .string(origin.rawValue)), ("group_key", .string(groupKey.hex)),
      ("parties", .array(parties.map(\.json))), ("threshold", .integer(threshold)),
      ("transcript_hash", .digest(transcriptHash)),
    ]
  }

  /// What a party's key signs:
  ///
  /// ```
  /// openexec/v1/key
  /// <cluster id, 64 hexadecimal characters>
  /// <canonical JSON of the content>
  /// ```
  /// without a newline at the end. It is what the share's proof is made for as well.
  public func signedBytes(cluster: Digest) -> [UInt8] {
    Statement.bytes(.key, cluster: cluster, content: json)
  }
}

/// One new party's word that its share is sealed on its own disk and works.
public struct KeyApproval: Hashable, Sendable, JSONWritable {
  public var party: Int
  /// By the party's own key, over `KeyContent.signedBytes`.
  public var signature: Signature
  /// A Schnorr signature under its public share: it holds the secret one. Hexadecimal.
  public var shareProof: String

  /// An approval.
  public init(party: Int, signature: Signature, shareProof: String) {
    self.party = party
    self.signature = signature
    self.shareProof = shareProof
  }

  /// Reads an approval that travels by itself.
  public init(_ value: JSON) throws(RecordError) {
    var fields = try Fields(value)
    try self.init(from: &fields)
    try fields.finish()
  }

  package init(from fields: inout Fields) throws(RecordError) {
    party = try fields.integer("party", in: 1...65_535)
    signature = try fields.value("signature", "an Ed25519 signature in base64") { json in
      json.string.flatMap(Signature.init(base64:))
    }
    shareProof = try fields.value("share_proof", "at most 128 bytes in hexadecimal") { json in
      json.string.flatMap { text in Hex.decode(text).flatMap { (1...128).contains($0.count) ? text : nil } }
    }
  }

  public var members: [(String, JSON)] {
    [
      ("party", .integer(party)), ("signature", .string(signature.base64)),
      ("share_proof", .string(shareProof)),
    ]
  }
}

/// A key for the parties that a members act names, approved by each of them. The size that ends in this record is
/// the last that the key before it signs; only this key signs above.
public struct KeyRecord: Equatable, Sendable {
  public let content: KeyContent
  /// One of every party, ascending.
  public let approvals: [KeyApproval]

  /// A record.
  public init(content: KeyContent, approvals: [KeyApproval]) {
    self.content = content
    self.approvals = approvals.sorted { $0.party < $1.party }
  }

  package init(from fields: inout Fields) throws(RecordError) {
    content = try fields.nested("content") { (inner) throws(RecordError) in
      try KeyContent(from: &inner)
    }
    approvals = try fields.objects("approvals", limit: MembersAct.maximumParties) {
      (inner) throws(RecordError) in try KeyApproval(from: &inner)
    }
    guard approvals.map(\.party) == content.parties.map(\.id) else {
      throw .field(fields.name("approvals"), expected: "one of every party, ascending by party")
    }
  }

  var members: [(String, JSON)] {
    [("content", content.json), ("approvals", .array(approvals.map(\.json)))]
  }

  /// The first party whose signature does not verify; nil where all do.
  public func unsigned(cluster: Digest) -> Party? {
    let bytes = content.signedBytes(cluster: cluster)
    for (party, approval) in zip(content.parties, approvals)
    where !party.key.verifies(approval.signature, over: bytes) {
      return party
    }
    return nil
  }
}
