/// Makes a failing schedule small: leaves out what the failure does not need, by delta debugging (Zeller and
/// Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), and then makes the rest plain.
///
/// A smaller schedule counts where it fails in the same way: at the same oracle, or by not coming to rest.
public struct Shrinker {
  /// Runs a schedule; the name of its failure, or nil.
  public typealias Trial = (Schedule) -> String?

  private let failure: String
  private let trial: Trial
  private let onProgress: (Int, Int) -> Void
  /// Runs that are left.
  private var budget: Int
  /// Runs so far.
  public private(set) var runs = 0

  /// A shrinker for one failure, with at most `budget` runs. `onProgress` is told of the runs so far and of the
  /// items that are left.
  public init(
    failure: String, budget: Int = 400, onProgress: @escaping (Int, Int) -> Void = { _, _ in },
    trial: @escaping Trial
  ) {
    self.failure = failure
    self.budget = budget
    self.onProgress = onProgress
    self.trial = trial
  }

  /// The smallest schedule found that fails in the same way; `schedule` itself does.
  public mutating func shrink(_ schedule: Schedule) -> Schedule {
    var best = schedule
    best = withoutEnd(best)
    best = withFewerItems(best)
    best = withUsualConditions(best)
    best = withRoundTimes(best)
    return withFewerItems(best)
  }

  private mutating func fails(_ schedule: Schedule) -> Bool {
    guard budget > 0 else { return false }
    budget -= 1
    runs += 1
    onProgress(runs, schedule.items.count)
    return trial(schedule) == failure
  }

  /// Ends the phase of faults earlier, and leaves out what would have come after.
  private mutating func withoutEnd(_ schedule: Schedule) -> Schedule {
    var best = schedule
    var step = best.conditions.safety / 2
    while step >= 500_000_000 {
      guard best.conditions.safety > step else { break }
      var conditions = best.conditions
      conditions.safety -= step
      let shorter = Schedule(conditions, best.items.filter { $0.at < conditions.safety })
      if fails(shorter) { best = shorter } else { step /= 2 }
      step = min(step, best.conditions.safety / 2)
    }
    return best
  }

  /// Delta debugging: first halves, then ever smaller parts are left out.
  private mutating func withFewerItems(_ schedule: Schedule) -> Schedule {
    var items = schedule.items
    var parts = 2
    while !items.isEmpty, budget > 0 {
      let size = max(1, (items.count + parts - 1) / parts)
      var hasShrunk = false
      var start = 0
      while start < items.count, budget > 0 {
        var rest = items
        rest.removeSubrange(start..<min(start + size, items.count))
        if fails(schedule.with(rest)) {
          items = rest
          hasShrunk = true
        } else {
          start += size
        }
      }
      if size == 1, !hasShrunk { break }
      parts = hasShrunk ? max(2, parts - 1) : min(items.count, 2 * parts)
      if hasShrunk && size == 1 { parts = items.count }
    }
    return schedule.with(items)
  }

  private mutating func withUsualConditions(_ schedule: Schedule) -> Schedule {
    var best = schedule
    let usual = Conditions(seed: schedule.conditions.seed)
    let changes: [(inout Conditions) -> Void] = [
      { $0.left = nil }, { $0.suite = .tiny }, { $0.minimumDelay = usual.minimumDelay },
      { $0.meanDelay = usual.meanDelay }, { $0.syncDelay = usual.syncDelay },
      { $0.journalDelay = usual.journalDelay },
    ]
    for change in changes {
      var conditions = best.conditions
      change(&conditions)
      guard conditions != best.conditions else { continue }
      let plainer = Schedule(conditions, best.items)
      if fails(plainer) { best = plainer }
    }
    return best
  }

  /// Times to the tenth of a second, or to the millisecond, where the failure does not mind.
  private mutating func withRoundTimes(_ schedule: Schedule) -> Schedule {
    for unit in [100_000_000, 1_000_000] as [UInt64] {
      let round = schedule.with(
        schedule.items.map { $0.at(($0.at + unit / 2) / unit * unit) })
      if round != schedule, fails(round) { return round }
    }
    var best = schedule
    for position in schedule.items.indices where budget > 0 {
      var items = best.items
      let unit: UInt64 = 1_000_000
      items[position].at = (items[position].at + unit / 2) / unit * unit
      let round = best.with(items)
      if round.items != best.items, fails(round) { best = round }
    }
    return best
  }
}
