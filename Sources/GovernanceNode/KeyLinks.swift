import ClawLedger
import ClawShield
import Crypto
import Merkle
import Records

/// The links of the chain of keys, from the genesis on: each `key` record with its proof under the note of exactly
/// the size that ends in it. Every node keeps all of them, also where its log begins after them.
struct KeyLinks: Sendable {
  private(set) var links: [LedgerProof] = []

  private static let prefix = Array("link/".utf8)

  /// The links that the store holds, as far as they are of the keys that the final state names.
  init(ledger: Ledger, epochs: [KeyChain.Epoch]) {
    guard let rows = try? ledger.store.scan(.meta, from: Self.prefix, limit: 1024) else { return }
    for row in rows {
      guard row.key.starts(with: Self.prefix) else { break }
      guard let link = try? LedgerProof(parsing: String(decoding: row.value, as: UTF8.self)),
        case .key(let key)? = try? Record(parsing: link.leaf).body,
        epochs.contains(
          KeyChain.Epoch(key: key.content.groupKey, firstSize: link.index.value + 2))
      else { return }
      links.append(link)
    }
  }

  /// Adds a link that was verified; the row goes into `batch`.
  mutating func add(_ link: LedgerProof, in batch: inout WriteBatch) {
    guard link.index > (links.last?.index ?? LeafIndex(0)) else { return }
    links.append(link)
    let place = withUnsafeBytes(of: link.index.value.bigEndian) { Array($0) }
    batch.put(.meta, Self.prefix + place, Array(link.encoded.utf8))
  }

  /// The first link whose note is of a larger size than `size`: what a node of that size needs to go on.
  func next(after size: UInt64) -> LedgerProof? { links.first { $0.index.value + 1 > size } }

  /// Those that come after the first `known`.
  func missing(after known: Int) -> [String] { links.dropFirst(max(0, known)).map(\.encoded) }
}
