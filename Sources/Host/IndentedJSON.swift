import Canonical

extension JSON {
  /// The value for people and version control: members in canonical order, two spaces a level, a newline
  /// at the end. Empty and plain values stay on their line.
  public var indented: String {
    var out = ""
    write(into: &out, indent: "")
    return out + "\n"
  }

  private func write(into out: inout String, indent: String) {
    let inner = indent + "  "
    switch self {
    case .array(let elements) where !elements.isEmpty:
      out += "["
      for (position, element) in elements.enumerated() {
        out += position == 0 ? "\n\(inner)" : ",\n\(inner)"
        element.write(into: &out, indent: inner)
      }
      out += "\n\(indent)]"
    case .object(let object) where !object.members.isEmpty:
      out += "{"
      for (position, member) in object.members.enumerated() {
        out += position == 0 ? "\n\(inner)" : ",\n\(inner)"
        out += JSON.string(member.name).canonical + ": "
        member.value.write(into: &out, indent: inner)
      }
      out += "\n\(indent)}"
    case .null, .bool, .number, .string, .array, .object: out += canonical
    }
  }
}
