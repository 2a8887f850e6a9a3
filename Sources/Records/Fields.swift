import Canonical
import Crypto

/// Why bytes are not the record that they should be.
public enum RecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Not JSON that is admitted.
  case json(JSONError)
  /// Valid JSON, but not the one canonical text of its value.
  case notCanonical
  /// Longer than a record may be.
  case tooLong(limit: Int)
  /// A field that should be there, or should be something else.
  case field(String, expected: String)
  /// A field that has no meaning here.
  case unknownField(String)
  /// A type of record that this version does not know.
  case unknownType(String)

  public var description: String {
    switch self {
    case .json(let error): error.description
    case .notCanonical: "record: expected canonical JSON (RFC 8785)"
    case .tooLong(let limit): "record: longer than \(limit) bytes"
    case .field(let path, let expected): "\(path): expected \(expected)"
    case .unknownField(let path): "\(path): no such field here"
    case .unknownType(let type): "type: expected a known record type, found \"\(type)\""
    }
  }
}

/// Reads the members of one object by name, and at the end refuses those nobody asked for.
public struct Fields {
  private let object: JSONObject
  private let path: String
  private var read: [String] = []

  /// The members of `value`, which must be an object; `path` names it in errors.
  public init(_ value: JSON, at path: String = "") throws(RecordError) {
    guard case .object(let object) = value else {
      throw .field(path.isEmpty ? "record" : path, expected: "an object, found \(value.kind)")
    }
    self.object = object
    self.path = path
  }

  /// The full name of a field.
  public func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

  /// Refuses members that were not asked for.
  public func finish() throws(RecordError) {
    for member in object.members where !read.contains(member.name) {
      throw .unknownField(name(String(member.name.prefix(64))))
    }
  }

  /// The value, or nil where the field is absent.
  public mutating func optional(_ field: String) -> JSON? {
    read.append(field)
    return object[field]
  }

  /// The value.
  public mutating func required(_ field: String) throws(RecordError) -> JSON {
    guard let value = optional(field) else { throw .field(name(field), expected: "a value") }
    return value
  }

  /// Reads a value by `convert`, which gives nil for what is not `expected`.
  public mutating func value<T>(
    _ field: String, _ expected: @autoclosure () -> String, _ convert: (JSON) -> T?
  ) throws(RecordError) -> T {
    guard let value = optional(field), let converted = convert(value) else {
      throw .field(name(field), expected: expected())
    }
    return converted
  }

  /// Like `value`, nil where the field is absent.
  public mutating func optionalValue<T>(
    _ field: String, _ expected: @autoclosure () -> String, _ convert: (JSON) -> T?
  ) throws(RecordError) -> T? {
    guard let value = optional(field) else { return nil }
    guard let converted = convert(value) else { throw .field(name(field), expected: expected()) }
    return converted
  }

  /// Text of at most `limit` bytes.
  public mutating func text(_ field: String, limit: Int = 1024) throws(RecordError) -> String {
    try value(field, "text of at most \(limit) bytes") { json in
      json.string.flatMap { $0.utf8.count <= limit ? $0 : nil }
    }
  }

  /// An identifier.
  public mutating func identifier(_ field: String) throws(RecordError) -> String {
    try value(field, "1 to 128 of A-Z a-z 0-9 . _ : @ -") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
  }

  /// A time.
  public mutating func time(_ field: String) throws(RecordError) -> Timestamp {
    try value(field, "a time as 2026-01-31T23:59:59Z (RFC 3339, UTC)") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
  }

  /// Money.
  public mutating func money(_ field: String) throws(RecordError) -> MicroUSD {
    try value(field, "dollars as a decimal string such as \"12.5\", at most six decimals") { json in
      json.string.flatMap(MicroUSD.init(text:))
    }
  }

  /// A SHA-256 digest.
  public mutating func digest(_ field: String) throws(RecordError) -> Digest {
    try value(field, "a SHA-256 digest, 64 lower-case hexadecimal characters") { json in
      json.string.flatMap(Digest.init(hex:))
    }
  }

  /// A digest, nil where absent.
  public mutating func optionalDigest(_ field: String) throws(RecordError) -> Digest? {
    try optionalValue(field, "a SHA-256 digest, 64 lower-case hexadecimal characters") { json in
      json.string.flatMap(Digest.init(hex:))
    }
  }

  /// An Ed25519 public key.
  public mutating func publicKey(_ field: String) throws(RecordError) -> PublicKey {
    try value(field, "an Ed25519 public key, 64 lower-case hexadecimal characters") { json in
      json.string.flatMap(PublicKey.init(hex:))
    }
  }

  /// A principal.
  public mutating func principal(_ field: String) throws(RecordError) -> Principal {
    try value(field, "a principal such as tenant/<t>/agent/<a> or operator/<o>") { json in
      json.string.flatMap(Principal.init(path:))
    }
  }

  /// A whole number within `range`.
  public mutating func integer(_ field: String, in range: ClosedRange<Int>) throws(RecordError) -> Int {
    try value(field, "a whole number from \(range.lowerBound) to \(range.upperBound)") { json in
      json.integer.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A position in the ledger.
  public mutating func leafIndex(_ field: String) throws(RecordError) -> LeafIndex {
    LeafIndex(UInt64(try integer(field, in: 0...(1 << 53))))
  }

  /// A leaf index, nil where absent.
  public mutating func optionalLeaf(_ field: String) throws(RecordError) -> LeafIndex? {
    try optionalValue(field, "a leaf index") { json in
      json.integer.flatMap { $0 >= 0 ? LeafIndex(UInt64($0)) : nil }
    }
  }

  /// A boolean.
  public mutating func bool(_ field: String) throws(RecordError) -> Bool {
    try value(field, "true or false", \.bool)
  }

  /// One of an enumeration's names.
  public mutating func choice<T: RawRepresentable & CaseIterable>(
    _ field: String, _: T.Type = T.self
  ) throws(RecordError) -> T where T.RawValue == String {
    try value(field, "one of \(T.allCases.map(\.rawValue).joined(separator: ", "))") { json in
      json.string.flatMap(T.init(rawValue:))
    }
  }

  /// An array of at most `limit` elements, each read by `convert`.
  public mutating func list<T>(
    _ field: String, limit: Int, of expected: String, _ convert: (JSON) -> T?
  ) throws(RecordError) -> [T] {
    try value(field, "an array of at most \(limit): \(expected)") { json -> [T]? in
      guard let array = json.array, array.count <= limit else { return nil }
      var out: [T] = []
      for element in array {
        guard let item = convert(element) else { return nil }
        out.append(item)
      }
      return out
    }
  }

  /// An array of identifiers.
  public mutating func identifiers(_ field: String, limit: Int = 64) throws(RecordError) -> [String] {
    try list(field, limit: limit, of: "identifiers") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
  }

  /// A nested object, read by `body`, which need not call `finish`.
  public mutating func nested<T>(
    _ field: String, _ body: (inout Fields) throws(RecordError) -> T
  ) throws(RecordError) -> T {
    var inner = try Fields(try required(field), at: name(field))
    let value = try body(&inner)
    try inner.finish()
    return value
  }

  /// A nested object, nil where absent.
  public mutating func optionalNested<T>(
    _ field: String, _ body: (inout Fields) throws(RecordError) -> T
  ) throws(RecordError) -> T? {
    guard object[field] != nil else {
      read.append(field)
      return nil
    }
    return try nested(field, body)
  }

  /// As `objects`, nil where absent.
  public mutating func optionalObjects<T>(
    _ field: String, limit: Int, _ body: (inout Fields) throws(RecordError) -> T
  ) throws(RecordError) -> [T]? {
    guard object[field] != nil else {
      read.append(field)
      return nil
    }
    return try objects(field, limit: limit, body)
  }

  /// An array of objects of at most `limit` elements.
  public mutating func objects<T>(
    _ field: String, limit: Int, _ body: (inout Fields) throws(RecordError) -> T
  ) throws(RecordError) -> [T] {
    guard let array = try required(field).array, array.count <= limit else {
      throw .field(name(field), expected: "an array of at most \(limit) objects")
    }
    var out: [T] = []
    for (position, element) in array.enumerated() {
      var inner = try Fields(element, at: "\(name(field))[\(position)]")
      out.append(try body(&inner))
      try inner.finish()
    }
    return out
  }
}

/// What is written as an object.
public protocol JSONWritable {
  /// The members; the order does not matter.
  var members: [(String, JSON)] { get }
}

extension JSONWritable {
  /// The object.
  public var json: JSON { .object(members) }
}

extension JSON {
  package static func time(_ value: Timestamp) -> JSON { .string(value.text) }
  package static func money(_ value: MicroUSD) -> JSON { .string(value.text) }
  package static func digest(_ value: Digest) -> JSON { .string(value.hex) }
  /// What lies beyond every ledger is said as the last number that is read: a node may have named it, and there is no
  /// such leaf either.
  package static func index(_ value: LeafIndex) -> JSON { .integer(Int(min(value.value, 1 << 53))) }
  package static func texts(_ values: [String]) -> JSON { .array(values.map(JSON.string)) }
}

/// Members without those that are absent.
package func present(_ members: [(String, JSON?)]) -> [(String, JSON)] {
  members.compactMap { name, value in value.map { (name, $0) } }
}
