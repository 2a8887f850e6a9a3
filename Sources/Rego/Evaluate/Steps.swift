// Steps of one outcome: each gives a value or ends this way.
extension Machine {
  /// Whether the way goes on after a step that has one outcome at most.
  func holds(_ step: Step, _ frame: Frame) throws(EvaluationError) -> Bool {
    switch step {
    case .input(let path, let slot): return put(try input(at: path), slot, frame)
    case .walk(let path, let slot): return put(try document(at: path, frame), slot, frame)
    case .dot(let source, let key, let slot):
      return put(value(source, frame).member(value(key, frame)), slot, frame)
    case .lookup(let source, let key, let keySlot, let slot):
      let wanted = value(key, frame)
      if let keySlot { frame.values[keySlot] = wanted }
      return put(value(source, frame).member(wanted), slot, frame)
    case .compare(let comparison, let left, let right):
      return comparison.holds(value(left, frame), value(right, frame))
    case .contains(let element, let collection):
      return value(collection, frame).contains(value(element, frame))
    case .call(let builtin, let operands, let slot, let location):
      return put(try call(.builtin(builtin), values(operands, frame), location), slot, frame)
    case .function(let path, let operands, let slot, let location):
      return put(try call(.function(path), values(operands, frame), location), slot, frame)
    case .copy(let source, let slot): return put(value(source, frame), slot, frame)
    case .equal(let left, let right): return value(left, frame) == value(right, frame)
    case .unpackArray(let source, let slots): return unpack(value(source, frame), slots, frame)
    case .unpackObject(let source, let keys, let slots):
      return unpack(value(source, frame), keys, slots, frame)
    case .holds(let operand): return !value(operand, frame).isFalse
    case .not(let inner): return try !hasSolution(inner, frame)
    case .every(let domain, let key, let slot, let inner):
      return try every(value(domain, frame), key, slot, inner, frame)
    case .array, .set, .object, .comprehension, .template: return try make(step, frame)
    case .mark(let number):
      marks[number] = true
      return true
    case .scan, .everyPath, .with: preconditionFailure("a step of several outcomes is a run of its own")
    }
  }

  private func put(_ value: Value?, _ slot: Int, _ frame: Frame) -> Bool {
    guard let value else { return false }
    frame.values[slot] = value
    return true
  }

  private func values(_ operands: [Operand], _ frame: Frame) -> [Value] {
    operands.map { value($0, frame) }
  }

  private func unpack(_ source: Value, _ slots: [Int], _ frame: Frame) -> Bool {
    guard case .array(let values) = source, values.count == slots.count else { return false }
    for (slot, value) in zip(slots, values) { frame.values[slot] = value }
    return true
  }

  private func unpack(_ source: Value, _ keys: [Operand], _ slots: [Int], _ frame: Frame) -> Bool {
    guard case .object(let object) = source, object.count == keys.count else { return false }
    for (key, slot) in zip(keys, slots) {
      guard put(object[value(key, frame)], slot, frame) else { return false }
    }
    return true
  }

  func every(
    _ domain: Value, _ key: Int?, _ slot: Int, _ inner: Block, _ frame: Frame
  ) throws(EvaluationError) -> Bool {
    switch domain {
    case .array, .object, .set: break
    case .null, .bool, .number, .string: return false
    }
    return try scan(domain) { (k, v) throws(EvaluationError) in
      if let key { frame.values[key] = k }
      frame.values[slot] = v
      return try self.hasSolution(inner, frame)
    }
  }

  // MARK: Making

  /// Steps that make a value.
  private func make(_ step: Step, _ frame: Frame) throws(EvaluationError) -> Bool {
    switch step {
    case .array(let operands, let slot):
      try spend(bytes: 16 * operands.count)
      return put(try checked(.array(values(operands, frame))), slot, frame)
    case .set(let operands, let slot):
      try spend(bytes: 16 * operands.count)
      return put(try checked(.set(SetValue(values(operands, frame)))), slot, frame)
    case .object(let members, let slot):
      try spend(bytes: 32 * members.count)
      let made = ObjectValue(members.map { (value($0.key, frame), value($0.value, frame)) })
      return put(try checked(.object(made)), slot, frame)
    case .comprehension(let kind, let inner, let key, let result, let slot):
      return put(try checked(try comprehension(kind, inner, key, result, frame)), slot, frame)
    case .template(let parts, let slot): return put(.string(try template(parts, frame)), slot, frame)
    default: preconditionFailure("a step that makes no value")
    }
  }

  /// A collection that was just made. While there are few of them none can be deep; from then on each is looked at, for
  /// rules could put one into the other without end.
  func checked(_ value: Value) throws(EvaluationError) -> Value {
    made += 1
    if made > Self.maximumValueDepth, try !isShallow(value, Self.maximumValueDepth) {
      throw .budget("values deeper than \(Self.maximumValueDepth)")
    }
    return value
  }

  private func isShallow(_ value: Value, _ limit: Int) throws(EvaluationError) -> Bool {
    guard limit > 0 else { return false }
    switch value {
    case .null, .bool, .number, .string: return true
    case .array(let values):
      for value in values where try !isShallow(value, limit - 1) { return false }
    case .set(let set):
      for value in set.elements where try !isShallow(value, limit - 1) { return false }
    case .object(let object):
      for member in object.members {
        guard try isShallow(member.key, limit - 1), try isShallow(member.value, limit - 1) else {
          return false
        }
      }
    }
    try tick()
    return true
  }

  func scan(
    _ source: Value, _ body: (Value, Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    switch source {
    case .array(let values):
      for (position, value) in values.enumerated() where try !body(.int(position), value) { return false }
    case .object(let object):
      for member in object.members where try !body(member.key, member.value) { return false }
    case .set(let set): for value in set.elements where try !body(value, value) { return false }
    case .null, .bool, .number, .string: break
    }
    return true
  }

  private func comprehension(
    _ kind: Comprehension, _ inner: Block, _ key: Operand, _ result: Operand, _ frame: Frame
  ) throws(EvaluationError) -> Value {
    var values: [Value] = []
    var members: [(Value, Value)] = []
    _ = try run(inner, 0, frame) { () throws(EvaluationError) in
      try self.spend(bytes: 32)
      switch kind {
      case .array, .set: values.append(self.value(result, frame))
      case .object: members.append((self.value(key, frame), self.value(result, frame)))
      }
      return true
    }
    switch kind {
    case .array: return .array(values)
    case .set: return .set(SetValue(values))
    case .object: return try object(members)
    }
  }

  /// An object of members, of which no two may have one key and two values.
  private func object(_ members: [(Value, Value)]) throws(EvaluationError) -> Value {
    let object = ObjectValue(members)
    guard object.count < members.count else { return .object(object) }
    for (key, value) in members where object[key] != value {
      throw .conflict("object keys must be unique")
    }
    return .object(object)
  }

  private func template(_ parts: [TemplatePart], _ frame: Frame) throws(EvaluationError) -> String {
    var out = ""
    for part in parts {
      switch part {
      case .text(let text): out += text
      case .value(let block, let operand):
        var found: [Value] = []
        _ = try run(block, 0, frame) { () throws(EvaluationError) in
          let value = self.value(operand, frame)
          if !found.contains(value) { found.append(value) }
          return found.count < 2
        }
        guard found.count < 2 else {
          throw .conflict("template-strings must not produce multiple outputs")
        }
        out += found.first.map { Format.plain($0) } ?? "<undefined>"
      }
      try spend(bytes: out.utf8.count)
    }
    return out
  }
}
