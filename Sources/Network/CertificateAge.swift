/// A peer whose certificate was verified.
public struct VerifiedPeer: Equatable, Sendable {
  public let identity: PeerIdentity
  /// The first second of its certificate's validity, since 1970.
  public let issued: Int64
}

/// Since when certificates of somebody are taken, in seconds since 1970; nil where any is that an authority has issued.
/// Asked for each connection when its peer is verified, and again by `reviewPeers()`.
public typealias OldestCertificate = (PeerIdentity) -> Int64?

extension VerifiedPeer {
  /// Why this peer's certificate is too old; nil where it is not.
  func objection(_ oldest: OldestCertificate?) -> PeerRefusal? {
    guard let since = oldest?(identity), issued < since else { return nil }
    return .superseded(identity, issued: issued, since: since)
  }
}
