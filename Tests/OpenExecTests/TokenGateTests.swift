import Canonical
import Crypto
import Merkle
import OpenExec
import Records
import Testing

/// One test a check: a valid job passes; each single spoiled part is refused with its own requirement.
@Suite("Token gate")
struct TokenGateTests {
  let world: World
  let lease: Lease
  let registry: ActionRegistry
  let now = Uptime(nanoseconds: 5_000_000_000)

  init() throws {
    world = try World()
    var keeper = LeaseKeeper(identity: world.identity, highest: nil)
    let challenge = keeper.challenge([UInt8](repeating: 1, count: 32), at: now)
    lease = try keeper.accept(world.lease(World.LeasePlan(), answering: challenge), at: now)
    registry = try ActionRegistry(world.bundle)
  }

  var context: GateContext {
    GateContext(
      identity: world.identity, lease: lease, registry: registry, activeClasses: [.microvmTCG],
      now: now)
  }

  func refusal(
    _ job: OfferedJob, _ context: GateContext, nonces: NonceRegistry = NonceRegistry()
  ) -> GateReason? {
    switch TokenGate.admit(job, in: context, nonces: nonces) {
    case .success: nil
    case .failure(let refusal): refusal.reason
    }
  }

  func refusal(_ spoil: (inout World.JobPlan) -> Void) -> GateReason? {
    var plan = world.plan()
    spoil(&plan)
    return refusal(world.job(plan), context)
  }

  @Test("a valid job passes, with the canonical bytes that were hashed")
  func valid() throws {
    let admitted = try TokenGate.admit(world.job(world.plan()), in: context, nonces: NonceRegistry())
      .get()
    #expect(admitted.parameters == Array(#"{"a":1,"b":2}"#.utf8))
    #expect(admitted.isolationClass == .microvmTCG)
    #expect(admitted.action.name == "add")
  }

  @Test("HF-1, TOK-5: without a token, or with anything else for one")
  func missing() {
    let job = world.job(world.plan())
    let none = OfferedJob(token: "", proposal: job.proposal, attachment: job.attachment)
    #expect(refusal(none, context) == .tokenMissing)
    let noise = OfferedJob(token: "approved", proposal: job.proposal, attachment: job.attachment)
    #expect(refusal(noise, context)?.requirement == "TOK-5")
    let leaf = world.proof(of: Record(at: World.start, body: .tick).bytes, size: 9, time: World.start)
    let other = OfferedJob(
      token: leaf.encoded, proposal: job.proposal, attachment: job.attachment)
    #expect(refusal(other, context) == .tokenMalformed("the leaf is a tick"))
  }

  @Test("TOK-12: an unknown key, and a known key beyond its end")
  func unknownKey() {
    #expect(refusal { $0.byStranger = true } == .unknownKey)
    var ended = context
    ended.identity = ExecutorIdentity(
      keys: KeyRing(
        cluster: world.cluster, keys: [GroupKey(world.group.publicKey, lastSize: 9)]),
      executor: world.executor, incarnation: 3)
    #expect(refusal(world.job(world.plan()), ended) == .unknownKey)
  }

  @Test("HF-2: every byte of signature, path and leaf counts; consent must cover the leaf")
  func invalid() throws {
    let job = world.job(world.plan())
    let proof = try LedgerProof(parsing: job.token)
    func offer(_ proof: LedgerProof) -> OfferedJob {
      OfferedJob(token: proof.encoded, proposal: job.proposal, attachment: job.attachment)
    }
    let line = proof.note.signatures[0]
    var signature = line.signature
    signature[5] ^= 1
    let forged = SignedNote(
      text: proof.note.text, name: line.name, keyID: line.keyID, signature: signature)
    let unsigned = LedgerProof(leaf: proof.leaf, index: proof.index, path: proof.path, note: forged)
    #expect(refusal(offer(unsigned), context)?.requirement == "HF-2")
    for position in [0, proof.leaf.count / 2, proof.leaf.count - 1] {
      var leaf = proof.leaf
      leaf[position] ^= 1
      let changed = LedgerProof(leaf: leaf, index: proof.index, path: proof.path, note: proof.note)
      #expect(refusal(offer(changed), context) == .tokenInvalid(.proof(.rootMismatch)))
    }
    let moved = LedgerProof(
      leaf: proof.leaf, index: LeafIndex(proof.index.value - 1), path: proof.path, note: proof.note)
    #expect(refusal(offer(moved), context)?.requirement == "HF-2")
    #expect(refusal { $0.consents = false } == .tokenInvalid(.noConsent(LeafIndex(8))))
  }

  @Test("HF-2: a decision that does not approve")
  func notApproved() {
    #expect(refusal { $0.decisionType = .deny } == .notApproved(.deny))
  }

  @Test("a token for another executor, or for another life of this one")
  func otherExecutor() {
    #expect(
      refusal { $0.grant.executorID = .executor("e2") } == .wrongExecutor(.executor("e2")))
    #expect(
      refusal { $0.grant.executorIncarnation = 2 } == .wrongIncarnation(expected: 3, found: 2))
  }

  @Test("TOK-11, HF-4: a used nonce")
  func nonce() {
    var nonces = NonceRegistry()
    let burned = nonces.burn("nonce-t1", token: "t1", expiresAt: World.start)
    #expect(burned)
    #expect(refusal(world.job(world.plan()), context, nonces: nonces) == .nonceUsed)
    var full = NonceRegistry(capacity: 1)
    _ = full.burn("other", token: "o", expiresAt: World.start)
    #expect(refusal(world.job(world.plan()), context, nonces: full) == .registryFull)
  }

  @Test("TOK-10, HF-3: past its end by the lease's time and the time since, to the nanosecond")
  func expired() throws {
    let end = lease.time(at: now)
    #expect(refusal { $0.grant.expiresAt = end } == .expired(at: end, now: end))
    #expect(refusal { $0.grant.expiresAt = end.advanced(by: Interval(nanoseconds: 1)) } == nil)
  }

  @Test("TOK-15: longer than fifteen minutes, or without the people who had to attest")
  func highRisk() {
    #expect(
      refusal { $0.grant.expiresAt = $0.grant.issuedAt.advanced(by: .seconds(901)) }
        == .lifetime(seconds: 901))
    #expect(refusal { $0.grant.multiSigThreshold = 1 } == .attestors(expected: 1, found: 0))
    let people = [Principal.approver("a"), .approver("a")]
    #expect(
      refusal {
        $0.grant.multiSigThreshold = 2
        $0.grant.humanAttestors = people
      } == .attestors(expected: 2, found: 1))
    let own = world.agent
    #expect(refusal { $0.grant.humanAttestors = [own] }?.requirement == "TOK-15")
    #expect(
      refusal {
        $0.grant.multiSigThreshold = 2
        $0.grant.humanAttestors = [.approver("a"), .approver("b")]
      } == nil)
  }

  @Test("TOK-6, HF-6: tenants that differ, or that are not served here")
  func tenants() {
    #expect(
      refusal { $0.decidedTenant = "other" } == .tenantMismatch(expected: "acme", found: "other"))
    #expect(
      refusal {
        $0.proposedTenant = "other"
        $0.decidedTenant = "other"
      } == .tenantMismatch(expected: "acme", found: "other"))
    var elsewhere = context
    elsewhere.identity = ExecutorIdentity(
      keys: world.identity.keys, executor: world.executor, incarnation: 3, tenants: .only(["b"]))
    #expect(refusal(world.job(world.plan()), elsewhere)?.requirement == "TOK-6")
  }

  @Test("TOK-7: an action that is not in the registry, or in another version")
  func allowlist() {
    #expect(refusal { $0.action = "rm" } == .actionUnknown("rm"))
    #expect(
      refusal { $0.actionVersion = "2" } == .actionVersion(expected: "1", found: "2"))
  }

  @Test("TOK-8: parameters are recomputed, and the proposal is the decided one")
  func parameters() {
    #expect(refusal { $0.givenParameters = ["a": 1, "b": 3] } == .parametersMismatch)
    let job = world.job(world.plan())
    let without = OfferedJob(token: job.token, proposal: job.proposal, attachment: [])
    #expect(refusal(without, context) == .parametersMismatch)
    let hash = world.cluster
    #expect(refusal { $0.proposalHash = hash }?.requirement == "TOK-8")
    let swapped = OfferedJob(
      token: job.token, proposal: world.job(world.plan("t2")).proposal, attachment: job.attachment)
    #expect(refusal(swapped, context)?.requirement == "TOK-8")
  }

  @Test("RT-7: parameters that the schema does not allow")
  func schema() {
    #expect(refusal { $0.parameters = ["a": 1, "b": "x"] }?.requirement == "RT-7")
    #expect(refusal { $0.parameters = ["a": 1, "b": 2, "c": 3] }?.requirement == "RT-7")
  }

  @Test("TOK-9, HF-5: decided under another bundle; a bundle that is not loaded is waited for")
  func bundle() throws {
    let hash = world.cluster
    #expect(refusal { $0.bundleHash = hash } == .bundleMismatch)
    var unloaded = context
    unloaded.registry = nil
    #expect(refusal(world.job(world.plan()), unloaded) == .bundleNotLoaded)
    unloaded.registry = try ActionRegistry(World.bundle(version: "2"))
    #expect(refusal(world.job(world.plan()), unloaded) == .bundleNotLoaded)
    #expect(GateReason.bundleNotLoaded.isTransient && !GateReason.bundleMismatch.isTransient)
  }

  @Test("TOK-13, HF-7: another action's approval, or scopes that were not granted")
  func scopes() {
    #expect(
      refusal { $0.grant.approvalScope = "fetch" }
        == .scopeMismatch(expected: "add", found: "fetch"))
    #expect(refusal { $0.grant.allowedScopes = ["more"] } == .scopeMissing(["compute"]))
  }

  @Test("HF-8: no sandbox of the least class is active")
  func sandbox() {
    var bare = context
    bare.activeClasses = []
    #expect(
      refusal(world.job(world.plan()), bare) == .sandboxInactive(least: .microvmTCG))
    bare.activeClasses = [.container]
    #expect(
      refusal(world.job(world.plan()), bare) == .sandboxInactive(least: .microvmTCG))
    #expect(
      refusal { $0.grant.isolationClass = .kata } == .sandboxInactive(least: .kata))
  }

  @Test("HF-8: the strongest class that can run the image, not the strongest of all")
  func imageClasses() throws {
    let image = "sha256:" + String(repeating: "ab", count: 32)
    func chosen(_ able: [IsolationClass]?) -> Result<AdmittedJob, GateRefusal> {
      var context = context
      context.activeClasses = [.microvmTCG, .kata, .container]
      if let able { context.images.insert(image, able) }
      return TokenGate.admit(world.job(world.plan()), in: context, nonces: NonceRegistry())
    }
    // Of an image that is not known here the sandbox says what it thinks of it.
    #expect(try chosen(nil).get().isolationClass == .kata)
    #expect(try chosen([.microvmKVM, .microvmTCG]).get().isolationClass == .microvmTCG)
    // None that is active; one that is below the least.
    for able: [IsolationClass] in [[], [.microvmKVM], [.container]] {
      guard case .failure(let refusal) = chosen(able) else {
        Issue.record("it may run in \(able)")
        continue
      }
      let said = refusal.reason.description
      #expect(refusal.reason.requirement == "HF-9" && said.contains("the kind of image \(image)"), "\(said)")
    }
  }

  @Test("HF-9: what this executor cannot enforce, it does not run")
  func unenforceable() {
    #expect(
      refusal {
        $0.action = "fetch"
        $0.grant.approvalScope = "fetch"
      }?.requirement == "HF-9")
  }

  @Test(
    "INV-004: what several executors run, an executor runs where instructions are counted, and nowhere else")
  func reproducible() {
    func proven(_ classes: [IsolationClass]) -> GateReason? {
      var context = context
      context.activeClasses = classes
      var plan = world.plan()
      plan.action = "proven"
      plan.grant.approvalScope = "proven"
      return refusal(world.job(plan), context)
    }
    #expect(proven([.microvmKVM])?.requirement == "HF-9")
    #expect(proven([.container, .microvmTCG, .kata]) == nil)
  }

  @Test("INV-008: as many inputs as the action takes, each once")
  func inputs() throws {
    let (one, two, three) = (SHA256.hash("1"), SHA256.hash("2"), SHA256.hash("3"))
    func reading(_ inputs: [Digest]) -> GateReason? {
      refusal {
        $0.action = "digest"
        $0.grant.approvalScope = "digest"
        $0.inputs = inputs
      }
    }
    #expect(refusal { $0.inputs = [one] } == .inputsMismatch("expected 0 to 0, found 1"))
    #expect(reading([]) == .inputsMismatch("expected 1 to 2, found 0"))
    #expect(reading([one, two, three]) == .inputsMismatch("expected 1 to 2, found 3"))
    #expect(reading([one, one]) == .inputsMismatch("one is named twice"))
    #expect(reading([one, two]) == nil)
  }

  @Test("API-6: the token's rate")
  func rate() {
    var busy = context
    busy.runsInLastMinute = 100
    #expect(refusal(world.job(world.plan()), busy) == .rateLimited(perMinute: 100))
    busy.runsInLastMinute = 99
    #expect(refusal(world.job(world.plan()), busy) == nil)
  }

  @Test("INV-003: no lease, a lapsed one, and an approval that is newer than the lease")
  func leases() {
    var without = context
    without.lease = nil
    #expect(refusal(world.job(world.plan()), without) == .noLease)
    var later = context
    later.now = lease.end
    #expect(refusal(world.job(world.plan()), later) == .noLease)
    #expect(refusal { $0.size = 101 } == .newerThanLease(size: 101, lease: 100))
    #expect(refusal { $0.size = 100 } == nil)
  }

  @Test("IR-2, IR-4: a halted lease, and every kind of restriction")
  func restrictions() throws {
    func refusal(under plan: World.LeasePlan) throws -> GateReason? {
      var keeper = LeaseKeeper(identity: world.identity, highest: nil)
      let challenge = keeper.challenge([UInt8](repeating: 1, count: 32), at: now)
      var restricted = context
      restricted.lease = try keeper.accept(world.lease(plan, answering: challenge), at: now)
      return self.refusal(world.job(world.plan()), restricted)
    }
    #expect(try refusal(under: World.LeasePlan(mode: .halted)) == .halted)
    let all = RestrictionList.Entry(incidentID: "i", target: .all)
    #expect(try refusal(under: World.LeasePlan(restrictions: [all])) == .halted)
    let forbidding: [IncidentTarget] = [
      .tenant("acme"), .principal(world.agent), .principal(world.executor), .token("t1"),
    ]
    for target in forbidding {
      let entry = RestrictionList.Entry(incidentID: "i", target: target)
      #expect(
        try refusal(under: World.LeasePlan(restrictions: [entry])) == .restricted(incident: "i"))
    }
    for target in [IncidentTarget.tenant("b"), .principal(.executor("e2")), .token("t2")] {
      let entry = RestrictionList.Entry(incidentID: "i", target: target)
      #expect(try refusal(under: World.LeasePlan(restrictions: [entry])) == nil)
    }
  }
}
