/// Who stands at the other end, as its certificate says: the path of a SPIFFE ID.
///
/// A certificate admits a connection; it is no authority for anything that must be signed.
public enum PeerIdentity: Hashable, Sendable {
  /// `/node/<id>`: a governance node.
  case node(String)
  /// `/executor/<id>`
  case executor(String)
  /// `/tenant/<tenant>/agent/<agent>`
  case agent(tenant: String, agent: String)
  /// `/operator/<id>`
  case `operator`(String)
  /// `/approver/<id>`
  case approver(String)
  /// `/auditor/<id>`
  case auditor(String)

  /// The most bytes of one name.
  public static let maximumNameCount = 128

  /// The path of the SPIFFE ID, with its leading slash.
  public var path: String {
    switch self {
    case .node(let id): "/node/\(id)"
    case .executor(let id): "/executor/\(id)"
    case .agent(let tenant, let agent): "/tenant/\(tenant)/agent/\(agent)"
    case .operator(let id): "/operator/\(id)"
    case .approver(let id): "/approver/\(id)"
    case .auditor(let id): "/auditor/\(id)"
    }
  }

  /// Reads a path; nil where it is none of the six.
  public init?(path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.first == "", parts.dropFirst().allSatisfy(Self.isName) else { return nil }
    switch (parts.count, parts[1]) {
    case (3, "node"): self = .node(parts[2])
    case (3, "executor"): self = .executor(parts[2])
    case (3, "operator"): self = .operator(parts[2])
    case (3, "approver"): self = .approver(parts[2])
    case (3, "auditor"): self = .auditor(parts[2])
    case (5, "tenant") where parts[3] == "agent": self = .agent(tenant: parts[2], agent: parts[4])
    default: return nil
    }
  }

  /// The whole ID.
  public func uri(in domain: TrustDomain) -> String { "spiffe://\(domain.name)\(path)" }

  /// A segment of a path (SPIFFE-ID §2.2): letters, digits, dots, dashes, underscores, not `.` or `..`.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= maximumNameCount && text != "." && text != ".."
      && text.utf8.allSatisfy { isLetterOrDigit($0) || ".-_".utf8.contains($0) }
  }

  static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

extension PeerIdentity: CustomStringConvertible {
  public var description: String { path }
}

/// The authority in `spiffe://<authority>/…`: one installation of the system.
public struct TrustDomain: Hashable, Sendable, CustomStringConvertible {
  public let name: String

  /// nil unless it is lower-case letters, digits, dots, dashes and underscores, at most 255 of them
  /// (SPIFFE-ID §2.1).
  public init?(_ name: String) {
    guard !name.isEmpty, name.utf8.count <= 255,
      name.utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || ".-_".utf8.contains($0)
      })
    else { return nil }
    self.name = name
  }

  /// The identity that a URI names in this domain.
  func identity(of uri: String) throws(PeerRefusal) -> PeerIdentity {
    let scheme = "spiffe://"
    guard uri.hasPrefix(scheme) else { throw .notSPIFFE(uri) }
    let rest = uri.dropFirst(scheme.count)
    guard let slash = rest.firstIndex(of: "/") else { throw .notSPIFFE(uri) }
    guard rest[..<slash] == name else { throw .foreignTrustDomain(expected: self, uri: uri) }
    guard let identity = PeerIdentity(path: String(rest[slash...])) else { throw .notSPIFFE(uri) }
    return identity
  }

  public var description: String { name }
}

/// Why a peer with a valid certificate chain is nobody here.
public enum PeerRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case noCertificate
  /// The certificate must have exactly one URI name.
  case wrongNumberOfNames(Int)
  case malformedNames
  case notSPIFFE(String)
  case foreignTrustDomain(expected: TrustDomain, uri: String)
  /// A node that nobody has pinned, where nodes are pinned.
  case unpinnedNode(String)
  /// A node's certificate that is neither the pinned one nor issued by it.
  case pinMismatch(node: String)
  case unexpected(expected: PeerExpectation, came: PeerIdentity)
  /// Another certificate has taken its place; both times in seconds since 1970.
  case superseded(PeerIdentity, issued: Int64, since: Int64)

  public var description: String {
    switch self {
    case .noCertificate: "expected a certificate"
    case .wrongNumberOfNames(let count): "expected a certificate with one URI name, came \(count)"
    case .malformedNames: "the certificate's alternative names cannot be read"
    case .notSPIFFE: "expected a SPIFFE ID of a node, executor, agent, operator, approver or auditor"
    case .foreignTrustDomain(let expected, _): "expected a SPIFFE ID in trust domain \(expected)"
    case .unpinnedNode(let id): "expected a node that is pinned here; node \(id) is not"
    case .pinMismatch(let id): "the certificate of node \(id) does not match its pin"
    case .unexpected(let expected, let came): "expected \(expected), came \(came)"
    case .superseded(let identity, let issued, let since):
      "expected a certificate of \(identity) issued at \(since) or later (seconds since 1970), came one of \(issued)"
    }
  }
}

/// Whom a client will talk to.
public enum PeerExpectation: Equatable, Sendable, CustomStringConvertible {
  case exactly(PeerIdentity)
  case anyNode

  func admits(_ identity: PeerIdentity) -> Bool {
    switch (self, identity) {
    case (.exactly(let expected), _): identity == expected
    case (.anyNode, .node): true
    case (.anyNode, _): false
    }
  }

  public var description: String {
    switch self {
    case .exactly(let identity): identity.path
    case .anyNode: "any node"
    }
  }
}
