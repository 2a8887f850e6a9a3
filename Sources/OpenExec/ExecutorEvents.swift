import Canonical
import Crypto
import Records

/// What happens to an executor.
public enum ExecutorEvent: Sendable {
  /// Governance has a job for it. The same one may come again after a reconnect.
  case jobOffered(OfferedJob)
  /// What came of a fetch, and from which node. Told at most once for each; one that is never told is given up
  /// in time.
  case inputAnswered(InputFetch, InputAnswer, node: String)
  /// A node does not take the artifact that holds a token's result; whether it says that another try is in vain.
  case resultRefused(token: String, node: String, String, isFinal: Bool)
  /// The write with this ticket, and all before it, are on disk.
  case persisted(Ticket)
  /// A sandbox has the guest's first word.
  case sandboxStarted(RunID)
  /// A sandbox is gone, whatever came of it. Told exactly once for every start, also after a kill.
  case sandboxFinished(RunID, RunOutcome)
  case leaseOffered(LeaseOffer)
  /// Links of the chain of keys, oldest first.
  case keysOffered([LedgerProof])
  /// What governance answered to a report.
  case receiptProven(LedgerProof)
  /// A node takes a token's receipt no more, for good: another counts, or nothing is remembered of its approval.
  case receiptRefused(token: String, node: String)
  /// The preflight's findings.
  case classesFound([IsolationClass])
  /// What images there are, and what can run them; told before a job that may name one of them.
  case imagesFound(ImageClasses)
  /// Time has passed; at least every `ExecutorSettings.tick`.
  case tick
  /// No new job, and everything that runs is stopped.
  case shutdown
}

/// What an executor wants done. One buffer, reused; the owner empties it after each step.
///
/// The contract of order: kill, then write (first in, first out; a failure to write is the end of the
/// program), then start, then fetch, then send challenges and reports, then answer. Nothing here waits for a write:
/// what depends on one is asked for in the step that learns of it.
public struct ExecutorEffects: Sendable {
  /// Sandboxes to be ended at once.
  public var kills: [(run: RunID, reason: KillReason)] = []
  /// To be made durable, in order.
  public var writes: [JournalWrite] = []
  /// Runs to be started, each in a fresh sandbox.
  public var starts: [RunOrder] = []
  /// Contents to be asked for, of the node whose turn it is.
  public var fetches: [InputFetch] = []
  /// To be sent at once, as the call that asks for a lease.
  public var challenges: [Challenge] = []
  /// Receipts to be signed with the executor's key and sent, each after the artifact that it names.
  public var reports: [ReceiptReport] = []
  /// For the log, and for whoever sent what is refused.
  public var notices: [ExecutorNotice] = []

  /// Nothing to do.
  public init() {}

  /// Empties the buffer and keeps its memory.
  public mutating func clear() {
    kills.removeAll(keepingCapacity: true)
    writes.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    fetches.removeAll(keepingCapacity: true)
    challenges.removeAll(keepingCapacity: true)
    reports.removeAll(keepingCapacity: true)
    notices.removeAll(keepingCapacity: true)
  }
}

/// An executor's bounds.
public struct ExecutorSettings: Sendable {
  /// Jobs that wait.
  public var maximumQueue = 64
  /// Jobs that run at once.
  public var maximumRunning = 1
  /// A receipt unproven for longer keeps new jobs from starting.
  public var receiptPatience = Interval.seconds(30)
  /// How often an unproven receipt is reported again.
  public var reportInterval = Interval.seconds(5)
  /// Jobs whose inputs are fetched at once, or held until they run: a bound on memory, with the registry's on
  /// each.
  public var maximumGathering = 1
  /// How long all inputs of a job may take.
  public var inputPatience = Interval.seconds(20)
  /// How long one node has for one content.
  public var inputTimeout = Interval.seconds(6)
  /// How long after a miss the next node is asked.
  public var inputRetry = Interval.milliseconds(200)
  /// How long nodes may go on refusing the artifact of a result, where they do not say that it is for good; less
  /// than `receiptPatience`.
  public var resultPatience = Interval.seconds(20)
  /// How many nodes must refuse it, or a receipt, before it is given up: more than may lie, as many as it takes to sign. What a
  /// link of the chain of keys says goes before it.
  public var believedRefusals = 1
  /// How often a lease is asked for while none is live.
  public var challengeInterval = Interval.seconds(1)
  /// How long a sandbox may take beyond its wall-clock limit before it is killed from here.
  public var sandboxGrace = Interval.seconds(60)
  /// How often `tick` is due.
  public static let tick = Interval.milliseconds(250)

  /// The standard bounds.
  public init() {}
}
