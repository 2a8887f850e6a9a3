import Canonical

/// Reads the value of one keyword.
struct KeywordReader {
  let value: JSON
  /// JSON Pointer to the keyword.
  let path: String

  func expected(_ what: String) -> SchemaError {
    SchemaError(path: path, reason: .expected("\(what), found \(value.kind)"))
  }

  func object() throws(SchemaError) -> JSONObject {
    guard case .object(let object) = value else { throw expected("an object") }
    return object
  }

  func bool() throws(SchemaError) -> Bool {
    guard let bool = value.bool else { throw expected("true or false") }
    return bool
  }

  func number() throws(SchemaError) -> Double {
    guard let number = value.number else { throw expected("a number") }
    return number
  }

  func count() throws(SchemaError) -> Int {
    guard let count = value.integer, count >= 0 else { throw expected("a whole number of at least 0") }
    return count
  }

  func multiple() throws(SchemaError) -> Multiple {
    guard value.number != nil, let multiple = Multiple(of: value.canonical) else {
      throw expected("a number above 0 of at most 18 digits")
    }
    return multiple
  }

  func kinds() throws(SchemaError) -> [Kind] {
    let names = value.array ?? [value]
    let kinds = names.compactMap { $0.string.flatMap(Kind.init(rawValue:)) }
    guard kinds.count == names.count, !kinds.isEmpty, Set(kinds).count == kinds.count else {
      throw expected("one of \(Kind.allCases.map(\.rawValue).joined(separator: ", ")), or an array of them")
    }
    return kinds
  }

  func values() throws(SchemaError) -> [JSON] {
    guard let values = value.array, !values.isEmpty else { throw expected("an array of at least one value") }
    return values
  }

  func names() throws(SchemaError) -> [String] {
    guard let array = value.array else { throw expected("an array of names") }
    let names = array.compactMap(\.string)
    let sorted = names.sorted { canonicalOrder($0, $1) == .ascending }
    guard names.count == array.count,
      zip(sorted, sorted.dropFirst()).allSatisfy({ canonicalOrder($0, $1) == .ascending })
    else { throw expected("an array of names, none twice") }
    return sorted
  }

  func format() throws(SchemaError) -> Format {
    guard let format = value.string.flatMap(Format.init(rawValue:)) else {
      throw expected("one of \(Format.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return format
  }

  func pattern() throws(SchemaError) -> Pattern {
    guard let text = value.string else { throw expected("a regular expression") }
    do {
      return try Pattern(text)
    } catch {
      throw SchemaError(path: path, reason: .expected("a supported regular expression: \(error)"))
    }
  }
}
