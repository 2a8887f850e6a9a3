import Canonical
import OpenExec
import Records

// What the log says of a job (RT-10): names and hashes, never parameters or results.

extension Decision {
  /// Which job this is, at the start of a try.
  func logged(_ run: RunID) -> [(String, JSON)] {
    [
      ("trace_id", .string(traceID)), ("request_id", .string(requestID)),
      ("action", .string(action)), ("parameters_hash", .string(parametersHash.hex)),
      ("token_id", .string(run.token)), ("attempt", .integer(run.attempt)),
    ]
  }
}

extension Receipt {
  /// Which job this was, and how it ended. `execution_env` is empty where nothing ran.
  var logged: [(String, JSON)] {
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
