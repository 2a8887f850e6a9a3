import Crypto

extension JSON {
  /// The canonical bytes (RFC 8785): what is hashed, signed and stored.
  public func canonicalBytes() -> [UInt8] {
    var out = CanonicalText()
    write(into: &out)
    return out.bytes
  }

  /// The canonical text.
  public var canonical: String { String(decoding: canonicalBytes(), as: UTF8.self) }

  /// SHA-256 of the canonical bytes.
  public var contentHash: Digest { SHA256.hash(canonicalBytes()) }

  /// SHA-256 over `salt` and the canonical bytes: what stands in a leaf for content that can be erased.
  public func saltedHash(_ salt: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(salt)
    hash.update(canonicalBytes())
    return hash.finalize()
  }

  fileprivate func write(into out: inout CanonicalText) {
    switch self {
    case .null: out.append("null")
    case .bool(let value): out.append(value ? "true" : "false")
    case .number(let value):
      if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
        out.append(whole)
      } else {
        out.append(plain: canonicalNumber(value))
      }
    case .string(let value): out.append(quoted: value)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      var isFirst = true
      for element in elements {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        element.write(into: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let object):
      out.append(UInt8(ascii: "{"))
      var isFirst = true
      for member in object.members {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        out.append(quoted: member.name)
        out.append(UInt8(ascii: ":"))
        member.value.write(into: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }
}

/// Canonical text as it is written: memory that grows, with room made before each part of it.
///
/// Records and cells are written several times each by every node, so this writes to memory and not to an array, which
/// would look with every byte whether it is shared.
private struct CanonicalText: ~Copyable {
  private var start: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var count = 0

  /// Room for most records and cells.
  init() {
    capacity = 1024
    start = .allocate(capacity: capacity)
  }

  deinit { start.deallocate() }

  /// What was written.
  var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  /// Makes room for `more` bytes.
  private mutating func reserve(_ more: Int) {
    guard capacity - count < more else { return }
    let larger = max(2 * capacity, count + more)
    let place = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    place.update(from: start, count: count)
    start.deallocate()
    (start, capacity) = (place, larger)
  }

  mutating func append(_ byte: UInt8) {
    reserve(1)
    start[count] = byte
    count += 1
  }

  mutating func append(_ word: StaticString) {
    reserve(word.utf8CodeUnitCount)
    (start + count).update(from: word.utf8Start, count: word.utf8CodeUnitCount)
    count += word.utf8CodeUnitCount
  }

  mutating func append(plain text: String) {
    for byte in text.utf8 { append(byte) }
  }

  mutating func append(_ value: Int64) {
    // The sign and at most 19 digits.
    reserve(20)
    if value < 0 {
      start[count] = UInt8(ascii: "-")
      count += 1
    }
    let first = count
    var rest = value.magnitude
    repeat {
      start[count] = UInt8(ascii: "0") + UInt8(rest % 10)
      count += 1
      rest /= 10
    } while rest > 0
    var digits = UnsafeMutableBufferPointer(start: start + first, count: count - first)
    digits.reverse()
  }

  /// RFC 8785 §3.2.2.2: only the quote, the backslash and control characters are escaped.
  mutating func append(quoted text: String) {
    var text = text
    text.withUTF8 { bytes in
      append(UInt8(ascii: "\""))
      var rest = UnsafeRawBufferPointer(bytes)
      while true {
        reserve(rest.count + 1)
        let plain = copyPlain(rest, to: UnsafeMutableRawPointer(start + count))
        count += plain
        guard plain < rest.count else { break }
        appendEscape(rest[plain])
        rest = UnsafeRawBufferPointer(rebasing: rest[(plain + 1)...])
      }
      append(UInt8(ascii: "\""))
    }
  }

  private mutating func appendEscape(_ byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0..<0x20: append(plain: "u00\(Hex.encode([byte]))")
    default: append(byte)
    }
  }
}

private func isEscaped(_ byte: UInt8) -> Bool {
  byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

/// Copies bytes up to one that is escaped, eight at a time, and says how many those are. `out` has room for all.
private func copyPlain(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutableRawPointer) -> Int {
  guard let start = bytes.baseAddress else { return 0 }
  let count = bytes.count
  var position = 0
  /// Takes eight bytes, which may have been taken before in part.
  func take(at place: Int) -> Bool {
    let word = (start + place).loadUnaligned(as: UInt64.self)
    if holdsEscaped(word) { return false }
    (out + place).storeBytes(of: word, as: UInt64.self)
    return true
  }
  while position + 8 <= count, take(at: position) { position += 8 }
  if position < count, position + 8 > count, count >= 8, take(at: count - 8) { return count }
  while position < count, !isEscaped(bytes[position]) {
    out.storeBytes(of: bytes[position], toByteOffset: position, as: UInt8.self)
    position += 1
  }
  return position
}

/// Whether one of eight bytes is escaped.
private func holdsEscaped(_ word: UInt64) -> Bool {
  let ones: UInt64 = 0x0101_0101_0101_0101
  // A byte's highest bit is set where the byte is below `limit` (at most 0x80). It may be set too above such a byte, and
  // nowhere else, so that whether any is set is exact.
  func below(_ limit: UInt64, _ word: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }
  let control = below(0x20, word)
  let quote = below(1, word ^ (ones &* UInt64(UInt8(ascii: "\""))))
  let backslash = below(1, word ^ (ones &* UInt64(UInt8(ascii: "\\"))))
  return (control | quote | backslash) & (ones &* 0x80) != 0
}
