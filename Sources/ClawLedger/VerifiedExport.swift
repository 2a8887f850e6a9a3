import Crypto
import Merkle
import Records

/// What a verified export holds.
public struct VerifiedExport: Sendable {
  public let cluster: Digest
  public let genesis: Genesis
  /// Which key signed which size, each certified by the one before it.
  public let keys: KeyChain
  /// Where operators took the ledger from one key to another, and who they were: nobody signed with the old key there.
  public let continuations: [(leaf: LeafIndex, operators: [String])]
  /// Every leaf, read.
  public let records: [Record]
  /// Attachments by leaf; empty where none.
  public let attachments: [Attachment]
  /// Every note, ascending by size and time.
  public let notes: [CheckpointNote]
  /// The same, as they were signed.
  public let signedNotes: [SignedNote]
  /// Leaves that approve, and whether a note consents to them.
  public let approvals: [(leaf: LeafIndex, isConsented: Bool)]
  /// Receipts.
  public let receipts: [LeafIndex]
  /// Leaves that say nothing, and why: a lying leader can append them, and nobody acts on them.
  public let void: [(leaf: LeafIndex, reason: String)]
  /// Erasures that two operators signed, ascending: what each tenant had before is gone.
  public let erasures: [(tenant: String, leaf: LeafIndex)]
  /// Leaves whose attachment two operators had erased, and the leaf by which.
  public let erased: [(leaf: LeafIndex, by: LeafIndex)]
  /// Leaves whose attachment is not in the file, and nobody had it erased: whoever made the file left it out.
  public let leftOut: [LeafIndex]

  /// The attachments that are not there: erased, or left out.
  static func absent(
    _ records: [Record], _ attachments: [Attachment], _ erasures: [(tenant: String, leaf: LeafIndex)]
  ) -> (erased: [(leaf: LeafIndex, by: LeafIndex)], leftOut: [LeafIndex]) {
    var erased: [(leaf: LeafIndex, by: LeafIndex)] = []
    var leftOut: [LeafIndex] = []
    for (position, record) in records.enumerated()
    where attachments[position].items.isEmpty && Attachment.belongs(to: record.body) {
      let leaf = LeafIndex(UInt64(position))
      let tenant = record.body.erasableTenant { proposal in
        proposal.value < leaf.value ? records[Int(proposal.value)].body.erasableTenant { _ in nil } : nil
      }
      if let by = erasures.last(where: { $0.tenant == tenant && $0.leaf.value > leaf.value })?.leaf {
        erased.append((leaf, by))
      } else {
        leftOut.append(leaf)
      }
    }
    return (erased, leftOut)
  }
}
