import Crypto
import Testing

@Suite("Scalars")
struct ScalarTests {
  /// L, little-endian.
  static let order: [UInt8] =
    [
      0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE,
      0x14,
    ] + [UInt8](repeating: 0, count: 15) + [0x10]

  private func added(_ value: Int) -> [UInt8] {
    var bytes = Self.order
    var carry = value
    for index in bytes.indices {
      let sum = Int(bytes[index]) + carry
      bytes[index] = UInt8(truncatingIfNeeded: sum)
      carry = sum >> 8
    }
    return bytes
  }

  @Test("scalars of L and more are refused, L − 1 is the largest")
  func boundary() {
    for offset in [-1, -2, -237, -65536] { #expect(Scalar(added(offset)) != nil) }
    for offset in [0, 1, 2, 18, 255, 65536] { #expect(Scalar(added(offset)) == nil) }
    for position in 0..<32 {
      var larger = added(-1)
      guard larger[position] < 255 else { continue }
      larger[position] += 1
      #expect(Scalar(larger) == nil, "byte \(position)")
    }
    #expect(Scalar([UInt8](repeating: 255, count: 32)) == nil)
    #expect(Scalar([UInt8](repeating: 0, count: 31)) == nil)
    #expect(Scalar([UInt8](repeating: 0, count: 33)) == nil)
    #expect(Scalar(added(-1)).map { $0 + .one } == .zero)
  }

  @Test("the field's laws hold")
  func laws() {
    var random = SeededRandom(1)
    for _ in 0..<50 {
      let a = Scalar.random(using: &random)
      let b = Scalar.random(using: &random)
      let c = Scalar.random(using: &random)
      #expect((a + b) * c == a * c + b * c)
      #expect(a - b == a + -b)
      #expect(a - a == .zero)
      #expect(a * b == b * a)
      #expect(a.inverted().map { $0 * a } == .one)
      #expect(Scalar(a.bytes) == a)
    }
    #expect(Scalar.zero.inverted() == nil)
    #expect(Scalar(3) * Scalar(5) == Scalar(15))
    #expect(Scalar(UInt64.max) + .one == Scalar(1 << 32) * Scalar(1 << 32))
  }

  @Test("reciprocals of small numbers are inverses")
  func reciprocals() {
    var random = SeededRandom(3)
    var numbers: [UInt64] = [1, 2, 3, 6, 24, 720, 65535, UInt64.max, 1 << 63]
    numbers += (0..<200).map { random.next() >> UInt64($0 % 64) | 1 }
    for number in numbers {
      #expect(Scalar.reciprocal(of: number) == Scalar(number).inverted(), "\(number)")
    }
    #expect(Scalar.reciprocal(of: 0) == nil)
  }

  @Test("wide reduction agrees with arithmetic")
  func reduction() {
    var wide = Self.order + [UInt8](repeating: 0, count: 32)
    #expect(Scalar(reducing: wide) == .zero)
    wide[0] += 5
    #expect(Scalar(reducing: wide) == Scalar(5))
    var power = [UInt8](repeating: 0, count: 64)
    power[32] = 1
    let two64 = Scalar(1 << 32) * Scalar(1 << 32)
    #expect(Scalar(reducing: power) == two64 * two64 * two64 * two64)
    #expect(Scalar(reducing: [UInt8](repeating: 0, count: 63)) == nil)
  }
}
