/// Recursive descent over the code points of a regular expression.
struct PatternParser {
  private static let maximumDepth = 32
  private static let maximumCount = 256

  private let text: [Unicode.Scalar]
  private var position = 0

  init(_ source: String) { text = Array(source.unicodeScalars) }

  mutating func parse() throws(PatternError) -> PatternTree {
    let tree = try alternatives(depth: 0)
    guard position == text.count else { throw error("unmatched ')'") }
    return tree
  }

  private func error(_ what: String) -> PatternError {
    PatternError(description: "\(what), at character \(position)")
  }

  private func peek() -> Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  private mutating func alternatives(depth: Int) throws(PatternError) -> PatternTree {
    guard depth < Self.maximumDepth else { throw error("groups nested too deep") }
    let first = try sequence(depth: depth)
    guard take("|") else { return first }
    return .alternatives(first, try alternatives(depth: depth + 1))
  }

  private mutating func sequence(depth: Int) throws(PatternError) -> PatternTree {
    var parts: [PatternTree] = []
    while let scalar = peek(), scalar != "|", scalar != ")" {
      let part = try atom(depth: depth)
      parts.append(try quantified(part))
    }
    return parts.isEmpty ? .empty : .sequence(parts)
  }

  private mutating func atom(depth: Int) throws(PatternError) -> PatternTree {
    guard let scalar = peek() else { throw error("expected more") }
    position += 1
    switch scalar {
    case "^": return .start
    case "$": return .end
    case ".": return .set(Pattern.CharacterSet(ranges: [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).inverted)
    case "[": return .set(try characterClass())
    case "\\": return .set(try escape())
    case "(":
      if take("?") {
        guard take(":") else { throw error("only (?:…) may begin with (?") }
      }
      let inner = try alternatives(depth: depth + 1)
      guard take(")") else { throw error("expected ')'") }
      return inner
    case "*", "+", "?", "{", "}", "]": throw error("'\(scalar)' stands where it repeats nothing")
    default: return .set(Pattern.CharacterSet(ranges: [scalar.value...scalar.value]))
    }
  }

  private mutating func quantified(_ part: PatternTree) throws(PatternError) -> PatternTree {
    let bounds: (Int, Int?)
    switch peek() {
    case "*": bounds = (0, nil)
    case "+": bounds = (1, nil)
    case "?": bounds = (0, 1)
    case "{": bounds = try counts()
    default: return part
    }
    position += 1
    switch part {
    case .start, .end: throw error("an anchor cannot be repeated")
    case .empty, .set, .sequence, .alternatives, .repeated: break
    }
    if let next = peek(), "*+?{".unicodeScalars.contains(next) {
      throw error("a quantifier cannot follow another")
    }
    return .repeated(part, least: bounds.0, most: bounds.1)
  }

  /// Reads `{n}`, `{n,}` or `{n,m}` up to, not past, its closing brace.
  private mutating func counts() throws(PatternError) -> (Int, Int?) {
    position += 1
    let least = try count()
    var most: Int? = least
    if take(",") { most = peek() == "}" ? nil : try count() }
    guard peek() == "}", most.map({ $0 >= least }) ?? true else { throw error("expected {n}, {n,} or {n,m}") }
    return (least, most)
  }

  private mutating func count() throws(PatternError) -> Int {
    var value: Int?
    while let scalar = peek(), ("0"..."9").contains(scalar) {
      value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
      guard (value ?? 0) <= Self.maximumCount else { throw error("a count above \(Self.maximumCount)") }
      position += 1
    }
    guard let value else { throw error("expected a count") }
    return value
  }

  private mutating func characterClass() throws(PatternError) -> Pattern.CharacterSet {
    let isInverted = take("^")
    var set = Pattern.CharacterSet(ranges: [])
    while let scalar = peek(), scalar != "]" {
      let low = try classMember()
      guard peek() == "-", position + 1 < text.count, text[position + 1] != "]" else {
        set.ranges += low.ranges
        continue
      }
      position += 1
      let high = try classMember()
      guard let from = low.single, let through = high.single, from <= through else {
        throw error("a range must ascend between two characters")
      }
      set.ranges.append(from...through)
    }
    guard take("]") else { throw error("expected ']'") }
    guard !set.ranges.isEmpty else { throw error("a class must not be empty") }
    return isInverted ? set.inverted : set
  }

  private mutating func classMember() throws(PatternError) -> Pattern.CharacterSet {
    guard let scalar = peek() else { throw error("expected ']'") }
    position += 1
    if scalar == "\\" { return try escape() }
    guard scalar != "[" else { throw error("'[' must be escaped in a class") }
    return Pattern.CharacterSet(ranges: [scalar.value...scalar.value])
  }

  /// After the backslash.
  private mutating func escape() throws(PatternError) -> Pattern.CharacterSet {
    guard let scalar = peek() else { throw error("expected a character after the backslash") }
    position += 1
    let digits = Pattern.CharacterSet(ranges: [0x30...0x39])
    let words = Pattern.CharacterSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    let spaces = Pattern.CharacterSet(ranges: [0x09...0x0D, 0x20...0x20])
    switch scalar {
    case "d": return digits
    case "D": return digits.inverted
    case "w": return words
    case "W": return words.inverted
    case "s": return spaces
    case "S": return spaces.inverted
    case "n": return Pattern.CharacterSet(ranges: [0x0A...0x0A])
    case "r": return Pattern.CharacterSet(ranges: [0x0D...0x0D])
    case "t": return Pattern.CharacterSet(ranges: [0x09...0x09])
    default:
      let isPunctuation = scalar.isASCII && !words.contains(scalar.value) && scalar.value > 0x20
      guard isPunctuation else { throw error("'\\\(scalar)' is not supported") }
      return Pattern.CharacterSet(ranges: [scalar.value...scalar.value])
    }
  }
}

extension Pattern.CharacterSet {
  /// The one code point, where there is just one.
  fileprivate var single: UInt32? {
    guard ranges.count == 1, ranges[0].count == 1 else { return nil }
    return ranges[0].lowerBound
  }
}
