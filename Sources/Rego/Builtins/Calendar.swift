import Canonical

/// Days and months by name, as Go writes them.
enum Calendar {
  /// 0 is Sunday.
  static func weekday(_ days: Int) -> Int { (days + 4) - 7 * (days + 4).dividedDown(by: 7) }

  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November",
    "December",
  ]
  static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
}

extension Int {
  /// The quotient, towards minus infinity.
  func dividedDown(by divisor: Int) -> Int {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

/// A moment in a time zone.
struct ZonedTime {
  let seconds: Int
  let nanoseconds: Int
  let zone: TimeZone

  init(seconds: Int, nanoseconds: Int, zone: TimeZone) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    self.zone = zone
    (offset, abbreviation) = zone.offset(at: seconds)
  }

  init(nanoseconds total: Int, zone: TimeZone) {
    // The remainder by itself: the whole seconds below the earliest moments are beyond 64 bits in nanoseconds.
    let rest = total % 1_000_000_000
    self.init(
      seconds: total.dividedDown(by: 1_000_000_000), nanoseconds: rest < 0 ? rest + 1_000_000_000 : rest,
      zone: zone)
  }

  let offset: Int
  let abbreviation: String

  var days: Int { (seconds + offset).dividedDown(by: 86_400) }
  var date: (year: Int, month: Int, day: Int) { CivilCalendar.date(days) }
  var clock: (hour: Int, minute: Int, second: Int) {
    let second = seconds + offset - 86_400 * days
    return (second / 3600, second / 60 % 60, second % 60)
  }

  /// Nanoseconds since 1970; nil where they do not fit.
  var total: Int? {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow {
      // The earliest moments fit with their fraction only.
      let (least, under) = (seconds + 1).multipliedReportingOverflow(by: 1_000_000_000)
      guard !under else { return nil }
      let (sum, over) = least.addingReportingOverflow(nanoseconds - 1_000_000_000)
      return over ? nil : sum
    }
    let (sum, over) = product.addingReportingOverflow(nanoseconds)
    return over ? nil : sum
  }
}

/// A time zone: a fixed offset, or one of the database.
struct TimeZone: Sendable {
  private struct Kind: Sendable {
    let abbreviation: String
    let offset: Int
  }

  private let changes: [(at: Int, kind: Int)]
  private let kinds: [Kind]
  private let rule: PosixRule?

  static let utc = TimeZone(offset: 0, abbreviation: "UTC")

  init(offset: Int, abbreviation: String) {
    changes = []
    kinds = [Kind(abbreviation: abbreviation, offset: offset)]
    rule = nil
  }

  /// A zone by its name; nil for one that the database does not have.
  init?(named name: String) {
    if name.isEmpty || name == "UTC" {
      self = .utc
      return
    }
    guard let line = TimeZone.line(name) else { return nil }
    let parts = line.parts(separatedBy: UInt8(ascii: "|"))
    guard parts.count == 4 else { return nil }
    kinds = parts[1].parts(separatedBy: UInt8(ascii: ",")).compactMap { kind in
      let pair = kind.parts(separatedBy: UInt8(ascii: ":"))
      return pair.count == 2 ? Int(pair[1]).map { Kind(abbreviation: pair[0], offset: $0) } : nil
    }
    var changes: [(at: Int, kind: Int)] = []
    var last = 0
    for change in parts[2].parts(separatedBy: UInt8(ascii: " ")) {
      let pair = change.parts(separatedBy: UInt8(ascii: "."))
      guard pair.count == 2, let delta = Int(pair[0], radix: 36), let kind = Int(pair[1]), kind < kinds.count
      else { continue }
      last += delta
      changes.append((last, kind))
    }
    self.changes = changes
    rule = PosixRule(parts[3])
    guard !kinds.isEmpty else { return nil }
  }

  private static func line(_ name: String) -> String? {
    guard
      !name.utf8.contains(where: {
        $0 == UInt8(ascii: "|") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n")
      })
    else { return nil }
    for line in lines {
      let names = line.utf8.prefix { $0 != UInt8(ascii: "|") }
      if String(Substring(names)).parts(separatedBy: UInt8(ascii: " ")).contains(name) { return line }
    }
    return nil
  }

  private static let lines = TimeZoneData.text.parts(separatedBy: UInt8(ascii: "\n"))

  /// What holds at a moment, in seconds east of Greenwich.
  func offset(at seconds: Int) -> (Int, String) {
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].at <= seconds { low = middle + 1 } else { high = middle }
    }
    if low == changes.count, let rule { return rule.offset(at: seconds) }
    let kind = low == 0 ? kinds[0] : kinds[changes[low - 1].kind]
    return (kind.offset, kind.abbreviation)
  }
}

/// A rule as POSIX writes it in `TZ`: `EST5EDT,M3.2.0,M11.1.0`.
private struct PosixRule: Sendable {
  private let standard: (name: String, offset: Int)
  private let summer: (name: String, offset: Int)?
  private let start: Day?
  private let end: Day?

  private struct Day: Sendable {
    enum Form: Sendable {
      /// Of 365, without 29 February.
      case julian(Int)
      case zeroBased(Int)
      case week(month: Int, week: Int, day: Int)
    }
    let form: Form
    let second: Int
  }

  init?(_ text: String) {
    var reader = Reader(Array(text.utf8))
    guard let name = reader.name(), let offset = reader.offset() else { return nil }
    standard = (name, -offset)
    guard let summerName = reader.name() else {
      summer = nil
      start = nil
      end = nil
      return
    }
    let summerOffset = reader.peek.map { $0 != UInt8(ascii: ",") } == true ? reader.offset() : nil
    summer = (summerName, summerOffset.map { -$0 } ?? standard.offset + 3600)
    guard reader.take(","), let first = reader.day(), reader.take(","), let second = reader.day() else {
      return nil
    }
    start = first
    end = second
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ mark: Unicode.Scalar) -> Bool {
      guard peek == UInt8(ascii: mark) else { return false }
      position += 1
      return true
    }

    mutating func name() -> String? {
      let start = position
      if take("<") {
        while let byte = peek, byte != UInt8(ascii: ">") { _ = byte; position += 1 }
        guard take(">") else { return nil }
        return String(decoding: bytes[(start + 1)..<(position - 1)], as: UTF8.self)
      }
      while let byte = peek, byte | 0x20 >= UInt8(ascii: "a"), byte | 0x20 <= UInt8(ascii: "z") {
        position += 1
      }
      return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    mutating func number() -> Int? {
      let start = position
      while let byte = peek, Lexer.isDigit(byte) { position += 1 }
      return Int(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    mutating func offset() -> Int? {
      let sign = take("-") ? -1 : 1
      _ = take("+")
      guard var seconds = number().map({ $0 * 3600 }) else { return nil }
      if take(":"), let minutes = number() { seconds += minutes * 60 }
      if take(":"), let rest = number() { seconds += rest }
      return sign * seconds
    }

    mutating func day() -> Day? {
      let form: Day.Form
      if take("M") {
        guard let month = number(), take("."), let week = number(), take("."), let day = number() else {
          return nil
        }
        form = .week(month: month, week: week, day: day)
      } else if take("J") {
        guard let day = number() else { return nil }
        form = .julian(day)
      } else {
        guard let day = number() else { return nil }
        form = .zeroBased(day)
      }
      return Day(form: form, second: take("/") ? offset() ?? 7200 : 7200)
    }
  }

  func offset(at seconds: Int) -> (Int, String) {
    guard let summer, let start, let end else { return (standard.offset, standard.name) }
    let year = CivilCalendar.date((seconds + standard.offset).dividedDown(by: 86_400)).year
    let begins = PosixRule.moment(start, year) - standard.offset
    let ends = PosixRule.moment(end, year) - summer.offset
    let isSummer = begins < ends ? seconds >= begins && seconds < ends : seconds >= begins || seconds < ends
    return isSummer ? (summer.offset, summer.name) : (standard.offset, standard.name)
  }

  private static func moment(_ day: Day, _ year: Int) -> Int {
    let first = CivilCalendar.days(year: year, month: 1, day: 1)
    let days: Int
    switch day.form {
    case .zeroBased(let count): days = first + count
    case .julian(let count):
      let isLeap = CivilCalendar.length(year: year, month: 2) == 29
      days = first + count - 1 + (isLeap && count >= 60 ? 1 : 0)
    case .week(let month, let week, let weekday):
      let monthStart = CivilCalendar.days(year: year, month: month, day: 1)
      let ahead = (weekday - Calendar.weekday(monthStart) + 7) % 7
      var day = monthStart + ahead + 7 * (week - 1)
      while day >= monthStart + CivilCalendar.length(year: year, month: month) { day -= 7 }
      days = day
    }
    return days * 86_400 + day.second
  }
}
