import Testing

@testable import EventLoop

@Suite("Timers")
struct TimerTests {
  @Test("any order of scheduling and cancelling comes out in order of instants", arguments: 0..<20)
  func order(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    var timers = Timers()
    var ran: [Int] = []
    var expected: [(instant: UInt64, index: Int)] = []
    var ids: [TimerID] = []
    for index in 0..<500 {
      let instant = random(100)
      ids.append(timers.schedule(at: MonotonicInstant(nanoseconds: instant)) { ran.append(index) })
      expected.append((instant, index))
    }
    for _ in 0..<400 {
      let index = Int(random(500))
      _ = timers.cancel(ids[index])
      expected.removeAll { $0.index == index }
    }
    expected.sort { ($0.instant, $0.index) < ($1.instant, $1.index) }
    #expect(timers.count == expected.count)
    #expect(timers.next()?.nanoseconds == expected.first?.instant)
    let half = MonotonicInstant(nanoseconds: 50)
    while let work = timers.takeDue(at: half, scheduledUpTo: timers.mark) { work() }
    #expect(ran == expected.filter { $0.instant <= 50 }.map(\.index))
    let end = MonotonicInstant(nanoseconds: 100)
    while let work = timers.takeDue(at: end, scheduledUpTo: timers.mark) { work() }
    #expect(ran == expected.map(\.index))
    #expect(timers.next() == nil)
  }

  @Test("durations become whole nanoseconds, never too few")
  func nanoseconds() {
    #expect(Duration.seconds(2).wholeNanoseconds == 2_000_000_000)
    #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).wholeNanoseconds == 1)
    #expect(Duration.seconds(-1).wholeNanoseconds == 0)
    #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    let start = MonotonicInstant(nanoseconds: 5)
    #expect((start + .nanoseconds(7)).nanoseconds == 12)
    #expect((start + .seconds(Int64.max)).nanoseconds == .max)
    #expect((start + .seconds(3)).since(start) == .seconds(3))
    #expect(start.since(start + .seconds(3)) == .zero)
  }
}
