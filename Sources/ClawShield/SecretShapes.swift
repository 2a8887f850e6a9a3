/// What secrets look like wherever they come from (INV-009, INV-010): found by how they begin and what they are made of,
/// in one pass over the bytes, so that files of megabytes can be looked at.
enum SecretShapes {
  private struct Shape: Sendable {
    let name: String
    let prefix: [UInt8]
    /// Bytes after the prefix, at least.
    let least: Int
    let more: [UInt8]
    /// How many dots must be among them.
    var dots = 0

    init(_ name: String, _ prefix: String, least: Int, more: String = "", dots: Int = 0) {
      self.name = name
      self.prefix = Array(prefix.utf8)
      self.least = least
      self.more = Array(more.utf8)
      self.dots = dots
    }

    func takes(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || more.contains(byte)
    }
  }

  private static let shapes = [
    Shape("aws-access-key", "AKIA", least: 16), Shape("aws-access-key", "ASIA", least: 16),
    Shape("github-token", "ghp_", least: 30), Shape("github-token", "gho_", least: 30),
    Shape("github-token", "ghu_", least: 30), Shape("github-token", "ghs_", least: 30),
    Shape("github-token", "ghr_", least: 30), Shape("github-token", "github_pat_", least: 22, more: "_"),
    Shape("gitlab-token", "glpat-", least: 20, more: "-_"),
    Shape("slack-token", "xoxb-", least: 10, more: "-"), Shape("slack-token", "xoxp-", least: 10, more: "-"),
    Shape("slack-token", "xoxa-", least: 10, more: "-"), Shape("slack-token", "xoxs-", least: 10, more: "-"),
    Shape("api-key", "sk-", least: 32, more: "-_"),
    Shape("json-web-token", "eyJ", least: 30, more: "-_.", dots: 2),
  ]
  private static let pemBegin = Array("-----BEGIN ".utf8)
  private static let pemKind = Array("PRIVATE KEY".utf8)
  private static let pemEnd = Array("-----END ".utf8)
  private static let dashes = Array("-----".utf8)

  /// Where secrets are, ascending, none in another.
  static func found(in bytes: [UInt8], limit: Int = .max) -> [(range: Range<Int>, name: String)] {
    var out: [(range: Range<Int>, name: String)] = []
    var place = 0
    // How far each shape was looked for in vain: what begins before that and would end there is shorter still.
    var vain = [Int](repeating: 0, count: shapes.count)
    while place < bytes.count, out.count < limit {
      if let hit = hit(bytes, at: place, &vain) {
        out.append((place..<hit.end, hit.name))
        place = hit.end
      } else {
        place += 1
      }
    }
    return out
  }

  private static func hit(
    _ bytes: [UInt8], at place: Int, _ vain: inout [Int]
  ) -> (end: Int, name: String)? {
    switch bytes[place] {
    case UInt8(ascii: "-"): return pem(bytes, at: place).map { ($0, "private-key") }
    case UInt8(ascii: "A"), UInt8(ascii: "g"), UInt8(ascii: "x"), UInt8(ascii: "s"), UInt8(ascii: "e"): break
    default: return nil
    }
    // In the middle of a word it is another word.
    if place > 0, isWord(bytes[place - 1]) { return nil }
    for (number, shape) in shapes.enumerated() where bytes[place...].starts(with: shape.prefix) {
      var end = place + shape.prefix.count
      guard end > vain[number] else { continue }
      var dots = 0
      while end < bytes.count, shape.takes(bytes[end]) {
        if bytes[end] == UInt8(ascii: ".") { dots += 1 }
        end += 1
      }
      if end - place - shape.prefix.count >= shape.least, dots >= shape.dots { return (end, shape.name) }
      vain[number] = end
    }
    return nil
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  /// The end of a private key in PEM that begins here; of one that is cut off, the end of the text.
  private static func pem(_ bytes: [UInt8], at place: Int) -> Int? {
    guard bytes[place...].starts(with: pemBegin) else { return nil }
    let line = bytes[place...].prefix(80)
    guard let kind = line.firstRange(of: pemKind), kind.lowerBound > place else { return nil }
    var end = kind.upperBound
    while end < bytes.count {
      if bytes[end] == UInt8(ascii: "-"), bytes[end...].starts(with: pemEnd) {
        let after = end + pemEnd.count
        guard let close = bytes[after...].prefix(80).firstRange(of: dashes) else { return bytes.count }
        return close.upperBound
      }
      end += 1
    }
    return bytes.count
  }
}
