/// One evaluation of a policy: pure, counted, the same on every machine.
public struct Evaluation {
  private let machine: Machine

  /// - Parameters:
  ///   - input: nil where there is none.
  ///   - withheld: a member of the input that is not known any more: to ask for it, or for all of the input, is an error,
  ///     and not undefined, which a negation would take for true.
  ///   - isStrict: whether a builtin that fails ends the evaluation; else it gives nothing.
  public init(
    _ policy: Policy, data: Value = .object(ObjectValue()), input: Value?, withheld: String? = nil,
    meter: Meter, isStrict: Bool = false
  ) {
    machine = Machine(policy, data: data, input: input, meter: meter, isStrict: isStrict)
    machine.withheld = withheld.map(Value.string)
  }

  /// The value of a document under `data`; nil where it is undefined.
  public func value(of path: [String]) throws(EvaluationError) -> Value? {
    let walk = WalkPath(path.map { .bound(.constant(.string($0))) })
    return try machine.complete { () throws(EvaluationError) in
      try machine.document(at: walk, Frame(count: 0))
    }
  }

  /// Every solution of a query: the values of its named variables.
  public func solutions(of query: Query) throws(EvaluationError) -> [[(name: String, value: Value)]] {
    try machine.complete { () throws(EvaluationError) in
      var out: [[(name: String, value: Value)]] = []
      let frame = Frame(count: query.slots)
      _ = try machine.run(query.block, 0, frame) { () throws(EvaluationError) in
        out.append(query.variables.map { ($0.name, frame.values[$0.slot]) })
        return true
      }
      return out
    }
  }

  /// What is left of the budget.
  public var meter: Meter { machine.meter }

  /// The rules, functions apart, that were evaluated and gave a value that is neither false nor empty: paths under `data`,
  /// ascending.
  public var fired: [[String]] {
    machine.groups.filter { group in
      guard case .value(let value) = machine.around.known[group.number] else { return false }
      return !value.isFalse && !value.isEmptyCollection
    }.map(\.path).sorted { $0.lexicographicallyPrecedes($1) { Value.compare($0, $1) < 0 } }
  }
}

extension Evaluation {
  /// What this evaluator is called: whatever of it could give another answer or use another budget changes the number, and
  /// the release of the time zones is part of it. The tables of Unicode are the number's own.
  public static var version: String { "openexec-rego-1+tzdata-\(TimeZoneData.version)" }
}
