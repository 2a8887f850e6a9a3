/// A term whose names are resolved: local variables are slots of a frame, everything else stands under `data` or `input`.
indirect enum Resolved: Sendable {
  case constant(Value)
  case slot(Int)
  case reference(Root, [Resolved], Location)
  case call(Callee, [Resolved], Location)
  case array([Resolved])
  case object([(key: Resolved, value: Resolved)])
  case set([Resolved])
  case comprehension(Comprehension, [ResolvedExpression], key: Resolved, value: Resolved, Location)
  case template([ResolvedPiece], Location)

  /// What a reference begins with.
  indirect enum Root: Sendable {
    case input
    case data
    case term(Resolved)
  }
}

/// What a comprehension makes.
enum Comprehension: Sendable { case array, set, object }

/// What is called.
enum Callee: Sendable {
  case builtin(Builtin)
  /// A function of the modules, by its path under `data`.
  case function([String])

  var name: String {
    switch self {
    case .builtin(let builtin): builtin.name
    case .function(let path): "data." + path.joined(separator: ".")
    }
  }
}

/// A part of a template string.
enum ResolvedPiece: Sendable {
  case text(String)
  case expression([ResolvedExpression], Resolved)
}

/// One expression of a body, its names resolved.
struct ResolvedExpression: Sendable {
  indirect enum Kind: Sendable {
    case term(Resolved)
    case unify(Resolved, Resolved)
    case some(key: Resolved?, value: Resolved, domain: Resolved)
    case every(key: Int?, value: Int, domain: Resolved, [ResolvedExpression])
    /// Of one expression, all of whose names are bound outside, or of a body with names of its own.
    case not([ResolvedExpression], isBody: Bool)
  }

  let kind: Kind
  let with: [ResolvedWith]
  let location: Location
}

/// `with target as value`.
struct ResolvedWith: Sendable {
  enum Target: Sendable {
    /// Members of the input, by path; empty for all of it.
    case input([String])
    case data([String])
    case builtin(String)
    case function([String])
  }

  let target: Target
  let value: Replacement

  enum Replacement: Sendable {
    case term(Resolved)
    /// A function in a function's place.
    case callee(Callee)
  }
}

extension Resolved {
  /// Calls `visit` with every slot in the term; those in closures too, and says which are.
  func forEachSlot(inClosure: Bool = false, _ visit: (Int, Bool) -> Void) {
    switch self {
    case .constant: break
    case .slot(let slot): visit(slot, inClosure)
    case .reference(let root, let path, _):
      if case .term(let term) = root { term.forEachSlot(inClosure: inClosure, visit) }
      for term in path { term.forEachSlot(inClosure: inClosure, visit) }
    case .call(_, let terms, _), .array(let terms), .set(let terms):
      for term in terms { term.forEachSlot(inClosure: inClosure, visit) }
    case .object(let members):
      for member in members {
        member.key.forEachSlot(inClosure: inClosure, visit)
        member.value.forEachSlot(inClosure: inClosure, visit)
      }
    case .comprehension(_, let body, let key, let value, _):
      for expression in body { expression.forEachSlot(inClosure: true, visit) }
      key.forEachSlot(inClosure: true, visit)
      value.forEachSlot(inClosure: true, visit)
    case .template(let pieces, _):
      for case .expression(let body, let term) in pieces {
        for expression in body { expression.forEachSlot(inClosure: true, visit) }
        term.forEachSlot(inClosure: true, visit)
      }
    }
  }
}

extension ResolvedExpression {
  func forEachSlot(inClosure: Bool = false, _ visit: (Int, Bool) -> Void) {
    switch kind {
    case .term(let term): term.forEachSlot(inClosure: inClosure, visit)
    case .unify(let left, let right):
      left.forEachSlot(inClosure: inClosure, visit)
      right.forEachSlot(inClosure: inClosure, visit)
    case .some(let key, let value, let domain):
      key?.forEachSlot(inClosure: inClosure, visit)
      value.forEachSlot(inClosure: inClosure, visit)
      domain.forEachSlot(inClosure: inClosure, visit)
    case .every(_, _, let domain, let body):
      domain.forEachSlot(inClosure: inClosure, visit)
      for expression in body { expression.forEachSlot(inClosure: true, visit) }
    case .not(let body, _):
      for expression in body { expression.forEachSlot(inClosure: true, visit) }
    }
    for modifier in with {
      if case .term(let term) = modifier.value { term.forEachSlot(inClosure: inClosure, visit) }
    }
  }
}
