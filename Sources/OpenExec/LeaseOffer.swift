import Crypto
import Merkle
import Records

/// A lease as it came from a node; nothing of it is checked yet.
public struct LeaseOffer: Equatable, Sendable {
  /// The signed note, as text.
  public let note: String
  /// The audit path of this executor's challenge, and its place among the challenges.
  public let challengePath: [Digest]
  public let challengeIndex: UInt64
  public let challengeCount: UInt64
  /// Canonical JSON of the restriction list.
  public let restrictions: [UInt8]
  /// Canonical JSON of the active bundle's files; empty where the executor's is active.
  public let bundle: [UInt8]

  /// A lease.
  public init(
    note: String, challengePath: [Digest], challengeIndex: UInt64, challengeCount: UInt64,
    restrictions: [UInt8], bundle: [UInt8] = []
  ) {
    self.note = note
    self.challengePath = challengePath
    self.challengeIndex = challengeIndex
    self.challengeCount = challengeCount
    self.restrictions = restrictions
    self.bundle = bundle
  }

  /// A lease whose path comes as bytes; nil where a digest of it has another length.
  public init?(
    note: String, challengePath: [[UInt8]], challengeIndex: UInt64, challengeCount: UInt64,
    restrictions: [UInt8], bundle: [UInt8]
  ) {
    let path = challengePath.compactMap { Digest($0) }
    guard path.count == challengePath.count else { return nil }
    self.init(
      note: note, challengePath: path, challengeIndex: challengeIndex, challengeCount: challengeCount,
      restrictions: restrictions, bundle: bundle)
  }
}

extension LeaseOffer {
  /// What it says of itself; nil where it cannot be read.
  var mark: LeaseMark? {
    guard let signed = try? SignedNote(parsing: Array(note.utf8)),
      let checkpoint = try? CheckpointNote(parsing: signed.text)
    else { return nil }
    return LeaseMark(size: checkpoint.size, time: checkpoint.time)
  }
}
