/// Reads protobuf fields from borrowed bytes.
///
/// A message's `read(field:from:)` is called once a field and takes the value with the method of the
/// field's declared type; a value that it does not take is skipped. Nothing is allocated before its
/// length is known to be there, and `ProtobufLimits` bounds the rest.
///
/// Stricter than protobuf demands, so that one message has one meaning: a number that does not fit its
/// type, a boolean other than 0 and 1, a known field of another wire type, and groups are errors.
public struct ProtobufReader: Sendable {
  /// 2²⁹ − 1, protobuf's highest field number.
  public static let maximumFieldNumber: UInt32 = 536_870_911

  private let source: ArraySlice<UInt8>
  private var position: Int
  private var end: Int
  private let limits: ProtobufLimits
  private var depth: Int
  private var fieldsLeft: Int

  private var field: UInt32 = 0
  private var wireType = ProtobufWireType.varint
  /// The current field's value has been neither taken nor skipped.
  private var pending = false

  init(_ bytes: ArraySlice<UInt8>, limits: ProtobufLimits) {
    source = bytes
    position = bytes.startIndex
    end = bytes.endIndex
    self.limits = limits
    depth = 1
    fieldsLeft = limits.fields
  }

  // MARK: Fields

  /// Reads every field up to the end of the current message into `message`.
  mutating func merge(into message: inout some WireMessage) throws(ProtobufError) {
    while position < end {
      guard fieldsLeft > 0 else { throw .tooManyFields(limit: limits.fields) }
      fieldsLeft -= 1
      try readTag()
      try message.read(field: field, from: &self)
      if pending { try skip() }
    }
  }

  private mutating func readTag() throws(ProtobufError) {
    let tag = try varint()
    let number = tag >> 3
    guard number >= 1, number <= UInt64(Self.maximumFieldNumber) else {
      throw .fieldNumberOutOfRange(number)
    }
    field = UInt32(number)
    let type = UInt8(tag & 7)
    guard type != 3, type != 4 else { throw .groupRefused(field: field) }
    guard let known = ProtobufWireType(rawValue: type) else {
      throw .unknownWireType(type, field: field)
    }
    wireType = known
    pending = true
  }

  private mutating func skip() throws(ProtobufError) {
    pending = false
    switch wireType {
    case .varint: _ = try varint()
    case .fixed64: try advance(8)
    case .fixed32: try advance(4)
    case .lengthDelimited: position = try lengthDelimitedEnd()
    }
  }

  // MARK: Scalars

  public mutating func uint64() throws(ProtobufError) -> UInt64 {
    try take(.varint)
    return try varint()
  }

  public mutating func uint32() throws(ProtobufError) -> UInt32 {
    let value = try uint64()
    guard let narrow = UInt32(exactly: value) else {
      throw .valueOutOfRange(field: field, value: value)
    }
    return narrow
  }

  public mutating func int64() throws(ProtobufError) -> Int64 { Int64(bitPattern: try uint64()) }

  public mutating func int32() throws(ProtobufError) -> Int32 {
    let value = try int64()
    guard let narrow = Int32(exactly: value) else {
      throw .valueOutOfRange(field: field, value: UInt64(bitPattern: value))
    }
    return narrow
  }

  public mutating func sint64() throws(ProtobufError) -> Int64 {
    let value = try uint64()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  public mutating func bool() throws(ProtobufError) -> Bool {
    let value = try uint64()
    guard value <= 1 else { throw .valueOutOfRange(field: field, value: value) }
    return value == 1
  }

  public mutating func fixed64() throws(ProtobufError) -> UInt64 {
    try take(.fixed64)
    return try littleEndian()
  }

  public mutating func fixed32() throws(ProtobufError) -> UInt32 {
    try take(.fixed32)
    return try littleEndian()
  }

  public mutating func string() throws(ProtobufError) -> String {
    try take(.lengthDelimited)
    let stop = try lengthDelimitedEnd()
    defer { position = stop }
    guard let text = String(validating: source[position..<stop], as: UTF8.self) else {
      throw .invalidUTF8(field: field)
    }
    return text
  }

  public mutating func bytes() throws(ProtobufError) -> [UInt8] {
    try take(.lengthDelimited)
    let stop = try lengthDelimitedEnd()
    defer { position = stop }
    return Array(source[position..<stop])
  }

  /// A byte string of one size only, such as a hash or a key.
  public mutating func bytes(exactly count: Int) throws(ProtobufError) -> [UInt8] {
    try take(.lengthDelimited)
    let stop = try lengthDelimitedEnd()
    defer { position = stop }
    guard stop - position == count else {
      throw .wrongLength(field: field, expected: count, came: stop - position)
    }
    return Array(source[position..<stop])
  }

  // MARK: Messages

  /// A new message: an element of a repeated field.
  public mutating func message<M: WireMessage>(
    _ type: M.Type = M.self
  ) throws(ProtobufError) -> M {
    var value = M()
    try message(into: &value)
    return value
  }

  /// A singular message field. Coming twice, the second is merged into the first, as proto3 has it.
  public mutating func message(into value: inout some WireMessage) throws(ProtobufError) {
    try take(.lengthDelimited)
    let stop = try lengthDelimitedEnd()
    guard depth < limits.depth else { throw .nestingTooDeep(limit: limits.depth) }
    let outerEnd = end
    let outerField = field
    end = stop
    depth += 1
    try merge(into: &value)
    end = outerEnd
    depth -= 1
    field = outerField
    pending = false
  }

  /// A singular message field that may be absent.
  public mutating func message<M: WireMessage>(into value: inout M?) throws(ProtobufError) {
    var merged = value ?? M()
    try message(into: &merged)
    value = merged
  }

  // MARK: Repeated scalars

  /// Appends the field's values, packed or one at a time.
  public mutating func uint64s(into values: inout [UInt64]) throws(ProtobufError) {
    guard wireType == .lengthDelimited else {
      values.append(try uint64())
      return
    }
    try take(.lengthDelimited)
    let outerEnd = end
    end = try lengthDelimitedEnd()
    while position < end { values.append(try varint()) }
    end = outerEnd
  }

  // MARK: Layout

  private mutating func take(_ expected: ProtobufWireType) throws(ProtobufError) {
    precondition(pending, "field \(field) was read twice")
    guard wireType == expected else {
      throw .wrongWireType(field: field, expected: expected, came: wireType)
    }
    pending = false
  }

  private mutating func varint() throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      guard position < end else { throw .truncated(needed: 1, left: 0) }
      let byte = source[position]
      position += 1
      // The tenth byte holds the 64th bit alone.
      if shift == 63, byte > 1 { throw .varintTooLong }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  /// Reads a length and returns where its content ends; `position` is where it starts.
  private mutating func lengthDelimitedEnd() throws(ProtobufError) -> Int {
    let length = try varint()
    guard length <= UInt64(end - position) else {
      throw .truncated(needed: length, left: end - position)
    }
    return position + Int(length)
  }

  private mutating func advance(_ count: Int) throws(ProtobufError) {
    guard end - position >= count else {
      throw .truncated(needed: UInt64(count), left: end - position)
    }
    position += count
  }

  private mutating func littleEndian<T: FixedWidthInteger>() throws(ProtobufError) -> T {
    let start = position
    try advance(T.bitWidth / 8)
    var value: T = 0
    for offset in 0..<(T.bitWidth / 8) { value |= T(source[start + offset]) << T(8 * offset) }
    return value
  }
}
