/// Why bytes are not the protobuf message they should be.
///
/// Every case is the sender's fault: the receiver answers `INVALID_ARGUMENT` with the description.
public enum ProtobufError: Error, Equatable, Sendable {
  /// A value needs more bytes than its message has left.
  case truncated(needed: UInt64, left: Int)
  /// A varint of more than ten bytes, or of more than 64 bits.
  case varintTooLong
  /// A field number of 0 or above 2²⁹ − 1.
  case fieldNumberOutOfRange(UInt64)
  /// A group (wire types 3 and 4): removed from proto3, refused here.
  case groupRefused(field: UInt32)
  /// Wire types 6 and 7 do not exist.
  case unknownWireType(UInt8, field: UInt32)
  /// A known field came with another wire type than its declared one.
  case wrongWireType(field: UInt32, expected: ProtobufWireType, came: ProtobufWireType)
  /// A string that is not UTF-8.
  case invalidUTF8(field: UInt32)
  /// A number that its declared type cannot hold.
  case valueOutOfRange(field: UInt32, value: UInt64)
  /// A byte string of fixed size came with another.
  case wrongLength(field: UInt32, expected: Int, came: Int)
  /// Messages nested deeper than the limit.
  case nestingTooDeep(limit: Int)
  /// More fields, nested ones counted, than the limit.
  case tooManyFields(limit: Int)
  /// A value that the message's own rules refuse; `expected` says what they allow.
  case refused(field: UInt32, expected: String)
}

extension ProtobufError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .truncated(let needed, let left):
      "expected \(needed) more bytes, but the message ends after \(left)"
    case .varintTooLong: "expected a varint of at most 10 bytes and 64 bits"
    case .fieldNumberOutOfRange(let number):
      "expected a field number from 1 to 536870911, came \(number)"
    case .groupRefused(let field): "field \(field) is a group; groups are not accepted"
    case .unknownWireType(let type, let field): "field \(field) has unknown wire type \(type)"
    case .wrongWireType(let field, let expected, let came):
      "field \(field): expected wire type \(expected), came \(came)"
    case .invalidUTF8(let field): "field \(field): expected UTF-8 text"
    case .valueOutOfRange(let field, let value):
      "field \(field): \(value) does not fit the declared type"
    case .wrongLength(let field, let expected, let came):
      "field \(field): expected \(expected) bytes, came \(came)"
    case .nestingTooDeep(let limit): "messages are nested deeper than \(limit)"
    case .tooManyFields(let limit): "the message has more than \(limit) fields"
    case .refused(let field, let expected): "field \(field): expected \(expected)"
    }
  }
}

/// How a field's value is laid out (protobuf encoding, "Message Structure").
public enum ProtobufWireType: UInt8, Equatable, Sendable {
  case varint = 0
  case fixed64 = 1
  case lengthDelimited = 2
  case fixed32 = 5
}

/// What a decoder may spend on one message, whatever its bytes say.
public struct ProtobufLimits: Equatable, Sendable {
  /// How deep messages may nest; the outermost counts as 1.
  public var depth: Int
  /// How many fields there may be in all, nested and unknown ones counted. Bounds the memory that
  /// two-byte elements of a repeated message field can claim.
  public var fields: Int

  public init(depth: Int = 32, fields: Int = 262_144) {
    self.depth = depth
    self.fields = fields
  }
}
