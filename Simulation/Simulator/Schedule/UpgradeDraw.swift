import Records

// A rolling upgrade for one seed in six: from semantics 1, node after node, some back and forth, then the act.
extension Conditions {
  /// The upgrade's acts; the ledger begins with the older semantics where there are any.
  mutating func drawUpgrade(using random: inout SeededRandom) -> [Schedule.Item] {
    let newest = UInt64(Semantics.newest)
    guard newest > 1, random.chance(166_667) else { return [] }
    semantics = Int(newest) - 1
    let second: UInt64 = 1_000_000_000
    var items: [Schedule.Item] = []
    var at = second + random.below(4 * second)
    for node in 1...UInt64(nodes) {
      items.append(Schedule.Item(at: at, .program(node, semantics: newest)))
      at += second / 5 + random.below(second)
      // Some are not satisfied with the new program at first.
      if random.chance(200_000) {
        items.append(Schedule.Item(at: at, .program(node, semantics: newest - 1)))
        items.append(
          Schedule.Item(at: at + second + random.below(3 * second), .program(node, semantics: newest)))
      }
    }
    // Now and then too early: it is refused until the last node has the program.
    items.append(Schedule.Item(at: second + random.below(at), .activate(newest)))
    // And one goes back when it may not any more.
    if random.chance(300_000) {
      items.append(
        Schedule.Item(
          at: at + 4 * second, .program(1 + random.below(UInt64(nodes)), semantics: newest - 1)))
    }
    return items
  }
}
