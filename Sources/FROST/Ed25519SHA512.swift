import Crypto

extension Crypto.Scalar: FieldScalar {
  public init?(encoding: [UInt8]) { self.init(encoding as [UInt8]) }
  public var encoding: [UInt8] { bytes }
}

extension Crypto.Element: GroupElement {
  public init?(encoding: [UInt8]) { self.init(encoding as [UInt8]) }
  public var encoding: [UInt8]? { bytes }
}

/// FROST(Ed25519, SHA-512), RFC 9591 §6.1. Its signatures are plain RFC 8032 signatures.
public enum Ed25519SHA512: CipherSuite {
  public typealias Scalar = Crypto.Scalar
  public typealias Element = Crypto.Element

  public static let name = "FROST(Ed25519, SHA-512)"
  public static let scalarLength = 32
  public static let elementLength = 32
  public static let guardsSecrets = true

  private static let context = Array("FROST-ED25519-SHA512-v1".utf8)

  public static func h1(_ message: [UInt8]) -> Scalar { reduced(digest("rho", message)) }

  /// Without the context string, which is what makes the result an RFC 8032 signature.
  public static func h2(_ message: [UInt8]) -> Scalar { reduced(SHA512.hash(message)) }

  public static func h3(_ message: [UInt8]) -> Scalar { reduced(digest("nonce", message)) }

  public static func h4(_ message: [UInt8]) -> [UInt8] { digest("msg", message) }

  public static func h5(_ message: [UInt8]) -> [UInt8] { digest("com", message) }

  public static func hdkg(_ message: [UInt8]) -> Scalar { reduced(digest("dkg", message)) }

  /// RFC 8032 verification, as everyone outside does it.
  public static func verifies(
    _ signature: SchnorrSignature<Ed25519SHA512>, over message: [UInt8], by key: Element
  ) -> Bool {
    guard let key = key.publicKey, let signature = Signature(signature.encoding) else {
      return false
    }
    return key.verifies(signature, over: message)
  }

  private static func digest(_ label: String, _ message: [UInt8]) -> [UInt8] {
    var hash = SHA512()
    hash.update(context)
    hash.update(Array(label.utf8))
    hash.update(message)
    return hash.finalize()
  }

  private static func reduced(_ digest: [UInt8]) -> Scalar {
    guard let scalar = Scalar(reducing: digest) else {
      preconditionFailure("a SHA-512 digest has 64 bytes")
    }
    return scalar
  }
}
