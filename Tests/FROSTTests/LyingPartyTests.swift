import Crypto
import Testing

@testable import FROST

/// For random sizes and a random liar: whoever lies is named, and nobody else ever is.
@Suite("Lying parties")
struct LyingPartyTests {
  typealias S = TinySuite

  enum Lie: CaseIterable {
    case wrongShare
    case wrongProof
    case replayedPackage
    case shortCommitment
    case changedCommitment
    case wrongSignatureShare
    case twoShares
  }

  @Test("the liar is named, never an honest party", arguments: 1...300)
  func named(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let count = Int.random(in: 2...7, using: &random)
    let threshold = Int.random(in: 2...count, using: &random)
    let ids = identifiers(count)
    let liar = ids[Int.random(in: 0..<count, using: &random)]
    let lie = Lie.allCases[Int.random(in: 0..<Lie.allCases.count, using: &random)]
    var named: [Identifier] = []
    do {
      try ceremony(ids, threshold, liar: liar, lie, &random)
      Issue.record("\(lie) by \(liar) of \(count) passed")
    } catch FROSTError.culprits(let culprits) {
      named = culprits.map(\.party)
    }
    #expect(named == [liar], "\(lie)")
  }

  /// Key generation and one signature by everyone; `liar` tells `lie` once.
  private func ceremony(
    _ ids: [Identifier], _ threshold: Int, liar: Identifier, _ lie: Lie,
    _ random: inout SeededRandom
  ) throws {
    let all: [TestCeremony<S>] = try ids.map {
      TestCeremony(
        try KeyGeneration<S>(
          identifier: $0, parties: ids, threshold: threshold, context: [], using: &random))
    }
    for sender in all {
      let id = sender.machine.identifier
      let package =
        id == liar ? falsified(sender, among: all, lie, &random) : sender.machine.package
      for receiver in all where receiver !== sender {
        try receiver.machine.receive(package, from: id)
      }
    }
    for sender in all {
      let id = sender.machine.identifier
      for share in try sender.machine.secretShares() {
        for receiver in all where receiver.machine.identifier == share.recipient {
          let wrong = SecretShare<S>(
            recipient: share.recipient, value: share.value + .random(using: &random))
          let isLie = id == liar
          try receiver.machine.receive(
            isLie && lie == .wrongShare ? wrong : share, from: id)
          if isLie && lie == .twoShares { try receiver.machine.receive(wrong, from: id) }
        }
      }
    }
    // The liar's own machine would not notice its lie.
    let honest = all.filter { $0.machine.identifier != liar }
    for party in honest { _ = try party.machine.finish() }
    let parties = try all.map { TestParty(try $0.machine.finish()) }
    let publicKeys = try honest[0].machine.publicKeys()
    let list = try parties.map { try $0.commitment(&random) }
    let round = try publicKeys.prepare(SigningPackage(commitments: list, message: [1]))
    var shares: [SignatureShare<S>] = []
    for party in parties {
      guard case .share(let share) = try party.pool.sign(round, with: party.key) else {
        throw TestFailure.unexpected("fresh nonces refused")
      }
      let isLie = party.identifier == liar && lie == .wrongSignatureShare
      shares.append(
        isLie
          ? SignatureShare(party: liar, response: share.response + .random(using: &random))
          : share)
    }
    let signature = try publicKeys.aggregate(shares, in: round)
    #expect(publicKeys.verifies(signature, over: [1]))
  }

  private func falsified(
    _ sender: TestCeremony<S>, among all: [TestCeremony<S>], _ lie: Lie,
    _ random: inout SeededRandom
  ) -> RoundOnePackage<S> {
    let package = sender.machine.package
    let elements = package.commitment.elements
    switch lie {
    case .wrongProof:
      let proof = SchnorrSignature<S>(
        commitment: package.proof.commitment, response: .random(using: &random))
      return RoundOnePackage(commitment: package.commitment, proof: proof ?? package.proof)
    case .replayedPackage:
      return all.first { $0 !== sender }?.machine.package ?? package
    case .shortCommitment:
      return RoundOnePackage(
        commitment: PolynomialCommitment(Array(elements.dropLast())), proof: package.proof)
    case .changedCommitment:
      let changed = Array(elements.dropLast()) + [.generatorMultiple(.random(using: &random))]
      return RoundOnePackage(commitment: PolynomialCommitment(changed), proof: package.proof)
    case .wrongShare, .wrongSignatureShare, .twoShares: return package
    }
  }

  @Test("several wrong signature shares name all their senders, ascending", arguments: 1...30)
  func severalSigners(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let (parties, publicKeys) = try generateKey(7, threshold: 5, seed: seed, suite: S.self)
    let signers = Array(parties.shuffled(using: &random).prefix(5))
      .sorted { $0.identifier < $1.identifier }
    let list = try signers.map { try $0.commitment(&random) }
    let round = try publicKeys.prepare(SigningPackage(commitments: list, message: [1]))
    var expected: [Culprit] = []
    var shares: [SignatureShare<S>] = []
    for signer in signers {
      guard case .share(let share) = try signer.pool.sign(round, with: signer.key) else {
        throw TestFailure.unexpected("fresh nonces refused")
      }
      if Bool.random(using: &random) {
        expected.append(Culprit(signer.identifier, .invalidSignatureShare))
        shares.append(
          SignatureShare(party: signer.identifier, response: .random(using: &random)))
      } else {
        shares.append(share)
      }
    }
    shares.shuffle(using: &random)
    if expected.isEmpty {
      _ = try publicKeys.aggregate(shares, in: round)
    } else {
      #expect(throws: FROSTError.culprits(expected)) {
        _ = try publicKeys.aggregate(shares, in: round)
      }
    }
  }
}
