/// One verb of Go's `fmt` with its flags.
struct GoVerb {
  var minus = false
  var plus = false
  var sharp = false
  var space = false
  var zero = false
  var width: Int?
  var precision: Int?
  /// `%#v`: as Go's source would have it.
  private var isSource = false

  func text(_ argument: GoFormat.Argument, _ letter: Unicode.Scalar) -> String {
    var verb = self
    if letter == "v" {
      verb.isSource = sharp
      verb.sharp = false
      verb.plus = false
    }
    switch (letter, argument) {
    case ("T", _): return verb.padded(verb.cut(argument.type))
    case ("p", _): return verb.bad(argument, letter)
    case (_, .int(let value)): return verb.int(value, letter)
    case (_, .big(let value)): return verb.big(value, letter)
    case (_, .double(let value)): return verb.double(value, letter)
    case (_, .text(let value)): return verb.string(value, letter)
    }
  }

  private func bad(_ argument: GoFormat.Argument, _ letter: Unicode.Scalar) -> String {
    "%!\(letter)(\(argument.type)=\(text(argument, "v")))"
  }

  private func padded(_ text: String) -> String {
    let missing = (width ?? 0) - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if minus { return text + String(repeating: " ", count: missing) }
    return String(repeating: zero ? "0" : " ", count: missing) + text
  }

  private func withSpaces(_ text: String) -> String {
    var verb = self
    verb.zero = false
    return verb.padded(text)
  }

  // MARK: Whole numbers

  private func int(_ value: Int, _ letter: Unicode.Scalar) -> String {
    switch letter {
    case "v", "d": return digits(String(value.magnitude), value < 0, "")
    case "b": return digits(String(value.magnitude, radix: 2), value < 0, sharp ? "0b" : "")
    case "o":
      let text = String(value.magnitude, radix: 8)
      return digits(text, value < 0, sharp && value != 0 ? "0" : "")
    case "O": return digits(String(value.magnitude, radix: 8), value < 0, (sharp ? "0" : "") + "0o")
    case "x": return digits(String(value.magnitude, radix: 16), value < 0, sharp ? "0x" : "")
    case "X": return digits(String(value.magnitude, radix: 16, uppercase: true), value < 0, sharp ? "0X" : "")
    case "c": return padded(String(GoVerb.scalar(value)))
    case "q": return padded(GoQuote.character(GoVerb.scalar(value), isASCII: plus))
    case "U":
      let hex = String(UInt64(bitPattern: Int64(value)), radix: 16, uppercase: true)
      let least = max(4, precision ?? 0)
      let shown = "U+" + String(repeating: "0", count: max(0, least - hex.utf8.count)) + hex
      guard sharp, let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init),
        GoQuote.isPrintable(scalar)
      else {
        return withSpaces(shown)
      }
      return withSpaces("\(shown) '\(scalar)'")
    default: return bad(.int(value), letter)
    }
  }

  private static func scalar(_ value: Int) -> Unicode.Scalar {
    UInt32(exactly: value).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
  }

  private func digits(_ magnitude: String, _ isNegative: Bool, _ prefix: String) -> String {
    if precision == 0, magnitude == "0" { return String(repeating: " ", count: width ?? 0) }
    let sign = isNegative ? "-" : plus ? "+" : space ? " " : ""
    var least = precision ?? 0
    // Zeros before the digits; the width counts the sign and not what names the base.
    if precision == nil, zero, !minus, let width { least = width - (sign.isEmpty ? 0 : 1) }
    let zeros = String(repeating: "0", count: max(0, least - magnitude.utf8.count))
    // Zeros are the mark of octal digits already.
    let mark = prefix == "0" && !zeros.isEmpty ? "" : prefix
    return withSpaces(sign + mark + zeros + magnitude)
  }

  /// As `big.Int` writes itself.
  private func big(_ value: BigInteger, _ letter: Unicode.Scalar) -> String {
    let radix: UInt32
    switch letter {
    case "b": radix = 2
    case "o", "O": radix = 8
    case "d", "s", "v": radix = 10
    case "x", "X": radix = 16
    default: return "%!\(letter)(big.Int=\(value.description))"
    }
    let sign = value.isNegative ? "-" : plus ? "+" : space ? " " : ""
    var prefix = letter == "O" ? "0o" : ""
    if sharp { prefix = ["b": "0b", "o": "0", "x": "0x", "X": "0X"][letter] ?? prefix }
    var digits = value.absolute.text(radix: radix)
    if letter == "X" { digits = digits.uppercased() }
    var zeros = max(0, (precision ?? 0) - digits.utf8.count)
    let missing = (width ?? 0) - sign.utf8.count - prefix.utf8.count - zeros - digits.utf8.count
    if missing > 0, zero, !minus, precision == nil { zeros = missing }
    return withSpaces(sign + prefix + String(repeating: "0", count: zeros) + digits)
  }

  // MARK: Doubles

  private func double(_ value: Double, _ letter: Unicode.Scalar) -> String {
    let body: String
    switch letter {
    case "v", "g": body = general(value, "e")
    case "G": body = general(value, "E")
    case "e": body = DecimalDigits(value.magnitude).exponential(precision ?? 6)
    case "E": body = DecimalDigits(value.magnitude).exponential(precision ?? 6, mark: "E")
    case "f", "F": body = DecimalDigits(value.magnitude).fixed(precision ?? 6)
    case "x", "X", "b": body = GoVerb.hexadecimal(value, letter, precision)
    default: return bad(.double(value), letter)
    }
    let sign = value.sign == .minus ? "-" : plus ? "+" : space ? " " : ""
    let missing = (width ?? 0) - sign.utf8.count - body.utf8.count
    if !sign.isEmpty, zero, !minus, missing > 0 {
      return sign + String(repeating: "0", count: missing) + body
    }
    return padded(sign + withPoint(body, letter))
  }

  private func general(_ value: Double, _ mark: String) -> String {
    guard let precision else { return DecimalDigits(shortest: value).general(mark: mark) }
    return DecimalDigits(value.magnitude).general(precision, mark: mark)
  }

  /// With a point in any case, where `#` asks for one; of `%g` all digits then.
  private func withPoint(_ body: String, _ letter: Unicode.Scalar) -> String {
    guard sharp, letter != "b" else { return body }
    let parts = body.split(maxSplits: 1) { $0 == "e" || $0 == "E" || $0 == "p" || $0 == "P" }
    var mantissa = String(parts[0])
    if !mantissa.utf8.contains(UInt8(ascii: ".")) { mantissa += "." }
    if letter == "g" || letter == "G" {
      let digits = mantissa.utf8.drop { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }.count(
        where: Lexer.isDigit)
      let found = digits == 0 ? 1 : digits
      mantissa += String(repeating: "0", count: max(0, (precision ?? 6) - found))
    }
    return mantissa + body.dropFirst(parts[0].utf8.count)
  }

  /// `%x` (0x1.8p+01) and `%b` (a whole number and a power of two) of a double's magnitude.
  private static func hexadecimal(_ value: Double, _ letter: Unicode.Scalar, _ precision: Int?) -> String {
    func power(_ exponent: Int, least: Int) -> String {
      let digits = String(exponent.magnitude)
      return (exponent < 0 ? "-" : "+") + String(repeating: "0", count: max(0, least - digits.utf8.count))
        + digits
    }
    let isNormal = value.isNormal
    let bits = value.significandBitPattern | (isNormal ? 1 << 52 : 0)
    let exponent = isNormal ? Int(value.exponent) : -1022
    guard letter != "b" else { return "\(bits)p" + power((value == 0 ? -1022 : exponent) - 52, least: 1) }
    var mantissa = bits << 8
    var place = value == 0 ? 0 : exponent
    if value != 0, !isNormal {
      place -= mantissa.leadingZeroBitCount - 3
      mantissa <<= UInt64(mantissa.leadingZeroBitCount - 3)
    }
    if let precision, precision < 15 {
      let shift = UInt64(60 - 4 * precision)
      let rest = mantissa & (1 << shift - 1)
      let half = UInt64(1) << (shift - 1)
      mantissa >>= shift
      if rest > half || rest == half && mantissa & 1 == 1 { mantissa += 1 }
      mantissa <<= shift
      if mantissa & 1 << 61 != 0 {
        mantissa >>= 1
        place += 1
      }
    }
    var fraction = String(mantissa & (1 << 60 - 1), radix: 16)
    fraction = String(repeating: "0", count: 15 - fraction.utf8.count) + fraction
    if let precision {
      fraction = String(fraction.prefix(precision)) + String(repeating: "0", count: max(0, precision - 15))
    } else {
      while fraction.utf8.last == UInt8(ascii: "0") { fraction.removeLast() }
    }
    let text = "0x\(mantissa >> 60)" + (fraction.isEmpty ? "" : "." + fraction) + "p" + power(place, least: 2)
    return letter == "X" ? text.uppercased() : text
  }

  // MARK: Texts

  private func string(_ value: String, _ letter: Unicode.Scalar) -> String {
    switch letter {
    case "v" where isSource: return padded(GoQuote.text(cut(value), isASCII: false))
    case "v", "s": return padded(cut(value))
    case "q":
      let shown = cut(value)
      if sharp, GoQuote.canBackquote(shown) { return padded("`\(shown)`") }
      return padded(GoQuote.text(shown, isASCII: plus))
    case "x", "X": return hex(Array(value.utf8), isUpper: letter == "X")
    default: return bad(.text(value), letter)
    }
  }

  /// Its first characters, as many as the precision says.
  private func cut(_ text: String) -> String {
    precision.map { String(scalars: Array(text.unicodeScalars).prefix($0)) } ?? text
  }

  private func hex(_ bytes: [UInt8], isUpper: Bool) -> String {
    let shown = bytes.prefix(precision ?? bytes.count)
    let mark = sharp ? (isUpper ? "0X" : "0x") : ""
    let pairs = shown.map { (byte: UInt8) -> String in
      let digits = String(byte, radix: 16, uppercase: isUpper)
      return byte < 16 ? "0" + digits : digits
    }
    guard !pairs.isEmpty else { return padded("") }
    return padded(space ? pairs.map { mark + $0 }.joined(separator: " ") : mark + pairs.joined())
  }
}

/// Texts in quotes, as Go's `strconv` puts them there.
enum GoQuote {
  static func text(_ text: String, isASCII: Bool) -> String {
    "\"" + text.unicodeScalars.map { escaped($0, quote: "\"", isASCII: isASCII) }.joined() + "\""
  }

  static func character(_ scalar: Unicode.Scalar, isASCII: Bool) -> String {
    "'" + escaped(scalar, quote: "'", isASCII: isASCII) + "'"
  }

  static func canBackquote(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      scalar != "\u{FEFF}" && scalar != "`" && scalar.value != 0x7F
        && (scalar.value >= 0x20 || scalar == "\t")
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar, isASCII: Bool) -> String {
    if scalar == quote || scalar == "\\" { return "\\\(scalar)" }
    if scalar.isASCII ? scalar.value >= 0x20 && scalar.value < 0x7F : !isASCII && isPrintable(scalar) {
      return String(scalar)
    }
    switch scalar {
    case "\u{07}": return "\\a"
    case "\u{08}": return "\\b"
    case "\u{0C}": return "\\f"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{0B}": return "\\v"
    default: break
    }
    func hex(_ mark: String, _ count: Int) -> String {
      let digits = String(scalar.value, radix: 16)
      return "\\\(mark)" + String(repeating: "0", count: count - digits.utf8.count) + digits
    }
    if scalar.value < 0x20 || scalar.value == 0x7F { return hex("x", 2) }
    return scalar.value < 0x10000 ? hex("u", 4) : hex("U", 8)
  }

  /// Letters, marks, numbers, punctuation, symbols, and the space of ASCII.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    // From spaces on the categories are of what is not seen.
    return scalar == " " || UnicodeTables.category(scalar.value) < 22
  }
}
