/// Keeps what outsiders cause from filling a log: of lines that say the same, one an interval is written,
/// and it says how many were left out before it.
///
/// Bounded: beyond `capacity` different lines within an interval, the further ones count as one and the
/// same. A count is forgotten with its line once that has been quiet for an interval and its place is
/// needed.
public struct RepeatFilter: Sendable {
  private struct Entry {
    var written: Duration
    var leftOut = 0
  }

  private let interval: Duration
  private let capacity: Int
  // Invariant: entries.count <= capacity.
  private var entries: [String: Entry] = [:]
  /// Of all lines that found no place.
  private var surplus: Entry?

  /// A filter of at most `capacity` different lines an `interval`.
  public init(interval: Duration, capacity: Int) {
    precondition(interval > .zero && capacity > 0)
    self.interval = interval
    self.capacity = capacity
  }

  /// Whether a line is to be written now, and then how many like it were left out since the last; nil
  /// where it is left out.
  ///
  /// - Parameters:
  ///   - line: what makes two lines the same.
  ///   - now: on a clock that never goes back.
  public mutating func admit(_ line: String, at now: Duration) -> Int? {
    if entries[line] == nil, entries.count >= capacity {
      entries = entries.filter { now - $0.value.written < interval }
    }
    let hasPlace = entries[line] != nil || entries.count < capacity
    if hasPlace { return Self.admit(&entries[line], interval, at: now) }
    return Self.admit(&surplus, interval, at: now)
  }

  private static func admit(_ entry: inout Entry?, _ interval: Duration, at now: Duration) -> Int? {
    guard let last = entry, now - last.written < interval else {
      defer { entry = Entry(written: now) }
      return entry?.leftOut ?? 0
    }
    entry?.leftOut += 1
    return nil
  }
}
