/// The mutants that the references list and that cannot be there yet, each with what it waits for.
enum MutantTable {
  static let pending: [(name: String, why: String)] = [
    ("raft-06-quorum-over-union", "membership: no record changes members"),
    ("raft-07-learner-refuses-vote", "membership: no record changes members"),
    ("raft-14-purged-is-conflict", "snapshots: no ledger is compacted"),
    ("raft-18-change-before-commit", "membership: no record changes members"),
    ("raft-19-campaign-while-unapplied", "membership: no record changes members"),
    ("raft-20-joint-left-early", "membership: no record changes members"),
    ("raft-21-removed-leader-speaks", "membership: no record changes members"),
    ("raft-22-departs-too-early", "membership: no record changes members"),
    ("raft-23-read-before-first-commit", "reads: no call reads by read index"),
    ("raft-24-read-id-reused", "reads: no call reads by read index"),
    ("raft-25-read-while-transferring", "reads: no call reads by read index"),
    ("raft-26-read-quorum-too-small", "reads: no call reads by read index"),
    ("raft-30-corrupt-is-absent", "repair: a corrupt entry still stops a node"),
    ("raft-31-snapshot-truncates", "snapshots: no ledger is compacted"),
    ("gov-03-policy-hash-not-compared", "policy: simulated operators change no bundle yet"),
    ("gov-10-nonce-used-twice", "crypto: no oracle watches which nonce a share used"),
    ("gov-20-divergence-ignored", "faults: nothing makes the states of honest nodes differ"),
    ("gov-13-breaker-by-connection", "governance: simulated agents have one connection each"),
    ("gov-14-labels-dropped", "governance: no executor takes inputs"),
    ("gov-15-warm-machine-reused", "executors: there is no warm pool"),
    ("gov-24-snapshot-unmatched", "snapshots: no ledger is compacted"),
    ("gov-26-old-share-accepted", "membership: keys do not rotate"),
    ("gov-30-old-key-accepted", "membership: keys do not rotate"),
  ]
}
