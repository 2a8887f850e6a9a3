import Crypto
import Testing

@testable import FROST

@Suite("Key generation and signing together")
struct EndToEndTests {
  @Test("any t parties of a generated key sign; the tiny suite, every t ≤ n ≤ 7", arguments: 1...7)
  func everySubsetTiny(count: Int) throws {
    for threshold in 1...count {
      try everySubset(count, threshold, suite: TinySuite.self)
    }
  }

  @Test("any t parties of a generated key sign; the real suite", arguments: [(3, 2), (5, 4), (4, 3)])
  func everySubsetReal(count: Int, threshold: Int) throws {
    try everySubset(count, threshold, suite: Ed25519SHA512.self)
  }

  private func everySubset<Suite: CipherSuite>(
    _ count: Int, _ threshold: Int, suite: Suite.Type
  ) throws {
    let (parties, publicKeys) = try generateKey(
      count, threshold: threshold, seed: UInt64(count * 100 + threshold), suite: suite)
    #expect(publicKeys.isConsistent)
    var random = SeededRandom(7)
    for signers in subsets(of: parties, count: threshold) {
      let message = random.bytes(33)
      let signature = try sign(message, by: signers, publicKeys, using: &random)
      #expect(publicKeys.verifies(signature, over: message))
      #expect(!publicKeys.verifies(signature, over: message + [0]))
    }
  }
}
