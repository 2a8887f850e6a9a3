import Crypto
import Testing

@testable import FROST

@Suite("Share repair")
struct RepairTests {
  private struct Repair<Suite: CipherSuite> {
    var state: ShareRepair<Suite>
    var contributions: [RepairContribution<Suite>] = []

    init(
      _ lost: Identifier, _ helpers: [TestParty<Suite>], _ publicKeys: PublicKeyPackage<Suite>,
      using random: inout SeededRandom
    ) throws {
      state = try ShareRepair(
        publicKeys: publicKeys, lost: lost, helpers: helpers.map(\.identifier))
      for helper in helpers {
        let contribution = try state.contribution(of: helper.key, using: &random)
        try state.receive(contribution.commitment, from: helper.identifier)
        contributions.append(contribution)
      }
    }

    func sums() throws -> [SecretShare<Suite>] {
      try state.helpers.enumerated().map { column, helper in
        try state.combine(contributions.map { $0.summands[column] }, by: helper)
      }
    }
  }

  @Test("any t others restore a lost share exactly", arguments: 2...6)
  func restores(count: Int) throws {
    for threshold in 1..<count {
      let (parties, publicKeys) = try generateKey(
        count, threshold: threshold, seed: UInt64(count), suite: TinySuite.self)
      var random = SeededRandom(1)
      for lost in parties {
        let others = parties.filter { $0 !== lost }
        for helpers in subsets(of: others, count: threshold) {
          let repair = try Repair(lost.identifier, helpers, publicKeys, using: &random)
          let key = try repair.state.restore(repair.sums())
          #expect(key.secret[0] == lost.key.secret[0])
        }
      }
    }
  }

  @Test("the real suite: the repaired party signs")
  func realSuite() throws {
    let (parties, publicKeys) = try generateKey(
      4, threshold: 3, seed: 2, suite: Ed25519SHA512.self)
    var random = SeededRandom(2)
    let repair = try Repair(
      parties[0].identifier, Array(parties.dropFirst()), publicKeys, using: &random)
    let repaired = TestParty(try repair.state.restore(repair.sums()), boot: 9)
    let signature = try sign(
      [1], by: [repaired, parties[1], parties[3]], publicKeys, using: &random)
    #expect(publicKeys.verifies(signature, over: [1]))
  }

  @Test("a helper that lies in its commitment, a summand or its sum is named, and no other")
  func liars() throws {
    let (parties, publicKeys) = try generateKey(4, threshold: 3, seed: 3, suite: TinySuite.self)
    var random = SeededRandom(3)
    let helpers = Array(parties.dropFirst())
    var repair = try Repair(parties[0].identifier, helpers, publicKeys, using: &random)
    let liar = helpers[1].identifier

    var fresh = try ShareRepair(
      publicKeys: publicKeys, lost: parties[0].identifier, helpers: helpers.map(\.identifier))
    #expect(throws: FROSTError.culprits([Culprit(liar, .commitmentMismatch)])) {
      try fresh.receive(repair.contributions[0].commitment, from: liar)
    }
    #expect(throws: FROSTError.culprits([Culprit(liar, .equivocation)])) {
      try repair.state.receive(repair.contributions[0].commitment, from: liar)
    }
    var summands = repair.contributions.map { $0.summands[0] }
    summands[1] = SecretShare(
      recipient: summands[1].recipient, value: .random(using: &random))
    #expect(throws: FROSTError.culprits([Culprit(liar, .invalidShare)])) {
      _ = try repair.state.combine(summands, by: helpers[0].identifier)
    }
    var sums = try repair.sums()
    sums[1] = SecretShare(recipient: sums[1].recipient, value: .random(using: &random))
    #expect(throws: FROSTError.culprits([Culprit(liar, .invalidShare)])) {
      _ = try repair.state.restore(sums)
    }
  }

  @Test("too few helpers, the lost party as helper, and strangers are refused")
  func lists() throws {
    let (parties, publicKeys) = try generateKey(4, threshold: 3, seed: 4, suite: TinySuite.self)
    let ids = parties.map(\.identifier)
    for helpers in [[ids[1], ids[2]], [ids[1], ids[1], ids[2]]] {
      #expect(throws: FROSTError.unorderedOrShort(required: 3, found: helpers.count)) {
        _ = try ShareRepair(publicKeys: publicKeys, lost: ids[0], helpers: helpers)
      }
    }
    #expect(throws: FROSTError.unknownParty(ids[0])) {
      _ = try ShareRepair(
        publicKeys: publicKeys, lost: ids[0], helpers: [ids[0], ids[1], ids[2]])
    }
  }
}
