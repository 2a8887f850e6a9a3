import Canonical

/// A compiled JSON Schema: the part of draft 2020-12 that people use for parameters.
///
/// - any value: `type`, `enum`, `const`, `allOf`, `anyOf`, `oneOf`, `not`, `$ref` to `#` paths (acyclic)
/// - numbers: `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` (exact)
/// - strings: `minLength`, `maxLength` (in code points), `pattern` (see `Pattern`), `format`
///   (`date-time`, `date`, `uuid`, `ipv4`, `hostname`; asserted)
/// - arrays: `items`, `prefixItems`, `minItems`, `maxItems`, `uniqueItems`
/// - objects: `properties`, `required`, `additionalProperties`, `minProperties`, `maxProperties`
/// - without effect: `title`, `description`, `default`, `examples`, `$comment`, `$schema`, `$defs`
///
/// Every other keyword is refused when the schema is compiled. Validation visits each value at most
/// `maximumWeight` times, whatever the schema, so its work is linear in the value.
public struct Schema: Sendable {
  /// Most subschemas of one schema.
  public static let maximumNodes = 4096
  /// Most checks that one value can cause, references unfolded.
  public static let maximumWeight = 4096

  let nodes: [Node]
  let root: Int

  /// Compiles `json`; refuses what would not be enforced.
  public static func compile(_ json: JSON) throws(SchemaError) -> Schema {
    var compiler = Compiler(document: json)
    let root = try compiler.compile(json, at: "")
    try compiler.checkWeight()
    return Schema(nodes: compiler.finished, root: root)
  }

  /// Checks `value`; throws at the first thing that is wrong, in document order.
  public func validate(_ value: JSON) throws(ValidationError) {
    try Validator(schema: self).validate(value, against: root, at: .root)
  }
}

/// The kinds that `type` names.
enum Kind: String, CaseIterable, Sendable {
  case null, boolean, number, integer, string, array, object

  func matches(_ value: JSON) -> Bool {
    switch (self, value) {
    case (.null, .null), (.boolean, .bool), (.number, .number), (.string, .string), (.array, .array),
      (.object, .object):
      true
    case (.integer, .number(let number)): isWhole(number)
    case (.null, _), (.boolean, _), (.number, _), (.integer, _), (.string, _), (.array, _), (.object, _):
      false
    }
  }

  /// With its article, for messages.
  var text: String {
    switch self {
    case .null: "null"
    case .boolean: "a boolean"
    case .number: "a number"
    case .integer: "a whole number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// Beyond 2^53 every double is whole.
func isWhole(_ number: Double) -> Bool {
  number.magnitude >= 0x1p53 || Int64(exactly: number) != nil
}

/// One check of a subschema, in the order in which they are made.
enum Check: Sendable {
  case kinds([Kind])
  case oneOfValues([JSON])
  case constant(JSON)
  case minimum(Double, exclusive: Bool)
  case maximum(Double, exclusive: Bool)
  case multiple(Multiple)
  case length(ClosedRange<Int>)
  case pattern(Pattern)
  case format(Format)
  case itemCount(ClosedRange<Int>)
  case unique
  case items(prefix: [Int], rest: Int?)
  case propertyCount(ClosedRange<Int>)
  /// Ascending in canonical order.
  case required([String])
  /// Ascending in canonical order; `additional` is for every other member, nil for anything.
  case properties([(name: String, node: Int)], additional: Int?)
  case allOf([Int])
  case anyOf([Int])
  case oneOf([Int])
  case not(Int)
  case reference(Int)
}

/// A subschema.
enum Node: Sendable {
  case always
  case never
  case checks([Check])
}
