import Canonical
import EventLoop
import Host
import Network
import Records

/// A certificate and its key as they lie in files: both are put in place, or neither is.
struct CertificatePair {
  /// Paths.
  let certificate: String
  let key: String

  /// Issues a leaf with a key of its own and puts both in place.
  func issue(
    to identity: PeerIdentity, by authority: CertificateAuthority, _ options: CertificateAuthority.LeafOptions
  ) throws {
    let issued = try authority.issue(to: identity, options: options)
    try replace(
      chain: try issued.certificate.pem(), secret: try issued.key.pem(), of: identity, in: authority.domain,
      from: certificate)
  }

  /// Puts a pair in place that fits and names `identity`. The key comes first: a program that runs looks at the certificate, and
  /// reads the key once that is another.
  ///
  /// - Parameter source: where the certificate came from, for messages.
  func replace(
    chain: [UInt8], secret: [UInt8], of identity: PeerIdentity, in domain: TrustDomain, from source: String
  ) throws {
    let own = try OwnCertificate(chainPEM: chain, keyPEM: secret, domain: domain)
    guard own.identity == identity else {
      throw Failure(.other, "\(source): expected a certificate of \(identity), found one of \(own.identity)")
    }
    try Files.replace([
      Files.Replacement(secret, to: key, mode: 0o600), Files.Replacement(chain, to: certificate),
    ])
  }
}

/// When a certificate begins: the second in which it is issued, by the clock of the host that issues it, and later than the one
/// whose place it takes. The revocation of a moment ago then refuses the old one alone (Decision 028).
struct IssuedTime {
  static let days = 365

  private let seconds: Int64

  /// - Parameters:
  ///   - authority: whose certificate must have begun and not ended, or nobody would take what it issues.
  ///   - pair: the one whose place it takes.
  init(by authority: Certificate? = nil, after pair: CertificatePair? = nil) throws {
    var now = Self.now
    if let authority {
      guard (authority.validFrom...max(authority.validFrom, authority.validUntil)).contains(now) else {
        throw Failure(
          .other,
          "this host's clock says \(Self.text(now)), and the authority's certificate is valid from "
            + "\(Self.text(authority.validFrom)) to \(Self.text(authority.validUntil)): expected a clock that is right, or an "
            + "authority that has not ended")
      }
    }
    if let pair {
      let old = try Certificate.read(pem: try Files.read(pair.certificate, limit: 1 << 20))[0]
      guard old.validFrom <= now else {
        throw Failure(
          .other,
          "\(pair.certificate) is valid from \(Self.text(old.validFrom)), and this host's clock says \(Self.text(now)): expected "
            + "a clock that is right")
      }
      // What is issued this very second begins in the next.
      while now == old.validFrom {
        Environment.pause(milliseconds: 50)
        now = Self.now
      }
    }
    seconds = now
  }

  func options(days: Int = IssuedTime.days) -> CertificateAuthority.LeafOptions {
    var options = CertificateAuthority.LeafOptions()
    options.validFrom = WallInstant(nanoseconds: seconds * 1_000_000_000)
    options.validity = .seconds(Int64(days) * 86_400)
    return options
  }

  private static var now: Int64 { WallInstant.now.nanoseconds / 1_000_000_000 }

  private static func text(_ seconds: Int64) -> String {
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return (overflow ? nil : Timestamp(nanoseconds: nanoseconds)?.text) ?? "\(seconds) s since 1970"
  }
}
