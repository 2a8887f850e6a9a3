/// A persistent ordered map: a copy costs nothing, and a change copies only its own path. The derived
/// indexes are kept in these, because a node keeps the state of every size that is not final yet.
///
/// A weight-balanced tree (Adams): of two siblings, counted with their missing child, neither is more
/// than `delta` times the other.
struct OrderedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
  private final class Node: Sendable {
    let key: Key
    let value: Value
    let left: Node?
    let right: Node?
    let count: Int

    init(_ key: Key, _ value: Value, _ left: Node?, _ right: Node?) {
      self.key = key
      self.value = value
      self.left = left
      self.right = right
      count = 1 + (left?.count ?? 0) + (right?.count ?? 0)
    }
  }

  private var root: Node?

  init() {}

  var count: Int { root?.count ?? 0 }
  var isEmpty: Bool { root == nil }

  /// The least key and its value.
  var first: (key: Key, value: Value)? {
    guard var node = root else { return nil }
    while let left = node.left { node = left }
    return (node.key, node.value)
  }

  subscript(key: Key) -> Value? {
    get {
      var node = root
      while let current = node {
        if key < current.key {
          node = current.left
        } else if current.key < key {
          node = current.right
        } else {
          return current.value
        }
      }
      return nil
    }
    set {
      if let newValue {
        root = Self.inserting(key, newValue, root)
      } else if self[key] != nil {
        root = Self.removing(key, root)
      }
    }
  }

  /// The greatest key that is not above `key`.
  func last(through key: Key) -> Key? {
    var found: Key?
    var node = root
    while let current = node {
      if key < current.key {
        node = current.left
      } else {
        found = current.key
        node = current.right
      }
    }
    return found
  }

  /// Longest path from the root, for tests of the balance.
  var height: Int {
    func height(_ node: Node?) -> Int { node.map { 1 + max(height($0.left), height($0.right)) } ?? 0 }
    return height(root)
  }

  /// How many keys are below `key`.
  func rank(of key: Key) -> Int {
    var rank = 0
    var node = root
    while let current = node {
      if current.key < key {
        rank += 1 + (current.left?.count ?? 0)
        node = current.right
      } else {
        node = current.left
      }
    }
    return rank
  }

  /// Visits keys from `lower` on, ascending, until `body` answers false.
  func forEach(from lower: Key? = nil, _ body: (Key, Value) -> Bool) {
    var stack: [Node] = []
    func descend(_ start: Node?) {
      var node = start
      while let current = node {
        if let lower, current.key < lower {
          node = current.right
        } else {
          stack.append(current)
          node = current.left
        }
      }
    }
    descend(root)
    while let node = stack.popLast() {
      guard body(node.key, node.value) else { return }
      descend(node.right)
    }
  }

  // MARK: Balance

  private static var delta: Int { 3 }
  private static var ratio: Int { 2 }

  private static func weight(_ node: Node?) -> Int { 1 + (node?.count ?? 0) }

  private static func inserting(_ key: Key, _ value: Value, _ node: Node?) -> Node {
    guard let node else { return Node(key, value, nil, nil) }
    if key < node.key {
      return balanced(node.key, node.value, inserting(key, value, node.left), node.right)
    }
    if node.key < key {
      return balanced(node.key, node.value, node.left, inserting(key, value, node.right))
    }
    return Node(key, value, node.left, node.right)
  }

  private static func removing(_ key: Key, _ node: Node?) -> Node? {
    guard let node else { return nil }
    if key < node.key { return balanced(node.key, node.value, removing(key, node.left), node.right) }
    if node.key < key { return balanced(node.key, node.value, node.left, removing(key, node.right)) }
    guard let right = node.right else { return node.left }
    guard node.left != nil else { return right }
    var least = right
    while let left = least.left { least = left }
    return balanced(least.key, least.value, node.left, removing(least.key, right))
  }

  private static func balanced(_ key: Key, _ value: Value, _ left: Node?, _ right: Node?) -> Node {
    if let right, weight(right) > delta * weight(left) {
      if weight(right.left) < ratio * weight(right.right) {
        return Node(right.key, right.value, Node(key, value, left, right.left), right.right)
      }
      if let inner = right.left {
        return Node(
          inner.key, inner.value, Node(key, value, left, inner.left),
          Node(right.key, right.value, inner.right, right.right))
      }
    }
    if let left, weight(left) > delta * weight(right) {
      if weight(left.right) < ratio * weight(left.left) {
        return Node(left.key, left.value, left.left, Node(key, value, left.right, right))
      }
      if let inner = left.right {
        return Node(
          inner.key, inner.value, Node(left.key, left.value, left.left, inner.left),
          Node(key, value, inner.right, right))
      }
    }
    return Node(key, value, left, right)
  }
}

/// An `OrderedMap` of keys alone.
typealias OrderedSet<Key: Comparable & Sendable> = OrderedMap<Key, Bool>
