import Canonical
import Crypto

/// What an originator signs.
public protocol StatementContent: JSONWritable, Equatable, Sendable {
  /// The record type, which is part of the domain line.
  static var type: RecordType { get }
  /// Reads the content; unknown fields are refused by the caller.
  init(from fields: inout Fields) throws(RecordError)
  /// The statement has no effect at or after this time.
  var validUntil: Timestamp { get }
  /// The namespace of OpenSSH signatures over such statements; nil where none counts.
  static var sshNamespace: String? { get }
}

extension StatementContent {
  public static var sshNamespace: String? { nil }
}

/// How a statement's bytes were signed. A key may be enrolled that people have already: what an OpenSSH
/// key signs begins with `SSHSIG`, what our own keys sign with `openexec/`, so that neither is ever the other.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
  /// Ed25519 over `Statement.bytes`.
  case ed25519
  /// Ed25519 over what `ssh-keygen -Y sign` makes of `Statement.bytes` (OpenSSH `PROTOCOL.sshsig`), with
  /// nothing in its reserved field; by the hash that it takes of them.
  case sshSHA512 = "sshsig-ed25519-sha512"
  case sshSHA256 = "sshsig-ed25519-sha256"

  fileprivate var sshHash: SSHSignature.HashAlgorithm? {
    switch self {
    case .ed25519: nil
    case .sshSHA512: .sha512
    case .sshSHA256: .sha256
    }
  }
}

/// A signature block (TOK-4): who signed, with which key, by which algorithm.
public struct StatementSignature: Hashable, Sendable, JSONWritable {
  /// Who signed.
  public let by: Principal
  /// The key, in full; only enrolled keys count.
  public let key: PublicKey
  /// By `algorithm`, over `Statement.bytes`.
  public let signature: Signature
  public let algorithm: SignatureAlgorithm

  /// A signature block.
  public init(by: Principal, key: PublicKey, signature: Signature, algorithm: SignatureAlgorithm = .ed25519) {
    self.by = by
    self.key = key
    self.signature = signature
    self.algorithm = algorithm
  }

  /// What `ssh-keygen` signed; nil where it is for something else than such a statement, or has more in it
  /// than a record keeps.
  public init?(by: Principal, _ signed: SSHSignature, namespace: String) {
    guard signed.namespace == namespace, signed.isPlain else { return nil }
    let algorithm: SignatureAlgorithm =
      switch signed.hashAlgorithm {
      case .sha512: .sshSHA512
      case .sha256: .sshSHA256
      }
    self.init(by: by, key: signed.publicKey, signature: signed.signature, algorithm: algorithm)
  }

  /// The signature as `ssh-keygen -Y verify` reads it; nil where it is none of OpenSSH's.
  public func ssh(namespace: String) -> SSHSignature? {
    algorithm.sshHash.map {
      SSHSignature(publicKey: key, namespace: namespace, hashAlgorithm: $0, signature: signature)
    }
  }

  /// Whether this is the key's signature over `bytes`; one of OpenSSH's in `namespace` alone.
  func verifies(_ bytes: [UInt8], namespace: String?) -> Bool {
    guard algorithm.sshHash != nil else { return key.verifies(signature, over: bytes) }
    guard let namespace, let signed = ssh(namespace: namespace) else { return false }
    do {
      try signed.verify(bytes, namespace: namespace, key: key)
      return true
    } catch {
      return false
    }
  }

  package init(from fields: inout Fields) throws(RecordError) {
    by = try fields.principal("by")
    key = try fields.publicKey("public_key_id")
    signature = try fields.value("signature", "an Ed25519 signature in base64") { json in
      json.string.flatMap(Signature.init(base64:))
    }
    algorithm = try fields.choice("signature_algorithm")
  }

  public var members: [(String, JSON)] {
    [
      ("by", .string(by.path)), ("public_key_id", .string(key.hex)),
      ("signature", .string(signature.base64)),
      ("signature_algorithm", .string(algorithm.rawValue)),
    ]
  }
}

/// The bytes that are signed: a domain line, the cluster and the canonical content, each on a line of
/// its own, so that no statement can be taken for another, nor for one of another cluster.
///
/// ```
/// openexec/v1/<type>
/// <cluster id, 64 hexadecimal characters>
/// <canonical JSON>
/// ```
/// without a newline at the end.
public enum Statement {
  /// The longest that an act may be valid, which bounds what must be remembered of it: a day.
  public static let maximumValidity = Interval.seconds(86_400)

  /// Whether what is valid until then counts at `time`.
  public static func isInForce(until end: Timestamp, at time: Timestamp) -> Bool {
    end > time && end <= time.advanced(by: maximumValidity)
  }

  /// The bytes that are signed for `content`.
  public static func bytes(_ type: RecordType, cluster: Digest, content: JSON) -> [UInt8] {
    Array("openexec/v1/\(type.rawValue)\n\(cluster.hex)\n".utf8) + content.canonicalBytes()
  }
}

/// A statement and the signatures under it.
public struct Signed<Content: StatementContent>: Equatable, Sendable {
  /// What is stated.
  public let content: Content
  /// At least one; at most `maximumSignatures`, no key twice.
  public let signatures: [StatementSignature]

  /// Most signatures that one statement carries.
  public static var maximumSignatures: Int { 16 }

  /// A statement with its signatures. They are not checked yet.
  public init(content: Content, signatures: [StatementSignature]) {
    self.content = content
    self.signatures = signatures
  }

  /// Signs `content` for `cluster` as `principal`.
  public static func sign(
    _ content: Content, cluster: Digest, as principal: Principal, with key: borrowing SigningKey
  ) -> Signed {
    let bytes = Statement.bytes(Content.type, cluster: cluster, content: content.json)
    return Signed(
      content: content,
      signatures: [
        StatementSignature(by: principal, key: key.publicKey, signature: key.sign(bytes))
      ])
  }

  /// Adds a signature; the content stays what the others signed.
  public func cosigned(cluster: Digest, as principal: Principal, with key: borrowing SigningKey) -> Signed {
    let bytes = Statement.bytes(Content.type, cluster: cluster, content: content.json)
    let line = StatementSignature(by: principal, key: key.publicKey, signature: key.sign(bytes))
    return Signed(content: content, signatures: signatures + [line])
  }

  package init(from fields: inout Fields) throws(RecordError) {
    content = try fields.nested("content") { (inner) throws(RecordError) in
      try Content(from: &inner)
    }
    signatures = try fields.objects("signatures", limit: Self.maximumSignatures) {
      (inner) throws(RecordError) in try StatementSignature(from: &inner)
    }
    guard !signatures.isEmpty else {
      throw .field(fields.name("signatures"), expected: "at least one signature")
    }
    for (position, line) in signatures.enumerated()
    where signatures[..<position].contains(where: { $0.key == line.key }) {
      throw .field(fields.name("signatures"), expected: "no key twice")
    }
    guard Content.sshNamespace != nil || signatures.allSatisfy({ $0.algorithm == .ed25519 }) else {
      throw .field(fields.name("signatures"), expected: "signature_algorithm ed25519")
    }
  }

  var members: [(String, JSON)] {
    [("content", content.json), ("signatures", .array(signatures.map(\.json)))]
  }

  /// Those of the signatures that verify; whether their keys are enrolled is the caller's to say.
  public func verifiedSignatures(cluster: Digest) -> [StatementSignature] {
    let bytes = Statement.bytes(Content.type, cluster: cluster, content: content.json)
    return signatures.filter { $0.verifies(bytes, namespace: Content.sshNamespace) }
  }

  /// The hash that names this statement: of its content, without signatures.
  public var contentHash: Digest { content.json.contentHash }
}
