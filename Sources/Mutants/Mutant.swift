#if SIMULATION
/// A fault that an implementation shipped, or that this one could have: put into the real line, in the build for
/// mutants alone, so that the simulator can show that it finds it. `Docs/Simulator.md` has the table.
///
/// One at a time is active, for a whole run.
public enum Mutant: String, CaseIterable, Sendable {
  // Raft: election and term.
  case voteForgotten = "raft-01-vote-forgotten"
  case termAndVoteApart = "raft-02-term-and-vote-apart"
  case oldVoteCounted = "raft-03-old-vote-counted"
  case logComparedByIndex = "raft-04-log-compared-by-index"
  case termBumpedWhileLeading = "raft-05-term-bumped-while-leading"
  case quorumOverUnion = "raft-06-quorum-over-union"
  case learnerRefusesVote = "raft-07-learner-refuses-vote"
  case preVoteDeadlock = "raft-08-pre-vote-deadlock"
  case leaseAboveTimeout = "raft-09-lease-above-timeout"
  // Raft: replication and commit.
  case priorTermCommitted = "raft-10-prior-term-committed"
  case commitBeyondMatch = "raft-11-commit-beyond-match"
  case matchingSuffixTruncated = "raft-12-matching-suffix-truncated"
  case acknowledgedBeyondReceived = "raft-13-acknowledged-beyond-received"
  case purgedIsConflict = "raft-14-purged-is-conflict"
  case progressUnordered = "raft-15-progress-unordered"
  case overwrittenAckBelieved = "raft-16-overwritten-ack-believed"
  case commitLostOnStepDown = "raft-17-commit-lost-on-step-down"
  // Raft: membership.
  case changeBeforeCommit = "raft-18-change-before-commit"
  case campaignWhileUnapplied = "raft-19-campaign-while-unapplied"
  case jointLeftEarly = "raft-20-joint-left-early"
  case removedLeaderSpeaks = "raft-21-removed-leader-speaks"
  case departsTooEarly = "raft-22-departs-too-early"
  // Raft: reads.
  case readBeforeFirstCommit = "raft-23-read-before-first-commit"
  case readIDReused = "raft-24-read-id-reused"
  case readWhileTransferring = "raft-25-read-while-transferring"
  case readQuorumTooSmall = "raft-26-read-quorum-too-small"
  // Raft: storage.
  case acknowledgedBeforeSync = "raft-27-acknowledged-before-sync"
  case failedSyncBelieved = "raft-28-failed-sync-believed"
  case hungDiskLeads = "raft-29-hung-disk-leads"
  case corruptIsAbsent = "raft-30-corrupt-is-absent"
  case snapshotTruncates = "raft-31-snapshot-truncates"
  case deafLeads = "raft-32-deaf-leads"
  // Governance and execution.
  case nonceNotLookedUp = "gov-01-nonce-not-looked-up"
  case nonceBurnedAfterRun = "gov-02-nonce-burned-after-run"
  case policyNotCompared = "gov-03-policy-hash-not-compared"
  case expiryByOwnClock = "gov-04-expiry-by-own-clock"
  case selfApproval = "gov-05-self-approval"
  case ballotCountedTwice = "gov-06-ballot-counted-twice"
  case vetoIgnored = "gov-07-veto-ignored"
  case effectBeforeFinality = "gov-08-effect-before-finality"
  case shareWithoutRebuilding = "gov-09-share-without-rebuilding"
  case nonceUsedTwice = "gov-10-nonce-used-twice"
  case revokedTokenAccepted = "gov-11-revoked-token-accepted"
  case quarantineMisaimed = "gov-12-quarantine-misaimed"
  case breakerByConnection = "gov-13-breaker-by-connection"
  case labelsDropped = "gov-14-labels-dropped"
  case machineReused = "gov-15-warm-machine-reused"
  case receiptLost = "gov-16-receipt-lost"
  case runAgainAfterCrash = "gov-17-run-again-after-crash"
  case leaseAcceptedLate = "gov-18-lease-accepted-late"
  case liftByOne = "gov-19-lift-by-one"
  case executorNotCompared = "gov-21-executor-not-compared"
  case signatureNotVerified = "gov-22-signature-not-verified"
  case declaredRiskBelieved = "gov-23-declared-risk-believed"
  case divergenceIgnored = "gov-20-divergence-ignored"
  case snapshotUnmatched = "gov-24-snapshot-unmatched"
  case secondRootSigned = "gov-25-second-root-signed"
  case oldShareAccepted = "gov-26-old-share-accepted"
  case aheadAccepted = "gov-27-ahead-accepted"
  case killForgotten = "gov-28-kill-forgotten"
  case voidLeafConsented = "gov-29-void-leaf-consented"
  case oldKeyAccepted = "gov-30-old-key-accepted"
  case lockWithoutAcknowledgements = "gov-31-lock-without-acknowledgements"
  case attachmentNotChecked = "gov-32-attachment-not-checked"
  case partyVetoIgnored = "gov-33-party-veto-ignored"
  // Checks and tolerances that are taken away, where none of the above fits.
  case sharesUnchecked = "without-share-check"
  case allPartiesNeeded = "without-spare-parties"
  case oneDeclineEnds = "without-outvoting-declines"
  case neverGivesWay = "without-giving-way"
  case frameUnchecked = "without-frame-check"
  case clockAlone = "without-log-time"
  case activatedUnready = "without-readiness-check"
  case receiptOfAnyone = "without-receipt-executor"
  case historyUnasked = "without-history"
  case incarnationUnchecked = "without-incarnation"
  case censorTolerated = "without-censorship-vote"
  case noteTimeUnchecked = "without-note-time"
  case noteUnverified = "without-note-signature"
  case termsUnlimited = "without-term-credits"
  case unprovenTold = "without-proof-at-hand"
  case liftForgotten = "without-lift-memory"
  case memoryOpen = "without-memory-gate"
  case freshNotesLeftOut = "without-fresh-notes"

  /// The one that is active; nil for none. Set between runs, never during one.
  nonisolated(unsafe) public static var active: Mutant?

  /// Whether this is the one.
  @inline(__always) public var isActive: Bool { Mutant.active == self }
}
#endif
