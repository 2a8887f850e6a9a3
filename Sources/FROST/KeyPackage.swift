import Crypto

/// One party's share of a group key: what it signs with.
///
/// Not copyable, and the secret stays in guarded memory. The group key is the one the share was made
/// for: no signing function takes a public key from its caller.
public struct KeyPackage<Suite: CipherSuite>: ~Copyable, Sendable {
  /// Whose share this is.
  public let identifier: Identifier
  /// The share times the generator, by which others check this party's signature shares.
  public let verifyingShare: Suite.Element
  /// The public key that signatures verify under.
  public let groupKey: Suite.Element
  /// Signers needed.
  public let threshold: Int
  let secret: SecretScalars<Suite>

  /// Throws unless the secret is the verifying share's discrete logarithm and nothing is the identity.
  init(
    identifier: Identifier, secret: consuming SecretScalars<Suite>, verifyingShare: Suite.Element,
    groupKey: Suite.Element, threshold: Int
  ) throws(FROSTError) {
    guard !verifyingShare.isIdentity, !groupKey.isIdentity else { throw .identityElement }
    let derived = Suite.Element.generatorMultiple(secret[0])
    wipeStack()
    guard derived == verifyingShare else { throw .shareMismatch }
    self.identifier = identifier
    self.secret = secret
    self.verifyingShare = verifyingShare
    self.groupKey = groupKey
    self.threshold = threshold
  }

  /// A share made elsewhere, such as by a trusted dealer (RFC 9591 appendix C) or a test vector.
  /// The verifying share is derived.
  public init(
    identifier: Identifier, secret: Suite.Scalar, groupKey: Suite.Element, threshold: Int
  ) throws(FROSTError) {
    try self.init(
      identifier: identifier, secret: SecretScalars(secret),
      verifyingShare: .generatorMultiple(secret), groupKey: groupKey, threshold: threshold)
  }

  /// The package as bytes, the secret among them: to be sealed by the caller, never stored as is.
  public borrowing func serialized() -> SecretMemory {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    bytes.appendHeader(Suite.self)
    bytes.append(uint16: threshold)
    bytes.append(identifier)
    bytes.append(contentsOf: groupKey.serialised)
    bytes.append(contentsOf: verifyingShare.serialised)
    var encoding = secret[0].encoding
    bytes.append(contentsOf: encoding)
    wipe(&encoding)
    return SecretMemory(consuming: &bytes)
  }

  /// Reads what `serialized()` wrote; the secret is checked against its verifying share.
  public init(serialized memory: borrowing SecretMemory) throws(FROSTError) {
    var bytes = memory.withUnsafeBytes { Array($0) }
    defer { wipe(&bytes) }
    var reader = ByteReader(bytes, expecting: "a sealed share of \(Suite.name)")
    try reader.header(Suite.self)
    let threshold = try reader.uint16()
    let identifier = try reader.identifier()
    let groupKey = try reader.element(Suite.self)
    let verifyingShare = try reader.element(Suite.self)
    let secret = SecretScalars<Suite>(try reader.scalar(Suite.self))
    try reader.end()
    guard threshold >= 1 else { throw reader.failure }
    try self.init(
      identifier: identifier, secret: secret, verifyingShare: verifyingShare, groupKey: groupKey,
      threshold: threshold)
  }

  /// A second holder of the same share.
  public borrowing func clone() -> KeyPackage {
    KeyPackage(copyOf: self)
  }

  private init(copyOf other: borrowing KeyPackage) {
    identifier = other.identifier
    secret = other.secret.clone()
    verifyingShare = other.verifyingShare
    groupKey = other.groupKey
    threshold = other.threshold
  }
}
