/// A set of Unicode scalars as ranges, ascending.
struct CharacterClass: Sendable, Equatable {
  private(set) var ranges: [ClosedRange<UInt32>]

  static let last: UInt32 = 0x10FFFF
  static let any = CharacterClass([0...last])
  static let digits = CharacterClass([48...57])
  static let word = CharacterClass([48...57, 65...90, 95...95, 97...122])
  static let space = CharacterClass([9...10, 12...13, 32...32])

  init(_ unordered: [ClosedRange<UInt32>]) {
    var out: [ClosedRange<UInt32>] = []
    for range in unordered.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let previous = out.last, range.lowerBound <= previous.upperBound &+ 1 {
        out[out.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
      } else {
        out.append(range)
      }
    }
    ranges = out
  }

  init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  func contains(_ scalar: UInt32) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar {
        low = middle + 1
      } else if ranges[middle].lowerBound > scalar {
        high = middle
      } else {
        return true
      }
    }
    return false
  }

  func union(_ other: CharacterClass) -> CharacterClass { CharacterClass(ranges + other.ranges) }

  var inverted: CharacterClass {
    var out: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { out.append(next...(range.lowerBound - 1)) }
      next = range.upperBound + 1
    }
    if next <= Self.last { out.append(next...Self.last) }
    return CharacterClass(out)
  }

  /// With the other case of every letter: ASCII's, and what Unicode maps to one scalar.
  var folded: CharacterClass {
    var out = ranges
    for range in ranges {
      // Ranges of all of Unicode have both cases already.
      guard range.count < 4096 else { continue }
      for value in range {
        guard let scalar = Unicode.Scalar(value) else { continue }
        for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
          let mapped = text.unicodeScalars
          if mapped.count == 1, let other = mapped.first?.value, other != value { out.append(other...other) }
        }
      }
    }
    return CharacterClass(out)
  }
}

/// Unicode's general categories, from the standard library's tables.
enum UnicodeClasses {
  static func named(_ name: String) -> CharacterClass? {
    if name == "Any" { return .any }
    guard let categories = categories[name] else { return nil }
    var ranges: [ClosedRange<UInt32>] = []
    for value in UInt32(0)...CharacterClass.last {
      guard let scalar = Unicode.Scalar(value), categories.contains(scalar.properties.generalCategory) else {
        continue
      }
      if let last = ranges.last, last.upperBound + 1 == value {
        ranges[ranges.count - 1] = last.lowerBound...value
      } else {
        ranges.append(value...value)
      }
    }
    return CharacterClass(ranges)
  }

  private static let categories: [String: [Unicode.GeneralCategory]] = {
    let single: [String: Unicode.GeneralCategory] = [
      "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter,
      "Lo": .otherLetter, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark,
      "Nd": .decimalNumber,
      "Nl": .letterNumber, "No": .otherNumber, "Pc": .connectorPunctuation, "Pd": .dashPunctuation,
      "Ps": .openPunctuation, "Pe": .closePunctuation, "Pi": .initialPunctuation, "Pf": .finalPunctuation,
      "Po": .otherPunctuation, "Sm": .mathSymbol, "Sc": .currencySymbol, "Sk": .modifierSymbol,
      "So": .otherSymbol, "Zs": .spaceSeparator, "Zl": .lineSeparator, "Zp": .paragraphSeparator,
      "Cc": .control,
      "Cf": .format, "Cs": .surrogate, "Co": .privateUse,
    ]
    var out = single.mapValues { [$0] }
    for (name, category) in single { out[String(name.prefix(1)), default: []].append(category) }
    return out
  }()
}
