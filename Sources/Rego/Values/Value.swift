import Glibc

/// A value of Rego: JSON's, and sets.
///
/// Strings are compared by their bytes. Sets and objects are kept in order, so equal values are equal bytes and every
/// walk over one goes the same way on every machine.
public enum Value: Sendable {
  case null
  case bool(Bool)
  case number(Number)
  case string(String)
  case array([Value])
  case object(ObjectValue)
  case set(SetValue)

  static func int(_ value: Int) -> Value { .number(.small(value)) }

  var isTrue: Bool { if case .bool(true) = self { true } else { false } }
  var isFalse: Bool { if case .bool(false) = self { true } else { false } }
  var string: String? { if case .string(let value) = self { value } else { nil } }
  var number: Number? { if case .number(let value) = self { value } else { nil } }

  var isEmptyCollection: Bool {
    switch self {
    case .array(let values): values.isEmpty
    case .object(let object): object.isEmpty
    case .set(let set): set.isEmpty
    case .null, .bool, .number, .string: false
    }
  }

  /// What `type_name` says.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    case .set: "set"
    }
  }

  /// Where this kind stands among kinds.
  private var rank: Int {
    switch self {
    case .null: 0
    case .bool: 1
    case .number: 2
    case .string: 3
    case .array: 4
    case .object: 5
    case .set: 6
    }
  }

  /// The order of Rego: null, booleans, numbers, strings, arrays, objects, sets.
  static func compare(_ left: Value, _ right: Value) -> Int {
    switch (left, right) {
    case (.null, .null): return 0
    case (.bool(let a), .bool(let b)): return a == b ? 0 : a ? 1 : -1
    case (.number(let a), .number(let b)): return Number.compare(a, b)
    case (.string(let a), .string(let b)): return compare(a, b)
    case (.array(let a), .array(let b)): return compare(a, b)
    case (.object(let a), .object(let b)): return ObjectValue.compare(a, b)
    case (.set(let a), .set(let b)): return compare(a.elements, b.elements)
    default: return left.rank < right.rank ? -1 : 1
    }
  }

  static func compare(_ left: String, _ right: String) -> Int {
    var left = left
    var right = right
    return left.withUTF8 { a in
      right.withUTF8 { b in
        if let first = a.baseAddress, let second = b.baseAddress {
          let order = memcmp(first, second, min(a.count, b.count))
          if order != 0 { return order < 0 ? -1 : 1 }
        }
        return a.count < b.count ? -1 : a.count == b.count ? 0 : 1
      }
    }
  }

  static func compare(_ left: [Value], _ right: [Value]) -> Int {
    for position in 0..<min(left.count, right.count) {
      let order = compare(left[position], right[position])
      if order != 0 { return order }
    }
    return left.count < right.count ? -1 : left.count == right.count ? 0 : 1
  }
}

extension Value {
  /// The members of two objects, this one's first where both have one; else this.
  func merged(over other: Value) -> Value {
    guard case .object(var object) = self, case .object(let below) = other else { return self }
    for member in below.members {
      object[member.key] = object[member.key].map { $0.merged(over: member.value) } ?? member.value
    }
    return .object(object)
  }
}

extension Value: Hashable, Comparable {
  public static func == (left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.string(let a), .string(let b)): a.utf8.count == b.utf8.count && compare(a, b) == 0
    default: compare(left, right) == 0
    }
  }

  public static func < (left: Value, right: Value) -> Bool { compare(left, right) < 0 }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0 as UInt8)
    case .bool(let value): hasher.combine(value)
    case .number(let value): hasher.combine(value)
    case .string(let value):
      // By bytes, as equality is.
      for byte in value.utf8 { hasher.combine(byte) }
    case .array(let values):
      hasher.combine(values.count)
      for value in values { value.hash(into: &hasher) }
    case .object(let object):
      hasher.combine(object.count)
      for member in object.members {
        member.key.hash(into: &hasher)
        member.value.hash(into: &hasher)
      }
    case .set(let set):
      hasher.combine(set.elements.count)
      for element in set.elements { element.hash(into: &hasher) }
    }
  }
}

/// A set, its elements ascending.
public struct SetValue: Sendable {
  /// Strictly ascending.
  public private(set) var elements: [Value]

  /// No elements.
  public init() { elements = [] }

  /// The elements, each once.
  public init(_ unordered: [Value]) {
    var sorted = unordered
    if !sorted.isStrictlyAscending {
      sorted.sort()
      var kept = 0
      for position in sorted.indices where position == 0 || sorted[position] != sorted[kept - 1] {
        sorted[kept] = sorted[position]
        kept += 1
      }
      sorted.removeLast(sorted.count - kept)
    }
    elements = sorted
  }

  /// `sorted` is strictly ascending.
  init(sorted: [Value]) { elements = sorted }

  var count: Int { elements.count }
  var isEmpty: Bool { elements.isEmpty }

  func contains(_ value: Value) -> Bool { elements.position(of: value).found }

  mutating func insert(_ value: Value) {
    let (position, found) = elements.position(of: value)
    if !found { elements.insert(value, at: position) }
  }

  func union(_ other: SetValue) -> SetValue { SetValue(elements + other.elements) }
  func intersection(_ other: SetValue) -> SetValue {
    SetValue(sorted: elements.filter(other.contains))
  }
  func subtracting(_ other: SetValue) -> SetValue {
    SetValue(sorted: elements.filter { !other.contains($0) })
  }
}

extension [Value] {
  var isStrictlyAscending: Bool {
    for position in indices.dropFirst() where Value.compare(self[position - 1], self[position]) >= 0 {
      return false
    }
    return true
  }

  /// Where `value` stands, or would, in an ascending array.
  func position(of value: Value) -> (position: Int, found: Bool) {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      let order = Value.compare(self[middle], value)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }
}

/// An object, its members ascending by key. Keys may be of any kind.
public struct ObjectValue: Sendable {
  /// One key and its value.
  public struct Member: Sendable {
    /// The key.
    public let key: Value
    /// The value.
    public var value: Value
  }

  /// Strictly ascending by key.
  public private(set) var members: [Member]

  /// No members.
  public init() { members = [] }

  /// The members; of two with one key the last value stays, under the key as it was first written.
  public init(_ unordered: [(Value, Value)]) {
    members = unordered.map { Member(key: $0.0, value: $0.1) }
    for position in members.indices.dropFirst()
    where Value.compare(members[position - 1].key, members[position].key) >= 0 {
      let enumerated = members.enumerated().sorted { a, b in
        let order = Value.compare(a.element.key, b.element.key)
        return order == 0 ? a.offset < b.offset : order < 0
      }
      members = []
      for (_, member) in enumerated {
        if let last = members.last, last.key == member.key {
          members[members.count - 1].value = member.value
        } else {
          members.append(member)
        }
      }
      return
    }
  }

  var count: Int { members.count }
  var isEmpty: Bool { members.isEmpty }
  var keys: [Value] { members.map(\.key) }

  func position(of key: Value) -> (position: Int, found: Bool) {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      let order = Value.compare(members[middle].key, key)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  /// The value at `key`. Setting nil removes it.
  public subscript(key: Value) -> Value? {
    get {
      let (position, found) = position(of: key)
      return found ? members[position].value : nil
    }
    set {
      let (position, found) = position(of: key)
      switch (newValue, found) {
      case (.some(let value), true): members[position].value = value
      case (.some(let value), false): members.insert(Member(key: key, value: value), at: position)
      case (.none, true): members.remove(at: position)
      case (.none, false): break
      }
    }
  }

  /// Keys decide first, as in Rego: two objects are compared key by key, value by value.
  static func compare(_ left: ObjectValue, _ right: ObjectValue) -> Int {
    for position in 0..<min(left.count, right.count) {
      let keys = Value.compare(left.members[position].key, right.members[position].key)
      if keys != 0 { return keys }
      let values = Value.compare(left.members[position].value, right.members[position].value)
      if values != 0 { return values }
    }
    return left.count < right.count ? -1 : left.count == right.count ? 0 : 1
  }
}
