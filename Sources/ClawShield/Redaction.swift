import Canonical
import Records
import Rego

/// What is covered before a result reaches an agent or a person (INV-010): what looks like a secret, members that are named
/// like one, and what the bundle's patterns find. The same bytes in give the same bytes out; a mark says what stood there.
public struct Redaction: Sendable {
  /// Members of objects whose values are covered whatever they are, in lower case without dashes and underscores: those
  /// of these names, and those whose names end like the second ones.
  private static let secretNames = ["authorization", "credentials"]
  private static let secretEndings = [
    "accesskey", "accesskeyid", "accesstoken", "apikey", "passphrase", "password", "passwd", "privatekey",
    "refreshtoken", "secret", "secretkey", "sessiontoken",
  ]
  /// Steps of a bundle's pattern for each byte of a text, and besides; a text that takes more is covered as a whole.
  private static let stepsPerByte = 16
  private static let steps = 1 << 14

  private let patterns: [(name: String, pattern: TextPattern)]

  /// Refuses a bundle with a pattern that is none.
  init(_ bundle: PolicyBundle) throws(ShieldError) {
    var patterns: [(name: String, pattern: TextPattern)] = []
    for rule in bundle.redactions {
      do {
        patterns.append((rule.name, try TextPattern(rule.pattern)))
      } catch {
        throw .bundle("redaction \(rule.name): \(error.description)")
      }
    }
    self.patterns = patterns
  }

  /// The value as it may be shown, and how many marks are in it.
  public func covering(_ value: JSON) -> (value: JSON, marks: Int) {
    switch value {
    case .string(let text):
      let (shown, marks) = covering(text)
      return (marks == 0 ? value : .string(shown), marks)
    case .array(let elements):
      let shown = elements.map(covering)
      return (.array(shown.map(\.value)), shown.reduce(0) { $0 + $1.marks })
    case .object(let object):
      var marks = 0
      var members: [(String, JSON)] = []
      for member in object.members {
        let name = covering(member.name)
        marks += name.1
        // Two covered names stay two.
        let shownName = name.1 == 0 ? member.name : "\(name.0) \(members.count + 1)"
        if Self.isSecret(member.name), member.value != .null {
          marks += 1
          members.append((shownName, .string(Self.mark("named-secret"))))
          continue
        }
        let shown = covering(member.value)
        marks += shown.marks
        members.append((shownName, shown.value))
      }
      return marks == 0 ? (value, 0) : (.object(members), marks)
    default: return (value, 0)
    }
  }

  /// Whether a file has what looks like a secret. The bundle's patterns are for results alone: they are not made for
  /// megabytes.
  public static func hasSecrets(_ bytes: [UInt8]) -> Bool { !SecretShapes.found(in: bytes, limit: 1).isEmpty }

  private func covering(_ text: String) -> (String, Int) {
    var shown = text
    var marks = 0
    let bytes = Array(text.utf8)
    let found = SecretShapes.found(in: bytes)
    if !found.isEmpty {
      var out: [UInt8] = []
      var start = 0
      for hit in found {
        out += bytes[start..<hit.range.lowerBound] + Array(Self.mark(hit.name).utf8)
        start = hit.range.upperBound
      }
      shown = String(decoding: out + bytes[start...], as: UTF8.self)
      marks = found.count
    }
    for (name, pattern) in patterns {
      let budget = Self.steps + Self.stepsPerByte * shown.utf8.count
      guard let covered = pattern.covering(shown, with: Self.mark(name), steps: budget) else {
        return (Self.mark("\(name): too much to look at"), 1)
      }
      shown = covered.text
      marks += covered.count
    }
    return (shown, marks)
  }

  private static func isSecret(_ name: String) -> Bool {
    guard name.utf8.count <= 64 else { return false }
    let plain = name.lowercased().filter { $0 != "_" && $0 != "-" }
    return secretNames.contains(plain) || secretEndings.contains { plain.hasSuffix($0) }
  }

  private static func mark(_ name: String) -> String { "[redacted: \(name)]" }
}

extension ShieldState {
  /// By the bundle in force.
  public var redaction: Redaction { compiled.redaction }
}
