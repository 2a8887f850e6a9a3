// Agents who read each other's files, go on with what came of it, and look for what is not theirs.
extension Conditions {
  /// Their acts; in every seed, and more of them in some.
  func drawContamination(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    var items: [Schedule.Item] = []
    func node(_ random: inout SeededRandom) -> UInt64 { 1 + random.below(UInt64(nodes)) }
    let every = 3 * second + random.below(6 * second)
    for agent in 1...3 as ClosedRange<UInt64> {
      var at = 3 * second + random.below(every)
      for step in 0..<8 as Range<UInt64> where at < safety {
        // Mostly of its own tenant: only that comes to anything.
        let other = agent < 3 && random.chance(700_000) ? 3 - agent : 1 + (agent + random.below(2)) % 3
        let request = 700 + 2 * step
        items.append(
          Schedule.Item(at: at, .agent(agent, .borrow(from: other, request: request), at: node(&random))))
        let later = at + 4 * second + random.below(5 * second)
        items.append(
          Schedule.Item(at: later - second / 2, .agent(agent, .read(request: request), at: node(&random))))
        items.append(
          Schedule.Item(
            at: later, .agent(agent, .reuse(of: request, request: request + 1), at: node(&random))))
        if random.chance(400_000) {
          let wanted = random.chance(500_000) ? 1 + random.below(12) : request
          items.append(
            Schedule.Item(at: at, .agent(agent, .snoop(on: other, request: wanted), at: node(&random))))
        }
        if random.chance(200_000) {
          items.append(
            Schedule.Item(at: at, .agent(agent, .overreach(request: 1 + request), at: node(&random))))
        }
        at += 1 + random.below(2 * every)
      }
    }
    return items
  }
}
