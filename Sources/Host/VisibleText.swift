/// Text for a terminal in which everything can be seen.
///
/// Names, parameters and reasons are other people's. A terminal takes control characters for orders, and some
/// characters of Unicode change the order in which the others are shown, or show nothing: with these an agent could
/// have an approver read another request than the one that is signed (CVE-2021-42574 is the same trick in source
/// code). They are shown as `\u{…}`, what Swift writes for them.
public enum VisibleText {
  /// A text of several lines.
  public static func lines(_ text: String) -> String { shown(text) { $0 == "\n" } }

  /// A text within a line: its own line breaks could pass for lines of ours.
  public static func line(_ text: String) -> String { shown(text) { _ in false } }

  private static func shown(_ text: String, keeping isKept: (Unicode.Scalar) -> Bool) -> String {
    guard text.unicodeScalars.contains(where: { isHidden($0) && !isKept($0) }) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isHidden(scalar), !isKept(scalar) {
        shown.append(contentsOf: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars)
      } else {
        shown.append(scalar)
      }
    }
    return String(shown)
  }

  /// Controls, format characters (bidirectional overrides, zero-width ones, tags), line and paragraph separators,
  /// and the fillers that are letters by their category and show nothing.
  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7F: return false
    case 0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0, 0xFE00...0xFE0F, 0xE0100...0xE01EF: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
      return true
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber,
      .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol,
      .spaceSeparator:
      return false
    @unknown default: return true
    }
  }
}
