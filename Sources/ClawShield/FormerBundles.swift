import Canonical
import Crypto
import Records

/// A bundle that was in force when less was asked of bundles, and that nobody could propose any more: it may come back by its
/// hash (IR-7). There is one at most of each ledger that newer semantics found under it, and none of others.
public struct FormerBundleCell: Equatable, Sendable, JSONWritable {
  let bundleHash: Digest
  /// The act that put another in its place, the first where it has come back since.
  let leaf: LeafIndex

  init(bundleHash: Digest, leaf: LeafIndex) {
    self.bundleHash = bundleHash
    self.leaf = leaf
  }

  init(from fields: inout Fields) throws(RecordError) {
    bundleHash = try fields.digest("bundle_hash")
    leaf = try fields.leafIndex("leaf")
  }

  public var members: [(String, JSON)] {
    [("bundle_hash", .digest(bundleHash)), ("leaf", .index(leaf))]
  }
}
