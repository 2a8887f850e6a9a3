import ClawShield
import Crypto
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Those who propose and vote in a rig.
extension Rig {
  static let agent = Principal.agent(tenant: "acme", name: "rig")

  /// Who approves for another tenant alone.
  static let stranger = Principal.approver("rig-stranger")

  static func company(agent key: PublicKey, _ first: PublicKey, _ second: PublicKey) -> [Enrolment] {
    var seed = SHA256.hash("rig-stranger").bytes
    guard let strangers = SigningKey(seed: &seed) else { preconditionFailure("32 bytes are a seed") }
    return [
      Enrolment(
        principal: stranger, key: strangers.publicKey, roles: ["approver"], tenantID: "rival",
        owner: "rig-stranger", expiresAt: .distantFuture),
      Enrolment(
        principal: agent, key: key, tenantID: "acme", owner: "rig-owner", scopes: ["text", "production"],
        expiresAt: .distantFuture),
      Enrolment(
        principal: .approver("rig1"), key: first, roles: ["approver"], owner: "rig1",
        expiresAt: .distantFuture),
      Enrolment(
        principal: .approver("rig2"), key: second, roles: ["approver"], owner: "rig2",
        expiresAt: .distantFuture),
    ]
  }

  /// The party's own key.
  func partyKey() -> SigningKey {
    var seed = party.keySeed
    guard let key = SigningKey(seed: &seed) else { preconditionFailure("32 bytes are a seed") }
    return key
  }

  /// An executor says that it is here.
  func enlist() {
    let request = EnlistRequest(incarnation: 1, challenge: random.bytes(32))
    step(
      .call(
        ClientCall(
          key: CallKey(connection: 8, call: random.next()), caller: .executor("executor1"),
          method: Method.enlist.path, payload: request.encode())))
  }

  private func submit(_ body: RecordBody, _ attachment: Records.Attachment) {
    perform { node, _, effects in
      node.submit(Submission(body: body, attachment: attachment, purpose: nil), into: &effects)
    }
    for _ in 0..<4 { step(.tick) }
  }

  /// Proposes an action; the proposal's leaf, final.
  func propose(_ action: String) throws -> LeafIndex {
    enlist()
    let item = Records.Attachment.Item(salt: random.bytes(16), value: ["text": "hello"])
    let id = "rig-\(random.next())"
    let content = Proposal(
      traceID: id, requestID: id, tenantID: "acme", workspaceID: "main", requestedBy: Rig.agent,
      action: action,
      parametersHash: item.hash, scopes: [action == "deploy" ? "production" : "text"],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low), inputs: [],
      depth: 0,
      validUntil: node.now.wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(content, cluster: node.cluster, as: Rig.agent, with: agentKey)
    submit(.proposal(signed), Records.Attachment("parameters", item))
    return try #require(node.overlay.final.proposalView(agent: Rig.agent, requestID: id)?.index)
  }

  /// Both approvers approve.
  func approve(_ leaf: LeafIndex) throws {
    enlist()
    try vote(leaf, .approver("rig1"), firstApproverKey)
    try vote(leaf, .approver("rig2"), secondApproverKey)
  }

  private func vote(_ leaf: LeafIndex, _ voter: Principal, _ key: borrowing SigningKey) throws {
    let view = try #require(node.overlay.final.proposalView(at: leaf))
    let reason = Records.Attachment.Item(salt: random.bytes(16), value: "looked at it")
    let ballot = Ballot(
      proposal: leaf, proposalHash: view.leafHash, parametersHash: view.proposal.parametersHash,
      policyBundleHash: node.overlay.final.bundleHash, previewHash: nil, vote: .approve, role: "approver",
      reasonHash: reason.hash, voter: voter, signedAt: node.now.wall,
      validUntil: node.now.wall.advanced(by: .seconds(600)))
    submit(
      .ballot(Signed.sign(ballot, cluster: node.cluster, as: voter, with: key)),
      Records.Attachment("reason", reason))
  }
}
