#if SIMULATION
import Glibc
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
    remember(question, answer)
    return answer
  }

  /// Notes an answer that is known without being worked out.
  func remember(_ question: Question, _ answer: Answer) {
    answers.withLock { known in
      if known.count >= capacity { known.removeAll(keepingCapacity: true) }
      known[question] = answer
    }
  }
}

/// Bytes as a question. Hashed by how many they are and by four pieces of them: what is asked is compared as a whole anyway, and
/// hashing it as a whole costs more than that.
public struct RememberedBytes: Hashable, Sendable {
  private let bytes: [UInt8]

  /// As they are.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { all in
      hasher.combine(all.count)
      let piece = 32
      guard all.count > 4 * piece else {
        hasher.combine(bytes: all)
        return
      }
      for part in 0..<4 {
        let start = part * (all.count - piece) / 3
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[start..<(start + piece)]))
      }
    }
  }

  public static func == (left: RememberedBytes, right: RememberedBytes) -> Bool {
    left.bytes.withUnsafeBytes { left in
      right.bytes.withUnsafeBytes { right in
        guard left.count == right.count else { return false }
        guard let a = left.baseAddress, let b = right.baseAddress, a != b else { return true }
        return memcmp(a, b, left.count) == 0
      }
    }
  }
}
#endif
