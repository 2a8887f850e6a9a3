/// The escapes in strings of JSON, which are those of Rego (RFC 8259 §7).
enum EscapedText {
  /// What the escape stands for whose '\' is at `position`, and where it ends; nil where there is none. Half of a pair of
  /// surrogates is the replacement character, as in Go.
  static func read(_ text: [UInt8], at position: Int) -> (scalar: Unicode.Scalar, end: Int)? {
    guard position + 1 < text.count else { return nil }
    let end = position + 2
    switch text[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
      return (Unicode.Scalar(text[position + 1]), end)
    case UInt8(ascii: "b"): return ("\u{08}", end)
    case UInt8(ascii: "f"): return ("\u{0C}", end)
    case UInt8(ascii: "n"): return ("\n", end)
    case UInt8(ascii: "r"): return ("\r", end)
    case UInt8(ascii: "t"): return ("\t", end)
    case UInt8(ascii: "u"): return unicode(text, at: end)
    default: return nil
    }
  }

  private static func unicode(_ text: [UInt8], at start: Int) -> (scalar: Unicode.Scalar, end: Int)? {
    guard let first = quad(text, at: start) else { return nil }
    let end = start + 4
    if let scalar = Unicode.Scalar(first) { return (scalar, end) }
    if first < 0xDC00, text[end...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]),
      let second = quad(text, at: end + 2), second >= 0xDC00, second < 0xE000,
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    {
      return (scalar, end + 6)
    }
    return ("\u{FFFD}", end)
  }

  /// Four hexadecimal digits.
  private static func quad(_ text: [UInt8], at start: Int) -> UInt32? {
    guard start + 4 <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[start..<(start + 4)] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte & 0x0F)
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        value = value << 4 | UInt32(byte & 0x0F + 9)
      default: return nil
      }
    }
    return value
  }
}
