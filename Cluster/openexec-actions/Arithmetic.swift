import Canonical

/// `{"text": t}` → `{"text": t}`.
enum Echo {
  static func run(_ parameters: JSON) throws(ActionFailure) -> JSON {
    ["text": .string(try parameters.text("text"))]
  }
}

/// `{"a": a, "b": b}` → `{"sum": a + b}`, exact: whole numbers of at most 2^53, or decimal strings of any
/// length up to 1,000 digits. The sum is a number where it fits 2^53, a decimal string where it does not.
enum Add {
  static let maximumDigits = 1_000

  static func run(_ parameters: JSON) throws(ActionFailure) -> JSON {
    let sum = Integer.sum(try operand("a", parameters), try operand("b", parameters))
    let text = sum.text
    if let small = Int(text), small.magnitude <= 1 << 53 { return ["sum": .integer(small)] }
    return ["sum": .string(text)]
  }

  private static func operand(_ name: String, _ parameters: JSON) throws(ActionFailure) -> Integer {
    if let number = parameters[name]?.integer, let value = Integer(String(number)) { return value }
    if let text = parameters[name]?.string, let value = Integer(text) { return value }
    throw .parameters("\(name): expected a whole number, or one as a decimal string")
  }
}

/// A whole number of any size, as decimal digits.
struct Integer {
  var isNegative: Bool
  /// Least significant first; none for zero.
  var digits: [UInt8]

  /// Reads an optional minus sign and digits without leading zeros; nil for anything else.
  init?(_ text: String) {
    isNegative = text.utf8.first == UInt8(ascii: "-")
    let body = text.utf8.dropFirst(isNegative ? 1 : 0)
    guard (1...Add.maximumDigits).contains(body.count),
      body.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      body.count == 1 || body.first != UInt8(ascii: "0")
    else { return nil }
    digits = body.reversed().map { $0 - UInt8(ascii: "0") }
    normalise()
  }

  private init(isNegative: Bool, digits: [UInt8]) {
    self.isNegative = isNegative
    self.digits = digits
    normalise()
  }

  private mutating func normalise() {
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty { isNegative = false }
  }

  var text: String {
    guard !digits.isEmpty else { return "0" }
    let body = String(decoding: digits.reversed().map { $0 + UInt8(ascii: "0") }, as: UTF8.self)
    return (isNegative ? "-" : "") + body
  }

  static func sum(_ left: Integer, _ right: Integer) -> Integer {
    if left.isNegative == right.isNegative {
      return Integer(isNegative: left.isNegative, digits: added(left.digits, right.digits))
    }
    let leftIsLarger = !isLess(left.digits, right.digits)
    let (larger, smaller) = leftIsLarger ? (left, right) : (right, left)
    return Integer(
      isNegative: larger.isNegative, digits: subtracted(larger.digits, smaller.digits))
  }

  private static func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    if left.count != right.count { return left.count < right.count }
    return left.reversed().lexicographicallyPrecedes(right.reversed())
  }

  private static func added(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var carry: UInt8 = 0
    for place in 0..<max(left.count, right.count) {
      let digit =
        (place < left.count ? left[place] : 0) + (place < right.count ? right[place] : 0) + carry
      out.append(digit % 10)
      carry = digit / 10
    }
    if carry > 0 { out.append(carry) }
    return out
  }

  /// `left` is not less than `right`.
  private static func subtracted(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var borrow: Int8 = 0
    for place in left.indices {
      var digit = Int8(left[place]) - (place < right.count ? Int8(right[place]) : 0) - borrow
      borrow = digit < 0 ? 1 : 0
      if digit < 0 { digit += 10 }
      out.append(UInt8(digit))
    }
    return out
  }
}
