import Canonical
import Merkle
import OpenExec
import Records
import Testing

/// Every claim of an approval, as the decision record itself lists them: a claim that is added is walked too,
/// or the walk fails until somebody says what it is.
@Suite("Token claims")
struct TokenClaimTests {
  /// Claims that the gate holds against something it knows itself: changed and signed all the same, the
  /// token is refused.
  private static let judged: Set<String> = [
    "type", "decision_type", "proposal_hash", "request_id", "tenant_id", "workspace_id", "requested_by",
    "action", "action_version", "parameters_hash", "policy_bundle_hash", "grant.approval_scope",
    "grant.allowed_scopes", "grant.issued_at", "grant.expires_at", "grant.executor_id",
    "grant.executor_incarnation", "grant.isolation_class", "grant.human_attestors",
    "grant.multi_sig_threshold", "grant.constraints.rate_limit_per_min", "grant.nonce",
  ]

  /// Claims that are for the record, or that bind what comes later: the group's signature answers for them.
  private static let recorded: Set<String> = [
    "at", "decision_id", "proposal", "cause", "trace_id", "constitution_version", "rules_fired", "rationale",
    "decided_at", "demands", "effective_risk.data_classification", "effective_risk.estimated_cost_usd",
    "effective_risk.impact_level", "grant.token_id", "grant.constraints.max_cost_usd",
    "grant.constraints.max_retries",
  ]

  let world: World
  let context: GateContext
  /// The job that is sound, and its token's leaf.
  let job: OfferedJob
  let proof: LedgerProof
  let record: JSON

  init() throws {
    let now = Uptime(nanoseconds: 5_000_000_000)
    world = try World()
    var keeper = LeaseKeeper(identity: world.identity, highest: nil)
    let challenge = keeper.challenge([UInt8](repeating: 1, count: 32), at: now)
    context = GateContext(
      identity: world.identity,
      lease: try keeper.accept(world.lease(World.LeasePlan(), answering: challenge), at: now),
      registry: try ActionRegistry(world.bundle), activeClasses: [.microvmTCG], now: now)
    job = world.job(world.plan())
    proof = try LedgerProof(parsing: job.token)
    record = try JSON.parse(proof.leaf)
  }

  /// The names of all claims, down to what is no object.
  private func claims(of value: JSON, at path: String = "") -> [String] {
    guard let object = value.object else { return [path] }
    return object.members.flatMap { member in
      claims(of: member.value, at: path.isEmpty ? member.name : "\(path).\(member.name)")
    }
  }

  /// The record with one claim changed to `new`.
  private func changing(_ value: JSON, _ path: [Substring], to new: (JSON) -> JSON) -> JSON {
    guard let name = path.first.map(String.init), case .object(var object) = value else { return new(value) }
    object[name] = changing(object[name] ?? .null, Array(path.dropFirst()), to: new)
    return .object(object)
  }

  private func changed(_ claim: String) -> [UInt8] {
    changing(record, claim.split(separator: ".")) { Self.other(claim, than: $0) }.canonicalBytes()
  }

  /// Another value of the same kind: what somebody would write there who wants more than was granted.
  private static func other(_ claim: String, than value: JSON) -> JSON {
    switch claim {
    case "type": return "tick"
    case "decision_type": return "deny"
    case "requested_by": return "tenant/acme/agent/other"
    case "grant.executor_id": return "executor/e2"
    case "grant.isolation_class": return "kata"
    case "grant.allowed_scopes": return ["more"]
    case "grant.human_attestors": return ["tenant/acme/agent/bot"]
    case "grant.constraints.rate_limit_per_min": return 0
    case "effective_risk.data_classification": return "restricted"
    case "effective_risk.impact_level": return "critical"
    case "rules_fired": return [["rule": "r", "effect": "approve", "message": "m"]]
    case "demands": return [["role": "approver", "count": 1]]
    default: break
    }
    switch value {
    case .number(let number): return .number(number + 1)
    case .bool(let flag): return .bool(!flag)
    case .array(let items): return .array(items + ["more"])
    case .object, .null: return "something"
    case .string(let text):
      if let time = Timestamp(text: text) { return .string(time.advanced(by: .seconds(3600)).text) }
      if text.count == 64 { return .string((text.hasPrefix("0") ? "1" : "0") + text.dropFirst()) }
      if MicroUSD(text: text) != nil { return "7" }
      return .string("other")
    }
  }

  private func refusal(_ proof: LedgerProof, nonces: NonceRegistry = NonceRegistry()) -> GateReason? {
    let offer = OfferedJob(token: proof.encoded, proposal: job.proposal, attachment: job.attachment)
    switch TokenGate.admit(offer, in: context, nonces: nonces) {
    case .success: return nil
    case .failure(let refusal): return refusal.reason
    }
  }

  @Test("every claim of the record is known here, once")
  func complete() {
    #expect(Self.judged.isDisjoint(with: Self.recorded))
    #expect(Set(claims(of: record)) == Self.judged.union(Self.recorded))
    #expect(refusal(proof) == nil)
  }

  @Test("HF-2: a claim that is changed after the parties signed is refused, whichever it is")
  func tampered() throws {
    let all = claims(of: record)
    #expect(all.count > 35)
    for claim in all {
      let leaf = changed(claim)
      #expect(leaf != proof.leaf, "\(claim) was not changed")
      let forged = LedgerProof(leaf: leaf, index: proof.index, path: proof.path, note: proof.note)
      #expect(
        refusal(forged) == .tokenInvalid(.proof(.rootMismatch)),
        "\(claim): \(String(describing: refusal(forged)))")
    }
  }

  @Test("a claim that another is signed for is held against what the executor knows")
  func signed() throws {
    for claim in claims(of: record) {
      let leaf = changed(claim)
      let other = world.proof(of: leaf, size: 10, time: World.start)
      var nonces = NonceRegistry()
      if claim == "grant.nonce" {
        // The nonce that is claimed instead was used: a replay.
        let burned = nonces.burn("other", token: "t0", expiresAt: World.start)
        #expect(burned)
      }
      let reason = refusal(other, nonces: nonces)
      if Self.judged.contains(claim) {
        #expect(reason != nil && reason?.isTransient == false, "\(claim) is believed")
      } else {
        #expect(reason == nil, "\(claim): \(String(describing: reason))")
      }
    }
  }
}
