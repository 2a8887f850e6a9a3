// Terms, and the operators between them.
extension Parser {
  // MARK: Infix

  /// A term with operators. Outside of lists `a, b in c` is a membership of key and value.
  mutating func infix(inList: Bool = true) throws(RegoSyntaxError) -> Term {
    try enter()
    defer { depth -= 1 }
    let start = token
    let mark = position
    var left = try relation()
    if !inList, isMark(",") {
      position += 1
      let value = try relation()
      guard takeKeyword("in") else {
        position = mark
        _ = try relation()
        throw error("expected the end of the expression")
      }
      left = .call("internal.member_3", [left, value, try relation()], location(start))
    }
    return try memberships(left, start)
  }

  /// `… in domain`, as often as it stands there.
  mutating func memberships(_ first: Term, _ start: Token) throws(RegoSyntaxError) -> Term {
    var left = first
    var count = 0
    while isKeyword("in") {
      try limit(&count)
      position += 1
      left = .call("internal.member_2", [left, try relation()], location(start))
    }
    return left
  }

  /// Operators with their functions and how strongly they bind.
  static let operators: [String: (name: String, strength: Int)] = [
    "==": ("equal", 0), "!=": ("neq", 0), "<": ("lt", 0), "<=": ("lte", 0), ">": ("gt", 0), ">=": ("gte", 0),
    "|": ("or", 1), "&": ("and", 2), "+": ("plus", 3), "-": ("minus", 3), "*": ("mul", 4), "/": ("div", 4),
    "%": ("rem", 4),
  ]

  /// Terms with operators that bind at least so strongly; without `union` a '|' ends them.
  mutating func relation(union: Bool = true, strength: Int = 0) throws(RegoSyntaxError) -> Term {
    let start = token
    var left = try postfix()
    var count = 0
    while case .mark(let mark) = token.kind, let found = Self.operators[mark], found.strength >= strength,
      union || mark != "|"
    {
      try limit(&count)
      position += 1
      let right = try relation(union: union, strength: found.strength + 1)
      left = .call(found.name, [left, right], location(start))
    }
    return left
  }

  func limit(_ count: inout Int) throws(RegoSyntaxError) {
    count += 1
    guard count <= Self.maximumOperators else {
      throw error("expected at most \(Self.maximumOperators) operators side by side")
    }
  }

  // MARK: Terms

  mutating func postfix() throws(RegoSyntaxError) -> Term {
    let start = token
    var head = try primary()
    var path: [Term] = []
    func joined() -> Term { path.isEmpty ? head : .reference(head, path, location(start)) }
    guard canBeFollowed(head) else { return head }
    while token.follows == .nothing {
      try limit(path.count)
      if isMark("."), case .name(let part) = next.kind {
        position += 2
        path.append(.value(.string(part)))
      } else if take("[") {
        path.append(try infix(inList: false))
        try expect("]", "after an index")
      } else if isMark("("), let name = callName(head, path) {
        position += 1
        head = .call(name, try list(until: ")", "an argument"), location(start))
        path = []
      } else {
        break
      }
    }
    return joined()
  }

  func canBeFollowed(_ term: Term) -> Bool {
    switch term {
    case .value, .template: false
    case .variable, .reference, .call, .array, .object, .set, .arrayComprehension, .setComprehension,
      .objectComprehension:
      true
    }
  }

  /// The dotted name of what is called; nil for what cannot be.
  func callName(_ head: Term, _ path: [Term]) -> String? {
    guard case .variable(let name, _) = head else { return nil }
    var parts = [name]
    for part in path {
      guard case .value(.string(let text)) = part else { return nil }
      parts.append(text)
    }
    return parts.joined(separator: ".")
  }

  mutating func list(until closing: String, _ what: String) throws(RegoSyntaxError) -> [Term] {
    var out: [Term] = []
    while !take(closing) {
      out.append(try infix())
      if take(",") { continue }
      try expect(closing, "after \(what)")
      break
    }
    return out
  }

  mutating func primary() throws(RegoSyntaxError) -> Term {
    try enter()
    defer { depth -= 1 }
    let start = token
    switch token.kind {
    case .number(let text):
      position += 1
      return .value(.number(try number(text, start)))
    case .string(let text):
      position += 1
      return .value(.string(text))
    case .template(let pieces):
      position += 1
      return .template(try template(pieces), location(start))
    case .name(let name): return try named(name)
    case .mark("-"):
      position += 1
      guard case .number(let text) = token.kind else { throw error("expected a number after '-'") }
      position += 1
      return .value(.number(try number(text, start, isNegative: true)))
    case .mark("("):
      position += 1
      let term = try infix(inList: false)
      try expect(")", "after a term in parentheses")
      return term
    case .mark("["): return try array()
    case .mark("{"): return try setOrObject()
    case .mark, .end: throw error("expected a term")
    }
  }

  func number(_ text: String, _ token: Token, isNegative: Bool = false) throws(RegoSyntaxError) -> Number {
    let whole = text.hasPrefix(".") ? "0" + text : text
    guard let number = Number(literal: isNegative ? "-" + whole : whole), number.isNearEnoughForPolicies
    else {
      throw error("expected a number between 2^-100000 and 2^100000, of at most 4900 digits", at: token)
    }
    return number
  }

  mutating func named(_ name: String) throws(RegoSyntaxError) -> Term {
    let start = token
    if isKeyword(name) {
      switch name {
      case "true", "false":
        position += 1
        return .value(.bool(name == "true"))
      case "null":
        position += 1
        return .value(.null)
      case "set" where next.kind == .mark("(") && next.follows == .nothing:
        position += 2
        guard take(")") else { throw error("expected ')': set() is the empty set") }
        return .value(.set(SetValue()))
      default: break
      }
      guard !Self.reserved.contains(name) else { throw error("expected a term") }
    }
    position += 1
    return .variable(name, location(start))
  }

  /// The first term of a list. What follows it says what the list is: where it is '|', a comprehension, so that a union has to stand
  /// in parentheses there. Nothing is read twice, whatever stands in what.
  mutating func firstTerm() throws(RegoSyntaxError) -> Term {
    let start = token
    let term = try relation(union: false)
    return try memberships(term, start)
  }

  mutating func comprehensionBody(_ closing: String) throws(RegoSyntaxError) -> Body {
    let body = try body(until: closing)
    try expect(closing, "after a comprehension")
    return body
  }

  mutating func rest(until closing: String, after first: Term) throws(RegoSyntaxError) -> [Term] {
    guard take(",") else {
      try expect(closing, "after an element")
      return [first]
    }
    return [first] + (try list(until: closing, "an element"))
  }

  mutating func array() throws(RegoSyntaxError) -> Term {
    let start = token
    position += 1
    if take("]") { return .array([]) }
    let first = try firstTerm()
    if take("|") { return .arrayComprehension(first, try comprehensionBody("]"), location(start)) }
    return .array(try rest(until: "]", after: first))
  }

  mutating func setOrObject() throws(RegoSyntaxError) -> Term {
    let start = token
    position += 1
    if take("}") { return .object([]) }
    let first = try firstTerm()
    if take("|") { return .setComprehension(first, try comprehensionBody("}"), location(start)) }
    if take(":") { return try object(first, start) }
    return .set(try rest(until: "}", after: first))
  }

  mutating func object(_ firstKey: Term, _ start: Token) throws(RegoSyntaxError) -> Term {
    let value = try firstTerm()
    if take("|") {
      return .objectComprehension(
        key: firstKey, value: value, try comprehensionBody("}"), location(start))
    }
    var members = [(key: firstKey, value: value)]
    while take(",") {
      if isMark("}") { break }
      let key = try infix()
      try expect(":", "after a key")
      members.append((key, try infix()))
    }
    try expect("}", "after a member")
    return .object(members)
  }

  mutating func template(_ pieces: [TemplatePiece]) throws(RegoSyntaxError) -> [TemplateTerm] {
    var out: [TemplateTerm] = []
    for piece in pieces {
      switch piece {
      case .text(let text): out.append(.text(text))
      case .expression(let tokens):
        var parser = Parser(tokens, file: file, source: source)
        parser.depth = depth + 1
        parser.braces = braces
        defer { braces = parser.braces }
        let term = try parser.infix(inList: false)
        let modifiers = try parser.modifiers()
        guard parser.token.kind == .end else {
          throw parser.error("expected '}' after a template's expression")
        }
        out.append(.expression(term, modifiers))
      }
    }
    return out
  }
}
