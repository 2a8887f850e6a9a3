/// Names a timer; never used twice.
public struct TimerID: Hashable, Sendable {
  let sequence: UInt64
}

/// What is to run when: a binary heap by (instant, order of scheduling).
///
/// A cancelled timer's place stays in the heap until it surfaces or the heap is mostly such places.
struct Timers {
  private struct Place: Comparable {
    var instant: MonotonicInstant
    var sequence: UInt64
    static func < (left: Place, right: Place) -> Bool {
      (left.instant, left.sequence) < (right.instant, right.sequence)
    }
  }

  /// Invariant: heap[(i - 1) / 2] <= heap[i].
  private var heap: [Place] = []
  private var work: [UInt64: () -> Void] = [:]
  private var sequence: UInt64 = 0

  /// Timers that will run.
  var count: Int { work.count }

  mutating func schedule(at instant: MonotonicInstant, _ body: @escaping () -> Void) -> TimerID {
    sequence += 1
    work[sequence] = body
    heap.append(Place(instant: instant, sequence: sequence))
    rise(from: heap.count - 1)
    return TimerID(sequence: sequence)
  }

  /// Hands the work back, so that the caller lets go of it when the timers are no longer being changed:
  /// what the work held may cancel timers of its own.
  mutating func cancel(_ id: TimerID) -> (() -> Void)? {
    guard let cancelled = work.removeValue(forKey: id.sequence) else { return nil }
    if heap.count > 64, heap.count > 2 * work.count { compact() }
    return cancelled
  }

  /// When the next timer is due.
  mutating func next() -> MonotonicInstant? {
    while let first = heap.first, work[first.sequence] == nil { removeFirst() }
    return heap.first?.instant
  }

  /// Takes the next timer that is due and was scheduled at or before `mark`, so that timers which
  /// schedule timers cannot keep a turn from ending.
  mutating func takeDue(at now: MonotonicInstant, scheduledUpTo mark: UInt64) -> (() -> Void)? {
    guard let instant = next(), instant <= now, let first = heap.first, first.sequence <= mark
    else { return nil }
    removeFirst()
    return work.removeValue(forKey: first.sequence)
  }

  /// The order of the newest timer.
  var mark: UInt64 { sequence }

  private mutating func compact() {
    heap.removeAll { work[$0.sequence] == nil }
    // An array in ascending order is a heap.
    heap.sort()
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private mutating func rise(from start: Int) {
    var child = start
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }
}
