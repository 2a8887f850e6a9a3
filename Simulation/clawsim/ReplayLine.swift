import Simulator

/// The command that shows a run again. It says everything that the run hangs on: without its mutant, or with another
/// group, nothing fails.
enum ReplayLine {
  /// Of a seed.
  static func run(_ seed: UInt64, _ suite: Conditions.Suite, mutant: String?) -> String {
    "clawsim run \(words(seed, suite))\(option(mutant))"
  }

  /// Of a scenario's file, which says its seed and its suite.
  static func file(_ path: String, mutant: String?) -> String {
    "clawsim replay \(path)\(option(mutant))"
  }

  /// The command that makes a seed's failure small.
  static func shrink(_ seed: UInt64, _ suite: Conditions.Suite) -> String {
    "clawsim shrink \(words(seed, suite))"
  }

  private static func words(_ seed: UInt64, _ suite: Conditions.Suite) -> String {
    "--seed \(seed)" + (suite == .real ? "" : " --suite \(suite.rawValue)")
  }

  private static func option(_ mutant: String?) -> String { mutant.map { " --mutant \($0)" } ?? "" }
}
