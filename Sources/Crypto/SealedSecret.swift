import CSodium

/// Secrets at rest: encrypted under a key that lies elsewhere, and bound to what they are for.
///
/// Form: version byte 1, the nonce (24 bytes), and an `AEAD` box over the secret with
/// `openexec/sealed-secret/v1\n` and the purpose as additional data. Opening under another purpose
/// fails, so one sealed file cannot be put in another's place.
public enum SealedSecret {
  /// Bytes that a sealed secret has more than the secret.
  public static let overhead = 1 + AEAD.nonceLength + AEAD.tagLength
  /// The longest secret that is opened.
  public static let maximumLength = 1 << 20

  private static let version: UInt8 = 1
  private static let domain = Array("openexec/sealed-secret/v1\n".utf8)

  /// Seals a copy of `secret`.
  public static func seal(
    _ secret: borrowing SecretMemory, for purpose: [UInt8], key: borrowing SymmetricKey,
    using random: inout some RandomNumberGenerator
  ) -> [UInt8] {
    let nonce = AEAD.Nonce(using: &random)
    var plaintext = secret.withUnsafeBytes { Array($0) }
    defer { wipe(&plaintext) }
    return [version] + nonce.bytes
      + AEAD.seal(plaintext, key: key, nonce: nonce, additionalData: domain + purpose)
  }

  /// The secret; throws what is wrong with `sealed`.
  public static func open(
    _ sealed: [UInt8], for purpose: [UInt8], key: borrowing SymmetricKey
  ) throws(SealedSecretError) -> SecretMemory {
    guard sealed.count > overhead, sealed.count <= overhead + maximumLength else {
      throw .length(sealed.count)
    }
    guard sealed[0] == version else { throw .version(sealed[0]) }
    guard let nonce = AEAD.Nonce(sealed[1..<1 + AEAD.nonceLength]) else {
      throw .length(sealed.count)
    }
    let box = Array(sealed[(1 + AEAD.nonceLength)...])
    guard
      var plaintext = AEAD.open(box, key: key, nonce: nonce, additionalData: domain + purpose)
    else { throw .notSealedWithThisKey }
    return SecretMemory(consuming: &plaintext)
  }
}

/// Why a sealed secret was not opened.
public enum SealedSecretError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No sealed secret has this many bytes.
  case length(Int)
  /// Sealed in a form that this version does not read; it reads 1.
  case version(UInt8)
  /// Another key, another purpose, or changed bytes.
  case notSealedWithThisKey

  public var description: String {
    switch self {
    case .length(let count): "expected a sealed secret, found \(count) bytes that cannot be one"
    case .version(let version): "expected a secret sealed in form 1, found form \(version)"
    case .notSealedWithThisKey:
      "expected a secret sealed with this key for this purpose; the key is another, or the bytes were changed"
    }
  }
}
