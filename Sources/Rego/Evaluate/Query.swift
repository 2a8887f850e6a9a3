/// A planned query.
public struct Query: Sendable {
  let block: Block
  let slots: Int
  let variables: [(name: String, slot: Int)]

  /// Reads and plans a query against a policy.
  ///
  /// - Parameter name: the variable that a query of one term, such as `data.a.b`, gets its value in; nil for none.
  public init(
    _ text: String, of policy: Policy, file: String = "query", naming name: String? = nil
  ) throws(RegoSyntaxError) {
    let bytes = Array(text.utf8)
    var lexer = Lexer(bytes, file: file)
    let source = SourceLines(bytes)
    var parser = Parser(try lexer.tokens(), file: file, source: source)
    let written = try parser.query()
    var body = written
    if let name, body.expressions.count == 1, case .term(let term) = body.expressions[0].kind {
      let only = body.expressions[0]
      body = Body(expressions: [
        Expression(
          kind: .unify(.variable(name, only.location), term), with: only.with, location: only.location)
      ])
    }
    var resolver = Resolver(world: policy.names, module: nil)
    let expressions: [ResolvedExpression]
    do throws(RegoSyntaxError) {
      expressions = try resolver.body(body)
    } catch {
      // A call that says itself what its result is, such as `plus(1, 2, x)`, has no value to be named.
      resolver = Resolver(world: policy.names, module: nil)
      expressions = try resolver.body(written)
    }
    var planner = Planner(
      slots: resolver.slots, source: source, groups: policy.numbers, inputPaths: policy.inputPaths,
      mayNumber: false)
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
