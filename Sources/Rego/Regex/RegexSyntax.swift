/// Why a pattern is not one.
struct RegexError: Error, Equatable { let message: String }

/// Reads RE2's syntax. Patterns and repetitions are bounded, so that a program is.
struct RegexParser {
  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotIsAny = false
    var isUngreedy = false
  }

  private let pattern: [Unicode.Scalar]
  private var position = 0
  private var flags = Flags()
  private(set) var captures = 0
  private(set) var names: [(String, Int)] = []
  private var depth = 0

  static let maximumScalars = 16_384
  static let maximumRepeat = 1000
  static let maximumDepth = 200

  init(_ text: String) { pattern = Array(text.unicodeScalars) }

  mutating func parse() throws(RegexError) -> RegexNode {
    guard pattern.count <= Self.maximumScalars else { throw fault("pattern too long") }
    let node = try alternate()
    guard position == pattern.count else { throw fault("unexpected )") }
    return node
  }

  private func fault(_ what: String) -> RegexError {
    RegexError(message: "error parsing regexp: \(what): `\(String(scalars: pattern[...].prefix(256)))`")
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    position + ahead < pattern.count ? pattern[position + ahead] : nil
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  private mutating func alternate() throws(RegexError) -> RegexNode {
    guard depth < Self.maximumDepth else { throw fault("expression nests too deeply") }
    depth += 1
    defer { depth -= 1 }
    var branches = [try concat()]
    while take("|") { branches.append(try concat()) }
    return branches.count == 1 ? branches[0] : .alternate(branches)
  }

  private mutating func concat() throws(RegexError) -> RegexNode {
    var parts: [RegexNode] = []
    while let scalar = peek(), scalar != "|", scalar != ")" {
      guard let atom = try atom() else { continue }
      parts.append(try repeated(atom))
    }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .concat(parts)
  }

  private mutating func repeated(_ atom: RegexNode) throws(RegexError) -> RegexNode {
    var node = atom
    var count = 0
    while let (least, most) = try quantifier() {
      count += 1
      guard count == 1 else { throw fault("invalid nested repetition operator") }
      let isLazy = take("?")
      node = .repeat(node, least, most, isGreedy: isLazy == flags.isUngreedy)
    }
    return node
  }

  private mutating func quantifier() throws(RegexError) -> (Int, Int?)? {
    switch peek() {
    case "*":
      position += 1
      return (0, nil)
    case "+":
      position += 1
      return (1, nil)
    case "?":
      position += 1
      return (0, 1)
    case "{":
      let mark = position
      position += 1
      guard let least = number() else {
        position = mark
        return nil
      }
      var most: Int? = least
      if take(",") { most = number() }
      guard take("}") else {
        position = mark
        return nil
      }
      guard least <= Self.maximumRepeat, most ?? 0 <= Self.maximumRepeat, most.map({ $0 >= least }) ?? true
      else {
        throw fault("invalid repeat count")
      }
      return (least, most)
    default: return nil
    }
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek(), scalar.isDigit, (value ?? 0) < 100_000 {
      value = (value ?? 0) * 10 + Int(scalar.value - 48)
      position += 1
    }
    return value
  }

  /// Nil for what stands for nothing, as flags do.
  private mutating func atom() throws(RegexError) -> RegexNode? {
    guard let scalar = peek() else { return nil }
    position += 1
    switch scalar {
    case "(": return try group()
    case "[": return .characters(try bracket())
    case ".": return .characters(flags.dotIsAny ? .any : CharacterClass([0...9, 11...CharacterClass.last]))
    case "^": return .assert(flags.isMultiline ? .lineStart : .textStart)
    case "$": return .assert(flags.isMultiline ? .lineEnd : .textEnd)
    case "*", "+", "?": throw fault("missing argument to repetition operator")
    case "\\": return try escape()
    default:
      if scalar == "{" {
        position -= 1
        let mark = position
        if try quantifier() != nil { throw fault("missing argument to repetition operator") }
        position = mark + 1
      }
      return literal(scalar)
    }
  }

  private func literal(_ scalar: Unicode.Scalar) -> RegexNode {
    let one = CharacterClass(scalar)
    return .characters(flags.ignoresCase ? one.folded : one)
  }

  private mutating func group() throws(RegexError) -> RegexNode? {
    let outer = flags
    guard take("?") else {
      captures += 1
      let number = captures
      let inner = try alternate()
      guard take(")") else { throw fault("missing closing )") }
      flags = outer
      return .capture(inner, number)
    }
    if peek() == "P" || (peek() == "<" && peek(1) != "=" && peek(1) != "!") {
      _ = take("P")
      guard take("<") else { throw fault("invalid named capture") }
      var name = ""
      while let scalar = peek(), scalar != ">" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard take(">"), let first = name.unicodeScalars.first, !first.isDigit,
        name.unicodeScalars.allSatisfy({ CharacterClass.word.contains($0.value) })
      else { throw fault("invalid named capture") }
      guard !names.contains(where: { $0.0 == name }) else { throw fault("duplicate capture group name") }
      captures += 1
      let number = captures
      names.append((name, number))
      let inner = try alternate()
      guard take(")") else { throw fault("missing closing )") }
      flags = outer
      return .capture(inner, number)
    }
    var isOff = false
    while let scalar = peek() {
      position += 1
      switch scalar {
      case "i": flags.ignoresCase = !isOff
      case "m": flags.isMultiline = !isOff
      case "s": flags.dotIsAny = !isOff
      case "U": flags.isUngreedy = !isOff
      case "-":
        guard !isOff else { throw fault("invalid or unsupported Perl syntax") }
        isOff = true
      case ":":
        let inner = try alternate()
        guard take(")") else { throw fault("missing closing )") }
        flags = outer
        return inner
      case ")": return nil
      default: throw fault("invalid or unsupported Perl syntax")
      }
    }
    throw fault("missing closing )")
  }

  private mutating func escape() throws(RegexError) -> RegexNode {
    guard let scalar = peek() else { throw fault("trailing backslash at end of expression") }
    switch scalar {
    case "A":
      position += 1
      return .assert(.textStart)
    case "z":
      position += 1
      return .assert(.textEnd)
    case "b":
      position += 1
      return .assert(.wordBoundary)
    case "B":
      position += 1
      return .assert(.noWordBoundary)
    case "Q":
      position += 1
      var parts: [RegexNode] = []
      while let scalar = peek() {
        if scalar == "\\", peek(1) == "E" {
          position += 2
          break
        }
        parts.append(literal(scalar))
        position += 1
      }
      return .concat(parts)
    default: break
    }
    if let named = try namedClass() { return .characters(flags.ignoresCase ? named.folded : named) }
    return literal(try escapedScalar())
  }

  /// `\d`, `\pL`, `\p{Greek}` and the like; nil for anything else.
  private mutating func namedClass() throws(RegexError) -> CharacterClass? {
    guard let scalar = peek() else { return nil }
    let found: CharacterClass
    switch scalar {
    case "d": found = .digits
    case "D": found = CharacterClass.digits.inverted
    case "w": found = .word
    case "W": found = CharacterClass.word.inverted
    case "s": found = .space
    case "S": found = CharacterClass.space.inverted
    case "p", "P": return try property()
    default: return nil
    }
    position += 1
    return found
  }

  private mutating func property() throws(RegexError) -> CharacterClass {
    var isInverted = peek() == "P"
    position += 1
    var name = ""
    if take("{") {
      if take("^") { isInverted.toggle() }
      while let scalar = peek(), scalar != "}" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard take("}") else { throw fault("invalid character class range") }
    } else if let scalar = peek() {
      name = String(scalar)
      position += 1
    }
    guard let found = UnicodeClasses.named(name) else { throw fault("invalid character class range") }
    return isInverted ? found.inverted : found
  }

  private mutating func escapedScalar() throws(RegexError) -> Unicode.Scalar {
    guard let scalar = peek() else { throw fault("trailing backslash at end of expression") }
    position += 1
    switch scalar {
    case "a": return "\u{07}"
    case "f": return "\u{0C}"
    case "t": return "\t"
    case "n": return "\n"
    case "r": return "\r"
    case "v": return "\u{0B}"
    case "x":
      var digits = ""
      if take("{") {
        while let scalar = peek(), scalar != "}", digits.count < 8 {
          digits.unicodeScalars.append(scalar)
          position += 1
        }
        guard take("}") else { throw fault("invalid escape sequence") }
      } else {
        for _ in 0..<2 {
          if let scalar = peek() { digits.unicodeScalars.append(scalar) }
          position += 1
        }
      }
      guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
        throw fault("invalid escape sequence")
      }
      return scalar
    case "0"..."7":
      // Octal: one to three digits, of which a first other than zero needs a second.
      var value = scalar.value - 48
      guard scalar == "0" || (peek().map { $0 >= "0" && $0 <= "7" } ?? false) else {
        throw fault("invalid escape sequence")
      }
      for _ in 0..<2 {
        guard let next = peek(), next >= "0", next <= "7" else { break }
        value = value * 8 + next.value - 48
        position += 1
      }
      return Unicode.Scalar(value) ?? "\u{FFFD}"
    default:
      guard scalar.value < 0x80, !CharacterClass.word.contains(scalar.value) else {
        throw fault("invalid escape sequence")
      }
      return scalar
    }
  }

  private mutating func bracket() throws(RegexError) -> CharacterClass {
    let isInverted = take("^")
    var found = CharacterClass([])
    var isFirst = true
    while true {
      guard let scalar = peek() else { throw fault("missing closing ]") }
      if scalar == "]", !isFirst {
        position += 1
        break
      }
      isFirst = false
      if scalar == "[", peek(1) == ":" {
        if let named = try posixClass() {
          found = found.union(named)
          continue
        }
      }
      if scalar == "\\" {
        position += 1
        if let named = try namedClass() {
          found = found.union(named)
          continue
        }
        position -= 1
      }
      let low = try bracketScalar()
      var high = low
      if peek() == "-", let next = peek(1), next != "]" {
        position += 1
        high = try bracketScalar()
        guard low.value <= high.value else { throw fault("invalid character class range") }
      }
      found = found.union(CharacterClass([low.value...high.value]))
    }
    if flags.ignoresCase { found = found.folded }
    return isInverted ? found.inverted : found
  }

  private mutating func bracketScalar() throws(RegexError) -> Unicode.Scalar {
    guard let scalar = peek() else { throw fault("missing closing ]") }
    position += 1
    return scalar == "\\" ? try escapedScalar() : scalar
  }

  private mutating func posixClass() throws(RegexError) -> CharacterClass? {
    guard
      let end = pattern[position...].indices.first(where: {
        pattern[$0] == ":" && $0 + 1 < pattern.count && pattern[$0 + 1] == "]" && $0 > position + 1
      })
    else { return nil }
    var name = String(scalars: pattern[(position + 2)..<end])
    let isInverted = name.hasPrefix("^")
    if isInverted { name.removeFirst() }
    guard let found = POSIXClasses.named(name) else { throw fault("invalid character class range") }
    position = end + 2
    return isInverted ? found.inverted : found
  }
}
