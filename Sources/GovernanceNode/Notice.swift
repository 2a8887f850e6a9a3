import Canonical
import Records

/// What an operator should know; becomes a line of the structured log.
public enum Notice: Equatable, Sendable {
  case role(String)
  case final(size: UInt64, consented: Int)
  /// A peer did what no honest peer does.
  case evidence(String)
  case warning(String)
  /// SEV-1: this party takes part in nothing any more, until operators say what stands.
  case halted(Conflict)
  /// A step of a change of members or keys.
  case members(String)
  /// A proposal's decision is final.
  case decided(Decision)
}

extension Notice {
  /// The line of the log that says so.
  public var line: LogLine {
    switch self {
    case .role(let role): LogLine(.info, "role", [("role", .string(role))])
    case .final(let size, let consented):
      LogLine(.info, "final", [("size", .string(String(size))), ("consented", .integer(consented))])
    case .evidence(let what): LogLine(.error, "evidence", [("what", .string(what))])
    case .warning(let what): LogLine(.warning, "warning", [("what", .string(what))])
    case .halted(let conflict):
      LogLine(
        .error, "SEV-1",
        [
          ("reason", .string(conflict.reason)), ("first", .string(conflict.first)),
          ("second", .string(conflict.second)),
        ])
    case .members(let what): LogLine(.info, "members", [("what", .string(what))])
    case .decided(let decision):
      LogLine(
        .info, "decision",
        [
          ("trace_id", .string(decision.traceID)), ("request_id", .string(decision.requestID)),
          ("action", .string(decision.action)),
          ("parameters_hash", .string(decision.parametersHash.hex)),
          ("decision", .string(decision.decisionType.rawValue)),
          ("token_id", .string(decision.grant?.tokenID ?? "")),
        ])
    }
  }
}
