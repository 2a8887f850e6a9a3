/// A party's identifier: a nonzero number, used as a scalar (RFC 9591 §3.1, `NonZeroScalar`).
///
/// Identifiers are handed out by the cluster and small, so 16 bits hold them; an encoding of a larger
/// scalar is refused. Ordered as numbers, which is the order of every list in the protocol.
public struct Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// 1…65,535.
  public let value: UInt16

  /// Nil for zero: the polynomial's value at zero is the key.
  public init?(_ value: UInt16) {
    guard value != 0 else { return nil }
    self.value = value
  }

  /// Reads the encoding of a scalar, little-endian; nil for zero and for more than 65,535.
  public init?(encoding: [UInt8]) {
    guard encoding.count >= 2, encoding.dropFirst(2).allSatisfy({ $0 == 0 }) else { return nil }
    self.init(UInt16(encoding[0]) | UInt16(encoding[1]) << 8)
  }

  /// The identifier as a scalar of `suite`.
  public func scalar<Suite: CipherSuite>(in suite: Suite.Type) -> Suite.Scalar {
    Suite.Scalar(UInt64(value))
  }

  /// The identifier as the suite encodes the scalar.
  public func encoding<Suite: CipherSuite>(in suite: Suite.Type) -> [UInt8] {
    scalar(in: suite).encoding
  }

  public var description: String { String(value) }

  public static func < (left: Identifier, right: Identifier) -> Bool { left.value < right.value }
}

extension Array where Element == Identifier {
  /// Whether the identifiers ascend without repetition.
  var isStrictlyAscending: Bool {
    zip(self, dropFirst()).allSatisfy { $0 < $1 }
  }
}
