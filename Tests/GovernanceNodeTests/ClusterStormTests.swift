import Simulator
import Testing

/// Whole clusters on the simulated network, through storms. What is verified, and what is not, stands in
/// `Simulator/Oracles.swift`.
struct ClusterStormTests {
  @Test(
    "no seed violates a property, and every cluster serves again once all is healed",
    arguments: 1...4 as ClosedRange<UInt64>)
  func seeds(seed: UInt64) throws {
    let result = try Campaign.run(seed: seed)
    expectSound(result)
    // A run that checked nothing passes nothing.
    expectEvaluated(["canonical final history", "byte-equal state", "acknowledged outcomes"], in: [result])
  }

  @Test(
    "executors that die, lose their journals and are cut off run no token twice, and none without a lease")
  func executors() throws {
    var faults = Faults.none
    faults.executorCrashEvery = 2_000_000_000
    faults.executorRestartAfter = 500_000_000
    faults.executorCrashMidStep = 100_000
    faults.journalSync = 30_000_000
    faults.journalLoss = 200_000
    faults.journalCorruption = 200_000
    faults.executorDrift = 300
    faults.executorCutEvery = 4_000_000_000
    faults.restrictEvery = 6_000_000_000
    let results = try [UInt64(21)].map { try Campaign.run(seed: $0, faults: faults, safety: 15_000_000_000) }
    for result in results { expectSound(result) }
    expectEvaluated(
      [
        "election safety", "every run has an outcome", "executed as proposed", "no run past a lease",
        "no start without a lease", "receipts tell what happened", "single execution",
        "valid approvals only",
      ], in: results)
    expectFired(
      [
        "executor crash", "executor crash between effects", "executor crash while running",
        "executor cut off", "executor needs a new incarnation", "executor write lost",
      ], in: results)
  }

  @Test("operators add, remove and replace parties while nodes die and messages are lost")
  func members() throws {
    var faults = Faults.none
    faults.membersEvery = 3_000_000_000
    faults.crashEvery = 6_000_000_000
    faults.restartAfter = 1_500_000_000
    faults.loss = 30_000
    let results = try [UInt64(51)].map { try Campaign.run(seed: $0, faults: faults, safety: 15_000_000_000) }
    for result in results { expectSound(result) }
    expectEvaluated(["canonical final history", "byte-equal state", "acknowledged outcomes"], in: results)
    expectFired(["membership change", "crash"], in: results)
  }

  @Test("as many lying parties as the cluster withstands fork nothing and make nothing run")
  func liars() throws {
    var faults = Faults.none
    faults.lies = [
      [.equivocate, .garbageShares, .replay, .spoilJobs, .higherTerms],
      [.declineAll, .censor, .falseTime, .falseAcknowledgements, .forge],
    ]
    let results = try [UInt64(31)].map { try Campaign.run(seed: $0, faults: faults, safety: 10_000_000_000) }
    for result in results { expectSound(result) }
    expectEvaluated(["canonical final history", "byte-equal state", "only liars are named"], in: results)
    expectFired(["lie: censor", "lie: false time", "lie: replay"], in: results)
  }

  private func expectSound(_ result: SeedResult) {
    #expect(
      result.violation == nil,
      "seed \(result.seed) at \(result.violatedAt) ns: clawsim run --seed \(result.seed)")
    #expect(result.isLive, "seed \(result.seed): \(result.unsettled)")
    #expect(result.settled == result.proposed)
  }

  private func expectEvaluated(_ names: [String], in results: [SeedResult]) {
    for name in names {
      let isThere = results.contains { $0.evaluations.contains { $0.name == name && $0.count > 0 } }
      #expect(isThere, "\(name) never evaluated")
    }
  }

  private func expectFired(_ names: [String], in results: [SeedResult]) {
    for name in names {
      let isThere = results.contains { $0.faults.contains { $0.name == name && $0.count > 0 } }
      #expect(isThere, "\(name) never fired")
    }
  }

  @Test("the same seed gives the same run, to the bit")
  func deterministic() throws {
    let first = try Campaign.run(seed: 5)
    let second = try Campaign.run(seed: 5)
    #expect(first.trace == second.trace)
    #expect(first.finalSize == second.finalSize)
    let other = try Campaign.run(seed: 6)
    #expect(other.trace != first.trace)
  }
}
