import COpenSSL

/// One connection's TLS, between two memories: ciphertext in and out, plaintext in and out, no socket.
///
/// The owner drains `takeOutput` after every call, as any of them may have something to tell the peer.
/// Confined to its owner's thread.
final class TLSSession {
  enum Role {
    case client
    case server
  }

  enum ReadOutcome: Equatable {
    /// So many bytes of plaintext.
    case bytes(Int)
    /// Nothing until more ciphertext comes.
    case needsMore
    /// The peer has said goodbye properly.
    case ended
  }

  private let ssl: OpaquePointer
  // Both are owned by `ssl`.
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer
  private let trust: TrustPolicy

  init(context: TLSContext, role: Role) throws(TLSError) {
    ERR_clear_error()
    guard let ssl = SSL_new(context.handle) else { throw .last("starting TLS") }
    guard let incoming = cssl_memory() else {
      SSL_free(ssl)
      throw .last("starting TLS")
    }
    guard let outgoing = cssl_memory() else {
      BIO_free(incoming)
      SSL_free(ssl)
      throw .last("starting TLS")
    }
    SSL_set_bio(ssl, incoming, outgoing)
    self.ssl = ssl
    self.incoming = incoming
    self.outgoing = outgoing
    trust = context.trust
    switch role {
    case .client: SSL_set_connect_state(ssl)
    case .server: SSL_set_accept_state(ssl)
    }
  }

  deinit { SSL_free(ssl) }

  /// Takes in what the socket gave. The caller reads until `needsMore` before it feeds again, which
  /// bounds what waits here to one piece and one record.
  func feed(_ ciphertext: UnsafeRawBufferPointer) throws(TLSError) {
    ERR_clear_error()
    guard let count = Int32(exactly: ciphertext.count), count > 0 else { return }
    guard BIO_write(incoming, ciphertext.baseAddress, count) == count else {
      throw .last("receiving")
    }
  }

  /// Goes on with the handshake; true once it is complete.
  func handshake() throws(TLSError) -> Bool {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    if result == 1 { return true }
    guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else { throw handshakeError() }
    return false
  }

  /// The certificate's own trouble says more than "certificate verify failed".
  private func handshakeError() -> TLSError {
    let verdict = SSL_get_verify_result(ssl)
    guard verdict != Int(X509_V_OK), let reason = X509_verify_cert_error_string(verdict) else {
      return .last("TLS handshake")
    }
    ERR_clear_error()
    return TLSError(attempt: "TLS handshake", reason: String(cString: reason))
  }

  /// Who the peer is, once the handshake is complete, and since when its certificate is valid.
  func peer() throws(PeerRefusal) -> VerifiedPeer {
    guard let leaf = SSL_get0_peer_certificate(ssl), SSL_get_verify_result(ssl) == Int(X509_V_OK) else {
      throw .noCertificate
    }
    var chain: [CertificateFingerprint] = []
    for index in 0..<cssl_chain_count(ssl) {
      guard let certificate = cssl_chain_certificate(ssl, index) else { continue }
      X509_up_ref(certificate)
      chain.append(Certificate(owning: certificate).fingerprint)
    }
    return VerifiedPeer(
      identity: try trust.identify(uri: try Certificate.uri(of: leaf), chain: chain),
      issued: cssl_not_before(leaf))
  }

  /// Decrypts into `buffer`.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> ReadOutcome {
    ERR_clear_error()
    let result = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
    if result > 0 { return .bytes(Int(result)) }
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .needsMore
    case SSL_ERROR_ZERO_RETURN: return .ended
    default: throw .last("TLS")
    }
  }

  /// Encrypts all of `plaintext`; a memory always has room.
  func write(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
    guard plaintext.count > 0 else { return }
    ERR_clear_error()
    let result = SSL_write(ssl, plaintext.baseAddress, Int32(clamping: plaintext.count))
    guard result == plaintext.count else { throw .last("TLS") }
  }

  /// Moves the ciphertext that is to be sent to the end of `queue`.
  func takeOutput(into queue: inout ByteQueue) {
    var start: UnsafePointer<UInt8>?
    let count = cssl_memory_bytes(outgoing, &start)
    guard count > 0 else { return }
    queue.append(UnsafeRawBufferPointer(start: start, count: count))
    cssl_memory_clear(outgoing)
  }

  /// Says goodbye.
  func shutDown() {
    ERR_clear_error()
    _ = SSL_shutdown(ssl)
    ERR_clear_error()
  }
}

/// Bytes that leave in the order in which they came.
struct ByteQueue {
  private var bytes: [UInt8] = []
  /// Invariant: 0 <= head <= bytes.count.
  private var head = 0

  var count: Int { bytes.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

  /// Lets `body` change the bytes at the end.
  mutating func appending<R>(_ body: (inout [UInt8]) -> R) -> R { body(&bytes) }

  /// Lends at most the first `limit` bytes.
  func withFirst<R>(_ limit: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let range = head..<(head + min(limit, count))
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  mutating func removeFirst(_ count: Int) {
    precondition(count <= self.count)
    head += count
    if head == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.capacity <= 65_536)
      head = 0
    } else if head > 262_144, head > bytes.count / 2 {
      bytes.removeSubrange(..<head)
      head = 0
    }
  }
}
