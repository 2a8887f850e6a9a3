/// Lagrange interpolation at public points. Variable time: identifiers are public.
enum Lagrange {
  /// λ of `party` among `parties` for the value at zero (RFC 9591 §4.2,
  /// `derive_interpolating_value`). `parties` ascends without repetition and holds `party`.
  static func coefficient<Suite: CipherSuite>(
    of party: Identifier, among parties: [Identifier], in suite: Suite.Type
  ) throws(FROSTError) -> Suite.Scalar {
    try coefficient(of: party, among: parties, at: .zero, in: suite)
  }

  /// λ of `party` among `parties` for the value at `x`.
  static func coefficient<Suite: CipherSuite>(
    of party: Identifier, among parties: [Identifier], at x: Suite.Scalar, in suite: Suite.Type
  ) throws(FROSTError) -> Suite.Scalar {
    guard parties.isStrictlyAscending else {
      throw .unorderedOrShort(required: parties.count, found: parties.count)
    }
    guard parties.contains(party) else { throw .unknownParty(party) }
    let own = party.scalar(in: suite)
    var numerator = Suite.Scalar.one
    var denominator = Suite.Scalar.one
    for other in parties where other != party {
      let scalar = other.scalar(in: suite)
      numerator = numerator * (scalar - x)
      denominator = denominator * (scalar - own)
    }
    guard let inverse = denominator.inverted() else { throw .identityElement }
    return numerator * inverse
  }
}
