// An executor that lies, in one seed of three.
extension Conditions {
  /// One of the two lies, in some ways, for some time.
  func drawExecutorLies(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(333_333) else { return [] }
    let liar = 1 + random.below(2)
    var items: [Schedule.Item] = []
    for lie in ExecutorLie.allCases where random.chance(300_000) {
      let from = random.chance(500_000) ? 0 : random.below(10 * second)
      let length = random.chance(400_000) ? safety : second + random.below(8 * second)
      items.append(Schedule.Item(at: from, .executorLie(liar, lie, length: length)))
    }
    return items
  }
}
