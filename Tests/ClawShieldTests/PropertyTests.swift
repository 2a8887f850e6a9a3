import Canonical
import ClawShield
import Crypto
import Merkle
import Records
import Testing

/// SplitMix64: the same sequence from the same seed on every machine.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Appends records at random, most of them sensible, many not.
private struct Storm {
  var world: Governed
  var random: SplitMix
  var lastIsApproval = false

  init(seed: UInt64) throws {
    world = try Governed(
      registry: Registry(requestLimit: "100", dayLimit: "300", perMinute: 12, repeats: 6))
    random = SplitMix(state: seed)
  }

  private mutating func pick<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &random)] }
  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  private mutating func anyLeaf() -> LeafIndex {
    LeafIndex(UInt64.random(in: 0..<world.state.size, using: &random))
  }

  /// The next record and its attachment.
  mutating func next() throws -> (RecordBody, Attachment) {
    if chance(30) { world.now = world.now.advanced(by: .seconds(pick([0, 1, 10, 61, 400, 4000]))) }
    if chance(60), let owed = world.state.owed.first { return try derived(owed) }
    switch Int.random(in: 0..<12, using: &random) {
    case 0...3: return proposal()
    case 4, 5: return try ballot()
    case 6: return try receipt()
    case 7: return incident()
    case 8: return try act()
    case 9: return withdrawal()
    case 10:
      return world.artifact(
        pick(["f", "g"]), of: pick([Governed.agent, Governed.foreignAgent, Governed.executor]),
        tenant: pick(["acme", "rival"]), labels: pick([[], ["untrusted"]]))
    default:
      if chance(50) { return (.tick, Attachment()) }
      let old = world.log[Int(anyLeaf().value)]
      if case .genesis = old.record.body { return (.tick, Attachment()) }
      return (old.record.body, old.attachment)
    }
  }

  private mutating func derived(_ owed: Owed) throws -> (RecordBody, Attachment) {
    switch owed {
    case .incident(var incident):
      if chance(5) { incident.message += "!" }
      return (.derivedIncident(incident), Attachment())
    case .decision(let owed):
      let executor = pick([Governed.executor, .executor("x2"), .executor("weak"), nil])
      var decision = world.state.decision(for: owed, executor: executor)
      if chance(5) { decision.rationale += "!" }
      return (.decision(decision), Attachment())
    }
  }

  private mutating func proposal() -> (RecordBody, Attachment) {
    let agent = pick([Governed.agent, Governed.otherAgent, Governed.foreignAgent])
    return world.proposal(
      by: agent, action: pick(["echo", "echo", "publish", "pay", "purge", "costly", "nothing"]),
      parameters: pick([["text": "a"], ["text": "b"], ["text": 1]]),
      requestID: chance(20) ? "shared" : nil, traceID: pick(["t1", "t2"]),
      tenant: chance(5) ? "rival" : nil, scopes: chance(5) ? [] : ["text"],
      inputs: chance(20) ? [SHA256.hash("f")] : [], depth: chance(3) ? 9 : 0,
      validFor: pick([30, 7200, 86_400, 86_400]), signedBy: chance(3) ? "mallory" : nil)
  }

  private mutating func ballot() throws -> (RecordBody, Attachment) {
    let open = world.state.pending()
    guard !open.isEmpty else { return (.tick, Attachment()) }
    let view = pick(open)
    let voter = pick(["ann", "bob", "cyd", "olga", "clerk", "bob-again", "rival-approver"])
    let keys = chance(50) ? ["approver/\(voter)", "\(voter)'s second"] : nil
    return try world.ballot(
      .approver(voter), on: view.index, vote: chance(10) ? .reject : .approve,
      role: pick(["approver", "approver", "security"]), keys: keys)
  }

  private mutating func receipt() throws -> (RecordBody, Attachment) {
    let approvals = world.state.approvals(in: 0...world.state.size)
    guard !approvals.isEmpty else { return (.tick, Attachment()) }
    return try world.receipt(
      for: pick(approvals), status: pick([.succeeded, .failed, .aborted]),
      cost: MicroUSD(micros: Int64.random(in: 0..<3_000_000, using: &random)) ?? .zero)
  }

  private mutating func incident() -> (RecordBody, Attachment) {
    if chance(50) {
      let ids = world.state.restrictions.entries.map(\.incidentID) + ["i-1"]
      return world.incident(.lift, .all, id: world.fresh(), lifts: [pick(ids)], by: ["pat", "quin"])
    }
    let target = pick([
      IncidentTarget.tenant("rival"), .principal(Governed.agent), .principal(Governed.executor),
      .token("x"), .all,
    ])
    return world.incident(pick([.kill, .quarantine, .revoke]), target, id: pick(["i-1", world.fresh()]))
  }

  private mutating func act() throws -> (RecordBody, Attachment) {
    if chance(30) {
      return world.policy(
        try Registry(version: pick(["1", "2"]), dayLimit: "300", perMinute: 12, repeats: 6).bundle,
        id: world.fresh(), killRunning: chance(30))
    }
    let principal = pick([Governed.agent, .approver("ann"), .executor("x2"), .operator("quin")])
    let until = world.now.advanced(by: .seconds(60))
    guard let known = Governed.enrolments.first(where: { $0.principal == principal }) else {
      return (.tick, Attachment())
    }
    let content =
      chance(30)
      ? EnrolmentAct(actID: world.fresh(), revoke: principal, validUntil: until)
      : EnrolmentAct(actID: world.fresh(), enrol: known, validUntil: until)
    return (.enrol(world.cosigned(content, by: ["pat", "quin"])), Attachment())
  }

  private mutating func withdrawal() -> (RecordBody, Attachment) {
    let content = Withdrawal(
      proposal: anyLeaf(), requestedBy: Governed.agent, validUntil: world.now.advanced(by: .seconds(60)))
    let signed = Signed.sign(
      content, cluster: world.cluster, as: Governed.agent, with: Governed.key(Governed.agent.path))
    return (.withdrawal(signed), Attachment())
  }
}

struct PropertyTests {
  /// What a state says, in words that two states can be compared by.
  private func account(_ state: ShieldState) -> [String] {
    var out = [state.stateRoot.hex, "\(state.size)", state.logTime.text, "\(state.owed)"]
    out.append("\(state.nextExpiry?.text ?? "-") \(state.restrictions.entries)")
    out.append("\(state.pending().map { "\($0.index) \($0.demands)" })")
    out.append("\(state.liveApprovals()) \(state.approvals(in: 0...(state.size + 5000)))")
    out.append("\(state.trace("t1")) \(state.trace("t2"))")
    let shared = state.proposalView(agent: Governed.agent, requestID: "shared")
    out.append("\(String(describing: shared?.index)) \(String(describing: shared?.status))")
    return out
  }

  @Test(
    "any sequence of records gives one state: applied twice, or restored from its cells at any point and continued",
    arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func determinism(seed: UInt64) throws {
    var storm = try Storm(seed: seed)
    var twin = storm.world.state
    var effective = 0
    for step in 0..<350 {
      let (body, attachment) = try storm.next()
      let before = storm.world.state
      let applied = try storm.world.append(body, attachment)
      let leaf = try #require(storm.world.log.last)
      let index = LeafIndex(before.size)
      #expect(
        twin.apply(leaf.record, leafHash: leaf.hash, attachment: leaf.attachment, at: index) == applied)
      #expect(twin.stateRoot == storm.world.state.stateRoot)
      if step % 25 == 0 {
        twin = try storm.world.restored()
        #expect(account(twin) == account(storm.world.state))
      }
      if applied == .effective { effective += 1 } else { try expectVoid(before, storm.world, body) }
      if let expiry = storm.world.state.nextExpiry { #expect(expiry > storm.world.state.logTime) }
      try expectSingleApprovals(storm.world)
    }
    #expect(effective > 120, "the storm must reach something: \(effective)")
  }

  /// A leaf without effect leaves what a tick at its time would have left, but for the mark of an approval.
  private func expectVoid(_ before: ShieldState, _ world: Governed, _ body: RecordBody) throws {
    var ticked = before
    let tick = Record(at: world.now, body: .tick)
    _ = ticked.apply(
      tick, leafHash: TreeHash.leaf(tick.bytes), attachment: Attachment(), at: LeafIndex(before.size))
    var changed: [String] = []
    world.state.cells.takeChanges(since: ticked.cells) { name, bytes in
      if bytes != ticked.cells[name]?.merkleBytes() { changed.append(name) }
    }
    if case .decision(let decision) = body, decision.decisionType == .approve {
      #expect(changed.count == 1 && changed[0].hasPrefix("approvals/"))
    } else {
      #expect(changed.isEmpty, "\(changed)")
    }
  }

  /// At most one approval of a proposal is live (INV-017), and only under the active bundle, of an agent
  /// and executor that may act.
  private func expectSingleApprovals(_ world: Governed) throws {
    var proposals: [LeafIndex] = []
    for leaf in world.state.liveApprovals() {
      guard case .decision(let decision) = world.log[Int(leaf.value)].record.body,
        let grant = decision.grant
      else { throw TestFailure("a live approval that is none") }
      #expect(!proposals.contains(decision.proposal))
      proposals.append(decision.proposal)
      #expect(decision.policyBundleHash == world.state.bundleHash)
      #expect(grant.expiresAt > world.state.logTime)
      #expect(!world.state.restrictions.isHalted)
      #expect(world.state.enrolment(of: grant.executorID, at: world.state.logTime) != nil)
      let multi = ["publish", "purge"].contains(decision.action)
      #expect(
        grant.humanAttestors.count == (multi ? 2 : decision.action == "pay" ? 1 : grant.humanAttestors.count))
    }
  }
}
