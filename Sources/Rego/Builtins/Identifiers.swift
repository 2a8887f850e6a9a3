import Crypto

// Versions, UUIDs and URIs.
extension Builtins {
  static let identifiers: [Builtin] = [
    Builtin("semver.is_valid", 1) { (a, _) throws(BuiltinError) in
      guard case .string(let text) = a.value(0) else { return .bool(false) }
      return .bool(SemanticVersion(text) != nil)
    },
    Builtin("semver.compare", 2) { (a, _) throws(BuiltinError) in
      func version(_ position: Int) throws(BuiltinError) -> SemanticVersion {
        let text = try a.string(position)
        guard let version = SemanticVersion(text) else {
          throw .failed("operand \(position + 1): string \(Format.quoted(text)) is not a valid SemVer")
        }
        return version
      }
      return .int(try version(0).compare(try version(1)))
    },
    Builtin("uuid.parse", 1) { (a, _) throws(BuiltinError) in
      guard case .string(let text) = a.value(0), let bytes = UUIDText.bytes(text) else { return nil }
      return .object(UUIDText.describe(bytes))
    },
    Builtin("uri.is_valid", 1) { (a, _) throws(BuiltinError) in
      guard case .string(let text) = a.value(0), !text.isEmpty else { return .bool(false) }
      return .bool((try? URIText(text)) != nil)
    },
    Builtin("uri.parse", 1) { (a, _) throws(BuiltinError) in
      let text = try a.string(0)
      do throws(URIError) {
        return .object(try URIText(text).described)
      } catch {
        throw .failed("parse \(Format.quoted(text)): \(error.message)")
      }
    },
  ]
}

/// A semantic version (semver.org 2.0), read as OPA reads it: a `v` may stand before it, and nothing behind a '-' or a '+'.
struct SemanticVersion {
  private let numbers: [BigInteger]
  private let prerelease: [String]

  init?(_ text: String) {
    var rest = text
    if rest.hasPrefix("v") { rest.removeFirst() }
    if let plus = rest.firstIndex(of: "+") {
      let tail = String(rest[rest.index(after: plus)...])
      guard tail.isEmpty || SemanticVersion.areNames(tail) else { return nil }
      rest = String(rest[..<plus])
    }
    var names: [String] = []
    if let dash = rest.firstIndex(of: "-") {
      let tail = String(rest[rest.index(after: dash)...])
      guard tail.isEmpty || SemanticVersion.areNames(tail) else { return nil }
      names = tail.isEmpty ? [] : Builtins.split(tail, ".", limit: nil)
      rest = String(rest[..<dash])
    }
    let parts = Builtins.split(rest, ".", limit: nil)
    guard parts.count == 3 else { return nil }
    var numbers: [BigInteger] = []
    for part in parts {
      guard !part.isEmpty, part.utf8.allSatisfy(Lexer.isDigit), part.utf8.count < 64,
        let value = BigInteger(part.utf8), value.small != nil
      else { return nil }
      numbers.append(value)
    }
    self.numbers = numbers
    prerelease = names
  }

  private static func areNames(_ text: String) -> Bool {
    Builtins.split(text, ".", limit: nil).allSatisfy { name in
      !name.isEmpty
        && name.utf8.allSatisfy {
          Lexer.isDigit($0) || Lexer.isNameStart($0) && $0 != UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
    }
  }

  func compare(_ other: SemanticVersion) -> Int {
    for (a, b) in zip(numbers, other.numbers) where a != b { return a < b ? -1 : 1 }
    // A version without a name stands behind those with one.
    if prerelease.isEmpty || other.prerelease.isEmpty {
      return prerelease.isEmpty == other.prerelease.isEmpty ? 0 : prerelease.isEmpty ? 1 : -1
    }
    for (a, b) in zip(prerelease, other.prerelease) where a != b {
      let x = a.utf8.allSatisfy(Lexer.isDigit) ? BigInteger(a.utf8) : nil
      let y = b.utf8.allSatisfy(Lexer.isDigit) ? BigInteger(b.utf8) : nil
      switch (x, y) {
      case (.some(let x), .some(let y)): if x != y { return x < y ? -1 : 1 }
      case (.some, .none): return -1
      case (.none, .some): return 1
      case (.none, .none): return Value.compare(a, b)
      }
    }
    let count = prerelease.count - other.prerelease.count
    return count < 0 ? -1 : count == 0 ? 0 : 1
  }
}

private enum UUIDText {
  static func bytes(_ text: String) -> [UInt8]? {
    var body = Array(text.utf8)
    switch body.count {
    case 36, 32: break
    case 45:
      guard UnicodeTables.lower(String(decoding: body[..<9], as: UTF8.self)) == "urn:uuid:" else {
        return nil
      }
      body = Array(body[9...])
    case 38: body = Array(body[1..<37])
    default: return nil
    }
    if body.count == 36 {
      guard [8, 13, 18, 23].allSatisfy({ body[$0] == UInt8(ascii: "-") }) else { return nil }
      body = body.enumerated().filter { ![8, 13, 18, 23].contains($0.offset) }.map(\.element)
    }
    return Hex.decode(UnicodeTables.lower(String(decoding: body, as: UTF8.self)))
  }

  static func describe(_ bytes: [UInt8]) -> ObjectValue {
    let version = Int(bytes[6] >> 4)
    var out = ObjectValue()
    out[.string("version")] = .int(version)
    let variant =
      switch bytes[8] {
      case _ where bytes[8] & 0xC0 == 0x80: "RFC4122"
      case _ where bytes[8] & 0xE0 == 0xC0: "Microsoft"
      case _ where bytes[8] & 0xE0 == 0xE0: "Future"
      default: "Reserved"
      }
    out[.string("variant")] = .string(variant)
    guard version == 1 || version == 2 else { return out }
    func number(_ range: Range<Int>) -> Int { bytes[range].reduce(0) { $0 << 8 | Int($1) } }
    let node = bytes[10...].map { Hex.encode([$0]) }.joined(separator: "-")
    out[.string("nodeid")] = .string(node)
    let scope = bytes[10] & 2 == 2 ? "local" : "global"
    let cast = bytes[10] & 1 == 1 ? "multicast" : "unicast"
    out[.string("macvariables")] = .string("\(scope):\(cast)")
    out[.string("clocksequence")] = .int(number(8..<10) & 0x3FFF)
    // Hundreds of nanoseconds since 1582-10-15.
    let ticks = number(0..<4) | number(4..<6) << 32 | (number(6..<8) & 0x0FFF) << 48
    let nanoseconds = (BigInteger(ticks) - BigInteger(122_192_928_000_000_000)) * BigInteger(100)
    out[.string("time")] = .number(Number(nanoseconds))
    if version == 2 {
      out[.string("id")] = .int(number(0..<4))
      let domain = ["Person", "Group", "Org"]
      out[.string("domain")] = .string(bytes[9] < 3 ? domain[Int(bytes[9])] : "Domain\(bytes[9])")
    }
    return out
  }
}

struct URIError: Error { let message: String }

/// A URI as Go's `net/url` takes it apart.
private struct URIText {
  private var scheme = ""
  private var opaque = ""
  private var hostname = ""
  private var port = ""
  private var path = ""
  private var rawPath = ""
  private var rawQuery = ""
  private var fragment = ""

  init(_ text: String) throws(URIError) {
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw URIError(message: "net/url: invalid control character in URL")
    }
    var rest = text
    if let hash = rest.firstIndex(of: "#") {
      fragment = try URIText.unescape(String(rest[rest.index(after: hash)...]))
      rest = String(rest[..<hash])
    }
    if let colon = rest.firstIndex(of: ":"), let first = rest.utf8.first {
      let name = rest[..<colon]
      let isName = name.utf8.allSatisfy {
        Lexer.isNameStart($0) && $0 != UInt8(ascii: "_") || Lexer.isDigit($0) || $0 == UInt8(ascii: "+")
          || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
      }
      if name.isEmpty { throw URIError(message: "missing protocol scheme") }
      if isName, Lexer.isNameStart(first) {
        scheme = UnicodeTables.lower(String(name))
        rest = String(rest[rest.index(after: colon)...])
      } else if isName == false || !name.contains("/"), !rest[..<colon].contains("/") {
        throw URIError(message: "first path segment in URL cannot contain colon")
      }
    }
    if let mark = rest.firstIndex(of: "?") {
      rawQuery = String(rest[rest.index(after: mark)...])
      rest = String(rest[..<mark])
    }
    if !scheme.isEmpty, !rest.hasPrefix("/"), !rest.isEmpty {
      opaque = rest
      return
    }
    if rest.hasPrefix("//"), !rest.hasPrefix("///") || !scheme.isEmpty {
      let authority = rest.dropFirst(2)
      let end = authority.firstIndex(of: "/") ?? authority.endIndex
      try takeAuthority(String(authority[..<end]))
      rest = String(authority[end...])
    }
    path = try URIText.unescape(rest)
    rawPath = URIText.escapedPath(rest)
  }

  private mutating func takeAuthority(_ text: String) throws(URIError) {
    var host = text
    if let at = text.lastIndex(of: "@") {
      let user = text[..<at]
      let marks = Array("-._:~!$&'()*+,;=%@".utf8)
      guard user.utf8.allSatisfy({ Lexer.isNameStart($0) || Lexer.isDigit($0) || marks.contains($0) }) else {
        throw URIError(message: "net/url: invalid userinfo")
      }
      _ = try URIText.unescape(String(user))
      host = String(text[text.index(after: at)...])
    }
    if host.hasPrefix("[") {
      guard let close = host.lastIndex(of: "]") else { throw URIError(message: "missing ']' in host") }
      hostname = String(host[host.index(after: host.startIndex)..<close])
      try takePort(String(host[host.index(after: close)...]))
      return
    }
    if let colon = host.lastIndex(of: ":") {
      try takePort(String(host[colon...]))
      host = String(host[..<colon])
    }
    hostname = try URIText.unescapeHost(host)
  }

  private mutating func takePort(_ text: String) throws(URIError) {
    guard !text.isEmpty else { return }
    guard text.hasPrefix(":"), text.utf8.dropFirst().allSatisfy(Lexer.isDigit) else {
      throw URIError(message: "invalid port \(Format.quoted(text)) after host")
    }
    port = String(text.dropFirst())
  }

  private static func unescapeHost(_ text: String) throws(URIError) -> String {
    let bytes = Array(text.utf8)
    var position = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "%") {
        // Only what is no ASCII may be escaped in a host.
        guard position + 2 < bytes.count,
          let value = UInt8(
            String(decoding: bytes[(position + 1)...(position + 2)], as: UTF8.self), radix: 16),
          value >= 0x80 || value == UInt8(ascii: "%")
        else {
          let shown = String(decoding: bytes[position..<min(position + 3, bytes.count)], as: UTF8.self)
          throw URIError(message: "invalid URL escape \(Format.quoted(shown))")
        }
        position += 3
        continue
      }
      let marks = Array("!$&'()*+,;=:[]<>\"-_.~".utf8)
      guard byte >= 0x80 || Lexer.isNameStart(byte) || Lexer.isDigit(byte) || marks.contains(byte) else {
        throw URIError(
          message: "invalid character \(Format.quoted(String(decoding: [byte], as: UTF8.self))) in host name")
      }
      position += 1
    }
    return try unescape(text)
  }

  private static func unescape(_ text: String) throws(URIError) -> String {
    var out: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.first {
      guard byte == UInt8(ascii: "%") else {
        out.append(byte)
        bytes = bytes.dropFirst()
        continue
      }
      let digits = bytes.dropFirst().prefix(2)
      guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16),
        !digits.contains(UInt8(ascii: "+"))
      else {
        throw URIError(
          message: "invalid URL escape \(Format.quoted(String(decoding: bytes.prefix(3), as: UTF8.self)))")
      }
      out.append(value)
      bytes = bytes.dropFirst(3)
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The path as it was written, but for escapes of what needs none there.
  private static func escapedPath(_ written: String) -> String {
    let plain = Array("-_.~!$&'()*+,;=:@".utf8)
    func isPlain(_ byte: UInt8) -> Bool {
      Lexer.isNameStart(byte) || Lexer.isDigit(byte) || plain.contains(byte)
    }
    var out: [UInt8] = []
    var bytes = Array(written.utf8)[...]
    while let byte = bytes.first {
      if byte == UInt8(ascii: "%"),
        let value = UInt8(String(decoding: bytes.dropFirst().prefix(2), as: UTF8.self), radix: 16)
      {
        out += isPlain(value) ? [value] : Array("%\(Hex.encode([value]).uppercased())".utf8)
        bytes = bytes.dropFirst(3)
        continue
      }
      out +=
        isPlain(byte) || byte == UInt8(ascii: "/")
        ? [byte] : Array("%\(Hex.encode([byte]).uppercased())".utf8)
      bytes = bytes.dropFirst()
    }
    return String(decoding: out, as: UTF8.self)
  }

  var described: ObjectValue {
    var out = ObjectValue()
    for (name, text) in [
      ("scheme", scheme), ("hostname", hostname), ("port", port), ("path", path), ("raw_path", rawPath),
      ("raw_query", rawQuery), ("fragment", fragment),
    ] where !text.isEmpty {
      out[.string(name)] = .string(text)
    }
    return out
  }
}
