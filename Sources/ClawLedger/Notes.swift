import Crypto
import Merkle
import Raft
import Records

extension Ledger {
  /// Adds to `batch` that `note` is kept. Notes of one size are kept apart by their times, since each
  /// may consent to other approvals: `leaves` are those of which it is to be found as the proof, and each must be
  /// covered by its consent.
  public func keep(
    _ note: SignedNote, _ checkpoint: CheckpointNote, consentingTo leaves: [LeafIndex],
    in batch: inout WriteBatch
  ) {
    let key = StoreKey.note(checkpoint.size, checkpoint.time)
    batch.put(.notes, key, Array(note.encoded.utf8))
    for leaf in leaves {
      precondition(checkpoint.consent?.covers(leaf) == true, "a note proves consent to what it covers")
      batch.put(.consents, StoreKey.leaf(leaf.value), key)
    }
  }

  /// Adds to `batch` that the first `size` leaves are final by the word of operators, though no note is of that size.
  public func stand(at size: UInt64, root: Digest, state: Digest, in batch: inout WriteBatch) {
    batch.put(.meta, StoreKey.standing, StoredStanding(size: size, root: root, stateRoot: state).bytes)
  }

  /// The first kept notes of a size above `leaf`, ascending, at most `limit`: each proves the leaf.
  public func notes(covering leaf: LeafIndex, limit: Int) -> [SignedNote] {
    // A leaf beyond the log has none; whoever asks may name any.
    guard leaf.value < size,
      let rows = try? store.scan(.notes, from: StoreKey.note(leaf.value + 1, .epoch), limit: limit)
    else { return [] }
    return rows.compactMap { try? SignedNote(parsing: $0.value) }
  }

  /// The kept note that consents to the approval at `leaf`, however many were kept since; nil where none does.
  public func note(consentingTo leaf: LeafIndex) -> SignedNote? {
    // What is beyond the log was discarded with it; whoever asks may name any leaf.
    guard leaf.value < size, let key = try? store.get(.consents, StoreKey.leaf(leaf.value)),
      let bytes = try? store.get(.notes, key), ConsentLine(ofNote: bytes)?.covers(leaf) == true
    else { return nil }
    return try? SignedNote(parsing: bytes)
  }

  /// The kept notes that come after `last` by size and time, ascending, at most `limit`; from the first on
  /// where it is nil. One that cannot be read is a failure: an export
  /// without it would say less than was signed.
  public func notes(after last: CheckpointNote?, limit: Int) throws(StoreFailure) -> [(
    checkpoint: CheckpointNote, note: SignedNote
  )] {
    let first = last.map { StoreKey.note($0.size, $0.time) + [0] } ?? []
    return try store.scan(.notes, from: first, limit: limit).map { (row) throws(StoreFailure) in
      guard let note = try? SignedNote(parsing: row.value),
        let checkpoint = try? CheckpointNote(parsing: note.text)
      else { throw StoreFailure("a kept note cannot be read") }
      return (checkpoint, note)
    }
  }

  /// A leaf with its inclusion proof under `note`.
  public func proof(of leaf: LeafIndex, under note: SignedNote) -> LedgerProof? {
    guard let checkpoint = try? CheckpointNote(parsing: note.text), leaf.value < checkpoint.size,
      let bytes = self.leaf(at: leaf),
      let path = inclusionProof(of: leaf, size: checkpoint.size)
    else { return nil }
    return LedgerProof(leaf: bytes, index: leaf, path: path, note: note)
  }
}

/// What is final by the word of operators, with no note of its size.
///
/// Bytes: size (8) ‖ root (32) ‖ state root (32) ‖ beginning of SHA-256 over all (8).
public struct StoredStanding: Equatable, Sendable {
  public let size: UInt64
  public let root: Digest
  public let stateRoot: Digest

  init(size: UInt64, root: Digest, stateRoot: Digest) {
    (self.size, self.root, self.stateRoot) = (size, root, stateRoot)
  }

  init?(parsing bytes: [UInt8]) {
    guard bytes.count == 80, Array(SHA256.hash(Array(bytes[..<72])).bytes.prefix(8)) == Array(bytes[72...]),
      let root = Digest(bytes[8..<40]), let stateRoot = Digest(bytes[40..<72])
    else { return nil }
    self.init(size: BigEndian.uint64(bytes[..<8]), root: root, stateRoot: stateRoot)
  }

  var bytes: [UInt8] {
    let body = BigEndian.bytes(size) + root.bytes + stateRoot.bytes
    return body + Array(SHA256.hash(body).bytes.prefix(8))
  }
}
