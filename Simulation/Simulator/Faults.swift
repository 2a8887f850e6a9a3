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
  /// An executor's process dies about so often; 0 for never.
  public var executorCrashEvery: UInt64 = 0
  public var executorRestartAfter: UInt64 = 2_000_000_000
  /// An executor dies between two effects of one step, in millionths.
  public var executorCrashMidStep: UInt64 = 0
  /// How long a write of the journal takes at least; at most twice as long.
  public var journalSync: UInt64 = 300_000
  /// A crash takes the journal along, in millionths.
  public var journalLoss: UInt64 = 0
  /// A crash turns a bit of the journal over, in millionths.
  public var journalCorruption: UInt64 = 0
  /// The most that an executor's clock runs fast or slow, in millionths.
  public var executorDrift: UInt64 = 0
  /// An executor is cut off from some nodes about so often; 0 for never.
  public var executorCutEvery: UInt64 = 0
  /// How each lying party lies; at most as many as the cluster withstands.
  public var lies: [[Lie]] = []
  /// Whether the first of them goes on lying once everything else is healed.
  public var liesOn = false
  /// Operators restrict something about so often; 0 for never.
  public var restrictEvery: UInt64 = 0

  /// Operators change who the parties are about so often; 0 for never.
  public var membersEvery: UInt64 = 0

  /// Every fault, as it is counted when it fires.
  public static let names =
    [
      "crash", "duplication", "executor crash", "executor crash between effects",
      "executor crash while running", "executor cut off", "executor needs a new incarnation",
      "executor write lost", "journal corrupted", "journal lost", "loss", "machine outlived its kill",
      "membership change", "partition", "slow sync",
    ] + Lie.faultNames

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
    if random.chance(500_000) {
      faults.executorCrashEvery = 2_000_000_000 + random.below(10_000_000_000)
      faults.executorRestartAfter = 50_000_000 + random.below(4_000_000_000)
      if random.chance(400_000) { faults.journalLoss = 100_000 + random.below(400_000) }
      if random.chance(400_000) { faults.journalCorruption = 100_000 + random.below(600_000) }
    }
    if random.chance(300_000) { faults.executorCrashMidStep = random.below(100_000) }
    if random.chance(400_000) { faults.journalSync = 1_000_000 + random.below(100_000_000) }
    if random.chance(500_000) { faults.executorDrift = random.below(500) }
    if random.chance(400_000) { faults.executorCutEvery = 2_000_000_000 + random.below(8_000_000_000) }
    if random.chance(400_000) { faults.restrictEvery = 2_000_000_000 + random.below(8_000_000_000) }
    if random.chance(500_000) {
      for _ in 0..<(1 + random.below(2)) {
        faults.lies.append(Lie.allCases.filter { _ in random.chance(250_000) })
      }
      faults.lies.removeAll(where: \.isEmpty)
      faults.liesOn = random.chance(300_000)
    }
    // How many may lie is drawn for the parties of the beginning.
    if faults.lies.isEmpty, random.chance(400_000) {
      faults.membersEvery = 3_000_000_000 + random.below(6_000_000_000)
    }
    return faults
  }
}
