import Crypto
import Merkle
import Raft
import Records

// What a disk no longer gives back as it was written. A leaf's hash is kept apart from the leaf, in the tree, so that
// whoever brings the leaf again can be believed.

extension Ledger {
  /// Whether a leaf and its attachment can be read as they were written. A store that fails otherwise ends in
  /// ``failure``; a leaf that is not in the store (none, or one before a snapshot) is no damage.
  public mutating func isIntact(_ index: LeafIndex) -> Bool {
    guard isHeld(index), index.value < durable, inMemory(index.value + 1) == nil else { return true }
    do throws(StoreFailure) {
      return try store.isIntact(index, leafHash: node(NodeAddress(level: 0, index: index.value)), keys)
    } catch {
      if error.isDamage { return false }
      failure = failure ?? .store(error)
      return true
    }
  }

  /// What puts a damaged leaf back; nil where `payload` is not what stood there, or what stood before it, and with
  /// it the term, cannot be read.
  public mutating func mending(_ index: LeafIndex, with payload: [UInt8]) -> WriteBatch? {
    guard index.value < durable, isHeld(index),
      let expected = node(NodeAddress(level: 0, index: index.value)),
      let content = try? EntryPayload(parsing: payload),
      let parsed = try? ParsedEntry(content, mayLack: { isErased($0, at: index) }),
      parsed.leafHash == expected,
      var term = termBefore(index)
    else { return nil }
    if case .term(let number, _) = parsed.record.body { term = Term(rawValue: number) }
    var batch = WriteBatch()
    batch.put(
      .entries, StoreKey.leaf(index.value), StoredRecord(term: term, record: content.record).bytes)
    put(content.attachment, of: parsed.record.body, at: index.value, in: &batch)
    return batch
  }

  /// The term of the entry before a leaf.
  private func termBefore(_ index: LeafIndex) -> Term? {
    index.value >= base.index.rawValue
      ? term(at: LogIndex(rawValue: index.value))
      : index.value == 0 ? .zero : stored(index.value)?.term
  }

  /// What forgets that entries were lost, once they are back.
  public var recovery: WriteBatch {
    var batch = WriteBatch()
    batch.delete(.meta, StoreKey.lost)
    return batch
  }

  /// What the payload of a leaf is; nil where it is not in the log or cannot be read.
  /// Where its attachment was erased, the record comes without.
  public func payload(at index: LeafIndex) -> [UInt8]? {
    guard isHeld(index) else { return nil }
    if let entry = entry(at: index.value + 1) { return entry.payload }
    guard isErased(index), let record = leaf(at: index) else { return nil }
    return EntryPayload(record: record, attachment: []).bytes
  }

  /// Log time is at least this: the state says so where the last leaf is damaged.
  public mutating func assume(logTime: Timestamp) { lastAt = max(lastAt, logTime) }
}

extension LogStore {
  /// Whether a leaf is the one in the tree, and its attachment the one that was stored. All leaves are looked at
  /// again and again, so that only those are read as records whose attachment is not there and might have been.
  func isIntact(_ index: LeafIndex, leafHash: Digest?, _ keys: TenantKeys) throws(StoreFailure) -> Bool {
    guard let bytes = try get(.entries, StoreKey.leaf(index.value)),
      let stored = try? StoredRecord(parsing: bytes, at: index), TreeHash.leaf(stored.record) == leafHash
    else { return false }
    if let attachment = try get(.attachments, StoreKey.leaf(index.value)) {
      guard let stored = try? StoredAttachment.parse(attachment, at: index) else { return false }
      return keys.open(attachment: stored, at: index) != .unreadable
    }
    guard mayHaveAttachment(stored.record) else { return true }
    return (try? ParsedEntry(EntryPayload(record: stored.record, attachment: []))) != nil
  }

  /// A leaf's entry as it is stored; nil where it is missing or damaged.
  func check(_ index: LeafIndex, _ keys: TenantKeys) -> Result<Entry?, StoreFailure> {
    do throws(StoreFailure) {
      guard let bytes = try get(.entries, StoreKey.leaf(index.value)),
        let stored = try? StoredRecord(parsing: bytes, at: index)
      else { return .success(nil) }
      var attachment: [UInt8] = []
      if let bytes = try get(.attachments, StoreKey.leaf(index.value)) {
        guard let sealed = try? StoredAttachment.parse(bytes, at: index),
          case .content(let content) = keys.open(attachment: sealed, at: index)
        else { return .success(nil) }
        attachment = content
      }
      let payload = EntryPayload(record: stored.record, attachment: attachment)
      // An attachment that is missing, too, shows in the record.
      guard (try? ParsedEntry(payload)) != nil else { return .success(nil) }
      return .success(
        Entry(term: stored.term, index: LogIndex(rawValue: index.value + 1), payload: payload.bytes))
    } catch {
      return error.isDamage ? .success(nil) : .failure(error)
    }
  }
}

/// Whether a record may have an attachment, as far as its end says.
private func mayHaveAttachment(_ record: [UInt8]) -> Bool {
  guard let type = RecordType(endOf: record) else { return true }
  switch type {
  case .genesis, .policy, .proposal, .ballot, .receipt, .incident: return true
  case .term, .tick, .version, .members, .key, .enrol, .artifact, .withdrawal, .decision, .recovery:
    return false
  }
}

/// Bytes: term (8) ‖ index (8) ‖ beginning of SHA-256 over both (8).
enum StoredLogEnd {
  static func bytes(_ end: LogEnd) -> [UInt8] {
    let body = BigEndian.bytes(end.term.rawValue) + BigEndian.bytes(end.index.rawValue)
    return body + Array(SHA256.hash(body).bytes.prefix(8))
  }

  static func parse(_ bytes: [UInt8]) -> LogEnd? {
    guard bytes.count == 24, Array(SHA256.hash(Array(bytes[..<16])).bytes.prefix(8)) == Array(bytes[16...])
    else { return nil }
    return LogEnd(
      term: Term(rawValue: BigEndian.uint64(bytes[..<8])),
      index: LogIndex(rawValue: BigEndian.uint64(bytes[8..<16])))
  }
}
