import Canonical

/// Turns a document into nodes; each place of the document becomes one node, however often it is
/// referred to.
struct Compiler {
  private let document: JSON
  /// Nil while the node is being compiled: a reference to it then is a cycle.
  private var nodes: [Node?] = []
  /// Ascending by pointer.
  private var places: [(pointer: String, node: Int)] = []

  init(document: JSON) { self.document = document }

  var finished: [Node] { nodes.map { $0 ?? .never } }

  mutating func compile(_ json: JSON, at path: String) throws(SchemaError) -> Int {
    if let known = node(at: path) {
      guard nodes[known] != nil else { throw SchemaError(path: path, reason: .cyclicReference("#\(path)")) }
      return known
    }
    guard nodes.count < Schema.maximumNodes else {
      throw SchemaError(path: path, reason: .tooLarge(limit: Schema.maximumNodes))
    }
    let index = nodes.count
    nodes.append(nil)
    places.insert((path, index), at: position(of: path))
    switch json {
    case .bool(let value): nodes[index] = value ? .always : .never
    case .object(let object): nodes[index] = .checks(try checks(object, at: path))
    case .null, .number, .string, .array:
      throw SchemaError(path: path, reason: .expected("an object or a boolean, found \(json.kind)"))
    }
    return index
  }

  private func position(of path: String) -> Int {
    var low = 0
    var high = places.count
    while low < high {
      let middle = (low + high) / 2
      if canonicalOrder(places[middle].pointer, path) == .ascending {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  private func node(at path: String) -> Int? {
    let position = position(of: path)
    guard position < places.count, canonicalOrder(places[position].pointer, path) == .same else { return nil }
    return places[position].node
  }

  // MARK: Keywords

  private mutating func checks(_ object: JSONObject, at path: String) throws(SchemaError) -> [Check] {
    var checks: [Check] = []
    for member in object.members {
      let reader = KeywordReader(value: member.value, path: "\(path)/\(escaped(member.name))")
      switch member.name {
      case "title", "description", "default", "examples", "$comment": break
      case "$schema":
        guard member.value.string == "https://json-schema.org/draft/2020-12/schema" else {
          throw reader.expected("https://json-schema.org/draft/2020-12/schema")
        }
      case "$defs":
        for definition in try reader.object().members {
          _ = try compile(definition.value, at: "\(reader.path)/\(escaped(definition.name))")
        }
      case "type": checks.append(.kinds(try reader.kinds()))
      case "enum": checks.append(.oneOfValues(try reader.values()))
      case "const": checks.append(.constant(member.value))
      case "minimum": checks.append(.minimum(try reader.number(), exclusive: false))
      case "exclusiveMinimum": checks.append(.minimum(try reader.number(), exclusive: true))
      case "maximum": checks.append(.maximum(try reader.number(), exclusive: false))
      case "exclusiveMaximum": checks.append(.maximum(try reader.number(), exclusive: true))
      case "multipleOf": checks.append(.multiple(try reader.multiple()))
      case "pattern": checks.append(.pattern(try reader.pattern()))
      case "format": checks.append(.format(try reader.format()))
      case "uniqueItems": if try reader.bool() { checks.append(.unique) }
      case "required": checks.append(.required(try reader.names()))
      case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
        _ = try reader.count()
      case "properties", "additionalProperties", "items", "prefixItems": break
      case "allOf": checks.append(.allOf(try list(reader)))
      case "anyOf": checks.append(.anyOf(try list(reader)))
      case "oneOf": checks.append(.oneOf(try list(reader)))
      case "not": checks.append(.not(try compile(member.value, at: reader.path)))
      case "$ref": checks.append(.reference(try reference(reader)))
      default: throw SchemaError(path: path, reason: .unsupportedKeyword(member.name))
      }
    }
    if let range = try range(object, "minLength", "maxLength", at: path) { checks.append(.length(range)) }
    if let range = try range(object, "minItems", "maxItems", at: path) { checks.append(.itemCount(range)) }
    if let range = try range(object, "minProperties", "maxProperties", at: path) {
      checks.append(.propertyCount(range))
    }
    if let check = try items(object, at: path) { checks.append(check) }
    if let check = try properties(object, at: path) { checks.append(check) }
    return checks.sorted { $0.rank < $1.rank }
  }

  private func range(_ object: JSONObject, _ low: String, _ high: String, at path: String)
    throws(SchemaError) -> ClosedRange<Int>?
  {
    guard object[low] != nil || object[high] != nil else { return nil }
    let lower = object[low]?.integer ?? 0
    let upper = object[high]?.integer ?? .max
    guard lower <= upper else {
      throw SchemaError(path: path, reason: .expected("\(low) of at most \(high)"))
    }
    return lower...upper
  }

  private mutating func list(_ reader: KeywordReader) throws(SchemaError) -> [Int] {
    guard let array = reader.value.array, !array.isEmpty else {
      throw reader.expected("an array of at least one schema")
    }
    var out: [Int] = []
    for (position, element) in array.enumerated() {
      out.append(try compile(element, at: "\(reader.path)/\(position)"))
    }
    return out
  }

  private mutating func items(_ object: JSONObject, at path: String) throws(SchemaError) -> Check? {
    var prefix: [Int] = []
    if let value = object["prefixItems"] {
      prefix = try list(KeywordReader(value: value, path: "\(path)/prefixItems"))
    }
    var rest: Int?
    if let value = object["items"] { rest = try compile(value, at: "\(path)/items") }
    return prefix.isEmpty && rest == nil ? nil : .items(prefix: prefix, rest: rest)
  }

  private mutating func properties(_ object: JSONObject, at path: String) throws(SchemaError) -> Check? {
    var properties: [(name: String, node: Int)] = []
    if let value = object["properties"] {
      let reader = KeywordReader(value: value, path: "\(path)/properties")
      for member in try reader.object().members {
        let node = try compile(member.value, at: "\(reader.path)/\(escaped(member.name))")
        properties.append((member.name, node))
      }
    }
    var additional: Int?
    if let value = object["additionalProperties"] {
      additional = try compile(value, at: "\(path)/additionalProperties")
    }
    return properties.isEmpty && additional == nil
      ? nil : .properties(properties, additional: additional)
  }

  // MARK: References

  private mutating func reference(_ reader: KeywordReader) throws(SchemaError) -> Int {
    guard let text = reader.value.string, text.hasPrefix("#/") || text == "#" else {
      throw SchemaError(
        path: reader.path, reason: .unresolvedReference(reader.value.string ?? reader.value.kind))
    }
    let path = String(text.dropFirst())
    var place = document
    for part in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      guard let next = step(from: place, to: String(part)) else {
        throw SchemaError(path: reader.path, reason: .unresolvedReference(text))
      }
      place = next
    }
    if let known = node(at: path), nodes[known] == nil {
      throw SchemaError(path: reader.path, reason: .cyclicReference(text))
    }
    return try compile(place, at: path)
  }

  private func step(from place: JSON, to part: String) -> JSON? {
    switch place {
    case .object(let object): return object[unescaped(part)]
    case .array(let array):
      guard let position = Int(part), String(position) == part, array.indices.contains(position) else {
        return nil
      }
      return array[position]
    case .null, .bool, .number, .string: return nil
    }
  }

  // MARK: Weight

  /// Refuses a schema that would visit one value too often: references make a document of n places
  /// stand for 2^n checks, which is counted here and not at each validation.
  func checkWeight() throws(SchemaError) {
    var weights = [Int?](repeating: nil, count: nodes.count)
    for (pointer, node) in places where weight(of: node, &weights) > Schema.maximumWeight {
      throw SchemaError(path: pointer, reason: .tooComplex(limit: Schema.maximumWeight))
    }
  }

  /// Checks that a node makes on one value, those of its children on the value's own children apart.
  /// The recursion ends: references are acyclic.
  private func weight(of index: Int, _ weights: inout [Int?]) -> Int {
    if let known = weights[index] { return known }
    var total = 1
    if case .checks(let checks) = nodes[index] {
      for check in checks {
        switch check {
        case .allOf(let list), .anyOf(let list), .oneOf(let list):
          for child in list { total += weight(of: child, &weights) }
        case .not(let child), .reference(let child): total += weight(of: child, &weights)
        case .oneOfValues(let values): total += values.count
        case .kinds, .constant, .minimum, .maximum, .multiple, .length, .pattern, .format, .itemCount,
          .unique, .items, .propertyCount, .required, .properties:
          total += 1
        }
        total = min(total, Schema.maximumWeight + 1)
      }
    }
    weights[index] = total
    return total
  }
}

/// RFC 6901 §3.
private func escaped(_ name: String) -> String {
  String(name.flatMap { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) })
}

private func unescaped(_ part: String) -> String {
  var out = ""
  var isEscaped = false
  for character in part {
    if isEscaped {
      out.append(character == "1" ? "/" : character == "0" ? "~" : character)
      isEscaped = false
    } else if character == "~" {
      isEscaped = true
    } else {
      out.append(character)
    }
  }
  return out
}

extension Check {
  /// Cheap checks first, so that a wrong kind is what an error names.
  fileprivate var rank: Int {
    switch self {
    case .kinds: 0
    case .constant, .oneOfValues: 1
    case .minimum, .maximum, .multiple, .length, .itemCount, .propertyCount: 2
    case .pattern, .format, .required: 3
    case .properties, .items: 4
    case .unique: 5
    case .reference, .allOf, .anyOf, .oneOf, .not: 6
    }
  }
}
