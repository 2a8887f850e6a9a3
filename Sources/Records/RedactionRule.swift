import Canonical

/// What is covered in results before anybody sees them, besides what looks like a secret (INV-010).
public struct RedactionRule: Equatable, Sendable, JSONWritable {
  /// Stands in the mark.
  public var name: String
  /// As Rego's `regex` builtins have it.
  public var pattern: String

  package init(from fields: inout Fields) throws(RecordError) {
    name = try fields.identifier("name")
    pattern = try fields.text("pattern", limit: 512)
  }

  public var members: [(String, JSON)] { [("name", .string(name)), ("pattern", .string(pattern))] }
}
