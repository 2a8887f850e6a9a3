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

  private func expectSound(_ result: RunResult) {
    #expect(
      result.violation == nil,
      "seed \(result.seed) at \(result.violatedAt) ns: clawsim run --seed \(result.seed)")
    #expect(result.isLive, "seed \(result.seed): \(result.unsettled)")
    #expect(result.settled == result.proposed)
  }

  private func expectEvaluated(_ names: [String], in results: [RunResult]) {
    for name in names {
      let isThere = results.contains { $0.evaluations.contains { $0.name == name && $0.count > 0 } }
      #expect(isThere, "\(name) never evaluated")
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
