/// Values as text, as `sprintf("%v")` and template strings write them.
enum Format {
  /// A string as it is, everything else as Rego writes it.
  static func plain(_ value: Value) -> String {
    if case .string(let text) = value { return text }
    return rego(value)
  }

  static func rego(_ value: Value) -> String {
    switch value {
    case .null: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .number(let number): return number.text
    case .string(let text): return GoQuote.text(text, isASCII: false)
    case .array(let values): return "[" + values.map(rego).joined(separator: ", ") + "]"
    case .object(let object):
      return "{" + object.members.map { "\(rego($0.key)): \(rego($0.value))" }.joined(separator: ", ") + "}"
    case .set(let set):
      return set.isEmpty ? "set()" : "{" + set.elements.map(rego).joined(separator: ", ") + "}"
    }
  }

  /// As JSON quotes.
  static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{08}": out += "\\b"
      case "\u{0C}": out += "\\f"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    return out + "\""
  }
}
