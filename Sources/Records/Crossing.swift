import Canonical

/// What a proposal reads beyond its own tenant: files of one workspace of another, with the consent of both (INV-008).
public struct Crossing: Hashable, Sendable, JSONWritable {
  /// The other tenant.
  public var tenantID: String
  /// Its workspace, where inputs are that are not in the proposal's own.
  public var workspaceID: String

  /// A crossing.
  public init(tenantID: String, workspaceID: String) {
    self.tenantID = tenantID
    self.workspaceID = workspaceID
  }

  package init(from fields: inout Fields) throws(RecordError) {
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
  }

  public var members: [(String, JSON)] {
    [("tenant_id", .string(tenantID)), ("workspace_id", .string(workspaceID))]
  }
}

extension Decision {
  /// Whether what it approves may read files of a workspace.
  public func mayRead(tenant: String, workspace: String) -> Bool {
    tenantID == tenant && workspaceID == workspace
      || crossing == Crossing(tenantID: tenant, workspaceID: workspace)
  }
}

extension RestrictionList {
  /// The entry that forbids what a decision approves, for the tenant that asked or the one that it reads from.
  public func forbids(_ decision: Decision, tokenID: String, executor: Principal) -> Entry? {
    let tenants = [decision.tenantID] + (decision.crossing.map { [$0.tenantID] } ?? [])
    return tenants.lazy.compactMap { tenant in
      forbids(tokenID: tokenID, tenant: tenant, agent: decision.requestedBy, executor: executor)
    }.first
  }
}
