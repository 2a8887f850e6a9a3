/// A number of 64 binary digits: what OPA calculates with where one of two numbers is not written as a whole one (Go's
/// `big.Float` of its standard precision), so that 0.1 + 0.2 is 0.3.
///
/// Every result is the nearest of these numbers to the exact one, and of two as near that with an even last digit.
struct BinaryFloat: Sendable {
  let isNegative: Bool
  /// With its highest bit set; zero for zero.
  let mantissa: UInt64
  /// The number is `mantissa` × 2^`exponent`.
  let exponent: Int

  /// The farthest that a result's point may stand from its first binary digit: what lies beyond is out of range.
  static let maximumExponent = 1_100

  private init(isNegative: Bool, mantissa: UInt64, exponent: Int) {
    self.isNegative = isNegative && mantissa != 0
    self.mantissa = mantissa
    self.exponent = mantissa == 0 ? 0 : exponent
  }

  /// The nearest to `magnitude` × 2^`exponent`, where `more` says that the exact number is a little larger; nil where it is out of
  /// range.
  private init?(_ magnitude: BigInteger, exponent: Int, more: Bool, isNegative: Bool) {
    let bits = magnitude.bitCount
    guard bits > 0 else {
      self.init(isNegative: false, mantissa: 0, exponent: 0)
      return
    }
    guard (bits + exponent).magnitude <= Self.maximumExponent else { return nil }
    guard bits > 64 else {
      precondition(!more, "what was cut off is not rounded by fewer digits than there are")
      self.init(
        isNegative: isNegative, mantissa: magnitude.low64 << UInt64(64 - bits),
        exponent: exponent - (64 - bits))
      return
    }
    let shift = bits - 64
    let head = magnitude.shifted(right: shift)
    let half = BigInteger(1).shifted(left: shift - 1)
    let rest = BigInteger.compare((magnitude - head.shifted(left: shift)).magnitude, half.magnitude)
    self.init(
      isNegative: isNegative, head.low64, exponent: exponent + shift,
      up: rest > 0 || rest == 0 && (more || head.low64 & 1 == 1))
  }

  /// The nearest to a number; nil where that is out of range.
  init?(_ number: Number) {
    switch number {
    case .small(let value):
      self.init(
        BigInteger(
          magnitude: [UInt32(truncatingIfNeeded: value.magnitude), UInt32(value.magnitude >> 32)],
          isNegative: false),
        exponent: 0, more: false, isNegative: value < 0)
    case .big(let value): self.init(value.absolute, exponent: 0, more: false, isNegative: value.isNegative)
    case .decimal(let value):
      // Bounded before any power is made.
      guard value.point.magnitude < Self.maximumExponent / 3 else { return nil }
      self.init(value)
    }
  }

  private init?(_ value: Decimal) {
    let isNegative = value.isNegative
    let digits = value.leadingDigits(60)
    if digits.exponent >= 0 {
      self.init(
        digits.magnitude * BigInteger.power(of: 10, digits.exponent), exponent: 0, more: false,
        isNegative: isNegative)
    } else if digits.exponent > -20, digits.magnitude.magnitude.count <= 2 {
      // Ten to the nineteenth is the largest power that 64 bits hold.
      let scale = (0..<(-digits.exponent)).reduce(1 as UInt64) { power, _ in power * 10 }
      self.init(digits.magnitude.low64, over: scale, exponent: 0, isNegative: isNegative)
    } else {
      self.init(
        digits.magnitude, over: BigInteger.power(of: 10, -digits.exponent), exponent: 0,
        isNegative: isNegative)
    }
  }

  /// The nearest to a quotient × 2^`exponent`.
  private init?(_ numerator: BigInteger, over denominator: BigInteger, exponent: Int, isNegative: Bool) {
    // Two digits more than are kept, so that what is left only says whether there is more.
    let shift = max(0, 66 + denominator.bitCount - numerator.bitCount)
    let (quotient, remainder) = numerator.shifted(left: shift).divided(by: denominator)
    self.init(quotient, exponent: exponent - shift, more: !remainder.isZero, isNegative: isNegative)
  }

  /// The same for what 64 bits hold: one division of the machine.
  private init?(_ numerator: UInt64, over denominator: UInt64, exponent: Int, isNegative: Bool) {
    guard numerator != 0 else {
      self.init(isNegative: false, mantissa: 0, exponent: 0)
      return
    }
    let left = numerator << UInt64(numerator.leadingZeroBitCount)
    let right = denominator << UInt64(denominator.leadingZeroBitCount)
    // Halved where the quotient would have 65 digits.
    let isHalved = left >= right
    let (quotient, remainder) = right.dividingFullWidth(
      isHalved ? (left >> 1, (left & 1) << 63) : (left, 0))
    self.init(
      isNegative: isNegative, quotient,
      exponent: exponent - 64 + (isHalved ? 1 : 0) + denominator.leadingZeroBitCount
        - numerator.leadingZeroBitCount,
      up: remainder > right - remainder || remainder == right - remainder && quotient & 1 == 1)
  }

  /// The number or, where it is rounded up, the next; nil where it is out of range.
  private init?(isNegative: Bool, _ mantissa: UInt64, exponent: Int, up: Bool) {
    let (next, overflow) = mantissa.addingReportingOverflow(up ? 1 : 0)
    let exponent = overflow ? exponent + 1 : exponent
    guard (exponent + 64).magnitude <= Self.maximumExponent else { return nil }
    self.init(isNegative: isNegative, mantissa: overflow ? 1 << 63 : next, exponent: exponent)
  }

  private var value: BigInteger {
    BigInteger(
      magnitude: [UInt32(truncatingIfNeeded: mantissa), UInt32(mantissa >> 32)], isNegative: isNegative)
  }

  static func + (left: BinaryFloat, right: BinaryFloat) -> BinaryFloat? {
    guard left.mantissa != 0 else { return right }
    guard right.mantissa != 0 else { return left }
    let low = min(left.exponent, right.exponent)
    let sum =
      left.value.shifted(left: left.exponent - low) + right.value.shifted(left: right.exponent - low)
    return BinaryFloat(sum.absolute, exponent: low, more: false, isNegative: sum.isNegative)
  }

  static prefix func - (value: BinaryFloat) -> BinaryFloat {
    BinaryFloat(isNegative: !value.isNegative, mantissa: value.mantissa, exponent: value.exponent)
  }

  static func * (left: BinaryFloat, right: BinaryFloat) -> BinaryFloat? { product(left, right, bits: 64) }

  /// The nearest number of `bits` binary digits, at most 64, to a product.
  static func product(_ left: BinaryFloat, _ right: BinaryFloat, bits: Int) -> BinaryFloat? {
    guard left.mantissa != 0, right.mantissa != 0 else {
      return BinaryFloat(isNegative: false, mantissa: 0, exponent: 0)
    }
    var (high, low) = left.mantissa.multipliedFullWidth(by: right.mantissa)
    var exponent = left.exponent + right.exponent + 64
    if high.leadingZeroBitCount == 1 {
      high = high << 1 | low >> 63
      low <<= 1
      exponent -= 1
    }
    let isNegative = left.isNegative != right.isNegative
    let spare = UInt64(64 - bits)
    guard spare > 0 else {
      return BinaryFloat(
        isNegative: isNegative, high, exponent: exponent,
        up: low > 1 << 63 || low == 1 << 63 && high & 1 == 1)
    }
    let rest = high & (1 << spare - 1)
    let half: UInt64 = 1 << (spare - 1)
    let isUp = rest > half || rest == half && (low > 0 || high >> spare & 1 == 1)
    let (head, overflow) = (high - rest).addingReportingOverflow(isUp ? 1 << spare : 0)
    return BinaryFloat(
      isNegative: isNegative, overflow ? 1 << 63 : head, exponent: overflow ? exponent + 1 : exponent,
      up: false)
  }

  /// `right` is not zero.
  static func / (left: BinaryFloat, right: BinaryFloat) -> BinaryFloat? {
    BinaryFloat(
      left.mantissa, over: right.mantissa, exponent: left.exponent - right.exponent,
      isNegative: left.isNegative != right.isNegative)
  }

  var absolute: BinaryFloat { BinaryFloat(isNegative: false, mantissa: mantissa, exponent: exponent) }

  /// As a number, by the decimal digits that Go chooses: the fewest that are within half of the last binary digit. What
  /// is whole has zeros for those that are left out, so that from 2^64 on it may be another whole number: 2^65 is
  /// 36893488147419103230.
  var number: Number? { number(of: 64) }

  /// The same for a number that has no more binary digits than `bits`.
  func number(of bits: Int) -> Number? {
    guard mantissa != 0 else { return .small(0) }
    let isWhole = exponent >= 0 || exponent > -64 && mantissa.trailingZeroBitCount >= -exponent
    // Below 2^`bits` a whole number has no shorter neighbours.
    if isWhole, exponent <= bits - 64 { return Number(value.shiftedExactly(right: -exponent)) }
    let digits = DecimalDigits(shortestOf: mantissa, exponent: exponent, bits: bits)
    guard isWhole else { return Decimal(digits.general(isNegative: isNegative)).map(Number.decimal) }
    return BigInteger(((isNegative ? "-" : "") + digits.fixed(0)).utf8).map { Number($0) }
  }
}

extension BigInteger {
  var absolute: BigInteger { BigInteger(magnitude: magnitude, isNegative: false) }

  var bitCount: Int { magnitude.count * 32 - (magnitude.last?.leadingZeroBitCount ?? 0) }

  /// The lowest 64 bits of the magnitude.
  fileprivate var low64: UInt64 {
    UInt64(magnitude.first ?? 0) | UInt64(magnitude.count > 1 ? magnitude[1] : 0) << 32
  }

  /// Bits that are zeros fall away.
  fileprivate func shiftedExactly(right count: Int) -> BigInteger {
    BigInteger(magnitude: absolute.shifted(right: count).magnitude, isNegative: isNegative)
  }
}
