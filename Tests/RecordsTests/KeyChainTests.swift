import Canonical
import Crypto
import Merkle
import Records
import Testing

/// Which key signs which size, from the genesis on.
struct KeyChainTests {
  private static let cluster = Samples.cluster

  /// The key record of "second group", at leaf 5 of a tree, proven under a note of `size` signed by `signer`.
  private static func link(
    size: Int = 6, signer: String = "group", record: RecordBody? = nil, at leaf: Int = 5
  ) throws -> LedgerProof {
    var leaves = (0..<max(size, leaf + 1)).map { number in
      Record(at: Samples.time, body: .term(number: UInt64(number), leader: 1)).bytes
    }
    leaves[leaf] = Record(at: Samples.time, body: record ?? .key(Samples.keyRecord)).bytes
    var frontier = Frontier()
    for bytes in leaves.prefix(size) { frontier.append(TreeHash.leaf(bytes)) }
    let note = CheckpointNote(
      cluster: cluster, size: UInt64(size), root: frontier.root, stateRoot: Samples.digest, time: Samples.time
    )
    let group = Samples.key(signer)
    let signed = SignedNote(
      text: note.text,
      verifier: CheckpointNote.verifier(cluster: cluster, groupKey: group.publicKey),
      signature: group.sign(Array(note.text.utf8)))
    return LedgerProof(
      leaf: leaves[leaf], index: LeafIndex(UInt64(leaf)), path: path(leaves, leaf, size), note: signed)
  }

  /// The audit path by RFC 6962's own definition.
  private static func path(_ leaves: [[UInt8]], _ index: Int, _ size: Int) -> [Digest] {
    func root(_ range: Range<Int>) -> Digest {
      var frontier = Frontier()
      for bytes in leaves[range] { frontier.append(TreeHash.leaf(bytes)) }
      return frontier.root
    }
    func path(_ index: Int, _ range: Range<Int>) -> [Digest] {
      guard range.count > 1 else { return [] }
      var split = 1
      while split * 2 < range.count { split *= 2 }
      let middle = range.lowerBound + split
      return index < middle
        ? path(index, range.lowerBound..<middle) + [root(middle..<range.upperBound)]
        : path(index, middle..<range.upperBound) + [root(range.lowerBound..<middle)]
    }
    return path(index, 0..<size)
  }

  private var chain: KeyChain {
    KeyChain(cluster: Self.cluster, genesisKey: Samples.key("group").publicKey)
  }

  @Test("a key is believed from the key before it, and signs above the size that ends in its record")
  func follows() throws {
    var chain = chain
    #expect(try chain.extend(Self.link()))
    #expect(try !chain.extend(Self.link()), "again it says nothing new")
    #expect(chain.current == Samples.key("second group").publicKey)
    #expect(chain.key(signing: 6) == Samples.key("group").publicKey)
    #expect(chain.key(signing: 7) == Samples.key("second group").publicKey)
  }

  @Test("not from another key, another size, another record, nor without every party's approval")
  func refuses() throws {
    var chain = chain
    #expect(throws: KeyChainError.self) { try chain.extend(Self.link(signer: "second group")) }
    #expect(throws: KeyChainError.size(expected: 6, found: 8)) { try chain.extend(Self.link(size: 8)) }
    #expect(throws: KeyChainError.notAKey) { try chain.extend(Self.link(record: .tick)) }
    var approvals = Samples.keyRecord.approvals
    approvals[1].signature = approvals[0].signature
    let forged = RecordBody.key(KeyRecord(content: Samples.keyContent, approvals: approvals))
    #expect(throws: KeyChainError.unapproved(party: 3)) { try chain.extend(Self.link(record: forged)) }
    #expect(chain.epochs.count == 1)
  }

  @Test("a note by a key that was replaced is refused above its last size, and by the new key below")
  func turned() throws {
    var chain = chain
    let early = try Self.link()
    #expect(try chain.extend(early))
    #expect(throws: Never.self) { try chain.verified(early.note) }
    let later = try Self.link(size: 9)
    #expect(throws: NoteError.self) { try chain.verified(later.note) }
    #expect(throws: LedgerProofError.self) { try chain.verify(later) }
    let new = try Self.link(size: 9, signer: "second group")
    #expect(throws: Never.self) { try chain.verify(new) }
    #expect(throws: NoteError.self) { try chain.verified(Self.link(signer: "second group").note) }
  }
}
