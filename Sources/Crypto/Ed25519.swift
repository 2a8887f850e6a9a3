import CSodium

/// An Ed25519 public key (RFC 8032) that lies in the prime-order subgroup.
///
/// The subgroup check is made once, here, when a key is parsed; together with a cofactorless
/// verification it gives every node the same verdict on every signature.
public struct PublicKey: Hashable, Comparable, Sendable {
  /// The encoded point.
  public let value: Bytes32

  /// Nil unless `bytes` are 32 bytes that encode a point of the prime-order subgroup, canonically,
  /// and not the identity.
  public init?(_ bytes: some Collection<UInt8>) {
    guard Sodium.ready, let value = Bytes32(bytes) else { return nil }
    #if SIMULATION
    if TinyGroup.isKey(value) {
      self.value = value
      return
    }
    #endif
    guard ValidPoints.accepts(value) else { return nil }
    self.value = value
  }

  /// An encoding that an `Element` has checked already.
  init(inSubgroup value: Bytes32) { self.value = value }

  /// Reads 64 lower-case hexadecimal characters; nil where `init(_:)` is.
  public init?(hex: String) {
    guard let bytes = Hex.decode(hex) else { return nil }
    self.init(bytes)
  }

  /// The 32 bytes of the encoding.
  public var bytes: [UInt8] { value.bytes }

  /// 64 lower-case hexadecimal characters.
  public var hex: String { Hex.encode(bytes) }

  /// Whether `signature` is this key's over `message`. S ≥ L, small-order and non-canonical R are
  /// refused.
  public func verifies(_ signature: Signature, over message: [UInt8]) -> Bool {
    #if SIMULATION
    if TinyGroup.isKey(value) { return TinyGroup.verifies?(value.bytes, signature.bytes, message) ?? false }
    let question = Question(
      key: value, signature: RememberedBytes(signature.bytes), message: RememberedBytes(message))
    return verdicts(question) {
      computes(signature, over: message)
    }
    #else
    return computes(signature, over: message)
    #endif
  }

  private func computes(_ signature: Signature, over message: [UInt8]) -> Bool {
    value.withUnsafeBytes { key in
      crypto_sign_verify_detached(
        signature.bytes, message, UInt64(message.count),
        key.octets) == 0
    }
  }

  public static func < (left: PublicKey, right: PublicKey) -> Bool { left.value < right.value }
}

/// An Ed25519 signature, 64 bytes: R ‖ S.
public struct Signature: Hashable, Sendable {
  /// R ‖ S.
  public let bytes: [UInt8]

  /// Nil unless `bytes` has 64 bytes. Whether it verifies is the key's to say.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 64 else { return nil }
    self.bytes = Array(bytes)
  }

  /// Standard base64 of the 64 bytes.
  public var base64: String { Base64.encode(bytes) }

  /// Reads `base64`; nil for anything else.
  public init?(base64: String) {
    guard let bytes = Base64.decode(base64) else { return nil }
    self.init(bytes)
  }
}

/// An Ed25519 signing key in secret memory.
public struct SigningKey: ~Copyable, Sendable {
  private let secret: SecretMemory
  /// The public half.
  public let publicKey: PublicKey

  /// Derives the pair from a 32-byte seed and wipes the seed's array. Nil for another length.
  public init?(seed: inout [UInt8]) {
    guard Sodium.ready, seed.count == 32 else { return nil }
    var secret = SecretMemory(zeroes: 64)
    var bytes = [UInt8](repeating: 0, count: 32)
    let code = secret.withUnsafeMutableBytes { target in
      crypto_sign_seed_keypair(&bytes, target.octets, seed)
    }
    sodium_memzero(&seed, seed.count)
    seed.removeAll()
    guard code == 0, let key = PublicKey(bytes) else { return nil }
    self.secret = secret
    self.publicKey = key
  }

  /// A fresh key from `random`.
  public static func generate(using random: inout some RandomNumberGenerator) -> SigningKey {
    while true {
      var seed = random.bytes(32)
      if let key = SigningKey(seed: &seed) { return key }
    }
  }

  /// The signature over `message`. The public key is this pair's own and cannot be chosen by a caller.
  public borrowing func sign(_ message: [UInt8]) -> Signature {
    var out = [UInt8](repeating: 0, count: 64)
    secret.withUnsafeBytes { key in
      _ = crypto_sign_detached(
        &out, nil, message, UInt64(message.count),
        key.octets)
    }
    guard let signature = Signature(out) else { preconditionFailure("a signature has 64 bytes") }
    #if SIMULATION
    // What was signed here verifies here.
    verdicts.remember(
      Question(
        key: publicKey.value, signature: RememberedBytes(signature.bytes), message: RememberedBytes(message)),
      true)
    #endif
    return signature
  }

  /// The 32-byte seed, for a key file. The caller wipes it.
  public borrowing func seed() -> [UInt8] {
    secret.withUnsafeBytes { Array($0.prefix(32)) }
  }

  /// A second holder of the same key.
  public borrowing func clone() -> SigningKey {
    SigningKey(secret: secret.clone(), publicKey: publicKey)
  }

  private init(secret: consuming SecretMemory, publicKey: PublicKey) {
    self.secret = secret
    self.publicKey = publicKey
  }
}

#if SIMULATION
private struct Question: Hashable {
  let key: Bytes32
  let signature: RememberedBytes
  let message: RememberedBytes

  /// A signature is of one message, or of none.
  func hash(into hasher: inout Hasher) { signature.hash(into: &hasher) }
}

private let verdicts = Remembered<Question, Bool>(capacity: 8192)

/// How the simulator's tiny group stands in for the group key: INSECURE, and in the build for simulation alone.
public enum TinyGroup {
  /// Key, signature, message. Set before anything runs; nil where the group is Ed25519's.
  nonisolated(unsafe) public static var verifies: (([UInt8], [UInt8], [UInt8]) -> Bool)?

  /// A tiny element's encoding ends in 24 zeroes.
  static func isKey(_ value: Bytes32) -> Bool {
    verifies != nil && value.withUnsafeBytes { $0.dropFirst(8).allSatisfy { $0 == 0 } }
  }
}
#endif
