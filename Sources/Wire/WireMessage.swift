/// A message of the published interface (`Docs/Protocol/*.proto`).
///
/// The two methods are each other's mirror:
///
/// ```swift
/// struct Point: WireMessage {
///   var name = ""
///   var weight: UInt64 = 0
///   mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
///     switch field {
///     case 1: name = try reader.string()
///     case 2: weight = try reader.uint64()
///     default: break
///     }
///   }
///   func write(into writer: inout ProtobufWriter) {
///     writer.string(1, name)
///     writer.uint64(2, weight)
///   }
/// }
/// ```
public protocol WireMessage: Equatable, Sendable {
  /// The message with every field at its default.
  init()

  /// Takes the value of one field, exactly once, with the reader's method for its declared type.
  /// A field that is not known is left alone; the reader skips it.
  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError)

  /// Writes every field, in ascending order of field number.
  func write(into writer: inout ProtobufWriter)
}

extension WireMessage {
  /// The message's bytes; equal messages have equal bytes.
  public func encode() -> [UInt8] {
    var writer = ProtobufWriter()
    write(into: &writer)
    return writer.bytes
  }

  /// Reads a whole message.
  public init(
    decoding bytes: [UInt8], limits: ProtobufLimits = ProtobufLimits()
  ) throws(ProtobufError) {
    try self.init(decoding: bytes[...], limits: limits)
  }

  /// Reads a whole message from a part of an array.
  public init(
    decoding bytes: ArraySlice<UInt8>, limits: ProtobufLimits = ProtobufLimits()
  ) throws(ProtobufError) {
    self.init()
    var reader = ProtobufReader(bytes, limits: limits)
    try reader.merge(into: &self)
  }
}
