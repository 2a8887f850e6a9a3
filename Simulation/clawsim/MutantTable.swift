/// The mutants that the references list and that stand in no line yet, each with the reason.
enum MutantTable {
  static let pending: [(name: String, why: String)] = [
    ("raft-06-quorum-over-union", "not put in yet: Raft's Quorum.swift; no seed draws a change of members"),
    (
      "raft-07-learner-refuses-vote",
      "not put in yet: Raft's Election.swift; no seed draws a change of members"
    ),
    ("raft-14-purged-is-conflict", "not put in yet: Raft's Matching.swift; no simulated ledger is compacted"),
    (
      "raft-18-change-before-commit",
      "not put in yet: Raft's Membership.swift; no seed draws a change of members"
    ),
    (
      "raft-19-campaign-while-unapplied",
      "not put in yet: Raft's Election.swift; no seed draws a change of members"
    ),
    (
      "raft-20-joint-left-early", "not put in yet: Raft's Membership.swift; no seed draws a change of members"
    ),
    (
      "raft-21-removed-leader-speaks",
      "not put in yet: Raft's Membership.swift; no seed draws a change of members"
    ),
    (
      "raft-22-departs-too-early",
      "not put in yet: Raft's Membership.swift; no seed draws a change of members"
    ),
    (
      "raft-23-read-before-first-commit",
      "not put in yet: Raft's Reads.swift; no simulated client reads fresh"
    ),
    ("raft-24-read-id-reused", "not put in yet: Raft's Reads.swift; no simulated client reads fresh"),
    (
      "raft-25-read-while-transferring", "not put in yet: Raft's Reads.swift; no simulated client reads fresh"
    ),
    ("raft-26-read-quorum-too-small", "not put in yet: Raft's Reads.swift; no simulated client reads fresh"),
    (
      "raft-30-corrupt-is-absent",
      "not put in yet: ClawLedger's Recovery.swift; a seed turns bits of one node alone, and no vote hangs on it"
    ),
    ("raft-31-snapshot-truncates", "not put in yet: Raft's Snapshot.swift; no simulated ledger is compacted"),
    ("gov-03-policy-hash-not-compared", "policy: simulated operators change no bundle"),
    ("gov-20-divergence-ignored", "nothing makes the states of honest nodes differ"),
    ("gov-13-breaker-by-connection", "simulated agents have one connection each"),
    (
      "gov-24-snapshot-unmatched",
      "not put in yet: GovernanceNode's Snapshots.swift; no simulated ledger is compacted"
    ),
    ("gov-26-old-share-accepted", "not put in yet: no seed rotates the key, and no liar keeps an old share"),
    ("gov-30-old-key-accepted", "not put in yet: no seed rotates the key, and no liar keeps an old share"),
  ]
}
