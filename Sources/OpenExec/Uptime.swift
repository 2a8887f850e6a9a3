import Records

/// A point on this executor's monotonic clock. It means nothing on another host or after a restart.
public struct Uptime: Hashable, Comparable, Sendable {
  /// Nanoseconds since some point of this boot.
  public let nanoseconds: UInt64

  /// A point.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func < (left: Uptime, right: Uptime) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Later by `interval`, pinned to what can be written; the same point where the interval is negative.
  public func advanced(by interval: Interval) -> Uptime {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(max(0, interval.nanoseconds)))
    return Uptime(nanoseconds: overflow ? .max : sum)
  }

  /// The time from `earlier` to this; nothing where `earlier` is the later one.
  public func since(_ earlier: Uptime) -> Interval {
    Interval(nanoseconds: self > earlier ? Int64(clamping: nanoseconds - earlier.nanoseconds) : 0)
  }
}
