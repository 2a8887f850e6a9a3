/// Why a schema is not accepted. A schema that asks for anything that would not be checked is refused,
/// so that nothing passes because it was not understood.
public struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    /// A keyword that is not supported; its assertion would silently not hold.
    case unsupportedKeyword(String)
    /// A keyword whose value is not what it should be.
    case expected(String)
    /// A `$ref` that leads nowhere.
    case unresolvedReference(String)
    /// A `$ref` that leads back to itself.
    case cyclicReference(String)
    /// More subschemas than `Schema.maximumNodes`.
    case tooLarge(limit: Int)
    /// More work on each value than `Schema.maximumWeight`.
    case tooComplex(limit: Int)
  }

  /// JSON Pointer to the place in the schema; empty for its root.
  public let path: String
  /// What is wrong.
  public let reason: Reason

  /// An error at `path`.
  public init(path: String, reason: Reason) {
    self.path = path
    self.reason = reason
  }

  public var description: String {
    let what =
      switch reason {
      case .unsupportedKeyword(let name): "keyword \"\(name.prefix(64))\" is not supported"
      case .expected(let thing): "expected \(thing)"
      case .unresolvedReference(let target):
        "expected a local reference such as #/$defs/name, found \"\(target.prefix(128))\""
      case .cyclicReference(let target): "reference \"\(target.prefix(128))\" leads back to itself"
      case .tooLarge(let limit): "more than \(limit) subschemas"
      case .tooComplex(let limit): "more than \(limit) checks on one value"
      }
    return "schema \(path.isEmpty ? "(root)" : path): \(what)"
  }
}

/// Why a value does not satisfy a schema.
///
/// Neither text quotes the value: an error may stand in a record, and a value may be a secret. Names in
/// `path` are those that the schema itself declares.
public struct ValidationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// JSON Pointer to the place in the value; empty for the value itself.
  public let path: String
  /// What the schema asks for.
  public let expected: String
  /// What kind of thing came.
  public let found: String

  /// An error at `path`.
  public init(path: String, expected: String, found: String) {
    self.path = path
    self.expected = expected
    self.found = found
  }

  public var description: String {
    path.isEmpty
      ? "expected \(expected), found \(found)" : "\(path): expected \(expected), found \(found)"
  }
}
