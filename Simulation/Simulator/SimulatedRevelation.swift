import Canonical
import Records

/// What an action writes that people and agents must not be shown (INV-010): a member that is named like a secret, a text
/// that looks like one, and one that the bundle has covered.
enum SimulatedRevelation {
  private static let named = "revealed-7f3a91c4"
  private static let shaped = "AKIA0REVEALED0KEY777"
  private static let ruled = "customer-4711-0815"

  /// Of the bundle of worlds in which actions reveal things.
  static let rule = #""redaction":[{"name":"customer","pattern":"customer-[0-9]{4}-[0-9]{4}"}],"#

  /// What such an action adds to its output.
  static let members: [(String, JSON)] = [
    ("api_key", .string(named)), ("note", .string("use \(shaped) for \(ruled)")),
  ]

  /// What of it stands in `bytes`; nil where nothing does.
  static func found(in bytes: [UInt8]) -> String? {
    [named, shaped, ruled].first { CanaryBook.contains(bytes, Array($0.utf8)) }
  }
}
