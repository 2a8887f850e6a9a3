// Scalars of YAML: plain ones of the core schema, and quoted ones.
extension YAMLReader {
  // MARK: Plain

  /// A plain scalar. In a block it goes on over lines that are deeper than `parent`; a key, for which that is nil, does not,
  /// but for flow collections, where everything may.
  mutating func plain(parent: Int?, inFlow: Bool) throws(YAMLError) -> String {
    try checkStart(inFlow: inFlow)
    var out: [UInt8] = []
    while true {
      let start = position
      while let byte = peek(), !endsPlain(byte, inFlow: inFlow) { position += 1 }
      var end = position
      while end > start, Self.isSpace(text[end - 1]) { end -= 1 }
      out += text[start..<end]
      guard parent != nil || inFlow, Self.isBreak(peek()) else { break }
      // Whether the next line goes on with it.
      var ahead = self
      var breaks = 0
      while Self.isBreak(ahead.peek()) {
        ahead.takeBreak()
        breaks += 1
        ahead.skipSpaces()
      }
      guard let byte = ahead.peek(), byte != UInt8(ascii: "#"), !ahead.isMarker else { break }
      if let parent {
        guard ahead.column > parent else { break }
        if ahead.lineHasKey { throw ahead.error("mapping values are not allowed in this context") }
      } else if ahead.endsPlain(byte, inFlow: true) {
        break
      }
      self = ahead
      out += breaks == 1 ? [0x20] : [UInt8](repeating: 0x0A, count: breaks - 1)
    }
    return String(decoding: out, as: UTF8.self)
  }

  private var lineHasKey: Bool {
    var at = position
    while at < text.count, !Self.isBreak(text[at]) {
      if text[at] == UInt8(ascii: ":"), Self.isBlank(at + 1 < text.count ? text[at + 1] : nil) { return true }
      if text[at] == UInt8(ascii: "#"), Self.isSpace(text[at - 1]) { return false }
      at += 1
    }
    return false
  }

  private func endsPlain(_ byte: UInt8, inFlow: Bool) -> Bool {
    switch byte {
    case 0x0A, 0x0D: true
    case UInt8(ascii: ":"): Self.isBlank(peek(1)) || inFlow && Self.isFlowMark(peek(1))
    case UInt8(ascii: "#"): position == 0 || Self.isSpace(text[position - 1])
    default: inFlow && Self.isFlowMark(byte)
    }
  }

  private func checkStart(inFlow: Bool) throws(YAMLError) {
    guard let byte = peek() else { throw error("did not find expected node content") }
    switch byte {
    case UInt8(ascii: "&"): throw error("anchors are refused")
    case UInt8(ascii: "*"): throw error("aliases are refused")
    case UInt8(ascii: "!"): throw error("tags are refused")
    case UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: ">"),
      UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "#"):
      throw error("found character that cannot start any token")
    case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
      guard !Self.isBlank(peek(1)), !inFlow || !Self.isFlowMark(peek(1)) else {
        throw error("did not find expected node content")
      }
    default: guard byte >= 0x20 else { throw error("control characters are not allowed") }
    }
  }

  /// A plain scalar's value by the core schema.
  func scalar(_ text: String) throws(YAMLError) -> Value {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    case ".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN", ".NAN":
      throw error("a number that JSON does not have")
    default: break
    }
    guard let literal = Self.numberLiteral(text) else { return .string(text) }
    guard let number = literal else { throw error("a number out of range") }
    return .number(number)
  }

  /// Nil where a text is no number; an inner nil where it is one that is out of range.
  static func numberLiteral(_ text: String) -> Number?? {
    let bytes = Array(text.utf8)
    if text.hasPrefix("0x") || text.hasPrefix("0o") {
      let radix: UInt32 = text.hasPrefix("0x") ? 16 : 8
      guard bytes.count > 2, bytes[2] != UInt8(ascii: "-") else { return nil }
      guard let value = BigInteger(bytes[2...], radix: radix) else { return nil }
      return .some(Number(value))
    }
    var rest = bytes[...]
    var sign = ""
    if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      sign = first == UInt8(ascii: "-") ? "-" : ""
      rest = rest.dropFirst()
    }
    func digits() -> ArraySlice<UInt8> {
      let taken = rest.prefix(while: Lexer.isDigit)
      rest = rest.dropFirst(taken.count)
      return taken
    }
    let whole = digits()
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = digits()
    }
    guard !whole.isEmpty || !fraction.isEmpty else { return nil }
    var exponent = ""
    if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      exponent = "e"
      if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
        exponent.unicodeScalars.append(Unicode.Scalar(first))
        rest = rest.dropFirst()
      }
      let power = digits()
      guard !power.isEmpty else { return nil }
      exponent += String(decoding: power, as: UTF8.self)
    }
    guard rest.isEmpty else { return nil }
    let trimmed = whole.drop { $0 == UInt8(ascii: "0") }
    var literal = sign + (trimmed.isEmpty ? "0" : String(decoding: trimmed, as: UTF8.self))
    if !fraction.isEmpty { literal += "." + String(decoding: fraction, as: UTF8.self) }
    // As in OPA, whose reader makes doubles of them.
    guard case .decimal(let value)? = Number(literal: literal + exponent) else {
      return .some(Number(literal: literal + exponent))
    }
    return .some(Number(value.double))
  }

  // MARK: Quoted

  /// A text in single or double quotes; lines are folded.
  mutating func quoted() throws(YAMLError) -> String {
    let start = self
    let quote = peek()
    position += 1
    var out: [UInt8] = []
    while let byte = peek(), !isMarker {
      switch byte {
      case quote where quote == UInt8(ascii: "'") && peek(1) == quote:
        out.append(byte)
        position += 2
      case quote:
        position += 1
        return String(decoding: out, as: UTF8.self)
      case UInt8(ascii: "\\") where quote == UInt8(ascii: "\""): try escape(into: &out)
      case 0x0A, 0x0D:
        while Self.isSpace(out.last) { out.removeLast() }
        var breaks = 0
        while Self.isBreak(peek()) {
          takeBreak()
          breaks += 1
          skipSpaces()
        }
        out += breaks == 1 ? [0x20] : [UInt8](repeating: 0x0A, count: breaks - 1)
      default:
        guard byte >= 0x20 || byte == 0x09 else { throw error("control characters are not allowed") }
        out.append(byte)
        position += 1
      }
    }
    throw start.error("found unexpected end of a quoted scalar")
  }

  private mutating func escape(into out: inout [UInt8]) throws(YAMLError) {
    guard let byte = peek(1) else { throw error("found unknown escape character") }
    position += 2
    switch byte {
    case UInt8(ascii: "0"): out.append(0)
    case UInt8(ascii: "a"): out.append(0x07)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "t"), 0x09: out.append(0x09)
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "v"): out.append(0x0B)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "e"): out.append(0x1B)
    case UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "\\"): out.append(byte)
    case UInt8(ascii: "N"): out += Array("\u{85}".utf8)
    case UInt8(ascii: "_"): out += Array("\u{A0}".utf8)
    case UInt8(ascii: "L"): out += Array("\u{2028}".utf8)
    case UInt8(ascii: "P"): out += Array("\u{2029}".utf8)
    case UInt8(ascii: "x"): out += Array(String(Character(try scalar(digits: 2))).utf8)
    case UInt8(ascii: "u"): out += Array(String(Character(try scalar(digits: 4))).utf8)
    case UInt8(ascii: "U"): out += Array(String(Character(try scalar(digits: 8))).utf8)
    case 0x0A, 0x0D:
      position -= 1
      takeBreak()
      skipSpaces()
    default: throw error("found unknown escape character")
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(YAMLError) -> UInt32 {
    guard position + count <= text.count, text[position..<(position + count)].allSatisfy(Self.isHexadecimal),
      let value = UInt32(String(decoding: text[position..<(position + count)], as: UTF8.self), radix: 16)
    else { throw error("did not find expected hexadecimal digits") }
    position += count
    return value
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    Lexer.isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f")
  }

  /// A scalar by its number; two halves of one, as JSON writes it, too.
  private mutating func scalar(digits: Int) throws(YAMLError) -> Unicode.Scalar {
    let value = try hexadecimal(digits)
    if let scalar = Unicode.Scalar(value) { return scalar }
    if digits == 4, value < 0xDC00, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") {
      position += 2
      let second = try hexadecimal(4)
      if second >= 0xDC00, second < 0xE000,
        let scalar = Unicode.Scalar(0x10000 + (value - 0xD800) << 10 + (second - 0xDC00))
      {
        return scalar
      }
    }
    throw error("found invalid Unicode character escape code")
  }
}
