/// What happens when, in virtual nanoseconds; ties in the order in which they were scheduled.
///
/// A heap of numbers; what happens lies beside it and does not move.
struct EventQueue<Event> {
  private struct Slot: BitwiseCopyable {
    var time: UInt64
    let order: UInt64
    /// Where in `events` what happens then is.
    let place: Int

    func precedes(_ other: Slot) -> Bool { (time, order) < (other.time, other.order) }
  }

  private var heap: [Slot] = []
  private var events: [Event?] = []
  /// The places in `events` where nothing is.
  private var free: [Int] = []
  private var scheduled: UInt64 = 0

  var nextTime: UInt64? { heap.first?.time }

  mutating func schedule(_ event: Event, at time: UInt64) {
    let place: Int
    if let known = free.popLast() {
      place = known
      events[place] = event
    } else {
      place = events.count
      events.append(event)
    }
    let slot = Slot(time: time, order: scheduled, place: place)
    scheduled += 1
    heap.append(slot)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard slot.precedes(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = slot
  }

  /// Everything that is to come happens so much later, in the same order; what is never to come, never.
  mutating func postpone(by delay: UInt64) {
    for position in heap.indices {
      let (later, isNever) = heap[position].time.addingReportingOverflow(delay)
      heap[position].time = isNever ? .max : later
    }
  }

  mutating func popFirst() -> (time: UInt64, event: Event)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      var parent = 0
      while 2 * parent + 1 < heap.count {
        var child = 2 * parent + 1
        if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
        guard heap[child].precedes(last) else { break }
        heap[parent] = heap[child]
        parent = child
      }
      heap[parent] = last
    }
    guard let event = events[first.place].take() else {
      preconditionFailure("what is in the heap happens once")
    }
    free.append(first.place)
    return (first.time, event)
  }
}
