import Crypto
import Merkle
import Raft
import Records

// State first, history after: a log that begins with a snapshot gets the leaves before it from whoever has them. The
// snapshot's root, which a note vouches for, says which they are.

/// Leaves from before a snapshot, as one node shows them to another.
public struct EarlierLeaves: Equatable, Sendable {
  /// Leaf index of the first payload.
  public let first: UInt64
  /// As consensus carries them, in order.
  public let payloads: [[UInt8]]
  /// That the tree which ends with the last of them is a prefix of the snapshot's (RFC 6962 §2.1.2).
  public let proof: [Digest]

  /// A run of leaves.
  public init(first: UInt64, payloads: [[UInt8]], proof: [Digest]) {
    self.first = first
    self.payloads = payloads
    self.proof = proof
  }
}

/// Leaves that were found to be those before the snapshot, and what makes them durable.
public struct Backfill: Sendable {
  /// One write: leaves, tree nodes, notes, and how far they reach now. Where they reach the snapshot, its point goes.
  public let batch: WriteBatch
  /// The size of the snapshot that they come before.
  public let base: UInt64
  /// The tree that ends with the last of them.
  let frontier: Frontier

  /// How far the leaves reach once `batch` is durable.
  public var size: UInt64 { frontier.size }
}

/// What leaves that a peer shows are.
public enum Filling: Sendable {
  /// Those that come next.
  case next(Backfill)
  /// Those that come next, but for contents that their tenants may have had erased, which is not known here yet. Nobody
  /// has lied.
  case lacking
  /// Others.
  case foreign
}

extension Ledger {
  /// The leaves before the snapshot that are not here yet; nil where none is missing.
  public var missing: Range<UInt64>? {
    filled.size < base.index.rawValue ? filled.size..<base.index.rawValue : nil
  }

  /// Leaves from `first` on and below `end`, as many as fit in `count` and `bytes`, but at least one; nil where they,
  /// or the proof that leads from them to the tree of `end` leaves, are not here.
  public func earlier(from first: UInt64, below end: UInt64, count: Int, bytes: Int) -> EarlierLeaves? {
    guard first < end, end <= frontier.size else { return nil }
    var payloads: [[UInt8]] = []
    var total = 0
    while first + UInt64(payloads.count) < end, payloads.count < count {
      guard let payload = payload(at: LeafIndex(first + UInt64(payloads.count))) else { break }
      total += payload.count
      if !payloads.isEmpty, total > bytes { break }
      payloads.append(payload)
    }
    guard !payloads.isEmpty,
      let proof = consistencyProof(old: first + UInt64(payloads.count), size: end)
    else { return nil }
    return EarlierLeaves(first: first, payloads: payloads, proof: proof)
  }

  /// Holds what a peer shows against the snapshot's root. `notes` are group-signed; one whose root is not that of the
  /// leaves is left out. `approvals` are the leaves of a range that are approving decisions.
  public mutating func filling(
    with shown: EarlierLeaves, notes: [(note: SignedNote, checkpoint: CheckpointNote)],
    approvals: (ClosedRange<UInt64>) -> [LeafIndex]
  ) -> Filling {
    guard let missing, shown.first == missing.lowerBound, !shown.payloads.isEmpty,
      UInt64(shown.payloads.count) <= missing.upperBound - missing.lowerBound
    else { return .foreign }
    var batch = WriteBatch()
    var tree = filled
    var term = stored(filled.size)?.term ?? .zero
    var roots: [UInt64: Digest] = [:]
    let sizes = Set(notes.map(\.checkpoint.size))
    // Whose the proposals of this run are: it is not in the store yet.
    var owners: [LeafIndex: String] = [:]
    var lacks = false
    for payload in shown.payloads {
      let index = LeafIndex(tree.size)
      let owner = { (leaf: LeafIndex) in owners[leaf] }
      guard let content = try? EntryPayload(parsing: payload),
        let parsed = try? ParsedEntry(
          content,
          mayLack: { body in
            if isErased(body, at: index, owner: owner) { return true }
            guard tenant(of: body, owner: owner) != nil else { return false }
            lacks = true
            return true
          })
      else { return .foreign }
      if case .proposal = parsed.record.body { owners[index] = tenant(of: parsed.record.body) }
      // Each leader's first record names its term: no message needs to carry it.
      if case .term(let number, _) = parsed.record.body { term = Term(rawValue: number) }
      let key = StoreKey.leaf(tree.size)
      batch.put(.entries, key, StoredRecord(term: term, record: content.record).bytes)
      put(content.attachment, of: parsed.record.body, at: index.value, owner: owner, in: &batch)
      tree.append(parsed.leafHash) { batch.put(.nodes, StoreKey.node($0), $1.bytes) }
      if sizes.contains(tree.size) { roots[tree.size] = tree.root }
    }
    do {
      try Proof.verifyConsistency(
        old: tree.size, oldRoot: tree.root, size: missing.upperBound, root: baseFrontier.root,
        proof: shown.proof)
    } catch {
      return .foreign
    }
    guard !lacks else { return .lacking }
    // Notes repeat what they consent to while an approval before it waits: once for each leaf will do.
    var proven: Set<LeafIndex> = []
    for (note, checkpoint) in notes where roots[checkpoint.size] == checkpoint.root {
      let leaves = checkpoint.consent.map { consent in
        approvals(consent.first.value...consent.last.value).filter {
          consent.covers($0) && proven.insert($0).inserted
        }
      }
      keep(note, checkpoint, consentingTo: leaves ?? [], in: &batch)
    }
    if tree.size == missing.upperBound {
      batch.delete(.meta, StoreKey.snapshot)
      batch.delete(.meta, StoreKey.filled)
    } else {
      batch.put(.meta, StoreKey.filled, StoredSize.bytes(tree.size))
    }
    return .next(Backfill(batch: batch, base: missing.upperBound, frontier: tree))
  }

  /// The write of `backfill` is durable. One that was overtaken by another snapshot changes nothing. Where the leaves
  /// reach the snapshot, the log begins at the genesis from here on.
  public mutating func filled(by backfill: Backfill) {
    guard let missing, missing.upperBound == backfill.base, missing.lowerBound < backfill.size else { return }
    filled = backfill.frontier
    guard filled.size == backfill.base else { return }
    base = Self.beginning
    baseFrontier = Frontier()
    filled = Frontier()
  }

  /// What stays of a log that a snapshot replaces: the leaves that are final and durable, without a gap from the
  /// genesis on.
  func kept(final: UInt64) -> Frontier {
    if missing != nil { return filled }
    if let tree = Frontier(size: min(final, durable), nodes: node) { return tree }
    // A damaged node: the genesis stays, since a restart begins with it.
    var tree = Frontier()
    if let genesis = leaf(at: LeafIndex(0)) { tree.append(TreeHash.leaf(genesis)) }
    return tree
  }

  /// Whether a complete subtree's stored hash is of this log: between what is filled and the snapshot there may be some
  /// of a log that the snapshot replaced.
  func isOwn(_ address: NodeAddress) -> Bool {
    guard let missing else { return true }
    let end = (address.index + 1) << UInt64(address.level)
    return end <= missing.lowerBound || end > missing.upperBound
  }
}

/// A number of leaves.
///
/// Bytes: size (8) ‖ beginning of SHA-256 over it (8).
enum StoredSize {
  static func bytes(_ size: UInt64) -> [UInt8] {
    let body = BigEndian.bytes(size)
    return body + Array(SHA256.hash(body).bytes.prefix(8))
  }

  static func parse(_ bytes: [UInt8]) -> UInt64? {
    guard bytes.count == 16, Array(SHA256.hash(Array(bytes[..<8])).bytes.prefix(8)) == Array(bytes[8...])
    else { return nil }
    return BigEndian.uint64(bytes[..<8])
  }
}
