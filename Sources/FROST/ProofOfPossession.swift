import Crypto

/// A proof that a party knows the constant of the polynomial it commits to, bound to its identifier:
/// without it a party could choose its contribution after the others' and cancel them (rogue key).
enum ProofOfPossession {
  /// R = kB, μ = k + a₀ · Hdkg(id ‖ φ₀ ‖ R).
  static func make<Suite: CipherSuite>(
    for party: Identifier, constant: Suite.Scalar, commitment: Suite.Element,
    prefix: [UInt8] = [], using random: inout some RandomNumberGenerator, in suite: Suite.Type
  ) -> SchnorrSignature<Suite> {
    while true {
      let nonce = Suite.Scalar.random(using: &random)
      let point = Suite.Element.generatorMultiple(nonce)
      let challenge = challenge(party, commitment, point, prefix, in: suite)
      if let proof = SchnorrSignature<Suite>(
        commitment: point, response: nonce + constant * challenge)
      {
        return proof
      }
    }
  }

  /// Whether R = μB − Hdkg(id ‖ φ₀ ‖ R) φ₀. False for an identity commitment.
  static func verify<Suite: CipherSuite>(
    _ proof: SchnorrSignature<Suite>, by party: Identifier, commitment: Suite.Element,
    prefix: [UInt8] = []
  ) -> Bool {
    guard !commitment.isIdentity else { return false }
    let challenge = challenge(party, commitment, proof.commitment, prefix, in: Suite.self)
    let expected =
      Suite.Element.generatorMultiple(proof.response) - commitment.multiplied(by: challenge)
    return expected == proof.commitment
  }

  private static func challenge<Suite: CipherSuite>(
    _ party: Identifier, _ commitment: Suite.Element, _ point: Suite.Element, _ prefix: [UInt8],
    in suite: Suite.Type
  ) -> Suite.Scalar {
    Suite.hdkg(prefix + party.encoding(in: suite) + commitment.serialised + point.serialised)
  }
}

extension KeyPackage {
  /// A proof that this party holds its share, made for `context` (such as the hash of a resharing's
  /// transcript): old shares are wiped only when every new party has given one.
  public borrowing func proveShare(
    for context: [UInt8], using random: inout some RandomNumberGenerator
  ) -> SchnorrSignature<Suite> {
    let proof = ProofOfPossession.make(
      for: identifier, constant: secret[0], commitment: verifyingShare,
      prefix: shareProofPrefix(context), using: &random, in: Suite.self)
    wipeStack()
    return proof
  }
}

extension PublicKeyPackage {
  /// Whether `proof` is `party`'s `proveShare(for: context)`.
  public func verifies(
    shareProof proof: SchnorrSignature<Suite>, by party: Identifier, for context: [UInt8]
  ) -> Bool {
    guard let element = verifyingShare(of: party) else { return false }
    return ProofOfPossession.verify(
      proof, by: party, commitment: element, prefix: shareProofPrefix(context))
  }
}

/// Sets a share's proof apart from a proof of possession in key generation, which has no prefix.
private func shareProofPrefix(_ context: [UInt8]) -> [UInt8] {
  Array("openexec/frost/share-proof/v1\n".utf8) + SHA256.hash(context).bytes
}
