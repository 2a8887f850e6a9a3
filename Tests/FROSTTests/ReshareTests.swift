import Crypto
import Testing

@testable import FROST

private final class TestDealer<Suite: CipherSuite> {
  let identifier: Identifier
  let dealer: ReshareDealer<Suite>
  init(_ identifier: Identifier, _ dealer: consuming ReshareDealer<Suite>) {
    self.identifier = identifier
    self.dealer = dealer
  }
}

private final class TestReceiver<Suite: CipherSuite> {
  var machine: ReshareReceiver<Suite>
  init(_ machine: consuming ReshareReceiver<Suite>) { self.machine = machine }
}

@Suite("Resharing")
struct ReshareTests {
  private func reshare<Suite: CipherSuite>(
    _ dealers: [TestParty<Suite>], to parties: [Identifier], threshold: Int,
    _ publicKeys: PublicKeyPackage<Suite>, seed: UInt64
  ) throws -> (parties: [TestParty<Suite>], publicKeys: PublicKeyPackage<Suite>) {
    var random = SeededRandom(seed)
    let plan = try ResharePlan(
      old: publicKeys, dealers: dealers.map(\.identifier), parties: parties,
      threshold: threshold, context: [])
    let dealing = try dealers.map {
      TestDealer($0.identifier, try ReshareDealer($0.key, plan: plan, using: &random))
    }
    let receivers = try parties.map { TestReceiver(try ReshareReceiver<Suite>($0, plan: plan)) }
    for dealer in dealing {
      for (receiver, share) in zip(receivers, dealer.dealer.secretShares()) {
        try receiver.machine.receive(dealer.dealer.commitment, from: dealer.identifier)
        try receiver.machine.receive(share, from: dealer.identifier)
      }
    }
    let keys = try receivers.map { TestParty(try $0.machine.finish(), boot: 3) }
    let transcript = try receivers[0].machine.transcript()
    for receiver in receivers { #expect(try receiver.machine.transcript() == transcript) }
    let new = try receivers[0].machine.publicKeys()
    for key in keys {
      let proof = key.key.proveShare(for: transcript.bytes, using: &random)
      #expect(new.verifies(shareProof: proof, by: key.identifier, for: transcript.bytes))
      #expect(!new.verifies(shareProof: proof, by: key.identifier, for: [1]))
    }
    return (keys, new)
  }

  @Test("any dealers, at least t, hand the same key to any new set and threshold", arguments: 1...60)
  func keyStays(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let count = Int.random(in: 1...6, using: &random)
    let threshold = Int.random(in: 1...count, using: &random)
    let old = try generateKey(count, threshold: threshold, seed: seed, suite: TinySuite.self)
    let dealers = Array(
      old.parties.shuffled(using: &random)
        .prefix(threshold + Int.random(in: 0...count - threshold, using: &random))
    ).sorted { $0.identifier < $1.identifier }
    let newCount = Int.random(in: 1...6, using: &random)
    let offset = Int.random(in: 0...3, using: &random)
    let newThreshold = Int.random(in: 1...newCount, using: &random)
    let parties = Array(identifiers(newCount + offset).dropFirst(offset))
    let new = try reshare(
      dealers, to: parties, threshold: newThreshold, old.publicKeys, seed: seed)
    #expect(new.publicKeys.groupKey == old.publicKeys.groupKey)
    #expect(new.publicKeys.isConsistent)
    for signers in subsets(of: new.parties, count: newThreshold).prefix(6) {
      let signature = try sign([1], by: signers, new.publicKeys, using: &random)
      #expect(old.publicKeys.verifies(signature, over: [1]))
    }
  }

  @Test("the real suite: 3 of 4 becomes 4 of 5 under the same key")
  func realSuite() throws {
    let old = try generateKey(4, threshold: 3, seed: 1, suite: Ed25519SHA512.self)
    let new = try reshare(
      Array(old.parties.prefix(3)), to: identifiers(5), threshold: 4, old.publicKeys, seed: 2)
    var random = SeededRandom(3)
    let signature = try sign([1], by: Array(new.parties.suffix(4)), new.publicKeys, using: &random)
    #expect(old.publicKeys.verifies(signature, over: [1]))
  }

  @Test("a dealer whose constant is not its part of the key is named, and so is an overlong one")
  func wrongConstant() throws {
    let old = try generateKey(3, threshold: 2, seed: 4, suite: TinySuite.self)
    var random = SeededRandom(4)
    let ids = identifiers(3)
    let plan = try ResharePlan(
      old: old.publicKeys, dealers: Array(ids.prefix(2)), parties: ids, threshold: 2, context: [])
    var receiver = try ReshareReceiver<TinySuite>(ids[2], plan: plan)
    let honest = try ReshareDealer(old.parties[0].key, plan: plan, using: &random).commitment
    #expect(throws: FROSTError.culprits([Culprit(ids[1], .commitmentMismatch)])) {
      try receiver.receive(honest, from: ids[1])
    }
    let long = PolynomialCommitment<TinySuite>(honest.elements + [honest.elements[0]])
    #expect(
      throws: FROSTError.culprits([Culprit(ids[0], .commitmentLength(expected: 2, found: 3))])
    ) { try receiver.receive(long, from: ids[0]) }
    try receiver.receive(honest, from: ids[0])
    #expect(throws: FROSTError.incomplete(missing: [ids[1]])) { _ = try receiver.finish() }
  }

  @Test("fewer dealers than the old threshold, or strangers, make no plan")
  func plan() throws {
    let old = try generateKey(3, threshold: 2, seed: 5, suite: TinySuite.self)
    let ids = identifiers(4)
    #expect(throws: FROSTError.unorderedOrShort(required: 2, found: 1)) {
      _ = try ResharePlan(
        old: old.publicKeys, dealers: [ids[0]], parties: ids, threshold: 2, context: [])
    }
    #expect(throws: FROSTError.unknownParty(ids[3])) {
      _ = try ResharePlan(
        old: old.publicKeys, dealers: [ids[0], ids[3]], parties: ids, threshold: 2, context: [])
    }
  }
}
