import ClawLedger
import Crypto
import FROST
import Records

/// A party's shares at rest, sealed in the store: the one in force, and beside it the one of a change that is not
/// final yet. The old one is deleted in the batch that makes the new key final, never before.
struct ShareVault<Suite: CipherSuite>: Sendable {
  private struct Kept: Sendable {
    let key: [UInt8]
    let share: PartyShare<Suite>
  }

  private var kept: [Kept] = []

  private static var prefix: [UInt8] { Array("share/".utf8) }
  /// What a share is sealed for: it opens for nothing else.
  private static var purpose: [UInt8] { Array("openexec/v1/frost-share-row".utf8) }
  /// Rows that are looked at at a start.
  private static var maximumRows: Int { 1024 }
  /// Shares of sessions that came to nothing, at most: only one that a leader may still bring back is of use.
  private static var maximumPending: Int { 32 }

  /// The shares that the store holds. One that cannot be opened is left out: the party then signs nothing, and
  /// its share is repaired or it is replaced.
  init(ledger: Ledger, storageKey: borrowing SymmetricKey) {
    guard let rows = try? ledger.store.scan(.meta, from: Self.prefix, limit: Self.maximumRows) else { return }
    for row in rows {
      guard row.key.starts(with: Self.prefix) else { break }
      guard let secret = try? SealedSecret.open(row.value, for: Self.purpose, key: storageKey),
        let key = try? KeyPackage<Suite>(serialized: secret)
      else { continue }
      kept.append(Kept(key: row.key, share: PartyShare(key)))
    }
  }

  /// The share that belongs to a key.
  func share(of publicKeys: PublicKeyPackage<Suite>, party: PartyIdentifier) -> PartyShare<Suite>? {
    kept.first { $0.share.belongs(to: publicKeys, party: party) }?.share
  }

  /// Keeps a share; the write that makes it durable.
  mutating func keep(
    _ share: PartyShare<Suite>, as name: String, beside current: PartyShare<Suite>?,
    storageKey: borrowing SymmetricKey,
    using random: inout some RandomNumberGenerator
  ) -> WriteBatch {
    let key = Self.prefix + Array(name.utf8)
    kept.removeAll { $0.key == key }
    kept.append(Kept(key: key, share: share))
    var batch = WriteBatch()
    if kept.count > Self.maximumPending, let oldest = kept.firstIndex(where: { $0.share !== current }) {
      batch.delete(.meta, kept.remove(at: oldest).key)
    }
    batch.put(
      .meta, key,
      SealedSecret.seal(share.key.serialized(), for: Self.purpose, key: storageKey, using: &random))
    return batch
  }

  /// Destroys every share but `current`, in `batch`.
  mutating func destroy(but current: PartyShare<Suite>?, in batch: inout WriteBatch) {
    kept.removeAll { row in
      guard row.share !== current else { return false }
      batch.delete(.meta, row.key)
      return true
    }
  }

  /// Whether there is a share besides `current`.
  func holdsMore(than current: PartyShare<Suite>?) -> Bool { kept.contains { $0.share !== current } }
}

extension PartyShare {
  /// Whether this is `party`'s share of the key.
  func belongs(to publicKeys: PublicKeyPackage<Suite>, party: PartyIdentifier) -> Bool {
    key.identifier == party && key.groupKey == publicKeys.groupKey
      && key.threshold == publicKeys.threshold
      && publicKeys.verifyingShare(of: party) == key.verifyingShare
  }
}
