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
