import Crypto
import Testing

@testable import FROST

/// COCKTAIL(Ed25519, SHA-512), c2sp.org/cocktail-dkg, checked with this module's polynomials,
/// commitments and group. The protocol itself is not offered: key generation here runs over mutually
/// authenticated channels, so its encrypted shares and its own signature scheme have no user.
///
/// Not checked: that the secret keys and polynomials derive from the file's seed, since the stream that
/// its `RNG stream` labels name is not defined in the file.
@Suite("COCKTAIL-DKG vectors")
struct CocktailTests {
  private typealias Commitment = PolynomialCommitment<Ed25519SHA512>

  private static let suiteName = Array("COCKTAIL(Ed25519, SHA-512)".utf8)

  private func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func prefix(_ name: String) -> [UInt8] {
    Array("COCKTAIL-DKG-Ed25519-SHA512-\(name)".utf8)
  }

  private func reduced(_ bytes: [UInt8]) throws -> Scalar {
    guard let scalar = Scalar(reducing: SHA512.hash(bytes)) else {
      throw TestFailure.unexpected("a digest of another length")
    }
    return scalar
  }

  /// The scheme's own Schnorr verification.
  private func verifies(_ signature: [UInt8], _ key: Element, _ message: [UInt8]) throws -> Bool {
    guard let parsed = SchnorrSignature<Ed25519SHA512>(encoding: signature) else { return false }
    let challenge = try reduced(
      prefix("H7") + parsed.commitment.serialised + key.serialised + message)
    return Element.generatorMultiple(parsed.response)
      == parsed.commitment + key.multiplied(by: challenge)
  }

  private func vectors() throws -> [Vector] {
    try Vector(file: "cocktail-dkg-ed25519-sha512.json")["vectors"].array
  }

  @Test(
    "static keys, proofs of possession and their intermediate values",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func proofs() throws {
    for vector in try vectors() {
      let config = try vector["config"]
      for (secret, key) in zip(
        try config["static_secret_keys"].array, try config["static_public_keys"].array)
      {
        #expect(Element.generatorMultiple(try secret.scalar) == (try key.element))
      }
      for party in try vector["round1"].array {
        let commitment = try party["vss_commitment"].array
        #expect(commitment.count == (try vector["t"].integer))
        let message =
          try vector["context"].bytes + commitment.flatMap { try $0.bytes }
          + party["ephemeral_public_key"].bytes
        let steps = try party["pop_intermediate"]
        #expect(try steps["message"].bytes == message)
        #expect(
          try reduced(try steps["nonce_input"].bytes) == (try steps["nonce"].scalar))
        #expect(
          Element.generatorMultiple(try steps["nonce"].scalar)
            == (try steps["nonce_commitment"].element))
        #expect(
          try reduced(try steps["challenge_input"].bytes) == (try steps["challenge"].scalar))
        let proof = try party["pop"].bytes
        #expect(try verifies(proof, try commitment[0].element, message))
        #expect(try !verifies(proof, try commitment[1].element, message))
      }
    }
  }

  @Test(
    "every encrypted share opens, lies on its sender's polynomial, and adds up to the published keys",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func shares() throws {
    for vector in try vectors() {
      let config = try vector["config"]
      let round1 = try vector["round1"].array
      let commitments = try round1.map {
        Commitment(try $0["vss_commitment"].array.map { try $0.element })
      }
      var aggregate = commitments[0]
      for commitment in commitments.dropFirst() { aggregate = aggregate + commitment }
      #expect(aggregate.elements[0] == (try vector["group_public_key"].element))

      for result in try vector["round2"].array {
        let number = try result["participant_id"].integer
        let identifier = try result["participant_id"].identifier
        let secret = try config["static_secret_keys"].array[number - 1].scalar
        var sum = Scalar.zero
        for (position, sender) in round1.enumerated() {
          let share = try open(
            try sender["encrypted_shares"].array[number - 1].bytes, secret: secret,
            recipient: try config["static_public_keys"].array[number - 1].element,
            sender: try config["static_public_keys"].array[position].element,
            ephemeral: try sender["ephemeral_public_key"].element,
            context: try vector["context"].bytes)
          #expect(commitments[position].admits(share, at: identifier))
          sum = sum + share
        }
        #expect(sum == (try result["secret_share"].scalar))
        #expect(aggregate.evaluate(at: identifier) == (try result["verification_share"].element))
        #expect(
          Element.generatorMultiple(sum) == (try result["verification_share"].element))
      }
    }
  }

  /// Opens a share; what follows the scalar is the application's payload.
  private func open(
    _ box: [UInt8], secret: Scalar, recipient: Element, sender: Element, ephemeral: Element,
    context: [UInt8]
  ) throws -> Scalar {
    let agreed = [ephemeral, sender].flatMap { $0.multiplied(by: secret).serialised }
    var input = prefix("H6") + agreed
    for point in [ephemeral, sender, recipient] { input += point.serialised }
    input += littleEndian(context.count, 8) + context
    let derived = SHA512.hash(input)
    var bytes = Array(derived.prefix(32))
    guard let key = SymmetricKey(consuming: &bytes), let nonce = AEAD.Nonce(derived[32..<56]),
      let plaintext = AEAD.open(box, key: key, nonce: nonce, additionalData: []),
      let share = Scalar(plaintext.prefix(32))
    else { throw TestFailure.unexpected("a share does not open") }
    return share
  }

  @Test(
    "session context, transcript, and every party's signature over it",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func transcript() throws {
    for vector in try vectors() {
      let count = try vector["n"].integer
      let round1 = try vector["round1"].array
      let keys = try vector["config"]["static_public_keys"].array
      let tag = try vector["session_tag"].bytes
      var context = Array("COCKTAIL-DKG-CONTEXT".utf8)
      context += littleEndian(tag.count, 8).reversed() + tag
      context += littleEndian(Self.suiteName.count, 8).reversed() + Self.suiteName
      context += littleEndian(count, 4) + (try keys.flatMap { try $0.bytes })
      #expect(try SHA512.hash(context) == vector["context"].bytes)

      let agreed = try vector["context"].bytes
      let ending = try vector["extension"].bytes
      var transcript = littleEndian(Self.suiteName.count, 8) + Self.suiteName
      transcript += littleEndian(agreed.count, 8) + agreed
      transcript += littleEndian(count, 4) + littleEndian(try vector["t"].integer, 4)
      transcript += try keys.flatMap { try $0.bytes }
      transcript += try round1.flatMap {
        try $0["vss_commitment"].array.flatMap { try $0.bytes }
      }
      transcript += try round1.flatMap { try $0["pop"].bytes }
      transcript += try round1.flatMap { try $0["ephemeral_public_key"].bytes }
      transcript += littleEndian(ending.count, 8) + ending
      #expect(
        try SHA512.hash(transcript) == vector["round3"]["transcript_hash"].bytes)
      let signatures = try vector["round3"]["signatures"].array
      #expect(signatures.count == count)
      for signature in signatures {
        let key = try keys[try signature["signer_id"].integer - 1].element
        #expect(try verifies(try signature["signature"].bytes, key, transcript))
      }
    }
  }

  @Test(
    "a share is recovered from the static key and the archived ciphertexts",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func recovery() throws {
    for vector in try vectors() where try vector.keys.contains("recovery") {
      let recovery = try vector["recovery"]
      guard try !recovery.keys.isEmpty else { continue }
      let number = try recovery["participant_id"].integer
      let config = try vector["config"]
      var sum = Scalar.zero
      for (position, box) in try recovery["ciphertexts"].array.enumerated() {
        sum =
          sum
          + (try open(
            try box.bytes,
            secret: try config["static_secret_keys"].array[number - 1].scalar,
            recipient: try config["static_public_keys"].array[number - 1].element,
            sender: try config["static_public_keys"].array[position].element,
            ephemeral: try vector["round1"].array[position]["ephemeral_public_key"].element,
            context: try vector["context"].bytes))
      }
      #expect(sum == (try recovery["recovered_secret_share"].scalar))
      #expect(
        Element.generatorMultiple(sum)
          == (try recovery["recovered_verification_share"].element))
    }
  }
}
