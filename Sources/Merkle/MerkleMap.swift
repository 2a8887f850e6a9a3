import Crypto

/// A value that a `MerkleMap` commits to.
public protocol MerkleValue: Sendable {
  /// The bytes that are hashed; equal values have equal bytes on every machine.
  func merkleBytes() -> [UInt8]
}

/// A persistent map whose root commits to all of its cells.
///
/// A binary trie over SHA-256 of the key's UTF-8 bytes, most significant bit first. Its root depends
/// on the contents alone:
/// - no cell: 32 zero bytes;
/// - one cell in a subtree: SHA-256(0x00 ‖ keyHash ‖ SHA-256(value bytes)), wherever it stands;
/// - more: SHA-256(0x01 ‖ left ‖ right), split at the next bit.
///
/// Copies share structure, so keeping the map of an earlier size costs nothing. A changed cell costs
/// the hashes on its path, made when the root is asked for. Not safe to mutate from two threads.
public struct MerkleMap<Value: MerkleValue>: Sendable {
  private var root: Node?
  /// Number of cells.
  public private(set) var count = 0

  /// No cells.
  public init() {}

  /// The root of no cells.
  public static var emptyRoot: Digest { Digest(Bytes32()) }

  /// Commits to every cell.
  public var rootHash: Digest { root?.hash() ?? Self.emptyRoot }

  /// The value at `key`. Setting nil removes the cell.
  public subscript(key: String) -> Value? {
    get { lookup(SHA256.hash(key)) }
    set {
      let hash = SHA256.hash(key)
      if let newValue {
        var added = false
        root = Self.inserting(
          Leaf(key: hash, name: key, value: newValue), into: root, depth: 0, added: &added)
        if added { count += 1 }
      } else {
        var removed = false
        root = Self.removing(hash, from: root, depth: 0, removed: &removed)
        if removed { count -= 1 }
      }
    }
  }

  /// Every cell, ascending by the hash of its key: one order on every machine.
  public func forEach(_ body: (String, Value) -> Void) {
    var stack: [Node] = root.map { [$0] } ?? []
    while let node = stack.popLast() {
      switch node.content {
      case .leaf(let leaf): body(leaf.name, leaf.value)
      case .branch(let left, let right):
        if let right { stack.append(right) }
        if let left { stack.append(left) }
      }
    }
  }

  /// Every cell that differs from `earlier`, with its value here; nil for one that is gone. Costs what
  /// differs, where this map grew out of a copy of the other.
  public func forEachChange(since earlier: MerkleMap, _ body: (String, Value?) -> Void) {
    Self.compare(earlier.root, root, body)
  }

  private static func compare(_ old: Node?, _ new: Node?, _ body: (String, Value?) -> Void) {
    if old === new { return }
    if case .branch(let oldLeft, let oldRight) = old?.content,
      case .branch(let newLeft, let newRight) = new?.content
    {
      compare(oldLeft, newLeft, body)
      compare(oldRight, newRight, body)
      return
    }
    let before = leaves(old)
    let after = leaves(new)
    for (leaf, _) in before where !after.contains(where: { $0.leaf.key == leaf.key }) {
      body(leaf.name, nil)
    }
    for (leaf, node) in after where !before.contains(where: { $0.node === node }) {
      body(leaf.name, leaf.value)
    }
  }

  private static func leaves(_ node: Node?) -> [(leaf: Leaf, node: Node)] {
    guard let node else { return [] }
    switch node.content {
    case .leaf(let leaf): return [(leaf, node)]
    case .branch(let left, let right): return leaves(left) + leaves(right)
    }
  }

  private func lookup(_ key: Digest) -> Value? {
    var node = root
    var depth = 0
    while let current = node {
      switch current.content {
      case .leaf(let leaf): return leaf.key == key ? leaf.value : nil
      case .branch(let left, let right):
        node = Self.bit(key, depth) ? right : left
        depth += 1
      }
    }
    return nil
  }

  private struct Leaf {
    let key: Digest
    let name: String
    let value: Value
  }

  private enum Content {
    case leaf(Leaf)
    /// Invariant: at least two cells below.
    case branch(Node?, Node?)
  }

  // The cached hash is the one thing that changes after a node is made, always to the same bytes;
  // a map and its copies are confined to one thread at a time.
  private final class Node: @unchecked Sendable {
    let content: Content
    private var cached: Digest?

    init(_ content: Content) { self.content = content }

    func hash() -> Digest {
      if let cached { return cached }
      var out = SHA256()
      switch content {
      case .leaf(let leaf):
        out.update([0])
        out.update(leaf.key)
        out.update(SHA256.hash(leaf.value.merkleBytes()))
      case .branch(let left, let right):
        out.update([1])
        out.update(left?.hash() ?? MerkleMap.emptyRoot)
        out.update(right?.hash() ?? MerkleMap.emptyRoot)
      }
      let digest = out.finalize()
      cached = digest
      return digest
    }
  }

  private static func bit(_ key: Digest, _ depth: Int) -> Bool {
    key.value.withUnsafeBytes { $0[depth >> 3] & (0x80 >> UInt8(depth & 7)) != 0 }
  }

  private static func inserting(_ leaf: Leaf, into node: Node?, depth: Int, added: inout Bool) -> Node {
    guard let node else {
      added = true
      return Node(.leaf(leaf))
    }
    switch node.content {
    case .leaf(let present):
      if present.key == leaf.key { return Node(.leaf(leaf)) }
      added = true
      return join(node, present.key, Node(.leaf(leaf)), leaf.key, depth: depth)
    case .branch(let left, let right):
      if bit(leaf.key, depth) {
        return Node(.branch(left, inserting(leaf, into: right, depth: depth + 1, added: &added)))
      }
      return Node(.branch(inserting(leaf, into: left, depth: depth + 1, added: &added), right))
    }
  }

  /// Two different cells under one branch, as deep as their keys agree.
  private static func join(_ a: Node, _ aKey: Digest, _ b: Node, _ bKey: Digest, depth: Int) -> Node {
    switch (bit(aKey, depth), bit(bKey, depth)) {
    case (false, true): Node(.branch(a, b))
    case (true, false): Node(.branch(b, a))
    case (false, false): Node(.branch(join(a, aKey, b, bKey, depth: depth + 1), nil))
    case (true, true): Node(.branch(nil, join(a, aKey, b, bKey, depth: depth + 1)))
    }
  }

  private static func removing(_ key: Digest, from node: Node?, depth: Int, removed: inout Bool) -> Node? {
    guard let node else { return nil }
    switch node.content {
    case .leaf(let present):
      guard present.key == key else { return node }
      removed = true
      return nil
    case .branch(let left, let right):
      var left = left
      var right = right
      if bit(key, depth) {
        right = removing(key, from: right, depth: depth + 1, removed: &removed)
      } else {
        left = removing(key, from: left, depth: depth + 1, removed: &removed)
      }
      guard removed else { return node }
      switch (left, right) {
      case (.none, .none): return nil
      case (.some(let only), .none), (.none, .some(let only)):
        // A single cell stands for its whole subtree.
        if case .leaf = only.content { return only }
      case (.some, .some): break
      }
      return Node(.branch(left, right))
    }
  }
}
