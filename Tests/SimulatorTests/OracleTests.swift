import Foundation
import Testing

@testable import Simulator

/// Oracles on histories that are wrong in a known way.
struct OracleTests {
  @Test("what is told of one request comes from one leaf, and does not go back once it has ended")
  func requests() {
    func verdict(_ answers: [RequestModel.Answer]) -> Bool {
      let history = answers.enumerated().map { position, answer in
        HistoryOperation(answer, called: UInt64(2 * position), returned: UInt64(2 * position + 1))
      }
      return LinearizabilityChecker(RequestModel()).check(history) == .linearizable
    }
    #expect(
      verdict([
        .nothing, .proposal(leaf: 3, stage: .open), .proposal(leaf: 3, stage: .unknown),
        .proposal(leaf: 3, stage: .ended),
      ]))
    #expect(!verdict([.proposal(leaf: 3, stage: .open), .proposal(leaf: 4, stage: .open)]))
    #expect(!verdict([.proposal(leaf: 3, stage: .ended), .proposal(leaf: 3, stage: .open)]))
    #expect(!verdict([.proposal(leaf: 3, stage: .open), .nothing]))
  }

  @Test("a page about a run holds its lanes and needs nothing from elsewhere")
  func page() throws {
    var schedule = Schedule.drawn(seed: 2)
    schedule.conditions.safety = 3_000_000_000
    let scenario = Scenario(name: "a<b", why: "</script> is text", schedule: schedule)
    let timeline = Timeline(mostMessages: 500)
    let result = try scenario.run(timeline: timeline)
    let text = HTMLReport(scenario: scenario, result: result, timeline: timeline).text
    #expect(text.contains("a&lt;b") && !text.contains("<h1>a<b"))
    #expect(!text.contains("http://") || text.contains("http://www.w3.org/2000/svg"))
    #expect(text.components(separatedBy: "</script>").count == 2)
    #expect(timeline.events.count > 10)
    // The last are kept: they are what led to the end.
    #expect((400...500).contains(timeline.messages.count))
    #expect(timeline.messages.first.map { $0.sent > 1_000_000_000 } == true)
  }
}
