import Glibc
import Simulator

/// The simulator's command line.
@main
struct Program {
  static let usage = """
    usage: clawsim run --seed N [--check-determinism]
           clawsim campaign --seeds A..B
    exit codes: 0 clean, 1 a property was violated, 2 usage, 3 not live
    """

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    switch arguments.first {
    case "run": exit(run(arguments))
    case "campaign": exit(campaign(arguments))
    case "--help", "help":
      print(usage)
    default:
      print(usage)
      exit(2)
    }
  }

  private static func option(_ name: String, in arguments: [String]) -> String? {
    guard let position = arguments.firstIndex(of: name), position + 1 < arguments.count else { return nil }
    return arguments[position + 1]
  }

  private static func run(_ arguments: [String]) -> Int32 {
    guard let seed = option("--seed", in: arguments).flatMap({ UInt64($0) }) else {
      print(usage)
      return 2
    }
    for (position, lies) in Campaign.faults(of: seed).lies.enumerated() {
      print("liar \(position + 1): " + lies.map(\.rawValue).joined(separator: ", "))
    }
    do {
      let result = try Campaign.run(seed: seed)
      show(result)
      if arguments.contains("--check-determinism") {
        let again = try Campaign.run(seed: seed)
        guard again.trace == result.trace else {
          print("seed \(seed): two runs differ")
          return 1
        }
        print("seed \(seed): two runs are equal, trace \(result.trace)")
      }
      return code(result)
    } catch {
      print("seed \(seed): \(error)")
      return 1
    }
  }

  private static func campaign(_ arguments: [String]) -> Int32 {
    let bounds = option("--seeds", in: arguments)?.split(separator: ".").compactMap { UInt64($0) } ?? []
    guard bounds.count == 2, bounds[0] <= bounds[1] else {
      print(usage)
      return 2
    }
    var worst: Int32 = 0
    var simulated: UInt64 = 0
    var oracles = Tally()
    var faults = Tally()
    for seed in bounds[0]...bounds[1] {
      guard let result = try? Campaign.run(seed: seed) else {
        print("seed \(seed): could not be set up")
        return 1
      }
      simulated += result.simulated
      oracles.add(result.evaluations)
      faults.add(result.faults)
      if code(result) != 0 {
        show(result)
        worst = worst == 1 ? 1 : code(result)
      }
    }
    print(
      "\(bounds[1] - bounds[0] + 1) seeds, \(simulated / 1_000_000_000) simulated seconds, "
        + (worst == 0 ? "clean" : "not clean"))
    print("  oracles: " + oracles.text)
    print("  faults: " + faults.text)
    let idle = Oracles.names.filter { !oracles.contains($0) }
    if !idle.isEmpty { print("  never evaluated: " + idle.joined(separator: ", ")) }
    let unfired = Faults.names.filter { !faults.contains($0) }
    if !unfired.isEmpty { print("  never fired: " + unfired.joined(separator: ", ")) }
    return worst
  }

  /// Counters by name, over all seeds.
  private struct Tally {
    private var counts: [(name: String, count: UInt64)] = []

    mutating func add(_ more: [(name: String, count: UInt64)]) {
      for (name, count) in more {
        if let position = counts.firstIndex(where: { $0.name == name }) {
          counts[position].count += count
        } else {
          counts.append((name, count))
        }
      }
      counts.sort { $0.name < $1.name }
    }

    func contains(_ name: String) -> Bool { counts.contains { $0.name == name } }
    var text: String { counts.map { "\($0.name) \($0.count)" }.joined(separator: ", ") }
  }

  private static func code(_ result: SeedResult) -> Int32 {
    result.violation != nil ? 1 : result.isLive ? 0 : 3
  }

  private static func show(_ result: SeedResult) {
    print(
      "seed \(result.seed): final size \(result.finalSize), proposed \(result.proposed), "
        + "settled \(result.settled), executed \(result.executions)")
    print("  oracles: " + result.evaluations.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
    print("  faults: " + result.faults.map { "\($0.name) \($0.count)" }.joined(separator: ", "))
    if let violation = result.violation {
      print("  VIOLATED at \(result.violatedAt / 1_000_000) ms: \(violation)")
      print("  replay: clawsim run --seed \(result.seed)")
    } else if !result.isLive {
      print("  NOT LIVE: not settled after healing: " + result.unsettled.joined(separator: "; "))
      print("  replay: clawsim run --seed \(result.seed)")
    }
  }
}
