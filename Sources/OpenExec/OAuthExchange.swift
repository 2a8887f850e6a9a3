import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// Why there is no access token. No case holds a token, a secret or what a server said of one.
public enum OAuthError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The account in the vault is none.
  case account(String)
  /// No answer, and why.
  case unreachable(String)
  /// The server's answer is none of RFC 6749's.
  case malformed(String)
  /// What the server answered instead: its status, and its error code of RFC 6749 §5.2.
  case refused(status: Int, code: String)
  /// The server gives more than was asked for.
  case wider(String)
  /// The token is for another resource than the pinned one.
  case audience(String)

  public var description: String {
    switch self {
    case .account(let what): "the account in the vault: expected \(what)"
    case .unreachable(let why): "the authorization server cannot be reached: \(why)"
    case .malformed(let what): "the authorization server's answer: expected \(what)"
    case .refused(let status, let code): "the authorization server refused: \(status) \(code)"
    case .wider(let scope): "the authorization server gives a wider scope than was asked for: \(scope)"
    case .audience(let found): "the access token is for another resource than the pinned one: \(found)"
    }
  }
}

/// Where a request goes: `https://host[:port]/path`, or `http://` to this host's own loopback.
public struct OAuthEndpoint: Equatable, Sendable {
  public let isSecure: Bool
  public let host: String
  public let port: Int
  public let path: String

  /// Nil for any other form.
  public init?(_ text: String) {
    let rest: String
    if let after = text.rest(after: "https://") {
      (isSecure, rest) = (true, after)
    } else if let after = text.rest(after: "http://127.0.0.1:") {
      (isSecure, rest) = (false, "127.0.0.1:" + after)
    } else {
      return nil
    }
    let bytes = Array(rest.utf8)
    guard bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x23 && $0 != 0x40 }),
      let slash = bytes.firstIndex(of: 0x2F)
    else { return nil }
    let parts = String(decoding: bytes[..<slash], as: UTF8.self).parts(separatedBy: 0x3A)
    guard parts.count <= 2, HostName.isPublic(parts[0]) || !isSecure,
      let port = parts.count == 2 ? HostName.port(parts[1]) : 443
    else { return nil }
    (host, self.port) = (parts[0], port)
    path = String(decoding: bytes[slash...], as: UTF8.self)
  }
}

/// What a vault holds for one account: the refresh token, and where it is exchanged.
public struct OAuthAccount: Equatable, Sendable {
  public let token: OAuthEndpoint
  /// Where access tokens are revoked (RFC 7009).
  public let revocation: OAuthEndpoint
  private let clientID: String
  private let clientSecret: String?
  public private(set) var refreshToken: String
  private let tokenURL: String
  private let revocationURL: String

  /// Reads the value of a secret: `{"token_endpoint", "revocation_endpoint", "client_id", "client_secret" (may be
  /// absent), "refresh_token"}`.
  public init(_ value: [UInt8]) throws(OAuthError) {
    guard let json = try? JSON.parse(value), var fields = try? Fields(json) else {
      throw .account("an object of JSON")
    }
    do {
      tokenURL = try fields.text("token_endpoint", limit: 512)
      revocationURL = try fields.text("revocation_endpoint", limit: 512)
      clientID = try fields.text("client_id", limit: 512)
      clientSecret = try fields.optionalValue("client_secret", "text", \.string)
      refreshToken = try fields.text("refresh_token", limit: 4_096)
      try fields.finish()
    } catch {
      throw .account("token_endpoint, revocation_endpoint, client_id, refresh_token: \(error)")
    }
    guard let token = OAuthEndpoint(tokenURL), let revocation = OAuthEndpoint(revocationURL) else {
      throw .account("endpoints that begin with https://, or with http://127.0.0.1:")
    }
    (self.token, self.revocation) = (token, revocation)
  }

  /// The value with the refresh token that a server gave in place of the old one (RFC 6749 §6).
  public func rotated(to refreshToken: String) -> [UInt8] {
    var members: [(String, JSON)] = [
      ("token_endpoint", .string(tokenURL)), ("revocation_endpoint", .string(revocationURL)),
      ("client_id", .string(clientID)), ("refresh_token", .string(refreshToken)),
    ]
    if let clientSecret { members.append(("client_secret", .string(clientSecret))) }
    return JSON.object(members).canonicalBytes()
  }

  /// What is kept out of outputs, beside the access token.
  public var secrets: [String] { [refreshToken] + (clientSecret.map { [$0] } ?? []) }

  // MARK: Requests

  /// The request for an access token of exactly the granted scopes, for the pinned resource.
  public func exchange(for grant: OAuthGrant) -> [UInt8] {
    request(
      token,
      [
        ("grant_type", "refresh_token"), ("refresh_token", refreshToken),
        ("scope", grant.scopes.joined(separator: " ")), ("resource", grant.audience),
      ])
  }

  /// The request that ends an access token.
  public func revocation(of accessToken: String) -> [UInt8] {
    request(revocation, [("token", accessToken), ("token_type_hint", "access_token")])
  }

  /// HTTP/1.0, so that the answer is what comes until the end.
  private func request(_ endpoint: OAuthEndpoint, _ form: [(String, String)]) -> [UInt8] {
    var form = form + [("client_id", clientID)]
    if let clientSecret { form.append(("client_secret", clientSecret)) }
    let body = form.map { "\($0.0)=\(OAuthAccount.escaped($0.1))" }.joined(separator: "&")
    let port = endpoint.isSecure && endpoint.port == 443 ? "" : ":\(endpoint.port)"
    let head =
      "POST \(endpoint.path) HTTP/1.0\r\nHost: \(endpoint.host)\(port)\r\nAccept: application/json\r\n"
      + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    return Array((head + body).utf8)
  }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += "%" + Hex.encode([byte]).uppercased()
      }
    }
    return out
  }
}

/// What a server gave for a refresh token.
public struct OAuthTokens: Equatable, Sendable {
  public let accessToken: String
  /// In place of the one that was used; nil where that is still good.
  public let refreshToken: String?

  /// Longest answer in bytes.
  public static let maximumAnswer = 64 << 10

  /// Judges a whole answer: nothing in it may be wider than `grant`, whatever else it says. What a token does not say
  /// of itself (an opaque one) was asked for, and is the server's word.
  public init(_ answer: [UInt8], for grant: OAuthGrant) throws(OAuthError) {
    let (status, body) = try OAuthTokens.split(answer)
    guard let json = try? JSON.parse(body, limits: .interchange), case .object = json else {
      throw .malformed("an object of JSON, came status \(status)")
    }
    guard status == 200 else {
      let code = json["error"]?.string ?? ""
      throw .refused(
        status: status, code: code.utf8.allSatisfy(OAuthTokens.isPlain) ? String(code.prefix(64)) : "")
    }
    guard let token = json["access_token"]?.string,
      (RunSecret.minimumBytes...8_192).contains(token.utf8.count),
      token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw .malformed("access_token, 8 to 8192 visible characters") }
    guard json["token_type"]?.string?.lowercased() == "bearer" else { throw .malformed("token_type Bearer") }
    // RFC 6749 §5.1: left out where it is what was asked for.
    if let given = json["scope"] {
      guard let text = given.string else { throw .malformed("scope as text") }
      try OAuthTokens.check(text, against: grant)
    }
    accessToken = token
    refreshToken = json["refresh_token"]?.string
    guard refreshToken.map({ (1...4_096).contains($0.utf8.count) }) ?? true else {
      throw .malformed("a refresh_token of at most 4096 bytes")
    }
    try OAuthTokens.checkClaims(of: token, against: grant)
  }

  /// The access token in an answer, whatever else is wrong with it: so that it can be ended.
  public static func token(in answer: [UInt8]) -> String? {
    guard let (_, body) = try? split(answer), let json = try? JSON.parse(body, limits: .interchange),
      let token = json["access_token"]?.string, token.utf8.count <= 8_192
    else { return nil }
    return token
  }

  /// The refresh token that an answer gives in place of the one that was used, whatever else is wrong with it: a server
  /// that rotates has ended the old one, and an answer that is refused must not cost the account.
  public static func rotation(in answer: [UInt8]) -> String? {
    guard let (status, body) = try? split(answer), status == 200,
      let json = try? JSON.parse(body, limits: .interchange),
      let token = json["refresh_token"]?.string, (1...4_096).contains(token.utf8.count)
    else { return nil }
    return token
  }

  private static func isPlain(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || byte == 0x5F }

  private static func check(_ text: String, against grant: OAuthGrant) throws(OAuthError) {
    #if SIMULATION
    if Mutant.widerTokenTaken.isActive { return }
    #endif
    for scope in text.parts(separatedBy: 0x20) where !scope.isEmpty && !grant.scopes.contains(scope) {
      throw .wider(OAuthGrant.isScope(scope) ? scope : "an unreadable scope")
    }
  }

  /// A JSON Web Token says for whom it is (RFC 9068): its audience is the pinned one alone, its scope within the grant.
  /// The signature is the resource's to check; what is judged here is what the server claims to have given.
  private static func checkClaims(of token: String, against grant: OAuthGrant) throws(OAuthError) {
    let parts = token.parts(separatedBy: 0x2E)
    guard parts.count == 3, let bytes = base64url(parts[1]),
      let claims = try? JSON.parse(bytes, limits: .interchange),
      case .object = claims
    else { return }
    if let audience = claims["aud"] {
      let named = audience.string.map { [$0] } ?? audience.array?.map { $0.string ?? "" } ?? [""]
      guard named == [grant.audience] else {
        throw .audience(named.first { $0 != grant.audience }.map { String($0.prefix(256)) } ?? "several")
      }
    }
    if let scope = claims["scope"]?.string { try check(scope, against: grant) }
    if let scopes = claims["scp"] {
      try check(
        scopes.string ?? (scopes.array ?? []).map { $0.string ?? "\"" }.joined(separator: " "), against: grant
      )
    }
  }

  private static func base64url(_ text: String) -> [UInt8]? {
    let plain = text.utf8.map { $0 == 0x2D ? UInt8(0x2B) : $0 == 0x5F ? 0x2F : $0 }
    let padding = String(repeating: "=", count: (4 - plain.count % 4) % 4)
    return Base64.decode(String(decoding: plain, as: UTF8.self) + padding)
  }

  /// Status and body of an answer to HTTP/1.0: the body is what comes until the end.
  static func split(_ answer: [UInt8]) throws(OAuthError) -> (status: Int, body: [UInt8]) {
    guard answer.count <= maximumAnswer else { throw .malformed("at most \(maximumAnswer) bytes") }
    guard let end = try? ProxyRequest.headLength(answer) else { throw .malformed("a head of HTTP") }
    let lines = String(decoding: answer[..<end], as: UTF8.self).parts(separatedBy: 0x0A)
    let words = lines[0].parts(separatedBy: 0x20)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
      let status = Int(words[1])
    else {
      throw .malformed("HTTP/1.x and a status")
    }
    guard !lines.contains(where: { $0.lowercased().hasPrefix("transfer-encoding") }) else {
      throw .malformed("no Transfer-Encoding, which HTTP/1.0 does not have")
    }
    return (status, Array(answer[end...]))
  }
}
