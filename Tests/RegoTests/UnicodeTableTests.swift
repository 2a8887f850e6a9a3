import Testing

@testable import Rego

/// `lower`, `upper`, `trim_space`, quoted texts and the classes of regular expressions go by tables of the evaluator's own: nodes that
/// two toolchains built must not decide differently.
struct UnicodeTableTests {
  @Test("the tables are those that the evaluator's number stands for")
  func pinned() {
    // Of every scalar: its category, whether it is white space, and what it is in the other cases. FNV-1a.
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ value: UInt32) {
      for shift: UInt32 in [0, 8, 16] { digest = (digest ^ UInt64(value >> shift & 0xFF)) &* 0x100_0000_01B3 }
    }
    for value in 0...0x10FFFF as ClosedRange<UInt32> {
      mix(UInt32(UnicodeTables.category(value)))
      guard let scalar = Unicode.Scalar(value) else { continue }
      mix(UnicodeTables.isSpace(scalar) ? 1 : 0)
      mix(UnicodeTables.upper(value))
      mix(UnicodeTables.lower(value))
    }
    #expect(
      digest == 0xCB39_4621_1AE2_447D, "other tables take another number of the evaluator (Decision 016)")
  }

  @Test("they are those of the toolchain's release of Unicode, where that is the same")
  func toolchain() {
    let numbers = [
      Unicode.GeneralCategory.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter,
      .otherLetter,
      .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber,
      .connectorPunctuation,
      .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
      .otherPunctuation,
      .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol, .spaceSeparator, .lineSeparator,
      .paragraphSeparator,
      .control, .format, .surrogate, .privateUse, .unassigned,
    ]
    var newest = (major: 0, minor: 0)
    var others: [UInt32] = []
    for value in 0...0x10FFFF as ClosedRange<UInt32> {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      if let age = properties.age, age > newest { newest = age }
      func single(_ text: String) -> UInt32? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first?.value : nil
      }
      let upper = single(properties.uppercaseMapping) ?? single(properties.titlecaseMapping) ?? value
      let lower = single(properties.lowercaseMapping) ?? 0x69
      let isSame =
        numbers.firstIndex(of: properties.generalCategory) == UnicodeTables.category(value)
        && properties.isWhitespace == UnicodeTables.isSpace(scalar) && upper == UnicodeTables.upper(value)
        && lower == UnicodeTables.lower(value)
      if !isSame { others.append(value) }
    }
    // A toolchain of another release has other tables, and the evaluator keeps these.
    if "\(newest.major).\(newest.minor)" == UnicodeData.version {
      #expect(others.isEmpty, "\(others.prefix(16))")
    }
  }

  @Test(
    "each character has one other case at most, as in Go",
    arguments: [
      (#"upper("straße ŉ ﬀ ǆ ᾳ ÿµı")"#, #""STRAßE ŉ ﬀ Ǆ ᾼ ŸΜI""#), (#"lower("İ ẞ ΑΣ ÀÉ")"#, #""i ß ασ àé""#),
      (##"trim_space("\u00a0\u2003 a\u200b \u3000")"##, ##""a\u200b""##),
    ])
  func cases(term: String, text: String) throws { #expect(try TermRun.text(of: term) == text, "\(term)") }

  @Test(
    "what ignores case knows all cases of a letter, and Turkish letters for others",
    arguments: [
      ("k", "\u{212A}", true), ("\u{212A}", "K", true), ("[a-z]", "ſ", true), ("s", "ſ", true),
      ("ß", "ẞ", true),
      ("σ", "ς", true), ("É", "é", true), ("ǆ", "ǅ", true), ("i", "İ", false), ("i", "ı", false),
      ("[^k]", "\u{212A}", false),
    ])
  func folded(pattern: String, text: String, matches: Bool) throws {
    #expect(
      try TermRun.text(of: "regex.match(`(?i)^\(pattern)$`, `\(text)`)") == "\(matches)", "\(pattern) \(text)"
    )
  }
}
