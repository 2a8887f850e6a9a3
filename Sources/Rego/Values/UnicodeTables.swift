/// Characters by the evaluator's own tables: categories, white space, and the other case of letters, one for one as Go has it
/// (`ß` has no upper case of one letter and stays).
enum UnicodeTables {
  /// In the order of the letters A to Z, `!`, `#`, `$` and `%`, which stand for them.
  static let categories = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
    "Po", "Sm", "Sc",
    "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]

  /// Where each run of one category begins, ascending, and its category.
  private static let runs: [(start: UInt32, category: UInt8)] = {
    var out: [(start: UInt32, category: UInt8)] = []
    var start: UInt32 = 0
    var count: UInt32 = 0
    let marks = Array("!#$%".utf8)
    for byte in UnicodeData.categories.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): count = count * 36 + UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"): count = count * 36 + UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "\n"): break
      default:
        let mark = marks.firstIndex(of: byte).map { UInt8($0 + 26) }
        out.append((start, mark ?? byte - UInt8(ascii: "A")))
        start += count == 0 ? 1 : count
        count = 0
      }
    }
    return out
  }()

  /// The general category, by its number in `categories`.
  static func category(_ scalar: UInt32) -> Int {
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].start <= scalar { low = middle } else { high = middle }
    }
    return Int(runs[low].category)
  }

  /// The scalars of some categories, by their numbers.
  static func characters(in wanted: [Int]) -> CharacterClass {
    var ranges: [ClosedRange<UInt32>] = []
    for (position, run) in runs.enumerated() where wanted.contains(Int(run.category)) {
      let end = position + 1 < runs.count ? runs[position + 1].start - 1 : CharacterClass.last
      ranges.append(run.start...end)
    }
    return CharacterClass(ranges)
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  // MARK: Case

  private static func pairs(_ text: String) -> [UInt32: UInt32] {
    var out: [UInt32: UInt32] = [:]
    var first = 0
    for group in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      let numbers = group.split(separator: ".").compactMap { Int($0, radix: 36) }
      guard numbers.count == 4 else { continue }
      first += numbers[0]
      for place in 0..<numbers[1] {
        let scalar = first + place * numbers[2]
        out[UInt32(scalar)] = UInt32(scalar + numbers[3])
      }
    }
    return out
  }

  private static let upperPairs = pairs(UnicodeData.upper)
  private static let lowerPairs = pairs(UnicodeData.lower)

  static func upper(_ scalar: UInt32) -> UInt32 {
    if scalar < 0x80 { return scalar >= 97 && scalar <= 122 ? scalar - 32 : scalar }
    return upperPairs[scalar] ?? scalar
  }

  static func lower(_ scalar: UInt32) -> UInt32 {
    if scalar < 0x80 { return scalar >= 65 && scalar <= 90 ? scalar + 32 : scalar }
    return lowerPairs[scalar] ?? scalar
  }

  static func mapped(_ text: String, _ work: (UInt32) -> UInt32) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { out.append(Unicode.Scalar(work(scalar.value)) ?? scalar) }
    return String(out)
  }

  static func upper(_ text: String) -> String { mapped(text, upper) }
  static func lower(_ text: String) -> String { mapped(text, lower) }

  /// What a pattern that ignores case takes for one letter, of letters that are more than a pair by ASCII; each with all of them. The dotted and
  /// the dotless i of Turkish are letters of their own.
  private static let folds: [UInt32: [UInt32]] = {
    var groups: [UInt32: [UInt32]] = [:]
    for scalar in SetOfScalars(upperPairs, lowerPairs).ascending where scalar != 0x130 && scalar != 0x131 {
      // The upper case of a letter, and the lower case of that, names all that are one letter.
      groups[lower(upper(scalar)), default: []].append(scalar)
    }
    var out: [UInt32: [UInt32]] = [:]
    for name in groups.keys.sorted() {
      var all = groups[name] ?? []
      if name < 0x80 { all += [name, upper(name)] }
      for scalar in all { out[scalar] = all }
    }
    return out
  }()

  /// The scalar's other cases.
  static func folded(_ scalar: UInt32) -> [UInt32] {
    let own = scalar < 0x80 ? [upper(scalar), lower(scalar)] : []
    return own + (folds[scalar] ?? [])
  }

  private struct SetOfScalars {
    let ascending: [UInt32]
    init(_ upper: [UInt32: UInt32], _ lower: [UInt32: UInt32]) {
      ascending = Set(upper.flatMap { [$0.key, $0.value] } + lower.flatMap { [$0.key, $0.value] })
        .filter { $0 >= 0x80 }.sorted()
    }
  }
}
