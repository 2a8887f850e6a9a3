/// The formats that are asserted, each strictly.
enum Format: String, CaseIterable, Sendable {
  /// RFC 3339 §5.6 with `T` and an offset or `Z`; no leap second.
  case dateTime = "date-time"
  /// RFC 3339 `full-date`.
  case date
  /// RFC 9562 text form, either case.
  case uuid
  /// Four decimal numbers, none with a leading zero.
  case ipv4
  /// RFC 1123 §2.1: labels of letters, digits and inner hyphens, at most 253 bytes.
  case hostname

  func matches(_ text: String) -> Bool {
    let bytes = Array(text.utf8.prefix(256))
    guard bytes.count < 256 else { return false }
    return switch self {
    case .dateTime: isDateTime(bytes[...])
    case .date: isDate(bytes[...])
    case .uuid: isUUID(bytes)
    case .ipv4: isIPv4(bytes)
    case .hostname: isHostname(bytes)
    }
  }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

private func number(_ bytes: ArraySlice<UInt8>) -> Int? {
  guard !bytes.isEmpty, bytes.count <= 9, bytes.allSatisfy(isDigit) else { return nil }
  return bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
}

private func isDate(_ bytes: ArraySlice<UInt8>) -> Bool {
  let start = bytes.startIndex
  guard bytes.count == 10, bytes[start + 4] == UInt8(ascii: "-"), bytes[start + 7] == UInt8(ascii: "-"),
    let year = number(bytes[start..<(start + 4)]), let month = number(bytes[(start + 5)..<(start + 7)]),
    let day = number(bytes[(start + 8)...]), (1...12).contains(month)
  else { return false }
  let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return (1...days[month - 1]).contains(day)
}

private func isClock(_ bytes: ArraySlice<UInt8>, seconds: Bool) -> Bool {
  let start = bytes.startIndex
  guard bytes.count == (seconds ? 8 : 5), bytes[start + 2] == UInt8(ascii: ":"),
    let hour = number(bytes[start..<(start + 2)]), hour < 24,
    let minute = number(bytes[(start + 3)..<(start + 5)]), minute < 60
  else { return false }
  guard seconds else { return true }
  guard bytes[start + 5] == UInt8(ascii: ":"), let second = number(bytes[(start + 6)...]) else {
    return false
  }
  return second < 60
}

private func isDateTime(_ bytes: ArraySlice<UInt8>) -> Bool {
  guard bytes.count >= 20, isDate(bytes[..<10]), bytes[10] == UInt8(ascii: "T"),
    isClock(bytes[11..<19], seconds: true)
  else { return false }
  var rest = bytes[19...]
  if rest.first == UInt8(ascii: ".") {
    let digits = rest.dropFirst().prefix(while: isDigit)
    guard (1...9).contains(digits.count) else { return false }
    rest = rest.dropFirst(digits.count + 1)
  }
  switch rest.first {
  case UInt8(ascii: "Z"): return rest.count == 1
  case UInt8(ascii: "+"), UInt8(ascii: "-"): return isClock(rest.dropFirst(), seconds: false)
  default: return false
  }
}

private func isUUID(_ bytes: [UInt8]) -> Bool {
  guard bytes.count == 36 else { return false }
  for (position, byte) in bytes.enumerated() {
    if [8, 13, 18, 23].contains(position) {
      guard byte == UInt8(ascii: "-") else { return false }
    } else {
      let lower = byte | 0x20
      guard isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lower) else { return false }
    }
  }
  return true
}

private func isIPv4(_ bytes: [UInt8]) -> Bool {
  let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  return parts.count == 4
    && parts.allSatisfy { part in
      guard let value = number(part), part.count <= 3 else { return false }
      return value <= 255 && (part.count == 1 || part.first != UInt8(ascii: "0"))
    }
}

private func isHostname(_ bytes: [UInt8]) -> Bool {
  guard (1...253).contains(bytes.count) else { return false }
  return bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
    guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
    else { return false }
    return label.allSatisfy { byte in
      isDigit(byte) || byte == UInt8(ascii: "-")
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
  }
}
