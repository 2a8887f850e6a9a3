/// What an object does, one operation at a time: the specification that a concurrent history is held against.
public protocol SequentialModel {
  associatedtype State: Hashable
  /// An operation together with the result that its caller was given, if any.
  associatedtype Operation

  /// Before the first operation.
  var initial: State { get }

  /// The state after `operation`; nil where it could not have had its result in `state`.
  func apply(_ operation: Operation, to state: State) -> State?
}

/// One operation of a history: when it was asked for and when its caller was told.
public struct HistoryOperation<Operation> {
  public let operation: Operation
  /// Position of the call in the history: any strictly ordered clock.
  public let called: UInt64
  /// Position of the return; nil where nobody was ever told, so that it may take effect at any time, or never.
  public let returned: UInt64?

  /// An operation. Its return, where there is one, is after its call.
  public init(_ operation: Operation, called: UInt64, returned: UInt64?) {
    self.operation = operation
    self.called = called
    self.returned = returned
  }
}

/// What the checker found.
public enum LinearizabilityVerdict: Equatable, Sendable {
  /// Some order of the operations explains every result.
  case linearizable
  /// None does. `stuck` is the operation, by its position in the history given, whose return could never be
  /// explained in the order that got furthest.
  case violated(stuck: Int)
  /// The budget of steps was used up first.
  case undecided
}
