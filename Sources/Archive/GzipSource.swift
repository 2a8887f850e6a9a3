/// What a gzip file holds (RFC 1952): all its members, one after the other.
///
/// Each member's checksum and length are checked at its end, so what was handed on before counts only once the source
/// has said that it is at its end. Anything after the last member that is not a member is refused.
public struct GzipSource<Source: ByteSource>: ByteSource {
  private var inflater: Inflater<Source>?
  private var reader: ByteReader<Source>
  private var checksum = CRC32()
  private var length: UInt32 = 0
  private var total = 0
  private var isEnded = false
  private let limit: Int

  /// What `source` packs, at most `limit` bytes of it.
  public init(_ source: Source, limit: Int) {
    reader = ByteReader(source)
    self.limit = limit
  }

  /// Whether bytes begin as gzip does.
  public static func isGzip(_ bytes: some Collection<UInt8>) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  public mutating func next() throws(ArchiveError) -> [UInt8]? {
    guard !isEnded else { return nil }
    if inflater == nil {
      guard let first = try reader.byte() else { throw .truncated("a gzip header") }
      try beginMember(first)
    }
    while true {
      if let piece = try inflater?.next() {
        total += piece.count
        guard total <= limit else { throw .limit("bytes unpacked", limit) }
        checksum.update(piece)
        length &+= UInt32(truncatingIfNeeded: piece.count)
        return piece
      }
      guard try endMember() else { return nil }
    }
  }

  private mutating func beginMember(_ first: UInt8) throws(ArchiveError) {
    var header = CRC32()
    func take(_ reader: inout ByteReader<Source>) throws(ArchiveError) -> UInt8 {
      let byte = try reader.byte(of: "a gzip header")
      header.update(byte)
      return byte
    }
    header.update(first)
    guard first == 0x1F, try take(&reader) == 0x8B else { throw .gzip("does not begin with 1f 8b") }
    guard try take(&reader) == 8 else { throw .gzip("packed by another method than deflate") }
    let flags = try take(&reader)
    guard flags & 0xE0 == 0 else { throw .gzip("reserved flags are set") }
    for _ in 0..<6 { _ = try take(&reader) }
    if flags & 4 != 0 {
      let count = Int(try take(&reader)) | Int(try take(&reader)) << 8
      for _ in 0..<count { _ = try take(&reader) }
    }
    for flag in [8, 16] as [UInt8] where flags & flag != 0 {
      var rest = 4096
      while try take(&reader) != 0 {
        rest -= 1
        guard rest > 0 else { throw .gzip("a name or remark of more than 4096 bytes") }
      }
    }
    if flags & 2 != 0 {
      let expected = header.value & 0xFFFF
      guard try reader.littleEndian(2, of: "a gzip header") == expected else {
        throw .checksum("the gzip header")
      }
    }
    checksum = CRC32()
    length = 0
    inflater = Inflater(reader)
  }

  /// Checks what was read against the end of its member; true where another member follows.
  private mutating func endMember() throws(ArchiveError) -> Bool {
    guard var ended = inflater else { return false }
    var trailer: [UInt32] = [0, 0]
    for place in 0..<8 {
      trailer[place / 4] |= UInt32(try ended.byteAfter(of: "a gzip trailer")) << UInt32(8 * (place % 4))
    }
    guard trailer[0] == checksum.value else { throw .checksum("what was unpacked is not what was packed") }
    guard trailer[1] == length else { throw .checksum("what was unpacked has another length") }
    // Few bits are read ahead, so the trailer has taken them all: the reader stands behind it.
    reader = ended.bytes
    inflater = nil
    guard let first = try reader.byte() else {
      isEnded = true
      return false
    }
    try beginMember(first)
    return true
  }
}
