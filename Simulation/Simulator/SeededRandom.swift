/// SplitMix64: small, seeded, the same bits on every machine. Not for keys outside of simulation.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64
  /// Told of every draw, where one listens.
  private let log: DeterminismLog?
  private let purpose: Purpose

  /// What a generator is for. What one purpose draws does not change what another gets.
  public enum Purpose: UInt8, Sendable, CaseIterable {
    case schedule, keys, network, disk, node, liar, agent, approver, operators, executor, sandbox, other,
      canary
  }

  /// A generator that always gives the same sequence for one seed.
  public init(seed: UInt64) { self.init(seed: seed, for: .other, log: nil) }

  init(seed: UInt64, for purpose: Purpose, log: DeterminismLog?) {
    state = seed
    self.purpose = purpose
    self.log = log
  }

  /// The generator of one purpose and one name within it, which depends on nothing else: the same in every run
  /// of this seed, whatever else is drawn.
  init(seed: UInt64, for purpose: Purpose, named name: UInt64, log: DeterminismLog?) {
    var root = SeededRandom(seed: seed ^ (UInt64(purpose.rawValue) + 1) &* 0xD6E8_FEB8_6659_FD93)
    let first = root.next()
    var branch = SeededRandom(seed: first ^ name &* 0xA076_1D64_78BD_642F)
    self.init(seed: branch.next(), for: purpose, log: log)
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    word ^= word >> 31
    log?.drew(word, for: purpose)
    return word
  }

  /// A generator for a part of this one's purpose.
  public mutating func split() -> SeededRandom {
    SeededRandom(seed: next(), for: purpose, log: log)
  }

  /// Whether something of this probability, in millionths, happens.
  public mutating func chance(_ millionths: UInt64) -> Bool { next() % 1_000_000 < millionths }

  /// A whole number below `bound`, which is at least 1.
  public mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}
