import Canonical

/// A point in time in nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Nanoseconds since the epoch; never negative.
  public let nanoseconds: Int64

  /// A time after the epoch; nil for one before it, or after `distantFuture`.
  public init?(nanoseconds: Int64) {
    guard nanoseconds >= 0, nanoseconds <= Self.distantFuture.nanoseconds else { return nil }
    self.nanoseconds = nanoseconds
  }

  /// 1970-01-01T00:00:00Z.
  public static let epoch = Timestamp(trusted: 0)
  /// The last time that can be written: 2261-12-31T23:59:59.999999999Z.
  public static let distantFuture = Timestamp(trusted: 9_214_646_399_999_999_999)

  private init(trusted: Int64) { nanoseconds = trusted }

  /// The time `interval` later (earlier, where it is negative), pinned to what can be written.
  public func advanced(by interval: Interval) -> Timestamp {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(interval.nanoseconds)
    if overflow { return interval.nanoseconds > 0 ? .distantFuture : .epoch }
    return Timestamp(trusted: min(max(0, sum), Self.distantFuture.nanoseconds))
  }

  /// From `earlier` to this.
  public func since(_ earlier: Timestamp) -> Interval {
    Interval(nanoseconds: nanoseconds - earlier.nanoseconds)
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

/// A span of time in nanoseconds, of either sign.
public struct Interval: Hashable, Comparable, Sendable {
  /// Nanoseconds.
  public let nanoseconds: Int64
  /// A span.
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  /// Whole seconds.
  public static func seconds(_ count: Int64) -> Interval {
    Interval(nanoseconds: count.multipliedReportingOverflow(by: 1_000_000_000).partialValue)
  }
  /// Whole milliseconds.
  public static func milliseconds(_ count: Int64) -> Interval {
    Interval(nanoseconds: count.multipliedReportingOverflow(by: 1_000_000).partialValue)
  }
  public static func < (left: Interval, right: Interval) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Timestamp {
  /// RFC 3339 in UTC with nine fractional digits.
  public var text: String {
    let seconds = nanoseconds / 1_000_000_000
    let fraction = nanoseconds % 1_000_000_000
    let date = CivilCalendar.date(Int(seconds / 86_400))
    let second = seconds % 86_400
    let parts: [(value: Int64, width: Int, mark: UInt8)] = [
      (Int64(date.year), 4, UInt8(ascii: "-")), (Int64(date.month), 2, UInt8(ascii: "-")),
      (Int64(date.day), 2, UInt8(ascii: "T")),
      (second / 3600, 2, UInt8(ascii: ":")), (second / 60 % 60, 2, UInt8(ascii: ":")),
      (second % 60, 2, UInt8(ascii: ".")), (fraction, 9, UInt8(ascii: "Z")),
    ]
    return String(unsafeUninitializedCapacity: 30) { out in
      var end = 0
      for part in parts {
        end += part.width
        var rest = part.value
        for position in 1...part.width {
          out[end - position] = UInt8(ascii: "0") + UInt8(rest % 10)
          rest /= 10
        }
        out[end] = part.mark
        end += 1
      }
      return end
    }
  }

  /// Reads RFC 3339 in UTC (`2026-01-31T23:59:59Z`, up to nine fractional digits); nil for any other
  /// form, offset or date.
  public init?(text: String) {
    let bytes = Array(text.utf8)
    guard (20...30).contains(bytes.count), bytes.last == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      var value: Int64 = 0
      for byte in bytes[range] {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        value = value * 10 + Int64(byte - UInt8(ascii: "0"))
      }
      return value
    }
    guard bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
      bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
    else { return nil }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      (1970...2261).contains(year), (1...12).contains(month), hour < 24, minute < 60, second < 60,
      day >= 1, day <= CivilCalendar.length(year: Int(year), month: Int(month))
    else { return nil }
    var fraction: Int64 = 0
    if bytes.count > 20 {
      let digits = bytes.count - 21
      guard bytes[19] == UInt8(ascii: "."), digits >= 1, let value = number(20..<(20 + digits))
      else { return nil }
      fraction = value
      for _ in digits..<9 { fraction *= 10 }
    }
    let days = Int64(CivilCalendar.days(year: Int(year), month: Int(month), day: Int(day)))
    self.init(
      nanoseconds: (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000_000 + fraction)
  }

  /// The day of this time, counted from the epoch, in UTC.
  public var day: Int64 { nanoseconds / 86_400_000_000_000 }
}

/// Money in millionths of a US dollar; never negative. In JSON a decimal string ("12.5").
public struct MicroUSD: Hashable, Comparable, Sendable {
  /// Millionths of a dollar.
  public let micros: Int64

  /// No money.
  public static let zero = MicroUSD(trusted: 0)

  private init(trusted: Int64) { micros = trusted }

  /// Nil where negative.
  public init?(micros: Int64) {
    guard micros >= 0 else { return nil }
    self.micros = min(micros, Self.maximum.micros)
  }

  /// The largest amount that can be written down; whatever is more counts as this.
  public static let maximum = MicroUSD(trusted: 999_999_999_999_999)

  /// Reads a decimal number of dollars with at most nine digits before and six after the point, in its
  /// shortest form; nil for anything else.
  public init?(text: String) {
    let parts = text.parts(separatedBy: UInt8(ascii: "."))
    guard parts.count <= 2, let whole = parts.first, (1...9).contains(whole.utf8.count) else { return nil }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.utf8.count <= 6, parts.count == 1 || !fraction.isEmpty,
      (whole + fraction).utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let value = Int64(whole + fraction + String(repeating: "0", count: 6 - fraction.utf8.count))
    else { return nil }
    micros = value
    guard self.text == text else { return nil }
  }

  /// Dollars as a decimal in its shortest form.
  public var text: String {
    let fraction = micros % 1_000_000
    guard fraction > 0 else { return String(micros / 1_000_000) }
    var width = 6
    var rest = fraction
    while rest % 10 == 0 {
      rest /= 10
      width -= 1
    }
    var digits = [UInt8](repeating: UInt8(ascii: "0"), count: width)
    for position in (0..<width).reversed() {
      digits[position] += UInt8(rest % 10)
      rest /= 10
    }
    return "\(micros / 1_000_000).\(String(decoding: digits, as: UTF8.self))"
  }

  /// The sum, pinned at the largest amount.
  public static func + (left: MicroUSD, right: MicroUSD) -> MicroUSD {
    let (sum, overflow) = left.micros.addingReportingOverflow(right.micros)
    return overflow ? maximum : MicroUSD(trusted: min(sum, maximum.micros))
  }

  /// The difference, never below zero.
  public static func - (left: MicroUSD, right: MicroUSD) -> MicroUSD {
    MicroUSD(trusted: max(0, left.micros - right.micros))
  }

  public static func < (left: MicroUSD, right: MicroUSD) -> Bool { left.micros < right.micros }
}

/// The position of a record in the ledger, from 0 (Raft index − 1).
public struct LeafIndex: Hashable, Comparable, Sendable {
  /// Counted from 0.
  public let value: UInt64
  /// A position.
  public init(_ value: UInt64) { self.value = value }
  public static func < (left: LeafIndex, right: LeafIndex) -> Bool { left.value < right.value }
}
