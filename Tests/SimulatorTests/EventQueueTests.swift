import Testing

@testable import Simulator

struct EventQueueTests {
  @Test("events come by time, and those of one time as they were scheduled, also after all were postponed")
  func order() {
    var random = SeededRandom(seed: 5)
    for _ in 0..<200 {
      var queue = EventQueue<Int>()
      var expected: [(time: UInt64, event: Int)] = []
      var next = 0
      for _ in 0..<300 {
        switch random.below(8) {
        case 0...3:
          let time = random.below(40)
          queue.schedule(next, at: time)
          // Behind all of its time.
          let place = expected.firstIndex { $0.time > time } ?? expected.endIndex
          expected.insert((time, next), at: place)
          next += 1
        case 4:
          let delay = random.below(5)
          queue.postpone(by: delay)
          for position in expected.indices { expected[position].time += delay }
        default:
          #expect(queue.nextTime == expected.first?.time)
          let popped = queue.popFirst()
          #expect(popped?.time == expected.first?.time && popped?.event == expected.first?.event)
          if !expected.isEmpty { expected.removeFirst() }
        }
      }
      while let popped = queue.popFirst() {
        #expect(popped.time == expected.first?.time && popped.event == expected.first?.event)
        expected.removeFirst()
      }
      #expect(expected.isEmpty && queue.nextTime == nil)
    }
  }
}
