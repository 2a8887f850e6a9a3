import Canonical
import Crypto
import OpenExec
import Records

/// The one action that reaches out, in the worlds where an agent proposes it, and what is true of it: oracles hold runs
/// against this, and not against what the executor makes of the registry.
enum SimulatedReach {
  static let action = "fetch"
  /// What two executors run.
  static let verified = "prove"
  static let host = "api.example.com"
  static let port = 80
  /// Where its name leads while nobody plays with names.
  static let address = "93.184.216.34"
  static let sentBytes = 4_096
  /// What its image is, as it was approved.
  static let image = Array("the image of fetch, as it was approved".utf8)
  static var imageDigest: String { "sha256:" + SHA256.hash(image).hex }
  /// Of the document that says where an image came from.
  static func provenance(of image: String) -> Digest { SHA256.hash("where \(image) came from") }
  static let secret = "key"
  static let account = OAuthGrant(
    name: "books", scopes: ["books.list", "books.read"], audience: "https://api.example.com")
  static let scopes = ["egress:\(host):\(port)", "oauth:\(account.name)", "secret:\(secret)"]

  /// What reaches out, and what two executors run.
  static let actions = [
    SimulatedAction(
      name: action, description: "Asks a service", image: imageDigest, scopes: scopes + ["text"], most: "0.1",
      egress: ["http+write://\(host):\(port)"],
      more: [
        #""egress_limits":{"sent_bytes":\#(sentBytes),"received_bytes":65536,"connections":16,"#
          + #""connections_per_min":16},"#,
        #""oauth":[\#(String(decoding: account.json.canonicalBytes(), as: UTF8.self))],"#,
        #""secrets":["\#(secret)"],"#,
      ]),
    SimulatedAction(
      name: verified, description: "Works something out", most: "0.02", more: [#""verification":2,"#]),
  ]
}

/// Secrets of simulated vaults: each begins with one word that stands nowhere else, so that whatever holds it in any form has
/// a secret in it.
enum SimulatedSecret {
  private static let word = "sealedsecret"

  /// A value of a name.
  static func value(_ name: String, seed: UInt64) -> String {
    word + String(SHA256.hash("\(seed) \(name)").hex.prefix(24))
  }

  /// The forms that are looked for: as it is, in hexadecimal, in base64 wherever in it the word begins, and with percent
  /// signs.
  private static let forms: [[UInt8]] = {
    let bytes = Array(word.utf8)
    let escaped = bytes.flatMap { Array("%\(Hex.encode([$0]))".utf8) }
    return CanaryBook.encodings.map { $0(bytes) } + [escaped, upper(escaped)]
  }()

  private static func upper(_ text: [UInt8]) -> [UInt8] {
    text.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
  }

  static func stands(in bytes: [UInt8]) -> Bool {
    forms.contains { CanaryBook.contains(bytes, $0) }
  }

  /// How an action may write a secret down: each form that output is searched for, and some that differ from them.
  static func written(_ value: [UInt8], form: Int) -> [UInt8] {
    let encodings = CanaryBook.encodings
    if form < 3 { return encodings[form](value) }
    switch form {
    case 3...5:
      let padded = [UInt8](repeating: 0x20, count: form - 3) + value
      return Array(Base64.encode(padded).utf8)
    case 6: return value.flatMap { Array("%\(Hex.encode([$0]))".utf8) }
    case 7: return upper(value.flatMap { Array("%\(Hex.encode([$0]))".utf8) })
    default: return value
    }
  }
  static let formCount = 8
}

/// What a simulated executor's vault holds: for each tenant one secret and one account of an authorization server.
struct SimulatedVault: Sendable {
  let seed: UInt64

  /// Nil where there is none.
  func secret(_ name: String, of tenant: String) -> [UInt8]? {
    switch name {
    case SimulatedReach.secret:
      return Array(SimulatedSecret.value("\(tenant) \(name)", seed: seed).utf8)
    case SimulatedReach.account.name:
      let account: JSON = [
        "token_endpoint": "https://auth.example.com/token",
        "revocation_endpoint": "https://auth.example.com/revoke", "client_id": "openexec",
        "refresh_token": .string(SimulatedSecret.value("\(tenant) refresh", seed: seed)),
      ]
      return account.canonicalBytes()
    default: return nil
    }
  }
}
