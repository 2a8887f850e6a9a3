import Crypto

extension JSON {
  /// The canonical bytes (RFC 8785): what is hashed, signed and stored.
  public func canonicalBytes() -> [UInt8] {
    var out: [UInt8] = []
    // Most records and cells: what grows from nothing is copied several times.
    out.reserveCapacity(512)
    write(into: &out)
    return out
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

  private func write(into out: inout [UInt8]) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(let value):
      if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
        writeInteger(whole, into: &out)
      } else {
        out.append(contentsOf: canonicalNumber(value).utf8)
      }
    case .string(let value): writeString(value, into: &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (position, element) in elements.enumerated() {
        if position > 0 { out.append(UInt8(ascii: ",")) }
        element.write(into: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let object):
      out.append(UInt8(ascii: "{"))
      for (position, member) in object.members.enumerated() {
        if position > 0 { out.append(UInt8(ascii: ",")) }
        writeString(member.name, into: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(into: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }
}

/// RFC 8785 §3.2.2.2: only the quote, the backslash and control characters are escaped.
private func writeString(_ text: String, into out: inout [UInt8]) {
  var text = text
  out.append(UInt8(ascii: "\""))
  text.withUTF8 { bytes in
    // Runs that need no escape go over as they are.
    var start = 0
    for position in bytes.indices {
      let byte = bytes[position]
      guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
      out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
      writeEscape(byte, into: &out)
      start = position + 1
    }
    out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
  }
  out.append(UInt8(ascii: "\""))
}

private func writeEscape(_ byte: UInt8, into out: inout [UInt8]) {
  out.append(UInt8(ascii: "\\"))
  switch byte {
  case 0x08: out.append(UInt8(ascii: "b"))
  case 0x09: out.append(UInt8(ascii: "t"))
  case 0x0A: out.append(UInt8(ascii: "n"))
  case 0x0C: out.append(UInt8(ascii: "f"))
  case 0x0D: out.append(UInt8(ascii: "r"))
  case 0..<0x20: out.append(contentsOf: "u00\(Hex.encode([byte]))".utf8)
  default: out.append(byte)
  }
}

private func writeInteger(_ value: Int64, into out: inout [UInt8]) {
  if value < 0 { out.append(UInt8(ascii: "-")) }
  let start = out.count
  var rest = value.magnitude
  repeat {
    out.append(UInt8(ascii: "0") + UInt8(rest % 10))
    rest /= 10
  } while rest > 0
  out[start...].reverse()
}
