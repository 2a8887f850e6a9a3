import Testing
import Wire

@Suite("Protobuf codec")
struct ProtobufTests {
  @Test("what is encoded decodes to itself", arguments: 0..<40 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<25 {
      let sample = Sample.random(using: &random)
      let bytes = sample.encode()
      #expect(try Sample(decoding: bytes) == sample)
      #expect(try Sample(decoding: ([0, 0] + bytes)[2...]) == sample)
    }
  }

  @Test("defaults are not written")
  func defaults() {
    #expect(Sample().encode() == [])
  }

  @Test("the bytes of the protobuf guide")
  func guide() {
    #expect(Sample(count: 150).encode() == [0x08, 0x96, 0x01])
    #expect(Sample(name: "testing").encode() == [0x4A, 7] + Array("testing".utf8))
    #expect(Sample(child: Leaf(value: 150)).encode() == [0x5A, 3, 0x08, 0x96, 0x01])
    #expect(Sample(zigzag: -2).encode() == [0x28, 3])
    #expect(Sample(numbers: [3, 270, 86942]).encode() == [0x62, 6, 3, 0x8E, 2, 0x9E, 0xA7, 5])
  }

  @Test("of a scalar that comes twice the last one wins; a message that comes twice is merged")
  func lastWins() throws {
    #expect(try Sample(decoding: [0x08, 1, 0x08, 2]).count == 2)
    let merged = try Sample(decoding: [0x5A, 2, 0x08, 1, 0x5A, 2, 0x12, 0])
    #expect(merged.child == Leaf(value: 1, inner: [Leaf()]))
  }

  @Test("repeated scalars are accepted packed and one at a time")
  func packed() throws {
    #expect(try Sample(decoding: [0x62, 2, 1, 2, 0x60, 3]).numbers == [1, 2, 3])
  }

  @Test("unknown fields of every wire type are skipped")
  func unknown() throws {
    let bytes: [UInt8] =
      [0x98, 0x06, 5, 0x99, 0x06] + [UInt8](repeating: 1, count: 8)
      + [0x9A, 0x06, 2, 9, 9, 0x9D, 0x06, 1, 2, 3, 4, 0x08, 7]
    #expect(try Sample(decoding: bytes) == Sample(count: 7))
  }

  @Test(
    "malformed bytes are refused with the reason",
    arguments: [
      ([0x08], ProtobufError.truncated(needed: 1, left: 0)),
      ([0x4A, 5, 65], .truncated(needed: 5, left: 1)),
      ([0x4A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], .truncated(needed: .max, left: 0)),
      ([0x39, 1, 2], .truncated(needed: 8, left: 2)),
      ([0x08] + [UInt8](repeating: 0x80, count: 10) + [0], .varintTooLong),
      ([0x08] + [UInt8](repeating: 0xFF, count: 9) + [2], .varintTooLong),
      ([0x00, 1], .fieldNumberOutOfRange(0)),
      ([0x80, 0x80, 0x80, 0x80, 0x10, 1], .fieldNumberOutOfRange(536_870_912)),
      ([0x0B, 0x0C], .groupRefused(field: 1)),
      ([0x0C], .groupRefused(field: 1)),
      ([0x0E, 0], .unknownWireType(6, field: 1)),
      ([0x0A, 0], .wrongWireType(field: 1, expected: .varint, came: .lengthDelimited)),
      ([0x48, 1], .wrongWireType(field: 9, expected: .lengthDelimited, came: .varint)),
      ([0x4A, 2, 0xC3, 0x28], .invalidUTF8(field: 9)),
      ([0x4A, 3, 0xED, 0xA0, 0x80], .invalidUTF8(field: 9)),
      ([0x10, 0x80, 0x80, 0x80, 0x80, 0x10], .valueOutOfRange(field: 2, value: 1 << 32)),
      ([0x20, 0x80, 0x80, 0x80, 0x80, 0x08], .valueOutOfRange(field: 4, value: 1 << 31)),
      ([0x30, 2], .valueOutOfRange(field: 6, value: 2)),
    ] as [([UInt8], ProtobufError)])
  func malformed(bytes: [UInt8], error: ProtobufError) {
    #expect(throws: error) { try Sample(decoding: bytes) }
  }

  @Test("a nested message cannot reach beyond its own end")
  func nestedEnd() {
    // The child claims two bytes; its varint would need a third, which belongs to the parent.
    #expect(throws: ProtobufError.truncated(needed: 1, left: 0)) {
      try Sample(decoding: [0x5A, 2, 0x08, 0x96, 0x01, 0x08, 7])
    }
  }

  @Test("nesting and the number of fields are limited")
  func limits() throws {
    func nest(_ depth: Int) -> Leaf {
      (1..<depth).reduce(Leaf(value: 1)) { inner, _ in Leaf(inner: [inner]) }
    }
    #expect(try Leaf(decoding: nest(32).encode()) == nest(32))
    #expect(throws: ProtobufError.nestingTooDeep(limit: 32)) { try Leaf(decoding: nest(33).encode()) }
    let many = Leaf(inner: [Leaf](repeating: Leaf(), count: 11)).encode()
    #expect(throws: ProtobufError.tooManyFields(limit: 10)) {
      try Leaf(decoding: many, limits: ProtobufLimits(fields: 10))
    }
    #expect(throws: ProtobufError.tooManyFields(limit: 10)) {
      try Sample(
        decoding: [UInt8](repeating: 0, count: 0) + (0..<11).flatMap { _ in [0x98, 0x06, 1] as [UInt8] },
        limits: ProtobufLimits(fields: 10))
    }
  }

  @Test("mutated messages never trap, and what decodes encodes again", arguments: 0..<40 as Range<UInt64>)
  func fuzz(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<250 {
      var bytes = Sample.random(using: &random).encode()
      for _ in 0..<(1 + random.next() % 6) { mutate(&bytes, using: &random) }
      guard let decoded = try? Sample(decoding: bytes) else { continue }
      #expect((try? Sample(decoding: decoded.encode())) == decoded)
    }
  }

  private func mutate(_ bytes: inout [UInt8], using random: inout SeededRandom) {
    let byte = UInt8(truncatingIfNeeded: random.next())
    guard let position = bytes.indices.randomElement(using: &random) else {
      bytes.append(byte)
      return
    }
    switch random.next() % 5 {
    case 0: bytes[position] = byte
    case 1: bytes[position] ^= 1 << (byte & 7)
    case 2: bytes.insert(byte, at: position)
    case 3: bytes.remove(at: position)
    default: bytes.removeSubrange(position...)
    }
  }
}
