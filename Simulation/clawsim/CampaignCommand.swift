import Glibc
import Simulator

/// Many seeds, by several processes; it goes on after failures, and says them as they come.
enum CampaignCommand {
  static func run(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--seeds", "--jobs", "--suite", "--resume"], flags: ["--lenient"])
    let seeds = try options.seeds()
    let suite = try options.suite()
    let jobs = try options.jobs()
    var state = CampaignState()
    let file = try options.value("--resume").map { try CampaignFile(path: $0, suite: suite) }
    for (seed, report) in file?.earlier ?? [] { state.take(seed, report) }
    var isWritten = true
    var next = seeds.lowerBound
    let started = milliseconds()
    var shown: UInt64 = 0
    let isTerminal = isatty(2) == 1
    let total = seeds.upperBound - seeds.lowerBound + 1
    let pool = WorkerPool(jobs: jobs, arguments: ["--suite", suite.rawValue])
    try pool.run(
      next: {
        while next <= seeds.upperBound, state.done.contains(next) { next += 1 }
        guard next <= seeds.upperBound else { return nil }
        defer { next += 1 }
        return .seed(next)
      },
      onReport: { task, report, _ in
        guard case .seed(let seed) = task else { return true }
        state.take(seed, report)
        // What could not be run is to be run by whoever can.
        if let file, report.exitCode != 2, !file.append(seed, report) { isWritten = false }
        if report.exitCode != 0 { say(failure(seed, report, suite)) }
        let now = milliseconds()
        if isTerminal, now - shown > 500 {
          shown = now
          write("\r" + bar(UInt64(state.done.count), of: total, since: now - started), to: 2)
        }
        return isWritten
      })
    if isTerminal { write("\r" + String(repeating: " ", count: 78) + "\r", to: 2) }
    guard isWritten else {
      throw UsageError(
        message:
          "\(options.value("--resume") ?? ""): expected room for what the seeds say, found none: run it again"
      )
    }
    return state.summarise(
      suite, elapsed: milliseconds() - started, isLenient: options.has("--lenient"))
  }

  private static func failure(_ seed: UInt64, _ report: Report, _ suite: Conditions.Suite) -> String {
    let what = report.exitCode == 3 ? "NOT LIVE" : "VIOLATED \(report.failure)"
    return "seed \(seed): \(what): \(report.explanation.prefix(600))\n"
      + "  replay: \(ReplayLine.run(seed, suite, mutant: nil))\n  shrink: \(ReplayLine.shrink(seed, suite))"
  }

  private static func bar(_ done: UInt64, of total: UInt64, since milliseconds: UInt64) -> String {
    let filled = Int(done * 30 / max(1, total))
    let rate = Double(done) * 1_000 / Double(max(1, milliseconds))
    let tenths = Int(rate * 10)
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
      + "] \(done)/\(total)  \(tenths / 10).\(tenths % 10) seeds/s"
  }
}

/// What a campaign has seen so far.
struct CampaignState {
  var done: Set<UInt64> = []
  private var simulated: UInt64 = 0
  private var oracles = Tally()
  private var faults = Tally()
  private var failures: [(seed: UInt64, failure: String, code: Int32)] = []

  mutating func take(_ seed: UInt64, _ report: Report) {
    guard done.insert(seed).inserted else { return }
    simulated += report.simulated
    oracles.add(report.evaluations)
    faults.add(report.faults)
    if report.exitCode != 0 { failures.append((seed, report.failure, report.exitCode)) }
  }

  /// Says how it went; the exit code. A campaign in which an oracle or a fault stayed at zero has not shown what it
  /// is for: it fails, unless that was allowed.
  func summarise(_ suite: Conditions.Suite, elapsed: UInt64, isLenient: Bool) -> Int32 {
    let seconds = simulated / 1_000_000_000
    let factor = elapsed == 0 ? 0 : simulated / 1_000_000 / elapsed
    say(
      "\(done.count) seeds, \(seconds / 3_600) h \(seconds % 3_600 / 60) min simulated in \(elapsed / 1_000) s, "
        + "\(factor) times as fast as the clock, suite \(suite.rawValue)")
    say("  oracles: " + oracles.text)
    say("  faults: " + faults.text)
    let idle = Oracles.names.filter { !oracles.contains($0) }
    let unfired = FaultNames.all.filter { !faults.contains($0) }
    if !idle.isEmpty { say("  never evaluated: " + idle.joined(separator: ", ")) }
    if !unfired.isEmpty { say("  never fired: " + unfired.joined(separator: ", ")) }
    for pending in Oracles.pending { say("  pending: \(pending)") }
    for failure in failures.sorted(by: { $0.seed < $1.seed }) {
      say("  seed \(failure.seed): \(failure.failure)")
    }
    if failures.contains(where: { $0.code == 1 }) { return 1 }
    if failures.contains(where: { $0.code == 3 }) { return 3 }
    if !failures.isEmpty { return 2 }
    guard idle.isEmpty && unfired.isEmpty || isLenient else {
      say("not shown: what never evaluated and never fired")
      return 1
    }
    say("clean")
    return 0
  }
}
