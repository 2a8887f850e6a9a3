import Testing

@testable import Simulator

/// How long nodes that are free of faults may go without a leader.
struct ElectionShadowTests {
  /// Looks every 50 ms from `first` to `last`, in milliseconds; the first objection, and when.
  private func watch(
    _ shadow: inout ElectionShadow, from first: UInt64, to last: UInt64, isLed: Bool = false,
    isFree: Bool = true
  ) -> (why: String, at: UInt64)? {
    for time in stride(from: first, through: last, by: 50) where shadow.isDue(at: time * 1_000_000) {
      if let why = shadow.observe(isLed: isLed, isFree: isFree, at: time * 1_000_000) { return (why, time) }
    }
    return nil
  }

  @Test("three seconds without a leader are too long; a leader, a fault and a sleep begin them anew")
  func limits() {
    var shadow = ElectionShadow()
    #expect(watch(&shadow, from: 100, to: 20_000, isLed: true) == nil)
    let objection = watch(&shadow, from: 20_050, to: 30_000)
    #expect(objection?.at == 23_100)
    #expect(objection?.why == "nobody leads, for 3050 ms")
    var other = ElectionShadow()
    #expect(watch(&other, from: 100, to: 3_100) == nil)
    #expect(watch(&other, from: 3_150, to: 3_150, isLed: true) == nil)
    #expect(watch(&other, from: 3_200, to: 6_200) == nil)
    #expect(watch(&other, from: 6_250, to: 9_000, isFree: false) == nil)
    #expect(watch(&other, from: 9_050, to: 12_050) == nil)
    #expect(watch(&other, from: 13_000, to: 16_000) == nil)
    #expect(watch(&other, from: 16_050, to: 20_000)?.at == 16_100)
  }
}
