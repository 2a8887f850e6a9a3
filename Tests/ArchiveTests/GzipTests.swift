import Testing

@testable import Archive

/// Held against gzip and zlib, which nobody here wrote.
struct GzipTests {
  /// Texts that compress well, badly, and not at all.
  private func samples() -> [[UInt8]] {
    var numbers = Numbers(state: 7)
    let noise = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &numbers) }
    let words = (0..<40_000).flatMap { _ in Array("\(UInt8.random(in: 0...40, using: &numbers)) ".utf8) }
    let far = noise[..<32_768] + noise[..<32_768]
    return [
      [], [65], [UInt8](repeating: 0, count: 300_000), noise, words, Array(far), words + noise + words,
    ]
  }

  @Test("what gzip packs comes back, at every level, in pieces of any length", arguments: [1, 6, 9])
  func levels(_ level: Int) throws {
    for sample in samples() {
      let packed = try #require(try output(of: "gzip", ["-\(level)", "-c"], sample))
      for piece in [1 << 16, 1000, 7] { #expect(try unpacked(packed, piece: piece) == sample) }
    }
    let small = Array("hello hello hello".utf8)
    let packed = try #require(try output(of: "gzip", ["-\(level)", "-c"], small))
    #expect(try unpacked(packed, piece: 1) == small)
  }

  @Test(
    "zlib's other strategies: stored blocks, the fixed code, words alone, and runs",
    arguments: [0, 1, 2, 3, 4])
  func strategies(_ strategy: Int) throws {
    let program = """
      import sys, zlib
      d = sys.stdin.buffer.read()
      c = zlib.compressobj(\(strategy == 0 ? 0 : 9), zlib.DEFLATED, 31, 9, \(strategy))
      sys.stdout.buffer.write(c.compress(d[:len(d)//2]) + c.flush(zlib.Z_FULL_FLUSH) + c.compress(d[len(d)//2:]) + c.flush())
      """
    for sample in samples() {
      let packed = try #require(try python(program, sample))
      #expect(try unpacked(packed) == sample)
    }
  }

  @Test("members follow one another, with names, remarks, extra fields and header checksums")
  func members() throws {
    let one = try #require(try output(of: "gzip", ["-c"], Array("one ".utf8)))
    let two = try #require(try output(of: "gzip", ["-c"], Array("two".utf8)))
    #expect(try unpacked(one + two) == Array("one two".utf8))
    let program = """
      import sys, zlib, struct
      d = b"with a header"
      h = b"\\x1f\\x8b\\x08\\x1e\\0\\0\\0\\0\\0\\x03" + struct.pack("<H", 3) + b"abc" + b"name\\0" + b"remark\\0"
      h += struct.pack("<H", zlib.crc32(h) & 0xffff)
      c = zlib.compressobj(9, zlib.DEFLATED, -15)
      sys.stdout.buffer.write(h + c.compress(d) + c.flush() + struct.pack("<II", zlib.crc32(d), len(d)))
      """
    let whole = try #require(try python(program))
    #expect(try unpacked(whole) == Array("with a header".utf8))
    var spoiled = whole
    spoiled[12] ^= 1
    #expect(throws: ArchiveError.checksum("the gzip header")) { try unpacked(spoiled) }
  }

  @Test("what is cut short, altered, or followed by anything else is refused")
  func damaged() throws {
    let sample = Array("a text that is packed, and a text that is packed again".utf8)
    let packed = try #require(try output(of: "gzip", ["-c"], sample))
    for length in packed.indices {
      #expect(throws: ArchiveError.self) { try unpacked(Array(packed[..<length])) }
    }
    for place in packed.indices {
      // The time and the system that packed it are nobody's business.
      if (4..<10).contains(place) { continue }
      for bit in 0..<8 {
        var other = packed
        other[place] ^= 1 << UInt8(bit)
        let result = try? unpacked(other)
        #expect(result == nil || result == sample, "byte \(place), bit \(bit)")
      }
    }
    #expect(throws: ArchiveError.gzip("does not begin with 1f 8b")) { try unpacked(packed + [0, 0, 0]) }
    #expect(throws: ArchiveError.gzip("does not begin with 1f 8b")) { try unpacked(Array("no gzip".utf8)) }
  }

  @Test("a small file that unpacks to a large one is stopped at the limit")
  func bomb() throws {
    let packed = try #require(
      try python("import sys,gzip; sys.stdout.buffer.write(gzip.compress(bytes(50_000_000)))"))
    #expect(packed.count < 60_000)
    #expect(throws: ArchiveError.limit("bytes unpacked", 1 << 20)) { try unpacked(packed, limit: 1 << 20) }
  }

  @Test("blocks that no compressor writes are refused, each for its reason")
  func invalidBlocks() throws {
    let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    let cases: [(bytes: [UInt8], error: ArchiveError)] = [
      ([0x07], .deflate("a block of kind 3, which there is not")),
      ([0x01, 0x01, 0x00, 0x00, 0x00], .deflate("a stored block whose lengths differ")),
      // The fixed code: length 3, distance 1, with nothing before it.
      ([0x03, 0x02, 0x00, 0x00], .deflate("a distance to before the beginning")),
      ([0x05, 0xFF, 0xFF], .deflate("more symbols than there are")),
      ([], .truncated("compressed data")),
    ]
    for (bytes, error) in cases {
      #expect(throws: error) { try unpacked(header + bytes) }
    }
  }

  @Test("random bytes after a header never crash, and never unpack to more than the limit")
  func noise() throws {
    var numbers = Numbers(state: 11)
    let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    var refused = 0
    for _ in 0..<20_000 {
      let count = Int.random(in: 0...120, using: &numbers)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &numbers) }
      // A block with codes of its own, more often than chance has it.
      if count > 0, Bool.random(using: &numbers) { bytes[0] = bytes[0] & 0xF8 | 5 }
      do { _ = try unpacked(header + bytes, limit: 1 << 16) } catch { refused += 1 }
    }
    #expect(refused == 20_000)
  }
}
