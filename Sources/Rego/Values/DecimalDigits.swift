/// A number that is not negative as decimal digits: 0.digits × 10^point. Written as Go's `strconv` writes, whose formats policies
/// know from `sprintf`.
struct DecimalDigits {
  /// From 0 to 9, without zeros at the end; none for zero.
  private(set) var digits: [UInt8]
  private(set) var point: Int

  /// Exactly `mantissa` × 2^`exponent`.
  init(_ mantissa: BigInteger, exponent: Int) {
    // A half is five tenths.
    let whole =
      exponent >= 0 ? mantissa.shifted(left: exponent) : mantissa * BigInteger.power(of: 5, -exponent)
    digits = whole.isZero ? [] : whole.description.utf8.map { $0 - UInt8(ascii: "0") }
    point = digits.isEmpty ? 0 : digits.count + min(0, exponent)
    trim()
  }

  /// A finite double's magnitude, exactly.
  init(_ value: Double) {
    let significand = Int(value.significandBitPattern | (value.isNormal ? 1 << 52 : 0))
    self.init(
      BigInteger(significand), exponent: value == 0 ? 0 : (value.isNormal ? Int(value.exponent) : -1022) - 52)
  }

  /// The fewest digits that read back as the double.
  init(shortest value: Double) {
    let text = value.magnitude.description
    let parts = text.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    var all = mantissa.joined().utf8.map { $0 - UInt8(ascii: "0") }
    point = mantissa[0].utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while all.first == 0 {
      all.removeFirst()
      point -= 1
    }
    digits = all
    trim()
    if digits.isEmpty { point = 0 }
  }

  /// The fewest digits within half of the last of `bits` binary digits, at most 64, of `mantissa` × 2^`exponent`, found
  /// from the left as Go's `math/big` finds them. The mantissa has no more than those digits, and its highest bit is set.
  init(shortestOf mantissa: UInt64, exponent: Int, bits: Int = 64) {
    let twice = BigInteger(
      magnitude: [
        UInt32(truncatingIfNeeded: mantissa << 1), UInt32(truncatingIfNeeded: mantissa >> 31),
        UInt32(mantissa >> 63),
      ], isNegative: false)
    self.init(twice, exponent: exponent - 1)
    let half = BigInteger(1).shifted(left: 64 - bits)
    let lower = DecimalDigits(twice - half, exponent: exponent - 1)
    let upper = DecimalDigits(twice + half, exponent: exponent - 1)
    // The bounds themselves are rounded to the even one.
    let isEven = mantissa >> UInt64(64 - bits) & 1 == 0
    for (position, digit) in digits.enumerated() {
      let low = lower.at(position)
      let high = upper.at(position)
      let mayCut = low != digit || isEven && position + 1 == lower.digits.count
      let mayRaise = digit != high && (isEven || digit + 1 < high || position + 1 < upper.digits.count)
      guard mayCut || mayRaise else { continue }
      if mayCut && mayRaise { round(to: position + 1) } else { cut(to: position + 1, raising: mayRaise) }
      return
    }
  }

  private func at(_ position: Int) -> UInt8 { position < digits.count ? digits[position] : 0 }

  private mutating func trim() {
    while digits.last == 0 { digits.removeLast() }
  }

  /// To so many digits; halves go to the even digit.
  mutating func round(to count: Int) {
    guard count >= 0 else {
      (digits, point) = ([], 0)
      return
    }
    guard count < digits.count else { return }
    let isHalf = digits[count] == 5 && count + 1 == digits.count
    cut(to: count, raising: isHalf ? count > 0 && digits[count - 1] & 1 == 1 : digits[count] >= 5)
  }

  private mutating func cut(to count: Int, raising: Bool) {
    digits.removeLast(digits.count - count)
    guard raising else {
      trim()
      if digits.isEmpty { point = 0 }
      return
    }
    while digits.last == 9 { digits.removeLast() }
    guard let last = digits.popLast() else {
      digits = [1]
      point += 1
      return
    }
    digits.append(last + 1)
  }

  // MARK: Writing

  private func text(_ range: Range<Int>) -> String {
    String(decoding: range.map { at($0) + UInt8(ascii: "0") }, as: UTF8.self)
  }

  /// `%f`: so many digits behind the point.
  func fixed(_ count: Int) -> String {
    var rounded = self
    rounded.round(to: point + count)
    let whole = rounded.point > 0 ? rounded.text(0..<rounded.point) : "0"
    guard count > 0 else { return whole }
    let zeros = min(count, max(0, -rounded.point))
    let start = max(0, rounded.point)
    return whole + "." + String(repeating: "0", count: zeros) + rounded.text(start..<(start + count - zeros))
  }

  /// `%e`: one digit before the point, so many behind it.
  func exponential(_ count: Int, mark: String = "e") -> String {
    var rounded = self
    rounded.round(to: count + 1)
    let exponent = rounded.digits.isEmpty ? 0 : rounded.point - 1
    let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
    return rounded.text(0..<1) + (count > 0 ? "." + rounded.text(1..<(count + 1)) : "") + mark
      + (exponent < 0 ? "-" : "+") + size
  }

  /// `%g`: all digits, or so many; with an exponent below 1e-4, and from what the digits do not reach on.
  func general(_ count: Int? = nil, mark: String = "e", isNegative: Bool = false) -> String {
    var rounded = self
    let wanted = count.map { $0 == 0 ? 1 : $0 }
    if let wanted { rounded.round(to: wanted) }
    let sign = isNegative ? "-" : ""
    var least = wanted ?? 6
    if wanted != nil, least > rounded.digits.count, rounded.digits.count >= rounded.point {
      least = rounded.digits.count
    }
    let exponent = rounded.point - 1
    guard !rounded.digits.isEmpty else { return sign + "0" }
    if exponent < -4 || exponent >= least {
      return sign + rounded.exponential(rounded.digits.count - 1, mark: mark)
    }
    return sign + rounded.fixed(max(rounded.digits.count - rounded.point, 0))
  }

  /// As Go's `encoding/json` writes a double: an exponent below 1e-6 and from 1e21 on.
  func json(isNegative: Bool) -> String {
    let sign = isNegative ? "-" : ""
    guard !digits.isEmpty else { return sign + "0" }
    if point > 21 || point <= -6 { return sign + exponential(digits.count - 1) }
    return sign + fixed(max(digits.count - point, 0))
  }
}
