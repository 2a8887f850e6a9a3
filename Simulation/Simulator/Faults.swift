/// What goes wrong, and how often: drawn for each seed, so that most runs are extreme in something and
/// calm in the rest. Probabilities in millionths, times in nanoseconds.
public struct Faults: Equatable, Sendable {
  public var loss: UInt64 = 0
  public var duplication: UInt64 = 0
  public var minimumDelay: UInt64 = 200_000
  public var meanDelay: UInt64 = 1_000_000
  /// A new partition begins about so often; 0 for never.
  public var partitionEvery: UInt64 = 0
  public var partitionLength: UInt64 = 3_000_000_000
  /// A node crashes about so often; 0 for never.
  public var crashEvery: UInt64 = 0
  public var restartAfter: UInt64 = 2_000_000_000
  public var syncDelay: UInt64 = 300_000
  /// A sync takes very long, in millionths.
  public var slowSync: UInt64 = 0
  /// The most that a clock is off, either way.
  public var clockOffset: UInt64 = 0

  /// Nothing goes wrong.
  public static let none = Faults()

  /// The faults of one seed.
  public static func draw(using random: inout SeededRandom) -> Faults {
    var faults = Faults()
    if random.chance(500_000) { faults.loss = random.below(150_000) }
    if random.chance(500_000) { faults.duplication = random.below(100_000) }
    if random.chance(500_000) { faults.meanDelay = 1_000_000 + random.below(40_000_000) }
    if random.chance(500_000) {
      faults.partitionEvery = 4_000_000_000 + random.below(12_000_000_000)
      faults.partitionLength = 500_000_000 + random.below(6_000_000_000)
    }
    if random.chance(500_000) {
      faults.crashEvery = 5_000_000_000 + random.below(20_000_000_000)
      faults.restartAfter = 100_000_000 + random.below(5_000_000_000)
    }
    if random.chance(300_000) { faults.slowSync = random.below(50_000) }
    if random.chance(300_000) { faults.clockOffset = random.below(1_000_000_000) }
    return faults
  }
}
