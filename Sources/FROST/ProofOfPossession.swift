import Crypto

/// A proof that a party knows the constant of the polynomial it commits to, bound to its identifier:
/// without it a party could choose its contribution after the others' and cancel them (rogue key).
enum ProofOfPossession {
  /// R = kB, μ = k + a₀ · Hdkg(id ‖ φ₀ ‖ R).
  static func make<Suite: CipherSuite>(
    for party: Identifier, constant: Suite.Scalar, commitment: Suite.Element,
    using random: inout some RandomNumberGenerator, in suite: Suite.Type
  ) -> SchnorrSignature<Suite> {
    while true {
      let nonce = Suite.Scalar.random(using: &random)
      let point = Suite.Element.generatorMultiple(nonce)
      let challenge = challenge(party, commitment, point, in: suite)
      if let proof = SchnorrSignature<Suite>(
        commitment: point, response: nonce + constant * challenge)
      {
        return proof
      }
    }
  }

  /// Whether R = μB − Hdkg(id ‖ φ₀ ‖ R) φ₀. False for an identity commitment.
  static func verify<Suite: CipherSuite>(
    _ proof: SchnorrSignature<Suite>, by party: Identifier, commitment: Suite.Element
  ) -> Bool {
    guard !commitment.isIdentity else { return false }
    let challenge = challenge(party, commitment, proof.commitment, in: Suite.self)
    let expected =
      Suite.Element.generatorMultiple(proof.response) - commitment.multiplied(by: challenge)
    return expected == proof.commitment
  }

  private static func challenge<Suite: CipherSuite>(
    _ party: Identifier, _ commitment: Suite.Element, _ point: Suite.Element, in suite: Suite.Type
  ) -> Suite.Scalar {
    Suite.hdkg(party.encoding(in: suite) + commitment.serialised + point.serialised)
  }
}
