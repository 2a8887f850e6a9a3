import Glibc
import Synchronization

/// Hands one value from a thread that starts to the one that started it.
final class Handover<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let isThere = Atomic<Bool>(false)

  func give(_ given: Value) {
    value.withLock { $0 = given }
    isThere.store(true, ordering: .releasing)
  }

  /// Waits for the value: a few microseconds, once, at start.
  func take() -> Value {
    while !isThere.load(ordering: .acquiring) { sched_yield() }
    guard let value = value.withLock({ $0 }) else { preconditionFailure("given before it is there") }
    return value
  }
}
