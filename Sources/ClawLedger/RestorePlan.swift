import Crypto
import Merkle
import Records

/// A verified export as a node takes it in again: its leaves in runs, each up to a note that vouches for them.
///
/// There is nothing else in it: no vote, no lock, no nonce and no share.
public struct RestorePlan: Sendable {
  /// Leaves from `first` on, and the note of the size that ends with the last of them.
  public struct Run: Sendable {
    public let first: UInt64
    /// As consensus carries them.
    public let payloads: [[UInt8]]
    public let note: SignedNote
  }

  private let export: VerifiedExport
  /// Ascending by size.
  private let notes: [(size: UInt64, note: SignedNote)]

  /// Bytes of payload that one run has at least, where notes divide them.
  static var runBytes: Int { 1 << 20 }

  /// The way back of an export: up to the first attachment that is not in it. What comes after that a node gets from the
  /// others, as state first.
  public init(_ export: VerifiedExport) {
    self.export = export
    let end = (export.erased.map(\.leaf) + export.leftOut).map(\.value).min() ?? .max
    notes = zip(export.notes, export.signedNotes).map { ($0.size, $1) }.filter { $0.0 <= end }
      .sorted { $0.size < $1.size }
  }

  /// How many leaves it brings back: those that its newest note covers.
  public var size: UInt64 { notes.last?.size ?? 1 }

  /// The genesis and its attachment.
  public var genesis: EntryPayload { payload(0) }

  private func payload(_ index: UInt64) -> EntryPayload {
    EntryPayload(
      record: export.records[Int(index)].bytes, attachment: export.attachments[Int(index)].bytes)
  }

  /// What comes after the first `size` leaves; nil where nothing does.
  ///
  /// A run never goes beyond the size at which the key changes: whoever takes it in knows the key that signs larger
  /// sizes only afterwards.
  public func run(after size: UInt64) -> Run? {
    // The leaf by which operators took the ledger to another key comes alone: what it says vouches for it.
    if size < self.size, export.continuations.contains(where: { $0.leaf.value == size }),
      let newest = notes.last
    {
      return Run(first: size, payloads: [payload(size).bytes], note: newest.note)
    }
    let turn = export.keys.epochs.map(\.firstSize).first { $0 > size + 1 }.map { $0 - 1 } ?? .max
    var chosen: (size: UInt64, note: SignedNote)?
    var payloads: [[UInt8]] = []
    var bytes = 0
    for candidate in notes[firstNote(above: size)...] {
      if candidate.size > turn || (chosen != nil && bytes >= Self.runBytes) { break }
      while size + UInt64(payloads.count) < candidate.size {
        let next = payload(size + UInt64(payloads.count)).bytes
        bytes += next.count
        payloads.append(next)
      }
      chosen = candidate
    }
    guard let chosen else { return nil }
    return Run(first: size, payloads: payloads, note: chosen.note)
  }

  /// The first note of a size above `size`, by halving: there is about one for every few records.
  private func firstNote(above size: UInt64) -> Int {
    var (low, high) = (0, notes.count)
    while low < high {
      let middle = (low + high) / 2
      if notes[middle].size > size { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The artifacts that its records name and that were not erased, each content of a tenant once, by tenant and digest.
  public var contents: [(tenant: String, digest: Digest)] { contents { !$0 } }

  /// Those that were erased: what a copy still has of them is to go.
  public var erasedContents: [(tenant: String, digest: Digest)] {
    let kept = contents
    return contents { $0 }.filter { gone in
      !kept.contains { $0.tenant == gone.tenant && $0.digest == gone.digest }
    }
  }

  private func contents(_ isWanted: (_ isErased: Bool) -> Bool) -> [(tenant: String, digest: Digest)] {
    var found: [(tenant: String, digest: Digest)] = []
    for (position, record) in export.records.enumerated() {
      guard case .artifact(let signed) = record.body else { continue }
      let tenant = signed.content.tenantID
      let isErased = export.erasures.contains { $0.tenant == tenant && $0.leaf.value > UInt64(position) }
      if isWanted(isErased) { found.append((tenant, signed.content.digest)) }
    }
    found.sort { ($0.tenant, $0.digest.hex) < ($1.tenant, $1.digest.hex) }
    return found.reduce(into: []) { list, next in
      if list.last?.tenant != next.tenant || list.last?.digest != next.digest { list.append(next) }
    }
  }

  /// Whether a party with this number, name or key has ever been one: it had votes, and they are lost.
  public func hasSeen(id: Int, name: String, key: PublicKey) -> Bool {
    export.records.contains { record in
      switch record.body {
      case .genesis(let genesis):
        genesis.parties.contains { $0.id == id || $0.name == name || $0.key == key }
      case .members(let act, _):
        act.content.parties.contains { $0.id == id || $0.name == name || $0.key == key }
      default: false
      }
    }
  }
}
