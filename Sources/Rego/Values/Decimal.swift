/// A number that is not written as a whole one: what it is exactly, and how it is written.
///
/// As in OPA a number is its text: what is written `1.50` is printed so, and two are compared as the decimals that they are,
/// never as the doubles next to them.
public final class Decimal: Sendable {
  /// As JSON writes it.
  let text: String
  let isNegative: Bool
  /// Its digits in ASCII, without zeros at either end; none for zero.
  let significand: [UInt8]
  /// Digits before the point; less than one where the first stands behind it.
  let point: Int
  /// The nearest double; infinite where there is none.
  let double: Double

  /// The most digits: more would not fit the largest integer.
  static let maximumDigits = 4_900
  /// The farthest that the first digit stands from the point in a policy's text: 2^100000, as in OPA. In documents it
  /// may stand 10^18 digits away, for nothing is made of a number until it is rounded or calculated with, which have
  /// limits of their own.
  static let maximumPointInPolicies = 30_103

  /// Reads a number as JSON writes it, with a plus sign, without a digit before or behind the point too; nil for
  /// anything else and for what has too many digits or an exponent of more than eighteen.
  init?(_ written: String) {
    var digits: [UInt8] = []
    var exponent = 0
    var hasDigit = false
    var afterPoint = false
    var bytes = Array(written.utf8)[...]
    let sign = bytes.first
    if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { bytes = bytes.dropFirst() }
    scan: while let byte = bytes.first {
      bytes = bytes.dropFirst()
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        hasDigit = true
        if afterPoint { exponent -= 1 }
        if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte) }
      case UInt8(ascii: ".") where !afterPoint: afterPoint = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        guard let written = Decimal.exponent(bytes) else { return nil }
        exponent += written
        break scan
      default: return nil
      }
    }
    point = digits.isEmpty ? 0 : digits.count + exponent
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    guard hasDigit, digits.count <= Decimal.maximumDigits else { return nil }
    significand = digits
    isNegative = sign == UInt8(ascii: "-") && !digits.isEmpty
    text = Decimal.normal(written)
    double = Double(text) ?? 0
  }

  /// The digits behind the 'e': as many as an integer holds with what stands before it.
  private static func exponent(_ bytes: ArraySlice<UInt8>) -> Int? {
    let isNegative = bytes.first == UInt8(ascii: "-")
    let digits = isNegative || bytes.first == UInt8(ascii: "+") ? bytes.dropFirst() : bytes
    let significant = digits.drop { $0 == UInt8(ascii: "0") }
    guard !digits.isEmpty, significant.count < 19, digits.allSatisfy(Lexer.isDigit),
      let size = Int(String(decoding: digits.suffix(18), as: UTF8.self))
    else { return nil }
    return isNegative ? -size : size
  }

  /// As JSON writes it: with digits on both sides of the point, and without a plus sign.
  private static func normal(_ written: String) -> String {
    var bytes = Array(written.utf8)
    if bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
    let start = bytes.first == UInt8(ascii: "-") ? 1 : 0
    let zeros = bytes[start...].prefix { $0 == UInt8(ascii: "0") }.count
    let spare = start + zeros < bytes.count && Lexer.isDigit(bytes[start + zeros]) ? zeros : max(0, zeros - 1)
    bytes.removeSubrange(start..<(start + spare))
    guard let point = bytes.firstIndex(of: UInt8(ascii: ".")) else {
      return String(decoding: bytes, as: UTF8.self)
    }
    if point + 1 == bytes.count || !Lexer.isDigit(bytes[point + 1]) {
      bytes.insert(UInt8(ascii: "0"), at: point + 1)
    }
    if point == start { bytes.insert(UInt8(ascii: "0"), at: start) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The number is `digits` × 10^`exponent`.
  var exponent: Int { point - significand.count }
  var digits: BigInteger { Decimal.integer(significand[...], isNegative: isNegative) }

  private static func integer(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> BigInteger {
    let magnitude = BigInteger(digits) ?? .zero
    return isNegative ? -magnitude : magnitude
  }

  /// The number where it is whole and can be written in full; nil for any other.
  var integer: BigInteger? { exponent >= 0 ? rounded(.towardZero) : nil }

  /// The whole number next to it, by what is done with its fraction; nil where that cannot be written in full.
  func rounded(_ rule: FloatingPointRoundingRule) -> BigInteger? {
    guard point <= Decimal.maximumDigits else { return nil }
    let before = significand.prefix(max(0, point))
    let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: max(0, point - before.count))
    let whole = Decimal.integer(before + zeros, isNegative: isNegative)
    let fraction = significand.dropFirst(before.count)
    guard !fraction.isEmpty else { return whole }
    let isAway =
      switch rule {
      case .up: !isNegative
      case .down: isNegative
      case .toNearestOrAwayFromZero: point >= 0 && fraction.first ?? 0 >= UInt8(ascii: "5")
      default: false
      }
    return isAway ? whole + BigInteger(isNegative ? -1 : 1) : whole
  }

  /// The first digits of the magnitude, × 10^exponent: where there are more they are followed by a one, so that a number between
  /// two is told from either.
  func leadingDigits(_ count: Int) -> (magnitude: BigInteger, exponent: Int) {
    guard significand.count > count + 1 else { return (digits.absolute, exponent) }
    let head = significand.prefix(count) + [UInt8(ascii: "1")]
    return (Decimal.integer(head, isNegative: false), point - head.count)
  }

  /// What arithmetic with it takes, in steps, beyond one.
  var effort: Int { exponent > -20 && significand.count < 20 ? 0 : 32 + min(abs(point), 512) / 4 }

  /// -1, 0 or 1, as one number is less than, equal to or more than another, both exactly.
  static func compare(_ left: Decimal, _ right: Decimal) -> Int {
    compare(
      (left.significand, left.point, left.isNegative), (right.significand, right.point, right.isNegative))
  }

  static func compare(_ left: Decimal, _ right: BigInteger) -> Int {
    // Far from each other in size, as most are.
    let nearest = right.double
    if left.double < nearest, nearest.isFinite { return -1 }
    if left.double > nearest, left.double.isFinite { return 1 }
    var digits = right.isZero ? [] : Array(right.absolute.description.utf8)
    let point = digits.count
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return compare((left.significand, left.point, left.isNegative), (digits, point, right.isNegative))
  }

  private typealias Parts = (significand: [UInt8], point: Int, isNegative: Bool)

  private static func compare(_ a: Parts, _ b: Parts) -> Int {
    func sign(_ parts: Parts) -> Int { parts.significand.isEmpty ? 0 : parts.isNegative ? -1 : 1 }
    let (left, right) = (sign(a), sign(b))
    guard left == right, left != 0 else { return left < right ? -1 : left == right ? 0 : 1 }
    if a.point != b.point { return a.point < b.point ? -left : left }
    if a.significand == b.significand { return 0 }
    return a.significand.lexicographicallyPrecedes(b.significand) ? -left : left
  }
}

extension BigInteger {
  /// How many decimal digits it has; none for zero.
  var digitCount: Int { isZero ? 0 : absolute.description.utf8.count }

  /// A power, by squares.
  static func power(of base: Int, _ exponent: Int) -> BigInteger {
    var out = BigInteger(1)
    var square = BigInteger(base)
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { out = out * square }
      rest >>= 1
      if rest > 0 { square = square * square }
    }
    return out
  }
}
