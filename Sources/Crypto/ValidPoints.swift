import Synchronization

/// Encodings that have been found to be points of the prime-order subgroup: a key is parsed again and again, and the
/// check costs as much as a verification. A table of fixed size; what is pushed out of it is checked again.
enum ValidPoints {
  private static let places = 1024
  private static let table = Mutex([Bytes32](repeating: Bytes32(), count: places))

  /// Whether `value` was valid when it was looked at last. Zero is no point.
  static func contains(_ value: Bytes32) -> Bool {
    table.withLock { $0[place(of: value)] == value } && value != Bytes32()
  }

  static func insert(_ value: Bytes32) { table.withLock { $0[place(of: value)] = value } }

  private static func place(of value: Bytes32) -> Int {
    Int(truncatingIfNeeded: value.littleEndianWords.0 % UInt64(places))
  }
}
