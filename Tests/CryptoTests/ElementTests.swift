import Crypto
import Testing

@Suite("Group elements")
struct ElementTests {
  /// The eight points of small order, and encodings of them that are not canonical.
  static let smallOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ]

  @Test("points of small order, the identity and non-canonical encodings are refused", arguments: smallOrder)
  func small(hex: String) {
    let bytes = Hex.decode(hex) ?? []
    #expect(bytes.count == 32)
    #expect(Element(bytes) == nil)
    #expect(PublicKey(bytes) == nil)
  }

  /// For P = (x, y) of prime order, (−x, −y) is P plus the point of order two: its encoding is that of
  /// −y with the other sign bit.
  @Test("points of mixed order are refused")
  func mixed() {
    var random = SeededRandom(1)
    for _ in 0..<20 {
      var bytes = Element.generatorMultiple(.random(using: &random)).value.bytes
      let sign = bytes[31] & 0x80
      bytes[31] &= 0x7F
      // p − y
      var borrow = 0
      for index in 0..<32 {
        let prime = index == 0 ? 0xED : index == 31 ? 0x7F : 0xFF
        let difference = prime - Int(bytes[index]) - borrow
        bytes[index] = UInt8(truncatingIfNeeded: difference)
        borrow = difference < 0 ? 1 : 0
      }
      bytes[31] |= sign ^ 0x80
      #expect(Element(bytes) == nil)
      #expect(PublicKey(bytes) == nil)
    }
  }

  @Test("what was found valid before says nothing of another encoding that begins alike")
  func remembered() {
    let good = Element.generator.value.bytes
    var bad = good
    bad[31] = 0xFF
    bad[8] ^= 1
    for _ in 0..<3 {
      #expect(Element(good) != nil)
      #expect(PublicKey(bad) == nil)
      #expect(PublicKey(good) != nil)
      #expect(Element(bad) == nil)
    }
    #expect(Element([UInt8](repeating: 0, count: 32)) == nil)
  }

  @Test("lengths other than 32 and points off the curve are refused")
  func malformed() {
    #expect(Element([UInt8](repeating: 1, count: 31)) == nil)
    #expect(Element([UInt8](repeating: 1, count: 33)) == nil)
    var refused = 0
    for first in 2..<UInt8(40) {
      if Element([first] + [UInt8](repeating: 0, count: 31)) == nil { refused += 1 }
    }
    #expect(refused > 10)
  }

  @Test("the group's laws hold, with zero and the identity")
  func laws() {
    var random = SeededRandom(2)
    let base = Element.generator
    #expect(base.bytes == [0x58] + [UInt8](repeating: 0x66, count: 31))
    for _ in 0..<10 {
      let a = Scalar.random(using: &random)
      let b = Scalar.random(using: &random)
      let point = Element.generatorMultiple(a)
      #expect(base.multiplied(by: a) == point)
      #expect(point + .generatorMultiple(b) == .generatorMultiple(a + b))
      #expect(point - .generatorMultiple(b) == .generatorMultiple(a - b))
      #expect(point.multiplied(by: b) == .generatorMultiple(a * b))
      #expect(point - point == .identity)
      #expect(point + .generatorMultiple(-a) == .identity)
      #expect(point + .identity == point)
      #expect(point - .identity == point)
      #expect(point.multiplied(by: .zero) == .identity)
      #expect(point.bytes.flatMap { Element($0) } == point)
      #expect(point.publicKey.map { Element($0) } == point)
    }
    #expect(Element.identity.multiplied(by: Scalar(7)) == .identity)
    #expect(Element.generatorMultiple(.zero) == .identity)
    #expect(Element.identity + .identity == .identity)
    #expect(Element.identity.isIdentity && !base.isIdentity)
    #expect(Element.identity.bytes == nil)
    #expect(Element.identity.publicKey == nil)
  }
}
