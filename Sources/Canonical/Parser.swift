/// Why a text is not the JSON that was asked for, and at which byte.
public struct JSONError: Error, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    case tooLong(limit: Int)
    case tooDeep(limit: Int)
    case invalidUTF8
    case expected(String)
    case duplicateName(String)
    case loneSurrogate
    case controlCharacter
    case numberOutOfRange
    /// The number's canonical form has another value (RFC 8785 §3.2.2.3).
    case numberNotExact(String)
    case trailingBytes
  }

  /// What is wrong.
  public let reason: Reason
  /// Offset into the text, in bytes.
  public let offset: Int
  /// Where that is in a text of several lines: both counted from 1, the column in bytes. Nil in a text of one line.
  public private(set) var place: (line: Int, column: Int)?

  /// An error for `reason` at byte `offset`.
  public init(reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The same error, with its place where `text` has several lines.
  func placed(in text: [UInt8]) -> JSONError {
    let newline = UInt8(ascii: "\n")
    guard text.contains(newline) else { return self }
    let before = text.prefix(offset)
    var out = self
    out.place = (
      line: 1 + before.count { $0 == newline },
      column: before.count - (before.lastIndex(of: newline).map { $0 + 1 } ?? 0) + 1
    )
    return out
  }

  public var description: String {
    let what =
      switch reason {
      case .tooLong(let limit): "text longer than \(limit) bytes"
      case .tooDeep(let limit): "nesting deeper than \(limit)"
      case .invalidUTF8: "invalid UTF-8"
      case .expected(let thing): "expected \(thing)"
      case .duplicateName(let name): "name \"\(name.prefix(64))\" occurs twice in one object"
      case .loneSurrogate: "a lone surrogate is not a character"
      case .controlCharacter: "control characters must be escaped"
      case .numberOutOfRange: "number beyond the range of a double"
      case .numberNotExact(let form):
        "number changes its value in canonical form (\(form)): send it as a string"
      case .trailingBytes: "expected the end of the text"
      }
    guard let place else { return "JSON: \(what), at byte \(offset)" }
    return "JSON: \(what), at line \(place.line), column \(place.column)"
  }
}

extension JSONError: Equatable {
  public static func == (left: JSONError, right: JSONError) -> Bool {
    left.reason == right.reason && left.offset == right.offset
  }
}

/// What a reader of JSON puts up with.
public struct JSONLimits: Sendable {
  /// Longest text, in bytes.
  public var maximumBytes: Int
  /// Deepest nesting of arrays and objects.
  public var maximumDepth: Int
  /// Refuse numbers whose canonical form has another value: for all that is hashed or signed.
  public var exactNumbers: Bool

  /// The limits for content that enters a record.
  public static let admission = JSONLimits(
    maximumBytes: 4 << 20, maximumDepth: 64, exactNumbers: true)
  /// The limits for text that is read but never hashed or signed as a value.
  public static let interchange = JSONLimits(
    maximumBytes: 4 << 20, maximumDepth: 512, exactNumbers: false)

  /// Limits of the caller's choice.
  public init(maximumBytes: Int, maximumDepth: Int, exactNumbers: Bool) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.exactNumbers = exactNumbers
  }
}

extension JSON {
  /// Reads one JSON text (RFC 8259, without a byte order mark).
  ///
  /// Refuses duplicate names, invalid UTF-8 and lone surrogates. Work is linear in the text.
  public static func parse(_ text: [UInt8], limits: JSONLimits = .admission) throws(JSONError) -> JSON {
    guard text.count <= limits.maximumBytes else {
      throw JSONError(
        reason: .tooLong(limit: limits.maximumBytes), offset: limits.maximumBytes)
    }
    var parser = Parser(text: text, limits: limits)
    do throws(JSONError) {
      parser.skipSpace()
      let value = try parser.value(depth: 0)
      parser.skipSpace()
      guard parser.position == text.count else { throw parser.error(.trailingBytes) }
      return value
    } catch {
      throw error.placed(in: text)
    }
  }

  /// Reads one JSON text given as a string.
  public static func parse(_ text: String, limits: JSONLimits = .admission) throws(JSONError) -> JSON {
    try parse(Array(text.utf8), limits: limits)
  }
}

/// Recursive descent over the bytes; depth is bounded by the limits.
private struct Parser {
  let text: [UInt8]
  let limits: JSONLimits
  var position = 0

  init(text: [UInt8], limits: JSONLimits) {
    self.text = text
    self.limits = limits
  }

  func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: position) }

  func peek() -> UInt8? { position < text.count ? text[position] : nil }

  mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    switch peek() {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"):
      try literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null")
      return .null
    case .some(let byte) where byte == UInt8(ascii: "-") || isDigit(byte): return try number()
    default: throw error(.expected("a value"))
    }
  }

  private mutating func literal(_ word: StaticString) throws(JSONError) {
    let length = word.utf8CodeUnitCount
    var matches = position + length <= text.count
    if matches {
      for offset in 0..<length where text[position + offset] != word.utf8Start[offset] {
        matches = false
      }
    }
    guard matches else { throw error(.expected("\(word)")) }
    position += length
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    guard depth < limits.maximumDepth else { throw error(.tooDeep(limit: limits.maximumDepth)) }
    let start = position
    position += 1
    var members: [JSONObject.Member] = []
    skipSpace()
    if peek() == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject())
    }
    while true {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw error(.expected("a name in quotes")) }
      let name = try string()
      skipSpace()
      guard peek() == UInt8(ascii: ":") else { throw error(.expected("':'")) }
      position += 1
      skipSpace()
      members.append(.init(name: name, value: try value(depth: depth + 1)))
      skipSpace()
      switch peek() {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        do {
          return .object(try JSONObject(unique: members))
        } catch {
          throw JSONError(reason: .duplicateName(error.name), offset: start)
        }
      default: throw error(.expected("',' or '}'"))
      }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    guard depth < limits.maximumDepth else { throw error(.tooDeep(limit: limits.maximumDepth)) }
    position += 1
    var elements: [JSON] = []
    skipSpace()
    if peek() == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    while true {
      skipSpace()
      elements.append(try value(depth: depth + 1))
      skipSpace()
      switch peek() {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements)
      default: throw error(.expected("',' or ']'"))
      }
    }
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    var bits: UInt8 = 0
    while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      bits |= byte
      position += 1
    }
    if peek() == UInt8(ascii: "\"") {
      defer { position += 1 }
      // ASCII needs no look for valid UTF-8.
      return bits < 0x80
        ? String(decoding: text[start..<position], as: UTF8.self)
        : try decoded(text[start..<position], at: start)
    }
    var bytes = Array(text[start..<position])
    while true {
      guard let byte = peek() else { throw error(.expected("a closing quote")) }
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try decoded(bytes[...], at: start)
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case 0..<0x20: throw error(.controlCharacter)
      default:
        bytes.append(byte)
        position += 1
      }
    }
  }

  private func decoded(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw JSONError(reason: .invalidUTF8, offset: offset)
    }
    return text
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
    position += 1
    guard let byte = peek() else { throw error(.expected("an escaped character")) }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"): bytes.append(contentsOf: UTF8.encode(try scalar()) ?? .init())
    default:
      position -= 1
      throw error(.expected("one of \"\\/bfnrtu after a backslash"))
    }
  }

  private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
    let first = try hexQuad()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, peek() == UInt8(ascii: "\\") else { throw error(.loneSurrogate) }
    position += 1
    guard peek() == UInt8(ascii: "u") else { throw error(.loneSurrogate) }
    position += 1
    let second = try hexQuad()
    guard (0xDC00..<0xE000).contains(second) else { throw error(.loneSurrogate) }
    let pair = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
    guard let scalar = Unicode.Scalar(pair) else { throw error(.loneSurrogate) }
    return scalar
  }

  private mutating func hexQuad() throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { throw error(.expected("four hexadecimal digits")) }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  private func isDigit(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private mutating func number() throws(JSONError) -> JSON {
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    guard isDigit(peek()) else { throw error(.expected("a digit")) }
    if peek() == UInt8(ascii: "0") { position += 1 } else { skipDigits() }
    if peek() == UInt8(ascii: ".") {
      position += 1
      guard isDigit(peek()) else { throw error(.expected("a digit")) }
      skipDigits()
    }
    if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
      position += 1
      if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
      guard isDigit(peek()) else { throw error(.expected("a digit")) }
      skipDigits()
    }
    if let whole = shortInteger(start) { return .number(Double(whole)) }
    let literal = String(decoding: text[start..<position], as: UTF8.self)
    guard let value = Double(literal), value.isFinite else {
      throw JSONError(reason: .numberOutOfRange, offset: start)
    }
    if limits.exactNumbers {
      let canonical = canonicalNumber(value)
      guard Decimal(literal) == Decimal(canonical) else {
        throw JSONError(reason: .numberNotExact(canonical), offset: start)
      }
    }
    return .number(value)
  }

  /// The number from `start` on, where it is a whole one that a double holds exactly; nil for any other, and for -0.
  private func shortInteger(_ start: Int) -> Int64? {
    guard position - start <= 15 else { return nil }
    var value: Int64 = 0
    var digits = start
    if text[start] == UInt8(ascii: "-") { digits += 1 }
    for byte in text[digits..<position] {
      guard isDigit(byte) else { return nil }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    if digits == start { return value }
    return value == 0 ? nil : -value
  }

  private mutating func skipDigits() { while isDigit(peek()) { position += 1 } }
}
