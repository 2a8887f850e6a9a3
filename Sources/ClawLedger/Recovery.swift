import Crypto
import Merkle
import Raft
import Records

/// What a store held when it was opened.
public struct RecoveredLedger {
  public var ledger: Ledger
  public let hardState: HardState
  /// The last note; nil before the first.
  public let lastNote: SignedNote?
  /// Its size; the size of the snapshot or 0 where there is none.
  public let finalSize: UInt64
  /// What is final by the word of operators, where no note reaches as far.
  public let standing: StoredStanding?
  /// The log's end before storage lost some of it: the ledger ends where the loss begins.
  public let lost: LogEnd?
  /// To be made durable before anything else is: what was lost, and that nothing is left behind it. Nil where nothing was.
  public let repair: WriteBatch?
}

extension Ledger {
  /// Opens the ledger that `store` holds; an empty store is an empty ledger.
  ///
  /// Everything above the last note is read again, its checksums checked and its tree rebuilt; what is
  /// at and below the note is checked against the note's root by the tree's nodes. So the cost of a
  /// restart does not grow with the ledger.
  ///
  /// An entry above the note that cannot be read is lost, with all that follow it: not absent, since others may
  /// have counted on it. One below the note is found by ``isIntact(_:)`` and fetched again.
  ///
  /// `keys` are what opens the attachments of tenants: a missing one makes what it has sealed lost.
  public static func open(_ store: any LogStore, keys: TenantKeys) throws(LedgerFault) -> RecoveredLedger {
    let recovery = Recovery(store: store, keys: keys)
    return try recovery.run()
  }
}

private struct Recovery {
  let store: any LogStore
  let keys: TenantKeys

  func read(_ column: Column, _ key: [UInt8]) throws(LedgerFault) -> [UInt8]? {
    do {
      return try store.get(column, key)
    } catch {
      throw .store(error)
    }
  }

  func last(_ column: Column) throws(LedgerFault) -> (key: [UInt8], value: [UInt8])? {
    do {
      return try store.last(column)
    } catch {
      throw .store(error)
    }
  }

  func run() throws(LedgerFault) -> RecoveredLedger {
    var hardState = HardState()
    if let bytes = try read(.meta, StoreKey.hardState) {
      guard let state = StoredHardState.parse(bytes) else {
        throw .inconsistent("the term and vote are corrupt; this node must not vote")
      }
      hardState = state
    }
    var base = Ledger.beginning
    var baseFrontier = Frontier()
    var baseTime = Timestamp.epoch
    if let bytes = try read(.meta, StoreKey.snapshot) {
      guard let snapshot = StoredSnapshot(parsing: bytes) else {
        throw .inconsistent("the snapshot's point is corrupt")
      }
      base = snapshot.point
      baseFrontier = snapshot.frontier
      baseTime = snapshot.at
    }
    let filled = try filled(before: base)
    var size = base.index.rawValue
    if let entry = try last(.entries) {
      let end = BigEndian.uint64(entry.key) + 1
      // Before the snapshot there may be leaves that came after it, and a gap.
      if end > size { size = end }
      guard end == size || end == filled.size else { throw .inconsistent("entries end before the snapshot") }
    }

    var note: SignedNote?
    var checkpoint: CheckpointNote?
    if let stored = try last(.notes) {
      do {
        let signed = try SignedNote(parsing: stored.value)
        checkpoint = try CheckpointNote(parsing: signed.text)
        note = signed
      } catch {
        throw .inconsistent("the last note is corrupt: \(error)")
      }
    }
    let standing = try standing(above: checkpoint?.size ?? 0)
    let finalSize = max(checkpoint?.size ?? 0, base.index.rawValue, standing?.size ?? 0)
    guard finalSize <= size else {
      throw .inconsistent("the last note covers \(finalSize) leaves, the log has \(size)")
    }
    var ledger = Ledger(
      store: store, keys: keys, base: base, baseFrontier: baseFrontier, filled: filled,
      frontier: try frontier(finalSize, baseFrontier), lastAt: baseTime)
    if let checkpoint, checkpoint.size == finalSize, finalSize > 0, ledger.rootHash != checkpoint.root {
      throw .inconsistent("the tree's root at \(finalSize) is not the one of its note")
    }
    if let standing, standing.size == finalSize, ledger.rootHash != standing.root {
      throw .inconsistent("the tree's root at \(finalSize) is not the one that operators said to stand")
    }
    // Where it is damaged, log time is known from the state (``Ledger/assume(logTime:)``).
    if finalSize > base.index.rawValue, let record = ledger.record(at: LeafIndex(finalSize - 1)) {
      ledger.lastAt = record.at
    }
    try replay(into: &ledger, through: size)
    var lost = try read(.meta, StoreKey.lost).flatMap { StoredLogEnd.parse($0) }
    var repair: WriteBatch?
    if ledger.size < size {
      let end = LogEnd(term: lastTerm(of: ledger, through: size, hardState), index: LogIndex(rawValue: size))
      lost = max(lost ?? end, end)
      var batch = WriteBatch()
      batch.put(.meta, StoreKey.lost, StoredLogEnd.bytes(lost ?? end))
      batch.deleteFrom(.entries, StoreKey.leaf(ledger.size))
      batch.deleteFrom(.attachments, StoreKey.leaf(ledger.size))
      repair = batch
    }
    return RecoveredLedger(
      ledger: ledger, hardState: hardState, lastNote: note, finalSize: finalSize,
      standing: standing, lost: lost, repair: repair)
  }

  /// The term of the last entry of all, where that one can still be read; else the latest that it can have been of.
  private func lastTerm(of ledger: Ledger, through size: UInt64, _ hardState: HardState) -> Term {
    guard let bytes = try? store.get(.entries, StoreKey.leaf(size - 1)),
      let last = try? StoredRecord(parsing: bytes, at: LeafIndex(size - 1))
    else { return hardState.currentTerm }
    return last.term
  }

  private func standing(above size: UInt64) throws(LedgerFault) -> StoredStanding? {
    guard let bytes = try read(.meta, StoreKey.standing) else { return nil }
    guard let standing = StoredStanding(parsing: bytes) else {
      throw .inconsistent("what operators said to stand cannot be read")
    }
    return standing.size > size ? standing : nil
  }

  /// The tree of the leaves that are here of those before the snapshot.
  private func filled(before base: SnapshotPoint) throws(LedgerFault) -> Frontier {
    guard base.index > .zero, let bytes = try read(.meta, StoreKey.filled) else { return Frontier() }
    guard let size = StoredSize.parse(bytes), size < base.index.rawValue else {
      throw .inconsistent("how much is here of what came before the snapshot cannot be read")
    }
    return try frontier(size, Frontier())
  }

  /// The tree of the first `size` leaves, from its stored nodes.
  private func frontier(_ size: UInt64, _ base: Frontier) throws(LedgerFault) -> Frontier {
    if size == base.size { return base }
    let bases = Frontier.addresses(size: base.size)
    let frontier = Frontier(size: size) { address in
      if let position = bases.firstIndex(of: address) { return base.peaks[position] }
      return (try? store.get(.nodes, StoreKey.node(address))).flatMap { Digest($0) }
    }
    guard let frontier else { throw .inconsistent("a node of the tree of \(size) leaves is missing") }
    return frontier
  }

  /// Reads the entries above what is final again, up to the first that is damaged.
  private func replay(into ledger: inout Ledger, through size: UInt64) throws(LedgerFault) {
    while ledger.size < size {
      let index = LeafIndex(ledger.size)
      switch store.check(index, keys) {
      case .success(let entry?): ledger.append([entry])
      case .success(nil):
        ledger.durable = ledger.size
        return
      case .failure(let failure): throw .store(failure)
      }
    }
    ledger.durable = size
    // The nodes are on disk already; writing them once more with the next batch is harmless.
  }
}
