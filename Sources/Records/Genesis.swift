import Canonical
import Crypto

/// One of the parties that run a governance node.
public struct Party: Hashable, Sendable, JSONWritable {
  /// Raft node id and FROST identifier: 1 to 65535.
  public var id: Int
  /// The node's name: its principal is `node/<name>`.
  public var name: String
  /// The key with which the party signs transcripts, declines and restrictions' acknowledgements.
  public var key: PublicKey
  /// Its share of the group key, in public: compressed point, hexadecimal.
  public var verifyingShare: String

  /// A party.
  public init(id: Int, name: String, key: PublicKey, verifyingShare: String) {
    self.id = id
    self.name = name
    self.key = key
    self.verifyingShare = verifyingShare
  }

  package init(from fields: inout Fields) throws(RecordError) {
    id = try fields.integer("id", in: 1...65_535)
    name = try fields.identifier("name")
    key = try fields.publicKey("key")
    verifyingShare = try fields.text("verifying_share", limit: 128)
  }

  public var members: [(String, JSON)] {
    [
      ("id", .integer(id)), ("name", .string(name)), ("key", .string(key.hex)),
      ("verifying_share", .string(verifyingShare)),
    ]
  }
}

/// The first leaf: who the parties are, which key they share, who may act and by which policy. Its
/// hash is the cluster id; every party's signature over it is in the attachment.
public struct Genesis: Equatable, Sendable, JSONWritable {
  /// A name for people.
  public var clusterName: String
  /// Ascending by id.
  public var parties: [Party]
  /// How many shares make a signature.
  public var threshold: Int
  /// Hash of the key generation's transcript.
  public var transcriptHash: Digest
  /// The key that signs every checkpoint.
  public var groupKey: PublicKey
  public var constitutionVersion: String
  public var policyBundleHash: Digest
  /// Salted hash of the bundle's files, which travel as the attachment.
  public var bundleHash: Digest
  /// Ascending by principal.
  public var enrolments: [Enrolment]
  public var createdAt: Timestamp
  /// The semantics by which the ledger begins (`Semantics`).
  public var semantics: Int

  /// A genesis.
  public init(
    clusterName: String, parties: [Party], threshold: Int, transcriptHash: Digest, groupKey: PublicKey,
    constitutionVersion: String, policyBundleHash: Digest, bundleHash: Digest,
    enrolments: [Enrolment], createdAt: Timestamp, semantics: Int = Semantics.newest
  ) {
    self.clusterName = clusterName
    self.parties = parties
    self.threshold = threshold
    self.transcriptHash = transcriptHash
    self.groupKey = groupKey
    self.constitutionVersion = constitutionVersion
    self.policyBundleHash = policyBundleHash
    self.bundleHash = bundleHash
    self.enrolments = enrolments
    self.createdAt = createdAt
    self.semantics = semantics
  }

  /// How many parties may lie without a fork: 2t − n − 1. Below 1 the cluster is crash-only.
  public var faultsTolerated: Int { 2 * threshold - parties.count - 1 }
  /// Whether one lying party could fork the ledger.
  public var isCrashOnly: Bool { faultsTolerated < 1 }

  package init(from fields: inout Fields) throws(RecordError) {
    clusterName = try fields.identifier("cluster_name")
    parties = try fields.objects("parties", limit: 64) { (inner) throws(RecordError) in
      try Party(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...64)
    transcriptHash = try fields.digest("transcript_hash")
    groupKey = try fields.publicKey("group_key")
    constitutionVersion = try fields.identifier("constitution_version")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    bundleHash = try fields.digest("bundle_hash")
    enrolments = try fields.objects("enrolments", limit: 256) { (inner) throws(RecordError) in
      try Enrolment(from: &inner)
    }
    createdAt = try fields.time("created_at")
    semantics = try fields.integer("semantics", in: 1...65_535)
    guard zip(parties, parties.dropFirst()).allSatisfy({ $0.id < $1.id }) else {
      throw .field(fields.name("parties"), expected: "parties ascending by id, none twice")
    }
    guard threshold > parties.count / 2, threshold <= parties.count else {
      throw .field(
        fields.name("threshold"), expected: "a majority of \(parties.count), at most all of them")
    }
    guard zip(enrolments, enrolments.dropFirst()).allSatisfy({ $0.principal < $1.principal }) else {
      throw .field(fields.name("enrolments"), expected: "enrolments ascending by principal, none twice")
    }
  }

  public var members: [(String, JSON)] {
    [
      ("cluster_name", .string(clusterName)), ("parties", .array(parties.map(\.json))),
      ("threshold", .integer(threshold)), ("transcript_hash", .digest(transcriptHash)),
      ("group_key", .string(groupKey.hex)), ("constitution_version", .string(constitutionVersion)),
      ("policy_bundle_hash", .digest(policyBundleHash)), ("bundle_hash", .digest(bundleHash)),
      ("enrolments", .array(enrolments.map(\.json))), ("created_at", .time(createdAt)),
      ("semantics", .integer(semantics)),
    ]
  }
}

/// What a party signs over the genesis. There is no cluster yet whose id a statement could carry: the
/// leaf's hash is that id, so the text names nothing else.
///
/// ```
/// openexec/v1/genesis
/// <leaf hash, 64 hexadecimal characters>
/// ```
/// without a newline at the end. The attachment's value `signatures` is an array of
/// `{"party": <id>, "signature": <base64>}`, ascending by party, one of every party.
public enum GenesisSignature {
  /// The bytes that a party's key signs.
  public static func bytes(leafHash: Digest) -> [UInt8] {
    Array("openexec/v1/genesis\n\(leafHash.hex)".utf8)
  }

  /// The attachment's value for `signatures`, in any order.
  public static func json(_ signatures: [(party: Int, signature: Signature)]) -> JSON {
    .array(
      signatures.sorted { $0.party < $1.party }.map {
        .object([("party", .integer($0.party)), ("signature", .string($0.signature.base64))])
      })
  }

  /// Reads the attachment's value and checks it: every party of `genesis`, once, with its key.
  public static func check(_ value: JSON, of genesis: Genesis, leafHash: Digest) throws(RecordError) {
    var fields = try Fields(.object([("signatures", value)]), at: "attachment")
    let lines = try fields.objects("signatures", limit: 64) {
      (inner) throws(RecordError) -> (party: Int, signature: Signature) in
      (
        try inner.integer("party", in: 1...65_535),
        try inner.value("signature", "an Ed25519 signature in base64") { json in
          json.string.flatMap(Signature.init(base64:))
        }
      )
    }
    guard lines.map(\.party) == genesis.parties.map(\.id) else {
      throw .field("attachment.signatures", expected: "one of every party, ascending by party")
    }
    let bytes = GenesisSignature.bytes(leafHash: leafHash)
    for (line, party) in zip(lines, genesis.parties)
    where !party.key.verifies(line.signature, over: bytes) {
      throw .field("attachment.signatures", expected: "a signature by party \(party.id)'s key")
    }
  }
}
