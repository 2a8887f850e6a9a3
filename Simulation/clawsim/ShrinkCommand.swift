import Glibc
import Simulator

/// Makes a failure small.
enum ShrinkCommand {
  static func run(_ arguments: [String]) throws -> Int32 {
    let options = try Options(
      arguments, values: ["--seed", "--suite", "--mutant", "-o", "--budget"], mostOperands: 1)
    try MutantSwitch.turnOn(options.value("--mutant"))
    var scenario = try RunCommand.subject(options)
    let first = try Campaign.run(scenario.schedule)
    guard let failure = first.failure else {
      say("\(scenario.name) does not fail: there is nothing to shrink")
      return 0
    }
    say("\(scenario.name) fails: \(failure); \(scenario.schedule.items.count) items")
    let isTerminal = isatty(2) == 1
    var shrinker = Shrinker(
      failure: failure, budget: Int(clamping: try options.number("--budget") ?? 400),
      onProgress: { runs, items in
        if isTerminal { write("\r\(runs) runs, \(items) items   ", to: 2) }
      },
      trial: { (try? Campaign.run($0))?.failure })
    scenario.schedule = shrinker.shrink(scenario.schedule)
    if isTerminal { write("\r                              \r", to: 2) }
    let last = try Campaign.run(scenario.schedule)
    scenario.name += "-shrunk"
    scenario.why = "\(failure): \(last.violation ?? last.unsettled.first ?? "")"
    if let mutant = options.value("--mutant") { scenario.redWith = [mutant] }
    say("\(scenario.schedule.items.count) items are left after \(shrinker.runs) runs")
    if let output = options.value("-o") {
      try save(scenario.text, to: output)
      say("replay: \(ReplayLine.file(output, mutant: options.value("--mutant")))")
    } else {
      write(scenario.text, to: 1)
    }
    return last.exitCode
  }
}
