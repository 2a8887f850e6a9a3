// References under `data`, through rules and stored documents.
extension Machine {
  /// Follows a path through rules and stored documents, and hands each value at its end to `then`.
  func walk(
    _ path: WalkPath, _ frame: Frame, _ then: (Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    // The rules that a reference names are known, but for where a document stands in their place.
    if let (number, depth) = path.group, around.replaced.isEmpty {
      let group = groups[number]
      if case .function = group.kind { return true }
      if let value = try value(of: group) { return try follow(path.parts[depth...], value, frame, then) }
    }
    return try walk(path.parts[...], root, around.data, [], frame, then)
  }

  /// The value at the end of a path that leads to one place.
  func document(at path: WalkPath, _ frame: Frame) throws(EvaluationError) -> Value? {
    guard around.replaced.isEmpty else {
      var found: Value?
      _ = try walk(path, frame) { (value) throws(EvaluationError) in
        found = value
        return false
      }
      return found
    }
    if let (number, depth) = path.group {
      let group = groups[number]
      if case .function = group.kind { return nil }
      if let value = try value(of: group) { return end(of: path.parts[depth...], value, frame) }
      if isApart { return nil }
    }
    var node: RuleNode? = root
    var stored: Value? = around.data
    var rest = path.parts[...]
    while let here = node {
      try tick()
      if let group = here.group {
        if case .function = group.kind { return nil }
        if let value = try value(of: group) { return end(of: rest, value, frame) }
        break
      }
      guard case .bound(let operand)? = rest.first else { return try document(here, stored, []) }
      let key = value(operand, frame)
      rest = rest.dropFirst()
      if case .string(let name) = key { node = here.child(name) } else { node = nil }
      stored = stored?.storedMember(key)
    }
    return stored.flatMap { end(of: rest, $0, frame, isStored: true) }
  }

  /// What stands at the end of bound parts.
  private func end(
    of parts: ArraySlice<WalkPart>, _ source: Value, _ frame: Frame, isStored: Bool = false
  ) -> Value? {
    var found = source
    for part in parts {
      guard case .bound(let operand) = part else { preconditionFailure("a path to one place is bound") }
      let key = value(operand, frame)
      guard let next = isStored ? found.storedMember(key) : found.member(key) else { return nil }
      found = next
    }
    return found
  }

  func walk(
    _ parts: ArraySlice<WalkPart>, _ node: RuleNode?, _ stored: Value?, _ path: [String], _ frame: Frame,
    _ then: (Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    guard let node, !isReplaced(path) else {
      guard let stored else { return true }
      return try follow(parts, stored, frame, isStored: true, then)
    }
    try tick()
    if let group = node.group {
      if case .function = group.kind { return true }
      if let value = try value(of: group) { return try follow(parts, value, frame, then) }
      guard let stored else { return true }
      return try follow(parts, stored, frame, isStored: true, then)
    }
    guard let part = parts.first else { return try then(try document(node, stored, path)) }
    let rest = parts.dropFirst()
    switch part {
    case .bound(let operand):
      let key = value(operand, frame)
      guard case .string(let name) = key else {
        guard let found = stored?.storedMember(key) else { return true }
        return try follow(rest, found, frame, isStored: true, then)
      }
      return try walk(rest, node.child(name), stored?.member(key), path + [name], frame, then)
    case .free(let slot):
      for key in keys(node, stored) {
        frame.values[slot] = key
        var child: RuleNode?
        var name = ""
        if case .string(let text) = key {
          child = node.child(text)
          name = text
        }
        guard try walk(rest, child, stored?.member(key), path + [name], frame, then) else { return false }
      }
      return true
    }
  }

  /// Names of rules and of stored members, each once.
  func keys(_ node: RuleNode, _ stored: Value?) -> [Value] {
    var keys = node.children.map { Value.string($0.name) }
    if case .object(let object)? = stored { keys += object.keys }
    return SetValue(keys).elements
  }

  func follow(
    _ parts: ArraySlice<WalkPart>, _ source: Value, _ frame: Frame, isStored: Bool = false,
    _ then: (Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    guard let part = parts.first else { return try then(source) }
    switch part {
    case .bound(let operand):
      let key = value(operand, frame)
      guard let next = isStored ? source.storedMember(key) : source.member(key) else { return true }
      return try follow(parts.dropFirst(), next, frame, isStored: isStored, then)
    case .free(let slot):
      return try scan(source) { (key, value) throws(EvaluationError) in
        try self.tick()
        frame.values[slot] = key
        return try self.follow(parts.dropFirst(), value, frame, isStored: isStored, then)
      }
    }
  }

  /// All that stands below a node: stored members, and rules over them.
  func document(_ node: RuleNode, _ stored: Value?, _ path: [String]) throws(EvaluationError) -> Value {
    guard !isReplaced(path) else { return stored ?? .object(ObjectValue()) }
    var object = ObjectValue()
    if case .object(let members)? = stored { object = members }
    for (name, child) in node.children {
      let key = Value.string(name)
      let below = path + [name]
      guard !isReplaced(below) else { continue }
      if let group = child.group {
        if case .function = group.kind { continue }
        // What is stored stands before what rules say.
        if let value = try value(of: group) {
          object[key] = object[key].map { $0.merged(over: value) } ?? value
        }
      } else {
        object[key] = try document(child, stored?.member(key), below)
      }
    }
    return .object(object)
  }

  func isReplaced(_ path: [String]) -> Bool {
    guard !around.replaced.isEmpty else { return false }
    return around.replaced.contains { path.starts(with: $0) }
  }
}

extension Value {
  /// What a reference finds in stored data, where a number names a member too: the paths of a store are texts.
  func storedMember(_ key: Value) -> Value? {
    if let found = member(key) { return found }
    guard case .object = self, case .number(let number) = key else { return nil }
    return member(.string(number.text))
  }
}
