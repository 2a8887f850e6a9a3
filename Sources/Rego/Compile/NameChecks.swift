extension Module {
  /// Refuses rules and imports that would hide `input`, `data` or each other.
  func checkNames() throws(RegoSyntaxError) {
    func fault(_ message: String, _ location: Location) -> RegoSyntaxError {
      RegoSyntaxError(
        code: .compile, location: location, message: message, line: source.line(location.line))
    }
    var known: [String: Import] = [:]
    for new in imports {
      if new.alias == "input" && new.path != ["input"] || new.alias == "data" && new.path != ["data"] {
        throw fault("imports must not shadow \(new.alias) (use 'as' with another name)", new.location)
      }
      if let other = known[new.alias] {
        throw fault("import must not shadow import \(other.path.joined(separator: "."))", new.location)
      }
      known[new.alias] = new
    }
    for rule in rules {
      guard case .value(.string(let name))? = rule.head.path.first, name == "input" || name == "data" else {
        continue
      }
      throw fault("rules must not shadow \(name) (use a different rule name)", rule.location)
    }
  }

  /// Refuses defaults that could have no value themselves: they hold no variable, reference or call but in comprehensions.
  func checkDefaults() throws(RegoSyntaxError) {
    for rule in rules where rule.isDefault {
      guard case .value(let value) = rule.head.kind, !value.isConstant else { continue }
      throw RegoSyntaxError(
        code: .compile, location: rule.location, message: "expected a constant as the default of a rule",
        line: source.line(rule.location.line))
    }
  }
}

extension Term {
  /// Whether it has its value from itself alone, or from a comprehension.
  fileprivate var isConstant: Bool {
    switch self {
    case .value, .arrayComprehension, .setComprehension, .objectComprehension: true
    case .array(let terms), .set(let terms): terms.allSatisfy(\.isConstant)
    case .object(let members): members.allSatisfy { $0.key.isConstant && $0.value.isConstant }
    case .variable, .reference, .call, .template: false
    }
  }
}
