import Merkle
import Raft
import Records

extension Ledger {
  /// Adds to `batch` that `note` is kept. Notes of one size are kept apart by their times, since each
  /// may consent to other approvals.
  public func keep(_ note: SignedNote, _ checkpoint: CheckpointNote, in batch: inout WriteBatch) {
    batch.put(.notes, StoreKey.note(checkpoint.size, checkpoint.time), Array(note.encoded.utf8))
  }

  /// The first kept notes of a size above `leaf`, ascending, at most `limit`: each proves the leaf.
  public func notes(covering leaf: LeafIndex, limit: Int) -> [SignedNote] {
    // A leaf beyond the log has none; whoever asks may name any.
    guard leaf.value < size,
      let rows = try? store.scan(.notes, from: StoreKey.note(leaf.value + 1, .epoch), limit: limit)
    else { return [] }
    return rows.compactMap { try? SignedNote(parsing: $0.value) }
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
