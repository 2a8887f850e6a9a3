import Records

/// Incidents that restrict nobody: the ledger keeps their records, the state what somebody may still look at.
enum Flags {
  /// How long the state remembers one.
  static let retention = Interval.seconds(7 * 86_400)
  /// Most that one leaf forgets, so that it costs no more after a long silence.
  static let forgottenAtOnce = 256
}

extension ShieldState {
  /// When something pending expires by itself: the leader of an idle cluster writes a `tick` then. Always
  /// later than log time.
  public var nextExpiry: Timestamp? {
    let due = indexes.dues.first?.key.time
    guard let end = indexes.retentionEnds.first?.key.time else { return due }
    // One leaf lets go of so many: the next of them come with the next.
    let next = max(end, logTime.advanced(by: .seconds(1)))
    return due.map { min($0, next) } ?? next
  }

  /// Everything that the passing of time up to `logTime` brings about, at the leaf that brought the time.
  mutating func expire(cause: LeafIndex) {
    while let due = indexes.dues.first?.key, due.time <= logTime {
      guard let old = proposal(due.index) else { preconditionFailure("an index without its cell") }
      var cell = old
      expire(&cell, cause: cause)
      change(old, to: cell)
    }
    while let act = indexes.acts.first?.key, act.validUntil <= logTime { forgetAct(act) }
    while indexes.forgettable.count > capacity.settled, let due = indexes.forgettable.first?.key,
      due.time <= logTime, let cell = proposal(due.index)
    {
      forget(cell)
    }
    forgetFlags()
    dropArtifacts(cause: cause)
  }

  private mutating func forgetFlags() {
    guard semantics >= Semantics.people else { return }
    let oldest = logTime.advanced(by: Interval(nanoseconds: -Flags.retention.nanoseconds))
    for _ in 0..<Flags.forgottenAtOnce {
      guard let flag = indexes.passing.first?.key, flag.at <= oldest,
        let cell = incident(flag.incidentID)
      else { return }
      forgetIncident(cell)
    }
  }

  /// Ends what was due; afterwards it is not due any more.
  private mutating func expire(_ cell: inout ProposalCell, cause: LeafIndex) {
    if cell.isOpen {
      let message = "not enough people approved until \(cell.verdict.deadline?.text ?? "")"
      supersede(&cell, with: denial(cell, rule: "ballots.expired", message: message, cause: cause))
    } else if cell.isOutstanding {
      // Nobody knows whether it ran, so it is never run again by itself, and costs what was set aside.
      cell.unknown = ProposalCell.UnknownOutcome(cause: cause, written: nil)
      cell.settledAt = logTime
      releaseUnrun(&cell)
    } else {
      let message = "the approval was not written down before its token ended"
      supersede(&cell, with: denial(cell, rule: "execution.expired", message: message, cause: cause))
    }
  }
}
