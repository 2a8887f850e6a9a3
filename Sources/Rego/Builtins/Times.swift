import Canonical

// Times are nanoseconds since 1970; a zone may stand beside one.
extension Builtins {
  static let times: [Builtin] = [
    Builtin("time.now_ns", 0) { (_, meter) throws(BuiltinError) in .int(meter.now) },
    Builtin("time.parse_ns", 2) { (a, _) throws(BuiltinError) in
      try parsed(TimeLayout(try a.string(0)), try a.string(1))
    },
    Builtin("time.parse_rfc3339_ns", 1) { (a, _) throws(BuiltinError) in
      try parsed(TimeLayout("RFC3339"), try a.string(0))
    },
    Builtin("time.parse_duration_ns", 1) { (a, _) throws(BuiltinError) in
      guard let duration = Duration.parse(try a.string(0)) else { throw .failed("invalid duration") }
      return .int(duration)
    },
    Builtin("time.date", 1) { (a, _) throws(BuiltinError) in
      let date = try time(a, 0).date
      return .array([.int(date.year), .int(date.month), .int(date.day)])
    },
    Builtin("time.clock", 1) { (a, _) throws(BuiltinError) in
      let clock = try time(a, 0).clock
      return .array([.int(clock.hour), .int(clock.minute), .int(clock.second)])
    },
    Builtin("time.weekday", 1) { (a, _) throws(BuiltinError) in
      .string(Calendar.weekdays[Calendar.weekday(try time(a, 0).days)])
    },
    Builtin("time.format", 1) { (a, _) throws(BuiltinError) in
      var layout = "RFC3339Nano"
      if case .array(let parts) = a.value(0), parts.count == 3 {
        guard case .string(let text) = parts[2] else {
          throw .operand(1, expected: "string", found: parts[2].typeName)
        }
        layout = text.isEmpty ? layout : text
      }
      return .string(TimeLayout(layout).format(try time(a, 0)))
    },
    Builtin("time.add_date", 4) { (a, _) throws(BuiltinError) in
      let start = try time(a, 0)
      let date = start.date
      let counts = [try a.int(1), try a.int(2), try a.int(3)]
      guard counts.allSatisfy({ $0.magnitude < 1 << 32 }) else {
        throw .failed("time outside of valid range")
      }
      let days =
        CivilCalendar.days(
          year: date.year + counts[0], month: date.month + counts[1], day: 1) + date.day - 1 + counts[2]
      let clock = start.clock
      let local = days * 86_400 + clock.hour * 3600 + clock.minute * 60 + clock.second
      // The same time of day in the zone, as it is there then.
      var seconds = local - start.offset
      seconds = local - start.zone.offset(at: seconds).0
      let result = ZonedTime(seconds: seconds, nanoseconds: start.nanoseconds, zone: start.zone)
      guard let total = result.total else { throw .failed("time outside of valid range") }
      return .int(total)
    },
    Builtin("time.diff", 2) { (a, _) throws(BuiltinError) in
      let one = try time(a, 0)
      let other = try time(a, 1)
      // Both in the zone of the first.
      let second = ZonedTime(seconds: other.seconds, nanoseconds: other.nanoseconds, zone: one.zone)
      let isLater = (one.seconds, one.nanoseconds) > (second.seconds, second.nanoseconds)
      return .array(difference(isLater ? second : one, isLater ? one : second).map(Value.int))
    },
  ]

  private static func parsed(_ layout: TimeLayout, _ text: String) throws(BuiltinError) -> Value {
    guard let time = layout.parse(text) else {
      throw .failed("parsing time \(Format.quoted(text)): cannot be read by its layout")
    }
    guard let total = time.total else { throw .failed("time outside of valid range") }
    return .int(total)
  }

  /// A number, or a number and a zone, which is UTC where it is left out.
  private static func time(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> ZonedTime {
    var value = a.value(position)
    var zone = TimeZone.utc
    if case .array(let parts) = value {
      guard let first = parts.first else {
        throw .argument(position + 1, "must be an array of a time and a zone")
      }
      value = first
      if parts.count > 1 {
        guard case .string(let name) = parts[1] else {
          throw .operand(position + 1, expected: "string", found: parts[1].typeName)
        }
        guard let found = TimeZone(named: name) else { throw .failed("unknown time zone \(name)") }
        zone = found
      }
    }
    guard case .number(let number) = value else {
      throw .operand(position + 1, expected: "one of {number, array}", found: value.typeName)
    }
    guard let nanoseconds = number.whole else {
      guard number.integer != nil else {
        throw .operand(position + 1, expected: "integer number", found: "floating-point number")
      }
      throw .failed("timestamp too big")
    }
    return ZonedTime(nanoseconds: nanoseconds, zone: zone)
  }

  /// Years, months, days, hours, minutes and seconds from one moment to a later one.
  private static func difference(_ from: ZonedTime, _ to: ZonedTime) -> [Int] {
    let a = from.date
    let b = to.date
    var parts = [
      b.year - a.year, b.month - a.month, b.day - a.day, to.clock.hour - from.clock.hour,
      to.clock.minute - from.clock.minute, to.clock.second - from.clock.second,
    ]
    // What is less than nothing borrows from what stands before it.
    let sizes = [12, CivilCalendar.length(year: a.year, month: a.month), 24, 60, 60]
    for position in (1...5).reversed() where parts[position] < 0 {
      parts[position] += sizes[position - 1]
      parts[position - 1] -= 1
    }
    return parts
  }

  private enum Duration {
    static func parse(_ text: String) -> Int? {
      var rest = Array(text.utf8)[...]
      var sign = 1
      if let byte = rest.first, byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
        sign = byte == UInt8(ascii: "-") ? -1 : 1
        rest = rest.dropFirst()
      }
      if rest.elementsEqual("0".utf8) { return 0 }
      guard !rest.isEmpty else { return nil }
      var total = BigInteger.zero
      while !rest.isEmpty {
        let number = rest.prefix { Lexer.isDigit($0) || $0 == UInt8(ascii: ".") }
        guard number.contains(where: Lexer.isDigit), number.count < 64,
          let decimal = Decimal(String(decoding: number, as: UTF8.self))
        else { return nil }
        rest = rest.dropFirst(number.count)
        let unit = rest.prefix { !Lexer.isDigit($0) && $0 != UInt8(ascii: ".") }
        rest = rest.dropFirst(unit.count)
        guard let size = sizes[String(decoding: unit, as: UTF8.self)] else { return nil }
        let scale = BigInteger.power(of: 10, abs(decimal.exponent))
        let amount = decimal.digits * BigInteger(size)
        total = total + (decimal.exponent < 0 ? amount.divided(by: scale).quotient : amount * scale)
      }
      return (sign < 0 ? -total : total).small
    }

    private static let sizes = [
      "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
      "h": 3_600_000_000_000,
    ]
  }
}
