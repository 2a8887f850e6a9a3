import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct ProposalTests {
  // MARK: At the door

  @Test(
    "parameters with text that people do not see are denied, wherever it stands (INV-013)",
    arguments: [
      "\u{0}", "\u{1B}[2J", "\u{202E}", "\u{2066}", "\u{E0041}", "\u{85}", "\u{7F}", "\u{200F}", "\u{200B}",
      "\u{FEFF}", "\u{AD}", "\u{2060}", "\u{3164}", "\u{2028}", "\u{E0101}", "\u{FE0E}", "\u{200D}",
      "1\u{FE0F}",
      "é\u{FE01}\u{FE02}", "é\u{200D}\u{200D}",
    ])
  func hiddenText(hidden: String) throws {
    var world = try Governed()
    let text = try world.propose(parameters: ["text": .string("a\(hidden)b")])
    #expect(try world.rules(text) == ["floor.hidden_text"])
    #expect(try world.view(text).rules.last?.message.contains("U+") == true)
    let deep = try world.propose(action: "publish", parameters: ["a": [["x\(hidden)": 1]]])
    #expect(try world.rules(deep).contains("floor.hidden_text"))
    var old = try Governed(semantics: Semantics.people - 1)
    let before = try old.propose(parameters: ["text": .string(hidden)])
    #expect(try old.rules(before).isEmpty)
  }

  @Test("what people do see stays: other alphabets, emoji, lines and tabs")
  func visibleText() throws {
    var world = try Governed()
    for text in ["Grüße, 東京", "👩‍👩‍👧", "❤️‍🔥 1\u{FE0F}\u{20E3}", "می‌خواهم", "a\tb\r\nc", "שלום", "e\u{301}"] {
      let index = try world.propose(parameters: ["text": .string(text)])
      #expect(try world.rules(index).isEmpty, "\(text)")
    }
  }

  @Test("a proposal signed by another's key, a stranger, or not by its agent is refused (INV-002)")
  func signatures() throws {
    var world = try Governed()
    #expect(try world.refusal(world.proposal(signedBy: "mallory")) == .permissionDenied)
    #expect(try world.refusal(world.proposal(signedBy: Governed.otherAgent.path)) == .permissionDenied)
    let stranger = Principal.agent(tenant: "acme", name: "nobody")
    #expect(try world.refusal(world.proposal(by: stranger)) == .permissionDenied)
    #expect(try world.refusal(world.proposal(by: .approver("ann"), tenant: "acme")) == .permissionDenied)
    let (body, attachment) = world.proposal()
    guard case .proposal(let signed) = body else { throw TestFailure("a proposal") }
    let twice = signed.cosigned(
      cluster: world.cluster, as: Governed.agent, with: Governed.key("ann's second"))
    #expect(try world.refusal((.proposal(twice), attachment)) == .permissionDenied)
  }

  @Test("a statement for another cluster does not verify here (ruling 7)")
  func otherCluster() throws {
    var world = try Governed()
    let (body, attachment) = world.proposal()
    guard case .proposal(let signed) = body else { throw TestFailure("a proposal") }
    let foreign = Signed.sign(
      signed.content, cluster: SHA256.hash("another"), as: Governed.agent,
      with: Governed.key(Governed.agent.path))
    #expect(try world.refusal((.proposal(foreign), attachment)) == .permissionDenied)
  }

  @Test("an agent whose enrolment has ended or was revoked is refused")
  func expiredIdentity() throws {
    var world = try Governed()
    world.now = Governed.far
    #expect(try world.refusal(world.proposal()) == .permissionDenied)
    world.now = Governed.start
    #expect(try world.revoke(Governed.agent) == .effective)
    #expect(try world.refusal(world.proposal()) == .permissionDenied)
  }

  @Test(
    "the same request id with the same content is known at its leaf, with other content refused (ruling 10)")
  func requestIDs() throws {
    var world = try Governed()
    let first = world.proposal(requestID: "r")
    #expect(world.admits(first) == .accept)
    #expect(try world.append(first.0, first.1) == .effective)
    let leaf = world.last
    #expect(world.admits(first) == .known(leaf))
    #expect(try world.append(first.0, first.1) == .void(reason: "the same content is at leaf \(leaf.value)"))
    #expect(
      try world.refusal(world.proposal(parameters: ["text": "other"], requestID: "r")) == .alreadyExists)
    // Another agent's ids are its own.
    #expect(world.admits(world.proposal(by: Governed.otherAgent, requestID: "r")) == .accept)
  }

  @Test("a request id is free again after valid_until, once its proposal is over")
  func requestIDsEnd() throws {
    var world = try Governed()
    let first = try world.propose(requestID: "r", validFor: 10)
    try world.settle(executor: nil)
    world.now = world.now.advanced(by: .seconds(9))
    #expect(try world.refusal(world.proposal(parameters: ["text": "x"], requestID: "r")) == .alreadyExists)
    world.now = world.now.advanced(by: .seconds(1))
    let second = try world.propose(parameters: ["text": "x"], requestID: "r")
    #expect(world.state.proposalView(agent: Governed.agent, requestID: "r")?.index == second)
    #expect(world.state.proposalView(at: first) != nil)
  }

  @Test("a request id stays taken while its token may still be used, whatever valid_until says (INV-017)")
  func requestIDsOutstanding() throws {
    var world = try Governed()
    _ = try world.propose(requestID: "r", validFor: 10)
    try world.settle()
    world.now = world.now.advanced(by: .seconds(100))
    #expect(try world.refusal(world.proposal(parameters: ["text": "x"], requestID: "r")) == .alreadyExists)
  }

  @Test("valid_until in the past, or more than 24 hours ahead, is refused")
  func validity() throws {
    var world = try Governed()
    #expect(try world.refusal(world.proposal(validFor: 0)) == .permissionDenied)
    #expect(try world.refusal(world.proposal(validFor: 86_401)) == .invalidArgument)
    #expect(world.admits(world.proposal(validFor: 86_400)) == .accept)
    let late = world.proposal(validFor: 10)
    try world.pass(seconds: 10)
    #expect(try world.refusal(late) == .permissionDenied)
  }

  @Test("above twice its limit an agent is turned away before its proposals become records")
  func door() throws {
    var world = try Governed(registry: Registry(perMinute: 3))
    for _ in 0..<6 { _ = try world.propose() }
    #expect(try world.refusal(world.proposal()) == .resourceExhausted)
    world.now = world.now.advanced(by: .seconds(60))
    #expect(world.admits(world.proposal()) == .accept)
  }

  // MARK: Decided on the record

  @Test("a proposal that policy lets through is approved at once, with every rule on record (INV-014, POL-2)")
  func approved() throws {
    var world = try Governed()
    let index = try world.propose()
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
    #expect(owed.proposal == index && owed.cause == index && owed.decisionType == .approve)
    let decision = world.state.decision(for: owed, executor: Governed.executor)
    #expect(decision.rulesFired.map(\.rule) == ["policy.registry"])
    #expect(decision.policyBundleHash == world.state.bundleHash)
    #expect(decision.constitutionVersion == "1.0.0")
    #expect(decision.proposalHash == world.log[Int(index.value)].hash)
    #expect(decision.decidedAt == world.now)
    try world.settle()
    let view = try world.view(index)
    #expect(view.status == .approved)
    #expect(view.approval == world.last && view.lastDecision == world.last)
    #expect(view.executor == Governed.executor)
    #expect(world.state.isLiveApproval(at: world.last, time: world.now))
    #expect(world.state.liveApprovals() == [world.last])
    #expect(world.state.outstandingApprovals(for: Governed.executor) == [world.last])
    #expect(world.state.outstandingApprovals(for: .executor("x2")).isEmpty)
    #expect(world.state.proposalView(decision: world.last)?.index == index)
    #expect(world.state.trace("trace") == [index, world.last])
  }

  @Test("an action that is not in the registry is denied on the record (INV-005, ruling 12)")
  func unknownAction() throws {
    var world = try Governed()
    let index = try world.propose(action: "format-disk")
    #expect(try world.rules(index) == ["floor.action_registered"])
    try world.settle()
    #expect(try world.view(index).status == .denied)
    #expect(world.state.liveApprovals().isEmpty)
  }

  @Test("parameters that fail the schema are denied, and the reason quotes none of them (INV-004, INV-009)")
  func parameters() throws {
    var world = try Governed()
    let index = try world.propose(parameters: ["text": 7, "password": "hunter2"])
    #expect(try world.rules(index) == ["floor.parameters"])
    try world.settle()
    let text = String(decoding: world.log[Int(world.last.value)].record.bytes, as: UTF8.self)
    #expect(!text.contains("hunter2") && !text.contains("password"))
  }

  @Test("an agent naming another tenant is denied, and the record stays its own tenant's (INV-008, T3.2)")
  func otherTenant() throws {
    var world = try Governed()
    let index = try world.propose(tenant: "rival")
    #expect(try world.rules(index) == ["floor.tenant"])
    #expect(ShieldState.tenant(of: world.log[Int(index.value)].record.body) == "acme")
  }

  @Test("scopes beyond the grant, beyond the action's, or short of it are denied (INV-006, T2.1)")
  func scopes() throws {
    var world = try Governed()
    let wide = try world.propose(scopes: ["text", "root"])
    #expect(try world.rules(wide) == ["floor.scope_granted", "floor.scope_of_action"])
    let narrow = try world.propose(scopes: [])
    #expect(try world.rules(narrow) == ["floor.scope_needed"])
    #expect(try world.enrol(Governed.enrolment(Governed.agent, owner: "olga", scopes: [])) == .effective)
    let ungranted = try world.propose()
    #expect(try world.rules(ungranted) == ["floor.scope_granted"])
  }

  @Test("what counts is the higher of declared and registered risk, field by field")
  func effectiveRisk() throws {
    var world = try Governed()
    let declared = RiskContext(
      estimatedCost: try #require(MicroUSD(text: "2")), dataClassification: .public, impactLevel: .critical)
    _ = try world.propose(risk: declared)
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
    let risk = world.state.decision(for: owed, executor: Governed.executor).effectiveRisk
    #expect(risk.estimatedCost.text == "2")
    #expect(risk.dataClassification == .internal)
    #expect(risk.impactLevel == .critical)
  }

  @Test("an input that is not an artifact of the tenant is denied, whoever else has it (INV-008)")
  func crossTenantInput() throws {
    var world = try Governed()
    let text = "a file"
    let digest = SHA256.hash(text)
    let file = world.artifact(text, of: Governed.foreignAgent, tenant: "rival", labels: ["rival"])
    #expect(try world.append(file.0) == .effective)
    let index = try world.propose(inputs: [digest])
    #expect(try world.rules(index) == ["floor.cross_tenant"])
  }

  @Test("an input whose labels the grant does not cover is denied; a scope can cover it")
  func labels() throws {
    var world = try Governed()
    let text = "a file"
    let digest = SHA256.hash(text)
    let file = world.artifact(
      text, of: Governed.otherAgent, tenant: "acme",
      labels: ["acme", Governed.otherAgent.path, "finance/payroll"])
    #expect(try world.append(file.0) == .effective)
    let uncovered = try world.propose(inputs: [digest])
    #expect(try world.rules(uncovered) == ["floor.labels"])
    let wider = Governed.enrolment(
      Governed.agent, owner: "olga", scopes: ["text", "label:finance:payroll"])
    #expect(try world.enrol(wider) == .effective)
    let covered = try world.propose(inputs: [digest])
    #expect(try world.rules(covered).isEmpty)
  }

  @Test("outside text as input to a high-impact action needs a person, whatever the bundle says (INV-013)")
  func untrustedInput() throws {
    var world = try Governed()
    let text = "a mail"
    let digest = SHA256.hash(text)
    let file = world.artifact(text, of: Governed.agent, tenant: "acme", labels: ["acme", "untrusted"])
    #expect(try world.append(file.0) == .effective)
    let low = try world.propose(inputs: [digest])
    #expect(try world.rules(low, .approve) == ["policy.registry"])
    let risk = RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .high)
    let high = try world.propose(risk: risk, inputs: [digest])
    try world.settle()
    #expect(try world.rules(high, .escalate) == ["floor.untrusted_input"])
    #expect(try world.view(high).status == .pending)
    try world.vote("ann", on: high)
    try world.settle()
    #expect(try world.view(high).status == .approved)
  }

  @Test("a withdrawal counts from its agent only, while people are asked")
  func withdrawal() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish")
    func withdrawal(_ agent: Principal) -> (RecordBody, Attachment) {
      let content = Withdrawal(
        proposal: index, requestedBy: agent, validUntil: world.now.advanced(by: .seconds(60)))
      let signed = Signed.sign(
        content, cluster: world.cluster, as: agent, with: Governed.key(agent.path))
      return (.withdrawal(signed), Attachment())
    }
    #expect(try world.refusal(withdrawal(Governed.agent)) == .failedPrecondition)
    try world.settle()
    #expect(try world.refusal(withdrawal(Governed.otherAgent)) == .permissionDenied)
    let own = withdrawal(Governed.agent)
    #expect(try world.append(own.0) == .effective)
    #expect(try world.view(index).status == .withdrawn)
    #expect(world.state.pending().isEmpty)
    #expect(world.state.nextExpiry == nil)
    #expect(world.admits(own) == .known(world.last))
    #expect(try world.refusal(world.ballot(.approver("ann"), on: index)) == .failedPrecondition)
  }

  @Test("what only a leader writes is refused from anyone else")
  func leaderOnly() throws {
    var world = try Governed()
    _ = try world.propose()
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
    let decision = world.state.decision(for: owed, executor: Governed.executor)
    for body in [RecordBody.tick, .term(number: 1, leader: 1), .decision(decision)] {
      guard case .refuse(let refusal) = world.admits((body, Attachment())) else {
        throw TestFailure("\(body.type) was admitted")
      }
      #expect(refusal.code == .invalidArgument)
    }
  }
}
