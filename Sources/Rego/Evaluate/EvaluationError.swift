/// Why an evaluation ended without a result.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Two values where there may be one.
  case conflict(String)
  /// A builtin was called with what it does not take.
  case type(String)
  /// A builtin failed.
  case builtin(String)
  /// The budget is used up.
  case budget(String)

  /// OPA's name of it.
  public var code: String {
    switch self {
    case .conflict: "eval_conflict_error"
    case .type: "eval_type_error"
    case .builtin: "eval_builtin_error"
    case .budget: "eval_cancel_error"
    }
  }

  public var description: String {
    switch self {
    case .conflict(let what), .type(let what), .builtin(let what), .budget(let what): "\(code): \(what)"
    }
  }
}
