import ClawLedger
import ClawShield
import Crypto
import Records

/// The governance state after every size from the last final one to the end of the log.
///
/// State is a function of the log's prefix, so it is computed as entries are appended; what is above
/// the final size is an overlay that goes when its entries go.
struct Overlay: Sendable {
  private struct Step: Sendable {
    let root: Digest
    let state: ShieldState
  }

  /// The state at the last final size.
  private(set) var final: ShieldState
  private var tail: [Step] = []

  init(final: ShieldState) { self.final = final }

  /// The state at the end of the log.
  var head: ShieldState { tail.last?.state ?? final }
  /// The size that `head` is of.
  var size: UInt64 { final.size + UInt64(tail.count) }

  /// The state at `size`; nil where that is below what is final or beyond the log.
  func state(at size: UInt64) -> ShieldState? {
    if size == final.size { return final }
    guard size > final.size, size - final.size <= UInt64(tail.count) else { return nil }
    return tail[Int(size - final.size) - 1].state
  }

  /// Follows the log: drops the states of entries that are gone, applies those that are new. Returns
  /// the derived records that differ from what this node derived, as evidence.
  mutating func follow(_ ledger: Ledger) -> [String] {
    while let end = tail.indices.last, ledger.rootHash(ofSize: size) != tail[end].root { tail.removeLast() }
    var evidence: [String] = []
    while size < ledger.size {
      let index = LeafIndex(size)
      guard let entry = ledger.parsedEntry(at: index), let root = ledger.rootHash(ofSize: size + 1)
      else { return evidence + ["leaf \(index.value) cannot be read for apply"] }
      var state = head
      let applied = state.apply(
        entry.record, leafHash: entry.leafHash, attachment: entry.attachment, at: index)
      if case .divergent(let expected) = applied {
        evidence.append("leaf \(index.value) differs from what the log implies: \(expected)")
      }
      tail.append(Step(root: root, state: state))
    }
    return evidence
  }

  /// The states through `size` are final.
  mutating func finalize(_ size: UInt64) {
    guard let state = state(at: size) else { return }
    tail.removeFirst(Int(size - final.size))
    final = state
  }

  /// Starts over from a snapshot's state.
  mutating func reset(to state: ShieldState) {
    final = state
    tail.removeAll()
  }
}
