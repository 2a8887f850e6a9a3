/// What is known within one clause, or within a body in it.
struct KindScope {
  /// An expression that can have no value, and where.
  struct Fault {
    let location: Location
    let message: String
  }

  private let inference: KindInference
  private var slots: [Int: Shape] = [:]
  /// The first found.
  private(set) var fault: Fault?

  /// What is said of a variable after it has been asked for; more turns stay unknown.
  private static let rounds = 3

  init(_ inference: KindInference) { self.inference = inference }

  // MARK: What terms are

  func shape(of term: Resolved) -> Shape {
    switch term {
    case .constant(let value): return Shape(value)
    case .slot(let slot): return slots[slot] ?? .any
    case .reference(let root, let path, _): return followed(root, path).shape ?? .any
    case .call(.function(let path), _, _): return inference.result(of: path)
    case .array(let terms): return Shape(.array, Shape.array(terms.map(shape)))
    case .set(let terms): return Shape(.set, .elements(Shape(Shape.union(terms.map(shape)).kinds)))
    case .object(let members):
      let named = members.map { member -> (name: String?, shape: Shape) in
        if case .constant(.string(let name)) = member.key { return (name, shape(of: member.value)) }
        return (nil, shape(of: member.value))
      }
      return Shape(.object, Shape.object(named))
    case .call, .comprehension, .template: return Shape(term.kinds)
    }
  }

  /// What a reference leads to; nil where it leads nowhere, with what its last part was asked of and how many parts that took.
  private func followed(_ root: Resolved.Root, _ path: [Resolved]) -> (shape: Shape?, of: Shape, depth: Int) {
    var found = Shape.any
    var depth = 0
    switch root {
    case .input: return (.any, .any, 0)
    case .data:
      guard let rules = inference.rules(at: path) else { return (.any, .any, 0) }
      (found, depth) = rules
    case .term(let head): found = shape(of: head)
    }
    for part in path[depth...] {
      depth += 1
      var key: Value?
      if case .constant(let constant) = part { key = constant }
      guard let next = found.member(key) else { return (nil, found, depth) }
      found = next
    }
    return (found, found, depth)
  }

  // MARK: What expressions say of variables

  /// Takes what has to hold for all of a body to hold, in whatever order it stands.
  mutating func learn(_ body: [ResolvedExpression]) {
    for _ in 0..<Self.rounds {
      let before = slots
      for expression in body where expression.with.isEmpty { _ = learn(expression) }
      if slots == before { break }
    }
  }

  /// What the two sides are that an expression says are one, where they never can be.
  private mutating func learn(_ expression: ResolvedExpression) -> (Kinds, Kinds)? {
    switch expression.kind {
    case .unify(let left, let right): return equate(left, right)
    case .term(.call(.builtin(let builtin), let terms, _)) where builtin.name == "equal" && terms.count == 2:
      return equate(terms[0], terms[1])
    case .some(let key, let value, let domain):
      let source = shape(of: domain)
      guard let elements = source.elements, !elements.kinds.isEmpty else { return nil }
      if let key {
        if source.kinds == .array { _ = equate(key, Shape(.number)) }
        if source.names != nil { _ = equate(key, Shape(.string)) }
      }
      return equate(value, elements)
    case .term, .every, .not: return nil
    }
  }

  /// Two terms of one value: what each is, where that can never be.
  private mutating func equate(_ left: Resolved, _ right: Resolved) -> (Kinds, Kinds)? {
    if let pairs = Ordering.pairs(left, right) {
      for (a, b) in pairs {
        if let conflict = equate(a, b) { return conflict }
      }
      return nil
    }
    return equate(left, shape(of: right)) ?? equate(right, shape(of: left)).map { ($0.1, $0.0) }
  }

  private mutating func equate(_ term: Resolved, _ shape: Shape) -> (Kinds, Kinds)? {
    let own = self.shape(of: term)
    guard !own.kinds.isDisjoint(with: shape.kinds) else { return (own.kinds, shape.kinds) }
    switch (term, shape.parts) {
    case (.slot(let slot), _): slots[slot] = own.meet(shape)
    case (.array(let terms), .array(let shapes)?) where terms.count == shapes.count && shape.kinds == .array:
      for (term, shape) in zip(terms, shapes) {
        if let conflict = equate(term, shape) { return conflict }
      }
    default: break
    }
    return nil
  }

  // MARK: What can have no value

  /// In the order of the text: what a variable turns out to be later does not count for a negation that stands before.
  mutating func check(_ body: [ResolvedExpression]) {
    for expression in body where expression.with.isEmpty {
      check(expression)
      if let (left, right) = learn(expression) {
        note(expression.location, "match error: \(left.names) is never equal to \(right.names)")
      }
    }
  }

  private mutating func check(_ expression: ResolvedExpression) {
    switch expression.kind {
    case .term(let term): check(term)
    case .unify(let left, let right):
      check(left)
      check(right)
    case .some(let key, let value, let domain):
      if let key { check(key) }
      check(value)
      check(domain)
    case .every(let key, let value, let domain, let body):
      check(domain)
      let source = shape(of: domain)
      inner { scope in
        if let elements = source.elements, !elements.kinds.isEmpty { scope.slots[value] = elements }
        if let key, source.kinds == .array { scope.slots[key] = Shape(.number) }
        scope.check(body)
      }
    case .not(let body, _): inner { $0.check(body) }
    }
  }

  mutating func check(_ term: Resolved) {
    switch term {
    case .constant, .slot: break
    case .reference(let root, let path, let location):
      if case .term(let head) = root { check(head) }
      for part in path { check(part) }
      let (found, last, depth) = followed(root, path)
      guard found == nil else { break }
      note(location, Self.message(path[depth - 1], last))
    case .call(let callee, let arguments, let location):
      for argument in arguments { check(argument) }
      if case .builtin(let builtin) = callee,
        let objection = builtin.objection(to: arguments.map { shape(of: $0).kinds })
      {
        note(location, objection)
      }
    case .array(let terms), .set(let terms): for term in terms { check(term) }
    case .object(let members):
      for member in members {
        check(member.key)
        check(member.value)
      }
    case .comprehension(_, let body, let key, let value, _):
      inner { scope in
        scope.check(body)
        scope.check(key)
        scope.check(value)
      }
    case .template(let pieces, _):
      for case .expression(let body, let value) in pieces {
        inner { scope in
          scope.check(body)
          scope.check(value)
        }
      }
    }
  }

  /// What is said within a closure is not said outside of it.
  private mutating func inner(_ work: (inout KindScope) -> Void) {
    let outer = slots
    work(&self)
    slots = outer
  }

  private mutating func note(_ location: Location, _ message: String) {
    if fault == nil { fault = Fault(location: location, message: message) }
  }

  private static func message(_ key: Resolved, _ source: Shape) -> String {
    var shown = "a member"
    if case .constant(let value) = key { shown = Format.rego(value) }
    guard let names = source.names else {
      return "undefined ref: \(source.kinds.names) has no members, found \(shown)"
    }
    let wanted = names.prefix(8).map { Format.rego(.string($0)) }.joined(separator: ", ")
    return "undefined ref: expected one of \(wanted)\(names.count > 8 ? ", …" : ""), found \(shown)"
  }
}
