/// What is known of a value before anything is evaluated: its kinds, and what collections have in them. Bounded, so that it takes next
/// to nothing to compare or to join two, whatever a policy builds out of its rules.
struct Shape: Equatable, Sendable {
  let kinds: Kinds
  /// What the value has in it where it is a collection; nil where that is not known.
  let parts: Parts?
  /// How many shapes it is made of, and how many stand in each other.
  private let size: Int
  private let depth: Int

  indirect enum Parts: Equatable, Sendable {
    /// An object of exactly these members, ascending.
    case object([Member])
    /// An array of exactly these elements.
    case array([Shape])
    /// Elements of an array or a set, or values of an object: all of one shape, however many.
    case elements(Shape)
  }

  struct Member: Equatable, Sendable {
    let name: String
    let shape: Shape
  }

  static let any = Shape(.any)
  /// No value at all.
  static let none = Shape([])
  static let collections: Kinds = [.array, .object, .set]

  /// The most that is told apart in one collection.
  private static let maximumSize = 256
  private static let maximumDepth = 6

  init(_ kinds: Kinds, _ parts: Parts? = nil) {
    self.kinds = kinds
    self.parts = parts
    let inner: [Shape] =
      switch parts {
      case nil: []
      case .elements(let shape): [shape]
      case .array(let shapes): shapes
      case .object(let members): members.map(\.shape)
      }
    size = inner.reduce(1) { $0 + $1.size }
    depth = inner.isEmpty ? 0 : 1 + (inner.map(\.depth).max() ?? 0)
  }

  private static func isSmall(_ inner: [Shape]) -> Bool {
    inner.reduce(1) { $0 + $1.size } <= maximumSize && inner.allSatisfy { $0.depth < maximumDepth }
  }

  init(_ value: Value) { self.init(value, depth: 0) }

  private init(_ value: Value, depth: Int) {
    var parts: Parts?
    if depth < Self.maximumDepth {
      switch value {
      case .null, .bool, .number, .string: break
      case .array(let values): parts = Self.array(values.map { Shape($0, depth: depth + 1) })
      case .set(let set): parts = .elements(Shape(Self.union(set.elements.map { Shape(Kinds($0)) }).kinds))
      case .object(let object):
        parts = Self.object(object.members.map { ($0.key.string, Shape($0.value, depth: depth + 1)) })
      }
    }
    self.init(Kinds(value), parts)
  }

  /// What an array of these elements has in it.
  static func array(_ elements: [Shape]) -> Parts {
    isSmall(elements) ? .array(elements) : .elements(Shape(union(elements).kinds))
  }

  /// What an object has in it; nil for a name that is not known, or none.
  static func object(_ members: [(name: String?, shape: Shape)]) -> Parts {
    let all = members.map(\.shape)
    var named = members.compactMap { member in member.name.map { Member(name: $0, shape: member.shape) } }
    named.sort { Value.compare($0.name, $1.name) < 0 }
    let isEach = zip(named, named.dropFirst()).allSatisfy { Value.compare($0.name, $1.name) < 0 }
    return isEach && named.count == all.count && isSmall(all)
      ? .object(named) : .elements(Shape(union(all).kinds))
  }

  /// What values of either shape are.
  func union(_ other: Shape) -> Shape {
    if self == other { return self }
    let isHere = !kinds.isDisjoint(with: Self.collections)
    let isThere = !other.kinds.isDisjoint(with: Self.collections)
    var joined: Parts?
    if isHere && isThere {
      if parts == other.parts {
        joined = parts
      } else if let here = elements, let there = other.elements {
        joined = .elements(here.union(there))
      }
    } else {
      joined = isHere ? parts : other.parts
    }
    return Shape(kinds.union(other.kinds), joined)
  }

  static func union(_ shapes: [Shape]) -> Shape { shapes.reduce(.none) { $0.union($1) } }

  /// What values of both shapes are.
  func meet(_ other: Shape) -> Shape {
    let common = kinds.intersection(other.kinds)
    return Shape(common, common.isDisjoint(with: Self.collections) ? nil : parts ?? other.parts)
  }

  /// What any element or member is; nil where it is not known.
  var elements: Shape? {
    switch parts {
    case nil: nil
    case .elements(let shape): shape
    case .array(let shapes): Self.union(shapes)
    case .object(let members): Self.union(members.map(\.shape))
    }
  }

  /// What stands at a key: a constant one, or any. Nil where nothing can.
  func member(_ key: Value?) -> Shape? {
    guard !kinds.isDisjoint(with: Self.collections) else { return nil }
    switch (parts, key) {
    case (.object(let members)?, .string(let name)?):
      return members.first { Value.compare($0.name, name) == 0 }?.shape
    case (.array(let shapes)?, .number(let number)?):
      // Beyond the end: nothing, but nothing to refuse either.
      return number.int.flatMap { shapes.indices.contains($0) ? shapes[$0] : nil } ?? .any
    case (_, .some): return parts == nil || kinds.contains(.set) ? .any : elements ?? .any
    case (_, nil):
      let found = elements ?? .any
      return found.kinds.isEmpty ? .any : found
    }
  }

  /// The names that a constant key may have; nil where any may be.
  var names: [String]? {
    guard case .object(let members)? = parts else { return nil }
    return members.map(\.name)
  }
}
