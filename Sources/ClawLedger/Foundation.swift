import Merkle
import Raft
import Records

/// The first entry of every ledger, which no leader proposed.
public enum LedgerFoundation {
  /// The batch that writes the genesis at index 1 of term 0 into an empty store.
  public static func batch(_ genesis: EntryPayload) throws(EntryError) -> WriteBatch {
    _ = try ParsedEntry(genesis)
    var batch = WriteBatch()
    batch.put(.entries, StoreKey.leaf(0), StoredRecord(term: .zero, record: genesis.record).bytes)
    batch.put(.attachments, StoreKey.leaf(0), StoredAttachment.bytes(genesis.attachment))
    batch.put(
      .nodes, StoreKey.node(NodeAddress(level: 0, index: 0)), TreeHash.leaf(genesis.record).bytes)
    return batch
  }
}
