import Crypto
import Testing

@testable import FROST

private final class TestRefresh<Suite: CipherSuite> {
  var machine: Refresh<Suite>
  init(_ machine: consuming Refresh<Suite>) { self.machine = machine }
}

@Suite("Refresh")
struct RefreshTests {
  private func refresh<Suite: CipherSuite>(
    _ parties: [TestParty<Suite>], _ publicKeys: PublicKeyPackage<Suite>, seed: UInt64
  ) throws -> (parties: [TestParty<Suite>], publicKeys: PublicKeyPackage<Suite>) {
    var random = SeededRandom(seed)
    let all = try parties.map {
      TestRefresh(
        try Refresh(
          $0.identifier, of: publicKeys, threshold: publicKeys.threshold, context: [1],
          using: &random))
    }
    for receiver in all {
      for sender in all where sender !== receiver {
        let package = try RefreshPackage<Suite>(encoding: sender.machine.package.encoding)
        try receiver.machine.receive(package, from: sender.machine.identifier)
      }
    }
    for sender in all {
      for share in try sender.machine.secretShares() {
        for receiver in all where receiver.machine.identifier == share.recipient {
          try receiver.machine.receive(share, from: sender.machine.identifier)
        }
      }
    }
    for party in all { #expect(try party.machine.transcript() == all[0].machine.transcript()) }
    var out: [TestParty<Suite>] = []
    for (party, machine) in zip(parties, all) {
      out.append(TestParty(try machine.machine.finish(party.key), boot: 2))
    }
    return (out, try all[0].machine.publicKeys())
  }

  @Test("the key stays, every share changes, and any t refreshed parties sign", arguments: 1...6)
  func keyStays(count: Int) throws {
    for threshold in 1...count {
      let old = try generateKey(count, threshold: threshold, seed: 1, suite: TinySuite.self)
      let new = try refresh(old.parties, old.publicKeys, seed: 2)
      #expect(new.publicKeys.groupKey == old.publicKeys.groupKey)
      #expect(new.publicKeys.isConsistent)
      var random = SeededRandom(3)
      for signers in subsets(of: new.parties, count: threshold) {
        let signature = try sign([1], by: signers, new.publicKeys, using: &random)
        #expect(old.publicKeys.verifies(signature, over: [1]))
      }
      for (before, after) in zip(old.parties, new.parties) where threshold > 1 {
        #expect(before.key.verifyingShare != after.key.verifyingShare)
      }
    }
  }

  @Test("an old share and refreshed ones do not go together")
  func oldAndNewDoNotMix() throws {
    let old = try generateKey(3, threshold: 2, seed: 4, suite: Ed25519SHA512.self)
    let new = try refresh(old.parties, old.publicKeys, seed: 5)
    var random = SeededRandom(6)
    #expect(
      throws: FROSTError.culprits([Culprit(identifiers(3)[0], .invalidSignatureShare)])
    ) {
      _ = try sign(
        [1], by: [old.parties[0], new.parties[1]], new.publicKeys, using: &random)
    }
  }

  @Test("a wrong share in a refresh names its sender")
  func wrongShare() throws {
    let old = try generateKey(3, threshold: 2, seed: 7, suite: TinySuite.self)
    var random = SeededRandom(7)
    let ids = identifiers(3)
    let all = try old.parties.map {
      TestRefresh(
        try Refresh(
          $0.identifier, of: old.publicKeys, threshold: 2, context: [], using: &random))
    }
    for sender in all.dropFirst() {
      try all[0].machine.receive(sender.machine.package, from: sender.machine.identifier)
    }
    let value = TinyScalar.random(using: &random)
    for id in ids.dropFirst() {
      try all[0].machine.receive(SecretShare(recipient: ids[0], value: value), from: id)
    }
    #expect(
      throws: FROSTError.culprits([
        Culprit(ids[1], .invalidShare), Culprit(ids[2], .invalidShare),
      ])
    ) { _ = try all[0].machine.finish(old.parties[0].key) }
  }
}
