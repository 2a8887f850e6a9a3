import Canonical
import Crypto
import Merkle
import Records

#if SIMULATION
import Mutants
#endif

/// Which tenants an executor works for.
public enum ServedTenants: Equatable, Sendable {
  case all
  case only([String])

  func contains(_ tenant: String) -> Bool {
    switch self {
    case .all: true
    case .only(let tenants): tenants.contains(tenant)
    }
  }
}

/// What this executor is, for as long as it lives.
public struct ExecutorIdentity: Equatable, Sendable {
  public internal(set) var keys: KeyRing
  public let executor: Principal
  public let incarnation: Int
  public let tenants: ServedTenants

  /// An identity.
  public init(keys: KeyRing, executor: Principal, incarnation: Int, tenants: ServedTenants = .all) {
    self.keys = keys
    self.executor = executor
    self.incarnation = incarnation
    self.tenants = tenants
  }
}

/// What a job is judged under at one moment.
public struct GateContext: Sendable {
  public var identity: ExecutorIdentity
  /// The live lease; nil without one.
  public var lease: Lease?
  /// The registry of the bundle that this executor holds.
  public var registry: ActionRegistry?
  /// Isolation classes that the preflight found active.
  public var activeClasses: [IsolationClass]
  /// Which of them can run which image.
  public var images: ImageClasses
  /// The moment, on the executor's monotonic clock.
  public var now: Uptime
  /// Runs of the job's action that began in the last minute.
  public var runsInLastMinute: Int

  /// A context.
  public init(
    identity: ExecutorIdentity, lease: Lease?, registry: ActionRegistry?,
    activeClasses: [IsolationClass], images: ImageClasses = ImageClasses(), now: Uptime,
    runsInLastMinute: Int = 0
  ) {
    self.identity = identity
    self.lease = lease
    self.registry = registry
    self.activeClasses = activeClasses
    self.images = images
    self.now = now
    self.runsInLastMinute = runsInLastMinute
  }
}

/// The only way to a sandbox: HF-1…HF-9 and TOK-5…TOK-16.
///
/// A pure function of the job and the context. No flag, environment variable or model output reaches it
/// (TOK-16), it asks nobody (RT-14), and it holds no private key (TOK-14).
public enum TokenGate {
  /// Longest life of a token, in seconds (the floor's).
  public static let maximumTokenSeconds: Int64 = 900

  /// Checks everything. What it admits must still be burned, durably, before it starts.
  public static func admit(
    _ job: OfferedJob, in context: GateContext, nonces: NonceRegistry
  ) -> Result<AdmittedJob, GateRefusal> {
    do throws(GateRefusal) {
      let token = try prove(job.token, for: context.identity)
      do throws(GateReason) {
        return .success(try judge(token, job, in: context, nonces: nonces))
      } catch {
        throw GateRefusal(error, token: token)
      }
    } catch {
      return .failure(error)
    }
  }

  /// What can be said of a token at any time: that it is a final approval for this executor.
  public static func prove(
    _ text: String, for identity: ExecutorIdentity
  ) throws(GateRefusal) -> ProvenToken {
    do throws(GateReason) {
      return try proven(text, identity)
    } catch {
      throw GateRefusal(error)
    }
  }

  private static func proven(
    _ text: String, _ identity: ExecutorIdentity
  ) throws(GateReason) -> ProvenToken {
    guard !text.isEmpty else { throw .tokenMissing }
    let proof: LedgerProof
    do {
      proof = try LedgerProof(parsing: text)
    } catch {
      throw .tokenMalformed(error.description)
    }
    guard let known = identity.keys.signer(of: proof.note) else { throw .unknownKey }
    let record: Record
    let checkpoint: CheckpointNote
    do {
      (record, checkpoint) = try proof.verify(cluster: identity.keys.cluster, groupKey: known.key)
    } catch {
      throw .tokenInvalid(error)
    }
    guard known.signs(size: checkpoint.size) else { throw .unknownKey }
    guard case .decision(let decision) = record.body else {
      throw .tokenMalformed("the leaf is a \(record.body.type.rawValue)")
    }
    guard decision.decisionType == .approve, let grant = decision.grant else {
      throw .notApproved(decision.decisionType)
    }
    #if SIMULATION
    if Mutant.executorNotCompared.isActive {
      return ProvenToken(proof: proof, decision: decision, grant: grant, checkpoint: checkpoint)
    }
    #endif
    guard grant.executorID == identity.executor else { throw .wrongExecutor(grant.executorID) }
    #if SIMULATION
    let isCompared = !Mutant.incarnationUnchecked.isActive
    #else
    let isCompared = true
    #endif
    guard grant.executorIncarnation == identity.incarnation || !isCompared else {
      throw .wrongIncarnation(expected: identity.incarnation, found: grant.executorIncarnation)
    }
    return ProvenToken(proof: proof, decision: decision, grant: grant, checkpoint: checkpoint)
  }

  /// Judges a proven token under the newest lease.
  static func judge(
    _ token: ProvenToken, _ job: OfferedJob, in context: GateContext, nonces: NonceRegistry
  ) throws(GateReason) -> AdmittedJob {
    guard !nonces.isUsed(token.grant.nonce) else { throw .nonceUsed }
    let lease = try standing(token, in: context)
    try checkLifetime(token, lease: lease, now: context.now)
    try checkAttestors(token)
    let (parameters, inputs) = try parameters(of: job, token)
    guard context.identity.tenants.contains(token.decision.tenantID) else {
      throw .tenantMismatch(expected: "one that this executor serves", found: token.decision.tenantID)
    }
    guard let registry = context.registry, registry.hash == lease.line.policyBundleHash else {
      throw .bundleNotLoaded
    }
    #if SIMULATION
    let isCompared = !Mutant.policyNotCompared.isActive
    #else
    let isCompared = true
    #endif
    guard token.decision.policyBundleHash == registry.hash || !isCompared else { throw .bundleMismatch }
    let action = try checkAction(token, parameters, registry)
    try checkInputs(inputs, action)
    let least = max(action.isolationClass, token.grant.isolationClass)
    guard let most = context.activeClasses.max(), most >= least else {
      throw .sandboxInactive(least: least)
    }
    let fit = context.activeClasses.filter {
      $0 >= least && context.images.canRun(action.imageDigest, in: $0)
    }
    guard !fit.isEmpty else {
      throw .unenforceable(
        "the kind of image \(action.imageDigest), which no class of at least \(least.rawValue) that is "
          + "active can run")
    }
    let able = fit.filter {
      ($0.hasReach || !action.usesReach) && ($0.isReproducible || action.verification == 1)
    }
    guard let strongest = able.max() else {
      let what =
        action.verification == 1 ? "what the action reaches" : "that it comes out the same everywhere"
      throw .unenforceable("\(what), in a class of at least \(least.rawValue) that is active")
    }
    let limit = token.grant.constraints.rateLimitPerMinute
    guard context.runsInLastMinute < limit else { throw .rateLimited(perMinute: limit) }
    guard !nonces.isFull else { throw .registryFull }
    return AdmittedJob(
      token: token, action: action, parameters: parameters.canonicalBytes(), wanted: inputs,
      isolationClass: strongest)
  }

  /// That governance lets it run now: a live lease at least as new as the approval, not halted, without
  /// a restriction on the token, its agent, tenant or executor.
  static func standing(_ token: ProvenToken, in context: GateContext) throws(GateReason) -> Lease {
    guard let lease = context.lease, lease.isLive(at: context.now) else { throw .noLease }
    guard token.checkpoint.size <= lease.mark.size else {
      throw .newerThanLease(size: token.checkpoint.size, lease: lease.mark.size)
    }
    guard lease.line.mode == .running, !lease.restrictions.isHalted else { throw .halted }
    #if SIMULATION
    if Mutant.revokedTokenAccepted.isActive { return lease }
    #endif
    if let entry = lease.restrictions.forbids(
      token.decision, tokenID: token.id, executor: context.identity.executor)
    {
      throw .restricted(incident: entry.incidentID)
    }
    return lease
  }

  private static func checkLifetime(
    _ token: ProvenToken, lease: Lease, now: Uptime
  ) throws(GateReason) {
    let life = token.grant.expiresAt.since(token.grant.issuedAt)
    guard life > Interval(nanoseconds: 0), life <= .seconds(maximumTokenSeconds) else {
      throw .lifetime(seconds: life.nanoseconds / 1_000_000_000)
    }
    #if SIMULATION
    let time = Mutant.expiryByOwnClock.isActive ? lease.mark.time : lease.time(at: now)
    #else
    let time = lease.time(at: now)
    #endif
    guard time < token.grant.expiresAt else { throw .expired(at: token.grant.expiresAt, now: time) }
  }

  private static func checkAttestors(_ token: ProvenToken) throws(GateReason) {
    let people = Set(token.grant.humanAttestors).subtracting([token.decision.requestedBy])
    guard people.count == token.grant.humanAttestors.count,
      people.count >= token.grant.multiSigThreshold
    else { throw .attestors(expected: token.grant.multiSigThreshold, found: people.count) }
  }

  /// The parameters and inputs, once proposal, decision and attachment are shown to belong together.
  static func parameters(of job: OfferedJob, _ token: ProvenToken) throws(GateReason) -> (
    JSON, inputs: [Digest]
  ) {
    let decision = token.decision
    guard TreeHash.leaf(job.proposal) == decision.proposalHash else {
      throw .proposalMismatch("its hash is not the one in the decision")
    }
    let record: Record
    do {
      record = try Record(parsing: job.proposal)
    } catch {
      throw .proposalMismatch(error.description)
    }
    guard case .proposal(let signed) = record.body else {
      throw .proposalMismatch("the leaf is a \(record.body.type.rawValue)")
    }
    let proposal = signed.content
    guard proposal.tenantID == decision.tenantID else {
      throw .tenantMismatch(expected: proposal.tenantID, found: decision.tenantID)
    }
    if case .agent(let tenant, _) = decision.requestedBy, tenant != decision.tenantID {
      throw .tenantMismatch(expected: tenant, found: decision.tenantID)
    }
    guard proposal.requestedBy == decision.requestedBy, proposal.action == decision.action,
      proposal.requestID == decision.requestID, proposal.workspaceID == decision.workspaceID
    else { throw .proposalMismatch("agent, action, request or workspace differ") }
    let attachment: Attachment
    do {
      attachment = try Attachment(parsing: job.attachment)
    } catch {
      throw .parametersMismatch
    }
    // Recomputed from salt and canonical parameters, never read from beside them (TOK-8).
    guard let item = attachment["parameters"], item.hash == decision.parametersHash,
      proposal.parametersHash == decision.parametersHash
    else { throw .parametersMismatch }
    return (item.value, proposal.inputs)
  }

  /// As many as the action takes, none twice. How many bytes they have shows when they are here.
  private static func checkInputs(
    _ inputs: [Digest], _ action: ActionDefinition
  ) throws(GateReason) {
    let least = action.inputs?.minimumCount ?? 0
    let most = action.inputs?.maximumCount ?? 0
    guard (least...most).contains(inputs.count) else {
      throw .inputsMismatch("expected \(least) to \(most), found \(inputs.count)")
    }
    guard Set(inputs).count == inputs.count else { throw .inputsMismatch("one is named twice") }
  }

  private static func checkAction(
    _ token: ProvenToken, _ parameters: JSON, _ registry: ActionRegistry
  ) throws(GateReason) -> ActionDefinition {
    let decision = token.decision
    let grant = token.grant
    guard let (action, schema) = registry.action(decision.action) else {
      throw .actionUnknown(decision.action)
    }
    guard action.version == decision.actionVersion else {
      throw .actionVersion(expected: action.version, found: decision.actionVersion)
    }
    guard grant.approvalScope == action.name else {
      throw .scopeMismatch(expected: action.name, found: grant.approvalScope)
    }
    let missing = action.scopes.filter { !grant.allowedScopes.contains($0) }
    guard missing.isEmpty else { throw .scopeMissing(missing) }
    do {
      try schema.validate(parameters)
    } catch {
      throw .parametersInvalid(error.description)
    }
    // What a token does not name it does not grant, whatever the registry says (INV-007).
    guard let destinations = action.destinations else {
      throw .unenforceable("egress to \(action.egress.joined(separator: ", ").prefix(512)) without limits")
    }
    let needed =
      destinations.map(\.scope) + action.secrets.map(ActionDefinition.secretScope) + action.oauth.map(\.scope)
    let ungranted = needed.filter { !grant.allowedScopes.contains($0) }
    guard ungranted.isEmpty else { throw .scopeMissing(ungranted) }
    return action
  }
}
