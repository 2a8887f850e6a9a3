import Host
import Records

/// The semantics that a new ledger begins with: fewer than this program's, where not every party has it yet.
enum SemanticsOption {
  static let option = CommandOption(
    "--semantics", "N", "rules that the ledger begins with; default the newest, \(Semantics.newest)")

  static func read(_ parsed: ParsedCommand) throws -> Int {
    try parsed.integer("--semantics", in: 1...Semantics.newest, default: Semantics.newest)
  }
}
