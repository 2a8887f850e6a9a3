import Testing

@testable import Simulator

/// Delta debugging of schedules, on failures whose cause is known.
struct ShrinkerTests {
  /// Fails where node 3 crashes while a partition lasts, and an agent has proposed before.
  private func planted(_ schedule: Schedule) -> String? {
    var hasProposed = false
    var partitionedUntil: UInt64 = 0
    for item in schedule.items {
      switch item.act {
      case .agent(_, .propose, _): hasProposed = true
      case .partition(_, let length): partitionedUntil = item.at + length
      case .crash(3, _, _) where item.at < partitionedUntil && hasProposed: return "planted"
      default: break
      }
    }
    return nil
  }

  private func failing() throws -> Schedule {
    let seeds = (1...4_000 as ClosedRange<UInt64>).lazy.map { Schedule.drawn(seed: $0) }
    return try #require(seeds.first { planted($0) != nil && $0.items.count > 60 })
  }

  @Test("of a schedule with more than sixty items the three that a failure needs are left")
  func minimal() throws {
    let schedule = try failing()
    var shrinker = Shrinker(failure: "planted", budget: 2_000, trial: planted)
    let small = shrinker.shrink(schedule)
    #expect(planted(small) == "planted")
    #expect(small.items.count == 3 && shrinker.runs < 600)
    #expect(
      small.conditions.safety < schedule.conditions.safety || small.items.last?.at ?? 0 > 10_000_000_000)
    #expect(small.items.allSatisfy { $0.at % 1_000_000 == 0 })
  }

  @Test("a smaller schedule that fails otherwise is not taken")
  func sameFailure() throws {
    let schedule = try failing()
    var shrinker = Shrinker(failure: "planted") { small in
      small.items.count < schedule.items.count ? "another" : planted(small)
    }
    #expect(shrinker.shrink(schedule).items.count == schedule.items.count)
  }

  @Test("the budget bounds the runs")
  func budget() throws {
    let schedule = try failing()
    var runs = 0
    var shrinker = Shrinker(failure: "planted", budget: 10) { small in
      runs += 1
      return planted(small)
    }
    _ = shrinker.shrink(schedule)
    #expect(runs == 10 && shrinker.runs == 10)
  }
}
