import Records

// Actions that reach out or that two executors run, images and servers that are up to something, in one seed of four.
extension Conditions {
  /// Proposals of the action, and faults of the machines that it runs in.
  func drawReach(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(250_000), semantics >= Semantics.reach else { return [] }
    var items: [Schedule.Item] = []
    for agent in 1...3 as ClosedRange<UInt64> {
      var at = second + random.below(3 * second)
      for step in 0..<8 as Range<UInt64> {
        let node = 1 + random.below(UInt64(nodes))
        items.append(
          Schedule.Item(
            at: at, .agent(agent, .propose(SimulatedReach.action, request: 800 + step), at: node)))
        if random.chance(500_000) {
          items.append(
            Schedule.Item(
              at: at + 1, .agent(agent, .propose(SimulatedReach.verified, request: 850 + step), at: node)))
        }
        at += second / 4 + random.below(4 * second)
      }
    }
    for executor in 1...2 as ClosedRange<UInt64> {
      for fault in SandboxFault.reaching where random.chance(600_000) {
        let at = random.below(safety / 2)
        items.append(
          Schedule.Item(at: at, .sandbox(executor, fault, length: 2 * second + random.below(8 * second))))
      }
    }
    return items
  }
}
