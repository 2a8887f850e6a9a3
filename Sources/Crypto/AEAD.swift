import CSodium

/// XChaCha20-Poly1305 with 24-byte nonces (draft-irtf-cfrg-xchacha-03), authenticated encryption with
/// additional data.
///
/// The nonce is long enough to be drawn at random for every message of a key's life.
public enum AEAD {
  /// Bytes of a nonce.
  public static let nonceLength = 24
  /// Bytes that a box has more than its plaintext.
  public static let tagLength = 16

  /// Encrypts and authenticates `plaintext`, and authenticates `additionalData` beside it.
  ///
  /// A nonce must never serve twice under one key.
  public static func seal(
    _ plaintext: [UInt8], key: borrowing SymmetricKey, nonce: Nonce, additionalData: [UInt8]
  ) -> [UInt8] {
    var box = [UInt8](repeating: 0, count: plaintext.count + tagLength)
    key.memory.withUnsafeBytes { key in
      _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
        &box, nil, plaintext, UInt64(plaintext.count), additionalData,
        UInt64(additionalData.count), nil, nonce.bytes, key.octets)
    }
    return box
  }

  /// The plaintext; nil unless key, nonce, additional data and every byte of `box` are those that were
  /// sealed.
  public static func open(
    _ box: [UInt8], key: borrowing SymmetricKey, nonce: Nonce, additionalData: [UInt8]
  ) -> [UInt8]? {
    guard box.count >= tagLength else { return nil }
    var plaintext = [UInt8](repeating: 0, count: box.count - tagLength)
    let code = key.memory.withUnsafeBytes { key in
      crypto_aead_xchacha20poly1305_ietf_decrypt(
        &plaintext, nil, nil, box, UInt64(box.count), additionalData,
        UInt64(additionalData.count), nonce.bytes, key.octets)
    }
    return code == 0 ? plaintext : nil
  }

  /// The 24 bytes that make each encryption under a key different.
  public struct Nonce: Hashable, Sendable {
    /// The bytes.
    public let bytes: [UInt8]

    /// Nil for another length than 24.
    public init?(_ bytes: some Collection<UInt8>) {
      guard bytes.count == AEAD.nonceLength else { return nil }
      self.bytes = Array(bytes)
    }

    /// Drawn at random.
    public init(using random: inout some RandomNumberGenerator) {
      bytes = random.bytes(AEAD.nonceLength)
    }
  }
}

/// A 32-byte key in secret memory.
public struct SymmetricKey: ~Copyable, Sendable {
  /// Bytes of a key.
  public static let length = 32
  let memory: SecretMemory

  /// Takes the key over and wipes the array it came in. Nil, and nothing wiped, for another length.
  public init?(consuming bytes: inout [UInt8]) {
    guard bytes.count == SymmetricKey.length else { return nil }
    memory = SecretMemory(consuming: &bytes)
  }

  /// A fresh key.
  public init(using random: inout some RandomNumberGenerator) {
    var bytes = random.bytes(SymmetricKey.length)
    memory = SecretMemory(consuming: &bytes)
  }

  /// A key for one purpose, derived from this one (HMAC-SHA-256 over `purpose`): such as one a tenant.
  public borrowing func derived(for purpose: [UInt8]) -> SymmetricKey {
    var bytes = authenticate(purpose).bytes
    return SymmetricKey(SecretMemory(consuming: &bytes))
  }

  /// HMAC-SHA-256 over `message` under this key.
  public borrowing func authenticate(_ message: [UInt8]) -> Digest {
    var key = memory.withUnsafeBytes { Array($0) }
    defer { wipe(&key) }
    return HMACSHA256.authenticate(message, key: key)
  }

  /// Lends the 32 bytes, for a key file; the pointer ends with the call.
  public borrowing func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try memory.withUnsafeBytes(body)
  }

  private init(_ memory: consuming SecretMemory) { self.memory = memory }
}
