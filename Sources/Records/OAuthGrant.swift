import Canonical
import Crypto

/// An access token that an action gets for one run (T2.4). The refresh token, for which it is exchanged, never leaves the
/// executor's vault.
public struct OAuthGrant: Hashable, Sendable, JSONWritable {
  /// Of the account in the vault, and of the file below /secrets that holds the access token.
  public var name: String
  /// What the access token may be good for, in the authorization server's words; it is asked for exactly these.
  public var scopes: [String]
  /// The one resource that it is for (RFC 8707), such as `https://api.example.org`.
  public var audience: String

  /// A grant.
  public init(name: String, scopes: [String], audience: String) {
    self.name = name
    self.scopes = scopes
    self.audience = audience
  }

  /// The scope that a token must grant for it.
  public var scope: String { "oauth:\(name)" }

  package init(from fields: inout Fields) throws(RecordError) {
    name = try fields.value("name", "1 to 64 of a-z 0-9 . _ -") { json in
      json.string.flatMap { SecretName.isValid($0) ? $0 : nil }
    }
    scopes = try fields.list("scopes", limit: 32, of: "scopes of RFC 6749 §3.3") { json in
      json.string.flatMap { Self.isScope($0) ? $0 : nil }
    }
    audience = try fields.value("audience", "https:// and what follows, at most 256 bytes") { json in
      json.string.flatMap { text in
        text.hasPrefix("https://") && text.utf8.count <= 256
          && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
          ? text : nil
      }
    }
    guard !scopes.isEmpty else { throw .field(fields.name("scopes"), expected: "at least one") }
  }

  public var members: [(String, JSON)] {
    [("name", .string(name)), ("scopes", .texts(scopes)), ("audience", .string(audience))]
  }

  /// Most accounts of one action.
  static let maximumCount = 4

  /// RFC 6749 §3.3: visible ASCII without quote and backslash.
  public static func isScope(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5B).contains($0) || (0x5D...0x7E).contains($0) }
  }
}

extension Fields {
  /// Access tokens of an action; none where the field is absent.
  mutating func optionalGrants() throws(RecordError) -> [OAuthGrant] {
    guard let value = optional("oauth") else { return [] }
    guard let count = value.array?.count, (1...OAuthGrant.maximumCount).contains(count) else {
      throw .field(name("oauth"), expected: "1 to \(OAuthGrant.maximumCount) objects")
    }
    return try objects("oauth", limit: OAuthGrant.maximumCount) { (inner) throws(RecordError) in
      try OAuthGrant(from: &inner)
    }
  }
}

extension ActionDefinition {
  /// Whether it says anything of what it reaches or knows beyond the names of its destinations.
  public var usesReach: Bool {
    egressLimits != nil || !secrets.isEmpty || !oauth.isEmpty || modelLimits != nil
  }

  /// Names of all files that it has below /secrets.
  public var secretNames: [String] { secrets + oauth.map(\.name) }
}
