import CSystem

/// A point on this machine's monotonic clock; means nothing elsewhere or after a restart.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
  public let nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The clock's reading.
  public static var now: MonotonicInstant {
    MonotonicInstant(nanoseconds: csystem_monotonic_ns())
  }

  /// Later by `duration`; the far future where that overflows, the same instant where it is negative.
  public static func + (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
    let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return MonotonicInstant(nanoseconds: overflow ? .max : sum)
  }

  /// The time from `earlier` to here; zero where `earlier` is the later one.
  public func since(_ earlier: MonotonicInstant) -> Duration {
    guard self > earlier else { return .zero }
    let elapsed = nanoseconds - earlier.nanoseconds
    return .seconds(Int64(elapsed / 1_000_000_000)) + .nanoseconds(Int64(elapsed % 1_000_000_000))
  }

  public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

/// What the host's clock on the wall says. It may step either way: fit for stamping, not for measuring.
public struct WallInstant: Hashable, Comparable, Sendable {
  /// Since 1970-01-01T00:00:00Z.
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// The clock's reading.
  public static var now: WallInstant { WallInstant(nanoseconds: csystem_wall_ns()) }

  public static func < (left: WallInstant, right: WallInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Duration {
  /// Whole nanoseconds, rounded up, so that nothing timed by it is early; 0 where negative, and at
  /// most `UInt64.max`.
  public var wholeNanoseconds: UInt64 {
    guard self > .zero else { return 0 }
    let (seconds, attoseconds) = components
    let (nanoseconds, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return .max }
    let (sum, carried) = nanoseconds.addingReportingOverflow(
      (UInt64(attoseconds) + 999_999_999) / 1_000_000_000)
    return carried ? .max : sum
  }
}
