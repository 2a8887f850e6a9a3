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
/// the hashes on its path, made when the root is asked for. Not safe to use, with its copies, from two threads.
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
  public func forEach(_ body: (String, Value) -> Void) { forEachLeaf { body($0.name, $0.value) } }

  /// Every cell that differs from `earlier`, with the bytes of its value here, for whoever writes them down; nil for one that
  /// is gone. Costs what differs, where this map grew out of a copy of the other. What a root was worked out from is not
  /// worked out again: a cell keeps those bytes until they are taken.
  public func takeChanges(since earlier: MerkleMap, _ body: (String, [UInt8]?) -> Void) {
    Self.compare(earlier.root, root) { body($0, $1?.takeBytes()) }
  }

  /// Nobody is going to take the bytes of the cells, since they are written down already or as a whole: none keeps them.
  public func markWritten() { forEachLeaf { $0.markWritten() } }

  private func forEachLeaf(_ body: (Leaf) -> Void) {
    var stack: [Node] = root.map { [$0] } ?? []
    while let node = stack.popLast() {
      if let leaf = node.leaf { body(leaf) }
      if let right = node.right { stack.append(right) }
      if let left = node.left { stack.append(left) }
    }
  }

  private static func compare(_ old: Node?, _ new: Node?, _ body: (String, Leaf?) -> Void) {
    if old === new { return }
    if let old, let new, old.leaf == nil, new.leaf == nil {
      compare(old.left, new.left, body)
      compare(old.right, new.right, body)
      return
    }
    let before = leaves(old)
    let after = leaves(new)
    for leaf in before where !after.contains(where: { $0.key == leaf.key }) { body(leaf.name, nil) }
    for leaf in after where !before.contains(where: { $0 === leaf }) { body(leaf.name, leaf) }
  }

  private static func leaves(_ node: Node?) -> [Leaf] {
    guard let node else { return [] }
    return node.leaf.map { [$0] } ?? leaves(node.left) + leaves(node.right)
  }

  private func lookup(_ key: Digest) -> Value? {
    var node = root
    var depth = 0
    while let current = node {
      if let leaf = current.leaf { return leaf.key == key ? leaf.value : nil }
      node = Self.bit(key, depth) ? current.right : current.left
      depth += 1
    }
    return nil
  }

  // As with a node's hash: what is kept beside a leaf's value follows from it, and is confined to one thread with the map.
  private final class Leaf: @unchecked Sendable {
    let key: Digest
    let name: String
    let value: Value
    /// What it was hashed as, until that is taken.
    private var bytes: [UInt8]?
    private var isWritten = false

    init(key: Digest, name: String, value: Value) {
      self.key = key
      self.name = name
      self.value = value
    }

    var valueHash: Digest {
      let encoding = bytes ?? value.merkleBytes()
      if !isWritten { bytes = encoding }
      return SHA256.hash(encoding)
    }

    func takeBytes() -> [UInt8] {
      let encoding = bytes ?? value.merkleBytes()
      markWritten()
      return encoding
    }

    func markWritten() {
      isWritten = true
      bytes = nil
    }
  }

  /// One cell, or a branch with at least two below. Nothing but references, so that what goes with a changed path costs no
  /// look at what kind of value the map has.
  ///
  /// The cached hash is the one thing that changes after a node is made, always to the same bytes; a map and its copies are
  /// confined to one thread at a time.
  private final class Node: @unchecked Sendable {
    let leaf: Leaf?
    let left: Node?
    let right: Node?
    private var cached: Digest?

    init(_ leaf: Leaf) {
      self.leaf = leaf
      left = nil
      right = nil
    }

    init(_ left: Node?, _ right: Node?) {
      leaf = nil
      self.left = left
      self.right = right
    }

    func hash() -> Digest {
      if let cached { return cached }
      var out = SHA256()
      if let leaf {
        out.update([0])
        out.update(leaf.key)
        out.update(leaf.valueHash)
      } else {
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
      return Node(leaf)
    }
    if let present = node.leaf {
      if present.key == leaf.key { return Node(leaf) }
      added = true
      return join(node, present.key, Node(leaf), leaf.key, depth: depth)
    }
    return bit(leaf.key, depth)
      ? Node(node.left, inserting(leaf, into: node.right, depth: depth + 1, added: &added))
      : Node(inserting(leaf, into: node.left, depth: depth + 1, added: &added), node.right)
  }

  /// Two different cells under one branch, as deep as their keys agree.
  private static func join(_ a: Node, _ aKey: Digest, _ b: Node, _ bKey: Digest, depth: Int) -> Node {
    switch (bit(aKey, depth), bit(bKey, depth)) {
    case (false, true): Node(a, b)
    case (true, false): Node(b, a)
    case (false, false): Node(join(a, aKey, b, bKey, depth: depth + 1), nil)
    case (true, true): Node(nil, join(a, aKey, b, bKey, depth: depth + 1))
    }
  }

  private static func removing(_ key: Digest, from node: Node?, depth: Int, removed: inout Bool) -> Node? {
    guard let node else { return nil }
    if let present = node.leaf {
      guard present.key == key else { return node }
      removed = true
      return nil
    }
    var left = node.left
    var right = node.right
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
      if only.leaf != nil { return only }
    case (.some, .some): break
    }
    return Node(left, right)
  }
}
