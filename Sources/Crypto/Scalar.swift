import CSodium

/// An integer modulo L = 2²⁵² + 27742317777372353535851937790883648493, the order of the prime-order
/// subgroup of ed25519 (RFC 8032 §5.1).
///
/// Always reduced: libsodium's arithmetic is wrong on other input, and 1.0.18 does not export its own
/// check, so `init(_:)` compares with L itself. Arithmetic and comparison take constant time.
///
/// A scalar is a plain value and leaves copies where it passes. A secret one lives in `SecretMemory`
/// and becomes a `Scalar` only for the length of a computation.
public struct Scalar: Hashable, Sendable, BitwiseCopyable {
  /// Little-endian, below L.
  public let value: Bytes32

  /// Little-endian words of L, least significant first.
  private static let order: (UInt64, UInt64, UInt64, UInt64) = (
    0x5812_631A_5CF5_D3ED, 0x14DE_F9DE_A2F7_9CD6, 0, 0x1000_0000_0000_0000
  )

  private init(reduced value: Bytes32) { self.value = value }

  /// Reads 32 little-endian bytes; nil for another length and for a number that is not below L.
  public init?(_ bytes: some Collection<UInt8>) {
    guard let value = Bytes32(bytes), Scalar.isBelowOrder(value) else { return nil }
    self.value = value
  }

  /// A small number.
  public init(_ small: UInt64) {
    var value = Bytes32()
    value.withUnsafeMutableBytes { $0.storeBytes(of: small.littleEndian, as: UInt64.self) }
    self.value = value
  }

  /// 64 little-endian bytes, such as a SHA-512 digest, reduced modulo L. Nil for another length.
  public init?(reducing wide: [UInt8]) {
    guard Sodium.ready, wide.count == 64 else { return nil }
    var out = Bytes32()
    out.withUnsafeMutableBytes { crypto_core_ed25519_scalar_reduce($0.octets, wide) }
    self.value = out
  }

  /// Uniform and not zero, from 64 bytes of `random`.
  public static func random(using random: inout some RandomNumberGenerator) -> Scalar {
    while true {
      var wide = random.bytes(64)
      defer { wipe(&wide) }
      if let scalar = Scalar(reducing: wide), !scalar.isZero { return scalar }
    }
  }

  /// 0.
  public static let zero = Scalar(0)
  /// 1.
  public static let one = Scalar(1)

  /// Whether this is 0.
  public var isZero: Bool { self == .zero }

  /// The 32 little-endian bytes.
  public var bytes: [UInt8] { value.bytes }

  public static func == (left: Scalar, right: Scalar) -> Bool {
    Bytes32.constantTimeEqual(left.value, right.value)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(value) }

  public static func + (left: Scalar, right: Scalar) -> Scalar {
    combine(left, right, crypto_core_ed25519_scalar_add)
  }

  public static func - (left: Scalar, right: Scalar) -> Scalar {
    combine(left, right, crypto_core_ed25519_scalar_sub)
  }

  public static func * (left: Scalar, right: Scalar) -> Scalar {
    combine(left, right, crypto_core_ed25519_scalar_mul)
  }

  public static prefix func - (scalar: Scalar) -> Scalar { .zero - scalar }

  /// 1 / self; nil for zero.
  public func inverted() -> Scalar? {
    var out = Bytes32()
    let code = out.withUnsafeMutableBytes { target in
      value.withUnsafeBytes { crypto_core_ed25519_scalar_invert(target.octets, $0.octets) }
    }
    return code == 0 ? Scalar(reduced: out) : nil
  }

  /// 1 / `small` for a public number; nil for zero. Variable time, and far cheaper than `inverted`.
  ///
  /// With k = −1/L modulo `small`, (1 + kL) / `small` is a whole number below L, and the reciprocal.
  public static func reciprocal(of small: UInt64) -> Scalar? {
    guard small != 0 else { return nil }
    let limbs = [order.0, order.1, order.2, order.3]
    var remainder: UInt64 = 0
    for limb in limbs.reversed() {
      remainder = small.dividingFullWidth((remainder, limb)).remainder
    }
    let k = (small - inverse(of: remainder, modulo: small)) % small
    var sum: [UInt64] = []
    var carry: UInt64 = 1
    for limb in limbs {
      let product = limb.multipliedFullWidth(by: k)
      let (low, overflow) = product.low.addingReportingOverflow(carry)
      sum.append(low)
      carry = product.high + (overflow ? 1 : 0)
    }
    var quotient = Bytes32()
    var rest = carry
    for index in (0..<4).reversed() {
      let step = small.dividingFullWidth((rest, sum[index]))
      rest = step.remainder
      quotient.withUnsafeMutableBytes {
        $0.storeBytes(of: step.quotient.littleEndian, toByteOffset: 8 * index, as: UInt64.self)
      }
    }
    return Scalar(reduced: quotient)
  }

  /// 1 / `value` modulo `modulus`, to which it is coprime, by Euclid's algorithm; 0 modulo 1.
  private static func inverse(of value: UInt64, modulo modulus: UInt64) -> UInt64 {
    guard modulus > 1 else { return 0 }
    var (older, newer) = (modulus, value)
    var (olderFactor, newerFactor): (UInt64, UInt64) = (0, 1)
    while newer > 1 {
      let (quotient, remainder) = older.quotientAndRemainder(dividingBy: newer)
      let product = modulus.dividingFullWidth(
        quotient.multipliedFullWidth(by: newerFactor)
      ).remainder
      let next = olderFactor >= product ? olderFactor - product : olderFactor + (modulus - product)
      (older, newer) = (newer, remainder)
      (olderFactor, newerFactor) = (newerFactor, next)
    }
    return newerFactor
  }

  private static func combine(
    _ left: Scalar, _ right: Scalar,
    _ operation: (UnsafeMutablePointer<UInt8>, UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Void
  ) -> Scalar {
    var out = Bytes32()
    out.withUnsafeMutableBytes { target in
      left.value.withUnsafeBytes { left in
        right.value.withUnsafeBytes { right in
          operation(target.octets, left.octets, right.octets)
        }
      }
    }
    return Scalar(reduced: out)
  }

  /// Whether the number is below L: the borrow of `value − L`, in bit operations only.
  private static func isBelowOrder(_ value: Bytes32) -> Bool {
    let a = value.littleEndianWords
    let b = order
    var borrow: UInt64 = 0
    func subtract(_ x: UInt64, _ y: UInt64) {
      let difference = x &- y &- borrow
      borrow = ((~x & y) | ((~x | y) & difference)) >> 63
    }
    subtract(a.0, b.0)
    subtract(a.1, b.1)
    subtract(a.2, b.2)
    subtract(a.3, b.3)
    return borrow == 1
  }
}
