import Crypto
import Testing

@testable import FROST

@Suite("Published signing vectors")
struct SigningVectorTests {
  @Test(
    "RFC 9591 signing vectors are reproduced byte for byte",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"),
    arguments: ["vectors.json", "vectors-big-identifier.json"])
  func signing(file: String) throws {
    let vector = try Vector(file: file)
    let inputs = try vector["inputs"]
    let groupKey = try inputs["verifying_key_key"].element
    let threshold = try vector["config"]["MIN_PARTICIPANTS"].integer
    let message = try inputs["message"].bytes
    #expect(Element.generatorMultiple(try inputs["group_secret_key"].scalar) == groupKey)

    let polynomial = SecretPolynomial<Ed25519SHA512>(
      [try inputs["group_secret_key"].scalar]
        + (try inputs["share_polynomial_coefficients"].array.map { try $0.scalar }))
    var keys: [TestParty<Ed25519SHA512>] = []
    for share in try inputs["participant_shares"].array {
      let identifier = try share["identifier"].identifier
      let secret = try share["participant_share"].scalar
      #expect(polynomial.evaluate(at: identifier) == secret)
      keys.append(
        TestParty(
          try KeyPackage(
            identifier: identifier, secret: secret, groupKey: groupKey, threshold: threshold)))
    }
    let publicKeys = try PublicKeyPackage<Ed25519SHA512>(
      groupKey: groupKey, threshold: threshold,
      verifyingShares: keys.map {
        VerifyingShare(party: $0.identifier, element: $0.key.verifyingShare)
      })

    let signers = try inputs["participant_list"].array.map { try $0.identifier }
    let outputs = try vector["round_one_outputs"]["outputs"].array
    #expect(try outputs.map { try $0["identifier"].identifier } == signers)
    var commitments: [NonceCommitment<Ed25519SHA512>] = []
    for output in outputs {
      commitments.append(try nonces(output, keys).commitment)
      #expect(commitments.last?.hiding == (try output["hiding_nonce_commitment"].element))
      #expect(commitments.last?.binding == (try output["binding_nonce_commitment"].element))
    }
    let package = try SigningPackage(commitments: commitments, message: message)
    let round = try publicKeys.prepare(package)
    let rho = SigningRound<Ed25519SHA512>.bindingFactorInputs(package, groupKey: groupKey)
    var shares: [SignatureShare<Ed25519SHA512>] = []
    for (position, output) in outputs.enumerated() {
      #expect(rho[position] == (try output["binding_factor_input"].bytes))
      #expect(round.bindingFactors[position] == (try output["binding_factor"].scalar))
      let key = try party(signers[position], keys)
      let share = try key.key.sign(round, with: try nonces(output, keys))
      let expected = try vector["round_two_outputs"]["outputs"].array[position]
      #expect(share.party == (try expected["identifier"].identifier))
      #expect(share.response == (try expected["sig_share"].scalar))
      #expect(publicKeys.verifies(share, in: round))
      shares.append(share)
    }
    let signature = try publicKeys.aggregate(shares, in: round)
    #expect(signature.encoding == (try vector["final_output"]["sig"].bytes))
  }

  private func party(
    _ identifier: Identifier, _ keys: [TestParty<Ed25519SHA512>]
  ) throws -> TestParty<Ed25519SHA512> {
    guard let party = keys.first(where: { $0.identifier == identifier }) else {
      throw TestFailure.unexpected("no share for \(identifier)")
    }
    return party
  }

  private func nonces(
    _ output: Vector, _ keys: [TestParty<Ed25519SHA512>]
  ) throws -> SigningNonces<Ed25519SHA512> {
    let identifier = try output["identifier"].identifier
    var hiding = try output["hiding_nonce_randomness"].bytes
    var binding = try output["binding_nonce_randomness"].bytes
    let pair = NoncePair(
      NonceID(party: identifier, boot: 0, counter: 0), for: try party(identifier, keys).key,
      hidingRandomness: &hiding, bindingRandomness: &binding)
    guard let pair else { throw TestFailure.unexpected("a zero nonce") }
    let nonces = SigningNonces(pair)
    #expect(nonces.secrets[0] == (try output["hiding_nonce"].scalar))
    #expect(nonces.secrets[1] == (try output["binding_nonce"].scalar))
    return nonces
  }
}
