import Canonical

/// What one evaluation of a policy may use (POL-8): counted, never timed, and part of the bundle, so that it ends at the
/// same place on every machine. What exceeds it is denied.
public struct EvaluationBudget: Hashable, Sendable, JSONWritable {
  /// Of a bundle that does not say.
  public static let standard = EvaluationBudget(steps: 200_000, bytes: 32 << 20, depth: 4096)

  /// Steps of the evaluator.
  public var steps: Int
  /// Bytes that values are made of.
  public var bytes: Int
  /// Rules and functions in each other.
  public var depth: Int

  /// A budget.
  public init(steps: Int, bytes: Int, depth: Int) {
    self.steps = steps
    self.bytes = bytes
    self.depth = depth
  }

  package init(from fields: inout Fields) throws(RecordError) {
    steps = try fields.integer("steps", in: 1...4_000_000)
    bytes = try fields.integer("bytes", in: 1...(256 << 20))
    depth = try fields.integer("depth", in: 1...65_536)
  }

  public var members: [(String, JSON)] {
    [("steps", .integer(steps)), ("bytes", .integer(bytes)), ("depth", .integer(depth))]
  }
}
