import Canonical

/// Text that reads otherwise to people than to machines (INV-013, T1.1): before outside text becomes an instruction it has
/// to be normalised, and whoever approves must see what runs.
enum HiddenText {
  /// The first scalar of a name or text in a value that has no place in an instruction: a control character other than tab
  /// and line ends, an override or isolate of the direction of writing, a tag, or half of what is no character.
  static func first(in value: JSON) -> Unicode.Scalar? {
    switch value {
    case .null, .bool, .number: return nil
    case .string(let text): return first(in: text)
    case .array(let elements): return elements.lazy.compactMap(first).first
    case .object(let object):
      for member in object.members {
        if let found = first(in: member.name) ?? first(in: member.value) { return found }
      }
      return nil
    }
  }

  private static func first(in text: String) -> Unicode.Scalar? { text.unicodeScalars.first(where: isHidden) }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0x00..<0x20, 0x7F..<0xA0: true
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x206F: true
    case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
    default: false
    }
  }

  /// Its number, as Unicode writes it.
  static func name(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
