/// Values as YAML in block style, keys ascending; sets are lists, and keys that are no strings are the text that JSON has for
/// them.
enum YAMLWriter {
  static func text(of value: Value) -> String {
    var out = ""
    switch elements(value) {
    case .some(let values) where !values.isEmpty: sequence(values, 0, &out)
    case .some, .none:
      if case .object(let object) = value, !object.isEmpty {
        mapping(object, 0, &out)
      } else {
        out = scalar(value, 0) + "\n"
      }
    }
    return out
  }

  private static func elements(_ value: Value) -> [Value]? {
    switch value {
    case .array(let values): values
    case .set(let set): set.elements
    case .null, .bool, .number, .string, .object: nil
    }
  }

  private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

  /// `out` stands where the first entry begins.
  private static func sequence(_ values: [Value], _ indent: Int, _ out: inout String) {
    for (position, value) in values.enumerated() {
      if position > 0 { out += spaces(indent) }
      out += "- "
      entry(value, indent + 2, &out)
    }
  }

  private static func mapping(_ object: ObjectValue, _ indent: Int, _ out: inout String) {
    for (position, member) in object.members.enumerated() {
      if position > 0 { out += spaces(indent) }
      let key = if case .string = member.key { member.key } else { Value.string(member.key.jsonText) }
      // A key stands on one line.
      if case .string(let text) = key, text.utf8.contains(0x0A) {
        out += Format.quoted(text)
      } else {
        out += scalar(key, indent)
      }
      out += ":"
      if let values = elements(member.value), !values.isEmpty {
        out += "\n" + spaces(indent)
        sequence(values, indent, &out)
      } else if case .object(let inner) = member.value, !inner.isEmpty {
        out += "\n" + spaces(indent + 2)
        mapping(inner, indent + 2, &out)
      } else {
        out += " " + scalar(member.value, indent) + "\n"
      }
    }
  }

  private static func entry(_ value: Value, _ indent: Int, _ out: inout String) {
    if let values = elements(value), !values.isEmpty {
      sequence(values, indent, &out)
    } else if case .object(let object) = value, !object.isEmpty {
      mapping(object, indent, &out)
    } else {
      out += scalar(value, indent - 2) + "\n"
    }
  }

  /// A scalar or an empty collection, in a mapping or a list at `indent`.
  private static func scalar(_ value: Value, _ indent: Int) -> String {
    switch value {
    case .null, .bool, .number: return Format.rego(value)
    case .array, .set: return "[]"
    case .object: return "{}"
    case .string(let text):
      if isBlock(text) { return block(text, indent + 2) }
      if !isPlainText(text) { return Format.quoted(text) }
      if isAmbiguous(text) { return "\"\(text)\"" }
      if isPlain(text) { return text }
      return "'" + text.replacing("'", with: "''") + "'"
    }
  }

  /// Whether a text of several lines may stand as it is.
  private static func isBlock(_ text: String) -> Bool {
    guard text.utf8.contains(0x0A), let first = text.utf8.first, first != 0x20, first != 0x0A, first != 0x09
    else {
      return false
    }
    return text.unicodeScalars.allSatisfy { $0 == "\n" || isPrintable($0) }
  }

  private static func block(_ text: String, _ indent: Int) -> String {
    let body = text.hasSuffix("\n") ? String(text.dropLast()) : text
    let chomping = !text.hasSuffix("\n") ? "-" : body.hasSuffix("\n") ? "+" : ""
    let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
    return "|\(chomping)\n" + lines.map { $0.isEmpty ? "" : spaces(indent) + $0 }.joined(separator: "\n")
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x20 && scalar.value < 0x7F
      || scalar.value >= 0xA0 && scalar.value != 0xFEFF
        && scalar.value != 0x2028 && scalar.value != 0x2029
  }

  private static func isPlainText(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(isPrintable) }

  /// Whether a reader could take the text for something else than a string, readers of YAML 1.1 too.
  private static func isAmbiguous(_ text: String) -> Bool {
    switch UnicodeTables.lower(text) {
    case "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", ".inf", "+.inf", "-.inf",
      ".nan":
      return true
    default: break
    }
    guard let first = text.utf8.first else { return true }
    let begins =
      Lexer.isDigit(first) || first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
      || first == UInt8(ascii: ".")
    // Numbers, dates and times of day.
    return begins
      && text.utf8.allSatisfy { byte in
        Lexer.isDigit(byte) || Array("+-.:_eExXoOabcdfABCDFTZtz ".utf8).contains(byte)
      }
  }

  private static func isPlain(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, first != 0x20, last != 0x20,
      last != UInt8(ascii: ":")
    else {
      return false
    }
    guard !Array("-?:,[]{}#&*!|>'\"%@`=".utf8).contains(first) else { return false }
    for position in bytes.indices.dropFirst() {
      if bytes[position] == UInt8(ascii: "#"), bytes[position - 1] == 0x20 { return false }
      if bytes[position] == 0x20, bytes[position - 1] == UInt8(ascii: ":") { return false }
    }
    return true
  }
}
