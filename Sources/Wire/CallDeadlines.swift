/// A point on the monotonic clock of whoever drives a call machine. Never travels: on the wire a
/// deadline is the time left.
public struct CallInstant: Hashable, Comparable, Sendable {
  public let nanoseconds: UInt64
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The instant so many nanoseconds later; the far future where that overflows.
  public func advanced(byNanoseconds more: UInt64) -> CallInstant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(more)
    return CallInstant(nanoseconds: overflow ? .max : sum)
  }

  public static func < (left: CallInstant, right: CallInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

/// The deadlines of a connection's open calls, soonest first.
///
/// A sorted array: callers mostly use one timeout, so new deadlines go to the end; the number of open
/// calls is bounded, so a removal in the middle moves at most some tens of kilobytes.
struct CallDeadlines: Sendable {
  private struct Entry: Comparable, Sendable {
    var instant: CallInstant
    var call: CallID
    static func < (left: Entry, right: Entry) -> Bool {
      (left.instant, left.call) < (right.instant, right.call)
    }
  }

  /// Invariant: strictly ascending by (instant, call).
  private var entries: [Entry] = []

  /// The soonest deadline.
  var next: CallInstant? { entries.first?.instant }

  mutating func insert(_ call: CallID, at instant: CallInstant) {
    let entry = Entry(instant: instant, call: call)
    entries.insert(entry, at: position(of: entry))
  }

  mutating func remove(_ call: CallID, at instant: CallInstant) {
    let entry = Entry(instant: instant, call: call)
    let index = position(of: entry)
    precondition(index < entries.count && entries[index] == entry)
    entries.remove(at: index)
  }

  /// Takes every call whose deadline is not after `now`, soonest first.
  mutating func takeExpired(at now: CallInstant) -> [CallID] {
    let count = entries.firstIndex { $0.instant > now } ?? entries.count
    defer { entries.removeFirst(count) }
    return entries[..<count].map(\.call)
  }

  mutating func removeAll() { entries.removeAll() }

  /// The first index whose entry is not before `entry`.
  private func position(of entry: Entry) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle] < entry { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
