/// Counters by name, over all runs.
struct Tally {
  private(set) var counts: [(name: String, count: UInt64)] = []

  mutating func add(_ more: [(name: String, count: UInt64)]) {
    for (name, count) in more {
      if let position = counts.firstIndex(where: { $0.name == name }) {
        counts[position].count += count
      } else {
        counts.append((name, count))
      }
    }
    counts.sort { $0.name < $1.name }
  }

  func contains(_ name: String) -> Bool { counts.contains { $0.name == name } }
  var text: String { counts.map { "\($0.name) \($0.count)" }.joined(separator: ", ") }
}
