import Canonical

/// Text that reads otherwise to people than to machines (INV-013, T1.1): before outside text becomes an instruction it has
/// to be normalised, and whoever approves must see what runs.
enum HiddenText {
  /// The first scalar of a name or text in a value that has no place in an instruction: a control character other than tab
  /// and line ends, an override or isolate of the direction of writing, a tag, half of what is no character, or one that
  /// shows nothing. Joiners and selectors of a variant have a meaning after a letter or sign that has variants, once.
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

  private static func first(in text: String) -> Unicode.Scalar? {
    var before: Unicode.Scalar?
    let scalars = text.unicodeScalars
    var place = scalars.startIndex
    while place < scalars.endIndex {
      let scalar = scalars[place]
      scalars.formIndex(after: &place)
      let after = place < scalars.endIndex ? scalars[place] : nil
      if isHidden(scalar) || (isJoining(scalar) && !isBase(before, for: scalar, before: after)) {
        return scalar
      }
      before = scalar
    }
    return nil
  }

  /// Zero-width joiners and the selectors of variants.
  private static func isJoining(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x200C, 0x200D, 0xFE00...0xFE0F: true
    default: false
    }
  }

  /// Whether what stands before a joiner or selector is something that it can be for: no ASCII but in a keycap, no second
  /// one of its kind, and a joiner may follow a selector.
  private static func isBase(
    _ before: Unicode.Scalar?, for scalar: Unicode.Scalar, before after: Unicode.Scalar?
  ) -> Bool {
    guard let before else { return false }
    let isJoiner = scalar.value == 0x200C || scalar.value == 0x200D
    if before.isASCII { return scalar.value == 0xFE0F && after?.value == 0x20E3 }
    return !isJoining(before) || (isJoiner && (0xFE00...0xFE0F).contains(before.value))
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0x00..<0x20, 0x7F..<0xA0: true
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x206F: true
    case 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
    // They show nothing, or look like a space and are none.
    case 0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180F, 0x200B, 0x2028, 0x2029: true
    case 0x2060...0x2065, 0x3164, 0xFEFF, 0xFFA0, 0x1D173...0x1D17A, 0xE0080...0xE0FFF: true
    default: false
    }
  }

  /// Its number, as Unicode writes it.
  static func name(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
