// Calls of builtins and functions, and what `with` puts in their place.
extension Machine {
  func call(
    _ callee: Callee, _ arguments: [Value], _ location: Location
  ) throws(EvaluationError) -> Value? {
    if !around.mocks.isEmpty, let mock = around.mocks[callee.name] {
      switch mock {
      case .value(let value): return value
      case .callee(let other):
        // What replaces something sees everything as it is, and nothing that was found with replacements.
        let outer = around
        defer { around = outer }
        around.mocks = [:]
        around.known = Array(repeating: .unknown, count: groups.count)
        if case .builtin(let builtin) = other, let standIn = builtin.standIn { return standIn }
        return try call(other, arguments, location)
      }
    }
    switch callee {
    case .builtin(let builtin): return try call(builtin, arguments, location)
    case .function(let path):
      var node: RuleNode? = root
      for name in path { node = node?.child(name) }
      guard let group = node?.group, !isReplaced(path) else { return nil }
      try enter()
      defer { depth -= 1 }
      return try complete(group, arguments)
    }
  }

  func call(
    _ builtin: Builtin, _ arguments: [Value], _ location: Location
  ) throws(EvaluationError) -> Value? {
    do throws(BuiltinError) {
      return try builtin.body(arguments[...], &meter)
    } catch {
      switch error {
      case .budget(let what): throw .budget(what)
      case .operand(let position, let expected, let found):
        guard isStrict else { return nil }
        throw .type("\(builtin.name): operand \(position) must be \(expected) but got \(found)")
      case .refused(let why): throw .builtin("\(builtin.name): refused: \(why)")
      case .argument(let position, let what):
        guard isStrict else { return nil }
        throw .type("\(builtin.name): operand \(position) \(what)")
      case .failed(let why):
        guard isStrict else { return nil }
        throw .builtin("\(builtin.name): \(why)")
      }
    }
  }

  /// Every path in a value, the shortest first, and what is there.
  func walkAll(
    _ value: Value, _ path: [Value], _ body: (Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    guard path.count < Self.maximumDepth else { throw .budget("values deeper than \(Self.maximumDepth)") }
    try tick()
    guard try body(.array([.array(path), value])) else { return false }
    return try scan(value) { (key, value) throws(EvaluationError) in
      try self.walkAll(value, path + [key], body)
    }
  }

  func with(
    _ replacements: [(target: ResolvedWith.Target, replacement: PlannedReplacement)], _ inner: Block,
    _ frame: Frame, _ then: Continuation
  ) throws(EvaluationError) -> Bool {
    let outer = around
    self.replacements += 1
    defer {
      around = outer
      self.replacements -= 1
    }
    for (target, replacement) in replacements {
      switch (target, replacement) {
      case (.input(let path), .operand(let operand)):
        around.input = Machine.put(value(operand, frame), at: path[...], into: around.input)
      case (.data(let path), .operand(let operand)):
        around.data = Machine.put(value(operand, frame), at: path[...], into: around.data)
        around.replaced.append(path)
      case (.builtin(let name), .operand(let operand)): around.mocks[name] = .value(value(operand, frame))
      case (.builtin(let name), .callee(let callee)): around.mocks[name] = .callee(callee)
      case (.function(let path), .operand(let operand)):
        around.mocks[Callee.function(path).name] = .value(value(operand, frame))
      case (.function(let path), .callee(let callee)):
        around.mocks[Callee.function(path).name] = .callee(callee)
      case (.input, .callee), (.data, .callee): break
      }
    }
    around.forget()
    var inside = around
    return try run(inner, 0, frame) { () throws(EvaluationError) in
      inside = self.around
      self.around = outer
      self.replacements -= 1
      defer {
        self.around = inside
        self.replacements += 1
      }
      return try then()
    }
  }

  static func put(_ value: Value, at path: ArraySlice<String>, into target: Value?) -> Value {
    guard let name = path.first else { return value }
    var object = ObjectValue()
    if case .object(let members)? = target { object = members }
    let key = Value.string(name)
    object[key] = put(value, at: path.dropFirst(), into: object[key])
    return .object(object)
  }
}
