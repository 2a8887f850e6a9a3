import Crypto

// INSECURE BY DESIGN. A laptop computes discrete logarithms in this group within minutes, and the
// hashes are not cryptographic. It exists so that simulated clusters run the same protocol code
// hundreds of times faster; no program that serves anyone names it.

/// Arithmetic modulo 2^bits − c for a small c, below 2⁶². Not constant time.
private struct PseudoMersenne {
  let bits: UInt64
  let c: UInt64

  var modulus: UInt64 { (1 << bits) - c }

  func reduce(_ high: UInt64, _ low: UInt64) -> UInt64 {
    let mask: UInt64 = (1 << bits) - 1
    let upper = high << (64 - bits) | low >> bits
    let product = upper.multipliedFullWidth(by: c)
    let rest = product.high << (64 - bits) | product.low >> bits
    var sum = (low & mask) + (product.low & mask) + rest * c
    while sum >= modulus { sum -= modulus }
    return sum
  }

  func multiply(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return reduce(product.high, product.low)
  }

  func power(_ base: UInt64, _ exponent: UInt64) -> UInt64 {
    var result: UInt64 = 1
    var square = base
    var rest = exponent
    while rest != 0 {
      if rest & 1 == 1 { result = multiply(result, square) }
      square = multiply(square, square)
      rest >>= 1
    }
    return result
  }
}

/// The integers modulo q = 2⁶⁰ − 1187, a prime.
public struct TinyScalar: FieldScalar {
  fileprivate static let field = PseudoMersenne(bits: 60, c: 1187)
  fileprivate let value: UInt64

  fileprivate init(reduced value: UInt64) { self.value = value }

  public init(_ small: UInt64) { value = TinyScalar.field.reduce(0, small) }

  public init?(encoding: [UInt8]) {
    guard let value = number(encoding), value < TinyScalar.field.modulus else { return nil }
    self.value = value
  }

  public static let zero = TinyScalar(reduced: 0)
  public static let one = TinyScalar(reduced: 1)

  /// Eight little-endian bytes and zeroes up to 32, the length of the real suite.
  public var encoding: [UInt8] { padded(value) }

  public static func random(using random: inout some RandomNumberGenerator) -> TinyScalar {
    TinyScalar(reduced: random.next(upperBound: field.modulus - 1) + 1)
  }

  public func inverted() -> TinyScalar? {
    guard value != 0 else { return nil }
    return TinyScalar(reduced: TinyScalar.field.power(value, TinyScalar.field.modulus - 2))
  }

  public static func + (left: TinyScalar, right: TinyScalar) -> TinyScalar {
    let sum = left.value + right.value
    return TinyScalar(reduced: sum >= field.modulus ? sum - field.modulus : sum)
  }

  public static func - (left: TinyScalar, right: TinyScalar) -> TinyScalar {
    left
      + TinyScalar(reduced: right.value == 0 ? 0 : field.modulus - right.value)
  }

  public static func * (left: TinyScalar, right: TinyScalar) -> TinyScalar {
    TinyScalar(reduced: field.multiply(left.value, right.value))
  }
}

/// The nonzero integers modulo the safe prime p = 2⁶¹ − 2373 = 2q + 1, up to sign: a group of order q in
/// which every number 1…q is an element, so that membership is a comparison.
public struct TinyElement: GroupElement {
  public typealias Scalar = TinyScalar

  private static let field = PseudoMersenne(bits: 61, c: 2373)
  private let value: UInt64

  private init(_ residue: UInt64) { value = min(residue, TinyElement.field.modulus - residue) }

  public init?(encoding: [UInt8]) {
    guard let value = number(encoding), value >= 2, value <= TinyScalar.field.modulus else {
      return nil
    }
    self.value = value
  }

  public var encoding: [UInt8]? { isIdentity ? nil : padded(value) }

  public static let identity = TinyElement(1)
  public var isIdentity: Bool { value == 1 }

  /// Powers of the generator, 2: entry 16 i + j is 2^(j · 16^i).
  private static let table: [UInt64] = {
    var table: [UInt64] = []
    var base: UInt64 = 2
    for _ in 0..<15 {
      var entry: UInt64 = 1
      for _ in 0..<16 {
        table.append(entry)
        entry = field.multiply(entry, base)
      }
      base = entry
    }
    return table
  }()

  public static func generatorMultiple(_ scalar: TinyScalar) -> TinyElement {
    var result: UInt64 = 1
    for window in 0..<15 {
      let digit = Int(scalar.value >> UInt64(4 * window) & 15)
      result = field.multiply(result, table[16 * window + digit])
    }
    return TinyElement(result)
  }

  public func multiplied(by scalar: TinyScalar) -> TinyElement {
    TinyElement(TinyElement.field.power(value, scalar.value))
  }

  public static func + (left: TinyElement, right: TinyElement) -> TinyElement {
    TinyElement(field.multiply(left.value, right.value))
  }

  public static func - (left: TinyElement, right: TinyElement) -> TinyElement {
    TinyElement(field.multiply(left.value, field.power(right.value, field.modulus - 2)))
  }
}

/// The simulator's suite: INSECURE, see the head of this file. Encodings have the real suite's lengths.
public enum TinySuite: CipherSuite {
  public typealias Scalar = TinyScalar
  public typealias Element = TinyElement

  public static let name = "FROST(tiny, INSECURE)"
  public static let scalarLength = 32
  public static let elementLength = 32
  public static let guardsSecrets = false

  public static func h1(_ message: [UInt8]) -> TinyScalar { TinyScalar(mix(message, label: 1)) }
  public static func h2(_ message: [UInt8]) -> TinyScalar { TinyScalar(mix(message, label: 2)) }
  public static func h3(_ message: [UInt8]) -> TinyScalar { TinyScalar(mix(message, label: 3)) }
  public static func h4(_ message: [UInt8]) -> [UInt8] { padded(mix(message, label: 4)) }
  public static func h5(_ message: [UInt8]) -> [UInt8] { padded(mix(message, label: 5)) }
  public static func hdkg(_ message: [UInt8]) -> TinyScalar { TinyScalar(mix(message, label: 6)) }

  /// zB = R + cY.
  public static func verifies(
    _ signature: SchnorrSignature<TinySuite>, over message: [UInt8], by key: TinyElement
  ) -> Bool {
    guard !key.isIdentity else { return false }
    let challenge = h2(signature.commitment.serialised + key.serialised + message)
    return .generatorMultiple(signature.response)
      == signature.commitment + key.multiplied(by: challenge)
  }

  /// A multiplicative mixing hash; distinguishes inputs, withstands nobody.
  private static func mix(_ message: [UInt8], label: UInt64) -> UInt64 {
    var state = (label &+ UInt64(message.count) << 8) &* 0x9E37_79B9_7F4A_7C15
    func absorb(_ word: UInt64) {
      state = (state ^ word) &* 0xBF58_476D_1CE4_E5B9
      state ^= state >> 29
    }
    message.withUnsafeBytes { bytes in
      var offset = 0
      while offset + 8 <= bytes.count {
        absorb(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        offset += 8
      }
      for rest in offset..<bytes.count { absorb(UInt64(bytes[rest])) }
    }
    absorb(0x94D0_49BB_1331_11EB)
    absorb(label)
    return state
  }
}

private func padded(_ value: UInt64) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 32)
  bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, as: UInt64.self) }
  return bytes
}

private func number(_ encoding: [UInt8]) -> UInt64? {
  guard encoding.count == 32, encoding.dropFirst(8).allSatisfy({ $0 == 0 }) else { return nil }
  return encoding.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
