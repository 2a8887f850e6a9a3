/// What the values of rules, functions and variables can be, and expressions that can have no value for it: a call with what its
/// builtin never takes, two sides that are never equal, a member that an object never has.
///
/// What is not known may be anything, so that nothing is refused that could have a value: `input`, stored documents, arguments
/// of functions, and whatever stands under `with`. What a group gives is what its rules' heads give together.
struct KindInference {
  /// One clause of a rule.
  struct Clause {
    let group: Int
    let body: [ResolvedExpression]
    let value: Resolved
    /// It gives one member of an object, by a path of its own.
    let isMember: Bool
    let source: SourceLines
  }

  /// Rules may be written in any order. What is not found out in so many rounds stays unknown.
  private static let rounds = 8

  private let clauses: [Clause]
  private let groups: [RuleGroup]
  private let numbers: GroupNumbers
  /// By the numbers of groups. Invariant: each is at least what the group's values are.
  private var shapes: [Shape]

  /// `clauses` in the order in which they are planned.
  init(_ clauses: [Clause], groups: [RuleGroup], numbers: GroupNumbers) {
    self.clauses = clauses
    self.groups = groups
    self.numbers = numbers
    shapes = groups.map { _ in .any }
  }

  /// Throws the first expression that can have no value.
  mutating func check() throws(RegoSyntaxError) {
    for _ in 0..<Self.rounds where !improve() { break }
    for clause in clauses {
      var scope = KindScope(self)
      scope.check(clause.body)
      scope.check(clause.value)
      guard let fault = scope.fault else { continue }
      throw RegoSyntaxError(
        code: .type, location: fault.location, message: fault.message,
        line: clause.source.line(fault.location.line))
    }
  }

  /// Looks at every group once more; false where that has told nothing new.
  private mutating func improve() -> Bool {
    var next = groups.map { group in
      switch group.kind {
      case .set: Shape(.set)
      case .complete, .function, .object: Shape.none
      }
    }
    for clause in clauses {
      switch groups[clause.group].kind {
      case .set: break
      case .object: next[clause.group] = next[clause.group].union(clause.isMember ? Shape(.object) : .any)
      case .complete, .function:
        var scope = KindScope(self)
        scope.learn(clause.body)
        next[clause.group] = next[clause.group].union(scope.shape(of: clause.value))
      }
    }
    // A group without clauses.
    for number in next.indices where next[number].kinds.isEmpty { next[number] = .any }
    defer { shapes = next }
    return next != shapes
  }

  /// What a path under `data` leads to first that rules give, as far as its parts are constants, and how many parts that takes; nil
  /// where no rule is known to stand there.
  func rules(at path: [Resolved]) -> (shape: Shape, depth: Int)? {
    var names: [String] = []
    for part in path {
      guard case .constant(.string(let name)) = part else { return nil }
      names.append(name)
      guard let number = numbers.numbers[names] else { continue }
      if case .function = groups[number].kind { return nil }
      return (shapes[number], names.count)
    }
    return nil
  }

  /// What a function gives.
  func result(of function: [String]) -> Shape {
    guard let number = numbers.numbers[function], case .function = groups[number].kind else { return .any }
    return shapes[number]
  }
}
