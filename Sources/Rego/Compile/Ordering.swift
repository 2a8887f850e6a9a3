/// Puts the expressions of a body into an order in which each has what it needs, and keeps the written order where that is one.
struct Ordering {
  /// The name of each slot, for messages.
  let slots: [String?]
  let source: SourceLines?

  /// The ordered body, and what is bound after it.
  func order(
    _ body: [ResolvedExpression], bound: inout Set<Int>
  ) throws(RegoSyntaxError) -> [ResolvedExpression] {
    var bindable = bound
    for expression in body {
      expression.forEachSlot { slot, inClosure in if !inClosure { bindable.insert(slot) } }
    }
    var rest = body
    var out: [ResolvedExpression] = []
    while !rest.isEmpty {
      var found: Int?
      for position in rest.indices {
        var after = bound
        guard isReady(rest[position], &after, bindable) else { continue }
        bound = after
        found = position
        break
      }
      guard let found else { throw unsafe(rest, bound, bindable) }
      out.append(rest.remove(at: found))
    }
    return out
  }

  private func unsafe(
    _ rest: [ResolvedExpression], _ bound: Set<Int>, _ bindable: Set<Int>
  ) -> RegoSyntaxError {
    var name: String?
    for expression in rest {
      expression.forEachSlot { slot, _ in
        if name == nil, !bound.contains(slot), slots[slot] != nil { name = slots[slot] }
      }
    }
    let location = rest.first?.location ?? Location(file: "", line: 1, column: 1)
    return RegoSyntaxError(
      code: .unsafe, location: location, message: "var \(name ?? "_") is unsafe",
      line: source?.line(location.line) ?? "")
  }

  /// Whether an expression can be evaluated; what it binds is then in `bound`.
  private func isReady(
    _ expression: ResolvedExpression, _ bound: inout Set<Int>, _ bindable: Set<Int>
  ) -> Bool {
    for modifier in expression.with {
      guard case .term(let term) = modifier.value else { continue }
      guard isValue(term, &bound, bindable) else { return false }
    }
    switch expression.kind {
    case .term(let term): return isValue(term, &bound, bindable)
    case .unify(let left, let right): return unifies(left, right, &bound, bindable)
    case .some(let key, let value, let domain):
      guard isValue(domain, &bound, bindable) else { return false }
      if let key, !isPattern(key, &bound, bindable) { return false }
      return isPattern(value, &bound, bindable)
    case .every(let key, let value, let domain, let body):
      guard isValue(domain, &bound, bindable) else { return false }
      var inner = bindable
      inner.remove(value)
      if let key { inner.remove(key) }
      return body.allSatisfy { isClosed($0, bound, inner) }
    case .not(let body, let isBody):
      // A name that nothing else binds is unsafe in a negation; `_` is not a name.
      return body.allSatisfy { expression in
        var closed = true
        expression.forEachSlot { slot, inClosure in
          guard !bound.contains(slot) else { return }
          if bindable.contains(slot) || (slots[slot] != nil && !inClosure && !isBody) { closed = false }
        }
        return closed
      }
    }
  }

  /// Whether what a closure takes from outside is there.
  private func isClosed(_ expression: ResolvedExpression, _ bound: Set<Int>, _ bindable: Set<Int>) -> Bool {
    var closed = true
    expression.forEachSlot { slot, _ in
      if bindable.contains(slot), !bound.contains(slot) { closed = false }
    }
    return closed
  }

  /// Whether a term has a value, with what its references bind on the way.
  private func isValue(_ term: Resolved, _ bound: inout Set<Int>, _ bindable: Set<Int>) -> Bool {
    switch term {
    case .constant: return true
    case .slot(let slot): return bound.contains(slot)
    case .reference(let root, let path, _):
      if case .term(let head) = root, !isValue(head, &bound, bindable) { return false }
      for part in path where !isPattern(part, &bound, bindable) { return false }
      return true
    case .call(_, let terms, _), .array(let terms), .set(let terms):
      // What one of them binds another may use, in whatever order they stand.
      var rest = terms
      while !rest.isEmpty {
        var position = 0
        var found = false
        while position < rest.count, !found {
          var after = bound
          if isValue(rest[position], &after, bindable) {
            bound = after
            rest.remove(at: position)
            found = true
          }
          position += 1
        }
        guard found else { return false }
      }
      return true
    case .object(let members):
      for member in members
      where !isValue(member.key, &bound, bindable) || !isValue(member.value, &bound, bindable) {
        return false
      }
      return true
    case .comprehension, .template:
      var closed = true
      term.forEachSlot { slot, _ in
        if bindable.contains(slot), !bound.contains(slot) { closed = false }
      }
      return closed
    }
  }

  /// Whether a term can take a value apart.
  private func isPattern(_ term: Resolved, _ bound: inout Set<Int>, _ bindable: Set<Int>) -> Bool {
    switch term {
    case .slot(let slot):
      bound.insert(slot)
      return true
    case .array(let terms):
      for term in terms where !isPattern(term, &bound, bindable) { return false }
      return true
    case .object(let members):
      for member in members
      where !isValue(member.key, &bound, bindable) || !isPattern(member.value, &bound, bindable) {
        return false
      }
      return true
    case .constant, .reference, .call, .set, .comprehension, .template:
      return isValue(term, &bound, bindable)
    }
  }

  private func unifies(
    _ left: Resolved, _ right: Resolved, _ bound: inout Set<Int>, _ bindable: Set<Int>
  ) -> Bool {
    var after = bound
    if isValue(left, &after, bindable), isPattern(right, &after, bindable) {
      bound = after
      return true
    }
    after = bound
    if isValue(right, &after, bindable), isPattern(left, &after, bindable) {
      bound = after
      return true
    }
    guard let pairs = Ordering.pairs(left, right) else { return false }
    after = bound
    var rest = pairs
    while !rest.isEmpty {
      guard let position = rest.indices.first(where: { unifies(rest[$0].0, rest[$0].1, &after, bindable) })
      else { return false }
      rest.remove(at: position)
    }
    bound = after
    return true
  }

  /// What has to be equal for two arrays or two objects of one shape to be.
  static func pairs(_ left: Resolved, _ right: Resolved) -> [(Resolved, Resolved)]? {
    switch (left, right) {
    case (.array(let a), .array(let b)) where a.count == b.count: return Array(zip(a, b))
    case (.object(let a), .object(let b)) where a.count == b.count:
      var out: [(Resolved, Resolved)] = []
      for member in a {
        guard case .constant(let key) = member.key,
          let other = b.first(where: { if case .constant(key) = $0.key { true } else { false } })
        else { return nil }
        out.append((member.value, other.value))
      }
      return out
    default: return nil
    }
  }
}
