import Canonical

extension Value {
  /// A JSON value.
  public init(_ json: JSON) {
    switch json {
    case .null: self = .null
    case .bool(let flag): self = .bool(flag)
    case .number(let value): self = .number(Number(value) ?? .small(0))
    case .string(let text): self = .string(text)
    case .array(let values): self = .array(values.map(Value.init))
    case .object(let object):
      self = .object(ObjectValue(object.members.map { (.string($0.name), Value($0.value)) }))
    }
  }

  /// JSON text of the value: sets are arrays, and keys that are no strings are the text that Rego writes. `indent` is for people.
  public var jsonText: String {
    switch self {
    case .null, .bool, .number: Format.rego(self)
    case .string(let text): Format.quoted(text)
    case .array(let values): "[" + values.map(\.jsonText).joined(separator: ",") + "]"
    case .set(let set): "[" + set.elements.map(\.jsonText).joined(separator: ",") + "]"
    case .object(let object):
      "{"
        + object.members.map { member in
          let key = if case .string(let text) = member.key { text } else { member.key.jsonText }
          return "\(Format.quoted(key)):\(member.value.jsonText)"
        }.joined(separator: ",") + "}"
    }
  }
}
