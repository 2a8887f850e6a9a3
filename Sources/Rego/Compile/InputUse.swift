extension Policy {
  /// The members of the input that rules ask for by name, ascending; nil where some rule takes the input whole.
  public var inputMembers: [String]? {
    var found: [Value] = []
    var takesAll = false
    for rule in groups.flatMap({ $0.rules + ($0.fallback.map { [$0] } ?? []) }) {
      for (clause, _) in rule.clauses {
        clause.block.forEachStep { step in
          guard case .input(let path, _) = step else { return }
          if let name = path.keys.first { found.append(name) } else { takesAll = true }
        }
      }
    }
    return takesAll ? nil : SetValue(found).elements.compactMap(\.string)
  }
}

extension Block {
  /// Every step, those of inner blocks too.
  func forEachStep(_ visit: (Step) -> Void) {
    for step in steps {
      visit(step)
      switch step {
      case .not(let inner), .every(_, _, _, let inner), .comprehension(_, let inner, _, _, _),
        .with(_, let inner):
        inner.forEachStep(visit)
      case .template(let parts, _):
        for case .value(let inner, _) in parts { inner.forEachStep(visit) }
      case .input, .walk, .dot, .scan, .lookup, .call, .function, .array, .object, .set, .copy, .equal,
        .unpackArray,
        .unpackObject, .holds, .compare, .contains, .everyPath, .mark:
        break
      }
    }
  }
}
