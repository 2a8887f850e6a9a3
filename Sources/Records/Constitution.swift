import Canonical
import Crypto

/// The constitution that a bundle is issued under (POL-9): its version, and the invariants that it no longer holds. It
/// is the file `constitution.json` of the bundle, next to `registry.json`:
///
/// ```
/// {"deprecated": ["INV-012"], "version": "2.0.0"}
/// ```
/// The version is the registry's `constitution_version`. A bundle without the file is issued under that version with
/// nothing deprecated. What a bundle rests on it may cite in the registry's `invariants`; one that cites what its own
/// constitution has deprecated is no bundle.
public struct Constitution: Equatable, Sendable {
  /// The file.
  public static let path = "constitution.json"
  /// Most invariants that one file deprecates, or a registry cites.
  public static let maximumInvariants = 256

  public let version: String
  /// Ascending, none twice.
  public let deprecated: [String]

  /// A constitution; the invariants in any order.
  public init(version: String, deprecated: [String] = []) {
    self.version = version
    self.deprecated = Self.ordered(deprecated)
  }

  /// Reads the file of a bundle whose registry names `version`; nil is none.
  init(_ text: String?, version: String) throws(RecordError) {
    guard let text else {
      self.init(version: version)
      return
    }
    let value: JSON
    do {
      value = try JSON.parse(text)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value, at: Self.path)
    let named = try fields.identifier("version")
    let deprecated = try fields.list("deprecated", limit: Self.maximumInvariants, of: "invariants") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
    try fields.finish()
    guard named == version else {
      throw .field("\(Self.path).version", expected: "\(version), the registry's constitution_version")
    }
    self.init(version: version, deprecated: deprecated)
  }

  static func ordered(_ names: [String]) -> [String] {
    let all = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return all.indices.filter { $0 == 0 || all[$0] != all[$0 - 1] }.map { all[$0] }
  }

  /// In words: the version, and what it deprecates.
  public var words: String {
    deprecated.isEmpty ? version : "\(version), which deprecates \(deprecated.joined(separator: ", "))"
  }
}
