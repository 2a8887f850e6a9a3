import Canonical
import Crypto
import Records
import Testing

@testable import OpenExec

/// T2.4: an access token is never good for more than was granted.
@Suite("OAuth exchange")
struct OAuthExchangeTests {
  let grant = OAuthGrant(
    name: "calendar", scopes: ["cal.read", "cal.list"], audience: "https://api.example.org")

  func account(_ change: (inout [(String, JSON)]) -> Void = { _ in }) throws -> OAuthAccount {
    var members: [(String, JSON)] = [
      ("token_endpoint", "https://auth.example.org/token"),
      ("revocation_endpoint", "https://auth.example.org/revoke"),
      ("client_id", "ex ec"), ("client_secret", "s&cret"), ("refresh_token", "r+fresh"),
    ]
    change(&members)
    return try OAuthAccount(JSON.object(members).canonicalBytes())
  }

  func judge(_ body: String, status: String = "HTTP/1.1 200 OK") -> Result<OAuthTokens, OAuthError> {
    let answer = Array("\(status)\r\nContent-Type: application/json\r\n\r\n\(body)".utf8)
    return Result { () throws(OAuthError) in try OAuthTokens(answer, for: grant) }
  }

  func token(_ more: String) -> String { #"{"access_token":"0123456789","token_type":"Bearer"\#(more)}"# }

  func web(_ claims: String) -> String {
    let encoded = Base64.encode(Array(claims.utf8)).replacing("+", with: "-").replacing("/", with: "_")
      .replacing("=", with: "")
    return #"{"access_token":"eyJhbGciOiJub25lIn0.\#(encoded).sig","token_type":"bearer"}"#
  }

  @Test(
    "the exchange asks for exactly the granted scopes, for the pinned resource; the revocation names the token"
  )
  func requests() throws {
    let text = String(decoding: try account().exchange(for: grant), as: UTF8.self)
    #expect(text.hasPrefix("POST /token HTTP/1.0\r\nHost: auth.example.org\r\n"))
    #expect(
      text.hasSuffix(
        "\r\n\r\ngrant_type=refresh_token&refresh_token=r%2Bfresh&scope=cal.read%20cal.list"
          + "&resource=https%3A%2F%2Fapi.example.org&client_id=ex%20ec&client_secret=s%26cret"))
    let ended = String(decoding: try account().revocation(of: "a b"), as: UTF8.self)
    #expect(
      ended.hasPrefix("POST /revoke HTTP/1.0")
        && ended.contains("\r\n\r\ntoken=a%20b&token_type_hint=access_token&"))
  }

  @Test("what is granted, or less, is taken")
  func good() throws {
    for body in [
      token(""), token(#","scope":"cal.read""#), token(#","scope":"cal.list cal.read","expires_in":300"#),
      web(#"{"aud":"https://api.example.org","scope":"cal.read"}"#),
      web(#"{"aud":["https://api.example.org"]}"#),
      web(#"{"scp":["cal.list"]}"#),
    ] {
      let found = judge(body)
      guard case .success(let tokens) = found else {
        Issue.record("\(body): \(found)")
        continue
      }
      #expect(tokens.refreshToken == nil)
    }
    let rotated = try judge(token(#","refresh_token":"next""#)).get()
    #expect(rotated.refreshToken == "next" && rotated.accessToken == "0123456789")
    let before = try account()
    let kept = try OAuthAccount(before.rotated(to: "next"))
    #expect(kept.secrets == ["next", "s&cret"] && kept.token == before.token)
  }

  @Test("a wider scope is refused, wherever it is said")
  func wider() {
    for body in [
      token(#","scope":"cal.read admin""#), token(#","scope":"admin""#), web(#"{"scope":"cal.read admin"}"#),
      web(#"{"scp":["cal.read","admin"]}"#), web(#"{"scp":"admin"}"#),
    ] { #expect(judge(body) == .failure(.wider("admin")), "\(body)") }
    #expect(judge(token(#","scope":"cal.*""#)) == .failure(.wider("cal.*")))
  }

  @Test("another audience than the pinned one, or one more, is refused")
  func audience() {
    for audience in [#""https://evil.example""#, #"["https://api.example.org","https://evil.example"]"#] {
      #expect(judge(web(#"{"aud":\#(audience)}"#)) == .failure(.audience("https://evil.example")))
    }
    for audience in ["1", "[]", "{}", "[1]", "null"] {
      guard case .failure(.audience) = judge(web(#"{"aud":\#(audience)}"#)) else {
        Issue.record("\(audience) was taken")
        continue
      }
    }
  }

  @Test("what is no answer is none, and says no more than a status and a code of it")
  func malformed() {
    #expect(
      judge(#"{"error":"invalid_grant"}"#, status: "HTTP/1.1 400 Bad")
        == .failure(.refused(status: 400, code: "invalid_grant")))
    #expect(
      judge(#"{"error":"s3cret / <x>"}"#, status: "HTTP/1.1 401 No")
        == .failure(.refused(status: 401, code: "")))
    for body in [
      "", "[]", "{}", token(#","scope":7"#), #"{"access_token":"short","token_type":"Bearer"}"#,
      #"{"access_token":"0123456789"}"#, #"{"access_token":"0123456789","token_type":"mac"}"#,
      #"{"access_token":"01234 6789","token_type":"Bearer"}"#, token(#","refresh_token":"""#),
    ] {
      guard case .failure(.malformed) = judge(body) else {
        Issue.record("\(body): \(judge(body))")
        continue
      }
    }
    for status in [
      "HTTP/1.1 302 Found", "HTTP/2 200", "junk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
    ] {
      let isGood = (try? judge(token(""), status: status).get()) != nil
      #expect(!isGood, "\(status)")
    }
  }

  @Test("an account's servers are named by https, or by this host's own loopback")
  func accounts() throws {
    for url in [
      "http://auth.example.org/token", "https://auth.example.org", "https://10.0.0.1/token",
      "https://user@a.example/x",
      "ftp://a.example/", "http://127.0.0.1.evil.example:80/x", "http://localhost:80/x",
      "https://localhost/x",
      "https://a.example/x#f",
    ] {
      #expect(throws: OAuthError.self, "\(url)") {
        try account { $0[0].1 = .string(url) }
      }
    }
    let local = try account { $0[0].1 = "http://127.0.0.1:8080/token" }
    #expect(!local.token.isSecure && local.token.port == 8080)
    #expect(throws: OAuthError.self) { try account { $0.append(("more", "x")) } }
    #expect(throws: OAuthError.self) { try account { $0.removeLast() } }
    #expect(throws: OAuthError.self) { try OAuthAccount(Array("tok".utf8)) }
  }
}
