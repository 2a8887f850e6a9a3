import GovernanceNode
import Records
import Testing

struct DiskForecastTests {
  private let start = Timestamp(text: "2026-03-01T12:00:00Z") ?? .epoch
  private func at(_ seconds: Int64) -> Timestamp { start.advanced(by: .seconds(seconds)) }

  @Test("a disk is full when what is left is used up at the pace so far")
  func pace() {
    var forecast = DiskForecast()
    #expect(forecast.take(.init(at: at(0), free: 10_000)) == nil)
    // Too little has been seen.
    #expect(forecast.take(.init(at: at(599), free: 9_000)) == nil)
    // 1,000 in 1,000 seconds, and 9,000 left.
    #expect(forecast.take(.init(at: at(1_000), free: 9_000)) == at(10_000))
  }

  @Test("what stands still or grows is never full")
  func never() {
    var forecast = DiskForecast()
    _ = forecast.take(.init(at: at(0), free: 1 << 40))
    #expect(forecast.take(.init(at: at(3_600), free: 1 << 40)) == nil)
    #expect(forecast.take(.init(at: at(7_200), free: 2 << 40)) == nil)
    #expect(forecast.take(.init(at: at(7_201), free: (1 << 40) - 1)) == nil)
  }

  @Test("a short look says nothing of what is far away")
  func reach() {
    var forecast = DiskForecast()
    _ = forecast.take(.init(at: at(0), free: 31_001))
    // 1,000 in 1,000 seconds, and 30,001 more to go: a second more than thirty times as long. Then a little less.
    #expect(forecast.take(.init(at: at(1_000), free: 30_001)) == nil)
    #expect(forecast.take(.init(at: at(1_000), free: 30_000)) == at(30_970))
  }

  @Test("only the last day counts, and a clock that goes back begins anew")
  func window() {
    var forecast = DiskForecast()
    _ = forecast.take(.init(at: at(0), free: 1_000_000))
    _ = forecast.take(.init(at: at(86_000), free: 10_000))
    // The first day's fall is a day old.
    #expect(forecast.take(.init(at: at(87_000), free: 9_000)) == at(96_000))
    #expect(forecast.take(.init(at: at(10), free: 5)) == nil)
  }

  @Test("numbers of any size give no trap")
  func large() {
    var forecast = DiskForecast()
    _ = forecast.take(.init(at: at(0), free: .max))
    _ = forecast.take(.init(at: at(80_000), free: .max - 1))
    #expect(forecast.take(.init(at: at(80_001), free: .max - 2)) == nil)
    #expect(forecast.take(.init(at: at(86_000), free: .max / 2)) == at(171_999))
  }
}
