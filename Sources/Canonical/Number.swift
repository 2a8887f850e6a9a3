/// A number as ECMAScript writes it (RFC 8785 §3.2.2.3): the shortest digits that read back as the
/// same double, positional from 1e-6 up to 1e21, otherwise with an exponent.
func canonicalNumber(_ value: Double) -> String {
  precondition(value.isFinite, "JSON has no number that is not finite")
  if value == 0 { return "0" }
  let decimal = Decimal(value.description)
  let digits = decimal.digits
  let count = digits.count
  // The value is 0.digits × 10^point.
  let point = decimal.exponent + count
  var out = decimal.negative ? "-" : ""
  func text(_ slice: ArraySlice<UInt8>) -> String { String(decoding: slice, as: UTF8.self) }
  if count <= point && point <= 21 {
    out += text(digits[...]) + String(repeating: "0", count: point - count)
  } else if 0 < point && point <= 21 {
    out += text(digits[..<point]) + "." + text(digits[point...])
  } else if -6 < point && point <= 0 {
    out += "0." + String(repeating: "0", count: -point) + text(digits[...])
  } else {
    out += text(digits[..<1])
    if count > 1 { out += "." + text(digits[1...]) }
    out += "e" + (point > 0 ? "+" : "-") + String((point - 1).magnitude)
  }
  return out
}

/// The exact value of a decimal literal: ± digits × 10^exponent, without leading or trailing zeros.
struct Decimal: Equatable {
  var negative = false
  /// ASCII digits; empty for zero.
  var digits: [UInt8] = []
  var exponent = 0

  /// Reads a literal that has the grammar of a JSON number. A written exponent is
  /// pinned to bounds that no double reaches, far from where sums overflow.
  init(_ literal: String) {
    var position = literal.utf8.startIndex
    let end = literal.utf8.endIndex
    var afterPoint = false
    var written = 0
    while position < end {
      let byte = literal.utf8[position]
      position = literal.utf8.index(after: position)
      switch byte {
      case UInt8(ascii: "-"): negative = true
      case UInt8(ascii: "."): afterPoint = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        let bound = 1 << 40
        written = min(max(Int(literal[position...]) ?? bound, -bound), bound)
        position = end
      default:
        if afterPoint { exponent -= 1 }
        if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte) }
      }
    }
    exponent += written
    while digits.last == UInt8(ascii: "0") {
      digits.removeLast()
      exponent += 1
    }
    if digits.isEmpty {
      exponent = 0
      negative = false
    }
  }
}
