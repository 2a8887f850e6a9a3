import Crypto

/// Why a proof does not show what it should.
public enum ProofError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The index, sizes or range do not belong together.
  case outOfRange(String)
  /// The proof has another number of hashes than the sizes demand.
  case wrongLength(expected: Int, found: Int)
  /// The proof leads to another root.
  case rootMismatch

  public var description: String {
    switch self {
    case .outOfRange(let what): "proof: \(what)"
    case .wrongLength(let expected, let found): "proof: expected \(expected) hashes, found \(found)"
    case .rootMismatch: "proof: leads to another root"
    }
  }
}

/// Inclusion and consistency (RFC 6962 §2.1.1, §2.1.2), made from stored nodes and verified from
/// nothing but the proof. Verification does at most 64 × 2 hashes.
public enum Proof {
  // MARK: Inclusion

  /// The audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first; nil where a
  /// node cannot be read or `index` is not below `size`.
  public static func inclusion(index: UInt64, size: UInt64, nodes: NodeReader) -> [Digest]? {
    guard index < size else { return nil }
    var path: [Digest] = []
    var first: UInt64 = 0
    var count = size
    var index = index
    while count > 1 {
      let left = split(count)
      if index < left {
        guard let hash = rangeRoot(first: first + left, count: count - left, nodes: nodes)
        else { return nil }
        path.append(hash)
        count = left
      } else {
        guard let hash = rangeRoot(first: first, count: left, nodes: nodes) else { return nil }
        path.append(hash)
        first += left
        index -= left
        count -= left
      }
    }
    return path.reversed()
  }

  /// The root that `path` leads to from `leaf` at `index` in a tree of `size` leaves.
  public static func root(leaf: Digest, index: UInt64, size: UInt64, path: [Digest])
    throws(ProofError) -> Digest
  {
    guard index < size else { throw .outOfRange("leaf \(index) is not in a tree of \(size)") }
    var sides: [Bool] = []  // root first: is the leaf in the right half?
    var count = size
    var position = index
    while count > 1 {
      let left = split(count)
      sides.append(position >= left)
      if position >= left {
        position -= left
        count -= left
      } else {
        count = left
      }
    }
    guard path.count == sides.count else {
      throw .wrongLength(expected: sides.count, found: path.count)
    }
    var hash = leaf
    for (sibling, isRight) in zip(path, sides.reversed()) {
      hash = isRight ? TreeHash.node(sibling, hash) : TreeHash.node(hash, sibling)
    }
    return hash
  }

  /// Checks that `leaf` stands at `index` in the tree of `size` leaves with root `root`.
  public static func verifyInclusion(
    leaf: Digest, index: UInt64, size: UInt64, path: [Digest], root: Digest
  ) throws(ProofError) {
    guard try Proof.root(leaf: leaf, index: index, size: size, path: path) == root else {
      throw .rootMismatch
    }
  }

  /// Checks that `leaf` stands at `index` of the subtree `range` with root `root`.
  public static func verifySubtreeInclusion(
    leaf: Digest, index: UInt64, range: Range<UInt64>, path: [Digest], root: Digest
  ) throws(ProofError) {
    try checkSubtree(range)
    guard range.contains(index) else {
      throw .outOfRange("leaf \(index) is not in the subtree \(range)")
    }
    try verifyInclusion(
      leaf: leaf, index: index - range.lowerBound, size: range.upperBound - range.lowerBound,
      path: path, root: root)
  }

  // MARK: Consistency

  /// The proof that the tree of `old` leaves is a prefix of the tree of `size` leaves; nil where a
  /// node cannot be read or the sizes are not 0 < old ≤ size.
  public static func consistency(old: UInt64, size: UInt64, nodes: NodeReader) -> [Digest]? {
    guard old > 0, old <= size else { return nil }
    var out: [Digest] = []
    func prove(old: UInt64, first: UInt64, count: UInt64, known: Bool) -> Bool {
      if old == count {
        if known { return true }
        guard let hash = rangeRoot(first: first, count: count, nodes: nodes) else { return false }
        out.append(hash)
        return true
      }
      let left = split(count)
      let sibling: Digest?
      if old <= left {
        guard prove(old: old, first: first, count: left, known: known) else { return false }
        sibling = rangeRoot(first: first + left, count: count - left, nodes: nodes)
      } else {
        guard prove(old: old - left, first: first + left, count: count - left, known: false)
        else { return false }
        sibling = rangeRoot(first: first, count: left, nodes: nodes)
      }
      guard let sibling else { return false }
      out.append(sibling)
      return true
    }
    return prove(old: old, first: 0, count: size, known: true) ? out : nil
  }

  /// Checks that the tree (`old`, `oldRoot`) is a prefix of the tree (`size`, `root`). `old` is at
  /// least 1: that everything extends the empty tree is above this verifier.
  public static func verifyConsistency(
    old: UInt64, oldRoot: Digest, size: UInt64, root: Digest, proof: [Digest]
  ) throws(ProofError) {
    guard old > 0, old <= size else {
      throw .outOfRange("expected 0 < old size (\(old)) ≤ size (\(size))")
    }
    try verifySubtreeConsistency(
      range: 0..<old, subtreeRoot: oldRoot, size: size, root: root, proof: proof)
  }

  /// Checks that the subtree `range` with root `subtreeRoot` is part of the tree (`size`, `root`).
  /// The empty subtree is part of every tree, whatever that tree's root.
  public static func verifySubtreeConsistency(
    range: Range<UInt64>, subtreeRoot: Digest, size: UInt64, root: Digest, proof: [Digest]
  ) throws(ProofError) {
    guard range.upperBound <= size else {
      throw .outOfRange("subtree \(range) is not in a tree of \(size)")
    }
    if range.isEmpty {
      guard proof.isEmpty else { throw .wrongLength(expected: 0, found: proof.count) }
      guard subtreeRoot == TreeHash.empty else { throw .rootMismatch }
      return
    }
    try checkSubtree(range)
    var walk = ConsistencyWalk(proof: proof, subtreeRoot: subtreeRoot)
    let (subtree, whole) = try walk.roots(
      start: range.lowerBound, end: range.upperBound, count: size, known: true)
    guard walk.used == proof.count else {
      throw .wrongLength(expected: walk.used, found: proof.count)
    }
    guard subtree == subtreeRoot, whole == root else { throw .rootMismatch }
  }

  /// A subtree starts at a multiple of the power of two that covers it and is not empty.
  private static func checkSubtree(_ range: Range<UInt64>) throws(ProofError) {
    let count = range.upperBound - range.lowerBound
    guard count > 0 else { throw .outOfRange("the subtree is empty") }
    let cover = count == 1 ? 1 : split(count).multipliedReportingOverflow(by: 2).partialValue
    guard cover == 0 ? range.lowerBound == 0 : range.lowerBound % cover == 0 else {
      throw .outOfRange("\(range) is not a subtree")
    }
  }
}

/// Rebuilds both roots from a consistency proof, deepest hash first.
private struct ConsistencyWalk {
  let proof: [Digest]
  let subtreeRoot: Digest
  var used = 0

  mutating func next() throws(ProofError) -> Digest {
    guard used < proof.count else {
      throw .wrongLength(expected: used + 1, found: proof.count)
    }
    defer { used += 1 }
    return proof[used]
  }

  mutating func roots(start: UInt64, end: UInt64, count: UInt64, known: Bool)
    throws(ProofError) -> (subtree: Digest, whole: Digest)
  {
    if start == 0 && end == count {
      let hash = known ? subtreeRoot : try next()
      return (hash, hash)
    }
    let left = split(count)
    if end <= left {
      let (subtree, whole) = try roots(start: start, end: end, count: left, known: known)
      return (subtree, TreeHash.node(whole, try next()))
    }
    if start >= left {
      let (subtree, whole) = try roots(
        start: start - left, end: end - left, count: count - left, known: known)
      return (subtree, TreeHash.node(try next(), whole))
    }
    let (subtree, whole) = try roots(start: 0, end: end - left, count: count - left, known: false)
    let sibling = try next()
    return (TreeHash.node(sibling, subtree), TreeHash.node(sibling, whole))
  }
}
