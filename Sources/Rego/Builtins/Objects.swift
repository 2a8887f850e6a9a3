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

  private static func folds(
    _ name: String, _ start: Number, _ work: @escaping @Sendable (Number, Number) -> Number?
  ) -> Builtin {
    Builtin(name, 1) { (a, meter) throws(BuiltinError) in
      var result = start
      for value in try elements(a, 0) {
        try meter.spend(steps: 1)
        guard case .number(let number) = value else {
          throw .operand(
            1, expected: "\(a.value(0).typeName) of numbers",
            found: "\(a.value(0).typeName) containing \(value.typeName)")
        }
        guard let next = work(result, number) else { throw .failed("number out of range") }
        result = next
      }
      return .number(result)
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
    folds("sum", .small(0), +), folds("product", .small(1), *),
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

/// JSON pointers (RFC 6901).
enum Pointer {
  static func parse(_ text: String) -> [String] {
    guard !text.isEmpty else { return [] }
    let body = text.hasPrefix("/") ? String(text.dropFirst()) : text
    return Builtins.split(body, "/", limit: nil).map { part in
      var out = ""
      var scalars = part.unicodeScalars.makeIterator()
      while let scalar = scalars.next() {
        guard scalar == "~" else {
          out.unicodeScalars.append(scalar)
          continue
        }
        switch scalars.next() {
        case "0": out += "~"
        case "1": out += "/"
        case .some(let other): out += "~\(other)"
        case .none: out += "~"
        }
      }
      return out
    }
  }
}

/// Paths that are kept, or removed, as a tree.
private final class PathTree {
  private var children: [(key: Value, tree: PathTree)] = []
  private var isEnd = false

  init(_ paths: [[Value]]) { for path in paths { insert(path[...]) } }

  private func insert(_ path: ArraySlice<Value>) {
    guard let key = path.first else {
      isEnd = true
      return
    }
    if let child = child(key) {
      child.insert(path.dropFirst())
      return
    }
    let new = PathTree([])
    new.insert(path.dropFirst())
    children.append((key, new))
  }

  private func child(_ key: Value) -> PathTree? { children.first { $0.key == key }?.tree }

  /// An array's position may be written as text.
  private func child(_ position: Int) -> PathTree? {
    child(.int(position)) ?? child(.string(String(position)))
  }

  func filter(_ value: Value) -> Value? {
    if isEnd { return value }
    switch value {
    case .object(let object):
      var out: [(Value, Value)] = []
      for member in object.members {
        if let kept = child(member.key)?.filter(member.value) { out.append((member.key, kept)) }
      }
      return .object(ObjectValue(out))
    case .array(let values):
      var out: [Value] = []
      for (position, value) in values.enumerated() {
        if let kept = child(position)?.filter(value) { out.append(kept) }
      }
      return .array(out)
    case .set(let set):
      return .set(SetValue(set.elements.compactMap { child($0)?.filter($0) }))
    case .null, .bool, .number, .string: return nil
    }
  }

  func remove(_ value: Value) -> Value? {
    if isEnd { return nil }
    switch value {
    case .object(let object):
      return .object(
        ObjectValue(
          object.members.compactMap { member in
            guard let tree = child(member.key) else { return (member.key, member.value) }
            return tree.remove(member.value).map { (member.key, $0) }
          }))
    case .array(let values):
      return .array(
        values.enumerated().compactMap { position, value in
          guard let tree = child(position) else { return value }
          return tree.remove(value)
        })
    case .set(let set):
      return .set(
        SetValue(
          set.elements.compactMap { element in
            guard let tree = child(element) else { return element }
            return tree.remove(element)
          }))
    case .null, .bool, .number, .string: return value
    }
  }
}

/// JSON patches (RFC 6902), over sets too.
private enum Patch {
  static func apply(
    _ operations: [Value], to target: Value, _ meter: inout Meter
  ) throws(BuiltinError) -> Value? {
    var result = target
    for operation in operations {
      try meter.spend(steps: 1)
      guard case .object(let object) = operation else {
        throw .operand(2, expected: "array of objects", found: "array containing \(operation.typeName)")
      }
      guard case .string(let name)? = object[.string("op")], let path = object[.string("path")].flatMap(parts)
      else {
        return nil
      }
      guard let next = apply(name, path, object, to: result) else { return nil }
      result = next
    }
    return result
  }

  private static func parts(_ path: Value) -> [Value]? {
    switch path {
    case .string(let text): Pointer.parse(text).map(Value.string)
    case .array(let parts): parts
    default: nil
    }
  }

  private static func apply(
    _ name: String, _ path: [Value], _ operation: ObjectValue, to target: Value
  ) -> Value? {
    switch name {
    case "add":
      return operation[.string("value")].flatMap { edit(target, path[...], .add($0)) }
    case "remove": return edit(target, path[...], .remove)
    case "replace":
      return operation[.string("value")].flatMap { edit(target, path[...], .replace($0)) }
    case "test":
      guard let value = operation[.string("value")], find(target, path[...]) == value else { return nil }
      return target
    case "move", "copy":
      guard let from = operation[.string("from")].flatMap(parts), let value = find(target, from[...]) else {
        return nil
      }
      guard name == "move" else { return edit(target, path[...], .add(value)) }
      return edit(target, from[...], .remove).flatMap { edit($0, path[...], .add(value)) }
    default: return nil
    }
  }

  private enum Edit {
    case add(Value)
    case remove
    case replace(Value)
  }

  private static func position(_ key: Value, _ count: Int) -> Int? {
    switch key {
    case .number(let number): number.int
    case .string("-"): count
    case .string(let text):
      text == "0" || (text.first?.isNumber == true && text.first != "0") ? Int(text) : nil
    default: nil
    }
  }

  private static func find(_ value: Value, _ path: ArraySlice<Value>) -> Value? {
    guard let key = path.first else { return value }
    if case .array(let values) = value {
      guard let position = position(key, values.count), values.indices.contains(position) else { return nil }
      return find(values[position], path.dropFirst())
    }
    return value.member(key).flatMap { find($0, path.dropFirst()) }
  }

  private static func edit(_ value: Value, _ path: ArraySlice<Value>, _ edit: Edit) -> Value? {
    guard let key = path.first else {
      switch edit {
      case .add(let new), .replace(let new): return new
      case .remove: return .null
      }
    }
    let rest = path.dropFirst()
    switch value {
    case .object(var object):
      guard rest.isEmpty else {
        guard let inner = object[key], let edited = Patch.edit(inner, rest, edit) else { return nil }
        object[key] = edited
        return .object(object)
      }
      switch edit {
      case .add(let new): object[key] = new
      case .remove:
        guard object[key] != nil else { return nil }
        object[key] = nil
      case .replace(let new):
        guard object[key] != nil else { return nil }
        object[key] = new
      }
      return .object(object)
    case .array(var values):
      guard let position = position(key, values.count), position >= 0, position <= values.count else {
        return nil
      }
      guard rest.isEmpty else {
        guard position < values.count, let edited = Patch.edit(values[position], rest, edit) else {
          return nil
        }
        values[position] = edited
        return .array(values)
      }
      switch edit {
      case .add(let new): values.insert(new, at: position)
      case .remove:
        guard position < values.count else { return nil }
        values.remove(at: position)
      case .replace(let new):
        guard position < values.count else { return nil }
        values[position] = new
      }
      return .array(values)
    case .set(let set):
      guard rest.isEmpty else {
        guard set.contains(key), let edited = Patch.edit(key, rest, edit) else { return nil }
        return .set(SetValue(set.elements.filter { $0 != key } + [edited]))
      }
      switch edit {
      case .add(let new):
        guard key == new else { return nil }
        return .set(SetValue(set.elements + [new]))
      case .remove:
        guard set.contains(key) else { return nil }
        return .set(SetValue(sorted: set.elements.filter { $0 != key }))
      case .replace(let new):
        guard set.contains(key), key == new else { return nil }
        return value
      }
    case .null, .bool, .number, .string: return nil
    }
  }
}
