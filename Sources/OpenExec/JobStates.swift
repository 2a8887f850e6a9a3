import Records

/// A token whose nonce is burned, or about to be, until its receipt is proven.
struct Job {
  var burned: BurnedToken
  var phase: Phase
  /// The nodes that do not take the artifact of its result, each once; whether for good.
  var refusals: [(node: String, isFinal: Bool)] = []
  /// The nodes that take its receipt no more, each once.
  var refusers: [String] = []

  enum Phase {
    /// The nonce is being written. Can transition to: starting, concluding.
    case burning(Ticket, AdmittedJob)
    /// A sandbox was asked for. Can transition to: running, stopping, starting (next try), concluding.
    case starting(Run)
    /// The guest has spoken. Can transition to: stopping, starting (next try), concluding.
    case running(Run)
    /// The sandbox was told to end. Can transition to: concluding.
    case stopping(Run, KillReason)
    /// The receipt is being written. Can transition to: pending.
    case concluding(Ticket, ReceiptDraft)
    /// Governance is told until it proves the receipt. Can transition to: gone.
    case pending(ReceiptReport, since: Uptime, reportedAt: Uptime)
  }

  /// One try.
  struct Run {
    var admitted: AdmittedJob
    var order: RunOrder
    /// When the first try began.
    var executedAt: Timestamp
    /// What the tries before cost.
    var costSoFar: MicroUSD
    /// What the tries before did.
    var measuresSoFar: RunMeasures?
    /// When it is killed from here, whatever the sandbox says.
    var deadline: Uptime
  }

  /// Whether it holds one of the places of running jobs.
  var isActive: Bool {
    switch phase {
    case .burning, .starting, .running, .stopping: true
    case .concluding, .pending: false
    }
  }

  /// The try that may still be stopped.
  var stoppable: Run? {
    switch phase {
    case .starting(let run), .running(let run): run
    case .burning, .stopping, .concluding, .pending: nil
    }
  }
}

/// A proven token that waits for its turn, or for its inputs.
struct QueuedJob {
  var token: ProvenToken
  var offer: OfferedJob
  /// Nil until its turn has come, and where it has no inputs.
  var gathering: Gathering?
}

/// What a running executor can be asked about a token.
public enum JobState: String, Sendable {
  case queued, gathering, burning, starting, running, stopping, concluding, pending
}
