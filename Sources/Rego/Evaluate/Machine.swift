/// The variables of one run of a rule.
final class Frame {
  var values: [Value]
  init(count: Int) { values = Array(repeating: .null, count: count) }
}

/// What an evaluation looks at; `with` puts another in its place for a while.
struct Surroundings {
  var input: Value?
  var data: Value
  /// Documents that stand in the place of rules.
  var replaced: [[String]] = []
  var mocks: [String: PlannedMock] = [:]
  /// Values of groups that have been evaluated.
  var known: [GroupValue]

  enum GroupValue {
    case unknown
    case undefined
    case value(Value)
  }

  enum PlannedMock {
    case value(Value)
    case callee(Callee)
  }
}

/// Runs planned steps: what a rule does, what a reference finds and what a call gives stand in files of their own.
final class Machine {
  let root: RuleNode
  let groups: [RuleGroup]
  var around: Surroundings
  var meter: Meter
  let isStrict: Bool
  var depth = 0
  /// Runs inside of runs: every step with several outcomes is one.
  var runs = 0
  /// Collections made so far.
  var made = 0

  static let maximumDepth = 128
  static let maximumRuns = 384
  /// Of values that a policy makes.
  static let maximumValueDepth = 1024

  init(_ policy: Policy, data: Value, input: Value?, meter: Meter, isStrict: Bool) {
    root = policy.root
    groups = policy.groups
    self.meter = meter
    self.isStrict = isStrict
    around = Surroundings(
      input: input, data: data, known: Array(repeating: .unknown, count: groups.count))
  }

  typealias Continuation = () throws(EvaluationError) -> Bool

  func tick() throws(EvaluationError) {
    guard meter.step() else { throw .budget("more steps than the budget has") }
  }

  func value(_ operand: Operand, _ frame: Frame) -> Value {
    switch operand {
    case .constant(let value): value
    case .slot(let slot): frame.values[slot]
    }
  }

  /// Runs the steps from `first` on, and `then` for each outcome; false where `then` wants no more.
  func run(
    _ block: Block, _ first: Int, _ frame: Frame, _ then: Continuation
  ) throws(EvaluationError) -> Bool {
    guard runs < Self.maximumRuns else {
      throw .budget("more than \(Self.maximumRuns) choices open in each other")
    }
    runs += 1
    defer { runs -= 1 }
    var next = first
    while next < block.steps.count {
      try tick()
      let step = block.steps[next]
      next += 1
      switch step {
      case .input(let path, let slot):
        guard let found = input(at: path) else { return true }
        frame.values[slot] = found
      case .walk(let parts, let slot):
        let rest = next
        return try walk(parts, frame) { (value) throws(EvaluationError) in
          frame.values[slot] = value
          return try self.run(block, rest, frame, then)
        }
      case .dot(let source, let key, let slot):
        guard let found = value(source, frame).member(value(key, frame)) else { return true }
        frame.values[slot] = found
      case .scan(let source, let key, let slot):
        let rest = next
        return try scan(value(source, frame)) { (k, v) throws(EvaluationError) in
          if let key { frame.values[key] = k }
          frame.values[slot] = v
          return try self.run(block, rest, frame, then)
        }
      case .everyPath(let source, let slot):
        let rest = next
        return try walkAll(value(source, frame), []) { (pair) throws(EvaluationError) in
          frame.values[slot] = pair
          return try self.run(block, rest, frame, then)
        }
      case .compare(let comparison, let left, let right):
        guard comparison.holds(value(left, frame), value(right, frame)) else { return true }
      case .contains(let element, let collection):
        guard value(collection, frame).contains(value(element, frame)) else { return true }
      case .call(let builtin, let operands, let slot, let location):
        guard let result = try call(.builtin(builtin), operands.map { value($0, frame) }, location)
        else { return true }
        frame.values[slot] = result
      case .function(let path, let operands, let slot, let location):
        guard let result = try call(.function(path), operands.map { value($0, frame) }, location)
        else { return true }
        frame.values[slot] = result
      case .array(let operands, let slot):
        try spend(bytes: 16 * operands.count)
        frame.values[slot] = try checked(.array(operands.map { value($0, frame) }))
      case .set(let operands, let slot):
        try spend(bytes: 16 * operands.count)
        frame.values[slot] = try checked(.set(SetValue(operands.map { value($0, frame) })))
      case .object(let members, let slot):
        try spend(bytes: 32 * members.count)
        guard let object = try object(members.map { (value($0.key, frame), value($0.value, frame)) })
        else { return true }
        frame.values[slot] = try checked(object)
      case .copy(let source, let slot): frame.values[slot] = value(source, frame)
      case .equal(let left, let right):
        guard value(left, frame) == value(right, frame) else { return true }
      case .unpackArray(let source, let slots):
        guard case .array(let values) = value(source, frame), values.count == slots.count else { return true }
        for (slot, value) in zip(slots, values) { frame.values[slot] = value }
      case .unpackObject(let source, let keys, let slots):
        guard case .object(let object) = value(source, frame), object.count == keys.count else { return true }
        for (key, slot) in zip(keys, slots) {
          guard let found = object[value(key, frame)] else { return true }
          frame.values[slot] = found
        }
      case .holds(let operand):
        if value(operand, frame).isFalse { return true }
      case .not(let inner):
        if try hasSolution(inner, frame) { return true }
      case .every(let domain, let key, let slot, let inner):
        guard try every(value(domain, frame), key, slot, inner, frame) else { return true }
      case .comprehension(let kind, let inner, let key, let result, let slot):
        guard let made = try comprehension(kind, inner, key, result, frame) else { return true }
        frame.values[slot] = try checked(made)
      case .template(let parts, let slot): frame.values[slot] = .string(try template(parts, frame))
      case .with(let replacements, let inner):
        let rest = next
        return try with(replacements, inner, frame) { () throws(EvaluationError) in
          try self.run(block, rest, frame, then)
        }
      }
    }
    return try then()
  }

  func spend(bytes: Int) throws(EvaluationError) {
    do throws(BuiltinError) { try meter.spend(bytes: bytes) } catch {
      throw .budget("more bytes than the budget has")
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

  func isShallow(_ value: Value, _ limit: Int) throws(EvaluationError) -> Bool {
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

  func hasSolution(_ block: Block, _ frame: Frame) throws(EvaluationError) -> Bool {
    var found = false
    _ = try run(block, 0, frame) { () throws(EvaluationError) in
      found = true
      return false
    }
    return found
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

  func comprehension(
    _ kind: Comprehension, _ inner: Block, _ key: Operand, _ result: Operand, _ frame: Frame
  ) throws(EvaluationError) -> Value? {
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
  func object(_ members: [(Value, Value)]) throws(EvaluationError) -> Value? {
    let object = ObjectValue(members)
    guard object.count < members.count else { return .object(object) }
    for (key, value) in members where object[key] != value {
      throw .conflict("object keys must be unique")
    }
    return .object(object)
  }

  func template(_ parts: [TemplatePart], _ frame: Frame) throws(EvaluationError) -> String {
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
