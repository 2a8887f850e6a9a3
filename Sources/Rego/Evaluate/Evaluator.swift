/// One evaluation of a policy: pure, counted, the same on every machine.
public struct Evaluation {
  private let machine: Machine

  /// - Parameters:
  ///   - input: nil where there is none.
  ///   - isStrict: whether a builtin that fails ends the evaluation; else it gives nothing.
  public init(
    _ policy: Policy, data: Value = .object(ObjectValue()), input: Value?, meter: Meter,
    isStrict: Bool = false
  ) {
    machine = Machine(policy, data: data, input: input, meter: meter, isStrict: isStrict)
  }

  /// The value of a document under `data`; nil where it is undefined.
  public func value(of path: [String]) throws(EvaluationError) -> Value? {
    var found: Value?
    let parts = path.map { WalkPart.bound(.constant(.string($0))) }
    _ = try machine.walk(WalkPath(parts), Frame(count: 0)) { (value) throws(EvaluationError) in
      found = value
      return false
    }
    return found
  }

  /// Every solution of a query: the values of its named variables.
  public func solutions(of query: Query) throws(EvaluationError) -> [[(name: String, value: Value)]] {
    var out: [[(name: String, value: Value)]] = []
    let frame = Frame(count: query.slots)
    _ = try machine.run(query.block, 0, frame) { () throws(EvaluationError) in
      out.append(query.variables.map { ($0.name, frame.values[$0.slot]) })
      return true
    }
    return out
  }

  /// What is left of the budget.
  public var meter: Meter { machine.meter }
}

/// A planned query.
public struct Query: Sendable {
  let block: Block
  let slots: Int
  let variables: [(name: String, slot: Int)]

  /// Reads and plans a query against a policy.
  public init(_ text: String, of policy: Policy, file: String = "query") throws(RegoSyntaxError) {
    let bytes = Array(text.utf8)
    var lexer = Lexer(bytes, file: file)
    let source = SourceLines(bytes)
    var parser = Parser(try lexer.tokens(), file: file, source: source)
    let body = try parser.query()
    var resolver = Resolver(world: policy.names, module: nil)
    let expressions = try resolver.body(body)
    var planner = Planner(slots: resolver.slots, source: source, groups: policy.numbers)
    var named: Set<Int> = []
    for expression in expressions {
      expression.forEachSlot { slot, inClosure in if !inClosure { named.insert(slot) } }
    }
    try planner.body(expressions)
    block = planner.take()
    slots = planner.slotCount
    variables = resolver.slots.enumerated().compactMap { slot, name in
      name.flatMap { named.contains(slot) ? ($0, slot) : nil }
    }
  }
}

/// The variables of one run of a rule.
final class Frame {
  var values: [Value]
  init(count: Int) { values = Array(repeating: .null, count: count) }
}

/// What an evaluation looks at; `with` puts another in its place for a while.
private struct Surroundings {
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

final class Machine {
  private let root: RuleNode
  private let groups: [RuleGroup]
  private var around: Surroundings
  var meter: Meter
  private let isStrict: Bool
  private var depth = 0
  /// Runs inside of runs: every step with several outcomes is one.
  private var runs = 0
  /// Collections made so far.
  private var made = 0

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

  // MARK: Steps

  private func tick() throws(EvaluationError) {
    guard meter.step() else { throw .budget("more steps than the budget has") }
  }

  private func value(_ operand: Operand, _ frame: Frame) -> Value {
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

  private func spend(bytes: Int) throws(EvaluationError) {
    do throws(BuiltinError) { try meter.spend(bytes: bytes) } catch {
      throw .budget("more bytes than the budget has")
    }
  }

  /// A collection that was just made. While there are few of them none can be deep; from then on each is looked at, for
  /// rules could put one into the other without end.
  private func checked(_ value: Value) throws(EvaluationError) -> Value {
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

  private func hasSolution(_ block: Block, _ frame: Frame) throws(EvaluationError) -> Bool {
    var found = false
    _ = try run(block, 0, frame) { () throws(EvaluationError) in
      found = true
      return false
    }
    return found
  }

  private func scan(
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

  private func every(
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

  private func comprehension(
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
  private func object(_ members: [(Value, Value)]) throws(EvaluationError) -> Value? {
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

  // MARK: References under data

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

  private func walk(
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
  private func keys(_ node: RuleNode, _ stored: Value?) -> [Value] {
    var keys = node.children.map { Value.string($0.name) }
    if case .object(let object)? = stored { keys += object.keys }
    return SetValue(keys).elements
  }

  private func follow(
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
  private func document(_ node: RuleNode, _ stored: Value?, _ path: [String]) throws(EvaluationError) -> Value
  {
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

  private func isReplaced(_ path: [String]) -> Bool {
    guard !around.replaced.isEmpty else { return false }
    return around.replaced.contains { path.starts(with: $0) }
  }

  // MARK: Rules

  private func enter() throws(EvaluationError) {
    guard depth < Self.maximumDepth else {
      throw .budget("rules deeper in each other than \(Self.maximumDepth)")
    }
    depth += 1
  }

  private func value(of group: RuleGroup) throws(EvaluationError) -> Value? {
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
  private func complete(_ group: RuleGroup, _ arguments: [Value]) throws(EvaluationError) -> Value? {
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

  private func elements(_ group: RuleGroup) throws(EvaluationError) -> Value {
    var elements: [Value] = []
    for rule in group.rules {
      try solutions(of: rule, []) { (clause, frame) throws(EvaluationError) in
        try self.spend(bytes: 16)
        elements.append(self.value(clause.value, frame))
      }
    }
    return try checked(.set(SetValue(elements)))
  }

  private func members(_ group: RuleGroup) throws(EvaluationError) -> Value {
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
  private func solutions(
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

  private func holds(_ guards: [Guard]) throws(EvaluationError) -> Bool {
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

  private func input(at path: [Value]) -> Value? {
    guard var found = around.input else { return nil }
    for key in path {
      guard let next = found.member(key) else { return nil }
      found = next
    }
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

  // MARK: Calls

  private func call(
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

  private func call(
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
  private func walkAll(
    _ value: Value, _ path: [Value], _ body: (Value) throws(EvaluationError) -> Bool
  ) throws(EvaluationError) -> Bool {
    guard path.count < Self.maximumDepth else { throw .budget("values deeper than \(Self.maximumDepth)") }
    try tick()
    guard try body(.array([.array(path), value])) else { return false }
    return try scan(value) { (key, value) throws(EvaluationError) in
      try self.walkAll(value, path + [key], body)
    }
  }

  // MARK: With

  private func with(
    _ replacements: [(target: ResolvedWith.Target, replacement: PlannedReplacement)], _ inner: Block,
    _ frame: Frame, _ then: Continuation
  ) throws(EvaluationError) -> Bool {
    let outer = around
    defer { around = outer }
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
    around.known = Array(repeating: .unknown, count: groups.count)
    var inside = around
    return try run(inner, 0, frame) { () throws(EvaluationError) in
      inside = self.around
      self.around = outer
      defer { self.around = inside }
      return try then()
    }
  }

  private static func put(_ value: Value, at path: ArraySlice<String>, into target: Value?) -> Value {
    guard let name = path.first else { return value }
    var object = ObjectValue()
    if case .object(let members)? = target { object = members }
    let key = Value.string(name)
    object[key] = put(value, at: path.dropFirst(), into: object[key])
    return .object(object)
  }
}

extension Value {
  /// What a reference finds in stored data, where a number names a member too: the paths of a store are texts.
  fileprivate func storedMember(_ key: Value) -> Value? {
    if let found = member(key) { return found }
    guard case .object = self, case .number(let number) = key else { return nil }
    return member(.string(number.text))
  }
}

/// An object that rules make together, member by member.
private struct ObjectBuilder {
  private indirect enum Content {
    case leaf(Value)
    case set([Value])
    case branch([(key: Value, content: Content)])
  }

  private var content = Content.branch([])

  /// False where two values meet at one place.
  mutating func put(_ value: Value, at path: ArraySlice<Value>, isElement: Bool) -> Bool {
    ObjectBuilder.put(value, at: path, isElement: isElement, into: &content)
  }

  private static func put(
    _ value: Value, at path: ArraySlice<Value>, isElement: Bool, into content: inout Content
  ) -> Bool {
    guard let key = path.first else { return false }
    guard case .branch(var members) = content else { return false }
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if Value.compare(members[middle].key, key) < 0 { low = middle + 1 } else { high = middle }
    }
    let exists = low < members.count && members[low].key == key
    content = .branch([])
    defer { content = .branch(members) }
    guard path.count == 1 else {
      if !exists { members.insert((key, .branch([])), at: low) }
      return put(value, at: path.dropFirst(), isElement: isElement, into: &members[low].content)
    }
    guard exists else {
      members.insert((key, isElement ? .set([value]) : .leaf(value)), at: low)
      return true
    }
    switch members[low].content {
    case .leaf(let known): return !isElement && known == value
    case .set(let elements):
      guard isElement else { return false }
      members[low].content = .set(elements + [value])
      return true
    case .branch(let below):
      // An object that a rule gives whole, and members that others give: equal or a conflict.
      guard !isElement, case .object = value else { return false }
      return ObjectBuilder.value(of: .branch(below)) == value
    }
  }

  var value: Value { ObjectBuilder.value(of: content) }

  private static func value(of content: Content) -> Value {
    switch content {
    case .leaf(let value): value
    case .set(let elements): .set(SetValue(elements))
    case .branch(let members): .object(ObjectValue(members.map { ($0.key, value(of: $0.content)) }))
    }
  }
}
