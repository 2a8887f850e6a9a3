import Canonical

/// Where in a value the validator is; becomes text only when something is wrong.
indirect enum Place {
  case root
  case member(String, of: Place)
  case element(Int, of: Place)

  /// JSON Pointer.
  var path: String {
    switch self {
    case .root: ""
    case .member(let name, let parent): "\(parent.path)/\(name)"
    case .element(let index, let parent): "\(parent.path)/\(index)"
    }
  }
}

/// Walks a value along a schema. Its depth is bounded by the value's and by `Schema.maximumWeight`.
struct Validator {
  let schema: Schema

  func validate(_ value: JSON, against node: Int, at place: Place) throws(ValidationError) {
    switch schema.nodes[node] {
    case .always: return
    case .never: throw error(place, "nothing here", value)
    case .checks(let checks):
      for check in checks { try apply(check, to: value, at: place) }
    }
  }

  private func isValid(_ value: JSON, against node: Int, at place: Place) -> Bool {
    do {
      try validate(value, against: node, at: place)
      return true
    } catch {
      return false
    }
  }

  private func error(_ place: Place, _ expected: String, _ value: JSON) -> ValidationError {
    ValidationError(path: place.path, expected: expected, found: value.kind)
  }

  private func apply(_ check: Check, to value: JSON, at place: Place) throws(ValidationError) {
    switch check {
    case .kinds(let kinds):
      guard kinds.contains(where: { $0.matches(value) }) else {
        throw error(place, kinds.map(\.text).joined(separator: " or "), value)
      }
    case .oneOfValues(let values):
      guard values.contains(value) else {
        throw error(place, "one of \(values.count) listed values", value)
      }
    case .constant(let constant):
      guard value == constant else { throw error(place, "the one value that is allowed here", value) }
    case .minimum, .maximum, .multiple: try applyNumber(check, to: value, at: place)
    case .length, .pattern, .format: try applyString(check, to: value, at: place)
    case .itemCount, .unique, .items: try applyArray(check, to: value, at: place)
    case .propertyCount, .required, .properties: try applyObject(check, to: value, at: place)
    case .reference(let target): try validate(value, against: target, at: place)
    case .allOf(let list): for node in list { try validate(value, against: node, at: place) }
    case .anyOf(let list):
      guard list.contains(where: { isValid(value, against: $0, at: place) }) else {
        throw error(place, "a value that matches at least one of \(list.count) alternatives", value)
      }
    case .oneOf(let list):
      let matches = list.count { isValid(value, against: $0, at: place) }
      guard matches == 1 else {
        throw ValidationError(
          path: place.path, expected: "a value that matches exactly one of \(list.count) alternatives",
          found: "one that matches \(matches)")
      }
    case .not(let node):
      guard !isValid(value, against: node, at: place) else {
        throw error(place, "a value that is not of the excluded form", value)
      }
    }
  }

  private func applyNumber(_ check: Check, to value: JSON, at place: Place) throws(ValidationError) {
    guard case .number(let number) = value else { return }
    switch check {
    case .minimum(let bound, let exclusive):
      guard exclusive ? number > bound : number >= bound else {
        throw error(place, "\(exclusive ? "above" : "at least") \(JSON.number(bound).canonical)", value)
      }
    case .maximum(let bound, let exclusive):
      guard exclusive ? number < bound : number <= bound else {
        throw error(place, "\(exclusive ? "below" : "at most") \(JSON.number(bound).canonical)", value)
      }
    case .multiple(let multiple):
      guard multiple.divides(value.canonical) else {
        throw error(place, "a multiple of \(multiple.text)", value)
      }
    default: preconditionFailure("only checks of numbers come here")
    }
  }

  private func applyString(_ check: Check, to value: JSON, at place: Place) throws(ValidationError) {
    guard case .string(let text) = value else { return }
    switch check {
    case .length(let range):
      let count = text.unicodeScalars.count
      guard range.contains(count) else {
        throw ValidationError(
          path: place.path, expected: "\(words(range)) characters", found: "\(count)")
      }
    case .pattern(let pattern):
      guard pattern.matches(text) else {
        throw error(place, "text that matches the pattern \(pattern.source)", value)
      }
    case .format(let format):
      guard format.matches(text) else {
        throw error(place, "text in the format \(format.rawValue)", value)
      }
    default: preconditionFailure("only checks of strings come here")
    }
  }

  private func applyArray(_ check: Check, to value: JSON, at place: Place) throws(ValidationError) {
    guard case .array(let elements) = value else { return }
    switch check {
    case .itemCount(let range):
      guard range.contains(elements.count) else {
        throw ValidationError(
          path: place.path, expected: "\(words(range)) elements", found: "\(elements.count)")
      }
    case .unique:
      // Equal values have equal canonical bytes, so sorting finds them in n log n.
      let sorted = elements.map { $0.canonicalBytes() }.sorted { $0.lexicographicallyPrecedes($1) }
      guard zip(sorted, sorted.dropFirst()).allSatisfy({ $0 != $1 }) else {
        throw ValidationError(
          path: place.path, expected: "elements that all differ", found: "two that are equal")
      }
    case .items(let prefix, let rest):
      for (position, element) in elements.enumerated() {
        guard let node = position < prefix.count ? prefix[position] : rest else { return }
        try validate(element, against: node, at: .element(position, of: place))
      }
    default: preconditionFailure("only checks of arrays come here")
    }
  }

  private func applyObject(_ check: Check, to value: JSON, at place: Place) throws(ValidationError) {
    guard case .object(let object) = value else { return }
    switch check {
    case .propertyCount(let range):
      guard range.contains(object.members.count) else {
        throw ValidationError(
          path: place.path, expected: "\(words(range)) members", found: "\(object.members.count)")
      }
    case .required(let names):
      for name in names where object[name] == nil {
        throw ValidationError(
          path: place.path, expected: "a member \"\(name)\"", found: "none of that name")
      }
    case .properties(let properties, let additional):
      try applyMembers(object, properties, additional, at: place)
    default: preconditionFailure("only checks of objects come here")
    }
  }

  /// Both lists stand in canonical order, so one walk along the two meets every pair.
  private func applyMembers(
    _ object: JSONObject, _ properties: [(name: String, node: Int)], _ additional: Int?, at place: Place
  ) throws(ValidationError) {
    var next = 0
    for member in object.members {
      while next < properties.count, canonicalOrder(properties[next].name, member.name) == .ascending {
        next += 1
      }
      if next < properties.count, canonicalOrder(properties[next].name, member.name) == .same {
        try validate(
          member.value, against: properties[next].node, at: .member(properties[next].name, of: place))
      } else if let additional {
        if case .never = schema.nodes[additional] {
          throw ValidationError(
            path: place.path, expected: "no members but those declared", found: "another one")
        }
        try validate(member.value, against: additional, at: .member("*", of: place))
      }
    }
  }

  private func words(_ range: ClosedRange<Int>) -> String {
    if range.upperBound == .max { return "at least \(range.lowerBound)" }
    if range.lowerBound == 0 { return "at most \(range.upperBound)" }
    return "\(range.lowerBound) to \(range.upperBound)"
  }
}
