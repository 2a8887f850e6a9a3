// Flow collections and block scalars of YAML.
extension YAMLReader {
  /// `[…]` or `{…}`.
  mutating func flow(_ depth: Int) throws(YAMLError) -> Value {
    guard depth < Self.maximumDepth else { throw error("values deeper than \(Self.maximumDepth)") }
    let isMapping = peek() == UInt8(ascii: "{")
    position += 1
    return isMapping ? .object(try flowMapping(depth)) : .array(try flowSequence(depth))
  }

  private mutating func flowSequence(_ depth: Int) throws(YAMLError) -> [Value] {
    var values: [Value] = []
    while true {
      try skipToContent()
      if take("]") { return values }
      let entry = try flowEntry(depth)
      try skipToContent()
      if take(":") {
        // `[a: 1]` is a list of one mapping.
        let value = try flowValue(depth)
        guard case .scalar(let key, _) = entry else { throw error("keys that are no scalars are refused") }
        values.append(.object(try object([(key, value)])))
        try skipToContent()
      } else {
        values.append(entry.value)
      }
      if take(",") { continue }
      guard take("]") else { throw error("did not find expected ',' or ']'") }
      return values
    }
  }

  private mutating func flowMapping(_ depth: Int) throws(YAMLError) -> ObjectValue {
    var members: [(Value, Value)] = []
    while true {
      try skipToContent()
      if take("}") { return try object(members) }
      guard case .scalar(let key, _) = try flowEntry(depth) else {
        throw error("keys that are no scalars are refused")
      }
      try skipToContent()
      members.append((key, take(":") ? try flowValue(depth) : .null))
      try skipToContent()
      if take(",") { continue }
      guard take("}") else { throw error("did not find expected ',' or '}'") }
      return try object(members)
    }
  }

  /// What stands in a flow collection: its value, and where it is a scalar the key that it would be.
  private enum FlowEntry {
    case scalar(key: Value, Value)
    case collection(Value)

    var value: Value {
      switch self {
      case .scalar(_, let value), .collection(let value): value
      }
    }
  }

  private mutating func flowEntry(_ depth: Int) throws(YAMLError) -> FlowEntry {
    switch peek() {
    case UInt8(ascii: "["), UInt8(ascii: "{"): return .collection(try flow(depth + 1))
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      let text = Value.string(try quoted())
      return .scalar(key: text, text)
    default:
      let text = try plain(parent: nil, inFlow: true)
      let value = try scalar(text)
      if case .string = value { return .scalar(key: value, value) }
      return .scalar(key: .string(value.jsonText), value)
    }
  }

  /// After a colon; null where nothing follows.
  private mutating func flowValue(_ depth: Int) throws(YAMLError) -> Value {
    try skipToContent()
    switch peek() {
    case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"): return .null
    default: return try flowEntry(depth).value
    }
  }

  private mutating func take(_ mark: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }

  // MARK: Block scalars

  /// `|` and `>` with their indentation and what becomes of the last breaks.
  mutating func blockScalar(parent: Int) throws(YAMLError) -> String {
    let isFolded = peek() == UInt8(ascii: ">")
    position += 1
    var chomping: UInt8?
    var explicit: Int?
    while let byte = peek(), !Self.isBlank(byte) {
      switch byte {
      case UInt8(ascii: "+") where chomping == nil, UInt8(ascii: "-") where chomping == nil: chomping = byte
      case UInt8(ascii: "1")...UInt8(ascii: "9") where explicit == nil:
        explicit = Int(byte - UInt8(ascii: "0"))
      default: throw error("did not find expected comment or line break after '|' or '>'")
      }
      position += 1
    }
    try endOfLine()
    if peek() != nil { takeBreak() }
    let lines = try blockLines(parent: parent, indent: explicit.map { max(parent, 0) + $0 })
    let last = lines.lastIndex { !$0.isEmpty }
    let body = lines[..<(last.map { $0 + 1 } ?? 0)]
    var bytes = isFolded ? Self.folded(body) : Array(body.joined(separator: [0x0A]))
    switch chomping {
    case UInt8(ascii: "-"): break
    case UInt8(ascii: "+"):
      let breaks = lines.count - body.count + (body.isEmpty ? 0 : 1)
      bytes += [UInt8](repeating: 0x0A, count: breaks)
    default: if !body.isEmpty { bytes.append(0x0A) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The lines of a block scalar, without their indentation.
  private mutating func blockLines(parent: Int, indent known: Int?) throws(YAMLError) -> [ArraySlice<UInt8>] {
    var indent = known
    var lines: [ArraySlice<UInt8>] = []
    while position < text.count, !isMarker {
      let start = position
      var spaces = 0
      while peek(spaces) == 0x20, indent.map({ spaces < $0 }) ?? true { spaces += 1 }
      let next = peek(spaces)
      let isEmpty = next == nil || Self.isBreak(next)
      if !isEmpty {
        if indent == nil, spaces > parent { indent = spaces }
        guard let indent, spaces >= indent else { break }
      }
      position = start + spaces
      let content = position
      skipComment()
      lines.append(isEmpty ? [] : text[content..<position])
      if peek() != nil { takeBreak() }
    }
    return lines
  }

  /// Lines of one paragraph become one; what is indented deeper keeps its breaks.
  private static func folded(_ lines: ArraySlice<ArraySlice<UInt8>>) -> [UInt8] {
    var out: [UInt8] = []
    var empty = 0
    var isFirst = true
    var wasDeeper = false
    for line in lines {
      guard let first = line.first else {
        empty += 1
        continue
      }
      let isDeeper = isSpace(first)
      if isFirst {
        out += [UInt8](repeating: 0x0A, count: empty)
      } else if isDeeper || wasDeeper {
        out += [UInt8](repeating: 0x0A, count: empty + 1)
      } else if empty == 0 {
        out.append(0x20)
      } else {
        out += [UInt8](repeating: 0x0A, count: empty)
      }
      out += line
      (isFirst, wasDeeper, empty) = (false, isDeeper, 0)
    }
    return out
  }
}
