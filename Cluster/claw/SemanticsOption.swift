import Host
import Records

/// The semantics that a new ledger begins with: fewer than this program's, where not every party has it yet.
enum SemanticsOption {
  static let option = CommandOption(
    "--semantics", "N", "rules that the ledger begins with; default the newest, \(Semantics.newest)")

  /// Refuses a bundle that a ledger of these semantics could not have.
  static func read(_ parsed: ParsedCommand, for bundle: PolicyBundle) throws -> Int {
    let semantics = try parsed.integer(
      "--semantics", in: 1...Semantics.newest, default: Semantics.newest)
    guard !bundle.hasRego || semantics >= Semantics.rego else {
      throw UsageError(
        "--semantics: a bundle with Rego needs \(Semantics.rego) or more, found \(semantics); or choose another with --policy"
      )
    }
    return semantics
  }
}
