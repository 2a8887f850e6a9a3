import Host
import Testing

/// What keeps a stranger who tries again and again from filling a node's log.
struct RepeatFilterTests {
  @Test("the same line is written once an interval, with the number that was left out")
  func repeats() {
    var filter = RepeatFilter(interval: .seconds(10), capacity: 4)
    #expect(filter.admit("a", at: .seconds(1)) == 0)
    #expect(filter.admit("a", at: .seconds(2)) == nil)
    #expect(filter.admit("a", at: .seconds(10)) == nil)
    #expect(filter.admit("b", at: .seconds(10)) == 0)
    #expect(filter.admit("a", at: .seconds(11)) == 2)
    #expect(filter.admit("a", at: .seconds(21)) == 0)
  }

  @Test("however many different lines come, so many and one more are written an interval")
  func bounded() {
    var filter = RepeatFilter(interval: .seconds(10), capacity: 4)
    let written = (0..<1_000).filter { filter.admit("line \($0)", at: .seconds(1)) != nil }
    #expect(written == [0, 1, 2, 3, 4])
    // The one that found no place spoke for all that find none, and the next says how many they were.
    #expect(filter.admit("one more", at: .seconds(2)) == nil)
    for number in 0..<4 { #expect(filter.admit("new \(number)", at: .seconds(12)) == 0) }
    #expect(filter.admit("yet another", at: .seconds(12)) == 996)
  }
}
