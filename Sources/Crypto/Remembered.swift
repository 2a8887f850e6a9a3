#if SIMULATION
import Synchronization

/// Answers of a pure function, by its arguments. The nodes of a simulated cluster live in one process and ask
/// the same thing each; a real node does not, and its build does not have this.
public final class Remembered<Question: Hashable & Sendable, Answer: Sendable>: Sendable {
  private let answers: Mutex<[Question: Answer]>
  private let capacity: Int

  /// Forgets all once it holds `capacity` answers.
  public init(capacity: Int) {
    self.capacity = capacity
    answers = Mutex([:])
  }

  /// What was answered before, or what `work` says.
  public func callAsFunction<E: Error>(
    _ question: Question, _ work: () throws(E) -> Answer
  ) throws(E) -> Answer {
    if let known = answers.withLock({ $0[question] }) { return known }
    let answer = try work()
    answers.withLock { known in
      if known.count >= capacity { known.removeAll(keepingCapacity: true) }
      known[question] = answer
    }
    return answer
  }
}

/// Bytes as a question: hashed as a whole, which an array does byte by byte.
public struct RememberedBytes: Hashable, Sendable {
  private let bytes: [UInt8]

  /// As they are.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}
#endif
