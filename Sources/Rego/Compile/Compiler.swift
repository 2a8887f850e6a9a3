/// Modules that have been checked and planned.
public struct Policy: Sendable {
  let root: RuleNode
  /// By their numbers.
  let groups: [RuleGroup]
  let numbers: GroupNumbers
  let names: Names
  let inputPaths: InputPaths
  /// By the numbers of groups.
  let indexes: [RuleIndex?]
  var inputCount: Int { inputPaths.count }
  /// What `mark` steps name; empty where the policy was planned without places.
  let places: [Location]

  /// Checks and plans modules, in any order. Throws the first fault, by the name of its
  /// rule and then by file. `builtins` are known besides the
  /// language's own, whose names stay theirs.
  ///
  /// - Parameters:
  ///   - hasPlaces: whether evaluations tell which places of the text they reached; they take longer then.
  ///   - infersKinds: whether what can have no value is refused, for the kinds of variables, rules and functions, and defaults that are
  ///     no constants. Otherwise they have none when they are evaluated.
  public init(
    _ modules: [Module], builtins: [Builtin] = [], hasPlaces: Bool = false, infersKinds: Bool = true
  ) throws(RegoSyntaxError) {
    let ordered = modules.sorted { Value.compare($0.file, $1.file) < 0 }
    names = Names(ordered, builtins: builtins)
    var builder = RuleTreeBuilder()
    for module in ordered {
      try module.checkNames()
      builder.add(package: module.package)
      for rule in module.rules { try builder.add(rule, of: module) }
    }
    var numbers = GroupNumbers()
    builder.number(builder.root, path: [], &numbers)
    self.numbers = numbers
    var compiler = RuleCompiler(names: names, numbers: numbers, places: hasPlaces ? [] : nil)
    root = try compiler.node(builder.root, path: [])
    groups = compiler.all
    try compiler.checkRecursion(root)
    if infersKinds {
      for module in ordered { try module.checkDefaults() }
      var inference = KindInference(compiler.clauses, groups: groups, numbers: numbers)
      try inference.check()
    }
    inputPaths = compiler.inputPaths
    var indexing = Indexing(groups)
    indexes = indexing.indexes()
    places = compiler.places ?? []
  }

  /// Whether rules that take no arguments stand at a path under `data`.
  public func hasRule(at path: [String]) -> Bool {
    guard let number = numbers.numbers[path] else { return false }
    if case .function = groups[number].kind { return false }
    return true
  }
}

/// Rules as they are written, by their place.
private struct RuleTreeBuilder {
  final class Node {
    var rules: [(rule: Rule, module: Module, rest: [Term])] = []
    var children: [String: Node] = [:]
    var isOpen = false

    /// Whether all that stands here and below is one object.
    var isObject: Bool { isOpen || !rules.isEmpty && !children.isEmpty }
  }

  let root = Node()

  /// Gives groups their numbers, in the order in which they are planned.
  func number(_ node: Node, path: [String], _ numbers: inout GroupNumbers) {
    if !node.isObject {
      for name in node.children.keys.sorted(by: { Value.compare($0, $1) < 0 }) {
        if let child = node.children[name] { number(child, path: path + [name], &numbers) }
      }
    }
    if node.isObject || !node.rules.isEmpty { numbers.numbers[path] = numbers.numbers.count }
  }

  /// A package is a document, without rules too.
  func add(package: [String]) {
    var node = root
    for part in package { node = child(node, part) }
  }

  mutating func add(_ rule: Rule, of module: Module) throws(RegoSyntaxError) {
    var node = root
    for part in module.package { node = child(node, part) }
    var rest = rule.head.path[...]
    while case .value(.string(let text))? = rest.first {
      node = child(node, text)
      rest = rest.dropFirst()
    }
    if !rest.isEmpty { node.isOpen = true }
    node.rules.append((rule, module, Array(rest)))
  }

  private func child(_ node: Node, _ name: String) -> Node {
    if let known = node.children[name] { return known }
    let new = Node()
    node.children[name] = new
    return new
  }
}

private struct RuleCompiler {
  let names: Names
  let numbers: GroupNumbers
  private(set) var all: [RuleGroup] = []
  /// What each group refers to.
  private var references: [(group: Int, path: [String?])] = []
  private var locations: [Int: (Location, SourceLines)] = [:]
  private(set) var places: [Location]?
  private(set) var inputPaths = InputPaths()
  /// Every clause as it was resolved, in order.
  private(set) var clauses: [KindInference.Clause] = []

  init(names: Names, numbers: GroupNumbers, places: [Location]?) {
    self.names = names
    self.numbers = numbers
    self.places = places
  }

  mutating func node(_ node: RuleTreeBuilder.Node, path: [String]) throws(RegoSyntaxError) -> RuleNode {
    if node.isObject {
      return RuleNode(group: try object(node, path), children: [])
    }
    var children: [(name: String, node: RuleNode)] = []
    for name in node.children.keys.sorted(by: { Value.compare($0, $1) < 0 }) {
      guard let child = node.children[name] else { continue }
      children.append((name, try self.node(child, path: path + [name])))
    }
    let group = node.rules.isEmpty ? nil : try self.group(node, path)
    return RuleNode(group: group, children: children)
  }

  private mutating func group(_ node: RuleTreeBuilder.Node, _ path: [String]) throws(RegoSyntaxError)
    -> RuleGroup
  {
    let number = all.count
    var kind: RuleGroup.Kind?
    var rules: [PlannedRule] = []
    var fallback: PlannedRule?
    for (rule, module, _) in node.rules {
      let own = RuleCompiler.kind(of: rule)
      if let kind, !RuleCompiler.isAlike(kind, own) {
        throw fault(
          .type, "conflicting rules data.\(path.joined(separator: ".")) found", rule.location, module)
      }
      kind = own
      locations[number] = locations[number] ?? (rule.location, module.source)
      let planned = try plan(rule, of: module, prefix: [], group: number)
      if rule.isDefault {
        guard fallback == nil else {
          throw fault(
            .type, "multiple default rules data.\(path.joined(separator: ".")) found", rule.location, module)
        }
        fallback = planned
      } else {
        rules.append(planned)
      }
    }
    let made = RuleGroup(
      number: number, path: path, kind: kind ?? .complete, rules: rules, fallback: fallback)
    precondition(numbers.numbers[path] == number && all.count == number)
    all.append(made)
    return made
  }

  /// All rules at a node and below it, as members of one object.
  private mutating func object(_ node: RuleTreeBuilder.Node, _ path: [String]) throws(RegoSyntaxError)
    -> RuleGroup
  {
    let number = all.count
    var rules: [PlannedRule] = []
    try collect(node, [], number, &rules)
    let made = RuleGroup(number: number, path: path, kind: .object, rules: rules, fallback: nil)
    precondition(numbers.numbers[path] == number && all.count == number)
    all.append(made)
    return made
  }

  private mutating func collect(
    _ node: RuleTreeBuilder.Node, _ prefix: [String], _ group: Int, _ rules: inout [PlannedRule]
  ) throws(RegoSyntaxError) {
    for (rule, module, rest) in node.rules {
      locations[group] = locations[group] ?? (rule.location, module.source)
      let constants = prefix.map { Term.value(.string($0)) }
      rules.append(try plan(rule, of: module, prefix: constants + rest, group: group))
    }
    for name in node.children.keys.sorted(by: { Value.compare($0, $1) < 0 }) {
      guard let child = node.children[name] else { continue }
      try collect(child, prefix + [name], group, &rules)
    }
  }

  private static func kind(of rule: Rule) -> RuleGroup.Kind {
    if let arguments = rule.head.arguments { return .function(arity: arguments.count) }
    if case .contains = rule.head.kind { return .set }
    return .complete
  }

  private static func isAlike(_ a: RuleGroup.Kind, _ b: RuleGroup.Kind) -> Bool {
    switch (a, b) {
    case (.complete, .complete), (.set, .set), (.object, .object): true
    case (.function(let x), .function(let y)): x == y
    case (.complete, _), (.set, _), (.object, _), (.function, _): false
    }
  }

  private func fault(
    _ code: RegoSyntaxError.Code, _ message: String, _ location: Location, _ module: Module
  ) -> RegoSyntaxError {
    RegoSyntaxError(code: code, location: location, message: message, line: module.source.line(location.line))
  }

  // MARK: Rules

  private mutating func plan(
    _ rule: Rule, of module: Module, prefix: [Term], group: Int
  ) throws(RegoSyntaxError) -> PlannedRule {
    var clauses: [(clause: PlannedClause, slots: Int)] = []
    var isElement = false
    let value: Term
    switch rule.head.kind {
    case .value(let term): value = term
    case .contains(let term):
      value = term
      isElement = true
    }
    for (value, body, location) in [(value, rule.body, rule.location)] + rule.alternatives {
      clauses.append(try clause(rule, module, prefix, value, body, location, group))
    }
    return PlannedRule(clauses: clauses, isElement: isElement, location: rule.location)
  }

  private mutating func clause(
    _ rule: Rule, _ module: Module, _ prefix: [Term], _ value: Term, _ body: Body,
    _ location: Location, _ group: Int
  ) throws(RegoSyntaxError) -> (clause: PlannedClause, slots: Int) {
    var resolver = Resolver(world: names, module: module)
    let arguments = rule.head.arguments ?? []
    let frame = arguments.map { _ in resolver.fresh() }
    let patterns = try resolver.arguments(arguments, location)
    // An argument's pattern may need what the body binds.
    var expressions = zip(frame, patterns).map { slot, pattern in
      ResolvedExpression(kind: .unify(.slot(slot), pattern), with: [], location: location)
    }
    expressions += try resolver.body(body)
    var path: [Resolved] = []
    for part in prefix { path.append(try resolver.term(part)) }
    let result = try resolver.term(value)
    clauses.append(
      KindInference.Clause(
        group: group, body: expressions, value: result, isMember: !path.isEmpty,
        source: module.source))
    // What the head takes is bound by the body, or by itself.
    let slot = resolver.fresh()
    var head = expressions
    head.append(ResolvedExpression(kind: .unify(.slot(slot), result), with: [], location: location))
    var pathSlots: [Int] = []
    for part in path {
      let partSlot = resolver.fresh()
      pathSlots.append(partSlot)
      head.append(ResolvedExpression(kind: .unify(.slot(partSlot), part), with: [], location: location))
    }
    note(head, group)
    var planner = Planner(
      slots: resolver.slots, source: module.source, groups: numbers, inputPaths: inputPaths)
    planner.bound = Set(frame)
    planner.places = places
    try planner.body(head)
    (places, inputPaths) = (planner.places, planner.inputPaths)
    let block = planner.take()
    let clause = PlannedClause(
      block: block, guards: Guard.leading(block), path: pathSlots.map(Operand.slot), value: .slot(slot))
    return (clause, planner.slotCount)
  }

  // MARK: Recursion

  private mutating func note(_ body: [ResolvedExpression], _ group: Int) {
    var found: [[String?]] = []
    for expression in body { expression.forEachReference { found.append($0) } }
    for path in found { references.append((group, path)) }
  }

  func checkRecursion(_ root: RuleNode) throws(RegoSyntaxError) {
    var edges = [[Int]](repeating: [], count: all.count)
    for (group, path) in references {
      RuleCompiler.forEachGroup(path[...], root) { edges[group].append($0.number) }
    }
    var state = [UInt8](repeating: 0, count: all.count)
    for start in all.indices where state[start] == 0 {
      var stack: [(group: Int, next: Int)] = [(start, 0)]
      state[start] = 1
      while let top = stack.last {
        guard top.next < edges[top.group].count else {
          state[top.group] = 2
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let target = edges[top.group][top.next]
        if state[target] == 1 {
          let (location, source) =
            locations[target] ?? (Location(file: "", line: 1, column: 1), SourceLines([]))
          var name = ""
          RuleCompiler.forEachGroup([], root) {
            if $0.number == target { name = $0.path.joined(separator: ".") }
          }
          throw RegoSyntaxError(
            code: .recursion, location: location, message: "rule data.\(name) is recursive",
            line: source.line(location.line))
        }
        if state[target] == 0 {
          state[target] = 1
          stack.append((target, 0))
        }
      }
    }
  }

  /// Rules that a reference may lead to, into or over; nil is any name.
  private static func forEachGroup(
    _ reference: ArraySlice<String?>, _ node: RuleNode, _ visit: (RuleGroup) -> Void
  ) {
    if let group = node.group { visit(group) }
    if let part = reference.first, let name = part {
      if let child = node.child(name) { forEachGroup(reference.dropFirst(), child, visit) }
      return
    }
    for child in node.children { forEachGroup(reference.dropFirst(), child.node, visit) }
  }
}
