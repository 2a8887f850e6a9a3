/// SplitMix64: small, seeded, the same bits on every machine. Not for keys outside of simulation.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A generator that always gives the same sequence for one seed.
  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A generator for one purpose: what one purpose draws does not change what another gets.
  public mutating func split() -> SeededRandom { SeededRandom(seed: next()) }

  /// Whether something of this probability, in millionths, happens.
  public mutating func chance(_ millionths: UInt64) -> Bool { next() % 1_000_000 < millionths }

  /// A whole number below `bound`, which is at least 1.
  public mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}
