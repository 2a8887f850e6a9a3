import FROST
import Testing

@testable import Simulator

/// The schedule of a run is data: drawn from a seed, written, read and run again.
struct ScheduleTests {
  @Test("the same seed draws the same schedule, and seeds differ")
  func drawn() {
    #expect(Schedule.drawn(seed: 12) == Schedule.drawn(seed: 12))
    #expect(Schedule.drawn(seed: 12) != Schedule.drawn(seed: 13))
    let schedules = (1...300 as ClosedRange<UInt64>).map { Schedule.drawn(seed: $0) }
    #expect(schedules.allSatisfy { $0.liars.count <= $0.conditions.faultsTolerated })
    // No more is left or damaged than may be missing.
    #expect(schedules.allSatisfy { $0.conditions.left == nil || $0.damaged.isEmpty })
    #expect(
      schedules.allSatisfy { schedule in schedule.items.allSatisfy { $0.at < schedule.conditions.safety } })
  }

  @Test("what is drawn can be written and read again, to the nanosecond")
  func roundTrip() throws {
    for seed in 1...200 as ClosedRange<UInt64> {
      let scenario = Scenario(
        name: "drawn", why: "a seed", schedule: Schedule.drawn(seed: seed, suite: .tiny))
      let text = scenario.text
      #expect(try ScenarioParser.parse(text, file: "drawn") == scenario)
    }
  }

  @Test("an item that is left out changes no other: the rest of the run is drawn as before")
  func independent() throws {
    var schedule = Schedule.drawn(seed: 7)
    schedule.conditions.safety = 4_000_000_000
    // What one agent proposes late touches nobody before: until then both runs draw the same.
    let late = Schedule.Item(at: 3_500_000_000, .agent(1, .propose("echo", request: 77), at: 1))
    let with = DeterminismLog()
    let without = DeterminismLog(comparingWith: with)
    let first = try World<Ed25519SHA512>(schedule.with(schedule.items + [late]), log: with)
    first.run(until: 3_499_000_000)
    let second = try World<Ed25519SHA512>(schedule, log: without)
    second.run(until: 3_499_000_000)
    #expect(without.difference == nil && with.count == without.count && with.count > 10_000)
  }

  @Test("two runs of one schedule are equal in every draw and event")
  func deterministic() throws {
    var schedule = Schedule.drawn(seed: 5)
    schedule.conditions.safety = 5_000_000_000
    let first = DeterminismLog()
    let one = try Campaign.run(schedule, log: first)
    let second = DeterminismLog(comparingWith: first)
    let two = try Campaign.run(schedule, log: second)
    #expect(second.difference == nil && one.trace == two.trace && first.digest == second.digest)
  }

  @Test("two runs that differ are told apart at the first draw or event that does, by name")
  func difference() throws {
    let first = DeterminismLog()
    let second = DeterminismLog(comparingWith: first)
    var one = SeededRandom(seed: 1, for: .disk, log: first)
    var two = SeededRandom(seed: 1, for: .disk, log: second)
    _ = (one.next(), two.next())
    #expect(second.difference == nil)
    var three = SeededRandom(seed: 2, for: .network, log: second)
    _ = (one.next(), three.next())
    let difference = try #require(second.difference)
    #expect(difference.position == 2)
    #expect(
      difference.first.hasPrefix("a draw for disk") && difference.second.hasPrefix("a draw for network"))
    // One that ends early differs as well.
    let short = DeterminismLog(comparingWith: first)
    short.finish()
    #expect(short.difference?.second == "the end")
  }
}
