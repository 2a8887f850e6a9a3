/// A number of Rego: whole numbers are exact, whatever their size; others are doubles.
///
/// Equal numbers are equal values: 2.0 is 2, and a whole double is the integer that it is.
public enum Number: Sendable {
  case small(Int)
  /// Beyond 64 bits.
  case big(BigInteger)
  /// Not whole, or of a magnitude of 2^63 and more.
  case real(Double)

  init(_ value: BigInteger) { self = value.small.map(Number.small) ?? .big(value) }

  /// Nil where it is not finite.
  init?(_ value: Double) {
    guard value.isFinite else { return nil }
    if let whole = Int(exactly: value) { self = .small(whole) } else { self = .real(value) }
  }

  /// Reads a number as JSON writes it; nil for anything else.
  public init?(literal text: String) {
    let bytes = text.utf8
    if !bytes.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) {
      if let value = Int(text) {
        self = .small(value)
        return
      }
      guard let value = BigInteger(bytes) else { return nil }
      self.init(value)
      return
    }
    guard let value = Double(text) else { return nil }
    guard !value.isFinite else {
      self.init(value)
      return
    }
    // Beyond every double, and whole: exact as any other.
    guard let decimal = ExactDecimal(text), decimal.exponent >= 0, decimal.exponent < 4096 else { return nil }
    self.init((0..<decimal.exponent).reduce(decimal.digits) { product, _ in product * BigInteger(10) })
  }

  /// The nearest double.
  public var double: Double {
    switch self {
    case .small(let value): Double(value)
    case .big(let value): value.double
    case .real(let value): value
    }
  }

  /// The number as a small integer; nil where it is none.
  public var int: Int? { if case .small(let value) = self { value } else { nil } }

  /// The number as an integer; nil where it is not whole.
  public var integer: BigInteger? {
    switch self {
    case .small(let value): BigInteger(value)
    case .big(let value): value
    case .real(let value): BigInteger(exactly: value)
    }
  }

  /// As JSON writes it: whole numbers in full, others in the shortest form that reads back.
  public var text: String {
    switch self {
    case .small(let value): String(value)
    case .big(let value): Number.text(value)
    case .real(let value): Number.text(value)
    }
  }

  /// In full; beyond every double with an exponent, as only such a literal makes it.
  private static func text(_ value: BigInteger) -> String {
    let digits = value.description
    guard digits.utf8.count > 308, !value.double.isFinite else { return digits }
    let zeros = digits.utf8.reversed().prefix { $0 == UInt8(ascii: "0") }.count
    return zeros == 0 ? digits : "\(digits.dropLast(zeros))e\(zeros)"
  }

  /// As Go's `strconv` writes a JSON number: an exponent below 1e-6 and from 1e21 on.
  private static func text(_ value: Double) -> String {
    let shortest = ShortestDigits(value)
    let point = shortest.point
    let digits = shortest.digits
    let sign = value < 0 ? "-" : ""
    if point > 21 || point <= -6 {
      let fraction = digits.count > 1 ? "." + String(digits.dropFirst()) : ""
      let exponent = point - 1
      let padded = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
      return sign + String(digits.prefix(1)) + fraction + "e" + (exponent < 0 ? "-" : "+") + padded
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
    return sign + String(digits.prefix(point)) + "." + String(digits.dropFirst(point))
  }
}

/// The shortest decimal digits that read back as a double: 0.digits × 10^point.
struct ShortestDigits {
  var digits: String
  var point: Int

  /// `value` is finite.
  init(_ value: Double) {
    var mantissa = value.magnitude.description
    var exponent = 0
    if let mark = mantissa.firstIndex(of: "e") {
      exponent = Int(mantissa[mantissa.index(after: mark)...]) ?? 0
      mantissa = String(mantissa[..<mark])
    }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(parts[0])
    let fraction = parts.count > 1 ? String(parts[1]) : ""
    var all = whole + fraction
    var position = whole.count + exponent
    while all.hasPrefix("0"), all.count > 1 {
      all.removeFirst()
      position -= 1
    }
    while all.hasSuffix("0"), all.count > 1 { all.removeLast() }
    digits = all
    point = all == "0" ? 1 : position
  }
}

extension Number: Hashable, Comparable {
  public static func == (left: Number, right: Number) -> Bool { compare(left, right) == 0 }
  public static func < (left: Number, right: Number) -> Bool { compare(left, right) < 0 }

  static func compare(_ left: Number, _ right: Number) -> Int {
    switch (left, right) {
    case (.small(let a), .small(let b)): return a < b ? -1 : a == b ? 0 : 1
    case (.real(let a), .real(let b)): return a < b ? -1 : a == b ? 0 : 1
    default: break
    }
    guard let a = left.integer, let b = right.integer else {
      // One of them is not whole, and a double; the other, rounded, is on the same side of it or equal to its floor.
      return compareMixed(left, right)
    }
    return a < b ? -1 : a == b ? 0 : 1
  }

  private static func compareMixed(_ left: Number, _ right: Number) -> Int {
    if case .real(let a) = left, let b = right.integer, let floor = BigInteger(exactly: a.rounded(.down)) {
      return floor < b ? -1 : 1
    }
    if case .real(let b) = right, let a = left.integer, let floor = BigInteger(exactly: b.rounded(.down)) {
      return floor < a ? 1 : -1
    }
    return 0
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .small(let value): hasher.combine(value)
    // A big integer may equal a large double.
    case .big(let value): hasher.combine(value.double)
    case .real(let value): hasher.combine(value)
    }
  }
}

extension Number {
  static func + (left: Number, right: Number) -> Number? {
    if case .small(let a) = left, case .small(let b) = right {
      let (sum, overflow) = a.addingReportingOverflow(b)
      return overflow ? Number(BigInteger(a) + BigInteger(b)) : .small(sum)
    }
    if let a = left.exact, let b = right.exact { return Number(a + b) }
    return Number(left.double + right.double)
  }

  static func - (left: Number, right: Number) -> Number? {
    if case .small(let a) = left, case .small(let b) = right {
      let (difference, overflow) = a.subtractingReportingOverflow(b)
      return overflow ? Number(BigInteger(a) - BigInteger(b)) : .small(difference)
    }
    if let a = left.exact, let b = right.exact { return Number(a - b) }
    return Number(left.double - right.double)
  }

  static func * (left: Number, right: Number) -> Number? {
    if case .small(let a) = left, case .small(let b) = right {
      let (product, overflow) = a.multipliedReportingOverflow(by: b)
      return overflow ? Number(BigInteger(a) * BigInteger(b)) : .small(product)
    }
    if let a = left.exact, let b = right.exact {
      guard a.magnitude.count + b.magnitude.count <= BigInteger.maximumLimbs else { return nil }
      return Number(a * b)
    }
    return Number(left.double * right.double)
  }

  /// The quotient, whole where it is; nil for division by zero.
  static func / (left: Number, right: Number) -> Number? {
    if let a = left.exact, let b = right.exact {
      guard !b.isZero else { return nil }
      let (quotient, remainder) = a.divided(by: b)
      if remainder.isZero { return Number(quotient) }
    }
    guard right.double != 0 else { return nil }
    return Number(left.double / right.double)
  }

  /// An integer that arithmetic treats as one.
  var exact: BigInteger? {
    switch self {
    case .small(let value): BigInteger(value)
    case .big(let value): value
    case .real: nil
    }
  }
}
