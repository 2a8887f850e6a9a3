/// What is allowed and most likely not meant.
public struct RegoWarning: Equatable, Sendable, CustomStringConvertible {
  public let location: Location
  public let message: String

  public var description: String { "\(location.file):\(location.line):\(location.column): \(message)" }
}

extension Module {
  /// Imports that nothing uses, variables that are named once, and rules that hide a builtin; by line.
  public var warnings: [RegoWarning] {
    var out: [RegoWarning] = []
    var names: [String] = []
    for rule in rules { rule.forEachName { name, _ in names.append(name) } }
    for new in imports where !names.contains(new.alias) {
      out.append(
        RegoWarning(location: new.location, message: "import \(new.path.joined(separator: ".")) is not used"))
    }
    for rule in rules {
      out += rule.unusedNames.map { name, location in
        RegoWarning(location: location, message: "variable \(name) is not used")
      }
      if case .value(.string(let name))? = rule.head.path.first, Builtins.named(name) != nil {
        out.append(
          RegoWarning(location: rule.location, message: "rule \(name) hides the builtin of that name"))
      }
    }
    return out.sorted { ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column) }
  }
}

extension Rule {
  /// Names that are declared or assigned, and stand nowhere else in the rule.
  fileprivate var unusedNames: [(name: String, location: Location)] {
    var names: [(name: String, location: Location)] = []
    forEachName { name, location in names.append((name, location)) }
    var declared: [String] = []
    for body in [body] + alternatives.map(\.body) { body.forEachDeclared { declared.append($0) } }
    return names.filter { candidate in
      candidate.name != "_" && declared.contains(candidate.name)
        && names.count { $0.name == candidate.name } == 1
    }
  }
}

extension Body {
  /// Names that this body itself, or one in it, declares or assigns.
  fileprivate func forEachDeclared(_ visit: (String) -> Void) {
    for expression in expressions {
      switch expression.kind {
      case .declare(let names): names.forEach(visit)
      case .assign(let left, _): left.forEachName { name, _ in visit(name) }
      case .some(let key, let value, _):
        key?.forEachName { name, _ in visit(name) }
        value.forEachName { name, _ in visit(name) }
      case .every(let key, let value, _, let body):
        key?.forEachName { name, _ in visit(name) }
        value.forEachName { name, _ in visit(name) }
        body.forEachDeclared(visit)
      case .not(let body, _): body.forEachDeclared(visit)
      case .term, .unify: break
      }
    }
  }
}
