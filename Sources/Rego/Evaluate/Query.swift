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
