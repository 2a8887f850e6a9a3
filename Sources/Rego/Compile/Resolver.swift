/// Finds out what the names of one rule, or one query, stand for.
struct Resolver {
  /// What all modules define.
  let world: Names
  /// The package whose names are known here; nil for a query.
  let module: Module?

  /// Names of local variables, the rule's own first, then those of closures around the place that is looked at.
  private var scopes: [[String: Local]] = [[:]]
  /// The name of each slot, for messages; nil for those that have none.
  private(set) var slots: [String?] = []

  /// A variable of one scope, and how it came to be there.
  private struct Local {
    /// `captured` is a variable that only closures have named so far: it is another than one that is declared later.
    enum Origin { case declared, assigned, argument, referenced, captured }
    let slot: Int
    let origin: Origin
  }

  init(world: Names, module: Module?) {
    self.world = world
    self.module = module
  }

  // MARK: Names

  mutating func fresh(_ name: String? = nil) -> Int {
    slots.append(name)
    return slots.count - 1
  }

  private mutating func declare(
    _ name: String, _ origin: Local.Origin, _ location: Location
  ) throws(RegoSyntaxError) -> Int {
    guard name != "_" else { return fresh() }
    guard name != "input", name != "data" else {
      let what = origin == .argument ? "args" : "variables"
      throw error(.compile, "\(what) must not shadow \(name) (use a different variable name)", at: location)
    }
    if let known = scopes[scopes.count - 1][name], origin != .argument || known.origin != .argument {
      switch known.origin {
      case .declared: throw error(.compile, "var \(name) declared above", at: location)
      case .assigned: throw error(.compile, "var \(name) assigned above", at: location)
      case .argument: throw error(.compile, "arg \(name) redeclared", at: location)
      case .referenced: throw error(.compile, "var \(name) referenced above", at: location)
      case .captured: break
      }
    }
    let slot = fresh(name)
    scopes[scopes.count - 1][name] = Local(slot: slot, origin: origin)
    return slot
  }

  private func local(_ name: String) -> Int? {
    for scope in scopes.reversed() {
      if let local = scope[name] { return local.slot }
    }
    return nil
  }

  /// The path under `data` or `input` that a name stands for; nil for a variable.
  private func global(_ name: String) -> (root: Resolved.Root, path: [String])? {
    guard let module else { return name == "input" ? (.input, []) : name == "data" ? (.data, []) : nil }
    if let found = module.imports.last(where: { $0.alias == name }) {
      return (found.path[0] == "input" ? .input : .data, Array(found.path.dropFirst()))
    }
    if world.isRule(name, in: module.package) { return (.data, module.package + [name]) }
    if name == "input" { return (.input, []) }
    return name == "data" ? (.data, []) : nil
  }

  /// Whether no rule, import or variable hides the builtin of a name.
  private func isBuiltin(_ name: String) -> Bool { local(name) == nil && global(name) == nil }

  func error(
    _ code: RegoSyntaxError.Code, _ message: String, at location: Location
  ) -> RegoSyntaxError {
    RegoSyntaxError(
      code: code, location: location, message: message, line: module?.source.line(location.line) ?? "")
  }

  // MARK: Bodies

  mutating func body(_ body: Body) throws(RegoSyntaxError) -> [ResolvedExpression] {
    var out: [ResolvedExpression] = []
    for expression in body.expressions {
      if case .declare(let names) = expression.kind {
        for name in names { _ = try declare(name, .declared, expression.location) }
        continue
      }
      out.append(try self.expression(expression))
    }
    return out
  }

  private mutating func closure<T>(
    _ inner: (inout Resolver) throws(RegoSyntaxError) -> T
  ) throws(RegoSyntaxError) -> T {
    scopes.append([:])
    let result = try inner(&self)
    scopes.removeLast()
    return result
  }

  private mutating func expression(_ expression: Expression) throws(RegoSyntaxError) -> ResolvedExpression {
    // What replaces something is looked at where the expression stands, before it declares anything.
    var modifiers: [ResolvedWith] = []
    for modifier in expression.with { modifiers.append(try self.modifier(modifier)) }
    let kind = try self.kind(expression)
    return ResolvedExpression(kind: kind, with: modifiers, location: expression.location)
  }

  private mutating func kind(_ expression: Expression) throws(RegoSyntaxError) -> ResolvedExpression.Kind {
    switch expression.kind {
    case .term(.call("print", let arguments, _)) where isBuiltin("print"):
      // What it would print nobody reads, so that nothing is evaluated for it; names are looked at all the same.
      _ = try terms(arguments)
      return .term(.constant(.bool(true)))
    case .term(.call(let name, let arguments, let location)):
      return try statement(try call(name, arguments, location, isStatement: true))
    case .term(let term): return .term(try self.term(term))
    case .unify(let left, let right): return .unify(try term(left), try term(right))
    case .assign(let left, let right):
      let value = try term(right)
      try declareAll(in: left, .assigned, expression.location)
      let target = try term(left)
      return .unify(target, value)
    case .declare: return .term(.constant(.bool(true)))
    case .some(let key, let value, let domain):
      let domain = try term(domain)
      if let key { try declareAll(in: key, .declared, expression.location) }
      try declareAll(in: value, .declared, expression.location)
      return .some(
        key: try key.map { (term) throws(RegoSyntaxError) in try self.term(term) }, value: try term(value),
        domain: domain)
    case .every(let key, let value, let domain, let body):
      let domain = try term(domain)
      return try closure { (inner) throws(RegoSyntaxError) in
        var slots: [Int?] = []
        for name in [key, value] {
          guard case .variable(let text, _)? = name else {
            slots.append(nil)
            continue
          }
          slots.append(try inner.declare(text, .declared, expression.location))
        }
        guard let valueSlot = slots[1] else {
          throw inner.error(.compile, "expected a name after 'every'", at: expression.location)
        }
        return .every(key: slots[0], value: valueSlot, domain: domain, try inner.body(body))
      }
    case .not(let body, let isBody):
      return try closure { (inner) throws(RegoSyntaxError) in .not(try inner.body(body), isBody: isBody) }
    }
  }

  /// A call with one argument too many says what its result is.
  private func statement(_ term: Resolved) throws(RegoSyntaxError) -> ResolvedExpression.Kind {
    guard case .call(let callee, let arguments, let location) = term, let arity = world.arity(of: callee),
      arguments.count == arity + 1, let result = arguments.last
    else { return .term(term) }
    return .unify(.call(callee, Array(arguments.dropLast()), location), result)
  }

  private mutating func declareAll(
    in term: Term, _ origin: Local.Origin, _ location: Location
  ) throws(RegoSyntaxError) {
    switch term {
    case .variable(let name, let place): if name != "_" { _ = try declare(name, origin, place) }
    case .array(let terms): for term in terms { try declareAll(in: term, origin, location) }
    case .object(let members): for member in members { try declareAll(in: member.value, origin, location) }
    case .value, .reference, .call, .set, .arrayComprehension, .setComprehension, .objectComprehension,
      .template:
      break
    }
  }

  // MARK: With

  private mutating func modifier(_ modifier: With) throws(RegoSyntaxError) -> ResolvedWith {
    let target = try self.target(modifier)
    let isFunction: Bool
    switch target {
    case .builtin, .function: isFunction = true
    case .input, .data: isFunction = false
    }
    if isFunction, let callee = callee(modifier.value) {
      let (expected, found) = (arity(of: target), world.arity(of: callee))
      guard expected == found else {
        throw error(
          .type,
          "expected a function of \(expected ?? 0) arguments after 'as', found \(callee.name) of \(found ?? 0)",
          at: modifier.location)
      }
      return ResolvedWith(target: target, value: .callee(callee))
    }
    return ResolvedWith(target: target, value: .term(try term(modifier.value)))
  }

  private func arity(of target: ResolvedWith.Target) -> Int? {
    switch target {
    case .builtin(let name): world.builtin(name)?.arity
    case .function(let path): world.arity(of: .function(path))
    case .input, .data: nil
    }
  }

  private func target(_ modifier: With) throws(RegoSyntaxError) -> ResolvedWith.Target {
    guard let (name, path) = constantPath(modifier.target) else {
      throw error(.type, "expected input, data or a function after 'with'", at: modifier.location)
    }
    let whole = ([name] + path).joined(separator: ".")
    if let (root, prefix) = global(name) {
      let full = prefix + path
      switch root {
      case .input: return .input(full)
      case .data: return world.isFunction(full) ? .function(full) : .data(full)
      case .term: break
      }
    }
    guard world.builtin(whole) != nil, Comparison(function: whole) == nil, whole != "walk" else {
      throw error(
        .type, "expected input, data or a function after 'with', found \(whole)", at: modifier.location)
    }
    return .builtin(whole)
  }

  private func constantPath(_ term: Term) -> (name: String, path: [String])? {
    switch term {
    case .variable(let name, _): return (name, [])
    case .reference(.variable(let name, _), let path, _):
      var texts: [String] = []
      for part in path {
        guard case .value(.string(let text)) = part else { return nil }
        texts.append(text)
      }
      return (name, texts)
    default: return nil
    }
  }

  /// The function that a term names, where it names one and no value.
  private func callee(_ term: Term) -> Callee? {
    guard let (name, path) = constantPath(term), local(name) == nil else { return nil }
    if let (root, prefix) = global(name) {
      guard case .data = root, world.isFunction(prefix + path) else { return nil }
      return .function(prefix + path)
    }
    return world.builtin(([name] + path).joined(separator: ".")).map(Callee.builtin)
  }

  // MARK: Terms

  mutating func term(_ term: Term) throws(RegoSyntaxError) -> Resolved {
    switch term {
    case .value(let value): return .constant(value)
    case .variable(let name, let location): return try variable(name, location)
    case .reference(let head, let path, let location):
      let path = try terms(path)
      if case .variable(let name, let place) = head {
        switch try variable(name, place) {
        case .reference(let root, let prefix, _): return .reference(root, prefix + path, location)
        case let other: return .reference(.term(other), path, location)
        }
      }
      return .reference(.term(try self.term(head)), path, location)
    case .call(let name, let arguments, let location): return try call(name, arguments, location)
    case .array(let elements):
      let resolved = try terms(elements)
      return Self.constants(resolved).map { .constant(.array($0)) } ?? .array(resolved)
    case .set(let elements):
      let resolved = try terms(elements)
      return Self.constants(resolved).map { .constant(.set(SetValue($0))) } ?? .set(resolved)
    case .object(let members):
      var out: [(key: Resolved, value: Resolved)] = []
      for member in members { out.append((try self.term(member.key), try self.term(member.value))) }
      // Of two values of one key the last counts.
      if let keys = Self.constants(out.map(\.key)), let values = Self.constants(out.map(\.value)) {
        return .constant(.object(ObjectValue(Array(zip(keys, values)))))
      }
      return .object(out)
    case .arrayComprehension(let head, let body, let location):
      return try comprehension(.array, .value(.null), head, body, location)
    case .setComprehension(let head, let body, let location):
      return try comprehension(.set, .value(.null), head, body, location)
    case .objectComprehension(let key, let value, let body, let location):
      return try comprehension(.object, key, value, body, location)
    case .template(let pieces, let location): return .template(try template(pieces, location), location)
    }
  }

  private static func constants(_ terms: [Resolved]) -> [Value]? {
    var out: [Value] = []
    for term in terms {
      guard case .constant(let value) = term else { return nil }
      out.append(value)
    }
    return out
  }

  private mutating func terms(_ terms: [Term]) throws(RegoSyntaxError) -> [Resolved] {
    var out: [Resolved] = []
    for term in terms { out.append(try self.term(term)) }
    return out
  }

  private mutating func variable(_ name: String, _ location: Location) throws(RegoSyntaxError) -> Resolved {
    if name == "_" { return .slot(fresh()) }
    if let slot = local(name) { return .slot(slot) }
    if let (root, path) = global(name) {
      return .reference(root, path.map { .constant(.string($0)) }, location)
    }
    // Nobody declared it: it belongs to the whole rule.
    let slot = fresh(name)
    scopes[0][name] = Local(slot: slot, origin: scopes.count == 1 ? .referenced : .captured)
    return .slot(slot)
  }

  private mutating func comprehension(
    _ kind: Comprehension, _ key: Term, _ value: Term, _ body: Body, _ location: Location
  ) throws(RegoSyntaxError) -> Resolved {
    try closure { (inner) throws(RegoSyntaxError) in
      let body = try inner.body(body)
      return .comprehension(kind, body, key: try inner.term(key), value: try inner.term(value), location)
    }
  }

  private mutating func template(
    _ pieces: [TemplateTerm], _ location: Location
  ) throws(RegoSyntaxError) -> [ResolvedPiece] {
    var out: [ResolvedPiece] = []
    for piece in pieces {
      switch piece {
      case .text(let text): out.append(.text(text))
      case .expression(let term, let modifiers):
        let slot = fresh()
        var resolved: [ResolvedWith] = []
        for modifier in modifiers { resolved.append(try self.modifier(modifier)) }
        let value = try self.term(term)
        let expression = ResolvedExpression(
          kind: .unify(.slot(slot), value), with: resolved, location: location)
        out.append(.expression([expression], .slot(slot)))
      }
    }
    return out
  }

  private mutating func call(
    _ name: String, _ arguments: [Term], _ location: Location, isStatement: Bool = false
  ) throws(RegoSyntaxError) -> Resolved {
    let parts = name.split(separator: ".").map(String.init)
    var callee: Callee?
    if let first = parts.first, let (root, prefix) = global(first), case .data = root {
      let path = prefix + parts.dropFirst()
      if world.isFunction(path) { callee = .function(path) }
    }
    if callee == nil, let first = parts.first, let module, world.isRule(first, in: module.package) {
      // A rule hides the builtin of its name.
      throw error(
        .type, "undefined function data.\((module.package + parts).joined(separator: "."))", at: location)
    }
    if callee == nil, let builtin = world.builtin(name) { callee = .builtin(builtin) }
    guard let callee else {
      throw error(.type, "undefined function \(name)", at: location)
    }
    guard let arity = world.arity(of: callee),
      arguments.count == arity || isStatement && arguments.count == arity + 1
    else {
      let expected = world.arity(of: callee) ?? 0
      throw error(
        .type, "\(name) takes \(expected) arguments, found \(arguments.count)", at: location)
    }
    let resolved = try terms(arguments)
    if case .builtin(let builtin) = callee, let objection = builtin.objection(to: resolved.map(\.kinds)) {
      throw error(.type, objection, at: location)
    }
    return .call(callee, resolved, location)
  }

  // MARK: Heads

  /// The arguments of a function, as patterns: their names are new.
  mutating func arguments(_ arguments: [Term], _ location: Location) throws(RegoSyntaxError) -> [Resolved] {
    for term in arguments { try declareAll(in: term, .argument, location) }
    return try terms(arguments)
  }
}
