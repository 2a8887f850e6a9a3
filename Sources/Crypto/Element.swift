import CSodium

/// An element of the prime-order subgroup of ed25519.
///
/// Outside bytes become an element only through `init(_:)`, which refuses non-canonical encodings,
/// points of small or mixed order, and the identity. The identity can arise from arithmetic; it is a
/// value here and never an encoding.
///
/// What the library gets wrong or leaves open is handled in this file: multiplication by zero or of
/// the identity fails there, and addition accepts anything; the invariant above makes both safe.
public struct Element: Hashable, Sendable, BitwiseCopyable {
  /// The encoding, that of the identity included.
  public let value: Bytes32

  private init(inSubgroup value: Bytes32) { self.value = value }

  /// Reads an encoded element; nil unless it is canonical, of prime order and not the identity.
  public init?(_ bytes: some Collection<UInt8>) {
    guard Sodium.ready, let value = Bytes32(bytes) else { return nil }
    guard ValidPoints.accepts(value) else { return nil }
    self.value = value
  }

  /// A public key was validated when it was parsed.
  public init(_ key: PublicKey) { self.value = key.value }

  /// The neutral element.
  public static let identity: Element = {
    var value = Bytes32()
    value.withUnsafeMutableBytes { $0[0] = 1 }
    return Element(inSubgroup: value)
  }()

  /// The base point B of RFC 8032 §5.1.
  public static let generator = Element.generatorMultiple(.one)

  /// Whether this is the neutral element.
  public var isIdentity: Bool { value == Element.identity.value }

  /// The 32 bytes; nil for the identity, which must not leave the process.
  public var bytes: [UInt8]? { isIdentity ? nil : value.bytes }

  /// The element as a public key; nil for the identity.
  public var publicKey: PublicKey? { isIdentity ? nil : PublicKey(inSubgroup: value) }

  /// `scalar` · B. Constant time but for whether `scalar` is zero.
  public static func generatorMultiple(_ scalar: Scalar) -> Element {
    precondition(Sodium.ready)
    if scalar.isZero { return .identity }
    var out = Bytes32()
    let code = out.withUnsafeMutableBytes { target in
      scalar.value.withUnsafeBytes {
        crypto_scalarmult_ed25519_base_noclamp(target.octets, $0.octets)
      }
    }
    precondition(code == 0, "a nonzero multiple of the base point is a point")
    ValidPoints.know(out)
    return Element(inSubgroup: out)
  }

  /// `scalar` · self. Constant time but for whether either is neutral.
  public func multiplied(by scalar: Scalar) -> Element {
    if scalar.isZero || isIdentity { return .identity }
    #if SIMULATION
    return products(Factors(element: value, scalar: scalar.value)) { product(with: scalar) }
    #else
    return product(with: scalar)
    #endif
  }

  private func product(with scalar: Scalar) -> Element {
    var out = Bytes32()
    let code = out.withUnsafeMutableBytes { target in
      scalar.value.withUnsafeBytes { scalar in
        value.withUnsafeBytes {
          crypto_scalarmult_ed25519_noclamp(target.octets, scalar.octets, $0.octets)
        }
      }
    }
    precondition(code == 0, "a nonzero multiple of a point of prime order is a point")
    return Element(inSubgroup: out)
  }

  public static func + (left: Element, right: Element) -> Element {
    combine(left, right, isDifference: false)
  }

  public static func - (left: Element, right: Element) -> Element {
    combine(left, right, isDifference: true)
  }

  private static func combine(_ left: Element, _ right: Element, isDifference: Bool) -> Element {
    #if SIMULATION
    let terms = Terms(left: left.value, right: right.value, isDifference: isDifference)
    return sums(terms) { sum(left, right, isDifference: isDifference) }
    #else
    return sum(left, right, isDifference: isDifference)
    #endif
  }

  private static func sum(_ left: Element, _ right: Element, isDifference: Bool) -> Element {
    let operation = isDifference ? crypto_core_ed25519_sub : crypto_core_ed25519_add
    var out = Bytes32()
    let code = out.withUnsafeMutableBytes { target in
      left.value.withUnsafeBytes { left in
        right.value.withUnsafeBytes { right in
          operation(target.octets, left.octets, right.octets)
        }
      }
    }
    precondition(code == 0, "the sum of two points is a point")
    return Element(inSubgroup: out)
  }
}

#if SIMULATION
private struct Factors: Hashable {
  let element: Bytes32
  let scalar: Bytes32
}

private struct Terms: Hashable {
  let left: Bytes32
  let right: Bytes32
  let isDifference: Bool
}

private let sums = Remembered<Terms, Element>(capacity: 16_384)
private let products = Remembered<Factors, Element>(capacity: 16_384)
#endif
