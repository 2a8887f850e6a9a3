/// Lower-case hexadecimal.
public enum Hex {
  /// Two characters a byte.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    String(unsafeUninitializedCapacity: 2 * bytes.count) { out in
      var position = 0
      for byte in bytes {
        out[position] = digit(byte >> 4)
        out[position + 1] = digit(byte & 15)
        position += 2
      }
      return position
    }
  }

  private static func digit(_ nibble: UInt8) -> UInt8 {
    nibble + (nibble < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
  }

  /// The bytes, or nil where the text has an odd length or a character other than `0-9a-f`.
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 2 == 0 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(characters.count / 2)
    for position in stride(from: 0, to: characters.count, by: 2) {
      guard let high = nibble(characters[position]), let low = nibble(characters[position + 1])
      else { return nil }
      out.append(high << 4 | low)
    }
    return out
  }

  private static func nibble(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// Base64 with padding, RFC 4648 §4; the decoder accepts the canonical form only.
public enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 255, count: 256)
    for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
    return table
  }()

  /// The encoded text, padded with `=`.
  public static func encode(_ bytes: [UInt8]) -> String {
    let alphabet = alphabet
    return String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { out in
      var next = 0
      for position in stride(from: 0, to: bytes.count, by: 3) {
        let left = bytes.count - position
        let first = bytes[position]
        let second = left > 1 ? bytes[position + 1] : 0
        let third = left > 2 ? bytes[position + 2] : 0
        out[next] = alphabet[Int(first >> 2)]
        out[next + 1] = alphabet[Int((first & 3) << 4 | second >> 4)]
        out[next + 2] = left > 1 ? alphabet[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "=")
        out[next + 3] = left > 2 ? alphabet[Int(third & 63)] : UInt8(ascii: "=")
        next += 4
      }
      return next
    }
  }

  /// The bytes, or nil where the text is not the one encoding of them (length, alphabet, padding,
  /// leftover bits).
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(characters.count / 4 * 3)
    for position in stride(from: 0, to: characters.count, by: 4) {
      let last = position + 4 == characters.count
      var padding = 0
      if last, characters[position + 3] == UInt8(ascii: "=") {
        padding = characters[position + 2] == UInt8(ascii: "=") ? 2 : 1
      }
      var word: UInt32 = 0
      for offset in 0..<(4 - padding) {
        let value = values[Int(characters[position + offset])]
        guard value != 255 else { return nil }
        word |= UInt32(value) << UInt32(18 - 6 * offset)
      }
      switch padding {
      case 2: guard word & 0xFFFF == 0 else { return nil }
      case 1: guard word & 0xFF == 0 else { return nil }
      default: break
      }
      out.append(UInt8(truncatingIfNeeded: word >> 16))
      if padding < 2 { out.append(UInt8(truncatingIfNeeded: word >> 8)) }
      if padding < 1 { out.append(UInt8(truncatingIfNeeded: word)) }
    }
    return out
  }
}

extension String {
  /// The parts between `separator`s, empty ones too: by bytes, which costs far less than by characters.
  public func parts(separatedBy separator: UInt8) -> [String] {
    var text = self
    return text.withUTF8 { bytes in
      var parts: [String] = []
      var start = 0
      for position in bytes.indices where bytes[position] == separator {
        parts.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self))
        start = position + 1
      }
      parts.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start...]), as: UTF8.self))
      return parts
    }
  }

  /// What follows `prefix`; nil where the text does not begin with it, byte for byte.
  public func rest(after prefix: StaticString) -> String? {
    let count = prefix.utf8CodeUnitCount
    let start = UnsafeBufferPointer(start: prefix.utf8Start, count: count)
    guard utf8.count >= count, utf8.prefix(count).elementsEqual(start) else { return nil }
    return String(Substring(utf8.dropFirst(count)))
  }
}
