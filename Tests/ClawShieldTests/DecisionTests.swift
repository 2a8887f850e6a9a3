import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct DecisionTests {
  private func owed(_ world: Governed) throws -> OwedDecision {
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("a decision is owed") }
    return owed
  }

  /// Appends `decision` and expects it to be evidence against its leader.
  private func expectDivergent(_ world: inout Governed, _ decision: Decision) throws {
    guard case .divergent = try world.append(.decision(decision)) else {
      throw TestFailure("expected evidence against the leader")
    }
  }

  @Test(
    "token, nonce, decision id and times derive from the cause; only the executor is chosen (TOK-2, TOK-3)")
  func derived() throws {
    var world = try Governed()
    let index = try world.propose()
    let owed = try owed(world)
    let first = world.state.decision(for: owed, executor: Governed.executor)
    let second = world.state.decision(for: owed, executor: .executor("x2"))
    let grant = try #require(first.grant)
    #expect(grant.tokenID == DerivedID.make("token", cluster: world.cluster, cause: index, about: index))
    #expect(grant.nonce == DerivedID.make("nonce", cluster: world.cluster, cause: index, about: index))
    #expect(first.decisionID == second.decisionID)
    #expect(grant.issuedAt == world.now)
    #expect(grant.expiresAt == world.now.advanced(by: .seconds(300)))
    #expect(grant.approvalScope == "echo" && grant.allowedScopes == ["text"])
    #expect(grant.isolationClass == .microvmTCG && grant.executorIncarnation == 1)
    #expect(second.grant?.executorID == .executor("x2"))
    #expect(try Record(parsing: Record(at: world.now, body: .decision(first)).bytes).body == .decision(first))
  }

  @Test("a written decision that differs in anything but an eligible executor is void and evidence")
  func altered() throws {
    let changes: [(inout Decision) -> Void] = [
      {
        $0.decisionType = .deny; $0.grant = nil
      },
      { $0.grant?.tokenID = "another" },
      { $0.grant?.expiresAt = Governed.far },
      { $0.grant?.allowedScopes = ["text", "root"] },
      { $0.grant?.constraints.maximumCost = MicroUSD(micros: 1 << 40) ?? .zero },
      { $0.grant?.executorIncarnation = 2 },
      { $0.grant?.executorID = .executor("weak") },
      { $0.grant?.executorID = .executor("nobody") },
      { $0.rulesFired = [] }, { $0.rationale = "because" }, { $0.tenantID = "rival" },
      { $0.cause = LeafIndex(0) }, { $0.decidedAt = .epoch },
      { $0.policyBundleHash = SHA256.hash("other") },
      { $0.effectiveRisk.impactLevel = .critical }, { $0.parametersHash = SHA256.hash("other") },
    ]
    for change in changes {
      var world = try Governed()
      _ = try world.propose()
      var decision = world.state.decision(for: try owed(world), executor: Governed.executor)
      change(&decision)
      try expectDivergent(&world, decision)
      #expect(world.state.liveApprovals().isEmpty)
      // It parses as an approval all the same, so consent must except it.
      #expect(
        world.state.approvals(in: 0...world.last.value)
          == (decision.decisionType == .approve ? [world.last] : []))
      // The decision is still owed, and the right one counts.
      try world.settle()
      #expect(world.state.liveApprovals() == [world.last])
    }
  }

  @Test("a decision that nothing calls for, or the same one again, is void and evidence (INV-017)")
  func twice() throws {
    var world = try Governed()
    _ = try world.propose()
    let decision = world.state.decision(for: try owed(world), executor: Governed.executor)
    try world.settle()
    let approval = world.last
    try expectDivergent(&world, decision)
    #expect(world.state.approvals(in: 0...world.last.value) == [approval, world.last])
    #expect(world.state.approvals(in: world.last.value...world.last.value + 99) == [world.last])
    #expect(world.state.liveApprovals() == [approval])
    #expect(!world.state.isLiveApproval(at: world.last, time: world.now))
    var stray = decision
    stray.proposal = LeafIndex(0)
    try expectDivergent(&world, stray)
  }

  @Test("without an eligible executor the approval is a denial that says so, and nothing is set aside")
  func noExecutor() throws {
    var world = try Governed()
    let index = try world.propose()
    let owed = try owed(world)
    for nobody in [nil, Principal.executor("weak"), .executor("nobody"), Governed.agent] {
      let decision = world.state.decision(for: owed, executor: nobody)
      #expect(decision.decisionType == .deny)
      #expect(decision.rulesFired.last?.rule == "execution.no_executor")
    }
    try world.settle(executor: nil)
    #expect(try world.view(index).status == .denied)
    #expect(world.state.nextExpiry == nil)
  }

  @Test("eligible executors are enrolled, unexpired, unrestricted, of the tenant or none, isolated enough")
  func eligible() throws {
    var world = try Governed()
    let soon = world.now.advanced(by: .seconds(60))
    let others: [Enrolment] = [
      Governed.enrolment(.executor("y1"), tenant: "acme"),
      Governed.enrolment(.executor("y2"), tenant: "rival"),
      Governed.enrolment(.executor("y3"), expiresAt: soon),
      Governed.enrolment(.executor("y4"), classes: [.container, .kata]),
      Governed.enrolment(.executor("y5")),
    ]
    for enrolment in others { #expect(try world.enrol(enrolment) == .effective) }
    try world.use(.revoke, .principal(.executor("y5")), id: "stop-y5")
    world.now = soon
    _ = try world.propose()
    let names = world.state.eligibleExecutors(for: try owed(world)).map(\.principal.path)
    #expect(names == ["executor/x1", "executor/x2", "executor/y1", "executor/y4"])
  }

  @Test("no token outlives fifteen minutes, and an approval is not live at or after its expiry (INV-017)")
  func lifetime() throws {
    var world = try Governed(registry: Registry(tokenSeconds: 900))
    let approval = try world.approved()
    let expiry = world.now.advanced(by: .seconds(900))
    #expect(world.state.isLiveApproval(at: approval, time: expiry.advanced(by: Interval(nanoseconds: -1))))
    #expect(!world.state.isLiveApproval(at: approval, time: expiry))
    #expect(throws: RecordError.self) { try Registry(tokenSeconds: 901).bundle }
  }

  @Test("an approval that nobody wrote down before its token ended is denied instead")
  func lateLeader() throws {
    var world = try Governed()
    let index = try world.propose()
    #expect(world.state.nextExpiry == world.now.advanced(by: .seconds(300)))
    try world.pass(seconds: 300)
    #expect(try owed(world).decisionType == .deny)
    try world.settle()
    #expect(try world.rules(index) == ["execution.expired"])
    #expect(world.state.approvals(in: 0...world.last.value).isEmpty)
  }

  @Test("what is owed comes in order of cause, and a new leader finds it in the cells")
  func order() throws {
    var world = try Governed()
    let indices = try (0..<5).map { try world.propose(action: $0 % 2 == 0 ? "echo" : "nothing") }
    func proposals(_ state: ShieldState) -> [LeafIndex] {
      state.owed.map { if case .decision(let owed) = $0 { owed.proposal } else { LeafIndex(.max) } }
    }
    #expect(proposals(world.state) == indices)
    #expect(proposals(try world.restored()) == indices)
    for _ in 0..<100 { _ = try world.propose() }
    #expect(world.state.owed.count == ShieldState.maximumOwed)
  }
}

struct ReceiptTests {
  @Test("the named executor's receipt completes the proposal; the first counts (INV-015, RT-12)")
  func completes() throws {
    var world = try Governed()
    let approval = try world.approved()
    let index = try #require(world.state.proposalView(decision: approval)?.index)
    let receipt = try world.receipt(for: approval)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    let view = try world.view(index)
    #expect(view.status == .completed && view.receipt == world.last)
    #expect(world.state.liveApprovals().isEmpty)
    #expect(world.state.outstandingApprovals(for: Governed.executor).isEmpty)
    #expect(world.state.nextExpiry == nil)
    #expect(world.admits(receipt) == .known(world.last))
    let second = try world.receipt(for: approval, status: .failed)
    #expect(try world.refusal(second) == .alreadyExists)
    #expect(world.state.token(try #require(view.tokenID)) == .reported(world.last))
  }

  @Test(
    "a receipt's status is the proposal's",
    arguments: [
      (RunStatus.succeeded, ProposalStatus.completed), (.failed, .failed), (.refused, .failed),
      (.aborted, .aborted), (.unknown, .unknown),
    ])
  func status(_ run: RunStatus, _ expected: ProposalStatus) throws {
    var world = try Governed()
    let approval = try world.approved()
    let receipt = try world.receipt(for: approval, status: run)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    #expect(world.state.proposalView(decision: approval)?.status == expected)
  }

  @Test("a receipt by another executor, key or incarnation has no effect")
  func signer() throws {
    var world = try Governed()
    let approval = try world.approved()
    #expect(
      try world.refusal(world.receipt(for: approval, by: .executor("x2")) { $0.executorID = .executor("x2") })
        == .permissionDenied)
    #expect(try world.refusal(world.receipt(for: approval, by: .executor("x2"))) == .permissionDenied)
    #expect(
      try world.refusal(world.receipt(for: approval) { $0.executorIncarnation = 2 }) == .permissionDenied)
    #expect(try world.revoke(Governed.executor) == .effective)
    #expect(try world.refusal(world.receipt(for: approval)) == .permissionDenied)
  }

  @Test("a receipt that differs from what was approved has no effect")
  func fields() throws {
    var world = try Governed()
    let approval = try world.approved()
    let changes: [(inout Receipt) -> Void] = [
      { $0.tokenID = "other" }, { $0.decisionID = "other" }, { $0.traceID = "other" },
      { $0.requestID = "other" }, { $0.tenantID = "rival" }, { $0.workspaceID = "other" },
      { $0.action = "publish" }, { $0.actionVersion = "2" },
      { $0.parametersHash = SHA256.hash("other") }, { $0.policyBundleHash = SHA256.hash("other") },
      { $0.approvedAt = .epoch }, { $0.humanAttestors = [.approver("ann")] },
      { $0.finishedAt = .epoch }, { $0.isolationClass = .container }, { $0.isolationClass = nil },
    ]
    for change in changes {
      #expect(try world.refusal(world.receipt(for: approval, change: change)) == .invalidArgument)
    }
    #expect(
      try world.refusal(world.receipt(for: approval) { $0.decision = LeafIndex(0) }) == .notFound)
    // Where nothing ran there is no isolation.
    #expect(
      world.admits(try world.receipt(for: approval, status: .refused) { $0.isolationClass = nil }) == .accept)
  }

  @Test(
    "no receipt a minute after expiry is an unknown outcome, never run again; a late receipt supersedes it")
  func unknown() throws {
    var world = try Governed()
    let approval = try world.approved()
    let index = try #require(world.state.proposalView(decision: approval)?.index)
    let token = try #require(try world.view(index).tokenID)
    #expect(world.state.nextExpiry == world.now.advanced(by: .seconds(360)))
    try world.pass(seconds: 300)
    #expect(world.state.token(token) == .expired)
    #expect(try world.view(index).status == .approved)
    try world.pass(seconds: 60)
    #expect(try world.view(index).status == .unknown)
    guard case .incident(let incident)? = world.state.owed.first else { throw TestFailure("an incident") }
    #expect(incident.kind == .unknownOutcome && incident.about == approval && incident.cause == world.last)
    var altered = incident
    altered.message = "all is well"
    guard case .divergent = try world.append(.derivedIncident(altered)) else {
      throw TestFailure("expected evidence")
    }
    try world.settle()
    #expect(world.state.owed.isEmpty && world.state.nextExpiry == nil)
    try world.pass(seconds: 86_400)
    let late = try world.receipt(for: approval)
    #expect(try world.append(late.0, late.1) == .effective)
    #expect(try world.view(index).status == .completed)
    #expect(world.state.trace("trace").suffix(1) == [world.last])
    #expect(world.state.trace("trace").count == 4)
  }
}
