import Crypto
import Testing

@testable import FROST

@Suite("Serialised forms")
struct SerializationTests {
  @Test("everything that travels or is stored is read back as it was, in both suites")
  func roundTrips() throws {
    try roundTrips(suite: TinySuite.self)
    try roundTrips(suite: Ed25519SHA512.self)
  }

  private func roundTrips<Suite: CipherSuite>(suite: Suite.Type) throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 1, suite: suite)
    var random = SeededRandom(1)
    #expect(try PublicKeyPackage<Suite>(encoding: publicKeys.encoding) == publicKeys)

    let party = parties[0]
    let restored = try KeyPackage<Suite>(serialized: party.key.serialized())
    #expect(restored.identifier == party.identifier)
    #expect(restored.secret[0] == party.key.secret[0])
    #expect(restored.groupKey == publicKeys.groupKey)
    #expect(restored.threshold == 2)

    let list = try parties.map { try $0.commitment(&random) }
    #expect(try NonceCommitment<Suite>(encoding: list[1].encoding) == list[1])
    let package = try SigningPackage(commitments: list, message: [1, 2, 3])
    #expect(try SigningPackage<Suite>(encoding: package.encoding) == package)
    let share = SignatureShare<Suite>(party: party.identifier, response: .random(using: &random))
    #expect(try SignatureShare<Suite>(encoding: share.encoding) == share)
    let secret = SecretShare<Suite>(recipient: party.identifier, value: share.response)
    #expect(try SecretShare<Suite>(encoding: secret.encoding) == secret)
    let machine = try KeyGeneration<Suite>(
      identifier: party.identifier, parties: publicKeys.parties, threshold: 3, context: [],
      using: &random)
    let first = machine.package
    #expect(try RoundOnePackage<Suite>(encoding: first.encoding) == first)
    let commitment = machine.package.commitment
    #expect(try PolynomialCommitment<Suite>(encoding: commitment.encoding) == commitment)
  }

  @Test("every truncation and every changed byte is read as itself or refused, never trapped")
  func hostileBytes() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 2, suite: TinySuite.self)
    var random = SeededRandom(2)
    let list = try parties.map { try $0.commitment(&random) }
    let package = try SigningPackage(commitments: list, message: [1, 2, 3]).encoding
    let sealed = parties[0].key.serialized().withUnsafeBytes { Array($0) }
    let machine = try KeyGeneration<TinySuite>(
      identifier: parties[0].identifier, parties: publicKeys.parties, threshold: 2, context: [],
      using: &random)
    let first = machine.package.encoding
    let stored = publicKeys.encoding

    func read(_ bytes: [UInt8]) {
      _ = try? SigningPackage<TinySuite>(encoding: bytes)
      _ = try? PublicKeyPackage<TinySuite>(encoding: bytes)
      _ = try? RoundOnePackage<TinySuite>(encoding: bytes)
      _ = try? NonceCommitment<TinySuite>(encoding: bytes)
      _ = try? SignatureShare<TinySuite>(encoding: bytes)
      guard !bytes.isEmpty else { return }
      var copy = bytes
      _ = try? KeyPackage<TinySuite>(serialized: SecretMemory(consuming: &copy))
    }
    for bytes in [package, sealed, first, stored] {
      for count in 0..<bytes.count {
        read(Array(bytes.prefix(count)))
        var changed = bytes
        changed[count] = UInt8.random(in: 0...255, using: &random)
        read(changed)
      }
    }
    for count in 0..<package.count {
      #expect(throws: FROSTError.self) {
        try SigningPackage<TinySuite>(encoding: Array(package.prefix(count)))
      }
    }
    for count in 0..<stored.count {
      #expect(throws: FROSTError.self) {
        try PublicKeyPackage<TinySuite>(encoding: Array(stored.prefix(count)))
      }
    }
    #expect(throws: FROSTError.self) {
      try PublicKeyPackage<TinySuite>(encoding: stored + [0])
    }
  }

  @Test("a stored share whose secret was changed, or that is of another suite, is refused")
  func changedSecret() throws {
    let (parties, publicKeys) = try generateKey(2, threshold: 2, seed: 3, suite: TinySuite.self)
    var bytes = parties[0].key.serialized().withUnsafeBytes { Array($0) }
    bytes[bytes.count - 32] ^= 1
    #expect(throws: FROSTError.shareMismatch) {
      _ = try KeyPackage<TinySuite>(serialized: SecretMemory(consuming: &bytes))
    }
    #expect(throws: FROSTError.self) {
      try PublicKeyPackage<Ed25519SHA512>(encoding: publicKeys.encoding)
    }
  }

  @Test("public keys whose shares do not lie on one polynomial with the key are inconsistent")
  func inconsistent() throws {
    let (_, publicKeys) = try generateKey(4, threshold: 2, seed: 4, suite: TinySuite.self)
    #expect(publicKeys.isConsistent)
    for position in 0..<4 {
      var shares = publicKeys.verifyingShares
      shares[position] = VerifyingShare(
        party: shares[position].party, element: shares[position].element + shares[0].element)
      let changed = try PublicKeyPackage<TinySuite>(
        groupKey: publicKeys.groupKey, threshold: 2, verifyingShares: shares)
      #expect(!changed.isConsistent)
    }
  }

  @Test("lists of parties and thresholds out of bounds are refused")
  func bounds() throws {
    let point = TinyElement.generatorMultiple(.one)
    let many = (1...1025).compactMap { Identifier($0) }
      .map { VerifyingShare<TinySuite>(party: $0, element: point) }
    #expect(throws: FROSTError.tooManyParties(limit: 1024, found: 1025)) {
      _ = try PublicKeyPackage<TinySuite>(groupKey: point, threshold: 1, verifyingShares: many)
    }
    for threshold in [0, 4] {
      #expect(throws: FROSTError.invalidThreshold(threshold, parties: 3)) {
        _ = try PublicKeyPackage<TinySuite>(
          groupKey: point, threshold: threshold, verifyingShares: Array(many.prefix(3)))
      }
    }
    #expect(throws: FROSTError.unorderedOrShort(required: 1, found: 3)) {
      _ = try PublicKeyPackage<TinySuite>(
        groupKey: point, threshold: 1, verifyingShares: many.prefix(3).reversed())
    }
  }
}
