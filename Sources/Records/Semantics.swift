import Canonical
import Crypto

/// The rules by which every node derives the same state from the same log, by number. A program applies every
/// number from 1 to `newest`; which one is in force the log says: the genesis first, then `version` records. So
/// nodes of two programs never derive two states (DESIGN, "new semantics").
///
/// | number | what is new in it |
/// |---|---|
/// | 1 | – |
/// | 2 | an approval has at most `ClawShield`'s `resultsPerApproval` artifacts as results |
/// | 3 | a bundle may have a policy in Rego; people: OpenSSH signatures under ballots, confirmations by a second key, filters and counts of rejections in demands, ballots judged anew as each arrives, previews, costs no higher than what was set aside, the breaker of retries, memory that only actions write, rates of ballots beyond a person's; limits of egress and names of secrets in a bundle; withheld approvals, bundles with authors, shadows, results held against previews, a tenant's breaker that freezes the tenant, no parameters with text that people do not see, classes of actions and tenants of rules, labels of results and traces, what reads another tenant's files, flags that are forgotten after a week, receipts that name what ran a WebAssembly module, erasures of tenants, constitutions, files that are let go of |
/// | 4 | certificates can be refused when others have taken their place; a kill, quarantine or revocation that a party has taken in time comes into the log however late; a constitution's version comes back with the contents that it had; a bundle with a call that can have no value, for the kinds of its variables, rules and functions, is refused |
/// | 5 | an approval keeps the labels of what is erased of its inputs, and files that were let go of bring none back over an erasure |
/// | 6 | an act takes a change of members back by naming it; a rotation that comes while one is on its way does not |
public enum Semantics {
  /// The newest that this program applies.
  public static let newest = 6
  /// Since when an approval's results are counted.
  public static let countedResults = 2
  /// Since when people sign, confirm and are counted as Decision 015 says.
  public static let people = 3
  /// Since when a bundle may say how much of the network an action may use, and which secrets it gets.
  public static let reach = 3
  /// Since when a bundle comes into force under the constitution in force alone.
  public static let constitution = 3
  /// Since when a tenant can be erased.
  public static let erasure = 3
  /// Since when a bundle may say how long files are kept.
  public static let retention = 3
  /// Since when somebody's earlier certificates can be refused.
  public static let certificates = 4
  /// Since when the log takes a restriction after the time until which it was valid (Decision 030).
  public static let lateRestrictions = 4
  /// Since when a constitution's version keeps its contents.
  public static let keptConstitutions = 4
  /// Since when a bundle is refused for the kinds of its variables, rules and functions.
  public static let inferredKinds = 4
  /// Since when an approval remembers the labels of what it reads over an erasure of that (Decision 033).
  public static let erasedInputs = 5
  /// Since when a change of members is taken back by what names it alone.
  public static let namedReturns = 6
  /// Since when a bundle may have Rego.
  public static let rego = 3
}

/// Puts newer semantics in force, from the next leaf on; at least two distinct people. The leader takes it once every
/// member's program advertises them.
public struct VersionAct: StatementContent {
  public static let type = RecordType.version

  public var actID: String
  /// More than what is in force.
  public var semantics: Int
  public var validUntil: Timestamp

  /// A version act.
  public init(actID: String, semantics: Int, validUntil: Timestamp) {
    self.actID = actID
    self.semantics = semantics
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    actID = try fields.identifier("act_id")
    semantics = try fields.integer("semantics", in: 1...65_535)
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    [
      ("act_id", .string(actID)), ("semantics", .integer(semantics)), ("valid_until", .time(validUntil)),
    ]
  }
}
