import Crypto
import Testing

@testable import FROST

@Suite("Preprocessed nonces")
struct NoncePoolTests {
  typealias S = TinySuite

  @Test("the pool is bounded, counters ascend, and slots are used again")
  func bounded() throws {
    let (parties, _) = try generateKey(1, threshold: 1, seed: 1, suite: S.self)
    let key = parties[0]
    var random = SeededRandom(1)
    var pool = NoncePool<S>(party: key.identifier, boot: 7, capacity: 4)
    let first = pool.publish(100, for: key.key, using: &random)
    #expect(first.map(\.nonce.counter) == [0, 1, 2, 3])
    #expect(pool.publish(1, for: key.key, using: &random).isEmpty)
    #expect(answer(&pool, first[2].nonce) == .fresh)
    #expect(answer(&pool, first[2].nonce) == .spent)
    let next = pool.publish(100, for: key.key, using: &random)
    #expect(next.map(\.nonce.counter) == [4])
    #expect(pool.commitments == [first[0], first[1], first[3], next[0]])
    #expect(NoncePool<S>(party: key.identifier, boot: 7, capacity: 1 << 40).capacity == 256)
  }

  @Test("a drawn pair belongs to its commitment, and its slot keeps nothing")
  func pairsBelong() throws {
    let (parties, _) = try generateKey(1, threshold: 1, seed: 2, suite: S.self)
    let key = parties[0]
    var random = SeededRandom(2)
    var pool = NoncePool<S>(party: key.identifier, boot: 7, capacity: 3)
    for commitment in pool.publish(3, for: key.key, using: &random).reversed() {
      switch pool.consume(commitment.nonce) {
      case .fresh(let nonces):
        #expect(nonces.commitment == commitment)
        #expect(TinyElement.generatorMultiple(nonces.secrets[0]) == commitment.hiding)
        #expect(TinyElement.generatorMultiple(nonces.secrets[1]) == commitment.binding)
      case .spent: Issue.record("a published pair is spent")
      case .unknown: Issue.record("a published pair is unknown")
      }
    }
    #expect(pool.available == 0)
  }

  @Test("nonces of another party, boot or future are unknown; discarded ones are spent")
  func unknownAndDiscarded() throws {
    let (parties, _) = try generateKey(2, threshold: 2, seed: 3, suite: S.self)
    let key = parties[0]
    var random = SeededRandom(3)
    var pool = NoncePool<S>(party: key.identifier, boot: 7)
    #expect(pool.publish(2, for: parties[1].key, using: &random).isEmpty)
    let list = pool.publish(2, for: key.key, using: &random)
    for (party, boot, counter) in [
      (parties[1].identifier, 7, 0), (key.identifier, 8, 0), (key.identifier, 7, 2),
    ] as [(Identifier, UInt64, UInt64)] {
      let id = NonceID(party: party, boot: boot, counter: counter)
      #expect(answer(&pool, id) == .unknown)
    }
    pool.discardAll()
    #expect(answer(&pool, list[0].nonce) == .spent)
    #expect(pool.publish(1, for: key.key, using: &random).map(\.nonce.counter) == [2])
  }

  @Test("a restart ends the nonces of the boot before: the answer is unknown, which is no fault")
  func restart() throws {
    let (parties, publicKeys) = try generateKey(2, threshold: 2, seed: 4, suite: S.self)
    var random = SeededRandom(4)
    let list = try parties.map { try $0.commitment(&random) }
    let round = try publicKeys.prepare(SigningPackage(commitments: list, message: []))
    var restarted = NoncePool<S>(party: parties[0].identifier, boot: 2)
    #expect(try restarted.sign(round, with: parties[0].key) == .unknownNonces)
  }

  @Test("nonces depend on the share as well as on the generator")
  func hedged() throws {
    let (parties, _) = try generateKey(2, threshold: 2, seed: 5, suite: Ed25519SHA512.self)
    let commitments = parties.map { party in
      var same = SeededRandom(99)
      return SigningNonces(
        NonceID(party: party.identifier, boot: 0, counter: 0), for: party.key, using: &same
      ).commitment
    }
    #expect(commitments[0].hiding != commitments[1].hiding)
    #expect(commitments[0].hiding != commitments[0].binding)
  }

  private enum Answer {
    case fresh
    case spent
    case unknown
  }

  private func answer(_ pool: inout NoncePool<S>, _ nonce: NonceID) -> Answer {
    switch pool.consume(nonce) {
    case .fresh: .fresh
    case .spent: .spent
    case .unknown: .unknown
    }
  }
}
