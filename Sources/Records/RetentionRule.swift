import Canonical

/// For how many days a tenant's files are kept that nobody speaks of (Docs/Decisions/027-retention.md).
public struct RetentionRule: Equatable, Sendable, JSONWritable {
  /// Whose; empty for every tenant.
  public var tenants: [String]
  /// Since a file's last record, or since a proposal that was not denied at once last named it; 1 to 36,500.
  public var days: Int

  package init(from fields: inout Fields) throws(RecordError) {
    tenants =
      try fields.optionalValue("tenants", "an array of at most 256 tenants") { json in
        json.array.flatMap { all -> [String]? in
          let names = all.compactMap(\.string).filter(Identifier.isValid)
          return names.count == all.count && names.count <= 256 ? names : nil
        }
      } ?? []
    days = try fields.integer("days", in: 1...36_500)
  }

  public var members: [(String, JSON)] {
    present([("tenants", tenants.isEmpty ? nil : .texts(tenants)), ("days", .integer(days))])
  }
}

extension [RetentionRule] {
  /// For how many days a tenant's files are kept: the first rule that names it, or names nobody, says so. Nil where none
  /// does: for ever.
  public func days(of tenant: String) -> Int? {
    first { $0.tenants.isEmpty || $0.tenants.contains(tenant) }?.days
  }
}
