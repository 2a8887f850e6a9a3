/// A register that is read, written, and compared and set.
public struct RegisterModel: SequentialModel {
  public enum Operation: Hashable, Sendable {
    /// `unknown` where the caller was not told the value.
    case read(Int?, isUnknown: Bool)
    case write(Int)
    /// `succeeded` is nil where the caller was not told.
    case compareAndSet(expected: Int, new: Int, succeeded: Bool?)
  }

  /// A register that holds nothing.
  public init() {}

  public var initial: Int? { nil }

  public func apply(_ operation: Operation, to state: Int?) -> Int?? {
    switch operation {
    case .read(let value, let isUnknown): return isUnknown || value == state ? .some(state) : nil
    case .write(let value): return .some(value)
    case .compareAndSet(let expected, let new, let succeeded):
      let matches = state == expected
      guard succeeded == nil || succeeded == matches else { return nil }
      return .some(matches ? new : state)
    }
  }
}

/// One key of a store whose values are texts that can be appended to.
public struct AppendModel: SequentialModel {
  public enum Operation: Hashable, Sendable {
    case get(String)
    case put(String)
    case append(String)
  }

  /// An empty text.
  public init() {}

  public var initial: String { "" }

  public func apply(_ operation: Operation, to state: String) -> String? {
    switch operation {
    case .get(let value): value == state ? state : nil
    case .put(let value): value
    case .append(let value): state + value
    }
  }
}
