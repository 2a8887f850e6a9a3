// What rules of one name give together.
extension Machine {
  func enter() throws(EvaluationError) {
    guard depth < Self.maximumDepth else {
      throw .budget("rules deeper in each other than \(Self.maximumDepth)")
    }
    depth += 1
  }

  func value(of group: RuleGroup) throws(EvaluationError) -> Value? {
    switch around.known[group.number] {
    case .value(let value): return value
    case .undefined: return nil
    case .unknown: break
    }
    try enter()
    defer { depth -= 1 }
    let value: Value?
    switch group.kind {
    case .complete, .function: value = try complete(group, [])
    case .set: value = try elements(group)
    case .object: value = try members(group)
    }
    around.known[group.number] = value.map(Surroundings.GroupValue.value) ?? .undefined
    return value
  }

  /// The one value of a complete rule or a function.
  func complete(_ group: RuleGroup, _ arguments: [Value]) throws(EvaluationError) -> Value? {
    var result: Value?
    for rule in group.rules {
      try solutions(of: rule, arguments) { (clause, frame) throws(EvaluationError) in
        let value = self.value(clause.value, frame)
        if let result, result != value {
          if case .function = group.kind {
            throw .conflict("functions must not produce multiple outputs for same inputs")
          }
          throw .conflict("complete rules must not produce multiple outputs")
        }
        result = value
      }
    }
    if result == nil, let fallback = group.fallback {
      try solutions(of: fallback, arguments) { (clause, frame) throws(EvaluationError) in
        result = self.value(clause.value, frame)
      }
    }
    return result
  }

  func elements(_ group: RuleGroup) throws(EvaluationError) -> Value {
    var elements: [Value] = []
    for rule in group.rules {
      try solutions(of: rule, []) { (clause, frame) throws(EvaluationError) in
        try self.spend(bytes: 16)
        elements.append(self.value(clause.value, frame))
      }
    }
    return try checked(.set(SetValue(elements)))
  }

  func members(_ group: RuleGroup) throws(EvaluationError) -> Value {
    var builder = ObjectBuilder()
    for rule in group.rules {
      try solutions(of: rule, []) { (clause, frame) throws(EvaluationError) in
        try self.spend(bytes: 32)
        let path = clause.path.map { self.value($0, frame) }
        guard builder.put(self.value(clause.value, frame), at: path[...], isElement: rule.isElement) else {
          throw .conflict("object keys must be unique")
        }
      }
    }
    return try checked(builder.value)
  }

  /// Hands each solution of the first clause that has one to `take`.
  func solutions(
    of rule: PlannedRule, _ arguments: [Value],
    _ take: (PlannedClause, Frame) throws(EvaluationError) -> Void
  ) throws(EvaluationError) {
    for (clause, slots) in rule.clauses {
      // No frame for what is looked at and not taken.
      guard try holds(clause.guards) else { continue }
      let frame = Frame(count: slots)
      for (position, argument) in arguments.enumerated() { frame.values[position] = argument }
      var found = false
      _ = try run(clause.block, 0, frame) { () throws(EvaluationError) in
        found = true
        try take(clause, frame)
        return true
      }
      if found { return }
    }
  }

  func holds(_ guards: [Guard]) throws(EvaluationError) -> Bool {
    for condition in guards {
      try tick()
      switch condition {
      case .input(let path, let constant):
        guard let found = input(at: path), found == constant else { return false }
      case .group(let number):
        // Where documents stand in the place of rules, the body finds out.
        guard around.replaced.isEmpty else { return true }
        let group = groups[number]
        if case .function = group.kind { return false }
        guard let value = try value(of: group) else { return !isStored(group.path) ? false : true }
        guard !value.isFalse else { return false }
      }
    }
    return true
  }

  func input(at path: [Value]) -> Value? {
    guard var found = around.input else { return nil }
    for key in path {
      guard let next = found.member(key) else { return nil }
      found = next
    }
    return found
  }

  /// Whether data stands where rules do.
  func isStored(_ path: [String]) -> Bool {
    var found = around.data
    for name in path {
      guard let next = found.member(.string(name)) else { return false }
      found = next
    }
    return true
  }
}
