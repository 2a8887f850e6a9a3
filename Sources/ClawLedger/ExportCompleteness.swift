import Crypto

/// Holds an export, as it arrives, against its own first lines: whether every leaf that the header counts
/// is there, and a note of exactly that size after them. It says nothing of hashes and signatures, which
/// are `ExportVerifier`'s to check; its memory does not grow with the export.
public struct ExportCompleteness: Sendable {
  /// What an export that broke off lacks.
  public struct Missing: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// Leaves that the header announces.
  public private(set) var size: UInt64?
  public private(set) var leaves: UInt64 = 0
  public private(set) var notes: UInt64 = 0
  /// What the last note covers.
  private var proven: UInt64 = 0

  private var lines = 0
  /// What came of a line whose end has not: at most `headCount` bytes are kept.
  private var head: [UInt8] = []
  /// The last line was ended.
  private var isWholeLine = true

  /// Enough for the header's lines, and for a note's first two: its origin and its size.
  private static let headCount = 512

  public init() {}

  /// Takes the next bytes in, cut anywhere.
  public mutating func take(_ bytes: [UInt8]) {
    for byte in bytes {
      isWholeLine = byte == 0x0A
      if isWholeLine {
        take(line: head)
        head.removeAll(keepingCapacity: true)
      } else if head.count < Self.headCount {
        head.append(byte)
      }
    }
  }

  private mutating func take(line: [UInt8]) {
    lines += 1
    if lines == 3, line.starts(with: Array("size ".utf8)) {
      size = UInt64(String(decoding: line.dropFirst(5), as: UTF8.self))
    }
    if line.starts(with: Array("leaf ".utf8)) { leaves += 1 }
    if line.starts(with: Array("note ".utf8)) {
      notes += 1
      proven = Self.size(ofNote: line.dropFirst(5))
    }
  }

  /// The size that a note says in its second line; 0 where it says none. Of the base64, whole groups of
  /// four characters are enough.
  private static func size(ofNote line: ArraySlice<UInt8>) -> UInt64 {
    let whole = line.prefix(line.count / 4 * 4)
    guard let note = Base64.decode(String(decoding: whole, as: UTF8.self)) else { return 0 }
    let parts = note.split(separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false)
    return parts.count == 3 ? UInt64(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
  }

  /// The export has ended.
  public func finish() throws(Missing) {
    guard let size else {
      throw Missing(description: "the export has no header: nothing, or something else, was sent")
    }
    guard isWholeLine else { throw Missing(description: "the export broke off in line \(lines + 1)") }
    guard leaves == size else {
      throw Missing(description: "the export is of \(size) leaves, and \(leaves) came")
    }
    guard proven == size else {
      throw Missing(
        description: "the last note of the export covers \(proven) of its \(size) leaves: some did not come")
    }
  }
}
