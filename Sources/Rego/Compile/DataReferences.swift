// What terms refer to under `data`.
extension Resolved {
  /// Calls `visit` with every path under `data` that the term refers to.
  func forEachReference(_ visit: ([String?]) -> Void) {
    switch self {
    case .constant, .slot: break
    case .reference(let root, let path, _):
      switch root {
      case .data:
        // No rule stands under a constant that is no string.
        var names: [String?] = []
        for part in path {
          guard case .constant(let constant) = part else {
            names.append(nil)
            continue
          }
          guard case .string(let text) = constant else { return path.forEach { $0.forEachReference(visit) } }
          names.append(text)
        }
        visit(names)
      case .term(let head): head.forEachReference(visit)
      case .input: break
      }
      for part in path { part.forEachReference(visit) }
    case .call(let callee, let terms, _):
      if case .function(let path) = callee { visit(path) }
      for term in terms { term.forEachReference(visit) }
    case .array(let terms), .set(let terms): for term in terms { term.forEachReference(visit) }
    case .object(let members):
      for member in members {
        member.key.forEachReference(visit)
        member.value.forEachReference(visit)
      }
    case .comprehension(_, let body, let key, let value, _):
      for expression in body { expression.forEachReference(visit) }
      key.forEachReference(visit)
      value.forEachReference(visit)
    case .template(let pieces, _):
      for case .expression(let body, let term) in pieces {
        for expression in body { expression.forEachReference(visit) }
        term.forEachReference(visit)
      }
    }
  }
}

extension ResolvedExpression {
  func forEachReference(_ visit: ([String?]) -> Void) {
    switch kind {
    case .term(let term): term.forEachReference(visit)
    case .unify(let left, let right):
      left.forEachReference(visit)
      right.forEachReference(visit)
    case .some(let key, let value, let domain):
      key?.forEachReference(visit)
      value.forEachReference(visit)
      domain.forEachReference(visit)
    case .every(_, _, let domain, let body):
      domain.forEachReference(visit)
      for expression in body { expression.forEachReference(visit) }
    case .not(let body, _): for expression in body { expression.forEachReference(visit) }
    }
    for modifier in with {
      switch modifier.value {
      case .term(let term): term.forEachReference(visit)
      case .callee(.function(let path)): visit(path)
      case .callee(.builtin): break
      }
    }
  }
}
