import Crypto
import Merkle
import Raft
import Records

extension Ledger {
  /// The batch that carries out a request of consensus. Hand batches to storage in the order of their
  /// tickets. `owner` is whose a proposal is that is not in the log.
  public mutating func batch(
    for request: PersistRequest, owner: (LeafIndex) -> String? = { _ in nil }
  ) -> WriteBatch {
    var batch = WriteBatch()
    if let state = request.hardState {
      batch.put(.meta, StoreKey.hardState, StoredHardState.bytes(state))
    }
    if let snapshot = request.snapshot {
      // What is final from the genesis on stays; what lies between it and the snapshot comes later (Backfill.swift).
      for column in [Column.entries, .attachments] { batch.deleteFrom(column, StoreKey.leaf(filled.size)) }
      batch.put(.meta, StoreKey.filled, StoredSize.bytes(filled.size))
      batch.put(
        .meta, StoreKey.snapshot,
        StoredSnapshot(point: snapshot, frontier: baseFrontier, at: lastAt).bytes)
    }
    if let last = request.truncateAfter {
      batch.deleteFrom(.entries, StoreKey.leaf(last.rawValue))
      batch.deleteFrom(.attachments, StoreKey.leaf(last.rawValue))
    }
    for entry in request.entries {
      guard let payload = try? EntryPayload(parsing: entry.payload) else {
        preconditionFailure("an entry is admitted before it is persisted")
      }
      let key = StoreKey.leaf(entry.index.rawValue - 1)
      batch.put(.entries, key, StoredRecord(term: entry.term, record: payload.record).bytes)
      let parsed = inMemory(entry.index.rawValue)?.parsed
      let leafHash = parsed?.leafHash ?? TreeHash.leaf(payload.record)
      batch.put(
        .nodes, StoreKey.node(NodeAddress(level: 0, index: entry.index.rawValue - 1)), leafHash.bytes)
      if !payload.attachment.isEmpty,
        let body = parsed?.record.body ?? (try? Record(parsing: payload.record))?.body
      {
        put(payload.attachment, of: body, at: entry.index.rawValue - 1, owner: owner, in: &batch)
      }
    }
    let nodes = newNodes
    newNodes.removeAll()
    for address in nodes {
      guard let hash = pendingNodes[address]?.hash else { continue }
      pendingNodes[address] = (hash, request.ticket)
      batch.put(.nodes, StoreKey.node(address), hash.bytes)
    }
    inFlight.append((request.ticket, nodes, request.entries.last?.index.rawValue ?? 0))
    return batch
  }

  /// Everything up to `ticket` is durable: what the store holds now need not stay in memory.
  public mutating func persisted(ticket: UInt64) {
    let count = inFlight.prefix { $0.ticket <= ticket }.count
    for written in inFlight.prefix(count) {
      for address in written.nodes where pendingNodes[address]?.ticket == written.ticket {
        pendingNodes[address] = nil
      }
      if inMemory(written.last) != nil { durable = max(durable, written.last) }
    }
    inFlight.removeFirst(count)
    trim()
  }

  /// Drops the oldest durable entries from memory.
  private mutating func trim() {
    let surplus = tail.count - Self.tailLength
    guard surplus >= Self.tailLength / 4, durable >= tailFirst else { return }
    let dropped = min(surplus, Int(durable - tailFirst + 1))
    tail.removeFirst(dropped)
    tailFirst += UInt64(dropped)
  }
}

/// Term and vote in one value, so that one is never written without the other.
///
/// Bytes: term (8) ‖ vote (8; 0 for none) ‖ beginning of SHA-256 over both (8).
enum StoredHardState {
  static func bytes(_ state: HardState) -> [UInt8] {
    let body = BigEndian.bytes(state.currentTerm.rawValue) + BigEndian.bytes(state.votedFor?.rawValue ?? 0)
    return body + Array(SHA256.hash(body).bytes.prefix(8))
  }

  static func parse(_ bytes: [UInt8]) -> HardState? {
    guard bytes.count == 24, Array(SHA256.hash(Array(bytes[..<16])).bytes.prefix(8)) == Array(bytes[16...])
    else { return nil }
    return HardState(
      currentTerm: Term(rawValue: BigEndian.uint64(bytes[..<8])),
      votedFor: NodeID(rawValue: BigEndian.uint64(bytes[8..<16])))
  }
}

/// Where the log begins when it began with a snapshot.
///
/// Bytes: index (8) ‖ term (8) ‖ log time (8) ‖ peaks (32 each) ‖ beginning of SHA-256 over all (8).
struct StoredSnapshot {
  let point: SnapshotPoint
  let frontier: Frontier
  let at: Timestamp

  init(point: SnapshotPoint, frontier: Frontier, at: Timestamp) {
    self.point = point
    self.frontier = frontier
    self.at = at
  }

  init?(parsing bytes: [UInt8]) {
    guard bytes.count >= 32, (bytes.count - 32) % 32 == 0 else { return nil }
    let body = Array(bytes[..<(bytes.count - 8)])
    guard Array(SHA256.hash(body).bytes.prefix(8)) == Array(bytes[(bytes.count - 8)...]) else { return nil }
    let size = BigEndian.uint64(body[..<8])
    guard let at = Timestamp(nanoseconds: Int64(truncatingIfNeeded: BigEndian.uint64(body[16..<24])))
    else { return nil }
    let addresses = Frontier.addresses(size: size)
    guard body.count == 24 + 32 * addresses.count,
      let frontier = Frontier(
        size: size,
        nodes: { address in
          addresses.firstIndex(of: address).flatMap { Digest(body[(24 + 32 * $0)..<(56 + 32 * $0)]) }
        }), let root = LogRoot(bytes: frontier.root.bytes)
    else { return nil }
    self.frontier = frontier
    self.at = at
    point = SnapshotPoint(
      index: LogIndex(rawValue: size), term: Term(rawValue: BigEndian.uint64(body[8..<16])), root: root)
  }

  var bytes: [UInt8] {
    var body = BigEndian.bytes(point.index.rawValue) + BigEndian.bytes(point.term.rawValue)
    body += BigEndian.bytes(at.nanoseconds)
    for peak in frontier.peaks { body += peak.bytes }
    return body + Array(SHA256.hash(body).bytes.prefix(8))
  }
}
