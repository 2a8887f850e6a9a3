/// Thirty-two bytes held in place: the shape of digests, public keys, scalars and group elements.
///
/// Ordered as the byte string is (big-endian lexicographic).
public struct Bytes32: Hashable, Comparable, Sendable, BitwiseCopyable {
  private var words: (UInt64, UInt64, UInt64, UInt64)

  /// All zero.
  public init() { words = (0, 0, 0, 0) }

  /// Copies exactly 32 bytes; nil for any other length.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    self.init()
    withUnsafeMutableBytes { target in
      var next = 0
      for byte in bytes {
        target[next] = byte
        next += 1
      }
    }
  }

  /// The bytes, in order.
  public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

  /// Lends the 32 bytes; the pointer ends with the call.
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try Swift.withUnsafeBytes(of: words, body)
  }

  /// Lends the 32 bytes for writing; the pointer ends with the call.
  public mutating func withUnsafeMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    try Swift.withUnsafeMutableBytes(of: &words, body)
  }

  /// Whether the two are equal, in a time that does not depend on where they differ.
  public static func constantTimeEqual(_ left: Bytes32, _ right: Bytes32) -> Bool {
    let a = left.words
    let b = right.words
    return (a.0 ^ b.0) | (a.1 ^ b.1) | (a.2 ^ b.2) | (a.3 ^ b.3) == 0
  }

  /// The words as little-endian numbers, least significant first.
  var littleEndianWords: (UInt64, UInt64, UInt64, UInt64) {
    (
      UInt64(littleEndian: words.0), UInt64(littleEndian: words.1),
      UInt64(littleEndian: words.2), UInt64(littleEndian: words.3)
    )
  }

  public static func == (left: Bytes32, right: Bytes32) -> Bool {
    left.words.0 == right.words.0 && left.words.1 == right.words.1
      && left.words.2 == right.words.2 && left.words.3 == right.words.3
  }

  public static func < (left: Bytes32, right: Bytes32) -> Bool {
    let a = left.words
    let b = right.words
    if a.0 != b.0 { return a.0.bigEndian < b.0.bigEndian }
    if a.1 != b.1 { return a.1.bigEndian < b.1.bigEndian }
    if a.2 != b.2 { return a.2.bigEndian < b.2.bigEndian }
    return a.3.bigEndian < b.3.bigEndian
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }
}
