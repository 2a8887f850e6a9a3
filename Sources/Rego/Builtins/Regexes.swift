// Regular expressions and globs.
extension Builtins {
  private static func program(_ pattern: String) throws(BuiltinError) -> RegexProgram {
    do throws(RegexError) { return try RegexProgram(pattern) } catch { throw .failed(error.message) }
  }

  private static func text(
    _ scalars: [Unicode.Scalar], _ bounds: [Int], _ group: Int
  ) -> String {
    let start = bounds[2 * group]
    let end = bounds[2 * group + 1]
    return start < 0 ? "" : String(scalars: scalars[start..<end])
  }

  static let regexes: [Builtin] = [
    Builtin("regex.is_valid", 1) { (a, _) throws(BuiltinError) in
      guard case .string(let pattern) = a.value(0) else { return .bool(false) }
      return .bool((try? RegexProgram(pattern)) != nil)
    },
    matches("regex.match"), matches("re_match"),
    Builtin("regex.find_n", 3) { (a, meter) throws(BuiltinError) in
      let program = try program(try a.string(0))
      let scalars = Array(try a.string(1).unicodeScalars)
      let found = try program.matches(scalars, limit: try a.int(2), &meter)
      return .array(found.map { .string(text(scalars, $0, 0)) })
    },
    Builtin("regex.find_all_string_submatch_n", 3) { (a, meter) throws(BuiltinError) in
      let program = try program(try a.string(0))
      let scalars = Array(try a.string(1).unicodeScalars)
      let found = try program.matches(scalars, limit: try a.int(2), &meter)
      return .array(
        found.map { bounds in
          .array((0...program.captures).map { .string(text(scalars, bounds, $0)) })
        })
    },
    Builtin("regex.split", 2) { (a, meter) throws(BuiltinError) in
      let program = try program(try a.string(0))
      let scalars = Array(try a.string(1).unicodeScalars)
      var out: [Value] = []
      var start = 0
      for bounds in try program.matches(scalars, limit: -1, &meter) {
        // A match of nothing at either end parts nothing.
        if bounds[1] == 0 || (bounds[0] == bounds[1] && bounds[0] == scalars.count) { continue }
        out.append(.string(String(scalars: scalars[start..<bounds[0]])))
        start = bounds[1]
      }
      out.append(.string(String(scalars: scalars[start...])))
      return .array(out)
    },
    Builtin("regex.replace", 3) { (a, meter) throws(BuiltinError) in
      let scalars = Array(try a.string(0).unicodeScalars)
      let program = try program(try a.string(1))
      let template = Array(try a.string(2).unicodeScalars)
      var out = ""
      var start = 0
      for bounds in try program.matches(scalars, limit: -1, &meter) {
        out += String(scalars: scalars[start..<bounds[0]])
        out += expand(template, scalars, bounds, program)
        try meter.spend(bytes: out.utf8.count / 8)
        start = bounds[1]
      }
      out += String(scalars: scalars[start...])
      try meter.spend(bytes: out.utf8.count)
      return .string(out)
    },
    Builtin("regex.template_match", 4) { (a, meter) throws(BuiltinError) in
      let template = Array(try a.string(0).unicodeScalars)
      let open = Array(try a.string(2).unicodeScalars)
      let close = Array(try a.string(3).unicodeScalars)
      guard open.count == 1, close.count == 1 else { throw .failed("delimiters must be one character long") }
      var pattern = "^"
      var level = 0
      var inner = ""
      for scalar in template {
        if scalar == open[0] {
          level += 1
          if level == 1 { continue }
        }
        if scalar == close[0] {
          level -= 1
          guard level >= 0 else { throw .failed("unbalanced braces") }
          if level == 0 {
            pattern += "(\(inner))"
            inner = ""
            continue
          }
        }
        if level > 0 { inner.unicodeScalars.append(scalar) } else { pattern += quoteMeta(String(scalar)) }
      }
      guard level == 0 else { throw .failed("unbalanced braces") }
      let program = try program(pattern + "$")
      return .bool(try program.match(Array(try a.string(1).unicodeScalars), &meter) != nil)
    },
    Builtin("regex.globs_match", 2) { (a, meter) throws(BuiltinError) in
      .bool(try GlobIntersection.isPossible(try a.string(0), try a.string(1), &meter))
    },
    Builtin("glob.quote_meta", 1) { (a, _) throws(BuiltinError) in
      var out = ""
      for scalar in try a.string(0).unicodeScalars {
        if "*?\\[]{}".unicodeScalars.contains(scalar) { out += "\\" }
        out.unicodeScalars.append(scalar)
      }
      return .string(out)
    },
    Builtin("glob.match", 3) { (a, meter) throws(BuiltinError) in
      let pattern = try a.string(0)
      var delimiters: Set<Unicode.Scalar> = []
      switch a.value(1) {
      case .null: break
      case .array(let values):
        for value in values {
          guard case .string(let text) = value else {
            throw .operand(2, expected: "array of strings", found: "array containing \(value.typeName)")
          }
          let scalars = Array(text.unicodeScalars)
          guard scalars.count == 1 else { throw .failed("delimiters must be one character long") }
          delimiters.insert(scalars[0])
        }
        if values.isEmpty { delimiters = ["."] }
      default: throw .operand(2, expected: "one of {null, array}", found: a.value(1).typeName)
      }
      let text = Array(try a.string(2).unicodeScalars)
      var parser = GlobParser(pattern, delimiters: delimiters)
      let program: RegexProgram
      do throws(RegexError) {
        program = try RegexProgram(
          .concat([.assert(.textStart), try parser.parse(), .assert(.textEnd)]), captures: 0)
      } catch {
        throw .failed(error.message)
      }
      return .bool(try program.match(text, &meter) != nil)
    },
  ]

  private static func matches(_ name: String) -> Builtin {
    Builtin(name, 2) { (a, meter) throws(BuiltinError) in
      let program = try program(try a.string(0))
      return .bool(try program.match(Array(try a.string(1).unicodeScalars), &meter) != nil)
    }
  }

  private static func quoteMeta(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      if "\\.+*?()|[]{}^$".unicodeScalars.contains(scalar) { out += "\\" }
      out.unicodeScalars.append(scalar)
    }
    return out
  }

  /// `$1`, `${1}`, `${name}` and `$$`, as Go's `Expand`.
  private static func expand(
    _ template: [Unicode.Scalar], _ scalars: [Unicode.Scalar], _ bounds: [Int], _ program: RegexProgram
  ) -> String {
    var out = ""
    var position = 0
    while position < template.count {
      let scalar = template[position]
      position += 1
      guard scalar == "$", position < template.count else {
        out.unicodeScalars.append(scalar)
        continue
      }
      if template[position] == "$" {
        out += "$"
        position += 1
        continue
      }
      let isBraced = template[position] == "{"
      var end = position + (isBraced ? 1 : 0)
      let start = end
      while end < template.count, CharacterClass.word.contains(template[end].value) { end += 1 }
      guard end > start, !isBraced || (end < template.count && template[end] == "}") else {
        out += "$"
        continue
      }
      let name = String(scalars: template[start..<end])
      position = isBraced ? end + 1 : end
      let group = Int(name) ?? program.names.first { $0.0 == name }?.1
      if let group, group <= program.captures { out += text(scalars, bounds, group) }
    }
    return out
  }
}

/// Globs: `*` and `?` stop at delimiters, `**` does not; `[a-c]`, `[!a-c]`, `{one,two}` and a backslash before any of them.
private struct GlobParser {
  private let pattern: [Unicode.Scalar]
  private var position = 0
  private let single: CharacterClass

  init(_ text: String, delimiters: Set<Unicode.Scalar>) {
    pattern = Array(text.unicodeScalars)
    single = CharacterClass(delimiters.map { $0.value...$0.value }).inverted
  }

  mutating func parse() throws(RegexError) -> RegexNode {
    let node = try sequence(inBraces: false, depth: 0)
    guard position == pattern.count else { throw RegexError(message: "unexpected end of a glob's list") }
    return node
  }

  private mutating func sequence(inBraces: Bool, depth: Int) throws(RegexError) -> RegexNode {
    guard depth < 32 else { throw RegexError(message: "glob nests too deeply") }
    var parts: [RegexNode] = []
    while position < pattern.count {
      let scalar = pattern[position]
      if inBraces, scalar == "," || scalar == "}" { break }
      position += 1
      switch scalar {
      case "*":
        if position < pattern.count, pattern[position] == "*" {
          position += 1
          parts.append(.repeat(.characters(.any), 0, nil, isGreedy: true))
        } else {
          parts.append(.repeat(.characters(single), 0, nil, isGreedy: true))
        }
      case "?": parts.append(.characters(single))
      case "[": parts.append(.characters(try list()))
      case "{":
        var branches: [RegexNode] = []
        while true {
          branches.append(try sequence(inBraces: true, depth: depth + 1))
          guard position < pattern.count else { throw RegexError(message: "expected '}' in a glob") }
          position += 1
          if pattern[position - 1] == "}" { break }
        }
        parts.append(.alternate(branches))
      case "\\" where position < pattern.count:
        parts.append(.characters(CharacterClass(pattern[position])))
        position += 1
      default: parts.append(.characters(CharacterClass(scalar)))
      }
    }
    return .concat(parts)
  }

  private mutating func list() throws(RegexError) -> CharacterClass {
    var isInverted = false
    if position < pattern.count, pattern[position] == "!" {
      isInverted = true
      position += 1
    }
    var ranges: [ClosedRange<UInt32>] = []
    while position < pattern.count, pattern[position] != "]" {
      if pattern[position] == "\\", position + 1 < pattern.count { position += 1 }
      let low = pattern[position].value
      position += 1
      if position + 1 < pattern.count, pattern[position] == "-", pattern[position + 1] != "]" {
        let high = pattern[position + 1].value
        guard low <= high else { throw RegexError(message: "a glob's range that goes down") }
        ranges.append(low...high)
        position += 2
      } else {
        ranges.append(low...low)
      }
    }
    guard position < pattern.count else { throw RegexError(message: "expected ']' in a glob") }
    position += 1
    let found = CharacterClass(ranges)
    return isInverted ? found.inverted : found
  }
}

/// Whether two patterns of characters, sets, `.`, `*` and `+` have a text in common.
private enum GlobIntersection {
  private struct Part {
    let characters: CharacterClass
    let least: Int
    let isMany: Bool
  }

  static func isPossible(_ left: String, _ right: String, _ meter: inout Meter) throws(BuiltinError) -> Bool {
    let a = try parts(left)
    let b = try parts(right)
    // Reachable pairs of places, where a part that may repeat is left or stayed at.
    var seen = Set<Int>()
    var stack = [(0, 0)]
    while let (i, j) = stack.popLast() {
      try meter.spend(steps: 1)
      guard seen.insert(i * (b.count + 1) + j).inserted else { continue }
      if i == a.count, j == b.count { return true }
      if i < a.count, a[i].least == 0 { stack.append((i + 1, j)) }
      if j < b.count, b[j].least == 0 { stack.append((i, j + 1)) }
      guard i < a.count, j < b.count, overlaps(a[i].characters, b[j].characters) else { continue }
      for nextI in a[i].isMany ? [i, i + 1] : [i + 1] {
        for nextJ in b[j].isMany ? [j, j + 1] : [j + 1] { stack.append((nextI, nextJ)) }
      }
    }
    return false
  }

  private static func overlaps(_ a: CharacterClass, _ b: CharacterClass) -> Bool {
    a.ranges.contains { x in b.ranges.contains { $0.overlaps(x) } }
  }

  private static func parts(_ text: String) throws(BuiltinError) -> [Part] {
    let scalars = Array(text.unicodeScalars)
    func fault(_ position: Int, _ what: String) -> BuiltinError {
      .failed("input:\(text), pos:\(position + 1), \(what): the input provided is invalid")
    }
    var out: [Part] = []
    var position = 0
    while position < scalars.count {
      var characters: CharacterClass
      switch scalars[position] {
      case ".": characters = .any
      case "]": throw fault(position, "set-close ']' with no preceding '['")
      case "*", "+": throw fault(position, "flag '\(scalars[position])' must be preceded by a non-flag")
      case "[":
        var ranges: [ClosedRange<UInt32>] = []
        position += 1
        while position < scalars.count, scalars[position] != "]" {
          if scalars[position] == "\\" { position += 1 }
          guard position < scalars.count else { break }
          let low = scalars[position].value
          if position + 2 < scalars.count, scalars[position + 1] == "-", scalars[position + 2] != "]" {
            let high = scalars[position + 2].value
            guard low <= high else { throw fault(position, "range goes down") }
            ranges.append(low...high)
            position += 3
          } else {
            ranges.append(low...low)
            position += 1
          }
        }
        guard position < scalars.count else { throw fault(position - 1, "found [ without matching ]") }
        characters = CharacterClass(ranges)
      case "\\" where position + 1 < scalars.count:
        position += 1
        characters = CharacterClass(scalars[position])
      default: characters = CharacterClass(scalars[position])
      }
      position += 1
      var least = 1
      var isMany = false
      if position < scalars.count, scalars[position] == "*" || scalars[position] == "+" {
        least = scalars[position] == "*" ? 0 : 1
        isMany = true
        position += 1
      }
      out.append(Part(characters: characters, least: least, isMany: isMany))
    }
    // One or more is one, and then any number.
    return out.flatMap { part in
      part.isMany && part.least == 1
        ? [
          Part(characters: part.characters, least: 1, isMany: false),
          Part(characters: part.characters, least: 0, isMany: true),
        ]
        : [part]
    }
  }
}
