import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// INV-008: what reads another tenant's files needs both tenants (Decision 021).
struct CrossingTests {
  static let other = Crossing(tenantID: "rival", workspaceID: "main")

  /// A world in which each tenant has approvers of its own, and rival has a file.
  private func world(_ registry: Registry = Registry()) throws -> Governed {
    var world = try Governed(registry: registry)
    let amy = Governed.enrolment(.approver("amy"), owner: "amy", roles: ["approver"], tenant: "acme")
    #expect(try world.enrol(amy) == .effective)
    try world.append(world.artifact("theirs", of: Governed.foreignAgent, tenant: "rival").0)
    try world.append(world.artifact("ours", of: Governed.agent).0)
    return world
  }

  private func crossing(
    _ world: inout Governed, inputs: [String] = ["theirs"], to crossing: Crossing = other
  ) throws -> LeafIndex {
    let index = try world.propose(inputs: inputs.map { SHA256.hash($0) }, crossing: crossing)
    try world.settle()
    return index
  }

  /// Both tenants agree; the approval's leaf.
  private func agreed(_ world: inout Governed, inputs: [String] = ["theirs"]) throws -> LeafIndex {
    let index = try crossing(&world, inputs: inputs)
    try world.vote("rival-approver", on: index)
    try world.vote("amy", on: index)
    try world.settle()
    return try #require(try world.view(index).approval)
  }

  @Test("one approver of each tenant must agree, and nobody stands in for either")
  func both() throws {
    var world = try world()
    let index = try crossing(&world)
    let view = try world.view(index)
    #expect(view.demands.map(\.demand.tenant) == ["acme", "rival"] && view.status == .pending)
    // Ann and Bob serve all tenants; the clerk has another role.
    for voter in ["ann", "bob", "clerk"] {
      #expect(try world.refusal(world.ballot(.approver(voter), on: index)) != nil, "\(voter)")
    }
    for first in ["amy", "rival-approver"] {
      var one = world
      try one.vote(first, on: index)
      try one.settle()
      #expect(try one.view(index).status == .pending)
    }
    try world.vote("rival-approver", on: index)
    try world.vote("amy", on: index)
    try world.settle()
    let approved = try world.view(index)
    #expect(approved.status == .approved)
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.crossing == Self.other && decision.tenantID == "acme")
    #expect(decision.grant?.humanAttestors == [.approver("rival-approver"), .approver("amy")])
    #expect(decision.grant?.multiSigThreshold == 2)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("one rejection by either tenant denies")
  func rejected() throws {
    for voter in ["amy", "rival-approver"] {
      var world = try world()
      let index = try crossing(&world)
      try world.vote(voter, on: index, vote: .reject)
      try world.settle()
      #expect(try world.view(index).status == .denied)
    }
  }

  @Test("without the protocol another tenant's file is not there, and people of another tenant have no say")
  func without() throws {
    var world = try world()
    let plain = try world.propose(inputs: [SHA256.hash("theirs")])
    #expect(try world.rules(plain) == ["floor.cross_tenant"])
    let own = try world.propose(action: "publish", parameters: [:])
    try world.settle()
    #expect(try world.refusal(world.ballot(.approver("rival-approver"), on: own)) == .permissionDenied)
  }

  @Test("whether they have a file, and of which labels, is told only after they have agreed")
  func oracle() throws {
    var world = try world()
    let there = try crossing(&world)
    let missing = try crossing(&world, inputs: ["nothing"])
    let nobody = try crossing(&world, to: Crossing(tenantID: "nobody", workspaceID: "main"))
    #expect(try world.view(there).rules == world.view(missing).rules)
    #expect(try world.view(nobody).status == .pending)
    for voter in ["rival-approver", "amy"] { try world.vote(voter, on: missing) }
    try world.settle()
    #expect(try world.view(missing).status == .denied)
    #expect(try world.rules(missing).contains("floor.crossing_input"))
  }

  @Test("what bears a third tenant's mark does not cross by the consent of two")
  func third() throws {
    var world = try world()
    let labels = ["third", "tenant/third/agent/x"]
    try world.append(
      world.artifact("mixed", of: Governed.foreignAgent, tenant: "rival", labels: labels).0)
    let index = try crossing(&world, inputs: ["mixed"])
    for voter in ["rival-approver", "amy"] { try world.vote(voter, on: index) }
    try world.settle()
    #expect(try world.rules(index).contains("floor.crossing_labels"))
  }

  @Test(
    "executor and result: the file is the approval's, and what comes of it keeps both marks and is outside text"
  )
  func labels() throws {
    var world = try world()
    let approval = try agreed(&world, inputs: ["ours", "theirs"])
    let theirs = SHA256.hash("theirs")
    let view = try #require(
      world.state.input(theirs, of: approval, for: Governed.executor, at: world.now))
    #expect(view.tenantID == "rival")
    #expect(world.state.input(theirs, of: approval, for: .executor("x2"), at: world.now) == nil)
    #expect(try world.append(world.result("made", of: approval).0) == .effective)
    let made = try #require(world.state.artifact(tenant: "acme", digest: SHA256.hash("made")))
    #expect(
      ["acme", "rival", "untrusted", Governed.foreignAgent.path].allSatisfy(made.labels.contains))
    // Going on with it takes a grant for the other's mark.
    let next = try world.propose(inputs: [SHA256.hash("made")])
    #expect(try world.rules(next) == ["floor.labels", "floor.labels"])
    let inputs = [SHA256.hash("ours"), theirs]
    let (body, attachment) = try world.receipt(for: approval) { $0.inputs = inputs }
    #expect(try world.append(body, attachment) == .effective)
    let proposal = try #require(world.state.proposalView(decision: approval))
    let result = try #require(world.state.resultLabels(of: proposal.index))
    #expect(["rival", "untrusted"].allSatisfy(result.contains))
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("either tenant takes its consent back while the token lives, and nobody else does")
  func revoked() throws {
    for voter in ["amy", "rival-approver"] {
      var world = try world()
      let approval = try agreed(&world)
      let index = try #require(world.state.proposalView(decision: approval)).index
      for other in ["ann", "clerk", "olga"] {
        #expect(try world.refusal(world.ballot(.approver(other), on: index, vote: .reject)) != nil)
      }
      // A ballot from before the approval, as one that was held back, takes nothing back.
      let old = try world.ballot(.approver(voter), on: index, vote: .reject) {
        $0.signedAt = world.now.advanced(by: .seconds(-1))
      }
      #expect(try world.refusal(old) == .failedPrecondition)
      try world.vote(voter, on: index, vote: .reject)
      #expect(!world.state.isLiveApproval(at: approval, time: world.now))
      #expect(world.state.restrictions.entries.contains { $0.target.text.hasPrefix("token/") })
      #expect(world.state.inForce(limit: 4).entries.map(\.derived) == [.crossingRevoked], "no breaker")
      #expect(world.state.owed.count == 1)
      try world.settle()
      #expect(try world.view(index).status == .aborted)
      #expect(try world.view(index).rationale.contains(voter))
      #expect(try world.restored().stateRoot == world.state.stateRoot)
      // Once is enough.
      world.now = world.now.advanced(by: .seconds(1))
      #expect(try world.refusal(world.ballot(.approver(voter), on: index, vote: .reject)) != nil)
    }
  }

  @Test("a plain approval is not taken back by a ballot")
  func plainApproval() throws {
    var world = try world()
    let index = try world.propose(action: "publish", parameters: [:])
    try world.settle()
    try world.vote("ann", on: index)
    try world.vote("bob", on: index)
    try world.settle()
    #expect(
      try world.refusal(world.ballot(.approver("amy"), on: index, vote: .reject)) == .failedPrecondition)
  }

  @Test("a quarantine of either tenant stops it", arguments: ["acme", "rival"])
  func quarantined(_ tenant: String) throws {
    var world = try world()
    let waiting = try crossing(&world)
    let approval = try agreed(&world)
    try world.use(.quarantine, .tenant(tenant), id: "q")
    try world.settle()
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(try world.view(waiting).status == .denied)
  }

  @Test("an erasure of either tenant stops it, and what comes of it has the labels of what was erased")
  func erased() throws {
    for tenant in ["acme", "rival"] {
      var world = try world()
      try world.append(world.artifact("ours", of: Governed.otherAgent).0)
      let approval = try agreed(&world, inputs: ["theirs", "ours"])
      let (body, attachment) = world.incident(.erase, .tenant(tenant), id: "e", by: ["pat", "quin"])
      #expect(try world.append(body, attachment) == .effective)
      #expect(!world.state.isLiveApproval(at: approval, time: world.now))
      try world.append(world.result("a result", of: approval).0)
      let result = try #require(world.state.artifact(tenant: "acme", digest: SHA256.hash("a result")))
      // An erasure of one takes the files of that one.
      let erased = tenant == "acme" ? Governed.otherAgent.path : Governed.foreignAgent.path
      #expect(result.labels.contains(erased), "\(tenant): \(result.labels)")
    }
  }

  @Test("high impact asks for the rule's people too, and one person may answer for both")
  func alsoRules() throws {
    var world = try world()
    let index = try world.propose(
      action: "echo",
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .high),
      inputs: [SHA256.hash("theirs")], crossing: Self.other)
    try world.settle()
    #expect(try world.view(index).demands.map(\.demand.tenant) == [nil, "acme", "rival"])
    try world.vote("rival-approver", on: index)
    try world.vote("amy", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.grant?.humanAttestors.count == 2 && decision.grant?.multiSigThreshold == 2)
  }

  @Test("an executor of one tenant alone does not get the other's files")
  func executors() throws {
    var world = try world()
    let own = Governed.enrolment(.executor("own"), tenant: "acme")
    #expect(try world.enrol(own) == .effective)
    let index = try crossing(&world)
    try world.vote("rival-approver", on: index)
    try world.vote("amy", on: index)
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("a decision is owed") }
    let eligible = world.state.eligibleExecutors(for: owed).map(\.principal)
    #expect(!eligible.contains(.executor("own")) && eligible.contains(Governed.executor))
  }

  @Test("a crossing to one's own tenant, or without inputs, is no proposal; nor is any under older semantics")
  func faults() throws {
    var world = try world()
    let (body, _) = world.proposal(inputs: [SHA256.hash("theirs")], crossing: Self.other)
    guard case .proposal(let signed) = body else { throw TestFailure("a proposal") }
    for change in [
      { (proposal: inout Proposal) in proposal.inputs = [] },
      { (proposal: inout Proposal) in proposal.crossing?.tenantID = "acme" },
    ] {
      var content = signed.content
      change(&content)
      let forged = Signed.sign(
        content, cluster: world.cluster, as: Governed.agent, with: Governed.key(Governed.agent.path))
      #expect(throws: RecordError.self) {
        try Record(parsing: Record(at: world.now, body: .proposal(forged)).bytes)
      }
    }
    var old = try Governed(semantics: Semantics.people - 1)
    let submission = old.proposal(inputs: [SHA256.hash("theirs")], crossing: Self.other)
    #expect(try old.refusal(submission) == .failedPrecondition)
  }
}
