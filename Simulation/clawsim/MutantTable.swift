/// The mutants that the references list and that stand in no line yet, each with what it waits for.
enum MutantTable {
  static let pending: [(name: String, why: String)] = [
    ("raft-14-purged-is-conflict", "snapshots: no simulated ledger is compacted"),
    ("raft-31-snapshot-truncates", "snapshots: no simulated ledger is compacted"),
    (
      "gov-13-breaker-by-connection",
      "governance: simulated agents have one connection each, and no breaker counts spending"
    ),
    ("gov-24-snapshot-unmatched", "snapshots: no simulated ledger is compacted"),
    ("gov-26-old-share-accepted", "keys: no liar keeps an old share"),
    ("gov-30-old-key-accepted", "keys: no liar keeps an old share"),
  ]
}
