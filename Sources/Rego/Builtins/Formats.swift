// `sprintf` as Go formats, for the kinds of values that Rego has.
extension Builtins {
  static let formats: [Builtin] = [
    Builtin("sprintf", 2) { (a, meter) throws(BuiltinError) in
      let text = try Sprintf.format(try a.string(0), try a.array(1))
      try meter.spend(bytes: text.utf8.count)
      return .string(text)
    }
  ]
}

private enum Sprintf {
  private struct Verb {
    var minus = false
    var plus = false
    var sharp = false
    var space = false
    var zero = false
    var width: Int?
    var precision: Int?
  }

  static func format(_ format: String, _ arguments: [Value]) throws(BuiltinError) -> String {
    var out = ""
    var scalars = Array(format.unicodeScalars)[...]
    var next = 0
    while let scalar = scalars.first {
      scalars = scalars.dropFirst()
      guard scalar == "%" else {
        out.unicodeScalars.append(scalar)
        continue
      }
      var verb = Verb()
      flags: while let flag = scalars.first {
        switch flag {
        case "-": verb.minus = true
        case "+": verb.plus = true
        case "#": verb.sharp = true
        case " ": verb.space = true
        case "0": verb.zero = true
        default: break flags
        }
        scalars = scalars.dropFirst()
      }
      verb.width = number(&scalars, arguments, &next)
      if scalars.first == "." {
        scalars = scalars.dropFirst()
        verb.precision = number(&scalars, arguments, &next) ?? 0
      }
      guard (verb.width ?? 0) <= 1 << 16, (verb.precision ?? 0) <= 1 << 16 else {
        throw .budget("a width of more than 65536")
      }
      guard let letter = scalars.first else {
        out += "%!(NOVERB)"
        break
      }
      scalars = scalars.dropFirst()
      if letter == "%" {
        out += "%"
        continue
      }
      guard next < arguments.count else {
        out += "%!\(letter)(MISSING)"
        continue
      }
      out += render(letter, verb, arguments[next])
      next += 1
    }
    if next < arguments.count {
      let rest = arguments[next...].map { "\(goType($0))=\(Format.plain($0))" }
      out += "%!(EXTRA \(rest.joined(separator: ", ")))"
    }
    return out
  }

  private static func number(
    _ scalars: inout ArraySlice<Unicode.Scalar>, _ arguments: [Value], _ next: inout Int
  ) -> Int? {
    if scalars.first == "*", next < arguments.count, case .number(let number) = arguments[next] {
      scalars = scalars.dropFirst()
      next += 1
      return number.int
    }
    var value: Int?
    while let scalar = scalars.first, scalar.isDigit, (value ?? 0) < 1 << 20 {
      value = (value ?? 0) * 10 + Int(scalar.value - 48)
      scalars = scalars.dropFirst()
    }
    return value
  }

  /// What Go calls the type that OPA hands over.
  private static func goType(_ value: Value) -> String {
    switch value {
    case .number(let number): number.int != nil ? "int" : number.exact != nil ? "*big.Int" : "float64"
    default: "string"
    }
  }

  private static func render(_ letter: Unicode.Scalar, _ verb: Verb, _ value: Value) -> String {
    switch (letter, value) {
    case ("v", .number(let number)): return pad(verb, sign(verb, number.text))
    case ("v", _), ("s", .string): return pad(verb, cut(verb, Format.plain(value)))
    case ("s", .number), ("s", .bool), ("s", .null):
      // A number beyond 64 bits is handed over as text.
      if case .number(let number) = value, number.int != nil || number.exact == nil {
        return bad(letter, value)
      }
      return pad(verb, cut(verb, Format.plain(value)))
    case ("s", _): return pad(verb, cut(verb, Format.plain(value)))
    case ("q", .number): return bad(letter, value)
    case ("q", _): return pad(verb, Format.quoted(Format.plain(value)))
    case ("d", .number(let number)):
      guard let whole = number.integer else { return bad(letter, value) }
      return pad(verb, sign(verb, whole.description), isNumber: true)
    case ("b", .number(let number)), ("o", .number(let number)), ("x", .number(let number)),
      ("X", .number(let number)):
      guard let whole = number.integer else { return bad(letter, value) }
      let radix: UInt32 = letter == "b" ? 2 : letter == "o" ? 8 : 16
      var text = whole.text(radix: radix)
      if verb.sharp { text = (letter == "b" ? "0b" : letter == "o" ? "0" : "0x") + text }
      if letter == "X" { text = text.uppercased() }
      return pad(verb, sign(verb, text), isNumber: true)
    case ("x", .string(let text)), ("X", .string(let text)):
      let digits = text.utf8.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
      return pad(verb, letter == "X" ? digits.uppercased() : digits)
    case ("f", .number(let number)), ("F", .number(let number)):
      return pad(verb, sign(verb, Decimals.fixed(number, digits: verb.precision ?? 6)), isNumber: true)
    case ("e", .number(let number)), ("E", .number(let number)):
      let text = Decimals.exponent(number.double, digits: verb.precision ?? 6)
      return pad(verb, sign(verb, letter == "E" ? text.uppercased() : text), isNumber: true)
    case ("g", .number(let number)), ("G", .number(let number)):
      return pad(verb, sign(verb, number.text), isNumber: true)
    case ("t", .bool(let flag)): return pad(verb, flag ? "true" : "false")
    case ("c", .number(let number)):
      let scalar = number.int.flatMap { UInt32(exactly: $0) }.flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
      return pad(verb, String(scalar))
    case ("T", _): return goType(value)
    default: return bad(letter, value)
    }
  }

  private static func bad(_ letter: Unicode.Scalar, _ value: Value) -> String {
    "%!\(letter)(\(goType(value))=\(Format.plain(value)))"
  }

  private static func cut(_ verb: Verb, _ text: String) -> String {
    verb.precision.map { String(scalars: Array(text.unicodeScalars).prefix($0)) } ?? text
  }

  private static func sign(_ verb: Verb, _ text: String) -> String {
    guard !text.hasPrefix("-") else { return text }
    return verb.plus ? "+" + text : verb.space ? " " + text : text
  }

  private static func pad(_ verb: Verb, _ text: String, isNumber: Bool = false) -> String {
    let missing = (verb.width ?? 0) - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if verb.minus { return text + String(repeating: " ", count: missing) }
    guard verb.zero else { return String(repeating: " ", count: missing) + text }
    let zeros = String(repeating: "0", count: missing)
    if isNumber, let first = text.first, first == "-" || first == "+" {
      return "\(first)\(zeros)\(text.dropFirst())"
    }
    return zeros + text
  }
}

/// Doubles with a given number of digits, exactly rounded.
enum Decimals {
  /// Every double is a whole number of halves of halves: exact arithmetic rounds it to even.
  static func fixed(_ number: Number, digits: Int) -> String {
    if let whole = number.integer {
      return whole.description + (digits > 0 ? "." + String(repeating: "0", count: digits) : "")
    }
    // No double has more decimals than this; what follows are zeros.
    guard digits <= 1100 else {
      return fixed(number, digits: 1100) + String(repeating: "0", count: digits - 1100)
    }
    let value = number.double
    let (numerator, denominator) = fraction(value.magnitude)
    var scaled = numerator
    for _ in 0..<digits { scaled = scaled * BigInteger(10) }
    var (quotient, remainder) = scaled.divided(by: denominator)
    let twice = remainder + remainder
    if twice > denominator || (twice == denominator && (quotient.magnitude.first ?? 0) & 1 == 1) {
      quotient = quotient + BigInteger(1)
    }
    var text = quotient.description
    if digits > 0 {
      if text.count <= digits { text = String(repeating: "0", count: digits + 1 - text.count) + text }
      text = "\(text.dropLast(digits)).\(text.suffix(digits))"
    }
    return value < 0 ? "-" + text : text
  }

  private static func fraction(_ value: Double) -> (BigInteger, BigInteger) {
    guard value > 0 else { return (.zero, BigInteger(1)) }
    let exponent = Int(value.exponent) - 52
    let significand = BigInteger(Int(value.significandBitPattern | (value.isNormal ? 1 << 52 : 0)))
    if exponent >= 0 { return (significand.shifted(left: exponent), BigInteger(1)) }
    return (significand, BigInteger(1).shifted(left: -exponent))
  }

  static func exponent(_ value: Double, digits: Int) -> String {
    let shortest = ShortestDigits(value)
    var exponent = shortest.point - 1
    if value == 0 { exponent = 0 }
    // One digit before the point: shift, round, and see whether it became ten.
    func mantissa() -> String {
      let scaled = Number(value.magnitude / scale(exponent)) ?? .small(0)
      return fixed(scaled, digits: digits)
    }
    var text = mantissa()
    if text.hasPrefix("10") {
      exponent += 1
      text = mantissa()
    }
    let padded = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
    return (value < 0 ? "-" : "") + text + "e" + (exponent < 0 ? "-" : "+") + padded
  }

  private static func scale(_ exponent: Int) -> Double {
    Double("1e\(exponent)") ?? 1
  }
}
