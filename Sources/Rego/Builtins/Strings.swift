// Strings are sequences of Unicode scalars, as Go's runes are.
extension Builtins {
  private static func tests(
    _ name: String, _ holds: @escaping @Sendable ([UInt8], [UInt8]) -> Bool
  ) -> Builtin {
    Builtin(name, 2) { (a, _) throws(BuiltinError) in
      .bool(holds(Array(try a.string(0).utf8), Array(try a.string(1).utf8)))
    }
  }

  private static func maps(_ name: String, _ work: @escaping @Sendable (String) -> String) -> Builtin {
    Builtin(name, 1) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      try meter.spend(bytes: text.utf8.count)
      return .string(work(text))
    }
  }

  private static func trims(
    _ name: String,
    _ work: @escaping @Sendable ([Unicode.Scalar], Set<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar>
  ) -> Builtin {
    Builtin(name, 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).unicodeScalars)
      return .string(String(scalars: work(text, Set(try a.string(1).unicodeScalars))))
    }
  }

  static let strings: [Builtin] = [
    tests("contains") { $0.position(of: $1) != nil },
    tests("startswith") { $0.starts(with: $1) },
    tests("endswith") { $0.reversed().starts(with: $1.reversed()) },
    maps("upper", UnicodeTables.upper), maps("lower", UnicodeTables.lower),
    maps("strings.reverse") { String(scalars: Array($0.unicodeScalars).reversed()[...]) },
    maps("trim_space") { text in
      let scalars = Array(text.unicodeScalars)
      return String(scalars: trim(scalars, UnicodeTables.isSpace))
    },
    trims("trim") { text, cut in trim(text) { cut.contains($0) } },
    trims("trim_left") { text, cut in text.drop { cut.contains($0) } },
    trims("trim_right") { text, cut in
      text[..<(text.lastIndex { !cut.contains($0) }.map { $0 + 1 } ?? 0)]
    },
    Builtin("trim_prefix", 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).utf8)
      let prefix = Array(try a.string(1).utf8)
      return .string(
        String(decoding: text.starts(with: prefix) ? text[prefix.count...] : text[...], as: UTF8.self))
    },
    Builtin("trim_suffix", 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).utf8)
      let suffix = Array(try a.string(1).utf8)
      let ends = text.count >= suffix.count && text.suffix(suffix.count).elementsEqual(suffix)
      return .string(String(decoding: ends ? text.dropLast(suffix.count) : text[...], as: UTF8.self))
    },
    Builtin("concat", 2) { (a, meter) throws(BuiltinError) in
      let separator = try a.string(0)
      let parts: [Value]
      switch a.value(1) {
      case .array(let values): parts = values
      case .set(let set): parts = set.elements
      default: throw .operand(2, expected: "one of {array, set}", found: a.value(1).typeName)
      }
      var texts: [String] = []
      for part in parts {
        guard case .string(let text) = part else {
          throw .operand(
            2, expected: "\(a.value(1).typeName) of strings",
            found: "\(a.value(1).typeName) containing \(part.typeName)")
        }
        try meter.spend(bytes: text.utf8.count + separator.utf8.count)
        texts.append(text)
      }
      return .string(texts.joined(separator: separator))
    },
    Builtin("split", 2) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      try meter.spend(bytes: 2 * text.utf8.count)
      return .array(split(text, try a.string(1), limit: nil).map(Value.string))
    },
    Builtin("strings.split_n", 3) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      let count = try a.int(2)
      try meter.spend(bytes: 2 * text.utf8.count)
      let parts = split(text, try a.string(1), limit: nil).map(Value.string)
      // The first so many parts; where negative, the last.
      return .array(Array(count < 0 ? parts.suffix(-max(count, -parts.count)) : parts.prefix(count)))
    },
    Builtin("replace", 3) { (a, meter) throws(BuiltinError) in
      .string(try replace(try a.string(0), try a.string(1), try a.string(2), &meter))
    },
    Builtin("strings.replace_n", 2) { (a, meter) throws(BuiltinError) in
      let patterns = try a.object(0)
      var pairs: [(old: [UInt8], new: [UInt8])] = []
      for member in patterns.members {
        guard case .string(let old) = member.key else {
          throw .argument(1, "non-string key found in pattern object")
        }
        guard case .string(let new) = member.value else {
          throw .argument(1, "non-string value found in pattern object")
        }
        pairs.append((Array(old.utf8), Array(new.utf8)))
      }
      return .string(try replaceAll(Array(try a.string(1).utf8), pairs, &meter))
    },
    Builtin("strings.count", 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).utf8)
      let part = Array(try a.string(1).utf8)
      guard !part.isEmpty else { return .int(try a.string(0).unicodeScalars.count + 1) }
      return .int(text.positions(of: part).count)
    },
    Builtin("indexof", 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).unicodeScalars)
      let part = Array(try a.string(1).unicodeScalars)
      guard !part.isEmpty else { throw .failed("empty search character") }
      return .int(text.position(of: part) ?? -1)
    },
    Builtin("indexof_n", 2) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).unicodeScalars)
      let part = Array(try a.string(1).unicodeScalars)
      guard !part.isEmpty else { throw .failed("empty search character") }
      return .array(text.positions(of: part, overlapping: true).map(Value.int))
    },
    Builtin("substring", 3) { (a, _) throws(BuiltinError) in
      let text = Array(try a.string(0).unicodeScalars)
      let offset = try a.int(1)
      let length = try a.int(2)
      guard offset >= 0 else { throw .failed("negative offset") }
      guard offset < text.count else { return .string("") }
      let rest = text[offset...]
      return .string(String(scalars: length < 0 ? rest : rest.prefix(length)))
    },
    anyMatch("strings.any_prefix_match") { $0.starts(with: $1) },
    anyMatch("strings.any_suffix_match") { $0.reversed().starts(with: $1.reversed()) },
  ]

  private static func trim(
    _ text: [Unicode.Scalar], _ isCut: (Unicode.Scalar) -> Bool
  ) -> ArraySlice<Unicode.Scalar> {
    let rest = text.drop(while: isCut)
    return rest[..<(rest.lastIndex { !isCut($0) }.map { $0 + 1 } ?? rest.startIndex)]
  }

  private static func anyMatch(
    _ name: String, _ holds: @escaping @Sendable ([UInt8], [UInt8]) -> Bool
  ) -> Builtin {
    Builtin(name, 2) { (a, meter) throws(BuiltinError) in
      let texts = try texts(a, 0)
      let bases = try Self.texts(a, 1)
      try meter.spend(steps: texts.count * bases.count)
      return .bool(texts.contains { text in bases.contains { holds(text, $0) } })
    }
  }

  private static func texts(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> [[UInt8]] {
    let values: [Value]
    switch a.value(position) {
    case .string(let text): return [Array(text.utf8)]
    case .array(let array): values = array
    case .set(let set): values = set.elements
    default:
      throw .operand(position + 1, expected: "one of {string, set, array}", found: a.value(position).typeName)
    }
    var out: [[UInt8]] = []
    for value in values {
      guard case .string(let text) = value else {
        throw .operand(
          position + 1, expected: "\(a.value(position).typeName) of strings",
          found: "\(a.value(position).typeName) containing \(value.typeName)")
      }
      out.append(Array(text.utf8))
    }
    return out
  }

  static func split(_ text: String, _ separator: String, limit: Int?) -> [String] {
    if separator.isEmpty {
      var parts = text.unicodeScalars.map { String($0) }
      if let limit, parts.count > limit {
        let rest = parts[(limit - 1)...].joined()
        parts = Array(parts[..<(limit - 1)]) + [rest]
      }
      return parts
    }
    let bytes = Array(text.utf8)
    let mark = Array(separator.utf8)
    var out: [String] = []
    var start = 0
    for position in bytes.positions(of: mark) {
      if let limit, out.count + 1 >= limit { break }
      out.append(String(decoding: bytes[start..<position], as: UTF8.self))
      start = position + mark.count
    }
    out.append(String(decoding: bytes[start...], as: UTF8.self))
    return out
  }

  private static func replace(
    _ text: String, _ old: String, _ new: String, _ meter: inout Meter
  ) throws(BuiltinError) -> String {
    if old.isEmpty {
      var out = new
      for scalar in text.unicodeScalars {
        out.unicodeScalars.append(scalar)
        out += new
      }
      try meter.spend(bytes: out.utf8.count)
      return out
    }
    return try replaceAll(Array(text.utf8), [(Array(old.utf8), Array(new.utf8))], &meter)
  }

  /// The first pattern that fits at a place is replaced, and the search goes on behind it.
  private static func replaceAll(
    _ text: [UInt8], _ pairs: [(old: [UInt8], new: [UInt8])], _ meter: inout Meter
  ) throws(BuiltinError) -> String {
    var out: [UInt8] = []
    var position = 0
    var sinceEmpty = false
    while position <= text.count {
      let fitting = pairs.first { pair in
        pair.old.isEmpty ? !sinceEmpty : text[position...].starts(with: pair.old)
      }
      if let fitting {
        try meter.spend(bytes: fitting.new.count)
        out += fitting.new
        position += fitting.old.count
        sinceEmpty = fitting.old.isEmpty
        if !fitting.old.isEmpty { continue }
      }
      guard position < text.count else { break }
      out.append(text[position])
      position += 1
      while position < text.count, text[position] & 0xC0 == 0x80 {
        out.append(text[position])
        position += 1
      }
      sinceEmpty = false
    }
    try meter.spend(bytes: out.count)
    return String(decoding: out, as: UTF8.self)
  }
}

extension String {
  init(scalars: ArraySlice<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self = String(view)
  }
}

extension Array where Element: Equatable {
  /// Where `part` begins first; nil where nowhere.
  func position(of part: [Element]) -> Int? {
    guard !part.isEmpty else { return 0 }
    guard count >= part.count else { return nil }
    for start in 0...(count - part.count) where self[start] == part[0] {
      if self[start..<(start + part.count)].elementsEqual(part) { return start }
    }
    return nil
  }

  func positions(of part: [Element], overlapping: Bool = false) -> [Int] {
    guard !part.isEmpty, count >= part.count else { return [] }
    var out: [Int] = []
    var start = 0
    while start + part.count <= count {
      if self[start] == part[0], self[start..<(start + part.count)].elementsEqual(part) {
        out.append(start)
        start += overlapping ? 1 : part.count
      } else {
        start += 1
      }
    }
    return out
  }
}
