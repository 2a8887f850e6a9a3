/// What happens when, in virtual nanoseconds; ties in the order in which they were scheduled.
struct EventQueue<Event> {
  private struct Slot {
    let time: UInt64
    let order: UInt64
    let event: Event
  }

  private var heap: [Slot] = []
  private var scheduled: UInt64 = 0

  var nextTime: UInt64? { heap.first?.time }

  mutating func schedule(_ event: Event, at time: UInt64) {
    heap.append(Slot(time: time, order: scheduled, event: event))
    scheduled += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard precedes(child, parent) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Everything that is to come happens so much later, in the same order; what is never to come, never.
  mutating func postpone(by delay: UInt64) {
    heap = heap.map { slot in
      let (later, isNever) = slot.time.addingReportingOverflow(delay)
      return Slot(time: isNever ? .max : later, order: slot.order, event: slot.event)
    }
  }

  mutating func popFirst() -> (time: UInt64, event: Event)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var least = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) {
          least = child
        }
        guard least != parent else { break }
        heap.swapAt(parent, least)
        parent = least
      }
    }
    return (first.time, first.event)
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (heap[a].time, heap[a].order) < (heap[b].time, heap[b].order)
  }
}
