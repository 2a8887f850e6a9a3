// Rules, and their bodies.
extension Parser {
  mutating func rule() throws(RegoSyntaxError) -> Rule {
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
    var alternatives: [(value: Term, body: Body, location: Location)] = []
    while isKeyword("else") {
      let place = location(token)
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
      alternatives.append((value, body, place))
    }
    let head = RuleHead(path: path, arguments: arguments, kind: kind, location: location(start))
    return Rule(
      head: head, isDefault: false, body: body, alternatives: alternatives, location: location(start))
  }

  mutating func defaultRule(_ start: Token) throws(RegoSyntaxError) -> Rule {
    let (path, arguments) = try headName()
    guard take(":=") || take("=") else { throw error("expected ':=' after a default rule's name") }
    let value = try infix()
    let head = RuleHead(path: path, arguments: arguments, kind: .value(value), location: location(start))
    return Rule(
      head: head, isDefault: true, body: Body(expressions: []), alternatives: [], location: location(start))
  }

  mutating func headName() throws(RegoSyntaxError) -> (path: [Term], arguments: [Term]?) {
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

  mutating func ruleBody() throws(RegoSyntaxError) -> Body {
    if isMark("{"), next.kind == .mark("}") {
      throw error("expected an expression in a rule's body", at: next)
    }
    if isMark("{"), let body = try braced() { return body }
    return Body(expressions: [try expression()])
  }

  /// A body in braces; nil where the braces are a set, an object or a comprehension.
  mutating func braced() throws(RegoSyntaxError) -> Body? {
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

  mutating func body(until closing: String?) throws(RegoSyntaxError) -> Body {
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

  mutating func expression() throws(RegoSyntaxError) -> Expression {
    try enter()
    defer { depth -= 1 }
    let start = token
    let kind = try expressionKind()
    return Expression(kind: kind, with: try modifiers(), location: location(start))
  }

  mutating func modifiers() throws(RegoSyntaxError) -> [With] {
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

  mutating func expressionKind() throws(RegoSyntaxError) -> Expression.Kind {
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

  mutating func some() throws(RegoSyntaxError) -> Expression.Kind {
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

  mutating func every() throws(RegoSyntaxError) -> Expression.Kind {
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
}
