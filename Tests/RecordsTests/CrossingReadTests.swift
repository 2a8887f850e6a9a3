import Records
import Testing

/// What an approval may read: its own workspace, and the one workspace of the one tenant that it crosses to (Decision 021).
struct CrossingReadTests {
  private func decision(crossing: Crossing?) -> Decision {
    var request = Samples.proposal
    (request.tenantID, request.workspaceID, request.crossing) = ("acme", "main", crossing)
    return Decision(
      decisionID: "d", decisionType: .approve, proposal: LeafIndex(4), proposalHash: Samples.digest,
      cause: LeafIndex(5), request: request, actionVersion: "1", constitutionVersion: "1.0.0",
      policyBundleHash: Samples.digest, rulesFired: [], rationale: "", decidedAt: Samples.time,
      effectiveRisk: Samples.risk, grant: Samples.grant)
  }

  @Test("tenant and workspace both have to be the approval's, or both the crossing's")
  func pairs() {
    let crossing = decision(crossing: Crossing(tenantID: "rival", workspaceID: "shared"))
    let plain = decision(crossing: nil)
    for (tenant, workspace, byCrossing, byPlain) in [
      ("acme", "main", true, true), ("rival", "shared", true, false), ("acme", "shared", false, false),
      ("rival", "main", false, false), ("acme", "other", false, false), ("third", "main", false, false),
      ("third", "shared", false, false), ("", "", false, false),
    ] {
      #expect(crossing.mayRead(tenant: tenant, workspace: workspace) == byCrossing, "\(tenant)/\(workspace)")
      #expect(plain.mayRead(tenant: tenant, workspace: workspace) == byPlain, "\(tenant)/\(workspace)")
    }
  }
}
