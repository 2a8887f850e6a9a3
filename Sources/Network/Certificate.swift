import COpenSSL

/// What OpenSSL has to say about its last failure.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was attempted.
  public let attempt: String
  /// OpenSSL's reason.
  public let reason: String

  /// Takes the oldest error of this thread's queue, the one nearest to the cause, and empties the queue.
  static func last(_ attempt: String) -> TLSError {
    let code = ERR_get_error()
    ERR_clear_error()
    var reason = "no reason given"
    if code != 0 {
      var text = [CChar](repeating: 0, count: 256)
      if let known = ERR_reason_error_string(code) {
        reason = String(cString: known)
      } else {
        ERR_error_string_n(code, &text, text.count)
        reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    }
    return TLSError(attempt: attempt, reason: reason)
  }

  init(attempt: String, reason: String) {
    self.attempt = attempt
    self.reason = reason
  }

  public var description: String { "\(attempt): \(reason)" }
}

/// SHA-256 over a certificate's DER: what people compare and nodes pin.
public struct CertificateFingerprint: Hashable, Sendable, CustomStringConvertible {
  /// Thirty-two.
  public let bytes: [UInt8]

  /// nil for any other length.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// Reads 64 hexadecimal digits.
  public init?(hex: String) {
    let digits = hex.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
    guard digits.count == 64, hex.utf8.count == 64 else { return nil }
    bytes = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// Lower-case hexadecimal.
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// An X.509 certificate.
///
/// `@unchecked Sendable`: the handle is never changed after `init`, and OpenSSL counts its references
/// atomically.
public final class Certificate: @unchecked Sendable {
  let handle: OpaquePointer

  /// Takes the handle over.
  init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { X509_free(handle) }

  /// Reads every certificate of a PEM text, in order; throws where there is none.
  public static func read(pem: [UInt8]) throws(TLSError) -> [Certificate] {
    ERR_clear_error()
    let memory = try Memory(reading: pem)
    var found: [Certificate] = []
    while let handle = PEM_read_bio_X509(memory.bio, nil, nil, nil) {
      found.append(Certificate(owning: handle))
    }
    // The end of the text is an error too; any other means that something in it is not a certificate.
    guard !found.isEmpty, cssl_is_end_of_pem(ERR_peek_last_error()) != 0 else {
      throw .last("reading certificates")
    }
    ERR_clear_error()
    return found
  }

  /// The certificate as PEM.
  public func pem() throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    let memory = try Memory()
    guard PEM_write_bio_X509(memory.bio, handle) == 1 else { throw .last("writing a certificate") }
    return memory.bytes
  }

  public var fingerprint: CertificateFingerprint {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    let done = X509_digest(handle, EVP_sha256(), &digest, &count)
    guard done == 1, let fingerprint = CertificateFingerprint(bytes: digest) else {
      preconditionFailure("a certificate that was parsed has a SHA-256 digest")
    }
    return fingerprint
  }

  /// The last second of its validity, since 1970.
  public var validUntil: Int64 { cssl_not_after(handle) }

  /// The first second of its validity, since 1970: when it was issued, but for a minute.
  public var validFrom: Int64 { cssl_not_before(handle) }

  /// Whether `authority` has signed it.
  func isSigned(by authority: Certificate) -> Bool {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let key = X509_get0_pubkey(authority.handle) else { return false }
    return X509_verify(handle, key) == 1
  }

  /// Its one URI name.
  func uri() throws(PeerRefusal) -> String {
    try Self.uri(of: handle)
  }

  static func uri(of certificate: OpaquePointer) throws(PeerRefusal) -> String {
    var text = [UInt8](repeating: 0, count: 2_048)
    var length = 0
    let count = cssl_uri_names(certificate, &text, text.count, &length)
    guard count >= 0 else { throw .malformedNames }
    guard count == 1 else { throw .wrongNumberOfNames(Int(count)) }
    // SPIFFE-ID §2.3 caps the length; a zero byte or anything else odd is refused with the path's alphabet.
    guard length <= text.count, let uri = String(validating: text[..<length], as: UTF8.self) else {
      throw .malformedNames
    }
    return uri
  }

  /// Who the certificate is for.
  public func identity(in domain: TrustDomain) throws(PeerRefusal) -> PeerIdentity {
    try domain.identity(of: try uri())
  }
}

/// A private key, in OpenSSL's keeping.
///
/// `@unchecked Sendable`: the handle is never changed after `init`, and OpenSSL locks what it caches.
public final class PrivateKey: @unchecked Sendable {
  let handle: OpaquePointer

  init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { EVP_PKEY_free(handle) }

  /// A new Ed25519 key from OpenSSL's generator.
  public static func generate() throws(TLSError) -> PrivateKey {
    ERR_clear_error()
    guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil) else { throw .last("making a key") }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_keygen(context, &key) == 1, let key else {
      throw .last("making a key")
    }
    return PrivateKey(owning: key)
  }

  /// Reads an unencrypted PEM text, and wipes the copy it was given.
  public init(pem: consuming [UInt8]) throws(TLSError) {
    ERR_clear_error()
    var pem = pem
    defer { pem.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    let memory = try Memory(reading: pem)
    // Without a callback OpenSSL would ask the terminal for a passphrase.
    guard let key = PEM_read_bio_PrivateKey(memory.bio, nil, { _, _, _, _ in 0 }, nil) else {
      throw .last("reading a private key")
    }
    handle = key
  }

  /// PKCS #8, unencrypted: a secret. The caller stores it where only its owner reads.
  public func pem() throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    let memory = try Memory()
    guard PEM_write_bio_PKCS8PrivateKey(memory.bio, handle, nil, nil, 0, nil, nil) == 1 else {
      throw .last("writing a private key")
    }
    return memory.bytes
  }
}

/// A memory BIO and, where it reads, the bytes it reads from.
final class Memory {
  let bio: OpaquePointer

  init() throws(TLSError) {
    guard let bio = cssl_memory() else { throw .last("allocating memory") }
    self.bio = bio
  }

  convenience init(reading bytes: [UInt8]) throws(TLSError) {
    try self.init()
    guard let count = Int32(exactly: bytes.count), count <= 1 << 20 else {
      throw TLSError(attempt: "reading PEM", reason: "expected at most 1 MiB")
    }
    guard bytes.isEmpty || BIO_write(bio, bytes, count) == count else { throw .last("reading PEM") }
  }

  deinit { BIO_free(bio) }

  /// What was written.
  var bytes: [UInt8] {
    var start: UnsafePointer<UInt8>?
    let count = cssl_memory_bytes(bio, &start)
    return Array(UnsafeBufferPointer(start: start, count: count))
  }
}
