extension Value {
  /// Reads JSON text with exact numbers; nil where it is none. The last of two members with one name stays, as in Go.
  public static func parse(json text: String, maximumDepth: Int = 128) -> Value? {
    var reader = JSONReader(text: Array(text.utf8), maximumDepth: maximumDepth)
    reader.skipSpace()
    guard let value = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    return reader.isAtEnd ? value : nil
  }

  /// Where a text stops being JSON, for messages: `line 3, column 7`, in bytes, counted from 1. Of a text that is JSON, its end.
  public static func endOfJSON(in text: String, maximumDepth: Int = 128) -> String {
    var reader = JSONReader(text: Array(text.utf8), maximumDepth: maximumDepth)
    reader.skipSpace()
    if reader.value(depth: 0) != nil { reader.skipSpace() }
    return reader.place
  }
}

/// JSON with numbers of any size, for data and for `json.unmarshal`.
private struct JSONReader {
  let text: [UInt8]
  let maximumDepth: Int
  private var position = 0

  init(text: [UInt8], maximumDepth: Int) {
    self.text = text
    self.maximumDepth = maximumDepth
  }

  var isAtEnd: Bool { position == text.count }
  /// Where it stands.
  var place: String {
    let before = text.prefix(position)
    let newline = UInt8(ascii: "\n")
    let begin = before.lastIndex(of: newline).map { $0 + 1 } ?? 0
    return "line \(1 + before.count { $0 == newline }), column \(before.count - begin + 1)"
  }
  private func peek() -> UInt8? { position < text.count ? text[position] : nil }

  mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ word: StaticString) -> Bool {
    let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard text[position...].starts(with: bytes) else { return false }
    position += bytes.count
    return true
  }

  mutating func value(depth: Int) -> Value? {
    guard depth < maximumDepth else { return nil }
    switch peek() {
    case UInt8(ascii: "{"): return object(depth)
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "\""): return string().map(Value.string)
    case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func object(_ depth: Int) -> Value? {
    position += 1
    var members: [(Value, Value)] = []
    skipSpace()
    if take("}") { return .object(ObjectValue()) }
    while true {
      skipSpace()
      guard peek() == UInt8(ascii: "\""), let key = string() else { return nil }
      skipSpace()
      guard take(":") else { return nil }
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      members.append((.string(key), value))
      skipSpace()
      if take("}") { return .object(ObjectValue(members)) }
      guard take(",") else { return nil }
    }
  }

  private mutating func array(_ depth: Int) -> Value? {
    position += 1
    var values: [Value] = []
    skipSpace()
    if take("]") { return .array([]) }
    while true {
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
      skipSpace()
      if take("]") { return .array(values) }
      guard take(",") else { return nil }
    }
  }

  private mutating func string() -> String? {
    let start = position
    position += 1
    var isEscaped = false
    while let byte = peek(), byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { return nil }
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
        position += 1
      }
      position += 1
    }
    guard peek() == UInt8(ascii: "\"") else { return nil }
    position += 1
    let end = position - 1
    guard isEscaped else { return String(validating: text[(start + 1)..<end], as: UTF8.self) }
    var bytes: [UInt8] = []
    var next = start + 1
    while next < end {
      guard text[next] == UInt8(ascii: "\\") else {
        bytes.append(text[next])
        next += 1
        continue
      }
      guard let (scalar, after) = EscapedText.read(text, at: next) else { return nil }
      bytes.append(contentsOf: Array(String(scalar).utf8))
      next = after
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private mutating func number() -> Value? {
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    guard let first = peek(), Lexer.isDigit(first) else { return nil }
    func digits(_ reader: inout JSONReader) -> Bool {
      let start = reader.position
      while let byte = reader.peek(), Lexer.isDigit(byte) { reader.position += 1 }
      return reader.position > start
    }
    if first == UInt8(ascii: "0") { position += 1 } else { _ = digits(&self) }
    if take("."), !digits(&self) { return nil }
    if peek().map({ $0 | 0x20 }) == UInt8(ascii: "e") {
      position += 1
      if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
      guard digits(&self) else { return nil }
    }
    return Number(literal: String(decoding: text[start..<position], as: UTF8.self)).map(Value.number)
  }
}
