import COpenSSL
import CSodium

/// A SHA-256 digest.
public struct Digest: Hashable, Comparable, Sendable {
  /// The digest's 32 bytes.
  public let value: Bytes32

  /// Wraps 32 bytes that are a digest already.
  public init(_ value: Bytes32) { self.value = value }

  /// Copies exactly 32 bytes; nil for any other length.
  public init?(_ bytes: some Collection<UInt8>) {
    guard let value = Bytes32(bytes) else { return nil }
    self.value = value
  }

  /// The bytes, in order.
  public var bytes: [UInt8] { value.bytes }

  /// 64 lower-case hexadecimal characters.
  public var hex: String { value.withUnsafeBytes { Hex.encode($0) } }

  /// Reads 64 lower-case hexadecimal characters; nil for anything else.
  public init?(hex: String) {
    var value = Bytes32()
    guard value.withUnsafeMutableBytes({ Hex.decode(hex, into: $0) }) else { return nil }
    self.value = value
  }

  public static func < (left: Digest, right: Digest) -> Bool { left.value < right.value }
}

/// SHA-256 (FIPS 180-4), incremental. OpenSSL's, which uses the processor's own instructions (Decision 013).
public struct SHA256 {
  private var state = csha256_state()

  /// A hash of nothing yet.
  public init() { csha256_init(&state) }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    csha256_update(&state, bytes.baseAddress, bytes.count)
  }

  /// Adds bytes.
  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// Adds the UTF-8 bytes of `text`.
  public mutating func update(_ text: String) { update(Array(text.utf8)) }

  /// Adds a digest's 32 bytes.
  public mutating func update(_ digest: Digest) { digest.value.withUnsafeBytes { update($0) } }

  /// The digest of what was added. The instance must not be used again.
  public mutating func finalize() -> Digest {
    var out = Bytes32()
    out.withUnsafeMutableBytes { csha256_final(&state, $0.octets) }
    return Digest(out)
  }

  /// The digest of `bytes`.
  public static func hash(_ bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of the UTF-8 bytes of `text`.
  public static func hash(_ text: String) -> Digest { hash(Array(text.utf8)) }
}

/// SHA-512 (FIPS 180-4), incremental.
public struct SHA512 {
  private var state = crypto_hash_sha512_state()

  /// A hash of nothing yet.
  public init() {
    precondition(Sodium.ready)
    crypto_hash_sha512_init(&state)
  }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    crypto_hash_sha512_update(
      &state, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  /// Adds bytes.
  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// Adds 32 bytes.
  public mutating func update(_ bytes: Bytes32) { bytes.withUnsafeBytes { update($0) } }

  /// The 64-byte digest of what was added. The instance must not be used again.
  public mutating func finalize() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 64) { out, count in
      if let base = out.baseAddress { crypto_hash_sha512_final(&state, base) }
      count = 64
    }
  }

  /// The 64-byte digest of `bytes`.
  public static func hash(_ bytes: [UInt8]) -> [UInt8] {
    var hash = SHA512()
    hash.update(bytes)
    return hash.finalize()
  }
}

/// HMAC-SHA-256 (RFC 2104), for key derivation.
public enum HMACSHA256 {
  /// The authentication code of `message` under `key`; keys of any length.
  public static func authenticate(_ message: [UInt8], key: [UInt8]) -> Digest {
    precondition(Sodium.ready)
    var state = crypto_auth_hmacsha256_state()
    crypto_auth_hmacsha256_init(&state, key, key.count)
    crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
    var out = Bytes32()
    out.withUnsafeMutableBytes { target in
      _ = crypto_auth_hmacsha256_final(
        &state, target.octets)
    }
    return Digest(out)
  }
}
