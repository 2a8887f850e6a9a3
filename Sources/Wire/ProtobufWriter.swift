/// Appends protobuf fields to a byte array.
///
/// The plain methods follow proto3: a scalar at its default value is not written. The `always…` ones
/// write it even so, as members of a `oneof` and elements of repeated fields must be.
/// Fields are written in the order of the calls; by convention that is ascending field number, which
/// makes the encoding of a message deterministic.
public struct ProtobufWriter: Sendable {
  /// What has been written so far.
  public internal(set) var bytes: [UInt8]

  public init() { bytes = [] }

  // MARK: Scalars

  public mutating func uint64(_ field: UInt32, _ value: UInt64) {
    if value != 0 { alwaysUInt64(field, value) }
  }

  public mutating func uint32(_ field: UInt32, _ value: UInt32) { uint64(field, UInt64(value)) }

  public mutating func int64(_ field: UInt32, _ value: Int64) {
    uint64(field, UInt64(bitPattern: value))
  }

  /// Negative values take ten bytes, as protobuf demands.
  public mutating func int32(_ field: UInt32, _ value: Int32) { int64(field, Int64(value)) }

  public mutating func sint64(_ field: UInt32, _ value: Int64) {
    uint64(field, UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  public mutating func bool(_ field: UInt32, _ value: Bool) { uint64(field, value ? 1 : 0) }

  public mutating func fixed64(_ field: UInt32, _ value: UInt64) {
    guard value != 0 else { return }
    tag(field, .fixed64)
    littleEndian(value)
  }

  public mutating func fixed32(_ field: UInt32, _ value: UInt32) {
    guard value != 0 else { return }
    tag(field, .fixed32)
    littleEndian(value)
  }

  public mutating func string(_ field: UInt32, _ value: String) {
    if !value.isEmpty { alwaysString(field, value) }
  }

  public mutating func bytes(_ field: UInt32, _ value: some Collection<UInt8>) {
    if !value.isEmpty { alwaysBytes(field, value) }
  }

  // MARK: Values written even at their default

  public mutating func alwaysUInt64(_ field: UInt32, _ value: UInt64) {
    tag(field, .varint)
    varint(value)
  }

  public mutating func alwaysBool(_ field: UInt32, _ value: Bool) {
    alwaysUInt64(field, value ? 1 : 0)
  }

  public mutating func alwaysString(_ field: UInt32, _ value: String) {
    tag(field, .lengthDelimited)
    let text = value.utf8
    varint(UInt64(text.count))
    bytes.append(contentsOf: text)
  }

  public mutating func alwaysBytes(_ field: UInt32, _ value: some Collection<UInt8>) {
    tag(field, .lengthDelimited)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  // MARK: Messages

  /// Writes the message even if it is empty: presence of a message field is information.
  public mutating func message(_ field: UInt32, _ value: some WireMessage) {
    tag(field, .lengthDelimited)
    nested { value.write(into: &$0) }
  }

  /// Writes the message if there is one.
  public mutating func message(_ field: UInt32, _ value: (some WireMessage)?) {
    if let value { message(field, value) }
  }

  // MARK: Repeated fields

  /// Packed, as proto3 does by default.
  public mutating func uint64s(_ field: UInt32, _ values: [UInt64]) {
    guard !values.isEmpty else { return }
    tag(field, .lengthDelimited)
    nested { for value in values { $0.varint(value) } }
  }

  public mutating func strings(_ field: UInt32, _ values: [String]) {
    for value in values { alwaysString(field, value) }
  }

  public mutating func byteStrings(_ field: UInt32, _ values: [[UInt8]]) {
    for value in values { alwaysBytes(field, value) }
  }

  public mutating func messages(_ field: UInt32, _ values: [some WireMessage]) {
    for value in values { message(field, value) }
  }

  // MARK: Layout

  private mutating func tag(_ field: UInt32, _ type: ProtobufWireType) {
    precondition(field >= 1 && field <= ProtobufReader.maximumFieldNumber)
    varint(UInt64(field) << 3 | UInt64(type.rawValue))
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func littleEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Writes a length and then what `body` writes. The length is one byte for most messages; a longer
  /// one moves the content up afterwards, which is cheaper than measuring every message twice.
  private mutating func nested(_ body: (inout ProtobufWriter) -> Void) {
    let start = bytes.count
    bytes.append(0)
    body(&self)
    var rest = bytes.count - start - 1
    guard rest >= 0x80 else {
      bytes[start] = UInt8(rest)
      return
    }
    var more: [UInt8] = []
    bytes[start] = UInt8(truncatingIfNeeded: rest) | 0x80
    rest >>= 7
    while rest >= 0x80 {
      more.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    more.append(UInt8(rest))
    bytes.insert(contentsOf: more, at: start + 1)
  }
}
