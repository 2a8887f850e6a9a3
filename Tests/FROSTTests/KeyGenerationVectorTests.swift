import Crypto
import Testing

@testable import FROST

@Suite("Published vectors of key generation, repair and encodings")
struct KeyGenerationVectorTests {
  typealias Ceremony = TestCeremony<Ed25519SHA512>

  private func ceremony(_ number: Int, _ inputs: Vector) throws -> Ceremony {
    let party = try inputs[String(number)]
    let proof = SchnorrSignature<Ed25519SHA512>(
      encoding: try party["proof_of_knowledge"].bytes)
    guard let proof else { throw TestFailure.unexpected("no proof") }
    let commitment = PolynomialCommitment<Ed25519SHA512>(
      try party["vss_commitments"].array.map { try $0.element })
    let polynomial = SecretPolynomial<Ed25519SHA512>([
      try party["signing_key"].scalar, try party["coefficient"].scalar,
    ])
    #expect(polynomial.commitment() == commitment)
    return Ceremony(
      try KeyGeneration(
        identifier: try party["identifier"].identifier, parties: identifiers(3), context: [],
        polynomial: polynomial, package: RoundOnePackage(commitment: commitment, proof: proof)))
  }

  @Test(
    "the key generation vector is reproduced: proofs, shares, verifying shares and group key",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func keyGeneration() throws {
    let inputs = try Vector(file: "vectors_dkg.json")["inputs"]
    let all = try (1...3).map { try ceremony($0, inputs) }
    for receiver in all {
      for sender in all where sender !== receiver {
        try receiver.machine.receive(sender.machine.package, from: sender.machine.identifier)
      }
    }
    for sender in all {
      for share in try sender.machine.secretShares() {
        let vector = try inputs[share.recipient.description]["signing_shares"]
        #expect(try vector[sender.machine.identifier.description].scalar == share.value)
        for receiver in all where receiver.machine.identifier == share.recipient {
          try receiver.machine.receive(share, from: sender.machine.identifier)
        }
      }
    }
    for party in all {
      let vector = try inputs[party.machine.identifier.description]
      let key = try party.machine.finish()
      #expect(key.secret[0] == (try vector["signing_share"].scalar))
      #expect(key.verifyingShare == (try vector["verifying_share"].element))
      #expect(key.groupKey == (try inputs["verifying_key"].element))
      #expect(try party.machine.transcript() == all[0].machine.transcript())
    }
    // The file's `secret` fields belong to another run than its keys; the constants are the secret.
    let secret = try (1...3).map { try inputs[String($0)]["signing_key"].scalar }.reduce(.zero, +)
    #expect(Element.generatorMultiple(secret) == (try inputs["verifying_key"].element))
    #expect(try all[0].machine.publicKeys().isConsistent)
  }

  @Test(
    "the sums of the share repair vector are reproduced",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func repairSums() throws {
    let vector = try Vector(file: "repair-share.json")
    let random = try vector["scalar_generation"]
    let summands = try (1...3).map { try random["random_scalar_\($0)"].scalar }
    #expect(summands.reduce(.zero, +) == (try random["random_scalar_sum"].scalar))
    let sigma = try vector["sigma_generation"]
    let sums = try (1...4).map { try sigma["sigma_\($0)"].scalar }
    #expect(sums.reduce(.zero, +) == (try sigma["sigma_sum"].scalar))
  }

  @Test(
    "the published invalid element is refused wherever elements are read",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func invalidElement() throws {
    let bytes = try Vector(file: "elements.json")["elements"]["invalid_element"].bytes
    #expect(Element(bytes) == nil)
    #expect(PublicKey(bytes) == nil)
    let commitment = [0, 1] + bytes
    #expect(throws: FROSTError.self) {
      try PolynomialCommitment<Ed25519SHA512>(encoding: commitment)
    }
    let nonce = [UInt8](repeating: 1, count: 18) + bytes + bytes
    #expect(throws: FROSTError.self) { try NonceCommitment<Ed25519SHA512>(encoding: nonce) }
  }

  @Test(
    "the published sample encodings are read and written back unchanged",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func samples() throws {
    let vector = try Vector(file: "samples.json")
    let identifier = Identifier(encoding: try vector["identifier"].bytes)
    #expect(identifier?.value == 42)
    #expect(identifier?.encoding(in: Ed25519SHA512.self) == (try vector["identifier"].bytes))
    let proof = SchnorrSignature<Ed25519SHA512>(
      encoding: try vector["proof_of_knowledge"].bytes)
    #expect(proof?.encoding == (try vector["proof_of_knowledge"].bytes))
    #expect(try vector["element1"].element == Element.generator)
    #expect(
      try vector["element2"].element
        == Element.generator + Element.generator)
    #expect(try vector["scalar1"].scalar == proof?.response)
  }
}
