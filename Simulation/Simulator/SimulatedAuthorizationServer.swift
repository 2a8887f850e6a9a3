import Canonical
import Crypto
import Records

/// An authorization server over whole requests and answers of HTTP/1.0. A hostile one gives more than it was asked for.
struct SimulatedAuthorizationServer {
  /// An access token as the server knows it, whatever it told of it.
  struct Token: Sendable {
    let value: String
    let scopes: [String]
    let audiences: [String]
    /// Whether the server says in its answer, or in the token, what is too wide of it.
    let isWider: Bool
  }

  /// One answer; no bytes where it hangs up.
  struct Reply {
    let bytes: [UInt8]
    let token: Token?
  }

  private let seed: UInt64
  private var count: UInt64 = 0

  init(seed: UInt64) { self.seed = seed }

  mutating func answer(
    _ request: [UInt8], isHostile: Bool, using random: inout SeededRandom
  ) -> Reply {
    let form = Self.form(of: request)
    guard form["grant_type"] == "refresh_token", form["refresh_token"] != nil else {
      return Reply(bytes: Self.http(400, ["error": "invalid_grant"]), token: nil)
    }
    count += 1
    let asked = (form["scope"] ?? "").split(separator: " ").map(String.init)
    var scopes = asked
    var audiences = [form["resource"] ?? ""]
    var saysScope = random.chance(500_000)
    var isSigned = random.chance(500_000)
    if isHostile {
      switch random.below(5) {
      case 0: (scopes, saysScope) = (asked + ["books.write"], true)
      case 1: (scopes, saysScope, isSigned) = (["admin"], false, true)
      case 2: (audiences, isSigned) = (["https://elsewhere.example.net"], true)
      case 3: (audiences, isSigned) = (audiences + ["https://elsewhere.example.net"], true)
      default:
        return Reply(bytes: random.chance(500_000) ? [] : Self.http(200, ["error": "none"]), token: nil)
      }
    }
    let secret = SimulatedSecret.value("access \(count)", seed: seed)
    let value = isSigned ? Self.signed(secret, scopes, audiences) : secret
    var members: [(String, JSON)] = [("access_token", .string(value)), ("token_type", "Bearer")]
    if saysScope { members.append(("scope", .string(scopes.joined(separator: " ")))) }
    return Reply(
      bytes: Self.http(200, .object(members)),
      token: Token(value: value, scopes: scopes, audiences: audiences, isWider: isHostile))
  }

  /// A JSON Web Token of RFC 9068, with the secret part where its signature stands.
  private static func signed(_ secret: String, _ scopes: [String], _ audiences: [String]) -> String {
    let claims: JSON = [
      "aud": audiences.count == 1 ? .string(audiences[0]) : .array(audiences.map(JSON.string)),
      "scope": .string(scopes.joined(separator: " ")),
    ]
    return [Array(#"{"alg":"none"}"#.utf8), claims.canonicalBytes()].map(base64url).joined(separator: ".")
      + "." + secret
  }

  private static func base64url(_ bytes: [UInt8]) -> String {
    String(
      Base64.encode(bytes).compactMap { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 == "=" ? nil : $0 })
  }

  private static func http(_ status: Int, _ body: JSON) -> [UInt8] {
    Array("HTTP/1.0 \(status) -\r\nContent-Type: application/json\r\n\r\n".utf8) + body.canonicalBytes()
  }

  /// The fields of a request's body.
  private static func form(of request: [UInt8]) -> [String: String] {
    let text = String(decoding: request, as: UTF8.self)
    let body = text.split(separator: "\r\n", omittingEmptySubsequences: false).last ?? ""
    var out: [String: String] = [:]
    for field in body.split(separator: "&") {
      let parts = field.split(separator: "=", maxSplits: 1).map { decoded(String($0)) }
      if parts.count == 2 { out[parts[0]] = parts[1] }
    }
    return out
  }

  private static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let first = rest.popFirst() {
      if first == UInt8(ascii: "%"), rest.count >= 2,
        let byte = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self).lowercased())?.first
      {
        bytes.append(byte)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(first)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
