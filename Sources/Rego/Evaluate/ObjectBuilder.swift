/// An object that rules make together, member by member.
struct ObjectBuilder {
  private indirect enum Content {
    case leaf(Value)
    case set([Value])
    case branch([(key: Value, content: Content)])
  }

  private var content = Content.branch([])

  /// False where two values meet at one place.
  mutating func put(_ value: Value, at path: ArraySlice<Value>, isElement: Bool) -> Bool {
    ObjectBuilder.put(value, at: path, isElement: isElement, into: &content)
  }

  private static func put(
    _ value: Value, at path: ArraySlice<Value>, isElement: Bool, into content: inout Content
  ) -> Bool {
    guard let key = path.first else { return false }
    guard case .branch(var members) = content else { return false }
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      if Value.compare(members[middle].key, key) < 0 { low = middle + 1 } else { high = middle }
    }
    let exists = low < members.count && members[low].key == key
    content = .branch([])
    defer { content = .branch(members) }
    guard path.count == 1 else {
      if !exists { members.insert((key, .branch([])), at: low) }
      return put(value, at: path.dropFirst(), isElement: isElement, into: &members[low].content)
    }
    guard exists else {
      members.insert((key, isElement ? .set([value]) : .leaf(value)), at: low)
      return true
    }
    switch members[low].content {
    case .leaf(let known): return !isElement && known == value
    case .set(let elements):
      guard isElement else { return false }
      members[low].content = .set(elements + [value])
      return true
    case .branch(let below):
      // An object that a rule gives whole, and members that others give: equal or a conflict.
      guard !isElement, case .object = value else { return false }
      return ObjectBuilder.value(of: .branch(below)) == value
    }
  }

  var value: Value { ObjectBuilder.value(of: content) }

  private static func value(of content: Content) -> Value {
    switch content {
    case .leaf(let value): value
    case .set(let elements): .set(SetValue(elements))
    case .branch(let members): .object(ObjectValue(members.map { ($0.key, value(of: $0.content)) }))
    }
  }
}
