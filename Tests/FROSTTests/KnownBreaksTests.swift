import Crypto
import Testing

@testable import FROST

/// Each published break of a FROST implementation, tried here.
@Suite("Known breaks")
struct KnownBreaksTests {
  typealias S = TinySuite

  private func culprit<R: ~Copyable>(_ body: () throws -> R) -> [Culprit] {
    do {
      _ = try body()
      return []
    } catch FROSTError.culprits(let named) {
      return named
    } catch {
      return []
    }
  }

  private func machine(
    _ number: Int, of count: Int, threshold: Int, _ random: inout SeededRandom
  ) throws -> TestCeremony<S> {
    TestCeremony(
      try KeyGeneration<S>(
        identifier: identifiers(count)[number - 1], parties: identifiers(count),
        threshold: threshold, context: [], using: &random))
  }

  @Test("an overlong commitment, which would raise the threshold, names its sender")
  func overlongCommitment() throws {
    var random = SeededRandom(1)
    let honest = try machine(1, of: 3, threshold: 2, &random)
    for wrong in [1, 3] {
      let liar = try machine(2, of: 3, threshold: wrong, &random)
      #expect(
        culprit { try honest.machine.receive(liar.machine.package, from: identifiers(3)[1]) }
          == [
            Culprit(identifiers(3)[1], .commitmentLength(expected: 2, found: wrong))
          ])
    }
  }

  @Test("a refresh with a smaller threshold is refused, and so is its package")
  func loweredThreshold() throws {
    let (_, publicKeys) = try generateKey(3, threshold: 3, seed: 2, suite: S.self)
    var random = SeededRandom(2)
    let ids = identifiers(3)
    #expect(throws: FROSTError.loweredThreshold(from: 3, to: 2)) {
      _ = try Refresh(ids[0], of: publicKeys, threshold: 2, context: [], using: &random)
    }
    var refresh = try Refresh(ids[0], of: publicKeys, threshold: 3, context: [], using: &random)
    let short = RefreshPackage<S>(
      higherCoefficients: PolynomialCommitment([TinyElement.generatorMultiple(.one)]))
    #expect(throws: FROSTError.culprits([Culprit(ids[1], .commitmentLength(expected: 2, found: 1))])) {
      try refresh.receive(short, from: ids[1])
    }
  }

  @Test("identity elements are refused in commitments, proofs, nonces and keys")
  func identityElements() throws {
    var random = SeededRandom(3)
    let ids = identifiers(3)
    let honest = try machine(1, of: 3, threshold: 2, &random)
    let liar = try machine(2, of: 3, threshold: 2, &random)
    for position in 0..<2 {
      var elements = liar.machine.package.commitment.elements
      elements[position] = .identity
      let package = RoundOnePackage<S>(
        commitment: PolynomialCommitment(elements), proof: liar.machine.package.proof)
      #expect(
        culprit { try honest.machine.receive(package, from: ids[1]) } == [
          Culprit(ids[1], .identityElement)
        ])
    }
    let point = TinyElement.generatorMultiple(.one)
    #expect(SchnorrSignature<S>(commitment: .identity, response: .one) == nil)
    let nonce = NonceID(party: ids[0], boot: 1, counter: 0)
    #expect(NonceCommitment<S>(nonce: nonce, hiding: .identity, binding: point) == nil)
    #expect(NonceCommitment<S>(nonce: nonce, hiding: point, binding: .identity) == nil)
    #expect(throws: FROSTError.identityElement) {
      _ = try PublicKeyPackage<S>(
        groupKey: .identity, threshold: 1,
        verifyingShares: [VerifyingShare(party: ids[0], element: point)])
    }
    #expect(throws: FROSTError.identityElement) {
      _ = try KeyPackage<S>(identifier: ids[0], secret: .zero, groupKey: point, threshold: 1)
    }
    var bytes = [UInt8](repeating: 0, count: 32)
    bytes[0] = 1
    #expect(Element(bytes) == nil)
    #expect(TinyElement(encoding: bytes) == nil)
  }

  @Test("zero and repeated identifiers are refused")
  func identifiersAreDistinctAndNonzero() throws {
    #expect(Identifier(0) == nil)
    #expect(Identifier(encoding: [UInt8](repeating: 0, count: 32)) == nil)
    #expect(Identifier(encoding: [1, 0, 1] + [UInt8](repeating: 0, count: 29)) == nil)
    var random = SeededRandom(4)
    let ids = identifiers(3)
    #expect(throws: FROSTError.unorderedOrShort(required: 2, found: 3)) {
      _ = try KeyGeneration<S>(
        identifier: ids[0], parties: [ids[0], ids[1], ids[1]], threshold: 2, context: [],
        using: &random)
    }
    #expect(throws: FROSTError.self) {
      _ = try Lagrange.coefficient(of: ids[0], among: [ids[0], ids[0], ids[1]], in: S.self)
    }
    let (parties, _) = try generateKey(3, threshold: 2, seed: 4, suite: S.self)
    let first = try parties[0].commitment(&random)
    let second = try parties[1].commitment(&random)
    for list in [[first, first], [second, first], []] {
      #expect(throws: FROSTError.unorderedOrShort(required: 1, found: list.count)) {
        _ = try SigningPackage(commitments: list, message: [])
      }
    }
  }

  @Test("a nonce is good for one share: asked again the pool answers spent")
  func nonceReuse() throws {
    let (parties, _) = try generateKey(2, threshold: 2, seed: 5, suite: S.self)
    var random = SeededRandom(5)
    let list = try parties.map { try $0.commitment(&random) }
    let signer = parties[0]
    let first = try signer.key.prepare(SigningPackage(commitments: list, message: [1]))
    let other = try signer.key.prepare(SigningPackage(commitments: list, message: [2]))
    guard case .share = try signer.pool.sign(first, with: signer.key) else {
      throw TestFailure.unexpected("no share")
    }
    #expect(try signer.pool.sign(first, with: signer.key) == .spent)
    #expect(try signer.pool.sign(other, with: signer.key) == .spent)
  }

  @Test("a proof made for another identifier does not pass: the rogue key attack fails")
  func rogueKey() throws {
    var random = SeededRandom(6)
    let ids = identifiers(3)
    let honest = try machine(1, of: 3, threshold: 2, &random)
    let second = try machine(2, of: 3, threshold: 2, &random)
    // The proof of party 2, sent again by party 3 as its own.
    #expect(
      culprit { try honest.machine.receive(second.machine.package, from: ids[2]) } == [
        Culprit(ids[2], .invalidProof)
      ])
    // A constant chosen to cancel the others': its discrete logarithm is unknown to party 3.
    let third = try machine(3, of: 3, threshold: 2, &random)
    var elements = third.machine.package.commitment.elements
    elements[0] =
      elements[0] - honest.machine.package.commitment.elements[0]
      - second.machine.package.commitment.elements[0]
    let rogue = RoundOnePackage<S>(
      commitment: PolynomialCommitment(elements), proof: third.machine.package.proof)
    #expect(
      culprit { try honest.machine.receive(rogue, from: ids[2]) } == [
        Culprit(ids[2], .invalidProof)
      ])
  }

  @Test("binding factors depend on key, message, every commitment and signer")
  func bindingFactors() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 7, suite: Ed25519SHA512.self)
    let (_, otherKey) = try generateKey(3, threshold: 2, seed: 70, suite: Ed25519SHA512.self)
    var random = SeededRandom(7)
    let list = try parties.prefix(2).map { try $0.commitment(&random) }
    let changed = [list[0], try parties[1].commitment(&random)]
    let base = try publicKeys.prepare(SigningPackage(commitments: list, message: [1]))
    #expect(base.bindingFactors[0] != base.bindingFactors[1])
    for other in [
      try publicKeys.prepare(SigningPackage(commitments: list, message: [2])),
      try publicKeys.prepare(SigningPackage(commitments: changed, message: [1])),
      try otherKey.prepare(SigningPackage(commitments: list, message: [1])),
    ] {
      #expect(base.bindingFactors[0] != other.bindingFactors[0])
    }
  }

  @Test("a response of L or more is refused: signatures are not malleable")
  func malleability() throws {
    let (parties, publicKeys) = try generateKey(2, threshold: 2, seed: 8, suite: Ed25519SHA512.self)
    var random = SeededRandom(8)
    let signature = try sign([1], by: parties, publicKeys, using: &random)
    let order: [UInt8] =
      [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE,
        0x14,
      ] + [UInt8](repeating: 0, count: 15) + [0x10]
    var encoding = signature.encoding
    var carry = 0
    for index in 0..<32 {
      let sum = Int(encoding[32 + index]) + Int(order[index]) + carry
      encoding[32 + index] = UInt8(truncatingIfNeeded: sum)
      carry = sum >> 8
    }
    #expect(SchnorrSignature<Ed25519SHA512>(encoding: encoding) == nil)
    guard let key = publicKeys.groupKey.publicKey, let raw = Signature(encoding),
      let good = Signature(signature.encoding)
    else { throw TestFailure.unexpected("no key") }
    #expect(key.verifies(good, over: [1]))
    #expect(!key.verifies(raw, over: [1]))
    #expect(throws: FROSTError.self) {
      try SignatureShare<Ed25519SHA512>(encoding: [0, 1] + encoding.suffix(32))
    }
  }

  @Test("a share for another message does not pass")
  func replayedShare() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 9, suite: S.self)
    var random = SeededRandom(9)
    let list = try parties.prefix(2).map { try $0.commitment(&random) }
    let first = try publicKeys.prepare(SigningPackage(commitments: list, message: [1]))
    let second = try publicKeys.prepare(SigningPackage(commitments: list, message: [2]))
    guard case .share(let old) = try parties[0].pool.sign(first, with: parties[0].key),
      case .share(let new) = try parties[1].pool.sign(second, with: parties[1].key)
    else { throw TestFailure.unexpected("no share") }
    #expect(!publicKeys.verifies(old, in: second))
    #expect(
      culprit { try publicKeys.aggregate([old, new], in: second) } == [
        Culprit(parties[0].identifier, .invalidSignatureShare)
      ])
  }

  @Test("shares made over different commitment lists do not combine, and the signer outside is named")
  func differentLists() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 10, suite: S.self)
    var random = SeededRandom(10)
    let first = try parties[0].commitment(&random)
    let second = try parties[1].commitment(&random)
    let third = try parties[2].commitment(&random)
    let shown = try publicKeys.prepare(
      SigningPackage(commitments: [first, second], message: [1]))
    let other = try publicKeys.prepare(SigningPackage(commitments: [first, third], message: [1]))
    guard case .share(let one) = try parties[0].pool.sign(shown, with: parties[0].key),
      case .share(let two) = try parties[2].pool.sign(other, with: parties[2].key)
    else { throw TestFailure.unexpected("no share") }
    #expect(throws: FROSTError.unknownParty(parties[2].identifier)) {
      _ = try publicKeys.aggregate([one, two], in: shown)
    }
    #expect(
      culprit { try publicKeys.aggregate([one, two], in: other) } == [
        Culprit(parties[0].identifier, .invalidSignatureShare)
      ])
  }

  @Test("a signer whose own commitment is missing or replaced gives nothing and keeps its nonces")
  func substitutedCommitment() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 11, suite: S.self)
    var random = SeededRandom(11)
    let own = try parties[0].commitment(&random)
    let second = try parties[1].commitment(&random)
    let third = try parties[2].commitment(&random)
    let without = try publicKeys.prepare(
      SigningPackage(commitments: [second, third], message: []))
    guard
      let forged = NonceCommitment<S>(
        nonce: own.nonce, hiding: second.hiding, binding: second.binding)
    else { throw TestFailure.unexpected("no commitment") }
    let replaced = try publicKeys.prepare(
      SigningPackage(commitments: [forged, second], message: []))
    for round in [without, replaced] {
      #expect(throws: FROSTError.ownCommitmentMissing) {
        _ = try parties[0].pool.sign(round, with: parties[0].key)
      }
    }
    #expect(parties[0].pool.available == 1)
  }

  @Test("nonces drawn for one commitment do not serve another, with or without a pool")
  func foreignNonces() throws {
    let (parties, publicKeys) = try generateKey(2, threshold: 2, seed: 17, suite: S.self)
    var random = SeededRandom(17)
    let list = try parties.map { try $0.commitment(&random) }
    let round = try publicKeys.prepare(SigningPackage(commitments: list, message: []))
    #expect(throws: FROSTError.ownCommitmentMissing) {
      let other = SigningNonces(list[0].nonce, for: parties[0].key, using: &random)
      _ = try parties[0].key.sign(round, with: other)
    }
  }

  @Test("a round prepared for another key is refused: the public key is never the caller's choice")
  func foreignKey() throws {
    let (parties, _) = try generateKey(2, threshold: 2, seed: 12, suite: S.self)
    let (_, other) = try generateKey(2, threshold: 2, seed: 13, suite: S.self)
    var random = SeededRandom(12)
    let list = try parties.map { try $0.commitment(&random) }
    let round = try other.prepare(SigningPackage(commitments: list, message: []))
    #expect(throws: FROSTError.foreignKey) {
      _ = try parties[0].pool.sign(round, with: parties[0].key)
    }
    #expect(parties[0].pool.available == 1)
  }

  @Test("fewer signers than the threshold make no round")
  func tooFew() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 3, seed: 14, suite: S.self)
    var random = SeededRandom(14)
    let list = try parties.prefix(2).map { try $0.commitment(&random) }
    let package = try SigningPackage(commitments: list, message: [])
    #expect(throws: FROSTError.unorderedOrShort(required: 3, found: 2)) {
      _ = try publicKeys.prepare(package)
    }
    #expect(throws: FROSTError.unorderedOrShort(required: 3, found: 2)) {
      _ = try parties[0].key.prepare(package)
    }
  }

  @Test("packages to different parties that differ show in the transcript")
  func splitBroadcast() throws {
    var random = SeededRandom(15)
    let all = try (1...3).map { try machine($0, of: 3, threshold: 2, &random) }
    let second = try machine(3, of: 3, threshold: 2, &random)
    let ids = identifiers(3)
    try all[0].machine.receive(all[1].machine.package, from: ids[1])
    try all[0].machine.receive(all[2].machine.package, from: ids[2])
    try all[1].machine.receive(all[0].machine.package, from: ids[0])
    try all[1].machine.receive(second.machine.package, from: ids[2])
    #expect(try all[0].machine.transcript() != all[1].machine.transcript())
    #expect(
      culprit { try all[0].machine.receive(second.machine.package, from: ids[2]) } == [
        Culprit(ids[2], .equivocation)
      ])
  }

  @Test("a party's own message coming back, a stranger's, and missing ones are refused")
  func wrongSenders() throws {
    var random = SeededRandom(16)
    let ids = identifiers(4)
    let first = try machine(1, of: 3, threshold: 2, &random)
    #expect(throws: FROSTError.ownMessage) {
      try first.machine.receive(first.machine.package, from: ids[0])
    }
    #expect(throws: FROSTError.unknownParty(ids[3])) {
      try first.machine.receive(first.machine.package, from: ids[3])
    }
    #expect(throws: FROSTError.incomplete(missing: [ids[1], ids[2]])) {
      _ = try first.machine.secretShares()
    }
    #expect(throws: FROSTError.incomplete(missing: [ids[1], ids[2]])) {
      _ = try first.machine.finish()
    }
  }
}
