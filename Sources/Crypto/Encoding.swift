/// Lower-case hexadecimal.
public enum Hex {
  /// The two characters of each byte, the first of them in the lower half.
  private static let pairs: [UInt16] = (0...255).map { byte in
    UInt16(digit(UInt8(byte) >> 4)) | UInt16(digit(UInt8(byte) & 15)) << 8
  }

  /// Two characters a byte.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    let pairs = pairs
    return String(unsafeUninitializedCapacity: 2 * bytes.count) { out in
      var position = 0
      for byte in bytes {
        let pair = pairs[Int(byte)]
        out[position] = UInt8(truncatingIfNeeded: pair)
        out[position + 1] = UInt8(truncatingIfNeeded: pair >> 8)
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
    let count = text.utf8.count
    guard count % 2 == 0 else { return nil }
    var isHex = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count / 2) { out, written in
      isHex = decode(
        text,
        into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(out)[..<(count / 2)]))
      written = count / 2
    }
    return isHex ? bytes : nil
  }

  /// Fills `out` with the bytes; false, and zeros from there on, where the text is not of twice its length or has a
  /// character other than `0-9a-f`.
  static func decode(_ text: String, into out: UnsafeMutableRawBufferPointer) -> Bool {
    var text = text
    return text.withUTF8 { characters in
      guard characters.count == 2 * out.count else {
        out.initializeMemory(as: UInt8.self, repeating: 0)
        return false
      }
      for position in out.indices {
        guard let high = nibble(characters[2 * position]), let low = nibble(characters[2 * position + 1])
        else {
          UnsafeMutableRawBufferPointer(rebasing: out[position...]).initializeMemory(
            as: UInt8.self, repeating: 0)
          return false
        }
        out[position] = high << 4 | low
      }
      return true
    }
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
    var text = text
    return text.withUTF8 { characters in
      guard characters.count % 4 == 0 else { return nil }
      guard let end = characters.last else { return [] }
      let padding =
        end != UInt8(ascii: "=") ? 0 : characters[characters.count - 2] == UInt8(ascii: "=") ? 2 : 1
      let values = values
      var isEncoding = true
      let bytes = [UInt8](unsafeUninitializedCapacity: characters.count / 4 * 3) { out, written in
        // What the last four characters say less than three bytes of is read apart.
        let whole = padding == 0 ? characters.count : characters.count - 4
        for position in stride(from: 0, to: whole, by: 4) {
          let first = values[Int(characters[position])]
          let second = values[Int(characters[position + 1])]
          let third = values[Int(characters[position + 2])]
          let fourth = values[Int(characters[position + 3])]
          // Only what is no character of the alphabet has the highest bit.
          if (first | second | third | fourth) & 0x80 != 0 { isEncoding = false }
          out[written] = first << 2 | second >> 4
          out[written + 1] = second << 4 | third >> 2
          out[written + 2] = third << 6 | fourth
          written += 3
        }
        guard padding > 0 else { return }
        let first = values[Int(characters[whole])]
        let second = values[Int(characters[whole + 1])]
        let third = padding == 1 ? values[Int(characters[whole + 2])] : 0
        let leftover = padding == 1 ? third & 0x03 : second & 0x0F
        if (first | second | third) & 0x80 != 0 || leftover != 0 { isEncoding = false }
        out[written] = first << 2 | second >> 4
        written += 1
        if padding == 1 {
          out[written] = second << 4 | third >> 2
          written += 1
        }
      }
      return isEncoding ? bytes : nil
    }
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
