import Crypto

// Texts that stand for other texts, and JSON.
extension Builtins {
  static let encodings: [Builtin] = [
    Builtin("base64.encode", 1) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      try meter.spend(bytes: 2 * text.utf8.count)
      return .string(Base64.encode(Array(text.utf8)))
    },
    Builtin("base64.decode", 1) { (a, _) throws(BuiltinError) in
      guard let bytes = LooseBase64.decode(try a.string(0), isURL: false) else {
        throw .failed("illegal base64 data")
      }
      return .string(String(decoding: bytes, as: UTF8.self))
    },
    Builtin("base64.is_valid", 1) { (a, _) throws(BuiltinError) in
      .bool(LooseBase64.decode(try a.string(0), isURL: false) != nil)
    },
    Builtin("base64url.encode", 1) { (a, _) throws(BuiltinError) in
      .string(LooseBase64.urlEncode(try a.string(0), isPadded: true))
    },
    Builtin("base64url.encode_no_pad", 1) { (a, _) throws(BuiltinError) in
      .string(LooseBase64.urlEncode(try a.string(0), isPadded: false))
    },
    Builtin("base64url.decode", 1) { (a, _) throws(BuiltinError) in
      guard let bytes = LooseBase64.decode(try a.string(0), isURL: true) else {
        throw .failed("illegal base64 data")
      }
      return .string(String(decoding: bytes, as: UTF8.self))
    },
    Builtin("hex.encode", 1) { (a, _) throws(BuiltinError) in
      .string(Hex.encode(Array(try a.string(0).utf8)))
    },
    Builtin("hex.decode", 1) { (a, _) throws(BuiltinError) in
      guard let bytes = Hex.decode(try UnicodeTables.lower(a.string(0))) else {
        throw .failed("invalid hexadecimal text")
      }
      return .string(String(decoding: bytes, as: UTF8.self))
    },
    Builtin("urlquery.encode", 1) { (a, _) throws(BuiltinError) in .string(URLQuery.encode(try a.string(0)))
    },
    Builtin("urlquery.decode", 1) { (a, _) throws(BuiltinError) in
      guard let text = URLQuery.decode(try a.string(0)) else { throw .failed("invalid URL escape") }
      return .string(text)
    },
    Builtin("urlquery.encode_object", 1) { (a, _) throws(BuiltinError) in
      var pairs: [String] = []
      for member in try a.object(0).members {
        guard case .string(let name) = member.key else {
          throw .operand(1, expected: "object of string keys", found: member.key.typeName)
        }
        let values: [Value]
        switch member.value {
        case .string: values = [member.value]
        case .array(let array): values = array
        case .set(let set): values = set.elements
        default:
          throw .operand(1, expected: "one of {string, array, set}", found: member.value.typeName)
        }
        for value in values {
          guard case .string(let text) = value else {
            throw .operand(1, expected: "string", found: value.typeName)
          }
          pairs.append("\(URLQuery.encode(name))=\(URLQuery.encode(text))")
        }
      }
      return .string(pairs.joined(separator: "&"))
    },
    Builtin("urlquery.decode_object", 1) { (a, _) throws(BuiltinError) in
      var members: [(key: String, values: [Value])] = []
      for pair in split(try a.string(0), "&", limit: nil) where !pair.isEmpty {
        guard !pair.utf8.contains(UInt8(ascii: ";")) else {
          throw .failed("invalid semicolon separator in query")
        }
        let parts = split(pair, "=", limit: 2)
        guard let name = URLQuery.decode(parts[0]),
          let value = URLQuery.decode(parts.count > 1 ? parts[1] : "")
        else {
          throw .failed("invalid URL escape")
        }
        if let position = members.firstIndex(where: { $0.key == name }) {
          members[position].values.append(.string(value))
        } else {
          members.append((name, [.string(value)]))
        }
      }
      return .object(ObjectValue(members.map { (.string($0.key), .array($0.values)) }))
    },
    Builtin("json.marshal", 1) { (a, meter) throws(BuiltinError) in
      let text = GoJSON.escaped(a.value(0).jsonText)
      try meter.spend(bytes: text.utf8.count)
      return .string(text)
    },
    Builtin("json.marshal_with_options", 2) { (a, meter) throws(BuiltinError) in
      let options = try a.object(1)
      var isPretty: Bool?
      var indent = "\t"
      var prefix = ""
      for member in options.members {
        switch (member.key, member.value) {
        case (.string("pretty"), .bool(let flag)): isPretty = flag
        case (.string("indent"), .string(let text)): indent = text
        case (.string("prefix"), .string(let text)): prefix = text
        case (.string("pretty"), _): throw .operand(2, expected: "boolean", found: member.value.typeName)
        case (.string("indent"), _), (.string("prefix"), _):
          throw .operand(2, expected: "string", found: member.value.typeName)
        default: throw .argument(2, "object contained unknown key \(Format.rego(member.key))")
        }
      }
      // Indent or prefix alone ask for lines as well.
      let text =
        isPretty ?? !options.isEmpty
        ? prefix + a.value(0).prettyJSON(indent: indent, prefix: prefix, level: 0)
        : GoJSON.escaped(a.value(0).jsonText)
      try meter.spend(bytes: text.utf8.count)
      return .string(text)
    },
    Builtin("json.unmarshal", 1) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      try meter.spend(bytes: 4 * text.utf8.count)
      guard let value = Value.parse(json: text) else { throw .failed("invalid JSON") }
      return value
    },
    Builtin("json.is_valid", 1) { (a, meter) throws(BuiltinError) in
      guard case .string(let text) = a.value(0) else { return .bool(false) }
      try meter.spend(bytes: 4 * text.utf8.count)
      return .bool(Value.parse(json: text) != nil)
    },
  ]
}

/// Base64 as Go reads it: line breaks are skipped, leftover bits are not looked at.
enum LooseBase64 {
  static func decode(_ text: String, isURL: Bool) -> [UInt8]? {
    var characters = Array(text.utf8).filter { $0 != 0x0A && $0 != 0x0D }
    if isURL, characters.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }) {
      return nil
    }
    if !isURL, characters.contains(where: { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) {
      return nil
    }
    if isURL {
      // With padding or without.
      while characters.count % 4 != 0 { characters.append(UInt8(ascii: "=")) }
    }
    guard characters.count % 4 == 0 else { return nil }
    var out: [UInt8] = []
    var padding = 0
    var word: UInt32 = 0
    for (position, byte) in characters.enumerated() {
      if byte == UInt8(ascii: "=") {
        guard position >= characters.count - 2, position % 4 >= 2 else { return nil }
        padding += 1
        word <<= 6
      } else {
        guard padding == 0, let value = value(byte) else { return nil }
        word = word << 6 | UInt32(value)
      }
      guard position % 4 == 3 else { continue }
      out.append(UInt8(truncatingIfNeeded: word >> 16))
      if padding < 2 { out.append(UInt8(truncatingIfNeeded: word >> 8)) }
      if padding < 1 { out.append(UInt8(truncatingIfNeeded: word)) }
      word = 0
    }
    return out
  }

  private static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }

  static func urlEncode(_ text: String, isPadded: Bool) -> String {
    var out = ""
    for scalar in Base64.encode(Array(text.utf8)).unicodeScalars {
      switch scalar {
      case "+": out += "-"
      case "/": out += "_"
      case "=": if isPadded { out += "=" }
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

/// The parts of a URL's query (`application/x-www-form-urlencoded`), as Go writes them.
enum URLQuery {
  static func encode(_ text: String) -> String {
    var out: [UInt8] = []
    for byte in text.utf8 {
      if Lexer.isNameStart(byte) || Lexer.isDigit(byte) || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "~")
      {
        out.append(byte)
      } else if byte == UInt8(ascii: " ") {
        out.append(UInt8(ascii: "+"))
      } else {
        out += Array("%\(Hex.encode([byte]).uppercased())".utf8)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  static func decode(_ text: String) -> String? {
    var out: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.first {
      bytes = bytes.dropFirst()
      switch byte {
      case UInt8(ascii: "+"): out.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard bytes.count >= 2,
          let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16),
          bytes.prefix(2).allSatisfy({ $0 != UInt8(ascii: "+") })
        else { return nil }
        out.append(value)
        bytes = bytes.dropFirst(2)
      default: out.append(byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}

extension Value {
  /// JSON in lines, for people.
  fileprivate func prettyJSON(indent: String, prefix: String, level: Int) -> String {
    func lines(_ items: [String], _ open: String, _ close: String) -> String {
      guard !items.isEmpty else { return open + close }
      let inner = "\n" + prefix + String(repeating: indent, count: level + 1)
      return open + inner + items.joined(separator: "," + inner) + "\n" + prefix
        + String(repeating: indent, count: level) + close
    }
    switch self {
    case .array(let values):
      return lines(values.map { $0.prettyJSON(indent: indent, prefix: prefix, level: level + 1) }, "[", "]")
    case .set(let set):
      return lines(
        set.elements.map { $0.prettyJSON(indent: indent, prefix: prefix, level: level + 1) }, "[", "]")
    case .object(let object):
      return lines(
        object.jsonMembers.map { name, value in
          "\(GoJSON.escaped(Format.quoted(name))): \(value.prettyJSON(indent: indent, prefix: prefix, level: level + 1))"
        }, "{", "}")
    case .null, .bool, .number, .string: return GoJSON.escaped(jsonText)
    }
  }
}

/// What Go's `encoding/json` does besides: what HTML would take for its own is escaped, and the separators that JavaScript ends lines
/// at. All of it stands in strings alone.
private enum GoJSON {
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": out += "\\u003c"
      case ">": out += "\\u003e"
      case "&": out += "\\u0026"
      case "\u{2028}": out += "\\u2028"
      case "\u{2029}": out += "\\u2029"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
