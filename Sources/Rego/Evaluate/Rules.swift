// What rules of one name give together.
extension Machine {
  /// The deepest that rules and functions stand in each other on the stack.
  static let maximumDepth = 128

  /// Does `work`. Rules that stand too deep in others for the stack are evaluated first, and `work` begins again with what they gave:
  /// so a chain of rules is as long as the budget allows.
  func complete<T>(_ work: () throws(EvaluationError) -> T) throws(EvaluationError) -> T {
    var first: [Int] = []
    while true {
      do throws(EvaluationError) {
        guard let group = first.last else { return try work() }
        _ = try value(of: groups[group])
        first.removeLast()
      } catch {
        guard let group = needed else { throw error }
        first.append(group)
        needed = nil
      }
      waiting = first.count * Self.maximumDepth
    }
  }

  func enter(_ group: Int? = nil) throws(EvaluationError) {
    guard waiting + depth < meter.depth else {
      throw .budget("rules deeper in each other than \(meter.depth)")
    }
    guard depth < Self.maximumDepth else {
      // What is evaluated with replacements is not what is known without.
      needed = replacements == 0 ? group : nil
      throw .budget(
        "rules deeper in each other than \(Self.maximumDepth), through functions or with replacements")
    }
    depth += 1
  }

  func value(of group: RuleGroup) throws(EvaluationError) -> Value? {
    switch around.known[group.number] {
    case .value(let value): return value
    case .undefined: return nil
    case .unknown: break
    }
    try enter(group.number)
    defer { depth -= 1 }
    let value: Value?
    switch group.kind {
    case .complete, .function: value = try complete(group, [])
    case .set: value = try elements(group)
    case .object: value = try members(group)
    }
    around.known[group.number] = value.map(Surroundings.Found.value) ?? .undefined
    return value
  }

  /// Hands the rules of a group that can hold to `body`.
  private func candidates(
    _ group: RuleGroup, _ body: (PlannedRule) throws(EvaluationError) -> Void
  ) throws(EvaluationError) {
    guard let index = indexes[group.number], isApart, around.replaced.isEmpty else {
      for rule in group.rules { try body(rule) }
      return
    }
    try tick()
    for position in index.rules(where: try input(at: index.path)) { try body(group.rules[position]) }
  }

  /// The one value of a complete rule or a function.
  func complete(_ group: RuleGroup, _ arguments: [Value]) throws(EvaluationError) -> Value? {
    var result: Value?
    try candidates(group) { (rule) throws(EvaluationError) in
      try solutions(of: rule, arguments) { (clause, frame) throws(EvaluationError) in
        let value = self.value(clause.value, frame)
        if let result, result != value {
          if case .function = group.kind {
            throw .conflict("functions must not produce multiple outputs for same inputs")
          }
          throw .conflict("complete rules must not produce multiple outputs")
        }
        // As the first rule writes it: 1 and 1.0 are one value.
        result = result ?? value
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
    try candidates(group) { (rule) throws(EvaluationError) in
      try solutions(of: rule, []) { (clause, frame) throws(EvaluationError) in
        try self.spend(bytes: 16)
        elements.append(self.value(clause.value, frame))
      }
    }
    return try checked(.set(SetValue(elements)))
  }

  func members(_ group: RuleGroup) throws(EvaluationError) -> Value {
    var builder = ObjectBuilder()
    try candidates(group) { (rule) throws(EvaluationError) in
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
      let frame = frames.take(slots)
      defer { frames.give(frame) }
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
        guard let found = try input(at: path), found == constant else { return false }
      case .group(let number):
        // Where documents stand in the place of rules, the body finds out.
        guard around.replaced.isEmpty else { return true }
        let group = groups[number]
        if case .function = group.kind { return false }
        guard let value = try value(of: group) else { return isApart ? false : isStored(group.path) }
        guard !value.isFalse else { return false }
      }
    }
    return true
  }

  /// A member of the input, looked up once.
  func input(at path: InputPath) throws(EvaluationError) -> Value? {
    if let number = path.number {
      switch around.inputs[number] {
      case .value(let value): return value
      case .undefined: return nil
      case .unknown: break
      }
    }
    if let withheld, path.keys.first.map({ $0 == withheld }) ?? true {
      throw .builtin("input.\(Format.plain(withheld)) is not known any more")
    }
    var found = around.input
    for key in path.keys { found = found?.member(key) }
    if let number = path.number { around.inputs[number] = found.map(Surroundings.Found.value) ?? .undefined }
    return found
  }

  /// Whether data stands where rules do.
  private func isStored(_ path: [String]) -> Bool {
    var found = around.data
    for name in path {
      guard let next = found.member(.string(name)) else { return false }
      found = next
    }
    return true
  }
}
