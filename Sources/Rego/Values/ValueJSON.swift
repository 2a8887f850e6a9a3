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
        + object.jsonMembers.map { "\(Format.quoted($0.name)):\($0.value.jsonText)" }.joined(separator: ",")
        + "}"
    }
  }
}

extension ObjectValue {
  /// The members as JSON has them, ascending by the bytes of their names: a key that is no string is named by its own JSON
  /// text, and of two with one name the last stays, as in OPA.
  var jsonMembers: [(name: String, value: Value)] {
    let named = members.map { member -> (name: String, value: Value) in
      if case .string(let text) = member.key {
        (text, member.value)
      } else {
        (member.key.jsonText, member.value)
      }
    }
    let areStrings = members.allSatisfy { if case .string = $0.key { true } else { false } }
    return areStrings ? named : ObjectValue(named.map { (.string($0.name), $0.value) }).jsonMembers
  }
}
