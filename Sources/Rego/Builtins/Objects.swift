// Aggregates, sets of sets, objects, and paths in them.
extension Builtins {
  private static func elements(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> [Value] {
    switch a.value(position) {
    case .array(let values): return values
    case .set(let set): return set.elements
    default:
      throw .operand(position + 1, expected: "one of {set, array}", found: a.value(position).typeName)
    }
  }

  private static func numbers(
    _ a: ArraySlice<Value>, _ meter: inout Meter
  ) throws(BuiltinError) -> [Number] {
    var out: [Number] = []
    for value in try elements(a, 0) {
      try meter.spend(steps: 1)
      guard case .number(let number) = value else {
        throw .operand(
          1, expected: "\(a.value(0).typeName) of numbers",
          found: "\(a.value(0).typeName) containing \(value.typeName)")
      }
      out.append(number)
    }
    return out
  }

  /// Whole numbers exactly. Where one is written as a decimal all are numbers of 64 binary digits, from the first on, and
  /// every step's result is the nearest of `bits` digits.
  private static func folds(
    _ name: String, _ start: Number, _ work: @escaping @Sendable (Number, Number) -> Number?, bits: Int,
    _ near: @escaping @Sendable (BinaryFloat, BinaryFloat) -> BinaryFloat?
  ) -> Builtin {
    Builtin(name, 1) { (a, meter) throws(BuiltinError) in
      let all = try numbers(a, &meter)
      guard all.contains(where: { $0.exact == nil }) else {
        var result = start
        for number in all {
          if name == "product" { try spend(result, number, &meter) }
          guard let next = work(result, number) else { throw .failed("number out of range") }
          result = next
        }
        return .number(result)
      }
      var result = BinaryFloat(start)
      for number in all {
        try spendDecimals(number, start, &meter)
        let right = BinaryFloat(number)
        result = result.flatMap { left in right.flatMap { near(left, $0) } }
      }
      guard let number = result?.number(of: bits) else { throw .failed("number out of range") }
      return .number(number)
    }
  }

  private static func keys(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> [Value] {
    switch a.value(position) {
    case .array(let values): return values
    case .set(let set): return set.elements
    case .object(let object): return object.keys
    default:
      throw .operand(position + 1, expected: "one of {object, set, array}", found: a.value(position).typeName)
    }
  }

  static let objects: [Builtin] = [
    folds("sum", .small(0), +, bits: 64, +),
    // OPA begins with a one of 53 binary digits, and Go keeps to those.
    folds("product", .small(1), *, bits: 53) { BinaryFloat.product($0, $1, bits: 53) },
    Builtin("max", 1) { (a, _) throws(BuiltinError) in try elements(a, 0).max() },
    Builtin("min", 1) { (a, _) throws(BuiltinError) in try elements(a, 0).min() },
    Builtin("sort", 1) { (a, meter) throws(BuiltinError) in
      let values = try elements(a, 0)
      try meter.spend(bytes: 16 * values.count)
      return .array(values.sorted())
    },
    Builtin("all", 1) { (a, _) throws(BuiltinError) in
      .bool(try elements(a, 0).allSatisfy(\.isTrue))
    },
    Builtin("any", 1) { (a, _) throws(BuiltinError) in .bool(try elements(a, 0).contains(where: \.isTrue)) },
    Builtin("union", 1) { (a, meter) throws(BuiltinError) in
      var all: [Value] = []
      for value in try a.set(0).elements {
        guard case .set(let set) = value else {
          throw .operand(1, expected: "set of sets", found: "set containing \(value.typeName)")
        }
        try meter.spend(bytes: 16 * set.count)
        all += set.elements
      }
      return .set(SetValue(all))
    },
    Builtin("intersection", 1) { (a, _) throws(BuiltinError) in
      var result: SetValue?
      for value in try a.set(0).elements {
        guard case .set(let set) = value else {
          throw .operand(1, expected: "set of sets", found: "set containing \(value.typeName)")
        }
        result = result.map { $0.intersection(set) } ?? set
      }
      return .set(result ?? SetValue())
    },
    Builtin("array.reverse", 1) { (a, _) throws(BuiltinError) in .array(try a.array(0).reversed()) },
    Builtin("array.slice", 3) { (a, _) throws(BuiltinError) in
      let values = try a.array(0)
      let start = max(0, try a.int(1))
      let end = min(values.count, try a.int(2))
      return .array(start < end ? Array(values[start..<end]) : [])
    },
    Builtin("array.flatten", 1) { (a, meter) throws(BuiltinError) in
      var out: [Value] = []
      for value in try a.array(0) {
        if case .array(let inner) = value { out += inner } else { out.append(value) }
        try meter.spend(bytes: 16)
      }
      return .array(out)
    },
    Builtin("object.keys", 1) { (a, _) throws(BuiltinError) in
      .set(SetValue(sorted: try a.object(0).keys))
    },
    Builtin("object.union", 2) { (a, meter) throws(BuiltinError) in
      let left = try a.object(0)
      let right = try a.object(1)
      try meter.spend(bytes: 32 * (left.count + right.count))
      return Value.object(right).merged(over: .object(left))
    },
    Builtin("object.union_n", 1) { (a, meter) throws(BuiltinError) in
      var result = Value.object(ObjectValue())
      for value in try a.array(0) {
        guard case .object(let object) = value else {
          throw .operand(1, expected: "array of objects", found: "array containing \(value.typeName)")
        }
        try meter.spend(bytes: 32 * object.count)
        result = value.merged(over: result)
      }
      return result
    },
    Builtin("object.remove", 2) { (a, _) throws(BuiltinError) in
      let gone = SetValue(try keys(a, 1))
      return .object(
        ObjectValue(try a.object(0).members.filter { !gone.contains($0.key) }.map { ($0.key, $0.value) }))
    },
    Builtin("object.filter", 2) { (a, _) throws(BuiltinError) in
      let kept = SetValue(try keys(a, 1))
      return .object(
        ObjectValue(try a.object(0).members.filter { kept.contains($0.key) }.map { ($0.key, $0.value) }))
    },
    Builtin("object.subset", 2) { (a, meter) throws(BuiltinError) in
      switch (a.value(0), a.value(1)) {
      case (.object, .object), (.set, .set), (.array, .array): break
      case (.array, .set): break
      default:
        throw .failed("both arguments object.subset must be of the same type or array and set")
      }
      return .bool(try isSubset(a.value(0), a.value(1), &meter))
    },
    Builtin("json.filter", 2) { (a, _) throws(BuiltinError) in
      let object = try a.object(0)
      let tree = PathTree(try paths(a, 1))
      return tree.filter(.object(object)) ?? .object(ObjectValue())
    },
    Builtin("json.remove", 2) { (a, _) throws(BuiltinError) in
      let object = try a.object(0)
      let tree = PathTree(try paths(a, 1))
      return tree.remove(.object(object)) ?? .object(ObjectValue())
    },
    Builtin("json.patch", 2) { (a, meter) throws(BuiltinError) in
      try Patch.apply(try a.array(1), to: a.value(0), &meter)
    },
    Builtin("graph.reachable", 2) { (a, meter) throws(BuiltinError) in
      let graph = try a.object(0)
      var found: Set<Value> = []
      var queue = try elements(a, 1)
      while let node = queue.popLast() {
        try meter.spend(steps: 1)
        guard let next = graph[node], found.insert(node).inserted else { continue }
        switch next {
        case .array(let values): queue += values
        case .set(let set): queue += set.elements
        default: break
        }
      }
      return .set(SetValue(Array(found)))
    },
    Builtin("graph.reachable_paths", 2) { (a, meter) throws(BuiltinError) in
      let graph = try a.object(0)
      var out: [Value] = []
      func visit(_ node: Value, _ path: [Value]) throws(BuiltinError) {
        try meter.spend(bytes: 16 * (path.count + 1))
        guard path.count < 512 else { throw .budget("paths longer than 512") }
        guard let edges = graph[node] else {
          if !path.isEmpty { out.append(.array(path)) }
          return
        }
        let next: [Value] =
          switch edges {
          case .array(let values): values
          case .set(let set): set.elements
          default: []
          }
        if path.contains(node) {
          out.append(.array(path))
          return
        }
        let longer = path + [node]
        if next.isEmpty { out.append(.array(longer)) }
        for other in next {
          if longer.contains(other) || graph[other] == nil {
            out.append(.array(longer))
          } else {
            try visit(other, longer)
          }
        }
      }
      for node in try elements(a, 1) where graph[node] != nil { try visit(node, []) }
      return .set(SetValue(out))
    },
    Builtin("walk", 1) { (_, _) throws(BuiltinError) in nil },
  ]

  private static func isSubset(_ big: Value, _ small: Value, _ meter: inout Meter) throws(BuiltinError)
    -> Bool
  {
    try meter.spend(steps: 1)
    switch (big, small) {
    case (.object(let a), .object(let b)):
      for member in b.members {
        guard let other = a[member.key], try isSubset(other, member.value, &meter) else { return false }
      }
      return true
    case (.set(let a), .set(let b)): return b.elements.allSatisfy(a.contains)
    case (.array(let a), .set(let b)): return b.elements.allSatisfy { a.contains($0) }
    case (.array(let a), .array(let b)): return b.isEmpty || a.position(of: b) != nil
    default: return big == small
    }
  }

  /// Paths as arrays of parts, or as texts with slashes.
  private static func paths(_ a: ArraySlice<Value>, _ position: Int) throws(BuiltinError) -> [[Value]] {
    var out: [[Value]] = []
    for value in try elements(a, position) {
      switch value {
      case .string(let text): out.append(Pointer.parse(text).map(Value.string))
      case .array(let parts): out.append(parts)
      default:
        throw .operand(
          position + 1, expected: "one of {set, array} containing string paths or array of path segments",
          found: value.typeName)
      }
    }
    return out
  }
}
