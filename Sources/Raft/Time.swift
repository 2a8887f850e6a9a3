/// A point on the owner's monotonic clock. It means nothing on another node.
public struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Later than anything that happens: the deadline of what never falls due.
  public static let distantFuture = Instant(nanoseconds: .max)

  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Saturates at ``distantFuture``.
  public static func + (start: Instant, span: Nanoseconds) -> Instant {
    let (sum, overflow) = start.nanoseconds.addingReportingOverflow(span.rawValue)
    return overflow ? .distantFuture : Instant(nanoseconds: sum)
  }

  public var description: String { "\(nanoseconds) ns" }
}

/// A length of time.
public struct Nanoseconds: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = Nanoseconds(rawValue: 0)

  /// Saturates where the product does not fit.
  public static func milliseconds(_ count: UInt64) -> Nanoseconds { scaled(count, by: 1_000_000) }

  /// Saturates where the product does not fit.
  public static func seconds(_ count: UInt64) -> Nanoseconds { scaled(count, by: 1_000_000_000) }

  private static func scaled(_ count: UInt64, by unit: UInt64) -> Nanoseconds {
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    return Nanoseconds(rawValue: overflow ? .max : product)
  }

  public static func < (left: Nanoseconds, right: Nanoseconds) -> Bool { left.rawValue < right.rawValue }

  /// Saturates at the longest span that there is.
  public static func + (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds {
    let (sum, overflow) = left.rawValue.addingReportingOverflow(right.rawValue)
    return Nanoseconds(rawValue: overflow ? .max : sum)
  }

  public var description: String { "\(rawValue) ns" }
}
