/// A number of Rego: whole numbers are exact, whatever their size, and others are the decimals that they are written as.
///
/// Equal numbers are equal values, however they are written: 2.0 is 2.
public enum Number: Sendable {
  case small(Int)
  /// Beyond 64 bits.
  case big(BigInteger)
  /// Written with a point or an exponent.
  case decimal(Decimal)

  init(_ value: BigInteger) { self = value.small.map(Number.small) ?? .big(value) }

  /// A double as JSON writes it; nil where it is not finite.
  init?(_ value: Double) {
    guard value.isFinite else { return nil }
    if let whole = Int(exactly: value) {
      self = .small(whole)
    } else {
      self.init(literal: DecimalDigits(shortest: value).json(isNegative: value < 0))
    }
  }

  /// Reads a number as JSON writes it; nil for anything else.
  public init?(literal text: String) {
    if text.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) {
      guard let value = Decimal(text) else { return nil }
      self = .decimal(value)
    } else if let value = Int(text) {
      self = .small(value)
    } else {
      guard let value = BigInteger(text.utf8) else { return nil }
      self.init(value)
    }
  }

  /// The nearest double.
  public var double: Double {
    switch self {
    case .small(let value): Double(value)
    case .big(let value): value.double
    case .decimal(let value): value.double
    }
  }

  /// The number where it is written as a whole one of 64 bits; nil for any other.
  public var int: Int? { if case .small(let value) = self { value } else { nil } }

  /// The number where it is whole and of 64 bits, however it is written; nil for any other.
  public var whole: Int? { int ?? integer?.small }

  /// The number as an integer; nil where it is not whole, or a decimal too large to be written in full.
  public var integer: BigInteger? {
    switch self {
    case .small(let value): BigInteger(value)
    case .big(let value): value
    case .decimal(let value): value.integer
    }
  }

  /// As JSON writes it: decimals as they came, or as arithmetic gave them.
  public var text: String {
    switch self {
    case .small(let value): String(value)
    case .big(let value): value.description
    case .decimal(let value): value.text
    }
  }

  /// Whether a policy may have it in its text, as in OPA; documents may have what is farther from one as well.
  var isNearEnoughForPolicies: Bool {
    guard case .decimal(let value) = self else { return true }
    return value.point.magnitude <= Decimal.maximumPointInPolicies
  }

  /// The whole number next to it; nil where it is too large to be written in full.
  func rounded(_ rule: FloatingPointRoundingRule) -> Number? {
    guard case .decimal(let value) = self else { return self }
    return value.rounded(rule).map { Number($0) }
  }
}

extension Number: Hashable, Comparable {
  public static func == (left: Number, right: Number) -> Bool { compare(left, right) == 0 }
  public static func < (left: Number, right: Number) -> Bool { compare(left, right) < 0 }

  static func compare(_ left: Number, _ right: Number) -> Int {
    switch (left, right) {
    case (.small(let a), .small(let b)): return a < b ? -1 : a == b ? 0 : 1
    case (.decimal(let a), .decimal(let b)): return Decimal.compare(a, b)
    case (.decimal(let a), .small(let b)): return Decimal.compare(a, BigInteger(b))
    case (.decimal(let a), .big(let b)): return Decimal.compare(a, b)
    case (.small(let a), .decimal(let b)): return -Decimal.compare(b, BigInteger(a))
    case (.big(let a), .decimal(let b)): return -Decimal.compare(b, a)
    case (.big(let a), .big(let b)): return a < b ? -1 : a == b ? 0 : 1
    case (.small, .big(let b)): return b.isNegative ? 1 : -1
    case (.big(let a), .small): return a.isNegative ? -1 : 1
    }
  }

  /// Equal numbers have one nearest double.
  public func hash(into hasher: inout Hasher) { hasher.combine(double) }
}

// Whole numbers exactly; where one is a decimal, as numbers of 64 binary digits. Nil where the result is out of range.
extension Number {
  private static func calculated(
    _ left: Number, _ right: Number, _ work: (BinaryFloat, BinaryFloat) -> BinaryFloat?
  ) -> Number? {
    guard let a = BinaryFloat(left), let b = BinaryFloat(right) else { return nil }
    return work(a, b)?.number
  }

  static func + (left: Number, right: Number) -> Number? {
    if case .small(let a) = left, case .small(let b) = right {
      let (sum, overflow) = a.addingReportingOverflow(b)
      return overflow ? Number(BigInteger(a) + BigInteger(b)) : .small(sum)
    }
    if let a = left.exact, let b = right.exact { return Number(a + b) }
    return calculated(left, right, +)
  }

  static func - (left: Number, right: Number) -> Number? {
    if case .small(let a) = left, case .small(let b) = right {
      let (difference, overflow) = a.subtractingReportingOverflow(b)
      return overflow ? Number(BigInteger(a) - BigInteger(b)) : .small(difference)
    }
    if let a = left.exact, let b = right.exact { return Number(a - b) }
    return calculated(left, right) { $0 + -$1 }
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
    return calculated(left, right, *)
  }

  /// The quotient, whole where it is; nil for division by zero too.
  static func / (left: Number, right: Number) -> Number? {
    guard right != .small(0) else { return nil }
    if let a = left.exact, let b = right.exact {
      let (quotient, remainder) = a.divided(by: b)
      if remainder.isZero { return Number(quotient) }
    }
    return calculated(left, right, /)
  }

  /// The number without its sign; of a decimal what arithmetic makes of it, whatever its sign.
  var magnitude: Number? {
    if let whole = exact { return Number(whole.absolute) }
    return BinaryFloat(self)?.absolute.number
  }

  /// An integer that arithmetic treats as one.
  var exact: BigInteger? {
    switch self {
    case .small(let value): BigInteger(value)
    case .big(let value): value
    case .decimal: nil
    }
  }
}
