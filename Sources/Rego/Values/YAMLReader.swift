/// Why a text is not read as YAML.
struct YAMLError: Error, Equatable, CustomStringConvertible {
  /// Counted from 1.
  let line: Int
  let what: String

  var description: String { "yaml: line \(line): \(what)" }
}

/// YAML 1.2, as much of it as says what JSON says: block and flow collections, scalars of the core schema, quotes, `|`
/// and `>`, one document. Anchors, aliases, tags, directives and keys that are no scalars are refused.
///
/// Work is linear in the text, depth is bounded.
struct YAMLReader {
  let text: [UInt8]
  var position = 0
  var line = 1
  var lineStart = 0

  static let maximumDepth = 64

  /// The value of a text. Keys become strings.
  static func value(of text: String) throws(YAMLError) -> Value {
    var reader = YAMLReader(text: Array(text.utf8))
    return try reader.document()
  }

  // MARK: Places

  func peek(_ offset: Int = 0) -> UInt8? {
    position + offset < text.count ? text[position + offset] : nil
  }

  /// Counted from 0, in bytes: what stands before is indentation and indicators.
  var column: Int { position - lineStart }

  func error(_ what: String) -> YAMLError { YAMLError(line: line, what: what) }

  static func isSpace(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Whether nothing, or nothing but a break, follows a byte's place.
  static func isBlank(_ byte: UInt8?) -> Bool { byte == nil || isSpace(byte) || isBreak(byte) }

  static func isBreak(_ byte: UInt8?) -> Bool { byte == 0x0A || byte == 0x0D }

  static func isFlowMark(_ byte: UInt8?) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
    default: false
    }
  }

  /// Takes one line break.
  mutating func takeBreak() {
    if peek() == 0x0D { position += 1 }
    if peek() == 0x0A { position += 1 }
    line += 1
    lineStart = position
  }

  /// Whether `---` or `...` stands here, at the start of a line.
  var isMarker: Bool {
    guard column == 0, let first = peek(), first == UInt8(ascii: "-") || first == UInt8(ascii: ".") else {
      return false
    }
    return peek(1) == first && peek(2) == first && Self.isBlank(peek(3))
  }

  var isAtEnd: Bool { position >= text.count || isMarker }

  /// Goes to what comes next, over spaces, comments and lines. Tabs do not indent.
  mutating func skipToContent() throws(YAMLError) {
    while let byte = peek() {
      switch byte {
      case 0x20: position += 1
      case 0x09:
        guard !text[lineStart..<position].allSatisfy({ $0 == 0x20 }) || isRestBlank else {
          throw error("found a tab where indentation is expected")
        }
        position += 1
      case 0x0A, 0x0D: takeBreak()
      case UInt8(ascii: "#") where column == 0 || Self.isSpace(text[position - 1]): skipComment()
      default: return
      }
    }
  }

  private var isRestBlank: Bool {
    let rest = text[position...].first { !Self.isSpace($0) }
    return rest == nil || Self.isBreak(rest) || rest == UInt8(ascii: "#")
  }

  mutating func skipComment() {
    while let byte = peek(), !Self.isBreak(byte) { position += 1 }
  }

  mutating func skipSpaces() { while Self.isSpace(peek()) { position += 1 } }

  /// After a value: spaces, a comment, the line's end.
  mutating func endOfLine() throws(YAMLError) {
    let start = position
    skipSpaces()
    if peek() == UInt8(ascii: "#"), position > start { skipComment() }
    guard peek() == nil || Self.isBreak(peek()) else { throw error("did not find expected end of line") }
  }

  // MARK: Documents

  private mutating func document() throws(YAMLError) -> Value {
    if text.starts(with: [0xEF, 0xBB, 0xBF]) {
      position = 3
      lineStart = 3
    }
    try skipToContent()
    if isMarker, peek() == UInt8(ascii: "-") {
      position += 3
      skipSpaces()
    }
    let value = try node(parent: -1, isInline: false, depth: 0)
    try skipToContent()
    if isMarker, peek() == UInt8(ascii: ".") {
      position += 3
      try skipToContent()
    }
    guard position >= text.count else { throw error("did not find expected end of the one document") }
    return value
  }

  // MARK: Nodes

  /// What stands deeper than `parent`; null where nothing does. `isInline` says that a key stands on the same line.
  mutating func node(parent: Int, isInline: Bool, depth: Int) throws(YAMLError) -> Value {
    guard depth < Self.maximumDepth else { throw error("values deeper than \(Self.maximumDepth)") }
    try skipToContent()
    guard !isAtEnd, column > parent, let byte = peek() else { return .null }
    switch byte {
    case UInt8(ascii: "-") where Self.isBlank(peek(1)):
      guard !isInline else { throw error("block sequence entries are not allowed in this context") }
      return try sequence(depth)
    case UInt8(ascii: "?") where Self.isBlank(peek(1)): throw error("keys that are no scalars are refused")
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      let value = try flow(depth)
      try endOfLine()
      return value
    case UInt8(ascii: "|"), UInt8(ascii: ">"): return .string(try blockScalar(parent: parent))
    default: break
    }
    if try isKey() {
      guard !isInline else { throw error("mapping values are not allowed in this context") }
      return try mapping(depth)
    }
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
      let text = try quoted()
      try endOfLine()
      return .string(text)
    }
    return try scalar(try plain(parent: parent, inFlow: false))
  }

  /// Whether a key begins here: a scalar on one line, and a colon.
  private func isKey() throws(YAMLError) -> Bool {
    var ahead = self
    if peek() == UInt8(ascii: "\"") || peek() == UInt8(ascii: "'") {
      _ = try ahead.quoted()
      guard ahead.line == line else { return false }
      ahead.skipSpaces()
      return ahead.peek() == UInt8(ascii: ":") && Self.isBlank(ahead.peek(1))
    }
    while let byte = ahead.peek(), !Self.isBreak(byte) {
      if byte == UInt8(ascii: ":"), Self.isBlank(ahead.peek(1)) { return true }
      if byte == UInt8(ascii: "#"), Self.isSpace(ahead.text[ahead.position - 1]) { return false }
      ahead.position += 1
    }
    return false
  }

  private mutating func sequence(_ depth: Int) throws(YAMLError) -> Value {
    let indent = column
    var values: [Value] = []
    while !isAtEnd, column == indent, peek() == UInt8(ascii: "-"), Self.isBlank(peek(1)) {
      position += 1
      values.append(try node(parent: indent, isInline: false, depth: depth + 1))
      try skipToContent()
    }
    guard isAtEnd || column <= indent else { throw error("did not find expected '-' indicator") }
    return .array(values)
  }

  private mutating func mapping(_ depth: Int) throws(YAMLError) -> Value {
    let indent = column
    var members: [(Value, Value)] = []
    while !isAtEnd, column == indent {
      guard try isKey() else { throw error("could not find expected ':'") }
      let key = try key(inFlow: false)
      skipSpaces()
      position += 1
      members.append((key, try member(indent, depth)))
      try skipToContent()
    }
    guard isAtEnd || column < indent else { throw error("did not find expected key") }
    return .object(try object(members))
  }

  /// The value of a key at `indent`: on its line, or deeper below; a list may stand right below.
  private mutating func member(_ indent: Int, _ depth: Int) throws(YAMLError) -> Value {
    let keyLine = line
    try skipToContent()
    guard !isAtEnd else { return .null }
    if line == keyLine { return try node(parent: indent, isInline: true, depth: depth + 1) }
    if column == indent, peek() == UInt8(ascii: "-"), Self.isBlank(peek(1)) {
      guard depth + 1 < Self.maximumDepth else { throw error("values deeper than \(Self.maximumDepth)") }
      return try sequence(depth + 1)
    }
    return try node(parent: indent, isInline: false, depth: depth + 1)
  }

  func object(_ members: [(Value, Value)]) throws(YAMLError) -> ObjectValue {
    let object = ObjectValue(members)
    guard object.count == members.count else { throw error("a key stands twice in one mapping") }
    return object
  }

  mutating func key(inFlow: Bool) throws(YAMLError) -> Value {
    if peek() == UInt8(ascii: "\"") || peek() == UInt8(ascii: "'") { return .string(try quoted()) }
    let text = try plain(parent: nil, inFlow: inFlow)
    guard text != "<<" else { throw error("merge keys are refused") }
    switch try scalar(text) {
    case .string(let text): return .string(text)
    case let other: return .string(other.jsonText)
    }
  }
}
