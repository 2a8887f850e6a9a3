import Canonical
import Crypto
import Records

/// What an executor has to say. Holds no parameters and no results, but their hashes (RT-10).
public enum ExecutorNotice: Equatable, Sendable {
  /// An offer that gets no receipt, since its token is not proven or is long done with.
  case offerRefused(GateReason)
  /// A node's answer to a fetch is no input, and why; another is asked.
  case inputMissed(InputFetch, node: String, String)
  /// The queue is full; the job may be offered again later.
  case queueFull(limit: Int)
  /// A refusal, and the receipt that says so.
  case jobRefused(Receipt, GateReason)
  /// With the hash of its command: image and argument vector (RT-8).
  case jobStarted(RunID, Decision, IsolationClass, command: Digest)
  /// What was admitted has ended, whether it ran or not; the receipt that governance will be told.
  case jobEnded(Receipt)
  case leaseRefused(LeaseRefusal)
  /// A link of the chain of keys that does not verify.
  case keyRefused(KeyChainError)
  /// A new key is believed for notes from this size on.
  case keyTaken(firstSize: UInt64)
  case bundleRefused(RegistryError)
  case bundleLoaded(Digest)
  /// A proof that is not the receipt of a job here.
  case proofRefused(String)
  case receiptProven(token: String)
  /// Nobody takes the receipt any more.
  case receiptGivenUp(Receipt)
}

extension ExecutorNotice {
  /// The line of the log that says so.
  public var line: LogLine {
    switch self {
    case .offerRefused(let reason): LogLine(.warning, "offer_refused", [("reason", .string("\(reason)"))])
    case .inputMissed(let fetch, let node, let reason):
      LogLine(
        .warning, "input_missed",
        [
          ("token_id", .string(fetch.token)), ("digest", .string(fetch.digest.hex)),
          ("node", .string(node)), ("reason", .string(reason)),
        ])
    case .queueFull(let limit): LogLine(.warning, "queue_full", [("limit", .integer(limit))])
    case .jobRefused(let receipt, let reason):
      LogLine(.warning, "job_refused", receipt.logged + [("reason", .string("\(reason)"))])
    case .jobStarted(let run, let decision, let isolation, let command):
      LogLine(
        .info, "job_started",
        decision.logged(run) + [
          ("execution_env", .string(isolation.rawValue)), ("command_hash", .string(command.hex)),
        ])
    case .jobEnded(let receipt): LogLine(.info, "job_ended", receipt.logged)
    case .keyRefused(let error): LogLine(.error, "key_refused", [("reason", .string("\(error)"))])
    case .keyTaken(let size): LogLine(.info, "key", [("signs_from", .string(String(size)))])
    case .leaseRefused(let refusal): LogLine(.warning, "lease_refused", [("reason", .string("\(refusal)"))])
    case .bundleRefused(let error): LogLine(.error, "bundle_refused", [("reason", .string("\(error)"))])
    case .bundleLoaded(let hash): LogLine(.info, "bundle", [("policy_bundle_hash", .string(hash.hex))])
    case .proofRefused(let reason): LogLine(.warning, "proof_refused", [("reason", .string(reason))])
    case .receiptProven(let token): LogLine(.info, "receipt_proven", [("token_id", .string(token))])
    case .receiptGivenUp(let receipt): LogLine(.warning, "receipt_given_up", receipt.logged)
    }
  }
}

// What the log says of a job (RT-10): names and hashes, never parameters or results.

extension Decision {
  /// Which job this is, at the start of a try.
  fileprivate func logged(_ run: RunID) -> [(String, JSON)] {
    [
      ("trace_id", .string(traceID)), ("request_id", .string(requestID)),
      ("action", .string(action)), ("parameters_hash", .string(parametersHash.hex)),
      ("token_id", .string(run.token)), ("attempt", .integer(run.attempt)),
    ]
  }
}

extension Receipt {
  /// Which job this was, and how it ended. `execution_env` is empty where nothing ran.
  fileprivate var logged: [(String, JSON)] {
    [
      ("trace_id", .string(traceID)), ("request_id", .string(requestID)),
      ("action", .string(action)), ("parameters_hash", .string(parametersHash.hex)),
      ("token_id", .string(tokenID)), ("execution_env", .string(isolationClass?.rawValue ?? "")),
      ("executed_at", .string(executedAt.text)), ("finished_at", .string(finishedAt.text)),
      ("status", .string(status.rawValue)), ("code", .string(errorCode)),
      ("result_hash", .string(resultHash.hex)),
    ]
  }
}
