/// Turns ordered expressions into steps. What is bound is known at each place, so that nothing has to be unified when it runs.
struct Planner {
  private(set) var slotCount: Int
  private var steps: [Step] = []
  var bound: Set<Int> = []
  /// The places that `mark` steps name; nil where none are wanted.
  var places: [Location]?
  private let ordering: Ordering
  private let groups: GroupNumbers
  private(set) var inputPaths: InputPaths
  /// Whether members of the input get numbers.
  private let mayNumber: Bool

  /// - Parameter mayNumber: false for a query, whose evaluations know the numbers of their policy alone.
  init(
    slots: [String?], source: SourceLines?, groups: GroupNumbers, inputPaths: InputPaths,
    mayNumber: Bool = true
  ) {
    slotCount = slots.count
    self.groups = groups
    self.inputPaths = inputPaths
    self.mayNumber = mayNumber
    ordering = Ordering(slots: slots, source: source)
  }

  mutating func fresh() -> Int {
    slotCount += 1
    bound.insert(slotCount - 1)
    return slotCount - 1
  }

  /// Takes the steps made so far.
  mutating func take() -> Block {
    defer { steps = [] }
    return Block(Planner.withLookups(steps))
  }

  /// Plans something of its own: what it binds is not bound after it.
  private mutating func separate<T>(
    _ inner: (inout Planner) throws(RegoSyntaxError) -> T
  ) throws(RegoSyntaxError) -> (Block, T) {
    let outer = (steps, bound)
    steps = []
    let result = try inner(&self)
    let block = Block(Planner.withLookups(steps))
    (steps, bound) = outer
    return (block, result)
  }

  // MARK: Bodies

  mutating func body(_ body: [ResolvedExpression]) throws(RegoSyntaxError) {
    var after = bound
    for expression in try ordering.order(body, bound: &after) { try self.expression(expression) }
  }

  private mutating func expression(_ expression: ResolvedExpression) throws(RegoSyntaxError) {
    if let number = places?.count {
      places?.append(expression.location)
      steps.append(.mark(number))
    }
    guard !expression.with.isEmpty else {
      try kind(expression.kind)
      return
    }
    var replacements: [(target: ResolvedWith.Target, replacement: PlannedReplacement)] = []
    for modifier in expression.with {
      switch modifier.value {
      case .term(let term): replacements.append((modifier.target, .operand(try value(term))))
      case .callee(let callee): replacements.append((modifier.target, .callee(callee)))
      }
    }
    let outer = steps
    steps = []
    try kind(expression.kind)
    let inner = Block(Planner.withLookups(steps))
    steps = outer + [.with(replacements, inner)]
  }

  private mutating func kind(_ kind: ResolvedExpression.Kind) throws(RegoSyntaxError) {
    switch kind {
    case .term(let term): try condition(term)
    case .unify(let left, let right): try unify(left, right)
    case .some(let key, let value, let domain):
      let source = try self.value(domain)
      let keySlot = key.map { target(of: $0) }
      let valueSlot = target(of: value)
      steps.append(.scan(source, key: keySlot?.slot, value: valueSlot.slot))
      if let key, let keySlot, !keySlot.isWhole { try match(key, .slot(keySlot.slot)) }
      if !valueSlot.isWhole { try match(value, .slot(valueSlot.slot)) }
    case .every(let key, let value, let domain, let body):
      let source = try self.value(domain)
      let (block, _) = try separate { (inner) throws(RegoSyntaxError) in
        inner.bound.insert(value)
        if let key { inner.bound.insert(key) }
        try inner.body(body)
      }
      steps.append(.every(source, key: key, value: value, block))
    case .not(let body, _):
      let (block, _) = try separate { (inner) throws(RegoSyntaxError) in try inner.body(body) }
      steps.append(.not(block))
    }
  }

  /// Where a step puts what a pattern takes apart: the pattern's own variable, where it is no more than one.
  private mutating func target(of pattern: Resolved) -> (slot: Int, isWhole: Bool) {
    guard case .slot(let slot) = pattern, !bound.contains(slot) else { return (fresh(), false) }
    bound.insert(slot)
    return (slot, true)
  }

  /// A term that has to be true: operators are steps of their own.
  private mutating func condition(_ term: Resolved) throws(RegoSyntaxError) {
    guard case .call(.builtin(let builtin), let arguments, _) = term, arguments.count == 2 else {
      steps.append(.holds(try value(term)))
      return
    }
    if let comparison = Comparison(function: builtin.name) {
      let operands = try values(arguments)
      steps.append(.compare(comparison, operands[0], operands[1]))
    } else if builtin.name == "internal.member_2" {
      let operands = try values(arguments)
      steps.append(.contains(operands[0], in: operands[1]))
    } else {
      steps.append(.holds(try value(term)))
    }
  }

  // MARK: Values

  /// Plans a term that has a value; what its references bind is bound after it.
  mutating func value(_ term: Resolved) throws(RegoSyntaxError) -> Operand {
    switch term {
    case .constant(let value): return .constant(value)
    case .slot(let slot): return .slot(slot)
    case .reference(let root, let path, _): return try reference(root, path)
    case .call(let callee, let arguments, let location):
      let operands = try values(arguments)
      let slot = fresh()
      switch callee {
      case .builtin(let builtin) where builtin.name == "walk":
        steps.append(.everyPath(operands[0], into: slot))
      case .builtin(let builtin): steps.append(.call(builtin, operands, into: slot, location))
      case .function(let path): steps.append(.function(path: path, operands, into: slot, location))
      }
      return .slot(slot)
    case .array(let terms):
      let operands = try values(terms)
      if let constants = Planner.constants(operands) { return .constant(.array(constants)) }
      let slot = fresh()
      steps.append(.array(operands, into: slot))
      return .slot(slot)
    case .set(let terms):
      let operands = try values(terms)
      if let constants = Planner.constants(operands) { return .constant(.set(SetValue(constants))) }
      let slot = fresh()
      steps.append(.set(operands, into: slot))
      return .slot(slot)
    case .object(let members): return try object(members)
    case .comprehension(let kind, let body, let key, let value, _):
      let (block, operands) = try separate { (inner) throws(RegoSyntaxError) in
        try inner.body(body)
        return (try inner.value(key), try inner.value(value))
      }
      let slot = fresh()
      steps.append(.comprehension(kind, block, key: operands.0, value: operands.1, into: slot))
      return .slot(slot)
    case .template(let pieces, _): return try template(pieces)
    }
  }

  private mutating func values(_ terms: [Resolved]) throws(RegoSyntaxError) -> [Operand] {
    var out = [Operand?](repeating: nil, count: terms.count)
    var rest = Array(terms.indices)
    while !rest.isEmpty {
      let position = rest.firstIndex { hasValue(terms[$0]) } ?? 0
      let index = rest.remove(at: position)
      out[index] = try value(terms[index])
    }
    return out.compactMap(\.self)
  }

  private static func constants(_ operands: [Operand]) -> [Value]? {
    var out: [Value] = []
    for operand in operands {
      guard case .constant(let value) = operand else { return nil }
      out.append(value)
    }
    return out
  }

  private mutating func object(
    _ members: [(key: Resolved, value: Resolved)]
  ) throws(RegoSyntaxError) -> Operand {
    var operands: [(key: Operand, value: Operand)] = []
    for member in members { operands.append((try value(member.key), try value(member.value))) }
    if let keys = Planner.constants(operands.map(\.key)),
      let values = Planner.constants(operands.map(\.value))
    {
      return .constant(.object(ObjectValue(Array(zip(keys, values)))))
    }
    let slot = fresh()
    steps.append(.object(operands, into: slot))
    return .slot(slot)
  }

  private mutating func template(_ pieces: [ResolvedPiece]) throws(RegoSyntaxError) -> Operand {
    var parts: [TemplatePart] = []
    for piece in pieces {
      switch piece {
      case .text(let text): parts.append(.text(text))
      case .expression(let body, let term):
        let (block, operand) = try separate { (inner) throws(RegoSyntaxError) in
          try inner.body(body)
          return try inner.value(term)
        }
        parts.append(.value(block, operand))
      }
    }
    let slot = fresh()
    steps.append(.template(parts, into: slot))
    return .slot(slot)
  }

  // MARK: References

  private mutating func reference(_ root: Resolved.Root, _ path: [Resolved]) throws(RegoSyntaxError)
    -> Operand
  {
    switch root {
    case .data: return try walk(path)
    case .input:
      var constants: [Value] = []
      for part in path {
        guard case .constant(let value) = part else { break }
        constants.append(value)
      }
      let slot = fresh()
      steps.append(.input(inputPaths.path(constants, isNew: mayNumber), into: slot))
      return try follow(.slot(slot), path.dropFirst(constants.count))
    case .term(let head): return try follow(try value(head), path[...])
    }
  }

  /// A reference under `data`: one walk, and then what its patterns demand.
  private mutating func walk(_ path: [Resolved]) throws(RegoSyntaxError) -> Operand {
    var parts: [WalkPart] = []
    var patterns: [(Resolved, Int)] = []
    for part in path {
      switch part {
      case .slot(let slot) where !bound.contains(slot):
        bound.insert(slot)
        parts.append(.free(slot))
      case .array, .object:
        if isBound(part) {
          parts.append(.bound(try value(part)))
        } else {
          let slot = fresh()
          parts.append(.free(slot))
          patterns.append((part, slot))
        }
      default: parts.append(.bound(try value(part)))
      }
    }
    let slot = fresh()
    steps.append(.walk(WalkPath(parts, group: groups.group(on: parts)), into: slot))
    for (pattern, key) in patterns { try match(pattern, .slot(key)) }
    return .slot(slot)
  }

  private mutating func follow(_ head: Operand, _ path: ArraySlice<Resolved>) throws(RegoSyntaxError)
    -> Operand
  {
    var current = head
    for part in path {
      if isBound(part) {
        let key = try value(part)
        let slot = fresh()
        steps.append(.dot(current, key: key, into: slot))
        current = .slot(slot)
        continue
      }
      switch part {
      case .slot, .array, .object:
        let key = target(of: part)
        let slot = fresh()
        steps.append(.scan(current, key: key.slot, value: slot))
        if !key.isWhole { try match(part, .slot(key.slot)) }
        current = .slot(slot)
      default:
        let key = try value(part)
        let slot = fresh()
        steps.append(.dot(current, key: key, into: slot))
        current = .slot(slot)
      }
    }
    return current
  }

  /// Whether nothing in a term is to be bound.
  private func isBound(_ term: Resolved) -> Bool {
    switch term {
    case .constant, .comprehension, .template: return true
    case .slot(let slot): return bound.contains(slot)
    case .reference(let root, let path, _):
      if case .term(let head) = root, !isBound(head) { return false }
      return path.allSatisfy(isBound)
    case .call(_, let terms, _), .array(let terms), .set(let terms): return terms.allSatisfy(isBound)
    case .object(let members): return members.allSatisfy { isBound($0.key) && isBound($0.value) }
    }
  }

  /// Whether all slots that a term takes its value from are bound, or bind themselves.
  private func hasValue(_ term: Resolved) -> Bool {
    switch term {
    case .constant, .comprehension, .template: return true
    case .slot(let slot): return bound.contains(slot)
    case .reference(let root, _, _):
      if case .term(let head) = root { return hasValue(head) }
      return true
    case .call(_, let terms, _), .array(let terms), .set(let terms): return terms.allSatisfy(hasValue)
    case .object(let members): return members.allSatisfy { hasValue($0.key) && hasValue($0.value) }
    }
  }

  // MARK: Unification

  private mutating func unify(_ left: Resolved, _ right: Resolved) throws(RegoSyntaxError) {
    if let pairs = Ordering.pairs(left, right), !isBound(left) || !isBound(right) {
      var rest = pairs
      while !rest.isEmpty {
        let position = rest.indices.first { hasValue(rest[$0].0) || hasValue(rest[$0].1) } ?? 0
        let (a, b) = rest.remove(at: position)
        try unify(a, b)
      }
      return
    }
    if hasValue(right) {
      try match(left, try value(right))
    } else {
      try match(right, try value(left))
    }
  }

  /// Takes a value apart by a term.
  mutating func match(_ pattern: Resolved, _ source: Operand) throws(RegoSyntaxError) {
    switch pattern {
    case .slot(let slot) where !bound.contains(slot):
      bound.insert(slot)
      steps.append(.copy(source, into: slot))
    case .array(let terms) where !isBound(pattern):
      let slots = terms.map { _ in fresh() }
      steps.append(.unpackArray(source, into: slots))
      for (term, slot) in zip(terms, slots) { try match(term, .slot(slot)) }
    case .object(let members) where !isBound(pattern):
      var keys: [Operand] = []
      for member in members { keys.append(try value(member.key)) }
      let slots = members.map { _ in fresh() }
      steps.append(.unpackObject(source, keys: keys, into: slots))
      for (member, slot) in zip(members, slots) { try match(member.value, .slot(slot)) }
    case .constant, .slot, .reference, .call, .array, .object, .set, .comprehension, .template:
      steps.append(.equal(try value(pattern), source))
    }
  }
}
