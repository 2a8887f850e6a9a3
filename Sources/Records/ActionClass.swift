import Canonical

/// What an action does that people must agree to, whatever it costs and puts at stake (INV-019, INV-020). The registry says of
/// each action which of these it is; the floor asks for the people, and no policy can lower that.
public enum ActionClass: String, Sendable, CaseIterable {
  /// Moves money.
  case money
  /// Deletes much at once.
  case deletion
  /// Changes roles or privileges.
  case privilege
  /// Rotates credentials, or has an account's owner consent to their use.
  case credentials
  /// Writes to many people.
  case messaging
  /// Destroys what production rests on, as a database.
  case destructive
  /// Switches protection off.
  case security
  /// Deploys executors, or what they run.
  case deployment

  /// How many people must agree.
  public var people: Int {
    switch self {
    case .money, .deletion, .privilege, .credentials, .messaging: 1
    case .destructive, .security, .deployment: 2
    }
  }
}

extension Fields {
  /// `classes`, none twice; empty where it is missing.
  mutating func optionalClasses() throws(RecordError) -> [ActionClass] {
    let names = ActionClass.allCases.map(\.rawValue).joined(separator: ", ")
    return try optionalValue("classes", "an array of one or more of \(names), none twice") { json in
      json.array.flatMap { values in
        let classes = values.compactMap { $0.string.flatMap(ActionClass.init(rawValue:)) }
        return !classes.isEmpty && classes.count == values.count && Set(classes).count == classes.count
          ? classes : nil
      }
    } ?? []
  }

  /// `tenants`; empty where it is missing.
  mutating func optionalTenants() throws(RecordError) -> [String] {
    try optionalValue("tenants", "an array of 1 to 64 tenants") { json in
      json.array.flatMap { values in
        let names = values.compactMap(\.string)
        return (1...64).contains(names.count) && names.count == values.count
          && names.allSatisfy(Identifier.isValid) ? names : nil
      }
    } ?? []
  }
}
