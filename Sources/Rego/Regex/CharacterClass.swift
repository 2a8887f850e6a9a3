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

  /// With the other cases of every letter.
  var folded: CharacterClass {
    var out = ranges
    for range in ranges {
      // Ranges of all of Unicode have every case already.
      guard range.count < 4096 else { continue }
      for value in range { out += UnicodeTables.folded(value).map { $0...$0 } }
    }
    return CharacterClass(out)
  }
}

/// Unicode's general categories, by their names in patterns.
enum UnicodeClasses {
  static func named(_ name: String) -> CharacterClass? {
    if name == "Any" { return .any }
    // One letter names all categories that begin with it; what is not assigned has no name.
    let found = UnicodeTables.categories.indices.filter { number in
      let category = UnicodeTables.categories[number]
      return category != "Cn" && (category == name || String(category.prefix(1)) == name)
    }
    return found.isEmpty ? nil : UnicodeTables.characters(in: found)
  }
}

/// The classes that POSIX names, as they stand between colons in brackets; of ASCII alone.
enum POSIXClasses {
  static func named(_ name: String) -> CharacterClass? {
    switch name {
    case "alnum": CharacterClass([48...57, 65...90, 97...122])
    case "alpha": CharacterClass([65...90, 97...122])
    case "ascii": CharacterClass([0...127])
    case "blank": CharacterClass([9...9, 32...32])
    case "cntrl": CharacterClass([0...31, 127...127])
    case "digit": .digits
    case "graph": CharacterClass([33...126])
    case "lower": CharacterClass([97...122])
    case "print": CharacterClass([32...126])
    case "punct": CharacterClass([33...47, 58...64, 91...96, 123...126])
    case "space": CharacterClass([9...13, 32...32])
    case "upper": CharacterClass([65...90])
    case "word": .word
    case "xdigit": CharacterClass([48...57, 65...70, 97...102])
    default: nil
    }
  }
}
