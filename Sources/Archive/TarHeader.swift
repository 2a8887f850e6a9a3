/// A block of 512 bytes that begins an entry of a tar archive (POSIX.1-2017 pax, "ustar"; GNU's numbers and names too).
struct TarHeader {
  static let size = 512

  let name: [UInt8]
  let mode: UInt64
  let user: UInt64
  let group: UInt64
  let length: UInt64
  let modified: Int64
  let kind: UInt8
  let linkName: [UInt8]

  /// What stands in `block`. `entry` is its number, for errors.
  init(_ block: [UInt8], entry: Int) throws(ArchiveError) {
    guard Self.checks(block) else {
      throw .tar(entry: entry, "its checksum is not that of its bytes: no tar header")
    }
    func text(_ range: Range<Int>) -> [UInt8] { Array(block[range].prefix { $0 != 0 }) }
    func number(_ range: Range<Int>, _ what: String) throws(ArchiveError) -> UInt64 {
      guard let value = Self.number(block[range]), value >= 0 else {
        throw .tar(entry: entry, "its \(what) is no number")
      }
      return UInt64(value)
    }
    mode = try number(100..<108, "mode")
    user = try number(108..<116, "user")
    group = try number(116..<124, "group")
    length = try number(124..<136, "length")
    guard let modified = Self.number(block[136..<148]) else {
      throw .tar(entry: entry, "its time is no number")
    }
    self.modified = modified
    kind = block[156]
    linkName = text(157..<257)
    let isPosix = block[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0])
    let prefix = isPosix ? text(345..<500) : []
    name = prefix.isEmpty ? text(0..<100) : prefix + [UInt8(ascii: "/")] + text(0..<100)
  }

  /// The sum of all bytes, with the sum's own place as blanks; old writers summed bytes with a sign.
  private static func checks(_ block: [UInt8]) -> Bool {
    var plain: Int64 = 8 * 32
    var signed: Int64 = 8 * 32
    for (place, byte) in block.enumerated() where !(148..<156).contains(place) {
      plain += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    guard let stated = number(block[148..<156]) else { return false }
    return stated == plain || stated == signed
  }

  /// Octal digits, blanks around them; or, with the first bit set, a number of base 256 with a sign.
  static func number(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 { return wide(field) }
    let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    guard field.drop(while: { $0 == 32 }).dropFirst(digits.count).allSatisfy({ $0 == 0 || $0 == 32 }) else {
      return nil
    }
    var value: Int64 = 0
    for digit in digits {
      guard (48...55).contains(digit) else { return nil }
      value = value << 3 | Int64(digit - 48)
    }
    return value
  }

  private static func wide(_ field: ArraySlice<UInt8>) -> Int64? {
    let isNegative = field.first.map { $0 & 0x40 != 0 } ?? false
    var value: Int64 = isNegative ? -1 : 0
    for (place, byte) in field.enumerated() {
      var byte = byte
      if place == 0 { byte = isNegative ? byte | 0x80 : byte & 0x7F }
      // Nothing that does not fit into 63 bits.
      guard value >> 55 == (isNegative ? -1 : 0) else { return nil }
      value = value << 8 | Int64(byte)
    }
    return value
  }
}
