// Operators who change who the parties are, or their key, in one seed of four.
extension Conditions {
  /// One change, or two.
  func drawMembers(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(250_000) else { return [] }
    var items: [Schedule.Item] = []
    var at = 2 * second + random.below(6 * second)
    for _ in 0..<(1 + random.below(2)) {
      // Now and then one or two are replaced at once.
      let replaced = random.chance(200_000) ? 1 + random.below(2) : 0
      items.append(Schedule.Item(at: at, .members(replaced * 1_000_000 + random.below(1_000_000))))
      at += 3 * second + random.below(6 * second)
    }
    // Whoever comes after it begins from it, often with a change of the key in between.
    if random.chance(500_000) {
      items.append(Schedule.Item(at: second + random.below(8 * second), .backup))
    }
    return items
  }

  /// Soon after a change began, one in three is taken back, or somebody wants another key who does not know of it.
  func drawCancels(of items: [Schedule.Item], using random: inout SeededRandom) -> [Schedule.Item] {
    items.compactMap { item in
      guard case .members = item.act, random.chance(333_333) else { return nil }
      let at = item.at + 20_000_000 + random.below(1_500_000_000)
      return Schedule.Item(at: at, random.chance(600_000) ? .cancelMembers : .rotateMembers)
    }
  }
}
