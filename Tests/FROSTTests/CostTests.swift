import Crypto
import Testing

@testable import FROST

/// Counts the group operations that the protocol asks of it, and otherwise is the real suite's.
struct CountedElement: GroupElement {
  typealias Scalar = Crypto.Scalar

  @TaskLocal static var counter: OperationCounter?

  fileprivate let element: Crypto.Element

  static let identity = CountedElement(element: .identity)
  var isIdentity: Bool { element.isIdentity }

  fileprivate init(element: Crypto.Element) { self.element = element }

  init?(encoding: [UInt8]) {
    guard let element = Crypto.Element(encoding: encoding) else { return nil }
    self.element = element
  }

  var encoding: [UInt8]? { element.encoding }

  static func generatorMultiple(_ scalar: Crypto.Scalar) -> CountedElement {
    counter?.baseMultiples += 1
    return CountedElement(element: .generatorMultiple(scalar))
  }

  func multiplied(by scalar: Crypto.Scalar) -> CountedElement {
    Self.counter?.multiples += 1
    return CountedElement(element: element.multiplied(by: scalar))
  }

  static func + (left: CountedElement, right: CountedElement) -> CountedElement {
    counter?.additions += 1
    return CountedElement(element: left.element + right.element)
  }

  static func - (left: CountedElement, right: CountedElement) -> CountedElement {
    counter?.additions += 1
    return CountedElement(element: left.element - right.element)
  }
}

/// Used by one test, on one thread.
final class OperationCounter: @unchecked Sendable {
  var baseMultiples = 0
  var multiples = 0
  var additions = 0
  var verifications = 0
}

enum CountedSuite: CipherSuite {
  typealias Scalar = Crypto.Scalar
  typealias Element = CountedElement
  static let name = Ed25519SHA512.name
  static let scalarLength = 32
  static let elementLength = 32
  static let guardsSecrets = true
  static func h1(_ message: [UInt8]) -> Scalar { Ed25519SHA512.h1(message) }
  static func h2(_ message: [UInt8]) -> Scalar { Ed25519SHA512.h2(message) }
  static func h3(_ message: [UInt8]) -> Scalar { Ed25519SHA512.h3(message) }
  static func h4(_ message: [UInt8]) -> [UInt8] { Ed25519SHA512.h4(message) }
  static func h5(_ message: [UInt8]) -> [UInt8] { Ed25519SHA512.h5(message) }
  static func hdkg(_ message: [UInt8]) -> Scalar { Ed25519SHA512.hdkg(message) }

  static func verifies(
    _ signature: SchnorrSignature<CountedSuite>, over message: [UInt8], by key: CountedElement
  ) -> Bool {
    CountedElement.counter?.verifications += 1
    guard
      let real = SchnorrSignature<Ed25519SHA512>(
        commitment: signature.commitment.element, response: signature.response)
    else { return false }
    return Ed25519SHA512.verifies(real, over: message, by: key.element)
  }
}

@Suite("Cost")
struct CostTests {
  private func median(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    var times: [Double] = []
    for _ in 0..<count {
      let time = try clock.measure(body)
      times.append(Double(time.components.attoseconds) / 1e12)
    }
    return times.sorted()[count / 2]
  }

  @Test("the group operations of a 4-of-5 session are those of the equations, and the rest is little")
  func session() throws {
    let (parties, publicKeys) = try generateKey(5, threshold: 4, seed: 1, suite: CountedSuite.self)
    var random = SeededRandom(1)
    let signers = Array(parties.prefix(4))
    let counter = OperationCounter()
    try CountedElement.$counter.withValue(counter) {
      _ = try sign([1, 2, 3], by: signers, publicKeys, using: &random)
    }
    // Nonces: two base multiples a signer. R: t multiples and 2t − 1 additions at each signer and at
    // the coordinator. One verification.
    #expect(counter.baseMultiples == 4 * 2)
    #expect(counter.multiples == 5 * 4)
    #expect(counter.additions == 5 * 7)
    #expect(counter.verifications == 1)

    let scalar = Scalar.random(using: &random)
    let point = Element.generatorMultiple(scalar)
    let base = median(100) { _ = Element.generatorMultiple(scalar) }
    let multiple = median(100) { _ = point.multiplied(by: scalar) }
    let addition = median(100) { _ = point + point }
    let key = SigningKey.generate(using: &random)
    let signature = key.sign([1])
    let publicKey = key.publicKey
    let verification = median(100) { _ = publicKey.verifies(signature, over: [1]) }
    let real = try generateKey(5, threshold: 4, seed: 1, suite: Ed25519SHA512.self)
    let whole = try median(40) {
      _ = try sign(
        [1, 2, 3], by: Array(real.parties.prefix(4)), real.publicKeys, using: &random)
    }
    let sum =
      base * Double(counter.baseMultiples) + multiple * Double(counter.multiples)
      + addition * Double(counter.additions) + verification * Double(counter.verifications)
    print(
      "4-of-5 session \(Int(whole)) µs, its group operations \(Int(sum)) µs, "
        + "ratio \((whole / sum * 1000).rounded() / 1000) "
        + "(base \(Int(base)), multiple \(Int(multiple)), addition \(Int(addition)), "
        + "verification \(Int(verification)) µs)")
  }

  @Test("the simulator's suite is much cheaper")
  func tiny() throws {
    let (parties, publicKeys) = try generateKey(5, threshold: 4, seed: 1, suite: TinySuite.self)
    var random = SeededRandom(1)
    let whole = try median(40) {
      _ = try sign([1, 2, 3], by: Array(parties.prefix(4)), publicKeys, using: &random)
    }
    print("4-of-5 session in the tiny suite: \(Int(whole)) µs")
  }
}
