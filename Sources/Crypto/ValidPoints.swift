import CSodium
import Synchronization

/// Encodings that have been found to be points of the prime-order subgroup: a key is parsed with each statement of its
/// holder, a nonce commitment when it is published and when it is used, and the check costs more than a verification. What was
/// made here as a multiple of the base point needs none. A table of fixed size; what is pushed out of it is checked again.
enum ValidPoints {
  private static let places = 4096
  private static let table = Mutex([Bytes32](repeating: Bytes32(), count: places))

  /// Whether `value` encodes a point of the subgroup, canonically, and not the identity.
  static func accepts(_ value: Bytes32) -> Bool {
    // Zero, which an empty place holds, is no point of the subgroup.
    if table.withLock({ $0[place(of: value)] == value }) && value != Bytes32() { return true }
    guard value.withUnsafeBytes({ crypto_core_ed25519_is_valid_point($0.octets) == 1 }) else { return false }
    table.withLock { $0[place(of: value)] = value }
    return true
  }

  /// Notes a point that is known to be one: a multiple of the base point.
  static func know(_ value: Bytes32) { table.withLock { $0[place(of: value)] = value } }

  private static func place(of value: Bytes32) -> Int {
    Int(truncatingIfNeeded: value.littleEndianWords.0 % UInt64(places))
  }
}
