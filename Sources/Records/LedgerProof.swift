import Canonical
import Crypto
import Merkle

/// Why a proof from the ledger is not acceptable.
public enum LedgerProofError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed(String)
  case note(NoteError)
  case proof(ProofError)
  case record(RecordError)
  /// The leaf is an approval, but the note's consent does not cover it.
  case noConsent(LeafIndex)

  public var description: String {
    switch self {
    case .malformed(let what): "proof: \(what)"
    case .note(let error): error.description
    case .proof(let error): error.description
    case .record(let error): error.description
    case .noConsent(let index): "proof: the parties did not consent to the approval at leaf \(index.value)"
    }
  }
}

#if SIMULATION
private let proofs = Remembered<RememberedBytes, LedgerProof>(capacity: 512)
#endif

/// A leaf, its place in the ledger and the signed note that proves it (C2SP tlog-proof). For an
/// approving decision this is the approval token; for a receipt, the receipt that leaves the cluster.
public struct LedgerProof: Equatable, Sendable {
  /// The leaf's bytes.
  public let leaf: [UInt8]
  public let index: LeafIndex
  /// The audit path.
  public let path: [Digest]
  public let note: SignedNote

  /// A proof.
  public init(leaf: [UInt8], index: LeafIndex, path: [Digest], note: SignedNote) {
    self.leaf = leaf
    self.index = index
    self.path = path
    self.note = note
  }

  /// The text form: `c2sp.org/tlog-proof@v1`, the leaf as `extra`, the index, the hashes, an empty
  /// line and the note.
  public var encoded: String {
    "c2sp.org/tlog-proof@v1\nextra \(Base64.encode(leaf))\nindex \(index.value)\n"
      + path.map { Base64.encode($0.bytes) + "\n" }.joined() + "\n" + note.encoded
  }

  /// Reads `encoded`. Nothing is verified yet.
  public init(parsing text: String) throws(LedgerProofError) {
    guard text.utf8.count <= 256 << 10 else { throw .malformed("longer than 256 KiB") }
    let bytes = Array(text.utf8)
    #if SIMULATION
    self = try proofs(RememberedBytes(bytes)) { () throws(LedgerProofError) in try LedgerProof(reading: bytes)
    }
    #else
    try self.init(reading: bytes)
    #endif
  }

  private init(reading bytes: [UInt8]) throws(LedgerProofError) {
    var end = 0
    while end + 1 < bytes.count, bytes[end] != 10 || bytes[end + 1] != 10 { end += 1 }
    guard end + 1 < bytes.count else { throw .malformed("expected an empty line") }
    let head = String(decoding: bytes[..<end], as: UTF8.self).parts(separatedBy: UInt8(ascii: "\n"))
    guard head.count >= 3, head[0] == "c2sp.org/tlog-proof@v1",
      let leaf = head[1].rest(after: "extra ").flatMap(Base64.decode),
      let index = head[2].rest(after: "index ").flatMap({ UInt64($0) }), index <= 1 << 53
    else { throw .malformed("expected c2sp.org/tlog-proof@v1, an extra line and an index line") }
    guard head.count <= 3 + 64 else { throw .malformed("more than 64 hashes") }
    var path: [Digest] = []
    for line in head[3...] {
      guard let hash = Base64.decode(line).flatMap({ Digest($0) }) else {
        throw .malformed("expected a hash in base64")
      }
      path.append(hash)
    }
    do {
      note = try SignedNote(parsing: Array(bytes[(end + 2)...]))
    } catch {
      throw .note(error)
    }
    self.leaf = leaf
    self.index = LeafIndex(index)
    self.path = path
  }

  /// Checks everything offline, with nothing but the cluster's id and its group key: the note's
  /// signature, that the leaf is in its tree, that it is a record, and for an approval that the note
  /// consents to it.
  public func verify(cluster: Digest, groupKey: PublicKey)
    throws(LedgerProofError) -> (record: Record, checkpoint: CheckpointNote)
  {
    let checkpoint: CheckpointNote
    do {
      checkpoint = try CheckpointNote.verified(note, cluster: cluster, groupKey: groupKey)
    } catch {
      throw .note(error)
    }
    do {
      try Proof.verifyInclusion(
        leaf: TreeHash.leaf(leaf), index: index.value, size: checkpoint.size, path: path,
        root: checkpoint.root)
    } catch {
      throw .proof(error)
    }
    let record: Record
    do {
      record = try Record(parsing: leaf)
    } catch {
      throw .record(error)
    }
    if case .decision(let decision) = record.body, decision.decisionType == .approve {
      guard checkpoint.consent?.covers(index) == true else { throw .noConsent(index) }
    }
    return (record, checkpoint)
  }
}
