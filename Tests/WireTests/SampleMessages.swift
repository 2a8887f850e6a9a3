import Wire

/// Every kind of field at once, for the tests; `sampleProto` is its twin.
struct Sample: WireMessage {
  var count: UInt64 = 0
  var small: UInt32 = 0
  var signed: Int64 = 0
  var narrow: Int32 = 0
  var zigzag: Int64 = 0
  var flag = false
  var wide: UInt64 = 0
  var slim: UInt32 = 0
  var name = ""
  var blob: [UInt8] = []
  var child: Leaf?
  var numbers: [UInt64] = []
  var names: [String] = []
  var children: [Leaf] = []

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: count = try reader.uint64()
    case 2: small = try reader.uint32()
    case 3: signed = try reader.int64()
    case 4: narrow = try reader.int32()
    case 5: zigzag = try reader.sint64()
    case 6: flag = try reader.bool()
    case 7: wide = try reader.fixed64()
    case 8: slim = try reader.fixed32()
    case 9: name = try reader.string()
    case 10: blob = try reader.bytes()
    case 11: try reader.message(into: &child)
    case 12: try reader.uint64s(into: &numbers)
    case 13: names.append(try reader.string())
    case 14: children.append(try reader.message())
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, count)
    writer.uint32(2, small)
    writer.int64(3, signed)
    writer.int32(4, narrow)
    writer.sint64(5, zigzag)
    writer.bool(6, flag)
    writer.fixed64(7, wide)
    writer.fixed32(8, slim)
    writer.string(9, name)
    writer.bytes(10, blob)
    writer.message(11, child)
    writer.uint64s(12, numbers)
    writer.strings(13, names)
    writer.messages(14, children)
  }
}

/// A message that nests itself.
struct Leaf: WireMessage {
  var value: UInt64 = 0
  var inner: [Leaf] = []

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: value = try reader.uint64()
    case 2: inner.append(try reader.message())
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, value)
    writer.messages(2, inner)
  }
}

/// The twin of `Sample` in protobuf's own language.
let sampleProto = """
  syntax = "proto3";
  package openexec.test;
  message Leaf { uint64 value = 1; repeated Leaf inner = 2; }
  message Sample {
    uint64 count = 1;
    uint32 small = 2;
    int64 signed = 3;
    int32 narrow = 4;
    sint64 zigzag = 5;
    bool flag = 6;
    fixed64 wide = 7;
    fixed32 slim = 8;
    string name = 9;
    bytes blob = 10;
    Leaf child = 11;
    repeated uint64 numbers = 12;
    repeated string names = 13;
    repeated Leaf children = 14;
  }
  """

/// SplitMix64: the tests' seeded source, so that a failure comes back with its seed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

extension Sample {
  /// A message drawn at random, with the edges of every type more likely than chance has it.
  static func random(using random: inout SeededRandom) -> Sample {
    func word() -> UInt64 {
      switch random.next() % 4 {
      case 0: 0
      case 1: UInt64.max
      case 2: random.next() >> (random.next() % 64)
      default: 1 << (random.next() % 64)
      }
    }
    var sample = Sample()
    sample.count = word()
    sample.small = UInt32(truncatingIfNeeded: word())
    sample.signed = Int64(bitPattern: word())
    sample.narrow = Int32(truncatingIfNeeded: Int64(bitPattern: word()))
    sample.zigzag = Int64(bitPattern: word())
    sample.flag = random.next() & 1 == 1
    sample.wide = word()
    sample.slim = UInt32(truncatingIfNeeded: word())
    sample.name = String(repeating: "é∀x", count: Int(random.next() % 60))
    sample.blob = (0..<random.next() % 300).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    sample.numbers = (0..<random.next() % 5).map { _ in word() }
    sample.names = (0..<random.next() % 4).map { "n\($0)" } + (random.next() & 1 == 0 ? [""] : [])
    sample.children = (0..<random.next() % 4).map { _ in Leaf(value: word(), inner: []) }
    if random.next() & 1 == 0 {
      sample.child = Leaf(value: word(), inner: [Leaf(), Leaf(value: word(), inner: [])])
    }
    return sample
  }
}
