import COpenSSL
import Glibc

/// Whom this side believes.
public struct TrustPolicy: Sendable {
  public var domain: TrustDomain
  /// Certificates of the authorities that may issue for the domain.
  public var authorities: [Certificate]
  /// Where set, a node is accepted only if it is listed and its own certificate or one in the chain
  /// above it has the pinned fingerprint: another party's authority cannot name a node of this one.
  public var nodePins: [String: CertificateFingerprint]?

  public init(
    domain: TrustDomain, authorities: [Certificate], nodePins: [String: CertificateFingerprint]? = nil
  ) {
    self.domain = domain
    self.authorities = authorities
    self.nodePins = nodePins
  }

  /// Who a verified chain, leaf first, belongs to.
  func identify(
    uri: String, chain: [CertificateFingerprint]
  ) throws(PeerRefusal) -> PeerIdentity {
    let identity = try domain.identity(of: uri)
    guard case .node(let id) = identity, let nodePins else { return identity }
    guard let pin = nodePins[id] else { throw .unpinnedNode(id) }
    guard chain.contains(pin) else { throw .pinMismatch(node: id) }
    return identity
  }
}

/// This side's certificate and key, and whom it believes: what every connection is made from.
///
/// TLS 1.3 only, certificates on both sides, no resumption: a connection never rests on an earlier check.
///
/// `@unchecked Sendable`: the handle is set up in `init` and never changed; OpenSSL allows `SSL_new` on
/// it from any thread.
public final class TLSContext: @unchecked Sendable {
  let handle: OpaquePointer
  let trust: TrustPolicy
  /// Of this side's own certificate.
  public let fingerprint: CertificateFingerprint
  /// Who this side is.
  public let identity: PeerIdentity

  /// How many certificates may stand between a leaf and its authority.
  static let chainDepth: Int32 = 2

  /// `chain` is this side's certificate, then those between it and its authority.
  public init(chain: [Certificate], key: PrivateKey, trust: TrustPolicy) throws(TLSError) {
    ERR_clear_error()
    guard let leaf = chain.first else {
      throw TLSError(attempt: "setting up TLS", reason: "expected a certificate")
    }
    guard !trust.authorities.isEmpty else {
      throw TLSError(attempt: "setting up TLS", reason: "expected at least one authority")
    }
    do throws(PeerRefusal) {
      identity = try leaf.identity(in: trust.domain)
    } catch {
      throw TLSError(attempt: "reading one's own certificate", reason: "\(error)")
    }
    guard let handle = SSL_CTX_new(TLS_method()) else { throw .last("setting up TLS") }
    self.handle = handle
    self.trust = trust
    fingerprint = leaf.fingerprint
    guard cssl_only_tls13(handle) == 1, SSL_CTX_use_certificate(handle, leaf.handle) == 1,
      SSL_CTX_use_PrivateKey(handle, key.handle) == 1, SSL_CTX_check_private_key(handle) == 1
    else { throw .last("setting up TLS") }
    for certificate in chain.dropFirst() {
      guard cssl_add_chain_certificate(handle, certificate.handle) == 1 else { throw .last("setting up TLS") }
    }
    let store = SSL_CTX_get_cert_store(handle)
    for authority in trust.authorities {
      guard X509_STORE_add_cert(store, authority.handle) == 1 else { throw .last("trusting an authority") }
    }
    cssl_require_peer_certificate(handle, Self.chainDepth)
  }

  deinit { SSL_CTX_free(handle) }

  /// From PEM texts.
  public convenience init(
    chainPEM: [UInt8], keyPEM: consuming [UInt8], trust: TrustPolicy
  ) throws(TLSError) {
    let key = try PrivateKey(pem: keyPEM)
    try self.init(chain: try Certificate.read(pem: chainPEM), key: key, trust: trust)
  }

  /// From PEM files.
  public convenience init(
    chainFile: String, keyFile: String, authorityFiles: [String], domain: TrustDomain,
    nodePins: [String: CertificateFingerprint]? = nil
  ) throws(TLSError) {
    var authorities: [Certificate] = []
    for file in authorityFiles { authorities += try Certificate.read(pem: try readFile(file)) }
    let trust = TrustPolicy(domain: domain, authorities: authorities, nodePins: nodePins)
    try self.init(chainPEM: try readFile(chainFile), keyPEM: try readFile(keyFile), trust: trust)
  }
}

/// A file of at most 1 MiB.
private func readFile(_ path: String) throws(TLSError) -> [UInt8] {
  func refuse(_ reason: String) -> TLSError { TLSError(attempt: "reading \(path)", reason: reason) }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw refuse(String(cString: strerror(errno))) }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 1 << 20 + 1)
  defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
  var count = 0
  while count < bytes.count {
    let got = bytes.withUnsafeMutableBytes {
      read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
    }
    if got < 0, errno == EINTR { continue }
    guard got >= 0 else { throw refuse(String(cString: strerror(errno))) }
    if got == 0 { return Array(bytes[..<count]) }
    count += got
  }
  throw refuse("expected at most 1 MiB")
}
