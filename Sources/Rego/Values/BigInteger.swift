/// A whole number of any size, as sign and magnitude: Rego's integers are exact beyond 64 bits.
public struct BigInteger: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Limbs of 32 bits, least significant first, without leading zeros; empty for zero.
  var magnitude: [UInt32]
  /// False for zero.
  var isNegative: Bool

  /// The most limbs of any number that arithmetic makes, some five thousand digits: to write one, or to divide it, takes
  /// the square of them.
  static let maximumLimbs = 1 << 9

  init(magnitude: [UInt32], isNegative: Bool) {
    var limbs = magnitude
    while limbs.last == 0 { limbs.removeLast() }
    self.magnitude = limbs
    self.isNegative = isNegative && !limbs.isEmpty
  }

  /// The number.
  public init(_ value: Int) {
    let magnitude = value.magnitude
    self.init(
      magnitude: [UInt32(truncatingIfNeeded: magnitude), UInt32(truncatingIfNeeded: magnitude >> 32)],
      isNegative: value < 0)
  }

  /// A whole double, exactly; nil for any other.
  init?(exactly value: Double) {
    guard value.isFinite, value == value.rounded(.towardZero) else { return nil }
    guard value.magnitude >= 0x1p63 else {
      self.init(Int(value))
      return
    }
    let shift = Int(value.exponent) - 52
    let significand = Int(value.significandBitPattern | 1 << 52)
    let shifted = BigInteger(significand).shifted(left: shift)
    self.init(magnitude: shifted.magnitude, isNegative: value < 0)
  }

  /// Reads decimal digits, with a minus sign or without; nil for anything else.
  public init?(_ text: some Sequence<UInt8>, radix: UInt32 = 10) {
    var limbs: [UInt32] = []
    var negative = false
    var isFirst = true
    var hasDigit = false
    for byte in text {
      if isFirst, byte == UInt8(ascii: "-") {
        negative = true
        isFirst = false
        continue
      }
      isFirst = false
      guard let digit = Self.digit(byte), digit < radix else { return nil }
      hasDigit = true
      var carry = UInt64(digit)
      for position in limbs.indices {
        carry += UInt64(limbs[position]) * UInt64(radix)
        limbs[position] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
      guard limbs.count <= Self.maximumLimbs else { return nil }
    }
    guard hasDigit else { return nil }
    self.init(magnitude: limbs, isNegative: negative)
  }

  private static func digit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  /// Zero.
  static let zero = BigInteger(magnitude: [], isNegative: false)

  var isZero: Bool { magnitude.isEmpty }

  /// The number, where it fits.
  public var small: Int? {
    guard magnitude.count <= 2 else { return nil }
    var value: UInt64 = 0
    for limb in magnitude.reversed() { value = value << 32 | UInt64(limb) }
    if isNegative {
      return value <= 1 << 63 ? Int(truncatingIfNeeded: 0 &- value) : nil
    }
    return Int(exactly: value)
  }

  /// The nearest double; infinite where there is none.
  var double: Double {
    guard let top = magnitude.last else { return 0 }
    // Sixty-four leading bits and whether anything follows decide the rounding.
    let bits = magnitude.count * 32 - top.leadingZeroBitCount
    if bits > 1024 { return isNegative ? -.infinity : .infinity }
    let shift = max(0, bits - 64)
    let head = BigInteger(magnitude: magnitude, isNegative: false).shifted(right: shift)
    var leading: UInt64 = 0
    for limb in head.magnitude.reversed() { leading = leading << 32 | UInt64(limb) }
    if shift > 0, head.shifted(left: shift).magnitude != magnitude { leading |= 1 }
    let value = Double(sign: .plus, exponent: shift, significand: Double(leading))
    return isNegative ? -value : value
  }

  public var description: String { text(radix: 10) }

  /// Digits in `radix`, lower case.
  func text(radix: UInt32) -> String {
    guard !isZero else { return "0" }
    var digits: [UInt8] = []
    var rest = magnitude
    while !rest.isEmpty {
      var remainder: UInt64 = 0
      for position in rest.indices.reversed() {
        let value = remainder << 32 | UInt64(rest[position])
        rest[position] = UInt32(value / UInt64(radix))
        remainder = value % UInt64(radix)
      }
      while rest.last == 0 { rest.removeLast() }
      digits.append(UInt8(remainder) + (remainder < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
    }
    if isNegative { digits.append(UInt8(ascii: "-")) }
    return String(decoding: digits.reversed(), as: UTF8.self)
  }

  public static func < (left: BigInteger, right: BigInteger) -> Bool {
    if left.isNegative != right.isNegative { return left.isNegative }
    let order = compare(left.magnitude, right.magnitude)
    return left.isNegative ? order > 0 : order < 0
  }

  static func compare(_ left: [UInt32], _ right: [UInt32]) -> Int {
    if left.count != right.count { return left.count < right.count ? -1 : 1 }
    for position in left.indices.reversed() where left[position] != right[position] {
      return left[position] < right[position] ? -1 : 1
    }
    return 0
  }

  static prefix func - (value: BigInteger) -> BigInteger {
    BigInteger(magnitude: value.magnitude, isNegative: !value.isNegative)
  }

  static func + (left: BigInteger, right: BigInteger) -> BigInteger {
    if left.isNegative == right.isNegative {
      return BigInteger(magnitude: add(left.magnitude, right.magnitude), isNegative: left.isNegative)
    }
    if compare(left.magnitude, right.magnitude) >= 0 {
      return BigInteger(magnitude: subtract(left.magnitude, right.magnitude), isNegative: left.isNegative)
    }
    return BigInteger(magnitude: subtract(right.magnitude, left.magnitude), isNegative: right.isNegative)
  }

  static func - (left: BigInteger, right: BigInteger) -> BigInteger { left + -right }

  static func * (left: BigInteger, right: BigInteger) -> BigInteger {
    guard !left.isZero, !right.isZero else { return .zero }
    var out = [UInt32](repeating: 0, count: left.magnitude.count + right.magnitude.count)
    for i in left.magnitude.indices {
      var carry: UInt64 = 0
      for j in right.magnitude.indices {
        carry += UInt64(left.magnitude[i]) * UInt64(right.magnitude[j]) + UInt64(out[i + j])
        out[i + j] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      out[i + right.magnitude.count] = UInt32(carry)
    }
    return BigInteger(magnitude: out, isNegative: left.isNegative != right.isNegative)
  }

  /// Quotient and remainder, towards zero as Go's; `divisor` is not zero.
  func divided(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
    precondition(!divisor.isZero)
    guard Self.compare(magnitude, divisor.magnitude) >= 0 else { return (.zero, self) }
    var quotient = [UInt32](repeating: 0, count: magnitude.count)
    var rest: [UInt32] = []
    for position in magnitude.indices.reversed() {
      rest.insert(magnitude[position], at: 0)
      while rest.last == 0 { rest.removeLast() }
      // The largest digit whose product still fits, by halving.
      var low: UInt64 = 0
      var high: UInt64 = 1 << 32
      while high - low > 1 {
        let middle = (low + high) / 2
        if Self.compare(Self.multiply(divisor.magnitude, UInt32(middle)), rest) <= 0 {
          low = middle
        } else {
          high = middle
        }
      }
      quotient[position] = UInt32(low)
      if low > 0 { rest = Self.subtract(rest, Self.multiply(divisor.magnitude, UInt32(low))) }
    }
    return (
      BigInteger(magnitude: quotient, isNegative: isNegative != divisor.isNegative),
      BigInteger(magnitude: rest, isNegative: isNegative)
    )
  }

  func shifted(left count: Int) -> BigInteger {
    guard count > 0, !isZero else { return self }
    var out = [UInt32](repeating: 0, count: count / 32)
    let bits = UInt32(count % 32)
    var carry: UInt32 = 0
    for limb in magnitude {
      out.append(limb << bits | carry)
      carry = bits == 0 ? 0 : limb >> (32 - bits)
    }
    out.append(carry)
    return BigInteger(magnitude: out, isNegative: isNegative)
  }

  /// The magnitude alone moves; see ``shiftedDown(_:)`` for two's complement.
  func shifted(right count: Int) -> BigInteger {
    guard count > 0 else { return self }
    let limbs = count / 32
    guard limbs < magnitude.count else { return .zero }
    let bits = UInt32(count % 32)
    var out: [UInt32] = []
    for position in limbs..<magnitude.count {
      let high = position + 1 < magnitude.count && bits > 0 ? magnitude[position + 1] << (32 - bits) : 0
      out.append(magnitude[position] >> bits | high)
    }
    return BigInteger(magnitude: out, isNegative: isNegative)
  }

  /// As two's complement moves: towards minus infinity.
  func shiftedDown(_ count: Int) -> BigInteger {
    guard isNegative else { return shifted(right: count) }
    // −n >> c is −(((n − 1) >> c) + 1).
    return -((-self - BigInteger(1)).shifted(right: count) + BigInteger(1))
  }

  /// `not`, two's complement.
  var inverted: BigInteger { -self - BigInteger(1) }

  /// A bitwise operation of two's complement numbers.
  static func bitwise(
    _ left: BigInteger, _ right: BigInteger, _ operation: (UInt32, UInt32) -> UInt32
  ) -> BigInteger {
    let count = max(left.magnitude.count, right.magnitude.count) + 1
    let a = left.complement(count)
    let b = right.complement(count)
    var out = zip(a, b).map(operation)
    guard out[count - 1] & 0x8000_0000 != 0 else { return BigInteger(magnitude: out, isNegative: false) }
    // Negative: its magnitude is the complement plus one.
    var carry: UInt64 = 1
    for position in out.indices {
      carry += UInt64(~out[position])
      out[position] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    return BigInteger(magnitude: out, isNegative: true)
  }

  private func complement(_ count: Int) -> [UInt32] {
    var limbs = magnitude + [UInt32](repeating: 0, count: count - magnitude.count)
    guard isNegative else { return limbs }
    var carry: UInt64 = 1
    for position in limbs.indices {
      carry += UInt64(~limbs[position])
      limbs[position] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    return limbs
  }

  private static func add(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var out: [UInt32] = []
    var carry: UInt64 = 0
    for position in 0..<max(left.count, right.count) {
      carry += position < left.count ? UInt64(left[position]) : 0
      carry += position < right.count ? UInt64(right[position]) : 0
      out.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    if carry > 0 { out.append(UInt32(carry)) }
    return out
  }

  /// `left` is not less than `right`.
  private static func subtract(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
    var out: [UInt32] = []
    var borrow: Int64 = 0
    for position in left.indices {
      var value = Int64(left[position]) - borrow - (position < right.count ? Int64(right[position]) : 0)
      borrow = value < 0 ? 1 : 0
      if value < 0 { value += 1 << 32 }
      out.append(UInt32(value))
    }
    while out.last == 0 { out.removeLast() }
    return out
  }

  private static func multiply(_ left: [UInt32], _ digit: UInt32) -> [UInt32] {
    guard digit > 0 else { return [] }
    var out: [UInt32] = []
    var carry: UInt64 = 0
    for limb in left {
      carry += UInt64(limb) * UInt64(digit)
      out.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    if carry > 0 { out.append(UInt32(carry)) }
    return out
  }
}
