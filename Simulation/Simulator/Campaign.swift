import Records

/// How one seed went.
public struct SeedResult: Sendable {
  public let seed: UInt64
  /// The violated property; nil where the run was clean.
  public let violation: String?
  public let violatedAt: UInt64
  /// What was not settled after everything healed.
  public let unsettled: [String]
  /// Whether the cluster served again after everything healed.
  public let isLive: Bool
  public let finalSize: UInt64
  public let proposed: Int
  public let settled: Int
  public let executions: Int
  public let evaluations: [(name: String, count: UInt64)]
  public let faults: [(name: String, count: UInt64)]
  /// Digest of everything that happened.
  public let trace: UInt64
  /// Virtual nanoseconds.
  public let simulated: UInt64
}

/// Runs one seed in two phases: safety, with faults; then liveness, with everything healed.
public enum Campaign {
  /// Virtual time of the first phase.
  public static let safetyPhase: UInt64 = 20_000_000_000
  /// Within so much virtual time after healing, everything open must be settled: that a receipt will never come
  /// is known a minute after its token has expired.
  public static let livenessPhase: UInt64 = 130_000_000_000

  /// What goes wrong in a seed.
  public static func faults(of seed: UInt64) -> Faults {
    var random = SeededRandom(seed: seed ^ 0x5EED)
    return Faults.draw(using: &random)
  }

  /// Runs `seed`; `faults` nil draws them from the seed, and `safety` is how long they happen.
  public static func run(
    seed: UInt64, faults: Faults? = nil, safety: UInt64 = Campaign.safetyPhase
  ) throws -> SeedResult {
    let drawn = faults ?? Self.faults(of: seed)
    let world = try World(seed: seed, faults: drawn)
    world.run(until: safety)
    let agents = world.clients.compactMap { $0 as? SimulatedAgent }
    for agent in agents { agent.isActive = false }
    world.calm()
    let end = world.time + livenessPhase
    func isSettled() -> Bool {
      world.unsettled.isEmpty
    }
    while world.time < end, world.oracles.violation == nil {
      world.run(until: world.time + 500_000_000)
      if isSettled() { break }
    }
    if isSettled() { world.checkOutcomes() }
    return SeedResult(
      seed: seed, violation: world.oracles.violation, violatedAt: world.oracles.violatedAt,
      unsettled: world.unsettled, isLive: isSettled(), finalSize: world.oracles.finalSize,
      proposed: agents.reduce(0) { $0 + $1.proposed }, settled: agents.reduce(0) { $0 + $1.settled },
      executions: world.oracles.executions, evaluations: world.oracles.evaluations,
      faults: world.oracles.faults, trace: world.trace, simulated: world.time)
  }
}
