/// Recursive descent over a module's tokens; depth is bounded.
struct Parser {
  private let tokens: [Token]
  private let file: String
  private let source: SourceLines
  private var position = 0
  private var depth = 0
  /// What braces after `not` and `if` turned out to be, by their place: nothing is tried more than once there.
  private var braces: [Int: Braces] = [:]

  private enum Braces {
    case body
    case term
    case fault(RegoSyntaxError)
  }

  static let maximumDepth = 96
  /// Operators of one kind side by side.
  static let maximumOperators = 128
  /// Of one body: to put them into order takes the square of their number.
  static let maximumExpressions = 512
  private static let keywords: Set<String> = [
    "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input", "not",
    "null", "package", "some", "true", "with",
  ]
  /// Names that may not be variables; `data` and `input` are roots.
  private static let reserved = keywords.subtracting(["data", "input", "contains", "every", "if", "in"])

  init(_ tokens: [Token], file: String, source: SourceLines) {
    self.tokens = tokens
    self.file = file
    self.source = source
  }

  // MARK: Tokens

  private var token: Token { tokens[min(position, tokens.count - 1)] }
  private var next: Token { tokens[min(position + 1, tokens.count - 1)] }
  private var previous: Token { tokens[max(0, position - 1)] }

  private func isMark(_ mark: String) -> Bool { token.kind == .mark(mark) }

  /// Whether a keyword stands here, and not a name that begins a reference (`if.x`).
  private func isKeyword(_ word: String) -> Bool {
    token.kind == .name(word) && !(next.kind == .mark(".") && next.follows == .nothing)
  }

  private mutating func take(_ mark: String) -> Bool {
    guard isMark(mark) else { return false }
    position += 1
    return true
  }

  private mutating func takeKeyword(_ word: String) -> Bool {
    guard isKeyword(word) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ mark: String, _ what: String) throws(RegoSyntaxError) {
    guard take(mark) else { throw error("expected '\(mark)' \(what)") }
  }

  private func location(_ token: Token) -> Location {
    Location(file: file, line: token.line, column: token.column)
  }

  private func error(_ message: String, at place: Token? = nil) -> RegoSyntaxError {
    let place = place ?? token
    return RegoSyntaxError(
      code: .parse, location: location(place), message: "\(message), found \(place.shown)",
      line: source.line(place.line))
  }

  private mutating func enter() throws(RegoSyntaxError) {
    guard depth < Self.maximumDepth else { throw error("expected terms no deeper than \(Self.maximumDepth)") }
    depth += 1
  }

  // MARK: Modules

  mutating func module() throws(RegoSyntaxError) -> Module {
    guard takeKeyword("package") else { throw error("expected 'package'") }
    let package = try constantPath("a package's name")
    var imports: [Import] = []
    var rules: [Rule] = []
    while token.kind != .end {
      if take(";") { continue }
      guard token.follows == .newline || previous.kind == .mark(";") else {
        throw error("expected a new line before the next rule")
      }
      if isKeyword("import") {
        if let new = try importClause() { imports.append(new) }
      } else {
        rules.append(try rule())
      }
    }
    return Module(package: package, imports: imports, rules: rules, file: file, source: source)
  }

  /// A body alone, as a query.
  mutating func query() throws(RegoSyntaxError) -> Body {
    let body = try body(until: nil)
    guard token.kind == .end else { throw error("expected the end of the query") }
    return body
  }

  /// One term alone.
  mutating func onlyTerm() throws(RegoSyntaxError) -> Term {
    let term = try infix()
    guard token.kind == .end else { throw error("expected the end of the term") }
    return term
  }

  private func limit(_ count: Int) throws(RegoSyntaxError) {
    guard count < Self.maximumDepth else {
      throw error("expected at most \(Self.maximumDepth) parts of a path")
    }
  }

  private mutating func constantPath(_ what: String) throws(RegoSyntaxError) -> [String] {
    guard case .name(let first) = token.kind else { throw error("expected \(what)") }
    position += 1
    var path = [first]
    while token.follows == .nothing {
      try limit(path.count)
      if take(".") {
        guard case .name(let part) = token.kind else { throw error("expected a name after '.'") }
        position += 1
        path.append(part)
      } else if isMark("["), case .string(let part) = next.kind {
        position += 2
        try expect("]", "after a part of a path")
        path.append(part)
      } else {
        break
      }
    }
    return path
  }

  private mutating func importClause() throws(RegoSyntaxError) -> Import? {
    let start = token
    position += 1
    let path = try constantPath("what is imported")
    guard let root = path.first, ["data", "input", "rego", "future"].contains(root) else {
      throw error("expected data, input, rego or future", at: start)
    }
    var alias = path.last ?? root
    if takeKeyword("as") {
      guard case .name(let name) = token.kind else { throw error("expected a name after 'as'") }
      position += 1
      alias = name
    }
    guard root == "data" || root == "input" else {
      guard path == ["rego", "v1"] || path.starts(with: ["future", "keywords"]) else {
        throw error("expected rego.v1 or future.keywords", at: start)
      }
      return nil
    }
    return Import(path: path, alias: alias, location: location(start))
  }

  // MARK: Rules

  private mutating func rule() throws(RegoSyntaxError) -> Rule {
    let start = token
    if isKeyword("default") {
      position += 1
      return try defaultRule(start)
    }
    let (path, arguments) = try headName()
    var kind = RuleHead.Kind.value(.value(.bool(true)))
    var hasValue = false
    if arguments == nil, isKeyword("contains"), token.follows != .nothing {
      position += 1
      kind = .contains(try infix())
      hasValue = true
    } else if take(":=") || take("=") {
      kind = .value(try infix())
      hasValue = true
    }
    var body = Body(expressions: [])
    var hasBody = false
    if takeKeyword("if") {
      body = try ruleBody()
      hasBody = true
    } else if isMark("{"), token.follows != .newline {
      throw error("expected 'if' before a rule's body")
    }
    guard hasValue || hasBody else { throw error("expected ':=', 'contains' or 'if' after a rule's name") }
    var alternatives: [(value: Term, body: Body)] = []
    while isKeyword("else") {
      position += 1
      if case .contains = kind { throw error("expected no 'else' with 'contains'", at: start) }
      var value = Term.value(.bool(true))
      var stands = false
      if take(":=") || take("=") {
        value = try infix()
        stands = true
      }
      var body = Body(expressions: [])
      if takeKeyword("if") {
        body = try ruleBody()
        stands = true
      }
      guard stands else { throw error("expected ':=' or 'if' after 'else'") }
      alternatives.append((value, body))
    }
    let head = RuleHead(path: path, arguments: arguments, kind: kind, location: location(start))
    return Rule(
      head: head, isDefault: false, body: body, alternatives: alternatives, location: location(start))
  }

  private mutating func defaultRule(_ start: Token) throws(RegoSyntaxError) -> Rule {
    let (path, arguments) = try headName()
    guard take(":=") || take("=") else { throw error("expected ':=' after a default rule's name") }
    let value = try infix()
    let head = RuleHead(path: path, arguments: arguments, kind: .value(value), location: location(start))
    return Rule(
      head: head, isDefault: true, body: Body(expressions: []), alternatives: [], location: location(start))
  }

  private mutating func headName() throws(RegoSyntaxError) -> (path: [Term], arguments: [Term]?) {
    guard case .name(let first) = token.kind else { throw error("expected a rule") }
    guard !Self.reserved.contains(first) || next.kind == .mark(".") && next.follows == .nothing else {
      throw error("expected a rule's name")
    }
    position += 1
    var path = [Term.value(.string(first))]
    while token.follows == .nothing {
      try limit(path.count)
      if take(".") {
        guard case .name(let part) = token.kind else { throw error("expected a name after '.'") }
        position += 1
        path.append(.value(.string(part)))
      } else if take("[") {
        path.append(try infix())
        try expect("]", "after a part of a rule's name")
      } else {
        break
      }
    }
    guard isMark("("), token.follows == .nothing else { return (path, nil) }
    position += 1
    return (path, try list(until: ")", "an argument"))
  }

  private mutating func ruleBody() throws(RegoSyntaxError) -> Body {
    if isMark("{"), next.kind == .mark("}") {
      throw error("expected an expression in a rule's body", at: next)
    }
    if isMark("{"), let body = try braced() { return body }
    return Body(expressions: [try expression()])
  }

  /// A body in braces; nil where the braces are a set, an object or a comprehension.
  private mutating func braced() throws(RegoSyntaxError) -> Body? {
    let start = position
    let place = token.start
    switch braces[place] {
    case .fault(let error): throw error
    case .term: return nil
    case .body, nil: break
    }
    position += 1
    do throws(RegoSyntaxError) {
      let body = try body(until: "}")
      try expect("}", "after a body")
      // `{x} == y` is an expression that begins with a set.
      if token.follows == .newline || token.kind == .end || isKeyword("else") || isKeyword("with")
        || isMark("}")
        || isMark("]") || isMark(";")
      {
        braces[place] = .body
        return body
      }
    } catch {
      let failed = position
      position = start
      // Where it reads as a term, it is one; else the body's fault is the one to tell.
      if (try? infix()) != nil {
        position = start
        braces[place] = .term
        return nil
      }
      position = failed
      braces[place] = .fault(error)
      throw error
    }
    position = start
    braces[place] = .term
    return nil
  }

  private mutating func body(until closing: String?) throws(RegoSyntaxError) -> Body {
    var expressions: [Expression] = []
    while true {
      while take(";") {}
      if let closing, isMark(closing) { break }
      if token.kind == .end { break }
      expressions.append(try expression())
      let ends = token.kind == .end || closing.map(isMark) ?? false
      guard ends || isMark(";") || token.follows == .newline else {
        throw error("expected a new line or ';' between expressions")
      }
    }
    guard !expressions.isEmpty else { throw error("expected an expression") }
    guard expressions.count <= Self.maximumExpressions else {
      throw error("expected at most \(Self.maximumExpressions) expressions in a body")
    }
    return Body(expressions: expressions)
  }

  // MARK: Expressions

  private mutating func expression() throws(RegoSyntaxError) -> Expression {
    try enter()
    defer { depth -= 1 }
    let start = token
    let kind = try expressionKind()
    return Expression(kind: kind, with: try modifiers(), location: location(start))
  }

  private mutating func modifiers() throws(RegoSyntaxError) -> [With] {
    var out: [With] = []
    while isKeyword("with") {
      let start = token
      position += 1
      let target = try infix()
      guard takeKeyword("as") else { throw error("expected 'as' after what 'with' replaces") }
      out.append(With(target: target, value: try infix(), location: location(start)))
    }
    return out
  }

  private mutating func expressionKind() throws(RegoSyntaxError) -> Expression.Kind {
    if isKeyword("not") {
      let start = token
      position += 1
      guard !isKeyword("some"), !isKeyword("every") || next.follows == .nothing else {
        throw error("expected an expression after 'not'")
      }
      if isMark("{"), let body = try braced() { return .not(body, isBody: true) }
      try enter()
      defer { depth -= 1 }
      let kind = try expressionKind()
      let inner = Expression(kind: kind, with: [], location: location(start))
      return .not(Body(expressions: [inner]), isBody: false)
    }
    if isKeyword("some") { return try some() }
    if isKeyword("every"), next.follows != .nothing, next.kind != .mark(":="), next.kind != .mark("=") {
      return try every()
    }
    let left = try infix(inList: false)
    if take(":=") { return .assign(left, try infix()) }
    if take("=") { return .unify(left, try infix()) }
    return .term(left)
  }

  private mutating func some() throws(RegoSyntaxError) -> Expression.Kind {
    let start = token
    position += 1
    var terms = [try relation()]
    while take(",") { terms.append(try relation()) }
    if takeKeyword("in") {
      guard terms.count <= 2, let value = terms.last else {
        throw error("expected a value, or a key and a value, before 'in'", at: start)
      }
      return .some(key: terms.count == 2 ? terms[0] : nil, value: value, domain: try relation())
    }
    var names: [String] = []
    for term in terms {
      guard case .variable(let name, _) = term else {
        throw error("expected names after 'some', or 'in' after them", at: start)
      }
      names.append(name)
    }
    return .declare(names)
  }

  private mutating func every() throws(RegoSyntaxError) -> Expression.Kind {
    let start = token
    position += 1
    var terms = [try relation()]
    if take(",") { terms.append(try relation()) }
    guard let value = terms.last, takeKeyword("in") else { throw error("expected 'in' after 'every'") }
    for term in terms {
      guard case .variable = term else { throw error("expected names after 'every'", at: start) }
    }
    let domain = try relation()
    try expect("{", "before the body of 'every'")
    let body = try body(until: "}")
    try expect("}", "after the body of 'every'")
    return .every(key: terms.count == 2 ? terms[0] : nil, value: value, domain: domain, body)
  }

  // MARK: Infix

  /// A term with operators. Outside of lists `a, b in c` is a membership of key and value.
  private mutating func infix(inList: Bool = true) throws(RegoSyntaxError) -> Term {
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
  private mutating func memberships(_ first: Term, _ start: Token) throws(RegoSyntaxError) -> Term {
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
  private static let operators: [String: (name: String, strength: Int)] = [
    "==": ("equal", 0), "!=": ("neq", 0), "<": ("lt", 0), "<=": ("lte", 0), ">": ("gt", 0), ">=": ("gte", 0),
    "|": ("or", 1), "&": ("and", 2), "+": ("plus", 3), "-": ("minus", 3), "*": ("mul", 4), "/": ("div", 4),
    "%": ("rem", 4),
  ]

  /// Terms with operators that bind at least so strongly; without `union` a '|' ends them.
  private mutating func relation(union: Bool = true, strength: Int = 0) throws(RegoSyntaxError) -> Term {
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

  private func limit(_ count: inout Int) throws(RegoSyntaxError) {
    count += 1
    guard count <= Self.maximumOperators else {
      throw error("expected at most \(Self.maximumOperators) operators side by side")
    }
  }

  // MARK: Terms

  private mutating func postfix() throws(RegoSyntaxError) -> Term {
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

  private func canBeFollowed(_ term: Term) -> Bool {
    switch term {
    case .value, .template: false
    case .variable, .reference, .call, .array, .object, .set, .arrayComprehension, .setComprehension,
      .objectComprehension:
      true
    }
  }

  /// The dotted name of what is called; nil for what cannot be.
  private func callName(_ head: Term, _ path: [Term]) -> String? {
    guard case .variable(let name, _) = head else { return nil }
    var parts = [name]
    for part in path {
      guard case .value(.string(let text)) = part else { return nil }
      parts.append(text)
    }
    return parts.joined(separator: ".")
  }

  private mutating func list(until closing: String, _ what: String) throws(RegoSyntaxError) -> [Term] {
    var out: [Term] = []
    while !take(closing) {
      out.append(try infix())
      if take(",") { continue }
      try expect(closing, "after \(what)")
      break
    }
    return out
  }

  private mutating func primary() throws(RegoSyntaxError) -> Term {
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
      guard case .number(let text) = token.kind, token.follows == .nothing else {
        throw error("expected a number after '-'")
      }
      position += 1
      return .value(.number(try number("-" + text, start)))
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

  private func number(_ text: String, _ token: Token) throws(RegoSyntaxError) -> Number {
    guard let number = Number(literal: text) else {
      throw error("expected a number in the range of a double", at: token)
    }
    return number
  }

  private mutating func named(_ name: String) throws(RegoSyntaxError) -> Term {
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
  private mutating func firstTerm() throws(RegoSyntaxError) -> Term {
    let start = token
    let term = try relation(union: false)
    return try memberships(term, start)
  }

  private mutating func comprehensionBody(_ closing: String) throws(RegoSyntaxError) -> Body {
    let body = try body(until: closing)
    try expect(closing, "after a comprehension")
    return body
  }

  private mutating func rest(until closing: String, after first: Term) throws(RegoSyntaxError) -> [Term] {
    guard take(",") else {
      try expect(closing, "after an element")
      return [first]
    }
    return [first] + (try list(until: closing, "an element"))
  }

  private mutating func array() throws(RegoSyntaxError) -> Term {
    let start = token
    position += 1
    if take("]") { return .array([]) }
    let first = try firstTerm()
    if take("|") { return .arrayComprehension(first, try comprehensionBody("]"), location(start)) }
    return .array(try rest(until: "]", after: first))
  }

  private mutating func setOrObject() throws(RegoSyntaxError) -> Term {
    let start = token
    position += 1
    if take("}") { return .object([]) }
    let first = try firstTerm()
    if take("|") { return .setComprehension(first, try comprehensionBody("}"), location(start)) }
    if take(":") { return try object(first, start) }
    return .set(try rest(until: "}", after: first))
  }

  private mutating func object(_ firstKey: Term, _ start: Token) throws(RegoSyntaxError) -> Term {
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

  private mutating func template(_ pieces: [TemplatePiece]) throws(RegoSyntaxError) -> [TemplateTerm] {
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

extension Module {
  /// Reads a module (Rego v1). The text is UTF-8, at most 4 MiB.
  public static func parse(_ text: String, file: String) throws(RegoSyntaxError) -> Module {
    let bytes = Array(text.utf8)
    var lexer = Lexer(bytes, file: file)
    var parser = Parser(try lexer.tokens(), file: file, source: SourceLines(bytes))
    return try parser.module()
  }
}
