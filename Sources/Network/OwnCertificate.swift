import COpenSSL

/// A program's certificate and its key.
public struct OwnCertificate: Sendable {
  /// The certificate, then those between it and its authority.
  public let chain: [Certificate]
  public let key: PrivateKey
  public let identity: PeerIdentity

  /// Of the certificate itself.
  public var fingerprint: CertificateFingerprint { leaf.fingerprint }
  var leaf: Certificate { chain[0] }

  /// Reads a pair. Throws where the key is another certificate's, or the certificate names nobody of `domain`.
  public init(chainPEM: [UInt8], keyPEM: consuming [UInt8], domain: TrustDomain) throws(TLSError) {
    let key = try PrivateKey(pem: keyPEM)
    let chain = try Certificate.read(pem: chainPEM)
    // `read` gives at least one.
    let leaf = chain[0]
    ERR_clear_error()
    guard X509_check_private_key(leaf.handle, key.handle) == 1 else {
      throw .last("matching a certificate with its key")
    }
    do throws(PeerRefusal) {
      identity = try leaf.identity(in: domain)
    } catch {
      throw TLSError(attempt: "reading one's own certificate", reason: "\(error)")
    }
    self.chain = chain
    self.key = key
  }

  /// Why `next` may not take this one's place at `now` (seconds since 1970); nil where it may. Where `authorities` are
  /// given, one of them must have signed the last of its chain.
  func objection(to next: OwnCertificate, authorities: [Certificate], now: Int64) -> String? {
    guard next.identity == identity else {
      return "expected a certificate of \(identity), found one of \(next.identity)"
    }
    guard next.leaf.validFrom <= now, now <= next.leaf.validUntil else {
      return "expected a certificate that is valid now, found one from \(next.leaf.validFrom) to "
        + "\(next.leaf.validUntil) (seconds since 1970; now is \(now))"
    }
    guard authorities.isEmpty || authorities.contains(where: next.chain[next.chain.count - 1].isSigned) else {
      return "expected a certificate that this party's authority has issued"
    }
    return nil
  }
}

extension TLSContext {
  /// What connections are made from with `own`.
  public convenience init(_ own: OwnCertificate, trust: TrustPolicy) throws(TLSError) {
    try self.init(chain: own.chain, key: own.key, trust: trust)
  }
}
