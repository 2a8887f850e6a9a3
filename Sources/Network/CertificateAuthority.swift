import COpenSSL
import EventLoop

/// Issues the certificates of one trust domain: Ed25519 throughout, one SPIFFE ID a leaf.
///
/// Its key never leaves this value but by `keyPEM()`.
public struct CertificateAuthority: Sendable {
  public let certificate: Certificate
  private let key: PrivateKey
  public let domain: TrustDomain

  /// A leaf and its key, which was made for it.
  public struct Issued: Sendable {
    public let certificate: Certificate
    public let key: PrivateKey
  }

  /// What a leaf says besides who it is for.
  public struct LeafOptions: Sendable {
    public var dnsNames: [String] = []
    /// Ports are ignored.
    public var addresses: [SocketAddress] = []
    /// Counted from `validFrom`.
    public var validity: Duration = .seconds(90 * 86_400)
    /// The first instant of validity; a minute before now where it is not said, for clocks that are behind.
    public var validFrom: WallInstant?

    public init() {}
  }

  /// A new authority: key and self-signed certificate, which may issue leaves only.
  public static func create(
    domain: TrustDomain, name: String, validity: Duration = .seconds(10 * 365 * 86_400)
  ) throws(TLSError) -> CertificateAuthority {
    ERR_clear_error()
    let key = try PrivateKey.generate()
    let certificate = try blank(for: key.handle, validity: validity, from: nil)
    try setName(name, of: X509_get_subject_name(certificate.handle))
    try setName(name, of: X509_get_issuer_name(certificate.handle))
    try add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
    try add(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign")
    try add(certificate, certificate, NID_subject_key_identifier, "hash")
    try sign(certificate, with: key)
    return CertificateAuthority(certificate: certificate, key: key, domain: domain)
  }

  /// An authority that was created before.
  public init(certificatePEM: [UInt8], keyPEM: consuming [UInt8], domain: TrustDomain) throws(TLSError) {
    let read = try Certificate.read(pem: certificatePEM)
    let key = try PrivateKey(pem: keyPEM)
    guard let certificate = read.first, read.count == 1 else {
      throw TLSError(attempt: "reading an authority", reason: "expected one certificate, came \(read.count)")
    }
    ERR_clear_error()
    guard X509_check_private_key(certificate.handle, key.handle) == 1 else {
      throw .last("matching an authority's key with its certificate")
    }
    self.init(certificate: certificate, key: key, domain: domain)
  }

  private init(certificate: Certificate, key: PrivateKey, domain: TrustDomain) {
    self.certificate = certificate
    self.key = key
    self.domain = domain
  }

  /// The authority's own key: a secret.
  public func keyPEM() throws(TLSError) -> [UInt8] { try key.pem() }

  /// A leaf with a key of its own.
  public func issue(
    to identity: PeerIdentity, options: LeafOptions = LeafOptions()
  ) throws(TLSError) -> Issued {
    let leafKey = try PrivateKey.generate()
    let leaf = try issue(uris: [identity.uri(in: domain)], publicKey: leafKey.handle, options: options)
    return Issued(certificate: leaf, key: leafKey)
  }

  /// A leaf for the key of a certificate request. Only the key is taken from the request: who it is for
  /// is this caller's decision, not the requester's.
  public func issue(
    to identity: PeerIdentity, request: CertificateRequest, options: LeafOptions = LeafOptions()
  ) throws(TLSError) -> Certificate {
    ERR_clear_error()
    guard let publicKey = X509_REQ_get0_pubkey(request.handle) else {
      throw .last("reading a request's key")
    }
    return try issue(uris: [identity.uri(in: domain)], publicKey: publicKey, options: options)
  }

  /// The tests also issue what a proper authority never would: no name, or several.
  func issue(
    uris: [String], publicKey: OpaquePointer, options: LeafOptions
  ) throws(TLSError) -> Certificate {
    ERR_clear_error()
    let leaf = try Self.blank(for: publicKey, validity: options.validity, from: options.validFrom)
    // Who it is for stands in the alternative name; the subject stays empty.
    guard X509_set_issuer_name(leaf.handle, X509_get_subject_name(certificate.handle)) == 1 else {
      throw .last("naming the issuer")
    }
    try Self.add(leaf, certificate, NID_basic_constraints, "critical,CA:FALSE")
    try Self.add(leaf, certificate, NID_key_usage, "critical,digitalSignature")
    try Self.add(leaf, certificate, NID_ext_key_usage, "serverAuth,clientAuth")
    try Self.add(leaf, certificate, NID_subject_key_identifier, "hash")
    try Self.add(leaf, certificate, NID_authority_key_identifier, "keyid:always")
    try Self.setNames(leaf, uris: uris, options: options)
    try Self.sign(leaf, with: key)
    return leaf
  }

  // MARK: Steps

  private static func blank(
    for key: OpaquePointer, validity: Duration, from: WallInstant?
  ) throws(TLSError) -> Certificate {
    guard let handle = X509_new() else { throw .last("making a certificate") }
    let certificate = Certificate(owning: handle)
    let start =
      from.map { $0.nanoseconds / 1_000_000_000 } ?? WallInstant.now.nanoseconds / 1_000_000_000 - 60
    let (end, overflow) = start.addingReportingOverflow(validity.components.seconds)
    guard !overflow, X509_set_version(handle, 2) == 1, cssl_set_random_serial(handle) != 0,
      cssl_set_validity(handle, start, end) != 0, X509_set_pubkey(handle, key) == 1
    else { throw .last("making a certificate") }
    return certificate
  }

  private static func setName(_ name: String, of target: OpaquePointer?) throws(TLSError) {
    let text = Array(name.utf8)
    guard
      X509_NAME_add_entry_by_txt(target, "CN", MBSTRING_UTF8, text, Int32(clamping: text.count), -1, 0) == 1
    else { throw .last("naming a certificate") }
  }

  private static func add(
    _ certificate: Certificate, _ issuer: Certificate, _ nid: Int32, _ value: String
  ) throws(TLSError) {
    guard cssl_add_extension(certificate.handle, issuer.handle, nid, value) == 1 else {
      throw .last("adding an extension")
    }
  }

  private static func setNames(
    _ leaf: Certificate, uris: [String], options: LeafOptions
  ) throws(TLSError) {
    guard let names = cssl_names_new() else { throw .last("naming a certificate") }
    defer { cssl_names_free(names) }
    let all =
      uris.map { (cssl_name_uri, Array($0.utf8)) }
      + options.dnsNames.map { (cssl_name_dns, Array($0.utf8)) }
      + options.addresses.map { (cssl_name_ip, $0.host) }
    guard !all.isEmpty else { return }
    for (type, bytes) in all {
      guard cssl_names_add(names, Int32(type), bytes, Int32(clamping: bytes.count)) == 1 else {
        throw .last("naming a certificate")
      }
    }
    guard cssl_set_alternative_names(leaf.handle, names) == 1 else { throw .last("naming a certificate") }
  }

  private static func sign(_ certificate: Certificate, with key: PrivateKey) throws(TLSError) {
    // Ed25519 hashes by itself: no digest is named.
    guard X509_sign(certificate.handle, key.handle, nil) > 0 else { throw .last("signing a certificate") }
  }
}

/// A request for a certificate (PKCS #10), so that a key need not leave the host that made it.
///
/// `@unchecked Sendable`: the handle is never changed after `init`.
public final class CertificateRequest: @unchecked Sendable {
  let handle: OpaquePointer

  private init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { X509_REQ_free(handle) }

  /// Asks for `key`, and proves that its private half is at hand.
  public static func create(for key: PrivateKey) throws(TLSError) -> CertificateRequest {
    ERR_clear_error()
    guard let handle = X509_REQ_new() else { throw .last("making a request") }
    let request = CertificateRequest(owning: handle)
    guard X509_REQ_set_version(handle, 0) == 1, X509_REQ_set_pubkey(handle, key.handle) == 1,
      X509_REQ_sign(handle, key.handle, nil) > 0
    else { throw .last("making a request") }
    return request
  }

  /// Reads a PEM text; refuses one whose signature is not that of its own key.
  public static func read(pem: [UInt8]) throws(TLSError) -> CertificateRequest {
    ERR_clear_error()
    let memory = try Memory(reading: pem)
    guard let handle = PEM_read_bio_X509_REQ(memory.bio, nil, nil, nil) else {
      throw .last("reading a certificate request")
    }
    let request = CertificateRequest(owning: handle)
    guard let key = X509_REQ_get0_pubkey(handle), X509_REQ_verify(handle, key) == 1 else {
      throw .last("checking a certificate request")
    }
    return request
  }

  /// The 32 bytes of the requester's public key; nil where it is not an Ed25519 key.
  public var ed25519Key: [UInt8]? {
    ERR_clear_error()
    guard let key = X509_REQ_get0_pubkey(handle), EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 else {
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: 32)
    var count = bytes.count
    guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32 else { return nil }
    return bytes
  }

  public func pem() throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    let memory = try Memory()
    guard PEM_write_bio_X509_REQ(memory.bio, handle) == 1 else { throw .last("writing a request") }
    return memory.bytes
  }
}
