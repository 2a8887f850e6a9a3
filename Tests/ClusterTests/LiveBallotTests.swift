import Canonical
import Crypto
import Merkle
import Network
import Records
import Testing
import Wire

private enum Voters {
  /// Someone of the agents' owner, someone of another role, someone of another tenant.
  static func people() throws -> [Enrolment] {
    let ends = Timestamp.now.advanced(by: .seconds(3600))
    func person(_ name: String, _ key: UInt8, roles: [String], tenant: String = "", owner: String) throws
      -> Enrolment
    {
      Enrolment(
        principal: .approver(name), key: try SampleLedger.key(key).publicKey, roles: roles, tenantID: tenant,
        owner: owner, expiresAt: ends)
    }
    return try [
      person("builder", 201, roles: ["approver"], owner: "acme-builders"),
      person("guard", 202, roles: ["security"], owner: "guard"),
      person("rival", 203, roles: ["approver"], tenant: "rival", owner: "rival"),
    ]
  }
}

/// Votes that must not count, on a live node.
@Suite(
  .serialized,
  .cluster {
    try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 23_000, people: Voters.people())
  })
struct LiveBallotTests {
  let cluster: LoopbackCluster
  let agent: Caller
  let client: BlockingClient
  let proposals: Proposals
  let approver: Caller

  init() throws {
    cluster = try LiveCluster.current
    agent = try Caller(founded: "agents/agent-1", of: cluster)
    client = try agent.connect(to: cluster.clients(1))
    proposals = try Proposals(agent, client)
    approver = try Caller(founded: "approvers/approver-1", of: cluster)
  }

  /// A proposal that waits for two approvers.
  private func pending(_ id: String, seconds: Int64 = 3600) throws -> PendingItem {
    let files: JSON = ["files": [["path": "a.txt", "content": "one two"]]]
    let outcome = try client.call(
      "Governance/Submit", try proposals.request("report", files, id: id, seconds: seconds),
      of: Wire.Outcome.self)
    try #require(outcome.status == "pending", "\(outcome)")
    let listed = try approver.connect(to: cluster.clients(1)).call(
      "Approval/ListPending", ListPendingRequest(), of: ListPendingResponse.self)
    return try #require(listed.items.first { $0.proposal == outcome.proposal })
  }

  private func ballot(
    _ item: PendingItem, by voter: Caller, spoil: (inout Ballot) -> Void = { _ in }
  ) throws -> StatementRequest {
    guard case .proposal(let proposal) = try Record(parsing: item.leaf).body else {
      throw CallStatus(.internal, "no proposal")
    }
    let reason = SampleLedger.salted("because")
    var content = Ballot(
      proposal: LeafIndex(item.proposal), proposalHash: TreeHash.leaf(item.leaf),
      parametersHash: proposal.content.parametersHash,
      policyBundleHash: try #require(Digest(hex: item.policyBundleHash)), previewHash: nil, vote: .approve,
      role: "approver", reasonHash: reason.hash, voter: voter.principal, signedAt: .now,
      validUntil: .now.advanced(by: .seconds(600)))
    spoil(&content)
    let signed = Signed.sign(
      content, cluster: proposals.cluster, as: content.voter, with: try voter.signingKey())
    return try Statement.request(.ballot(signed), Records.Attachment("reason", reason))
  }

  private func cast(_ request: StatementRequest, by voter: Caller) throws -> CallStatus {
    try voter.connect(to: cluster.clients(1)).status("Approval/CastBallot", request)
  }

  private func expect(_ status: CallStatus, _ code: StatusCode, _ words: String) {
    #expect(status.code == code && status.message.contains(words), "\(status)")
  }

  @Test("by the agent that proposed, itself and under an approver's certificate")
  func proposer() throws {
    let item = try pending("by-proposer")
    let own = try ballot(item, by: agent)
    expect(
      try cast(own, by: agent), .permissionDenied,
      "Approval/CastBallot is for approver; this certificate names tenant/acme/agent/agent-1")
    expect(
      try cast(own, by: approver), .permissionDenied,
      "the ballot is tenant/acme/agent/agent-1's, the certificate approver/approver-1's")
  }

  @Test("by the agent's owner")
  func owner() throws {
    let item = try pending("by-owner")
    let builder = try Caller("approver/builder", of: cluster, keyNumber: 201)
    expect(
      try cast(try ballot(item, by: builder), by: builder), .permissionDenied,
      "neither the agent nor its owner votes on its proposal")
  }

  @Test("in a role that the voter does not hold, and in one that is not asked")
  func role() throws {
    let item = try pending("by-role")
    let guardian = try Caller("approver/guard", of: cluster, keyNumber: 202)
    expect(
      try cast(try ballot(item, by: guardian), by: guardian), .permissionDenied,
      "the voter does not hold the role approver")
    let security = try ballot(item, by: guardian) { $0.role = "security" }
    expect(
      try cast(security, by: guardian), .failedPrecondition, "the role security is not asked; approver is")
  }

  @Test("by an approver of another tenant")
  func tenant() throws {
    let item = try pending("by-rival")
    let rival = try Caller("approver/rival", of: cluster, keyNumber: 203)
    expect(
      try cast(try ballot(item, by: rival), by: rival), .permissionDenied, "the voter belongs to tenant rival"
    )
  }

  @Test("by the key of another")
  func key() throws {
    let item = try pending("by-key")
    let second = try Caller(founded: "approvers/approver-2", of: cluster)
    let forged = try ballot(item, by: second) { $0.voter = self.approver.principal }
    expect(
      try cast(forged, by: approver), .permissionDenied,
      "expected a signature by the key that is enrolled for approver/approver-1")
  }

  @Test("about other parameters, another proposal, another policy than those that wait")
  func binding() throws {
    let item = try pending("by-binding")
    let hash = SHA256.hash("another")
    let spoils: [(String, (inout Ballot) -> Void)] = [
      ("another proposal or other parameters", { $0.parametersHash = hash }),
      ("another proposal or other parameters", { $0.proposalHash = hash }),
      ("another policy bundle", { $0.policyBundleHash = hash }),
    ]
    for (words, spoil) in spoils {
      expect(try cast(try ballot(item, by: approver, spoil: spoil), by: approver), .failedPrecondition, words)
    }
    let nowhere = try ballot(item, by: approver) { $0.proposal = LeafIndex(1 << 40) }
    expect(try cast(nowhere, by: approver), .notFound, "no proposal is remembered at leaf 1099511627776")
  }

  @Test("twice: the same again changes nothing, another one is refused; two people decide")
  func twice() throws {
    let item = try pending("twice")
    let vote = try ballot(item, by: approver)
    let voter = try approver.connect(to: cluster.clients(1))
    for _ in 0..<2 {
      let outcome = try voter.call("Approval/CastBallot", vote, of: Wire.Outcome.self)
      #expect(outcome.status == "pending" && outcome.demands.first?.approved == 1)
    }
    let other = try ballot(item, by: approver) { $0.vote = .reject }
    expect(try cast(other, by: approver), .alreadyExists, "this person has voted already")
    let still = try client.call(
      "Governance/Get", ProposalRequest(requestID: "twice"), of: Wire.Outcome.self)
    #expect(still.status == "pending" && still.demands.first?.approved == 1)
  }

  @Test("after its own end, and after the proposal's")
  func expiry() throws {
    let item = try pending("late", seconds: 3)
    let stale = try ballot(item, by: approver) { $0.validUntil = .now.advanced(by: .seconds(-1)) }
    expect(try cast(stale, by: approver), .permissionDenied, "valid until")
    try cluster.waitUntil("the proposal's time is over", seconds: 10) {
      try client.call("Governance/Get", ProposalRequest(requestID: "late"), of: Wire.Outcome.self).status
        == "denied"
    }
    expect(
      try cast(try ballot(item, by: approver), by: approver), .failedPrecondition,
      "nobody is asked about the proposal now; it is denied")
  }

  @Test("on a proposal that was withdrawn")
  func withdrawn() throws {
    let item = try pending("withdrawn")
    let withdrawal = Withdrawal(
      proposal: LeafIndex(item.proposal), requestedBy: agent.principal,
      validUntil: .now.advanced(by: .seconds(60)))
    let signed = try agent.sign(withdrawal, for: proposals.cluster)
    let gone = try client.call(
      "Governance/Withdraw", try Statement.request(.withdrawal(signed)), of: Wire.Outcome.self)
    #expect(gone.status == "withdrawn")
    expect(
      try cast(try ballot(item, by: approver), by: approver), .failedPrecondition,
      "nobody is asked about the proposal now; it is withdrawn")
  }
}
