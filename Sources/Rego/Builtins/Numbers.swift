// Numbers: ranges, bits, units, conversions.
extension Builtins {
  private static func bits(
    _ name: String, _ operation: @escaping @Sendable (UInt32, UInt32) -> UInt32
  ) -> Builtin {
    Builtin(name, 2) { (a, _) throws(BuiltinError) in
      .number(Number(BigInteger.bitwise(try integer(a, 0), try integer(a, 1), operation)))
    }
  }

  static func integer(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> BigInteger {
    guard let value = try a.number(position).integer else {
      throw .operand(position + 1, expected: "integer number", found: "floating-point number")
    }
    return value
  }

  static let numbers: [Builtin] = [
    bits("bits.and", &), bits("bits.or", |), bits("bits.xor", ^),
    Builtin("bits.negate", 1) { (a, _) throws(BuiltinError) in .number(Number(try integer(a, 0).inverted)) },
    Builtin("bits.lsh", 2) { (a, meter) throws(BuiltinError) in
      let value = try integer(a, 0)
      let count = try shift(a)
      try meter.spend(bytes: value.isZero ? 0 : count / 8)
      guard count / 32 < BigInteger.maximumLimbs || value.isZero else { throw .failed("number out of range") }
      return .number(Number(value.shifted(left: count)))
    },
    Builtin("bits.rsh", 2) { (a, _) throws(BuiltinError) in
      .number(Number(try integer(a, 0).shiftedDown(try shift(a))))
    },
    Builtin("numbers.range", 2) { (a, meter) throws(BuiltinError) in
      try range(a, step: BigInteger(1), &meter)
    },
    Builtin("numbers.range_step", 3) { (a, meter) throws(BuiltinError) in
      let step = try integer(a, 2)
      guard !step.isZero, !step.isNegative else {
        throw .failed("step must be a positive integer")
      }
      return try range(a, step: step, &meter)
    },
    Builtin("format_int", 2) { (a, _) throws(BuiltinError) in
      let number = try a.number(0)
      let base = try a.number(1)
      guard let radix = base.int, [2, 8, 10, 16].contains(radix) else {
        throw .operand(2, expected: "one of {2, 8, 10, 16}", found: "number")
      }
      guard let whole = number.rounded(.towardZero)?.exact else { throw .failed("number out of range") }
      return .string(whole.text(radix: UInt32(radix)))
    },
    Builtin("to_number", 1) { (a, _) throws(BuiltinError) in
      switch a.value(0) {
      case .null: return .int(0)
      case .bool(let flag): return .int(flag ? 1 : 0)
      case .number: return a.value(0)
      case .string(let text):
        guard let number = toNumber(text) else {
          let name = UnicodeTables.lower(text).drop { $0 == "-" || $0 == "+" }
          if ["inf", "infinity", "nan"].contains(name) { throw .argument(1, "must be a finite number") }
          throw .failed("invalid syntax")
        }
        return .number(number)
      case .array, .object, .set:
        throw .operand(1, expected: "one of {boolean, null, number, string}", found: a.value(0).typeName)
      }
    },
    Builtin("units.parse", 1) { (a, _) throws(BuiltinError) in try Units.parse(try a.string(0)) },
    Builtin("units.parse_bytes", 1) { (a, _) throws(BuiltinError) in try Units.parseBytes(try a.string(0)) },
  ]

  private static func shift(_ a: ArraySlice<Value>) throws(BuiltinError) -> Int {
    let value = try integer(a, 1)
    guard !value.isNegative else {
      throw .operand(2, expected: "an unsigned integer number", found: "a negative integer")
    }
    guard let count = value.small else { throw .failed("number out of range") }
    return count
  }

  /// A number as Go's `strconv.ParseFloat` takes it in tens; what no double is near to is none.
  private static func toNumber(_ text: String) -> Number? {
    var digits = Array(text.utf8)
    if digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
    guard digits.count < 400, let decimal = Decimal(text), decimal.double.isFinite else { return nil }
    return digits.allSatisfy(Lexer.isDigit) ? decimal.integer.map { Number($0) } : .decimal(decimal)
  }

  private static func range(
    _ a: ArraySlice<Value>, step stride: BigInteger, _ meter: inout Meter
  ) throws(BuiltinError) -> Value {
    let from = try integer(a, 0)
    let to = try integer(a, 1)
    let distance = to < from ? from - to : to - from
    guard let count = distance.divided(by: stride).quotient.small, count < 1 << 40 else {
      throw .budget("more bytes than the budget has")
    }
    try meter.spend(bytes: 16 * (count + 1))
    try meter.spend(steps: count + 1)
    var out: [Value] = []
    out.reserveCapacity(count + 1)
    var next = from
    for _ in 0...count {
      out.append(.number(Number(next)))
      next = to < from ? next - stride : next + stride
    }
    return .array(out)
  }
}

/// Amounts with units, as `units.parse` and `units.parse_bytes` read them.
enum Units {
  static func parse(_ text: String) throws(BuiltinError) -> Value {
    let text = text.unicodeScalars.filter { $0 != "\"" }
    let (digits, unit) = try split(text.map { $0 })
    // "m" is a thousandth and "M" a million; all others are read in any case.
    let power: (base: Int, exponent: Int)
    switch unit {
    case "": power = (10, 0)
    case "m": power = (10, -3)
    case "M": power = (10, 6)
    default:
      switch UnicodeTables.lower(unit) {
      case "k": power = (10, 3)
      case "g": power = (10, 9)
      case "t": power = (10, 12)
      case "p": power = (10, 15)
      case "e": power = (10, 18)
      case "ki": power = (2, 10)
      case "mi": power = (2, 20)
      case "gi": power = (2, 30)
      case "ti": power = (2, 40)
      case "pi": power = (2, 50)
      case "ei": power = (2, 60)
      default: throw .failed("unit \(unit) not recognized")
      }
    }
    return try amount(digits, power)
  }

  static func parseBytes(_ text: String) throws(BuiltinError) -> Value {
    let text = text.unicodeScalars.filter { $0 != "\"" }
    let (digits, unit) = try split(text.map { $0 })
    let power: (base: Int, exponent: Int)
    switch UnicodeTables.lower(unit) {
    case "": power = (10, 0)
    case "kb", "k": power = (10, 3)
    case "kib", "ki": power = (2, 10)
    case "mb", "m": power = (10, 6)
    case "mib", "mi": power = (2, 20)
    case "gb", "g": power = (10, 9)
    case "gib", "gi": power = (2, 30)
    case "tb", "t": power = (10, 12)
    case "tib", "ti": power = (2, 40)
    case "pb", "p": power = (10, 15)
    case "pib", "pi": power = (2, 50)
    case "eb", "e": power = (10, 18)
    case "eib", "ei": power = (2, 60)
    default: throw .failed("byte unit \(unit) not recognized")
    }
    let value = try amount(digits, power)
    guard case .number(let number) = value, let whole = number.rounded(.towardZero) else { return value }
    return .number(whole)
  }

  private static func split(_ text: [Unicode.Scalar]) throws(BuiltinError) -> (String, String) {
    guard !text.contains(where: UnicodeTables.isSpace) else {
      throw .failed("spaces not allowed in resource strings")
    }
    var end = 0
    while end < text.count {
      let scalar = text[end]
      let isExponent =
        (scalar == "e" || scalar == "E") && end + 1 < text.count
        && (text[end + 1].isDigit
          || ((text[end + 1] == "+" || text[end + 1] == "-") && end + 2 < text.count && text[end + 2].isDigit))
      if isExponent {
        end += 2
        continue
      }
      guard scalar.isDigit || scalar == "." || ((scalar == "+" || scalar == "-") && end == 0) else { break }
      end += 1
    }
    guard text[..<end].contains(where: \.isDigit) else { throw .failed("no amount provided") }
    return (String(scalars: text[..<end]), String(scalars: text[end...]))
  }

  private static func amount(
    _ digits: String, _ power: (base: Int, exponent: Int)
  ) throws(BuiltinError) -> Value {
    guard let decimal = Decimal(digits) else {
      let isLarge = digits.utf8.contains { $0 | 0x20 == UInt8(ascii: "e") }
      throw .failed(isLarge ? "exponent too large" : "could not parse amount to a number")
    }
    guard decimal.exponent.magnitude < 400, decimal.significand.count < 400 else {
      throw .failed("exponent too large")
    }
    let scale = BigInteger.power(of: power.base, abs(power.exponent))
    let tens = BigInteger.power(of: 10, abs(decimal.exponent))
    let numerator =
      decimal.digits * (power.exponent > 0 ? scale : BigInteger(1))
      * (decimal.exponent > 0 ? tens : BigInteger(1))
    let denominator =
      (power.exponent < 0 ? scale : BigInteger(1)) * (decimal.exponent < 0 ? tens : BigInteger(1))
    let (quotient, remainder) = numerator.divided(by: denominator)
    if remainder.isZero { return .number(Number(quotient)) }
    // Ten digits behind the point, as OPA has it; halves away from zero.
    let (tenDigits, rest) = (numerator.absolute * BigInteger.power(of: 10, 10)).divided(by: denominator)
    let rounded = rest + rest < denominator ? tenDigits : tenDigits + BigInteger(1)
    let text =
      String(repeating: "0", count: max(0, 11 - rounded.digitCount))
      + (rounded.isZero ? "" : rounded.description)
    let literal = (numerator.isNegative ? "-" : "") + text.dropLast(10) + "." + text.suffix(10)
    guard let number = Number(literal: literal) else { throw .failed("number out of range") }
    return .number(number)
  }
}

extension Unicode.Scalar {
  var isDigit: Bool { self >= "0" && self <= "9" }
}
