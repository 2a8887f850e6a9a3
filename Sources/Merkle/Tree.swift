import Crypto

/// The hashes of RFC 6962 §2.1.
public enum TreeHash {
  /// The root of no leaves: SHA-256 of nothing.
  public static let empty = SHA256.hash([UInt8]())

  /// The hash of a leaf: SHA-256(0x00 ‖ leaf).
  public static func leaf(_ bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update([0])
    hash.update(bytes)
    return hash.finalize()
  }

  /// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
  public static func node(_ left: Digest, _ right: Digest) -> Digest {
    var hash = SHA256()
    hash.update([1])
    hash.update(left)
    hash.update(right)
    return hash.finalize()
  }
}

/// The position of a complete subtree: 2^level leaves, the first of them index × 2^level.
public struct NodeAddress: Hashable, Comparable, Sendable {
  /// 0 for leaves.
  public let level: UInt8
  /// Counted from the left at its level.
  public let index: UInt64

  /// The address of a complete subtree; level at most 63.
  public init(level: UInt8, index: UInt64) {
    precondition(level < 64)
    self.level = level
    self.index = index
  }

  public static func < (left: NodeAddress, right: NodeAddress) -> Bool {
    (left.level, left.index) < (right.level, right.index)
  }
}

/// Reads the hash of a complete subtree; nil where it is not there to read.
public typealias NodeReader = (NodeAddress) -> Digest?

/// A tree's size and the roots of the complete subtrees it is made of, largest first: all that is
/// needed to append to it and to know its root.
public struct Frontier: Hashable, Sendable {
  /// Number of leaves.
  public private(set) var size: UInt64
  /// One hash a set bit of `size`, highest bit first.
  public private(set) var peaks: [Digest]

  /// The empty tree.
  public init() {
    size = 0
    peaks = []
  }

  /// The frontier of a stored tree of `size` leaves; nil where a node cannot be read.
  public init?(size: UInt64, nodes: NodeReader) {
    self.size = size
    peaks = []
    for address in Frontier.addresses(size: size) {
      guard let hash = nodes(address) else { return nil }
      peaks.append(hash)
    }
  }

  /// Where the peaks of a tree of `size` leaves stand, largest first.
  public static func addresses(size: UInt64) -> [NodeAddress] {
    var out: [NodeAddress] = []
    var first: UInt64 = 0
    for level in stride(from: 63, through: 0, by: -1) where size & (1 << UInt64(level)) != 0 {
      out.append(NodeAddress(level: UInt8(level), index: first >> UInt64(level)))
      first += 1 << UInt64(level)
    }
    return out
  }

  /// Appends one leaf hash and reports each complete subtree that it finished, the leaf itself first.
  public mutating func append(_ leaf: Digest, completed: (NodeAddress, Digest) -> Void = { _, _ in }) {
    var hash = leaf
    var level: UInt8 = 0
    completed(NodeAddress(level: 0, index: size), hash)
    while size & (1 << UInt64(level)) != 0 {
      guard let left = peaks.popLast() else { preconditionFailure("one peak a set bit") }
      hash = TreeHash.node(left, hash)
      level += 1
      completed(NodeAddress(level: level, index: size >> UInt64(level)), hash)
    }
    peaks.append(hash)
    size += 1
  }

  /// The tree's root (RFC 6962 §2.1).
  public var root: Digest {
    guard var hash = peaks.last else { return TreeHash.empty }
    for peak in peaks.dropLast().reversed() { hash = TreeHash.node(peak, hash) }
    return hash
  }
}

/// The largest power of two below `size`; `size` is at least 2.
func split(_ size: UInt64) -> UInt64 {
  precondition(size >= 2)
  return 1 << UInt64(63 - (size - 1).leadingZeroBitCount)
}

/// The root of the leaves `first ..< first + count`, where `first` is a multiple of the power of two
/// that covers `count`; nil where a node cannot be read.
func rangeRoot(first: UInt64, count: UInt64, nodes: NodeReader) -> Digest? {
  precondition(count > 0)
  if count & (count - 1) == 0 {
    let level = UInt8(count.trailingZeroBitCount)
    return nodes(NodeAddress(level: level, index: first >> UInt64(level)))
  }
  let left = split(count)
  guard let a = rangeRoot(first: first, count: left, nodes: nodes),
    let b = rangeRoot(first: first + left, count: count - left, nodes: nodes)
  else { return nil }
  return TreeHash.node(a, b)
}
