import Host

/// A threshold that lets one lying party fork the ledger: f = 2t − n − 1 is below 1. Whoever founds or changes a cluster so
/// has to say that it is meant.
enum CrashOnly {
  static let option = CommandOption(
    flag: "--crash-only", "also where one lying party could then fork the ledger")

  /// The most parties of which `threshold` may sign without that. A party alone has no other choice.
  static func mostParties(with threshold: Int) -> Int { max(1, 2 * threshold - 2) }

  /// Whether one liar could fork the ledger of so many parties.
  static func holds(_ threshold: Int, of parties: Int) -> Bool { parties > mostParties(with: threshold) }

  /// What is wrong with it.
  static func warning(_ threshold: Int, of parties: Int) -> String {
    "with \(threshold) of \(parties) one lying party could fork the ledger"
  }
}
