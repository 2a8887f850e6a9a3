import Simulator
import Testing

/// Whole clusters on the simulated network, through storms. What is verified, and what is not, stands in
/// `Simulator/Oracles.swift`.
struct ClusterStormTests {
  @Test(
    "no seed violates a property, and every cluster serves again once all is healed",
    arguments: 1...12 as ClosedRange<UInt64>)
  func seeds(seed: UInt64) throws {
    let result = try Campaign.run(seed: seed)
    #expect(result.violation == nil, "seed \(seed) at \(result.violatedAt) ns: clawsim run --seed \(seed)")
    #expect(result.isLive, "seed \(seed) is not live")
    #expect(result.settled == result.proposed)
    // A run that checked nothing passes nothing.
    for oracle in [
      "canonical final history", "byte-equal state", "election safety", "acknowledged outcomes",
      "valid approvals only", "single execution",
    ] {
      #expect(result.evaluations.contains { $0.name == oracle && $0.count > 0 }, "\(oracle) never evaluated")
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
