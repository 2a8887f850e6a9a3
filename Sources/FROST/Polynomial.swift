import Crypto

/// A polynomial over the scalar field whose coefficients are secret.
struct SecretPolynomial<Suite: CipherSuite>: ~Copyable, Sendable {
  private var coefficients: SecretScalars<Suite>

  /// The number of coefficients, the degree plus one.
  var count: Int { coefficients.count }

  /// `count` coefficients: `constant`, then uniform nonzero ones.
  init(constant: Suite.Scalar, count: Int, using random: inout some RandomNumberGenerator) {
    coefficients = SecretScalars(count: count)
    coefficients[0] = constant
    for index in 1..<max(count, 1) { coefficients[index] = .random(using: &random) }
  }

  /// The coefficients given, lowest first.
  init(_ given: [Suite.Scalar]) {
    coefficients = SecretScalars(count: given.count)
    for (index, coefficient) in given.enumerated() { coefficients[index] = coefficient }
  }

  var constant: Suite.Scalar { coefficients[0] }

  /// The value at `party`, by Horner's rule (RFC 9591 appendix C.1).
  func evaluate(at party: Identifier) -> Suite.Scalar {
    let x = party.scalar(in: Suite.self)
    var value = Suite.Scalar.zero
    for index in stride(from: count - 1, through: 0, by: -1) {
      value = value * x + coefficients[index]
    }
    return value
  }

  /// The values at `parties`, each for its party's eyes.
  func shares(for parties: [Identifier]) -> [SecretShare<Suite>] {
    let out = parties.map { SecretShare<Suite>(recipient: $0, value: evaluate(at: $0)) }
    wipeStack()
    return out
  }

  /// Each coefficient times the generator, the secret's Feldman commitment.
  func commitment() -> PolynomialCommitment<Suite> {
    PolynomialCommitment(
      (0..<count).map { Suite.Element.generatorMultiple(coefficients[$0]) })
  }
}

/// A commitment to a polynomial: each coefficient times the generator.
public struct PolynomialCommitment<Suite: CipherSuite>: Equatable, Sendable {
  /// Lowest coefficient first.
  public let elements: [Suite.Element]

  /// Wraps the elements, the constant's first.
  public init(_ elements: [Suite.Element]) { self.elements = elements }

  /// The committed polynomial's value at `party` times the generator. Variable time: public data.
  public func evaluate(at party: Identifier) -> Suite.Element {
    let x = party.scalar(in: Suite.self)
    var value = Suite.Element.identity
    for element in elements.reversed() { value = value.multiplied(by: x) + element }
    return value
  }

  /// Whether `share` is the committed polynomial's value at `party` (RFC 9591 appendix C.2,
  /// `vss_verify`).
  public func admits(_ share: Suite.Scalar, at party: Identifier) -> Bool {
    Suite.Element.generatorMultiple(share) == evaluate(at: party)
  }

  /// The number of coefficients (two bytes, big-endian) and their elements. Nothing in it may be the
  /// identity.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(uint16: elements.count)
    for element in elements { bytes.append(contentsOf: element.serialised) }
    return bytes
  }

  /// Reads what `encoding` wrote; at most `FROSTLimits.parties` coefficients.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a polynomial commitment of \(Suite.name)")
    try self.init(from: &reader)
    try reader.end()
  }

  init(from reader: inout ByteReader) throws(FROSTError) {
    let count = try reader.uint16()
    guard count <= FROSTLimits.parties else { throw reader.failure }
    var elements: [Suite.Element] = []
    for _ in 0..<count { elements.append(try reader.element(Suite.self)) }
    self.elements = elements
  }

  /// Coefficient by coefficient; both must have the same length.
  static func + (left: PolynomialCommitment, right: PolynomialCommitment) -> PolynomialCommitment {
    precondition(left.elements.count == right.elements.count)
    return PolynomialCommitment(zip(left.elements, right.elements).map { $0 + $1 })
  }
}
