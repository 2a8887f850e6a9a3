import Canonical

/// A layout as Go writes it: the way in which Mon Jan 2 15:04:05 MST 2006 would look.
struct TimeLayout {
  private enum Part {
    case text(String)
    case year(Int)
    case month(String)
    case weekday(String)
    case day(String)
    case yearDay(String)
    case hour(String)
    case minute(Int)
    case second(Int)
    /// Digits, and whether zeros at the end are written.
    case fraction(Int, isFixed: Bool, mark: String)
    case half(String)
    case zoneName
    /// Whether Greenwich is Z, whether there are colons, and how many pairs of digits.
    case offset(z: Bool, colon: Bool, pairs: Int)
  }

  private let parts: [Part]

  private static let named = [
    "ANSIC": "Mon Jan _2 15:04:05 2006", "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006", "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST", "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700", "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
  ]

  private static let tokens: [(String, Part)] = [
    ("January", .month("January")), ("Jan", .month("Jan")), ("Monday", .weekday("Monday")),
    ("Mon", .weekday("Mon")),
    ("MST", .zoneName), ("2006", .year(4)), ("__2", .yearDay("__2")), ("002", .yearDay("002")),
    ("01", .month("01")),
    ("02", .day("02")), ("03", .hour("03")), ("04", .minute(2)), ("05", .second(2)), ("06", .year(2)),
    ("_2", .day("_2")),
    ("15", .hour("15")), ("1", .month("1")), ("2", .day("2")), ("3", .hour("3")), ("4", .minute(1)),
    ("5", .second(1)),
    ("PM", .half("PM")), ("pm", .half("pm")), ("-07:00:00", .offset(z: false, colon: true, pairs: 3)),
    ("-070000", .offset(z: false, colon: false, pairs: 3)),
    ("-07:00", .offset(z: false, colon: true, pairs: 2)),
    ("-0700", .offset(z: false, colon: false, pairs: 2)), ("-07", .offset(z: false, colon: false, pairs: 1)),
    ("Z07:00:00", .offset(z: true, colon: true, pairs: 3)),
    ("Z070000", .offset(z: true, colon: false, pairs: 3)),
    ("Z07:00", .offset(z: true, colon: true, pairs: 2)), ("Z0700", .offset(z: true, colon: false, pairs: 2)),
    ("Z07", .offset(z: true, colon: false, pairs: 1)),
  ]

  init(_ layout: String) {
    var rest = Array((TimeLayout.named[layout] ?? layout).utf8)[...]
    var parts: [Part] = []
    var text: [UInt8] = []
    func flush() {
      if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
      text = []
    }
    scan: while let byte = rest.first {
      if byte == UInt8(ascii: ".") || byte == UInt8(ascii: ","), let digit = rest.dropFirst().first,
        digit == UInt8(ascii: "0") || digit == UInt8(ascii: "9")
      {
        let digits = rest.dropFirst().prefix { $0 == digit }
        let next = rest.dropFirst(1 + digits.count).first
        if next.map(Lexer.isDigit) != true {
          flush()
          let mark = String(decoding: [byte], as: UTF8.self)
          parts.append(.fraction(digits.count, isFixed: digit == UInt8(ascii: "0"), mark: mark))
          rest = rest.dropFirst(1 + digits.count)
          continue
        }
      }
      for (token, part) in TimeLayout.tokens where rest.starts(with: token.utf8) {
        // "Jan" in "January" alone, not in another word that begins so.
        if token == "Jan" || token == "Mon", let next = rest.dropFirst(3).first, next >= UInt8(ascii: "a"),
          next <= UInt8(ascii: "z")
        {
          continue
        }
        flush()
        parts.append(part)
        rest = rest.dropFirst(token.utf8.count)
        continue scan
      }
      text.append(byte)
      rest = rest.dropFirst()
    }
    flush()
    self.parts = parts
  }

  // MARK: Writing

  func format(_ time: ZonedTime) -> String {
    let date = time.date
    let clock = time.clock
    var out = ""
    for part in parts {
      switch part {
      case .text(let text): out += text
      case .year(let digits): out += digits == 4 ? padded(date.year, 4) : padded(date.year % 100, 2)
      case .month("January"): out += Calendar.months[date.month - 1]
      case .month("Jan"): out += Calendar.months[date.month - 1].prefix(3)
      case .month(let form): out += form == "01" ? padded(date.month, 2) : String(date.month)
      case .weekday(let form):
        let name = Calendar.weekdays[Calendar.weekday(time.days)]
        out += form == "Mon" ? String(name.prefix(3)) : name
      case .day("02"): out += padded(date.day, 2)
      case .day("_2"): out += (date.day < 10 ? " " : "") + String(date.day)
      case .day: out += String(date.day)
      case .yearDay(let form):
        let day = time.days - CivilCalendar.days(year: date.year, month: 1, day: 1) + 1
        out +=
          form == "002" ? padded(day, 3) : String(repeating: " ", count: 3 - String(day).count) + String(day)
      case .hour("15"): out += padded(clock.hour, 2)
      case .hour(let form):
        let hour = clock.hour % 12 == 0 ? 12 : clock.hour % 12
        out += form == "03" ? padded(hour, 2) : String(hour)
      case .minute(let digits): out += digits == 2 ? padded(clock.minute, 2) : String(clock.minute)
      case .second(let digits): out += digits == 2 ? padded(clock.second, 2) : String(clock.second)
      case .fraction(let digits, let isFixed, let mark):
        var text = String(padded(time.nanoseconds, 9).prefix(digits))
        if !isFixed { while text.hasSuffix("0") { text.removeLast() } }
        if isFixed || !text.isEmpty { out += mark + text }
      case .half(let form):
        let text = clock.hour >= 12 ? "PM" : "AM"
        out += form == "PM" ? text : UnicodeTables.lower(text)
      case .zoneName: out += time.abbreviation
      case .offset(let z, let colon, let pairs):
        if z, time.offset == 0 {
          out += "Z"
          continue
        }
        let size = time.offset.magnitude
        let groups = [Int(size / 3600), Int(size / 60 % 60), Int(size % 60)].prefix(pairs).map {
          padded($0, 2)
        }
        out += (time.offset < 0 ? "-" : "+") + groups.joined(separator: colon ? ":" : "")
      }
    }
    return out
  }

  private func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value.magnitude)
    return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  // MARK: Reading

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ text: String) -> Bool {
      guard rest.starts(with: text.utf8) else { return false }
      rest = rest.dropFirst(text.utf8.count)
      return true
    }

    mutating func number(least: Int, most: Int) -> Int? {
      let digits = rest.prefix(most).prefix(while: Lexer.isDigit)
      guard digits.count >= least else { return nil }
      rest = rest.dropFirst(digits.count)
      return Int(String(decoding: digits, as: UTF8.self))
    }

    mutating func name(of names: [String], length: Int? = nil) -> Int? {
      for (position, name) in names.enumerated() {
        let wanted = Array(UnicodeTables.lower(name).utf8.prefix(length ?? name.utf8.count))
        let there = UnicodeTables.lower(String(decoding: rest.prefix(wanted.count), as: UTF8.self))
        if Array(there.utf8) == wanted {
          rest = rest.dropFirst(wanted.count)
          return position
        }
      }
      return nil
    }

    /// A zone's name, as far as Go knows one by its look; none moves the time.
    mutating func zoneName() -> Bool {
      if take("UTC") || take("ChST") || take("MeST") { return true }
      if take("GMT") {
        _ = hours()
        return true
      }
      let letters = rest.prefix(6).prefix { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
      switch letters.count {
      case 0: return hours()
      case 3: break
      case 4, 5:
        guard letters.last == UInt8(ascii: "T") || letters.elementsEqual("WITA".utf8) else { return false }
      default: return false
      }
      rest = rest.dropFirst(letters.count)
      return true
    }

    /// A sign and hours of a day.
    private mutating func hours() -> Bool {
      guard let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else {
        return false
      }
      let digits = rest.dropFirst().prefix(while: Lexer.isDigit)
      guard let value = Int(String(decoding: digits, as: UTF8.self)), value < 24 else { return false }
      rest = rest.dropFirst(1 + digits.count)
      return true
    }

    mutating func fraction() -> Int? {
      let digits = rest.prefix(while: Lexer.isDigit)
      guard !digits.isEmpty else { return nil }
      rest = rest.dropFirst(digits.count)
      let nine = String(decoding: digits.prefix(9), as: UTF8.self)
      return Int(nine + String(repeating: "0", count: 9 - nine.utf8.count))
    }
  }

  /// What a text says; nil where it is not written so.
  func parse(_ text: String) -> ZonedTime? {
    var reader = Reader(rest: Array(text.utf8)[...])
    var year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, nanosecond = 0
    var yearDay: Int?
    var isAfternoon: Bool?
    var offset: Int?
    for part in parts {
      switch part {
      case .text(let text): guard reader.take(text) else { return nil }
      case .year(let digits):
        guard let value = reader.number(least: digits, most: digits) else { return nil }
        year = digits == 4 ? value : value >= 69 ? 1900 + value : 2000 + value
      case .month("January"):
        guard let value = reader.name(of: Calendar.months) else { return nil }
        month = value + 1
      case .month("Jan"):
        guard let value = reader.name(of: Calendar.months, length: 3) else { return nil }
        month = value + 1
      case .month(let form):
        guard let value = reader.number(least: form == "01" ? 2 : 1, most: 2), (1...12).contains(value) else {
          return nil
        }
        month = value
      case .weekday(let form):
        guard reader.name(of: Calendar.weekdays, length: form == "Mon" ? 3 : nil) != nil else { return nil }
      case .day(let form):
        if form == "_2" { _ = reader.take(" ") }
        guard let value = reader.number(least: form == "02" ? 2 : 1, most: 2) else { return nil }
        day = value
      case .yearDay(let form):
        if form == "__2" { while reader.take(" ") {} }
        guard let value = reader.number(least: form == "002" ? 3 : 1, most: 3), value >= 1 else { return nil }
        yearDay = value
      case .hour(let form):
        guard let value = reader.number(least: form == "03" ? 2 : 1, most: 2),
          value < (form == "15" ? 24 : 13)
        else { return nil }
        hour = value
      case .minute(let digits):
        guard let value = reader.number(least: digits, most: 2), value < 60 else { return nil }
        minute = value
      case .second(let digits):
        guard let value = reader.number(least: digits, most: 2), value < 60 else { return nil }
        second = value
        // A fraction may follow seconds, whether the layout says so or not.
        if !hasFraction, let byte = reader.rest.first, byte == UInt8(ascii: ".") || byte == UInt8(ascii: ","),
          reader.rest.dropFirst().first.map(Lexer.isDigit) == true
        {
          reader.rest = reader.rest.dropFirst()
          nanosecond = reader.fraction() ?? 0
        }
      case .fraction(let digits, let isFixed, _):
        guard let byte = reader.rest.first, byte == UInt8(ascii: ".") || byte == UInt8(ascii: ",") else {
          if isFixed { return nil }
          continue
        }
        reader.rest = reader.rest.dropFirst()
        if isFixed, reader.rest.prefix(while: Lexer.isDigit).count != digits { return nil }
        guard let value = reader.fraction() else { return nil }
        nanosecond = value
      case .half:
        guard let value = reader.name(of: ["AM", "PM"]) else { return nil }
        isAfternoon = value == 1
      case .zoneName:
        guard reader.zoneName() else { return nil }
        offset = offset ?? 0
      case .offset(let z, let colon, let pairs):
        if z, reader.take("Z") {
          offset = 0
          continue
        }
        guard let sign = reader.rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else {
          return nil
        }
        reader.rest = reader.rest.dropFirst()
        var total = 0
        for (position, unit) in [3600, 60, 1].prefix(pairs).enumerated() {
          if position > 0, colon, !reader.take(":") { return nil }
          guard let value = reader.number(least: 2, most: 2), value < (position == 0 ? 25 : 60) else {
            return nil
          }
          total += value * unit
        }
        offset = sign == UInt8(ascii: "-") ? -total : total
      }
    }
    guard reader.rest.isEmpty else { return nil }
    if let isAfternoon {
      if isAfternoon, hour < 12 { hour += 12 }
      if !isAfternoon, hour == 12 { hour = 0 }
    }
    var days = CivilCalendar.days(year: year, month: month, day: day)
    if let yearDay {
      days = CivilCalendar.days(year: year, month: 1, day: yearDay)
      guard CivilCalendar.date(days).year == year else { return nil }
    } else {
      guard day >= 1, day <= CivilCalendar.length(year: year, month: month) else { return nil }
    }
    let local = days * 86_400 + hour * 3600 + minute * 60 + second
    let zone = offset.map { TimeZone(offset: $0, abbreviation: $0 == 0 ? "UTC" : "") } ?? .utc
    return ZonedTime(seconds: local - (offset ?? 0), nanoseconds: nanosecond, zone: zone)
  }

  private var hasFraction: Bool { parts.contains { if case .fraction = $0 { true } else { false } } }
}
