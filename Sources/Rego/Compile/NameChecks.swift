extension Module {
  /// Refuses rules and imports that would hide `input`, `data` or each other.
  func checkNames() throws(RegoSyntaxError) {
    func fault(_ message: String, _ location: Location) -> RegoSyntaxError {
      RegoSyntaxError(
        code: .compile, location: location, message: message, line: source.line(location.line))
    }
    var known: [String: Import] = [:]
    for new in imports {
      if new.alias == "input" && new.path != ["input"] || new.alias == "data" && new.path != ["data"] {
        throw fault("imports must not shadow \(new.alias) (use 'as' with another name)", new.location)
      }
      if let other = known[new.alias] {
        throw fault("import must not shadow import \(other.path.joined(separator: "."))", new.location)
      }
      known[new.alias] = new
    }
    for rule in rules {
      guard case .value(.string(let name))? = rule.head.path.first, name == "input" || name == "data" else {
        continue
      }
      throw fault("rules must not shadow \(name) (use a different rule name)", rule.location)
    }
  }
}
