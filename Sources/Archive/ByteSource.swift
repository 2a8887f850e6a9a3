/// Where bytes come from, piece by piece; the reader asks for the next one when it needs it.
public protocol ByteSource {
  /// The next piece, never empty; nil at the end.
  mutating func next() throws(ArchiveError) -> [UInt8]?
}

/// Bytes in memory.
public struct ByteArraySource: ByteSource {
  private var rest: ArraySlice<UInt8>
  private let piece: Int

  /// `bytes`, in pieces of at most `piece`.
  public init(_ bytes: [UInt8], piece: Int = 1 << 16) {
    rest = bytes[...]
    self.piece = max(1, piece)
  }

  public mutating func next() throws(ArchiveError) -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    let first = Array(rest.prefix(piece))
    rest = rest.dropFirst(piece)
    return first
  }
}

/// A source that is read a byte, or a number of bytes, at a time.
struct ByteReader<Source: ByteSource> {
  private var source: Source
  private var piece: [UInt8] = []
  private var position = 0

  init(_ source: Source) { self.source = source }

  /// The next byte; nil at the end.
  mutating func byte() throws(ArchiveError) -> UInt8? {
    if position == piece.count {
      guard let next = try source.next() else { return nil }
      piece = next
      position = 0
    }
    defer { position += 1 }
    return piece[position]
  }

  /// The next eight bytes, least significant first, where the piece at hand has them; they stay to be read.
  var word: UInt64? {
    guard piece.count - position >= 8 else { return nil }
    return piece.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
  }

  /// Passes over bytes that `word` has shown.
  mutating func skip(_ count: Int) { position += count }

  mutating func byte(of what: String) throws(ArchiveError) -> UInt8 {
    guard let byte = try byte() else { throw .truncated(what) }
    return byte
  }

  /// A number, least significant byte first.
  mutating func littleEndian(_ count: Int, of what: String) throws(ArchiveError) -> UInt32 {
    var value: UInt32 = 0
    for place in 0..<count { value |= UInt32(try byte(of: what)) << UInt32(8 * place) }
    return value
  }

  /// What is there of the next `count` bytes in the piece at hand, at least one; nil at the end.
  mutating func some(upTo count: Int) throws(ArchiveError) -> ArraySlice<UInt8>? {
    if position == piece.count {
      guard let next = try source.next() else { return nil }
      piece = next
      position = 0
    }
    let end = min(piece.count, position + count)
    defer { position = end }
    return piece[position..<end]
  }

  /// Exactly `count` bytes.
  mutating func exactly(_ count: Int, of what: String) throws(ArchiveError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(count, 1 << 16))
    while bytes.count < count {
      guard let more = try some(upTo: count - bytes.count) else { throw .truncated(what) }
      bytes.append(contentsOf: more)
    }
    return bytes
  }
}
