/// JSON pointers (RFC 6901).
enum Pointer {
  static func parse(_ text: String) -> [String] {
    guard !text.isEmpty else { return [] }
    // Slashes before the first part are no parts, however many.
    let body = String(decoding: text.utf8.drop { $0 == UInt8(ascii: "/") }, as: UTF8.self)
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
final class PathTree {
  private var children: [(key: Value, tree: PathTree)] = []
  private var isEnd = false

  /// A path of no parts names nothing, as in OPA.
  init(_ paths: [[Value]]) {
    for path in paths where !path.isEmpty { insert(path[...]) }
  }

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
enum Patch {
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
      text == "0" || text.utf8.allSatisfy(Lexer.isDigit) && text.utf8.first != UInt8(ascii: "0")
        ? Int(text) : nil
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
