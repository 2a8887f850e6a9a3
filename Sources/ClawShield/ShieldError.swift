import Records
import Schema

/// Why governance state cannot be made from what was given.
public enum ShieldError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The genesis is not one: what was expected.
  case genesis(String)
  /// The genesis, its bundle or its signatures do not read.
  case record(RecordError)
  /// A bundle that cannot be enforced (POL-4): what was expected.
  case bundle(String)
  /// A stored cell that does not read: its name and what was expected.
  case cell(String, expected: String)

  public var description: String {
    switch self {
    case .genesis(let what): "genesis: expected \(what)"
    case .record(let error): error.description
    case .bundle(let what): "policy bundle: \(what)"
    case .cell(let name, let expected): "state cell \(name.prefix(256)): expected \(expected)"
    }
  }
}

/// What became of a leaf.
public enum Applied: Equatable, Sendable {
  /// It says what it says, and counts.
  case effective
  /// It is in the ledger but has no effect: why.
  case void(reason: String)
  /// A written derived record that differs from what the log implies: evidence against its leader.
  case divergent(expected: String)
}

/// Why a submission is not taken.
public struct Refusal: Error, Equatable, Sendable {
  /// What kind of refusal, as the wire's status codes name them.
  public enum Code: Equatable, Sendable, CaseIterable {
    case invalidArgument, permissionDenied, alreadyExists, failedPrecondition, resourceExhausted, notFound
  }

  public let code: Code
  /// What was expected, what came and what can be done.
  public let message: String

  /// A refusal.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// What the state says of a submission before it is appended. `apply` asks the same.
public enum Admittance: Equatable, Sendable {
  case accept
  /// The same content is at this leaf already.
  case known(LeafIndex)
  case refuse(Refusal)
}
