import Testing

@testable import FROST

@Suite("The simulator's group")
struct TinySuiteTests {
  private func number(_ encoding: [UInt8]) -> UInt64 {
    encoding.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private let q: UInt64 = (1 << 60) - 1187
  private let p: UInt64 = (1 << 61) - 2373

  @Test("scalar arithmetic agrees with division of full products")
  func scalars() {
    var random = SeededRandom(1)
    for round in 0..<2000 {
      let edge = [0, 1, q - 1, q - 2][round % 4]
      let a = round < 16 ? edge : UInt64.random(in: 0..<q, using: &random)
      let b = UInt64.random(in: 0..<q, using: &random)
      let product = a.multipliedFullWidth(by: b)
      let expected = q.dividingFullWidth(product).remainder
      #expect(number((TinyScalar(a) * TinyScalar(b)).encoding) == expected)
      #expect(number((TinyScalar(a) + TinyScalar(b)).encoding) == (a + b) % q)
      #expect(number((TinyScalar(a) - TinyScalar(b)).encoding) == (a + q - b) % q)
      if a != 0 { #expect(TinyScalar(a).inverted().map { $0 * TinyScalar(a) } == .one) }
    }
    #expect(TinyScalar.zero.inverted() == nil)
    #expect(number(TinyScalar(UInt64.max).encoding) == UInt64.max % q)
    #expect(p == 2 * q + 1)
  }

  @Test("the group's laws hold, and its order is q")
  func elements() {
    var random = SeededRandom(2)
    for _ in 0..<200 {
      let a = TinyScalar.random(using: &random)
      let b = TinyScalar.random(using: &random)
      let point = TinyElement.generatorMultiple(a)
      #expect(TinyElement.generatorMultiple(.one).multiplied(by: a) == point)
      #expect(point + .generatorMultiple(b) == .generatorMultiple(a + b))
      #expect(point - .generatorMultiple(b) == .generatorMultiple(a - b))
      #expect(point.multiplied(by: b) == .generatorMultiple(a * b))
      #expect((point - point).isIdentity)
      #expect(point + .identity == point)
      #expect(point.encoding.flatMap { TinyElement(encoding: $0) } == point)
      #expect((point.multiplied(by: .zero - .one) + point).isIdentity)
    }
    #expect(TinyElement.identity.encoding == nil)
  }

  @Test("numbers out of range and other lengths are refused")
  func encodings() {
    func encoded(_ value: UInt64, _ rest: UInt8 = 0) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        + [UInt8](repeating: rest, count: 24)
    }
    #expect(TinyScalar(encoding: encoded(q - 1)) != nil)
    #expect(TinyScalar(encoding: encoded(q)) == nil)
    #expect(TinyScalar(encoding: encoded(1, 1)) == nil)
    #expect(TinyScalar(encoding: [1]) == nil)
    #expect(TinyElement(encoding: encoded(q)) != nil)
    for wrong in [0, 1, q + 1, p - 1, p] { #expect(TinyElement(encoding: encoded(wrong)) == nil) }
  }

  @Test("its hashes tell labels, lengths and single bits apart")
  func hashes() {
    var seen: [TinyScalar] = []
    for length in 0..<40 {
      var message = [UInt8](repeating: 0, count: length)
      seen += [TinySuite.h1(message), TinySuite.h2(message), TinySuite.h3(message)]
      for index in 0..<length {
        message[index] = 1
        seen.append(TinySuite.h1(message))
        message[index] = 0
      }
    }
    #expect(Set(seen).count == seen.count)
  }
}
