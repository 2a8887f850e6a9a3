import Crypto
import Merkle
import Raft
import Records

/// Final entries as another node shows them, read and given their terms, which no message needs to carry: each
/// leader's first record names its term.
public struct Continuation: Sendable {
  /// In order, without a gap.
  public let entries: [Entry]
  private let leafHashes: [Digest]

  /// Reads `payloads`, the first of which stands at `first`, after an entry of `term`.
  public init(payloads: [[UInt8]], first: LeafIndex, after term: Term) throws(EntryError) {
    var term = term
    var entries: [Entry] = []
    var hashes: [Digest] = []
    for payload in payloads {
      let parsed = try ParsedEntry(EntryPayload(parsing: payload))
      if case .term(let number, _) = parsed.record.body { term = Term(rawValue: number) }
      let index = LogIndex(rawValue: first.value &+ UInt64(entries.count) &+ 1)
      entries.append(Entry(term: term, index: index, payload: payload))
      hashes.append(parsed.leafHash)
    }
    self.entries = entries
    leafHashes = hashes
  }

  /// The root of `ledger`'s first leaves with these after them; nil where the ledger ends before they begin.
  public func root(following ledger: Ledger) -> Digest? {
    guard let first = entries.first, var frontier = ledger.frontier(ofSize: first.index.rawValue - 1) else {
      return nil
    }
    for hash in leafHashes { frontier.append(hash) }
    return frontier.root
  }
}
