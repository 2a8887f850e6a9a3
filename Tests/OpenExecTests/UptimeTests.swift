import OpenExec
import Records
import Testing

@Suite("Uptime")
struct UptimeTests {
  @Test("time is never negative and never wraps")
  func saturates() {
    let early = Uptime(nanoseconds: 5)
    let late = Uptime(nanoseconds: .max)
    #expect(early.since(late) == Interval(nanoseconds: 0))
    #expect(late.since(early) == Interval(nanoseconds: .max))
    #expect(late.advanced(by: .seconds(1)) == late)
    #expect(early.advanced(by: Interval(nanoseconds: -9)) == early)
    #expect(early.advanced(by: Interval(nanoseconds: 1)).nanoseconds == 6)
  }
}
