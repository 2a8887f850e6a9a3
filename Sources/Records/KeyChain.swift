import Crypto
import Merkle

/// Why a link does not lengthen a chain of keys.
public enum KeyChainError: Error, Equatable, Sendable, CustomStringConvertible {
  case proof(LedgerProofError)
  /// The leaf is not a `key` record.
  case notAKey
  /// The note is of another size than the one that ends in the record.
  case size(expected: UInt64, found: UInt64)
  /// The record is before where the key that signed its note began.
  case order
  /// A party's approval does not verify.
  case unapproved(party: Int)

  public var description: String {
    switch self {
    case .proof(let error): error.description
    case .notAKey: "key chain: expected a key record"
    case .size(let expected, let found):
      "key chain: expected the note of size \(expected), which ends in the record; found size \(found)"
    case .order: "key chain: the record is older than the key that signed its note"
    case .unapproved(let party): "key chain: not approved by party \(party)"
    }
  }
}

/// Which key signs which size, from the genesis on: each key is certified by the one before it, which signs
/// the size that ends in the new one's record, and no larger one.
///
/// A **link** is a `key` record with its inclusion proof under the note of exactly that size.
public struct KeyChain: Equatable, Sendable {
  /// A key and the smallest size it signs.
  public struct Epoch: Hashable, Sendable {
    public let key: PublicKey
    public let firstSize: UInt64

    /// An epoch.
    public init(key: PublicKey, firstSize: UInt64) {
      self.key = key
      self.firstSize = firstSize
    }
  }

  /// Hash of the genesis leaf.
  public let cluster: Digest
  /// Ascending by first size; never empty.
  public private(set) var epochs: [Epoch]
  /// How many parties sign with the newest key, as its record says; nil while that is the genesis's, or not known.
  public private(set) var threshold: Int?
  /// Who they are, ascending by id, as the same record says: nobody else is a member from then on.
  public private(set) var parties: [Party]?

  /// The chain of a cluster whose key is still the one of its genesis.
  public init(cluster: Digest, genesisKey: PublicKey) {
    self.cluster = cluster
    epochs = [Epoch(key: genesisKey, firstSize: 0)]
  }

  /// A chain that was verified before.
  public init?(cluster: Digest, verified epochs: [Epoch]) {
    guard let first = epochs.first, first.firstSize == 0,
      zip(epochs, epochs.dropFirst()).allSatisfy({ $0.firstSize < $1.firstSize })
    else { return nil }
    self.cluster = cluster
    self.epochs = epochs
  }

  /// The newest key.
  public var current: PublicKey { epochs[epochs.count - 1].key }

  /// The key that signs notes of `size`, as far as this chain goes.
  public func key(signing size: UInt64) -> PublicKey {
    (epochs.last { $0.firstSize <= size } ?? epochs[0]).key
  }

  /// Takes the next link; false where it is known already.
  public mutating func extend(_ link: LedgerProof) throws(KeyChainError) -> Bool {
    let first = link.index.value + 2
    if epochs.contains(where: { $0.firstSize == first }) { return false }
    let result: (record: Record, checkpoint: CheckpointNote)
    do {
      result = try link.verify(cluster: cluster, groupKey: current)
    } catch {
      throw .proof(error)
    }
    guard case .key(let record) = result.record.body else { throw .notAKey }
    guard result.checkpoint.size == first - 1 else {
      throw .size(expected: first - 1, found: result.checkpoint.size)
    }
    guard first > epochs[epochs.count - 1].firstSize else { throw .order }
    if let party = record.unsigned(cluster: cluster) { throw .unapproved(party: party.id) }
    epochs.append(Epoch(key: record.content.groupKey, firstSize: first))
    threshold = record.content.threshold
    parties = record.content.parties
    return true
  }

  /// Reads a signed note and checks it under the key that signs its size.
  public func verified(_ note: SignedNote) throws(NoteError) -> CheckpointNote {
    let checkpoint = try CheckpointNote(parsing: note.text)
    return try CheckpointNote.verified(
      note, cluster: cluster, groupKey: key(signing: checkpoint.size))
  }

  /// Checks a proof offline, under the key that signs its note's size.
  public func verify(_ proof: LedgerProof) throws(LedgerProofError) -> (
    record: Record, checkpoint: CheckpointNote
  ) {
    let checkpoint: CheckpointNote
    do {
      checkpoint = try CheckpointNote(parsing: proof.note.text)
    } catch {
      throw .note(error)
    }
    return try proof.verify(cluster: cluster, groupKey: key(signing: checkpoint.size))
  }
}
