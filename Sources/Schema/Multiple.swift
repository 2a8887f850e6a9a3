/// A divisor for `multipleOf`, exact: 0.3 is a multiple of 0.1 although their doubles are not.
struct Multiple: Sendable {
  /// The divisor is `digits` × 10^`exponent`.
  private let digits: UInt64
  private let exponent: Int
  let text: String

  /// Reads the canonical text of a number; nil unless it is above 0 and of at most 18 digits.
  init?(of text: String) {
    guard let (digits, exponent) = Multiple.decimal(text), digits > 0, !text.hasPrefix("-") else {
      return nil
    }
    self.digits = digits
    self.exponent = exponent
    self.text = text
  }

  /// Whether the number with this canonical text is a multiple.
  func divides(_ text: String) -> Bool {
    guard let (value, valueExponent) = Multiple.decimal(text) else { return false }
    if value == 0 { return true }
    // value × 10^shift must be a whole multiple of `digits`. Below 0 it cannot be whole: value has no
    // trailing zero; but the divisor may share factors of ten with nothing, as it has none either.
    let shift = valueExponent - exponent
    guard shift >= 0 else { return false }
    var remainder = value % digits
    for _ in 0..<shift where remainder != 0 {
      let product = remainder.multipliedFullWidth(by: 10)
      remainder = digits.dividingFullWidth(product).remainder
    }
    return remainder == 0
  }

  /// Magnitude as digits × 10^exponent without trailing zeros; nil beyond 18 digits.
  private static func decimal(_ text: String) -> (digits: UInt64, exponent: Int)? {
    var digits: UInt64 = 0
    var exponent = 0
    var isFraction = false
    var bytes = text.utf8[...]
    if bytes.first == UInt8(ascii: "-") { bytes.removeFirst() }
    var count = 0
    var zeros = 0
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "."): isFraction = true
      case UInt8(ascii: "e"):
        guard let written = Int(Substring(bytes)) else { return nil }
        exponent += written
        bytes = bytes[bytes.endIndex...]
      case UInt8(ascii: "0"):
        if isFraction { exponent -= 1 }
        if count > 0 { zeros += 1 }
      default:
        if isFraction { exponent -= 1 }
        count += zeros + 1
        guard count <= 18 else { return nil }
        for _ in 0..<zeros { digits *= 10 }
        zeros = 0
        digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
      }
    }
    return (digits, digits == 0 ? 0 : exponent + zeros)
  }
}
