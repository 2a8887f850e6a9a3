/// One alternative of a rule, ready to run.
struct PlannedClause: Sendable {
  let block: Block
  let guards: [Guard]
  /// Below the group's place: parts of the key under which the value stands.
  let path: [Operand]
  let value: Operand
}

/// A rule, ready to run: the first clause that has a solution counts.
final class PlannedRule: Sendable {
  /// In its own frame each.
  let clauses: [(clause: PlannedClause, slots: Int)]
  let isElement: Bool
  let location: Location

  init(clauses: [(clause: PlannedClause, slots: Int)], isElement: Bool, location: Location) {
    self.clauses = clauses
    self.isElement = isElement
    self.location = location
  }
}

/// Rules of one name.
final class RuleGroup: Sendable {
  enum Kind: Sendable {
    /// One value.
    case complete
    /// Elements of a set.
    case set
    /// Members of an object, deep ones too.
    case object
    case function(arity: Int)
  }

  let number: Int
  let path: [String]
  let kind: Kind
  let rules: [PlannedRule]
  /// Where nothing else gives a value.
  let fallback: PlannedRule?

  init(number: Int, path: [String], kind: Kind, rules: [PlannedRule], fallback: PlannedRule?) {
    self.number = number
    self.path = path
    self.kind = kind
    self.rules = rules
    self.fallback = fallback
  }
}

/// The numbers of groups, by where they stand.
struct GroupNumbers: Sendable {
  var numbers: [[String]: Int] = [:]

  /// The group that a walk comes to first, as far as its parts are known.
  func group(on parts: [WalkPart]) -> (number: Int, depth: Int)? {
    var path: [String] = []
    for part in parts {
      guard case .bound(.constant(.string(let name))) = part else { return nil }
      path.append(name)
      if let number = numbers[path] { return (number, path.count) }
    }
    return nil
  }
}

/// What has to hold before a clause is looked at further: its first steps, where they need no variables of their own.
enum Guard: Sendable {
  /// A member of the input is a constant.
  case input(InputPath, Value)
  /// Rules have a value that is not false.
  case group(Int)

  /// The guards that stand at a block's beginning.
  static func leading(_ block: Block) -> [Guard] {
    var out: [Guard] = []
    var paths: [Int: InputPath] = [:]
    var groups: [Int: Int] = [:]
    for step in block.steps {
      switch step {
      case .input(let path, let slot): paths[slot] = path
      case .compare(.equal, .slot(let slot), .constant(let value)),
        .compare(.equal, .constant(let value), .slot(let slot)),
        .equal(.slot(let slot), .constant(let value)), .equal(.constant(let value), .slot(let slot)):
        guard let path = paths[slot] else { return out }
        out.append(.input(path, value))
      case .walk(let path, let slot):
        guard let (number, depth) = path.group, depth == path.parts.count else { return out }
        groups[slot] = number
      case .holds(.slot(let slot)):
        guard let number = groups[slot] else { return out }
        out.append(.group(number))
      default: return out
      }
    }
    return out
  }
}

/// Where rules stand under `data`.
final class RuleNode: Sendable {
  let group: RuleGroup?
  /// Ascending by name.
  let children: [(name: String, node: RuleNode)]

  init(group: RuleGroup?, children: [(name: String, node: RuleNode)]) {
    self.group = group
    self.children = children
  }

  /// Whether stored documents stand nowhere where rules do.
  func isApart(from stored: Value?) -> Bool {
    guard let stored else { return true }
    guard group == nil else { return false }
    return children.allSatisfy { $0.node.isApart(from: stored.member(.string($0.name))) }
  }

  func child(_ name: String) -> RuleNode? {
    var low = 0
    var high = children.count
    while low < high {
      let middle = (low + high) / 2
      let order = Value.compare(children[middle].name, name)
      if order == 0 { return children[middle].node }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }
}
