import Crypto
import FROST
import Foundation

/// A generator with a fixed seed: every run of a property test is the same run.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

/// Identifiers 1…n.
func identifiers(_ count: Int) -> [Identifier] {
  (1...count).compactMap { Identifier(UInt16($0)) }
}

/// One party of a test cluster; a class so that arrays can hold what cannot be copied.
final class TestParty<Suite: CipherSuite> {
  let identifier: Identifier
  let key: KeyPackage<Suite>
  var pool: NoncePool<Suite>

  init(_ key: consuming KeyPackage<Suite>, boot: UInt64 = 1) {
    identifier = key.identifier
    pool = NoncePool(party: key.identifier, boot: boot)
    self.key = key
  }

  func commitment(_ random: inout SeededRandom) throws -> NonceCommitment<Suite> {
    guard let first = pool.publish(1, for: key, using: &random).first else {
      throw TestFailure.unexpected("no nonces published")
    }
    return first
  }
}

enum TestFailure: Error {
  case unexpected(String)
}

/// A key generation machine in a class.
final class TestCeremony<Suite: CipherSuite> {
  var machine: KeyGeneration<Suite>

  init(_ machine: consuming KeyGeneration<Suite>) { self.machine = machine }
}

/// The machines of a ceremony, all packages exchanged, no shares yet.
func beginCeremony<Suite: CipherSuite>(
  _ parties: [Identifier], threshold: Int, using random: inout SeededRandom,
  suite: Suite.Type = Suite.self
) throws -> [TestCeremony<Suite>] {
  var all: [TestCeremony<Suite>] = []
  for party in parties {
    all.append(
      TestCeremony(
        try KeyGeneration<Suite>(
          identifier: party, parties: parties, threshold: threshold,
          context: Array("test".utf8), using: &random)))
  }
  for receiver in all {
    for sender in all where sender.machine.identifier != receiver.machine.identifier {
      try receiver.machine.receive(sender.machine.package, from: sender.machine.identifier)
    }
  }
  return all
}

/// Runs key generation among honest parties.
func generateKey<Suite: CipherSuite>(
  _ count: Int, threshold: Int, seed: UInt64, suite: Suite.Type = Suite.self
) throws -> (parties: [TestParty<Suite>], publicKeys: PublicKeyPackage<Suite>) {
  var random = SeededRandom(seed)
  let all: [TestCeremony<Suite>] = try beginCeremony(
    identifiers(count), threshold: threshold, using: &random)
  for sender in all {
    for share in try sender.machine.secretShares() {
      for receiver in all where receiver.machine.identifier == share.recipient {
        try receiver.machine.receive(share, from: sender.machine.identifier)
      }
    }
  }
  let parties = try all.map { TestParty(try $0.machine.finish()) }
  return (parties, try all[0].machine.publicKeys())
}

/// Runs one signing session among the given parties.
func sign<Suite: CipherSuite>(
  _ message: [UInt8], by signers: [TestParty<Suite>], _ publicKeys: PublicKeyPackage<Suite>,
  using random: inout SeededRandom
) throws -> SchnorrSignature<Suite> {
  let package = try SigningPackage(
    commitments: signers.map { try $0.commitment(&random) }, message: message)
  var shares: [SignatureShare<Suite>] = []
  for signer in signers {
    let round = try signer.key.prepare(package)
    guard case .share(let share) = try signer.pool.sign(round, with: signer.key) else {
      throw TestFailure.unexpected("fresh nonces were refused")
    }
    shares.append(share)
  }
  return try publicKeys.aggregate(shares, in: try publicKeys.prepare(package))
}

/// Every subset of `items` with `count` members, in order.
func subsets<T>(of items: [T], count: Int) -> [[T]] {
  guard count > 0 else { return [[]] }
  guard items.count >= count, let first = items.first else { return [] }
  let rest = Array(items.dropFirst())
  return subsets(of: rest, count: count - 1).map { [first] + $0 } + subsets(of: rest, count: count)
}
