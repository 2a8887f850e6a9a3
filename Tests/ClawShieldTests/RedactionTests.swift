import Canonical
import Records
import Testing

@testable import ClawShield

/// INV-010: what is covered in results, and that nothing else is.
struct RedactionTests {
  private func redaction(_ rules: String = "[]") throws -> Redaction {
    var registry = Registry()
    registry.override = registry.text.replacing(
      #""breakers":"#, with: #""redaction":\#(rules),"breakers":"#)
    return try Governed(registry: registry).state.redaction
  }

  private func covered(_ text: String, _ rules: String = "[]") throws -> String? {
    try redaction(rules).covering(.string(text)).value.string
  }

  private static let token = "ghp_" + String(repeating: "a1B2", count: 9)
  private static let pem =
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabcd\n-----END RSA PRIVATE KEY-----"

  @Test(
    "secrets are covered by their shape, wherever they stand in a text",
    arguments: [
      ("AKIAIOSFODNN7EXAMPLE", "aws-access-key"), (token, "github-token"),
      ("glpat-abcdefghij_KLMNOP-xyz", "gitlab-token"), ("xoxb-1234567890-abcdef", "slack-token"),
      ("sk-" + String(repeating: "Ab3_", count: 9), "api-key"),
      ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "json-web-token"),
      (pem, "private-key"),
    ])
  func shapes(secret: String, name: String) throws {
    #expect(try covered(secret) == "[redacted: \(name)]")
    #expect(try covered("before \(secret) after é") == "before [redacted: \(name)] after é")
    #expect(try covered("\(secret),\(secret)") == "[redacted: \(name)],[redacted: \(name)]")
    #expect(Redaction.hasSecrets(Array("x \(secret)".utf8)))
  }

  @Test(
    "what only begins like one stays as it is",
    arguments: [
      "AKIA is a name", "ghp_short", "sketch", "eyJust saying", "PRIVATE KEY", "-----BEGIN CERTIFICATE-----",
      "BAKIAIOSFODNN7EXAMPLE", "eyJ" + String(repeating: "a", count: 60), "",
    ])
  func others(text: String) throws {
    #expect(try covered(text) == text)
    #expect(!Redaction.hasSecrets(Array(text.utf8)))
  }

  @Test(
    "what begins like a secret again and again is looked at once, and hides none", .timeLimit(.minutes(1)))
  func beginnings() throws {
    #expect(!Redaction.hasSecrets(Array(String(repeating: "eyJ-", count: 200_000).utf8)))
    #expect(try covered("eyJ-eyJ-\(Self.token)") == "eyJ-eyJ-[redacted: github-token]")
    let real = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
    #expect(try covered("eyJ eyJ-. \(real)") == "eyJ eyJ-. [redacted: json-web-token]")
  }

  @Test("names that hold a secret, and names that end like one of a secret, are covered too")
  func memberNames() throws {
    let value: JSON = .object(JSONObject([(Self.token, 1), ("db_password", "x"), ("passwords_changed", 3)]))
    let (shown, marks) = try redaction().covering(value)
    #expect(marks == 2 && shown["[redacted: github-token] 2"] == 1)
    #expect(shown["db_password"]?.string == "[redacted: named-secret]" && shown["passwords_changed"] == 3)
  }

  @Test("a key that is cut off is covered to its end")
  func cut() throws {
    #expect(try covered("x -----BEGIN PRIVATE KEY-----\nMIIEow") == "x [redacted: private-key]")
  }

  @Test("members are covered by name, also below others, and marks are counted")
  func names() throws {
    let value: JSON = [
      "user": "pat", "Api-Key": "x",
      "nested": ["password": ["a", "b"], "list": ["fine", .string(Self.token)]],
      "secret": .null, "secretary": "sam",
    ]
    let (shown, marks) = try redaction().covering(value)
    #expect(marks == 3)
    #expect(shown["Api-Key"]?.string == "[redacted: named-secret]")
    #expect(shown["nested"]?["password"]?.string == "[redacted: named-secret]")
    #expect(shown["nested"]?["list"]?.array?.last?.string == "[redacted: github-token]")
    #expect(shown["secretary"]?.string == "sam" && shown["user"]?.string == "pat")
    #expect(shown["secret"]?.canonical == "null")
  }

  @Test("the bundle's patterns cover what they find, after the shapes and in their order")
  func patterns() throws {
    let rules = #"[{"name":"iban","pattern":"DE[0-9]{20}"},{"name":"digits","pattern":"[0-9]{4,}"}]"#
    #expect(
      try covered("pay DE12345678901234567890 to 12345, or 123", rules)
        == "pay [redacted: iban] to [redacted: digits], or 123")
    #expect(try covered("a \(Self.token)", rules) == "a [redacted: github-token]")
  }

  @Test("a text that takes more than its budget is covered as a whole")
  func budget() throws {
    let rules = #"[{"name":"dear","pattern":"(a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p){1,200}z"}]"#
    let text = String(repeating: "abcdefghijklmnop", count: 400)
    #expect(try covered(text, rules) == "[redacted: dear: too much to look at]")
  }

  @Test(
    "a pattern that is none, or finds nothing at all, is refused with its bundle, and older semantics have none"
  )
  func faults() throws {
    for pattern in ["(", "a*", "^", ""] {
      #expect(throws: (any Error).self, "\(pattern)") {
        try redaction(#"[{"name":"p","pattern":"\#(pattern)"}]"#)
      }
    }
    var registry = Registry()
    registry.override = registry.text.replacing(
      #""breakers":"#, with: #""redaction":[{"name":"p","pattern":"x"}],"breakers":"#)
    #expect(throws: ShieldError.self) { try Governed(registry: registry, semantics: Semantics.people - 1) }
  }
}
