import Crypto

/// Bounds that keep hostile input cheap.
public enum FROSTLimits {
  /// Parties of a key; also the longest commitment vector that is parsed.
  public static let parties = 1024
  /// Bytes of a message to be signed.
  public static let messageBytes = 1 << 20
  /// Nonces that one party holds ready, and commitments that a coordinator holds of one party.
  public static let nonces = 256
}

/// Reads the module's own binary forms: big-endian integers, fixed-length scalars and elements.
struct ByteReader {
  private let bytes: [UInt8]
  private var position = 0
  private let expected: String

  init(_ bytes: [UInt8], expecting expected: String) {
    self.bytes = bytes
    self.expected = expected
  }

  var failure: FROSTError { .malformed(expected: expected) }

  mutating func take(_ count: Int) throws(FROSTError) -> [UInt8] {
    guard count >= 0, bytes.count - position >= count else { throw failure }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func uint16() throws(FROSTError) -> Int {
    try take(2).reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func uint32() throws(FROSTError) -> Int {
    try take(4).reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func uint64() throws(FROSTError) -> UInt64 {
    try take(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func identifier() throws(FROSTError) -> Identifier {
    guard let identifier = Identifier(UInt16(try uint16())) else { throw failure }
    return identifier
  }

  mutating func element<Suite: CipherSuite>(_: Suite.Type) throws(FROSTError) -> Suite.Element {
    guard let element = Suite.Element(encoding: try take(Suite.elementLength)) else {
      throw failure
    }
    return element
  }

  mutating func scalar<Suite: CipherSuite>(_: Suite.Type) throws(FROSTError) -> Suite.Scalar {
    var encoding = try take(Suite.scalarLength)
    defer { wipe(&encoding) }
    guard let scalar = Suite.Scalar(encoding: encoding) else { throw failure }
    return scalar
  }

  /// The version byte and the suite's name, which every stored form begins with.
  mutating func header<Suite: CipherSuite>(_: Suite.Type) throws(FROSTError) {
    guard try take(1) == [1], try take(Int(try take(1)[0])) == Array(Suite.name.utf8) else {
      throw failure
    }
  }

  func end() throws(FROSTError) {
    guard position == bytes.count else { throw failure }
  }
}

extension [UInt8] {
  mutating func append(uint16 value: Int) {
    precondition(value >= 0 && value <= 0xFFFF)
    append(UInt8(value >> 8))
    append(UInt8(value & 0xFF))
  }

  mutating func append(uint32 value: Int) {
    precondition(value >= 0 && value <= 0xFFFF_FFFF)
    append(uint16: value >> 16)
    append(uint16: value & 0xFFFF)
  }

  mutating func append(uint64 value: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  mutating func append(_ identifier: Identifier) { append(uint16: Int(identifier.value)) }

  mutating func appendHeader<Suite: CipherSuite>(_: Suite.Type) {
    append(1)
    append(UInt8(Suite.name.utf8.count))
    append(contentsOf: Suite.name.utf8)
  }
}
