/// What kinds the values of rules, functions and assigned variables can be of, and calls that can have no value for it.
///
/// What is not known may be of any kind, so that nothing is refused that could have a value: `input`, documents, arguments
/// of functions, parts of documents, variables that are not assigned with `:=`, and whatever stands under `with`. A group's
/// kinds are those of its rules' heads together.
struct KindInference {
  /// One clause of a rule.
  struct Clause {
    let group: Int
    let body: [ResolvedExpression]
    let value: Resolved
    /// Variables of this clause that are assigned with `:=`: what they are is said there, and nowhere before.
    let assigned: Set<Int>
    /// It gives one member of an object, by a path of its own.
    let isMember: Bool
    let source: SourceLines
  }

  /// Rules may be written in any order. What is not found out in so many rounds stays unknown.
  private static let rounds = 8

  private let clauses: [Clause]
  private let groups: [RuleGroup]
  private let numbers: GroupNumbers
  /// By the numbers of groups. Invariant: each holds at least the kinds that the group's values are of.
  private var kinds: [Kinds]

  /// `clauses` in the order in which they are planned.
  init(_ clauses: [Clause], groups: [RuleGroup], numbers: GroupNumbers) {
    self.clauses = clauses
    self.groups = groups
    self.numbers = numbers
    kinds = groups.map { _ in .any }
  }

  /// Throws the first call that can have no value.
  mutating func check() throws(RegoSyntaxError) {
    for _ in 0..<Self.rounds where !improve() { break }
    for clause in clauses {
      var scope = Scope(clause: clause, inference: self)
      scope.walk(clause.body)
      scope.walk(clause.value)
      if let fault = scope.fault { throw fault }
    }
  }

  /// Looks at every group once more; false where that has told nothing new.
  private mutating func improve() -> Bool {
    var next = groups.map { group in
      switch group.kind {
      case .set: Kinds.set
      case .complete, .function, .object: Kinds(rawValue: 0)
      }
    }
    for clause in clauses {
      switch groups[clause.group].kind {
      case .set: break
      case .object: next[clause.group].formUnion(clause.isMember ? .object : .any)
      case .complete, .function:
        var scope = Scope(clause: clause, inference: self)
        scope.walk(clause.body)
        next[clause.group].formUnion(scope.kinds(of: clause.value))
      }
    }
    // A group without clauses.
    for number in next.indices where next[number].isEmpty { next[number] = .any }
    defer { kinds = next }
    return next != kinds
  }

  /// What is known within one clause.
  private struct Scope {
    let clause: Clause
    let inference: KindInference
    private var slots: [Int: Kinds] = [:]
    /// The first call that can have no value.
    private(set) var fault: RegoSyntaxError?

    init(clause: Clause, inference: KindInference) {
      self.clause = clause
      self.inference = inference
    }

    func kinds(of term: Resolved) -> Kinds {
      switch term {
      case .slot(let slot): return slots[slot] ?? .any
      case .reference(.data, let path, _):
        guard let number = number(of: path) else { return .any }
        if case .function = inference.groups[number].kind { return .any }
        return inference.kinds[number]
      case .call(.function(let path), _, _):
        guard let number = inference.numbers.numbers[path],
          case .function = inference.groups[number].kind
        else { return .any }
        return inference.kinds[number]
      case .constant, .reference, .call, .array, .object, .set, .comprehension, .template: return term.kinds
      }
    }

    /// The group whose value a reference under `data` is, whole.
    private func number(of path: [Resolved]) -> Int? {
      var names: [String] = []
      for part in path {
        guard case .constant(.string(let name)) = part else { return nil }
        names.append(name)
      }
      return inference.numbers.numbers[names]
    }

    // MARK: In the order of the text

    mutating func walk(_ body: [ResolvedExpression]) {
      for expression in body where expression.with.isEmpty { walk(expression) }
    }

    private mutating func walk(_ expression: ResolvedExpression) {
      switch expression.kind {
      case .term(let term): walk(term)
      case .unify(let left, let right):
        walk(left)
        walk(right)
        if case .slot(let slot) = left, clause.assigned.contains(slot), slots[slot] == nil {
          slots[slot] = kinds(of: right)
        }
      case .some(let key, let value, let domain):
        if let key { walk(key) }
        walk(value)
        walk(domain)
      case .every(_, _, let domain, let body):
        walk(domain)
        walk(body)
      case .not(let body, _): walk(body)
      }
    }

    mutating func walk(_ term: Resolved) {
      switch term {
      case .constant, .slot: break
      case .reference(let root, let path, _):
        if case .term(let head) = root { walk(head) }
        for part in path { walk(part) }
      case .call(let callee, let arguments, let location):
        for argument in arguments { walk(argument) }
        if case .builtin(let builtin) = callee { check(arguments, of: builtin, at: location) }
      case .array(let terms), .set(let terms): for term in terms { walk(term) }
      case .object(let members):
        for member in members {
          walk(member.key)
          walk(member.value)
        }
      case .comprehension(_, let body, let key, let value, _):
        walk(body)
        walk(key)
        walk(value)
      case .template(let pieces, _):
        for case .expression(let body, let value) in pieces {
          walk(body)
          walk(value)
        }
      }
    }

    private mutating func check(_ arguments: [Resolved], of builtin: Builtin, at location: Location) {
      guard fault == nil,
        let objection = builtin.objection(to: arguments.map(kinds))
      else { return }
      fault = RegoSyntaxError(
        code: .type, location: location, message: objection, line: clause.source.line(location.line))
    }
  }
}
