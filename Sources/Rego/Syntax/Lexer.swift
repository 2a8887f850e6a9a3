/// Reads a module's text into tokens. Work is linear in the text.
struct Lexer {
  let file: String
  let text: [UInt8]
  private var position = 0
  private var line = 1
  private var lineStart = 0
  /// A place on this line and its column.
  private var known = (position: 0, column: 1)
  /// Where comments stand, from '#' to the end of the line.
  private(set) var comments: [Range<Int>] = []

  static let maximumBytes = 4 << 20
  static let maximumDepth = 16

  init(_ text: [UInt8], file: String) {
    self.text = text
    self.file = file
  }

  /// The tokens; the last is `.end`.
  mutating func tokens() throws(RegoSyntaxError) -> [Token] {
    guard text.count <= Self.maximumBytes else {
      throw error("a module of more than \(Self.maximumBytes) bytes", at: 0)
    }
    guard String(validating: text, as: UTF8.self) != nil else { throw error("expected UTF-8", at: 0) }
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    return try tokens(until: nil)
  }

  /// Tokens up to the end, or up to the brace that closes a template's expression.
  private mutating func tokens(until closing: UInt8?, level: Int = 0) throws(RegoSyntaxError) -> [Token] {
    var out: [Token] = []
    var open = 0
    while true {
      let gap = try skipSpace()
      let start = position
      let startLine = line
      let column = nextColumn(start)
      func token(_ kind: Token.Kind) -> Token {
        Token(kind: kind, start: start, end: position, line: startLine, column: column, follows: gap)
      }
      guard let byte = peek() else {
        guard closing == nil else { throw error("expected '}' after a template's expression", at: start) }
        out.append(token(.end))
        return out
      }
      if let closing, open == 0, byte == closing {
        out.append(token(.end))
        return out
      }
      switch byte {
      case UInt8(ascii: "{"): open += 1
      case UInt8(ascii: "}"): open -= 1
      default: break
      }
      out.append(token(try kind(byte, level: level)))
    }
  }

  private mutating func kind(_ byte: UInt8, level: Int) throws(RegoSyntaxError) -> Token.Kind {
    if Self.isNameStart(byte) { return .name(name()) }
    if Self.isDigit(byte) { return .number(try number()) }
    if byte == UInt8(ascii: "."), beginsNumber { return .number(try number()) }
    switch byte {
    case UInt8(ascii: "\""): return .string(try quoted())
    case UInt8(ascii: "`"): return .string(try raw())
    case UInt8(ascii: "$"):
      let next = position + 1 < text.count ? text[position + 1] : 0
      guard next == UInt8(ascii: "\"") || next == UInt8(ascii: "`") else {
        throw error("expected a template string after '$'", at: position)
      }
      return .template(try template(level: level))
    default: return .mark(try mark())
    }
  }

  // MARK: Space

  private func peek() -> UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() throws(RegoSyntaxError) -> Token.Gap {
    var gap = Token.Gap.nothing
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\n"):
        position += 1
        line += 1
        lineStart = position
        gap = .newline
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        position += 1
        if gap == .nothing { gap = .space }
      case UInt8(ascii: "#"):
        let start = position
        while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
        comments.append(start..<position)
      default: return gap
      }
    }
    return position == 0 ? .newline : gap
  }

  // MARK: Names, numbers, marks

  static func isNameStart(_ byte: UInt8) -> Bool {
    byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
  }
  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private mutating func name() -> String {
    let start = position
    while let byte = peek(), Self.isNameStart(byte) || Self.isDigit(byte) { position += 1 }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = peek(), Self.isDigit(byte) { position += 1 }
    return position - start
  }

  /// Whether the point here begins a number, and stands after nothing that a reference goes on from.
  private var beginsNumber: Bool {
    guard position + 1 < text.count, Self.isDigit(text[position + 1]) else { return false }
    guard position > 0 else { return true }
    let before = text[position - 1]
    return !Self.isNameStart(before) && !Self.isDigit(before) && before < 0x80
      && ![
        UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "\""), UInt8(ascii: "`"),
        UInt8(ascii: "."),
      ]
      .contains(before)
  }

  private mutating func number() throws(RegoSyntaxError) -> String {
    let start = position
    if peek() == UInt8(ascii: ".") {
      // Its digits come below.
    } else if peek() == UInt8(ascii: "0") {
      position += 1
      if let byte = peek(), Self.isDigit(byte) {
        throw error("expected a number without leading zeros", at: start)
      }
    } else {
      _ = digits()
    }
    if peek() == UInt8(ascii: "."), position + 1 < text.count, Self.isDigit(text[position + 1]) {
      position += 1
      _ = digits()
    }
    if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
      guard digits() > 0 else { throw error("expected digits in an exponent", at: position) }
    }
    if let byte = peek(), Self.isNameStart(byte) { throw error("expected a number", at: start) }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  /// Marks of two characters, by the first, and those that stand alone too.
  private static let marks: [UInt8: (alone: String?, doubled: String?)] = [
    UInt8(ascii: ":"): (":", ":="), UInt8(ascii: "="): ("=", "=="), UInt8(ascii: "!"): (nil, "!="),
    UInt8(ascii: "<"): ("<", "<="), UInt8(ascii: ">"): (">", ">="), UInt8(ascii: "+"): ("+", nil),
    UInt8(ascii: "-"): ("-", nil), UInt8(ascii: "*"): ("*", nil), UInt8(ascii: "/"): ("/", nil),
    UInt8(ascii: "%"): ("%", nil), UInt8(ascii: "&"): ("&", nil), UInt8(ascii: "|"): ("|", nil),
    UInt8(ascii: "("): ("(", nil), UInt8(ascii: ")"): (")", nil), UInt8(ascii: "["): ("[", nil),
    UInt8(ascii: "]"): ("]", nil), UInt8(ascii: "{"): ("{", nil), UInt8(ascii: "}"): ("}", nil),
    UInt8(ascii: ","): (",", nil), UInt8(ascii: ";"): (";", nil), UInt8(ascii: "."): (".", nil),
  ]

  private mutating func mark() throws(RegoSyntaxError) -> String {
    if let byte = peek(), let (alone, doubled) = Self.marks[byte] {
      if let doubled, position + 1 < text.count, text[position + 1] == UInt8(ascii: "=") {
        position += 2
        return doubled
      }
      if let alone {
        position += 1
        return alone
      }
    }
    throw error("expected a token of Rego, found \(shown(position))", at: position)
  }

  // MARK: Strings

  private mutating func quoted() throws(RegoSyntaxError) -> String {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case UInt8(ascii: "\n"): throw error("expected a closing quote on this line", at: start)
      case 0..<0x20: throw error("expected control characters to be escaped", at: position)
      default:
        bytes.append(byte)
        position += 1
      }
    }
    throw error("expected a closing quote", at: start)
  }

  private mutating func raw() throws(RegoSyntaxError) -> String {
    let (start, startLine, startOfLine) = (position, line, lineStart)
    position += 1
    let first = position
    while let byte = peek() {
      position += 1
      if byte == UInt8(ascii: "`") { return String(decoding: text[first..<(position - 1)], as: UTF8.self) }
      if byte == UInt8(ascii: "\n") {
        line += 1
        lineStart = position
      }
    }
    (line, lineStart) = (startLine, startOfLine)
    throw error("expected a closing backquote", at: start)
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(RegoSyntaxError) {
    guard position + 1 < text.count else { throw error("expected an escaped character", at: position) }
    guard let (scalar, end) = EscapedText.read(text, at: position) else {
      let isUnicode = text[position + 1] == UInt8(ascii: "u")
      throw error(
        isUnicode
          ? "expected four hexadecimal digits after \\u"
          : "expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u",
        at: position)
    }
    bytes.append(contentsOf: Array(String(scalar).utf8))
    position = end
  }

  /// `$"…{expression}…"` or the same in backquotes; `\{` is a brace.
  private mutating func template(level: Int) throws(RegoSyntaxError) -> [TemplatePiece] {
    let start = position
    guard level < Self.maximumDepth else { throw error("template strings too deep in each other", at: start) }
    let closing = text[position + 1]
    let isRaw = closing == UInt8(ascii: "`")
    position += 2
    var pieces: [TemplatePiece] = []
    var bytes: [UInt8] = []
    while let byte = peek() {
      switch byte {
      case closing:
        position += 1
        if !bytes.isEmpty { pieces.append(.text(String(decoding: bytes, as: UTF8.self))) }
        return pieces
      case UInt8(ascii: "{"):
        position += 1
        if !bytes.isEmpty { pieces.append(.text(String(decoding: bytes, as: UTF8.self))) }
        bytes = []
        pieces.append(.expression(try tokens(until: UInt8(ascii: "}"), level: level + 1)))
        position += 1
      case UInt8(ascii: "\\") where position + 1 < text.count && text[position + 1] == UInt8(ascii: "{"):
        bytes.append(UInt8(ascii: "{"))
        position += 2
      case UInt8(ascii: "\\") where !isRaw: try escape(into: &bytes)
      case UInt8(ascii: "\n") where !isRaw: throw error("expected a closing quote on this line", at: start)
      default:
        bytes.append(byte)
        position += 1
        if byte == UInt8(ascii: "\n") {
          line += 1
          lineStart = position
        }
      }
    }
    throw error("expected the end of a template string", at: start)
  }

  // MARK: Errors

  /// The column of a place that is not before the last one asked for: each byte is looked at once.
  private mutating func nextColumn(_ position: Int) -> Int {
    if known.position < lineStart { known = (lineStart, 1) }
    known.column += text[known.position..<max(known.position, position)].count { $0 & 0xC0 != 0x80 }
    known.position = max(known.position, position)
    return known.column
  }

  private func column(of position: Int) -> Int {
    1 + text[lineStart..<max(lineStart, position)].count { $0 & 0xC0 != 0x80 }
  }

  private func shown(_ position: Int) -> String {
    var end = position + 1
    while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
    return "'\(String(decoding: text[position..<end], as: UTF8.self))'"
  }

  private func error(_ message: String, at position: Int) -> RegoSyntaxError {
    RegoSyntaxError(
      code: .parse, location: Location(file: file, line: line, column: column(of: position)),
      message: message,
      line: SourceLines(text).line(line))
  }
}

/// The lines of a text, for messages.
struct SourceLines: Sendable {
  private let text: [UInt8]
  /// Where each line starts, and one past the end.
  private let starts: [Int]

  init(_ text: [UInt8]) {
    self.text = text
    var starts = [0]
    for position in text.indices where text[position] == UInt8(ascii: "\n") { starts.append(position + 1) }
    self.starts = starts + [text.count + 1]
  }

  /// One line, cut where it is long; counted from 1.
  func line(_ number: Int) -> String {
    guard number > 0, number < starts.count else { return "" }
    return shown(starts[number - 1]..<(starts[number] - 1))
  }

  private func shown(_ range: Range<Int>) -> String {
    String(decoding: text[range].prefix(512).filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
  }
}
