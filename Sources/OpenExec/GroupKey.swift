import Crypto
import Merkle
import Records

/// A group key that this executor knows, and up to which ledger size it signs.
///
/// A rotation ends the old key: the size that ends in the `key` record is the last that it signs, and
/// only the new key signs above it (TOK-14).
public struct GroupKey: Hashable, Sendable {
  public let key: PublicKey
  /// The smallest size it signs.
  public let firstSize: UInt64
  /// The largest size it signs; nil while it is in force.
  public let lastSize: UInt64?

  /// A known key.
  public init(_ key: PublicKey, firstSize: UInt64 = 0, lastSize: UInt64? = nil) {
    self.key = key
    self.firstSize = firstSize
    self.lastSize = lastSize
  }

  func signs(size: UInt64) -> Bool {
    size >= firstSize && lastSize.map { size <= $0 } ?? true
  }
}

/// The keys that count in one cluster (TOK-12): a note under any other key is refused.
public struct KeyRing: Hashable, Sendable {
  /// Hash of the genesis leaf.
  public let cluster: Digest
  /// At most `maximumKeys`, oldest first.
  public private(set) var keys: [GroupKey]
  /// How many links of the chain of keys it has taken.
  public private(set) var links = 0
  /// How many parties sign with the newest key, as the link says that certifies it; nil before the first, since nothing that an
  /// executor has proven names the genesis's.
  public private(set) var threshold: Int?

  /// Most keys that one cluster has had.
  public static let maximumKeys = 64

  /// A ring; keys beyond the limit are left out, the oldest first.
  public init(cluster: Digest, keys: [GroupKey]) {
    self.cluster = cluster
    self.keys = Array(keys.suffix(KeyRing.maximumKeys))
  }

  /// The known key that a note claims to be signed with; of several terms of one key, the one of the note's size.
  func signer(of note: SignedNote) -> GroupKey? {
    let claimed = keys.filter { known in
      let verifier = CheckpointNote.verifier(cluster: cluster, groupKey: known.key)
      return note.signatures.contains { $0.name == verifier.name && $0.keyID == verifier.keyID }
    }
    guard claimed.count > 1, let size = (try? CheckpointNote(parsing: note.text))?.size else {
      return claimed.first
    }
    return claimed.first { $0.signs(size: size) } ?? claimed.first
  }

  /// Takes the next link of the chain of keys: the newest key here certifies the one after it, and signs nothing
  /// above that. False where the link is known already.
  public mutating func extend(_ link: LedgerProof) throws(KeyChainError) -> Bool {
    let first = link.index.value + 2
    guard let newest = keys.last, first > newest.firstSize else { return false }
    var chain = KeyChain(cluster: cluster, genesisKey: newest.key)
    guard try chain.extend(link) else { return false }
    keys[keys.count - 1] = GroupKey(newest.key, firstSize: newest.firstSize, lastSize: first - 1)
    keys.append(GroupKey(chain.current, firstSize: first))
    if keys.count > KeyRing.maximumKeys { keys.removeFirst() }
    links += 1
    threshold = chain.threshold
    return true
  }
}
