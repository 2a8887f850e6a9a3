import Crypto
import FROST
import Records

/// How one run went.
public struct RunResult: Sendable {
  public let seed: UInt64
  /// The violated property, in words; nil where the run was clean.
  public let violation: String?
  /// The oracle that found it.
  public let oracle: String?
  /// Virtual nanoseconds, without those that all hosts slept.
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
  /// What agents were told last, by agent and request.
  public let outcomes: [(agent: UInt64, request: UInt64, status: String)]
  /// Digest of everything that happened.
  public let trace: UInt64
  /// Virtual nanoseconds, without those that all hosts slept.
  public let simulated: UInt64

  /// 0 clean, 1 a property was violated, 3 not live.
  public var exitCode: Int32 { violation != nil ? 1 : isLive ? 0 : 3 }

  /// How it failed, as a name that two runs of one failure share; nil where it did not.
  public var failure: String? { oracle ?? (isLive ? nil : "liveness") }
}

/// Runs a schedule in two phases: safety, with faults; then liveness, with everything healed but what is left.
public enum Campaign {
  /// Within so much virtual time after healing, everything open must be settled: that a receipt will never come
  /// is known a minute after its token has expired.
  public static let livenessPhase: UInt64 = 130_000_000_000

  /// Runs what is drawn from `seed`.
  public static func run(seed: UInt64) throws -> RunResult { try run(Schedule.drawn(seed: seed)) }

  /// Runs a schedule.
  public static func run(
    _ schedule: Schedule, log: DeterminismLog? = nil, timeline: Timeline? = nil
  ) throws -> RunResult {
    switch schedule.conditions.suite {
    case .real: try run(schedule, Ed25519SHA512.self, log: log, timeline: timeline)
    case .tiny: try runTiny(schedule, log: log, timeline: timeline)
    }
  }

  private static func runTiny(
    _ schedule: Schedule, log: DeterminismLog?, timeline: Timeline?
  ) throws -> RunResult {
    #if SIMULATION
    TinyGroup.verifies = { key, signature, message in
      guard let key = TinyElement(encoding: key),
        let signature = SchnorrSignature<TinySuite>(encoding: signature)
      else { return false }
      return TinySuite.verifies(signature, over: message, by: key)
    }
    return try run(schedule, TinySuite.self, log: log, timeline: timeline)
    #else
    throw SimulationError.setup("the tiny suite: this build has the real one alone, see Docs/Simulator.md")
    #endif
  }

  /// Runs until everything has come to rest, and those who asked have read once more what came of it.
  private static func settle<Suite: CipherSuite>(_ world: World<Suite>) {
    let end = world.time + livenessPhase
    var hasAsked = false
    while world.time < end, world.oracles.violation == nil, world.log?.difference == nil {
      world.run(until: world.time + 500_000_000)
      guard world.unsettled.isEmpty else { continue }
      if hasAsked { break }
      hasAsked = true
      world.readAll()
    }
  }

  private static func run<Suite: CipherSuite>(
    _ schedule: Schedule, _ suite: Suite.Type, log: DeterminismLog?, timeline: Timeline?
  ) throws -> RunResult {
    let world = try World<Suite>(schedule, log: log, timeline: timeline)
    world.run(until: schedule.conditions.safety)
    world.calm()
    settle(world)
    if schedule.retains, world.oracles.violation == nil {
      // Contents that nobody recorded are kept for ten minutes.
      world.sleep(3_600_000_000_000)
      world.awaitsContents = true
      settle(world)
    }
    let unsettled = world.oracles.violation == nil ? world.unsettled : []
    if world.oracles.violation == nil { world.checkReceipts() }
    if unsettled.isEmpty {
      world.checkOutcomes()
      world.oracles.checkAudited(at: world.time)
      if schedule.retains { world.oracles.checkRetention(world.settledHosts, at: world.time) }
    }
    world.oracles.checkHistory(at: world.time)
    world.oracles.checkErasures(world.hosts, at: world.time)
    log?.finish()
    let agents = world.agents
    return RunResult(
      seed: schedule.conditions.seed, violation: world.oracles.violation, oracle: world.oracles.violated,
      violatedAt: world.oracles.violatedAt - (world.oracles.violation == nil ? 0 : world.slept),
      unsettled: unsettled,
      isLive: unsettled.isEmpty, finalSize: world.oracles.finalSize,
      proposed: agents.reduce(0) { $0 + $1.proposed }, settled: agents.reduce(0) { $0 + $1.settled },
      executions: world.oracles.executions, evaluations: world.oracles.evaluations,
      faults: world.oracles.faults, outcomes: agents.flatMap(\.outcomes), trace: world.trace,
      simulated: world.time - world.slept)
  }
}
