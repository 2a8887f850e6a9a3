import Crypto

/// The scalar field of a prime-order group (RFC 9591 §3.1).
public protocol FieldScalar: Hashable, Sendable, BitwiseCopyable {
  /// 0.
  static var zero: Self { get }
  /// 1.
  static var one: Self { get }
  /// A small number.
  init(_ small: UInt64)
  /// `DeserializeScalar`: nil unless `encoding` is the canonical encoding of a reduced number.
  init?(encoding: [UInt8])
  /// `SerializeScalar`: as many bytes as the suite's `scalarLength`.
  var encoding: [UInt8] { get }
  /// `RandomScalar`: uniform and not zero.
  static func random(using random: inout some RandomNumberGenerator) -> Self
  /// 1 / self; nil for zero.
  func inverted() -> Self?
  /// 1 / `small`, where `small` is public and time may vary with it; nil for zero.
  static func reciprocal(of small: UInt64) -> Self?
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
  static func * (left: Self, right: Self) -> Self
}

extension FieldScalar {
  public static func reciprocal(of small: UInt64) -> Self? { Self(small).inverted() }
}

/// A prime-order group, written additively (RFC 9591 §3.1).
public protocol GroupElement: Hashable, Sendable, BitwiseCopyable {
  /// The group's scalar field.
  associatedtype Scalar: FieldScalar
  /// The neutral element.
  static var identity: Self { get }
  /// Whether this is the neutral element.
  var isIdentity: Bool { get }
  /// `DeserializeElement`: nil unless `encoding` is canonical, in the group, and not the identity.
  init?(encoding: [UInt8])
  /// `SerializeElement`; nil for the identity, which is never serialised.
  var encoding: [UInt8]? { get }
  /// `ScalarBaseMult`.
  static func generatorMultiple(_ scalar: Scalar) -> Self
  /// `ScalarMult`.
  func multiplied(by scalar: Scalar) -> Self
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
}

/// A cipher suite: a prime-order group and the hashes that bind the protocol to it (RFC 9591 §6).
public protocol CipherSuite: Sendable {
  /// The scalar field.
  associatedtype Scalar: FieldScalar
  /// The group.
  associatedtype Element: GroupElement where Element.Scalar == Scalar

  /// The suite's name as RFC 9591 §6 writes it; part of every transcript and serialisation.
  static var name: String { get }
  /// Bytes of an encoded scalar.
  static var scalarLength: Int { get }
  /// Bytes of an encoded element.
  static var elementLength: Int { get }
  /// Whether secrets go to guarded memory. False only where no secret is worth guarding.
  static var guardsSecrets: Bool { get }

  /// Binding factors.
  static func h1(_ message: [UInt8]) -> Scalar
  /// The signature's challenge.
  static func h2(_ message: [UInt8]) -> Scalar
  /// Nonces.
  static func h3(_ message: [UInt8]) -> Scalar
  /// The message's digest.
  static func h4(_ message: [UInt8]) -> [UInt8]
  /// The commitment list's digest.
  static func h5(_ message: [UInt8]) -> [UInt8]
  /// The challenge of the proof of possession in key generation.
  static func hdkg(_ message: [UInt8]) -> Scalar

  /// Whether `signature` is one over `message` by `key`, as a verifier outside this module decides it.
  static func verifies(
    _ signature: SchnorrSignature<Self>, over message: [UInt8], by key: Element
  ) -> Bool
}

/// A Schnorr signature: R and z (RFC 9591 §5.3).
public struct SchnorrSignature<Suite: CipherSuite>: Equatable, Sendable {
  /// R, the commitment; not the identity.
  public let commitment: Suite.Element
  /// z, the response.
  public let response: Suite.Scalar

  /// The two halves; nil where the commitment is the identity.
  public init?(commitment: Suite.Element, response: Suite.Scalar) {
    guard !commitment.isIdentity else { return nil }
    self.commitment = commitment
    self.response = response
  }

  /// Reads R ‖ z; nil unless both are canonical and R is a group element.
  public init?(encoding: [UInt8]) {
    guard encoding.count == Suite.elementLength + Suite.scalarLength,
      let commitment = Suite.Element(encoding: Array(encoding.prefix(Suite.elementLength))),
      let response = Suite.Scalar(encoding: Array(encoding.suffix(Suite.scalarLength)))
    else { return nil }
    self.init(commitment: commitment, response: response)
  }

  /// R ‖ z.
  public var encoding: [UInt8] { commitment.serialised + response.encoding }
}

extension GroupElement {
  /// The encoding of an element that the protocol has checked not to be the identity.
  public var serialised: [UInt8] {
    guard let encoding else { preconditionFailure("the identity reached a serialiser") }
    return encoding
  }
}
