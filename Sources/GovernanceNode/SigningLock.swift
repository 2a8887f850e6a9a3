import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// What a party signed last: it never signs a smaller size, nor two roots or two states for one size.
///
/// Bytes: `openexec-lock-v1` ‖ size (8) ‖ root (32) ‖ state (32) ‖ time (8) ‖ beginning of SHA-256 over
/// all of it (8).
public struct SigningLock: Equatable, Sendable {
  public let size: UInt64
  public let root: Digest
  public let stateRoot: Digest
  public let time: Timestamp

  /// Before anything was signed.
  public static let none = SigningLock(
    size: 0, root: Digest(Bytes32()), stateRoot: Digest(Bytes32()), time: .epoch)

  /// A lock.
  public init(size: UInt64, root: Digest, stateRoot: Digest, time: Timestamp) {
    self.size = size
    self.root = root
    self.stateRoot = stateRoot
    self.time = time
  }

  private static let magic = Array("openexec-lock-v1".utf8)

  /// The bytes of the lock file.
  public var bytes: [UInt8] {
    let body =
      Self.magic + bigEndian(size) + root.bytes + stateRoot.bytes + bigEndian(UInt64(time.nanoseconds))
    return body + SHA256.hash(body).bytes.prefix(8)
  }

  /// Reads `bytes`; nil where they are not whole: the party must not sign then.
  public init?(parsing bytes: [UInt8]) {
    guard bytes.count == 104, Array(bytes[..<16]) == Self.magic,
      Array(SHA256.hash(Array(bytes[..<96])).bytes.prefix(8)) == Array(bytes[96...]),
      let root = Digest(bytes[24..<56]), let state = Digest(bytes[56..<88]),
      let time = Timestamp(
        nanoseconds: Int64(truncatingIfNeeded: bytes[88..<96].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
    else { return nil }
    self.init(
      size: bytes[16..<24].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }, root: root, stateRoot: state,
      time: time)
  }

  /// Why a checkpoint may not be signed after this lock; nil where it may.
  func objection(to note: CheckpointNote) -> String? {
    if note.size < size { return "size \(note.size) is below \(size), which was signed" }
    #if SIMULATION
    if Mutant.secondRootSigned.isActive { return nil }
    #endif
    if note.size == size && (note.root != root || note.stateRoot != stateRoot) {
      return "another root was signed for size \(size)"
    }
    if note.time < time { return "time \(note.time.text) is before \(time.text), which was signed" }
    return nil
  }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
