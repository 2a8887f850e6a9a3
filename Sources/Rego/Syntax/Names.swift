// Every name in a tree, for what is asked of a module as it is written.
extension Term {
  /// Calls `visit` with each variable, and with the first name of each call; those of inner bodies too.
  func forEachName(_ visit: (String, Location) -> Void) {
    switch self {
    case .value: break
    case .variable(let name, let location): visit(name, location)
    case .reference(let head, let path, _):
      head.forEachName(visit)
      for part in path { part.forEachName(visit) }
    case .call(let name, let arguments, let location):
      visit(String(name.prefix { $0 != "." }), location)
      for argument in arguments { argument.forEachName(visit) }
    case .array(let terms), .set(let terms): for term in terms { term.forEachName(visit) }
    case .object(let members):
      for member in members {
        member.key.forEachName(visit)
        member.value.forEachName(visit)
      }
    case .arrayComprehension(let head, let body, _), .setComprehension(let head, let body, _):
      head.forEachName(visit)
      body.forEachName(visit)
    case .objectComprehension(let key, let value, let body, _):
      key.forEachName(visit)
      value.forEachName(visit)
      body.forEachName(visit)
    case .template(let pieces, _):
      for case .expression(let term, let modifiers) in pieces {
        term.forEachName(visit)
        for modifier in modifiers { modifier.forEachName(visit) }
      }
    }
  }
}

extension With {
  func forEachName(_ visit: (String, Location) -> Void) {
    target.forEachName(visit)
    value.forEachName(visit)
  }
}

extension Body {
  func forEachName(_ visit: (String, Location) -> Void) {
    for expression in expressions { expression.forEachName(visit) }
  }
}

extension Expression {
  func forEachName(_ visit: (String, Location) -> Void) {
    switch kind {
    case .term(let term): term.forEachName(visit)
    case .unify(let left, let right), .assign(let left, let right):
      left.forEachName(visit)
      right.forEachName(visit)
    case .declare(let names): for name in names { visit(name, location) }
    case .some(let key, let value, let domain):
      key?.forEachName(visit)
      value.forEachName(visit)
      domain.forEachName(visit)
    case .every(let key, let value, let domain, let body):
      key?.forEachName(visit)
      value.forEachName(visit)
      domain.forEachName(visit)
      body.forEachName(visit)
    case .not(let body, _): body.forEachName(visit)
    }
    for modifier in with { modifier.forEachName(visit) }
  }
}

extension Rule {
  func forEachName(_ visit: (String, Location) -> Void) {
    for part in head.path.dropFirst() { part.forEachName(visit) }
    for argument in head.arguments ?? [] { argument.forEachName(visit) }
    switch head.kind {
    case .value(let term), .contains(let term): term.forEachName(visit)
    }
    body.forEachName(visit)
    for alternative in alternatives {
      alternative.value.forEachName(visit)
      alternative.body.forEachName(visit)
    }
  }
}
