import Canonical
import Crypto
import Records
import Testing

@testable import Simulator

/// Which receipt may count for an approval, read from the leaves alone.
struct ReceiptAuditTests {
  private static let time = Timestamp(nanoseconds: simulatedEpoch) ?? .epoch
  private static let cluster = SHA256.hash("a cluster")
  private static let agent = Principal.agent(tenant: "acme", name: "agent1")
  private let first = Principal.executor("executor1")
  private let second = Principal.executor("executor2")

  private static func key(_ name: String) throws -> SigningKey {
    var seed = SHA256.hash(name).bytes
    guard let key = SigningKey(seed: &seed) else { throw SimulationError.setup("a key") }
    return key
  }

  private static func enrolment(_ principal: Principal) throws -> Enrolment {
    Enrolment(
      principal: principal, key: try key(principal.path).publicKey, roles: [], tenantID: "", owner: "host",
      scopes: [], expiresAt: .distantFuture, incarnation: 1, isolationClasses: [.microvmTCG])
  }

  private func decision(_ token: String, for proposal: UInt64) -> Decision {
    let risk = RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low)
    let request = Proposal(
      traceID: "trace", requestID: "request", tenantID: "acme", workspaceID: "main", requestedBy: Self.agent,
      action: "echo", parametersHash: SHA256.hash("parameters"), scopes: ["text"], risk: risk,
      validUntil: .distantFuture)
    let grant = ApprovalGrant(
      tokenID: token, approvalScope: "echo", allowedScopes: ["text"], issuedAt: Self.time,
      expiresAt: Self.time.advanced(by: .seconds(15)), nonce: "nonce",
      constraints: Constraints(maximumCost: .zero, maximumRetries: 0, rateLimitPerMinute: 1),
      executorID: first, executorIncarnation: 1, isolationClass: .microvmTCG, humanAttestors: [],
      multiSigThreshold: 0)
    return Decision(
      decisionID: "decision-\(token)", decisionType: .approve, proposal: LeafIndex(proposal),
      proposalHash: SHA256.hash("leaf"), cause: LeafIndex(proposal), request: request, actionVersion: "1",
      constitutionVersion: "1.0.0", policyBundleHash: SHA256.hash("bundle"), rulesFired: [], rationale: "",
      decidedAt: Self.time, effectiveRisk: risk, grant: grant)
  }

  /// What is held against a receipt that `change` has spoiled, for the proposal at leaf 4.
  private func objection(
    signedBy signer: Principal? = nil, _ change: (inout Receipt) -> Void = { _ in }
  ) throws -> String? {
    var audit = LedgerAudit(
      enrolments: [try Self.enrolment(first), try Self.enrolment(second)], cluster: Self.cluster)
    let approval = decision("token", for: 4)
    _ = audit.take(Record(at: Self.time, body: .decision(approval)), at: 5, now: Self.time)
    _ = audit.take(Record(at: Self.time, body: .decision(decision("other", for: 6))), at: 7, now: Self.time)
    var receipt = Receipt(
      receiptID: "receipt", decision: approval, decisionIndex: LeafIndex(5),
      grant: try #require(approval.grant), executedAt: Self.time, finishedAt: Self.time, status: .succeeded,
      errorCode: "", resultHash: SHA256.hash("result"), truncated: false, isolationClass: .microvmTCG,
      guest: nil, imageDigest: "", cost: .zero, exfiltrationRisk: false, piiDetected: false,
      loopGuardTriggered: false, approvalNote: "")
    change(&receipt)
    let by = signer ?? receipt.executorID
    let signed = Signed.sign(
      receipt, cluster: Self.cluster, as: receipt.executorID, with: try Self.key(by.path))
    _ = audit.take(Record(at: Self.time, body: .receipt(signed)), at: 8, now: Self.time)
    return audit.objection(toReceipt: 8, of: 4)
  }

  @Test("the receipt of the executor that the approval names counts, and nobody else's")
  func named() throws {
    let right = try objection()
    #expect(right == nil)
    let another = try objection { $0.executorID = second }
    #expect(another?.contains("the approval names executor/executor1") == true)
    let forged = try objection(signedBy: second)
    #expect(forged?.contains("the approval names executor/executor1") == true)
    let incarnation = try objection { $0.executorIncarnation = 2 }
    #expect(incarnation != nil)
  }

  @Test("a receipt that is about another approval does not count")
  func about() throws {
    let leaf = try objection { $0.decision = LeafIndex(7) }
    #expect(leaf?.contains("for no approval of the proposal at leaf 4") == true)
    let nothing = try objection { $0.decision = LeafIndex(3) }
    #expect(nothing != nil)
    let token = try objection { $0.tokenID = "other" }
    #expect(token?.contains("about something else") == true)
    let parameters = try objection { $0.parametersHash = SHA256.hash("other parameters") }
    #expect(parameters != nil)
  }
}
