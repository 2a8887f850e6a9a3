import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct IncidentTests {
  @Test("a global kill voids every token, denies what waits, and halts until two lift it (IR-2, INV-025)")
  func killAll() throws {
    var world = try Governed()
    let approval = try world.approved()
    let waiting = try world.propose(action: "publish")
    try world.settle()
    let owed = try world.propose(by: Governed.otherAgent)
    try world.use(.kill, id: "k")
    #expect(world.state.restrictions.isHalted)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(world.state.liveApprovals().isEmpty)
    try world.settle()
    for index in [waiting, owed] {
      #expect(try world.view(index).status == .denied)
      #expect(try world.rules(index) == ["floor.restricted"])
    }
    let next = try world.propose()
    #expect(try world.rules(next) == ["floor.halted"])
    // A halt is the lease's mode: it does not leave the list by age.
    try world.pass(seconds: 3600)
    #expect(world.state.restrictions.isHalted)
    try world.use(.lift, id: "l", lifts: ["k"])
    #expect(!world.state.restrictions.isHalted && world.state.isLifted("k"))
    let after = try world.propose()
    #expect(try world.rules(after).isEmpty)
    // What the kill voided stays void.
    #expect(!world.state.isLiveApproval(at: approval, time: Governed.start))
    #expect(world.state.proposalView(decision: approval)?.status == .unknown)
  }

  @Test("a lift brings no token back: whoever still wants it proposes again")
  func liftedTokens() throws {
    var world = try Governed()
    let approval = try world.approved()
    for (number, target) in [IncidentTarget.all, .tenant("acme"), .principal(Governed.executor)].enumerated()
    {
      let fresh = try world.approved()
      try world.use(.quarantine, target, id: "q\(number)")
      try world.use(.lift, id: "l\(number)", lifts: ["q\(number)"])
      #expect(!world.state.isLiveApproval(at: approval, time: world.now))
      #expect(!world.state.isLiveApproval(at: fresh, time: world.now))
    }
    let after = try world.approved()
    #expect(world.state.liveApprovals() == [after])
  }

  @Test("a stopped token's receipt still counts: what ran is on record (ruling 13)")
  func receiptAfterKill() throws {
    var world = try Governed()
    let approval = try world.approved()
    try world.use(.kill, id: "k")
    #expect(world.state.proposalView(decision: approval)?.status == .aborted)
    let receipt = try world.receipt(for: approval, status: .aborted)
    #expect(try world.append(receipt.0, receipt.1) == .effective)
    #expect(world.state.proposalView(decision: approval)?.receipt == world.last)
  }

  @Test("enrolment, policy and lifts pass while everything is halted: nobody is locked out")
  func whileHalted() throws {
    var world = try Governed()
    try world.use(.kill, id: "k")
    #expect(try world.enrol(Governed.enrolment(.operator("new"), owner: "new")) == .effective)
    try world.activate(Registry(version: "2"))
    #expect(world.state.bundle.bundleVersion == "2")
    try world.use(.lift, id: "l", lifts: ["k"])
  }

  @Test("a quarantined tenant's agents are denied, others go on, logs are kept (IR-3)")
  func tenant() throws {
    var world = try Governed()
    let approval = try world.approved()
    try world.use(.quarantine, .tenant("acme"), id: "q")
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    let own = try world.propose()
    #expect(try world.rules(own) == ["floor.tenant_quarantined"])
    let foreign = try world.propose(by: Governed.foreignAgent)
    #expect(try world.rules(foreign).isEmpty)
    // Nor does a stranger's agent act in its name.
    let spoofed = try world.propose(by: Governed.foreignAgent, tenant: "acme")
    #expect(try world.rules(spoofed) == ["floor.tenant_quarantined"])
  }

  @Test("a revoked token is void, its agent's others are not (IR-4)")
  func token() throws {
    var world = try Governed()
    let first = try world.approved()
    let second = try world.approved()
    let token = try #require(world.state.proposalView(decision: first)?.tokenID)
    try world.use(.revoke, .token(token), id: "t")
    #expect(!world.state.isLiveApproval(at: first, time: world.now))
    #expect(world.state.isLiveApproval(at: second, time: world.now))
    #expect(world.state.token(token) == .void)
    #expect(world.state.restrictions.entries == [.init(incidentID: "t", target: .token(token))])
    let index = try world.propose()
    #expect(try world.rules(index).isEmpty)
  }

  @Test("an executor under restriction gets nothing, and what names it is void")
  func executor() throws {
    var world = try Governed()
    let approval = try world.approved()
    let other = try world.approved(executor: .executor("x2"))
    try world.use(.kill, .principal(Governed.executor), id: "e")
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(world.state.isLiveApproval(at: other, time: world.now))
    _ = try world.propose()
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
    #expect(world.state.eligibleExecutors(for: owed).map(\.principal) == [.executor("x2")])
  }

  @Test("one operator restricts; an agent, an approver or a stranger does not")
  func who() throws {
    let world = try Governed()
    let reason = Attachment.Item(salt: [UInt8](repeating: 4, count: 16), value: "x")
    let act = IncidentAct(
      incidentID: "k", kind: .kill, target: .all, severity: 1, reasonHash: reason.hash,
      signedAt: world.now, validUntil: world.now.advanced(by: .seconds(60)))
    let attachment = Attachment("reason", reason)
    for (principal, key) in [
      (Governed.agent, Governed.agent.path), (.approver("ann"), "approver/ann"),
      (.operator("pat"), "mallory"), (.operator("nobody"), "operator/nobody"),
    ] {
      let signed = Signed.sign(act, cluster: world.cluster, as: principal, with: Governed.key(key))
      #expect(try world.refusal((.incident(signed), attachment)) == .permissionDenied)
    }
    #expect(world.admits(world.incident(.kill, .all, id: "k")) == .accept)
  }

  @Test("a lift takes two distinct people: one person's two enrolments are one (INV-020)")
  func liftPeople() throws {
    var world = try Governed()
    try world.use(.kill, id: "k")
    for people in [["pat"], ["pat", "pat-again"]] {
      #expect(
        try world.refusal(world.incident(.lift, .all, id: "l", lifts: ["k"], by: people)) == .permissionDenied
      )
    }
    #expect(
      world.admits(world.incident(.lift, .all, id: "l", lifts: ["k"], by: ["pat", "quin"])) == .accept)
  }

  @Test("a lifted id never binds again, even where the log never saw it bind")
  func liftedIDs() throws {
    var world = try Governed()
    let kill = world.incident(.kill, .all, id: "k")
    #expect(try world.append(kill.0, kill.1) == .effective)
    #expect(world.admits(kill) == .known(world.last))
    #expect(try world.refusal(world.incident(.quarantine, .all, id: "k")) == .alreadyExists)
    try world.use(.lift, id: "l", lifts: ["k", "unseen"])
    #expect(try world.refusal(world.incident(.quarantine, .all, id: "k")) == .alreadyExists)
    #expect(try world.refusal(world.incident(.kill, .all, id: "unseen")) == .failedPrecondition)
    #expect(world.state.isLifted("unseen") && !world.state.isLifted("other"))
    let again = world.incident(.lift, .all, id: "l2", lifts: ["k"], by: ["pat", "quin"])
    #expect(try world.refusal(again) == .failedPrecondition)
    #expect(world.state.restrictions.entries.isEmpty)
    // The kill's statement is known at its leaf, and stays lifted.
    #expect(try world.append(kill.0, kill.1) != .effective)
    #expect(!world.state.restrictions.isHalted)
  }

  @Test("a restriction leaves the leases' list after fifteen minutes, and still holds until it is lifted")
  func listing() throws {
    var world = try Governed()
    try world.use(.quarantine, .principal(Governed.agent), id: "q")
    try world.pass(seconds: 899)
    #expect(world.state.restrictions.entries.count == 1)
    try world.pass(seconds: 1)
    #expect(world.state.restrictions.entries.isEmpty)
    let index = try world.propose()
    #expect(try world.rules(index) == ["floor.quarantined"])
  }

  @Test("more restrictions than a list holds halt everything until they age")
  func overflow() throws {
    var world = try Governed()
    for number in 0..<(RestrictionList.maximumEntries / 2) {
      try world.use(.revoke, .token("token-\(number)"), id: "r-\(number)")
    }
    #expect(world.state.restrictions.isHalted)
    #expect(world.state.restrictions.entries.count <= RestrictionList.maximumEntries)
    try world.pass(seconds: 900)
    #expect(world.state.restrictions.entries.isEmpty)
  }

  @Test("consent that t parties withheld does not follow from the log: such a record is evidence")
  func withheld() throws {
    var world = try Governed()
    let incident = DerivedIncident(
      incidentID: "w", kind: .withheld, cause: LeafIndex(0), about: LeafIndex(0), tenantID: "acme",
      target: .all, message: "",
      declines: [
        PartySigned(
          Decline(party: 1, decision: LeafIndex(0), decisionID: "d", reason: "", declinedAt: world.now),
          cluster: world.cluster, with: Governed.key("p1"))
      ])
    guard case .divergent = try world.append(.derivedIncident(incident)) else {
      throw TestFailure("expected evidence")
    }
  }
}
