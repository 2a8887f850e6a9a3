/// Recursive descent over a module's tokens; depth is bounded.
struct Parser {
  let tokens: [Token]
  let file: String
  let source: SourceLines
  var position = 0
  var depth = 0
  /// What braces after `not` and `if` turned out to be, by their place: nothing is tried more than once there.
  var braces: [Int: Braces] = [:]

  enum Braces {
    case body
    case term
    case fault(RegoSyntaxError)
  }

  static let maximumDepth = 96
  /// Operators of one kind side by side.
  static let maximumOperators = 128
  /// Of one body: to put them into order takes the square of their number.
  static let maximumExpressions = 512
  static let keywords: Set<String> = [
    "as", "contains", "data", "default", "else", "every", "false", "if", "import", "in", "input", "not",
    "null", "package", "some", "true", "with",
  ]
  /// Names that may not be variables; `data` and `input` are roots.
  static let reserved = keywords.subtracting(["data", "input", "contains"])

  init(_ tokens: [Token], file: String, source: SourceLines) {
    self.tokens = tokens
    self.file = file
    self.source = source
  }

  // MARK: Tokens

  var token: Token { tokens[min(position, tokens.count - 1)] }
  var next: Token { tokens[min(position + 1, tokens.count - 1)] }
  var previous: Token { tokens[max(0, position - 1)] }

  func isMark(_ mark: String) -> Bool { token.kind == .mark(mark) }

  /// Whether a keyword stands here, and not a name that begins a reference (`if.x`).
  func isKeyword(_ word: String) -> Bool {
    token.kind == .name(word) && !(next.kind == .mark(".") && next.follows == .nothing)
  }

  mutating func take(_ mark: String) -> Bool {
    guard isMark(mark) else { return false }
    position += 1
    return true
  }

  mutating func takeKeyword(_ word: String) -> Bool {
    guard isKeyword(word) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ mark: String, _ what: String) throws(RegoSyntaxError) {
    guard take(mark) else { throw error("expected '\(mark)' \(what)") }
  }

  func location(_ token: Token) -> Location {
    Location(file: file, line: token.line, column: token.column)
  }

  func error(_ message: String, at place: Token? = nil) -> RegoSyntaxError {
    let place = place ?? token
    return RegoSyntaxError(
      code: .parse, location: location(place), message: "\(message), found \(place.shown)",
      line: source.line(place.line))
  }

  mutating func enter() throws(RegoSyntaxError) {
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

  func limit(_ count: Int) throws(RegoSyntaxError) {
    guard count < Self.maximumDepth else {
      throw error("expected at most \(Self.maximumDepth) parts of a path")
    }
  }

  mutating func constantPath(_ what: String) throws(RegoSyntaxError) -> [String] {
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

  mutating func importClause() throws(RegoSyntaxError) -> Import? {
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
