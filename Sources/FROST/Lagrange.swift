/// Lagrange interpolation at public points. Variable time: identifiers are public.
enum Lagrange {
  /// λ of `party` among `parties` for the value at zero (RFC 9591 §4.2,
  /// `derive_interpolating_value`). `parties` ascends without repetition and holds `party`.
  static func coefficient<Suite: CipherSuite>(
    of party: Identifier, among parties: [Identifier], in suite: Suite.Type
  ) throws(FROSTError) -> Suite.Scalar {
    try coefficient(of: party, among: parties, at: 0, in: suite)
  }

  /// λ of `party` among `parties` for the value at `x`, an identifier's number or zero.
  static func coefficient<Suite: CipherSuite>(
    of party: Identifier, among parties: [Identifier], at x: UInt16, in suite: Suite.Type
  ) throws(FROSTError) -> Suite.Scalar {
    guard parties.isStrictlyAscending else {
      throw .unorderedOrShort(required: parties.count, found: parties.count)
    }
    guard parties.contains(party) else { throw .unknownParty(party) }
    var numerator = SignedProduct<Suite>()
    var denominator = SignedProduct<Suite>()
    for other in parties where other != party {
      numerator.multiply(by: Int(other.value) - Int(x))
      denominator.multiply(by: Int(other.value) - Int(party.value))
    }
    guard let inverse = denominator.reciprocal() else { throw .identityElement }
    return numerator.value * inverse
  }
}

/// A product of small public numbers: kept in one machine word while it fits, since the reciprocal of
/// a word costs a hundredth of a scalar's.
private struct SignedProduct<Suite: CipherSuite> {
  private var isNegative = false
  private var word: UInt64 = 1
  /// The part that has outgrown the word.
  private var overflow: Suite.Scalar?

  mutating func multiply(by factor: Int) {
    if factor < 0 { isNegative.toggle() }
    let (product, overflowed) = word.multipliedReportingOverflow(by: UInt64(factor.magnitude))
    if overflowed {
      overflow = (overflow ?? .one) * Suite.Scalar(word)
      word = UInt64(factor.magnitude)
    } else {
      word = product
    }
  }

  var value: Suite.Scalar { signed(Suite.Scalar(word) * (overflow ?? .one)) }

  /// Nil for zero.
  func reciprocal() -> Suite.Scalar? {
    guard let inverse = Suite.Scalar.reciprocal(of: word) else { return nil }
    guard let overflow else { return signed(inverse) }
    return overflow.inverted().map { signed(inverse * $0) }
  }

  private func signed(_ scalar: Suite.Scalar) -> Suite.Scalar {
    isNegative ? .zero - scalar : scalar
  }
}
