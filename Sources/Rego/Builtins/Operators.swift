// What the operators of the language stand for.
extension Builtins {
  private static func compares(_ name: String, _ holds: @escaping @Sendable (Int) -> Bool) -> Builtin {
    Builtin(name, 2) { (a, _) throws(BuiltinError) in .bool(holds(Value.compare(a.value(0), a.value(1)))) }
  }

  static let comparisons: [Builtin] = [
    compares("equal") { $0 == 0 }, compares("neq") { $0 != 0 }, compares("lt") { $0 < 0 },
    compares("lte") { $0 <= 0 }, compares("gt") { $0 > 0 }, compares("gte") { $0 >= 0 },
    compares("eq") { $0 == 0 }, compares("assign") { $0 == 0 },
  ]

  private static func calculates(
    _ name: String, _ work: @escaping @Sendable (Number, Number) -> Number?
  ) -> Builtin {
    Builtin(name, 2) { (a, meter) throws(BuiltinError) in
      let left = try a.number(0)
      let right = try a.number(1)
      try spendDecimals(left, right, &meter)
      guard let result = work(left, right) else { throw .failed("number out of range") }
      return .number(result)
    }
  }

  /// What is rounded takes as long as it is far from the point.
  static func spendDecimals(_ left: Number, _ right: Number, _ meter: inout Meter)
    throws(BuiltinError)
  {
    for case .decimal(let value) in [left, right] { try meter.spend(steps: value.effort) }
  }

  /// A product and a quotient take the product of the lengths.
  static func spend(_ left: Number, _ right: Number, _ meter: inout Meter) throws(BuiltinError) {
    try spendDecimals(left, right, &meter)
    guard case .big(let a) = left, case .big(let b) = right else { return }
    try meter.spend(steps: a.magnitude.count * b.magnitude.count / 4)
  }

  static let arithmetic: [Builtin] = [
    calculates("plus", +),
    Builtin("mul", 2) { (a, meter) throws(BuiltinError) in
      let left = try a.number(0)
      let right = try a.number(1)
      try spend(left, right, &meter)
      guard let result = left * right else { throw .failed("number out of range") }
      return .number(result)
    },
    Builtin("minus", 2) { (a, meter) throws(BuiltinError) in
      if case .set(let left) = a.value(0) { return .set(left.subtracting(try a.set(1))) }
      guard case .number(let left) = a.value(0) else {
        throw .operand(1, expected: "one of {number, set}", found: a.value(0).typeName)
      }
      let right = try a.number(1)
      try spendDecimals(left, right, &meter)
      guard let result = left - right else { throw .failed("number out of range") }
      return .number(result)
    },
    Builtin("div", 2) { (a, meter) throws(BuiltinError) in
      let left = try a.number(0)
      let right = try a.number(1)
      try spend(left, right, &meter)
      guard right != .small(0) else { throw .failed("divide by zero") }
      guard let result = left / right else { throw .failed("number out of range") }
      return .number(result)
    },
    Builtin("rem", 2) { (a, meter) throws(BuiltinError) in
      try spend(try a.number(0), try a.number(1), &meter)
      guard let left = try a.number(0).integer, let right = try a.number(1).integer else {
        throw .failed("modulo on floating-point number")
      }
      guard !right.isZero else { throw .failed("modulo by zero") }
      return .number(Number(left.divided(by: right).remainder))
    },
    Builtin("abs", 1) { (a, meter) throws(BuiltinError) in
      try spendDecimals(try a.number(0), .small(0), &meter)
      guard let result = try a.number(0).magnitude else { throw .failed("number out of range") }
      return .number(result)
    },
    rounds("ceil", .up), rounds("floor", .down), rounds("round", .toNearestOrAwayFromZero),
    Builtin("or", 2) { (a, _) throws(BuiltinError) in .set(try a.set(0).union(try a.set(1))) },
    Builtin("and", 2) { (a, _) throws(BuiltinError) in .set(try a.set(0).intersection(try a.set(1))) },
    Builtin("set_diff", 2) { (a, _) throws(BuiltinError) in .set(try a.set(0).subtracting(try a.set(1))) },
    Builtin("internal.member_2", 2) { (a, _) throws(BuiltinError) in
      let element = a.value(0)
      switch a.value(1) {
      case .array(let values): return .bool(values.contains(element))
      case .set(let set): return .bool(set.contains(element))
      case .object(let object): return .bool(object.members.contains { $0.value == element })
      case .null, .bool, .number, .string: return .bool(false)
      }
    },
    Builtin("internal.member_3", 3) { (a, _) throws(BuiltinError) in
      let key = a.value(0)
      let element = a.value(1)
      switch a.value(2) {
      case .array(let values):
        guard case .number(let number) = key, let position = number.int, values.indices.contains(position)
        else { return .bool(false) }
        return .bool(values[position] == element)
      case .set(let set): return .bool(key == element && set.contains(element))
      case .object(let object): return .bool(object[key].map { $0 == element } ?? false)
      case .null, .bool, .number, .string: return .bool(false)
      }
    },
  ]

  private static func rounds(_ name: String, _ rule: FloatingPointRoundingRule) -> Builtin {
    Builtin(name, 1) { (a, _) throws(BuiltinError) in
      guard let result = try a.number(0).rounded(rule) else { throw .failed("number out of range") }
      return .number(result)
    }
  }

  private static func isType(_ name: String, _ kind: String) -> Builtin {
    Builtin(name, 1) { (a, _) throws(BuiltinError) in .bool(a.value(0).typeName == kind) }
  }

  static let types: [Builtin] = [
    isType("is_null", "null"), isType("is_boolean", "boolean"), isType("is_number", "number"),
    isType("is_string", "string"), isType("is_array", "array"), isType("is_object", "object"),
    isType("is_set", "set"),
    Builtin("type_name", 1) { (a, _) throws(BuiltinError) in .string(a.value(0).typeName) },
    Builtin("print", 0) { (_, _) throws(BuiltinError) in .bool(true) },
    Builtin("trace", 1) { (_, _) throws(BuiltinError) in .bool(true) },
  ]

  static let collections: [Builtin] = [
    Builtin("count", 1) { (a, _) throws(BuiltinError) in
      switch a.value(0) {
      case .array(let values): return .int(values.count)
      case .set(let set): return .int(set.count)
      case .object(let object): return .int(object.count)
      case .string(let text): return .int(text.unicodeScalars.count)
      case .null, .bool, .number:
        throw .operand(1, expected: "one of {array, object, set, string}", found: a.value(0).typeName)
      }
    },
    Builtin("array.concat", 2) { (a, meter) throws(BuiltinError) in
      let joined = try a.array(0) + (try a.array(1))
      try meter.spend(bytes: 16 * joined.count)
      return .array(joined)
    },
    Builtin("object.get", 3) { (a, _) throws(BuiltinError) in
      let object = try a.object(0)
      guard case .array(let path) = a.value(1) else { return object[a.value(1)] ?? a.value(2) }
      var current = Value.object(object)
      for part in path {
        guard let next = current.member(part) else { return a.value(2) }
        current = next
      }
      return current
    },
  ]
}

extension Value {
  /// Whether a collection has an element; an object its values.
  func contains(_ element: Value) -> Bool {
    switch self {
    case .array(let values): values.contains(element)
    case .set(let set): set.contains(element)
    case .object(let object): object.members.contains { $0.value == element }
    case .null, .bool, .number, .string: false
    }
  }

  /// What stands at `key`: an array's element, an object's member, a set's element itself.
  func member(_ key: Value) -> Value? {
    switch self {
    case .array(let values):
      guard case .number(let number) = key, let position = number.int, position >= 0, position < values.count
      else { return nil }
      return values[position]
    case .object(let object): return object[key]
    case .set(let set): return set.contains(key) ? key : nil
    case .null, .bool, .number, .string: return nil
    }
  }
}
