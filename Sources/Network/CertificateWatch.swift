/// A running program's certificate and key, looked at in their files now and then, so that others take their place without
/// a restart. What cannot take their place is said once, and the old pair stays.
public struct CertificateWatch: Sendable {
  public typealias Reading = @Sendable () throws -> [UInt8]

  /// What a look has found.
  public enum Finding: Equatable, Sendable {
    case nothing
    /// `own` is another now.
    case renewed
    /// The files hold what cannot take its place; the same is not said twice in a row.
    case refused(String)
    /// They held what could not, and hold the pair in use again.
    case restored
  }

  /// How often to look.
  public static let pause = Duration.seconds(2)

  /// The pair in use.
  public private(set) var own: OwnCertificate
  private let certificate: Reading
  private let key: Reading
  private let authorities: [Certificate]
  private let domain: TrustDomain
  /// Why the pair in the files is not the one in use; nil where it is, as far as the last look has seen.
  public private(set) var complaint: String?
  /// What the last look found of the key beside the certificate in use, where they do not fit.
  private var misfit: String?

  /// Reads the pair.
  ///
  /// - Parameters:
  ///   - certificate: the file's text, PEM.
  ///   - key: that of the key's file.
  ///   - authorities: of this side's own party, where they are known: another pair must come from one of them.
  public init(
    domain: TrustDomain, authorities: [Certificate] = [], certificate: @escaping Reading,
    key: @escaping Reading
  ) throws {
    own = try OwnCertificate(chainPEM: try certificate(), keyPEM: try key(), domain: domain)
    self.certificate = certificate
    self.key = key
    self.authorities = authorities
    self.domain = domain
  }

  /// Looks at the files. `now` is in seconds since 1970.
  ///
  /// A key that does not fit the certificate in use is complained of when two looks in a row find it: who puts a pair in
  /// place begins with the key, and what stands between the two is nothing wrong.
  public mutating func look(now: Int64) -> Finding {
    do {
      let chain = try certificate()
      // `read` gives at least one.
      let isOwn = try Certificate.read(pem: chain)[0].fingerprint == own.fingerprint
      let next: OwnCertificate
      do {
        next = try OwnCertificate(chainPEM: chain, keyPEM: try key(), domain: domain)
      } catch  where isOwn {
        let reason = "\(error)"
        guard misfit == reason else {
          misfit = reason
          return .nothing
        }
        return complain(reason)
      }
      misfit = nil
      guard !isOwn else {
        defer { complaint = nil }
        return complaint == nil ? .nothing : .restored
      }
      if let objection = own.objection(to: next, authorities: authorities, now: now) {
        return complain(objection)
      }
      own = next
      complaint = nil
      return .renewed
    } catch {
      misfit = nil
      return complain("\(error)")
    }
  }

  private mutating func complain(_ reason: String) -> Finding {
    guard complaint != reason else { return .nothing }
    complaint = reason
    return .refused(reason)
  }
}
