import Canonical
import ClawShield
import Crypto
import Merkle
import OpenExec
import Records
import Wire

/// What the oracles know of executions: what agents and approvers really signed, what really ran, and what
/// executors really reported. None of it comes from a node.
struct ExecutionKnowledge: Sendable {
  struct Start: Sendable {
    let executor: Principal
    let life: UInt64
    /// When its first try began, and when its last one ended, by its executor's leases.
    let began: Timestamp?
    var ended: Timestamp?
    var attempt: Int
    /// Nil while it runs.
    var ending: RunEnding?
    /// What it wrote.
    var output: [UInt8] = []
    /// Whether it ended well, and the guest proved what it is.
    var succeeded = false
  }

  struct Proposed: Sendable {
    let content: JSON
    let parameters: [UInt8]
  }

  /// By agent and request id.
  var proposals: [String: Proposed] = [:]
  /// Who approved, by the hash of the proposal's leaf.
  var approvers: [Digest: [Principal]] = [:]
  var starts: [String: Start] = [:]
  var decisions: [String: Decision] = [:]
  var reported: [String: [Receipt]] = [:]
  /// Under which approval each executor started last.
  var lastStart: [(decision: Decision, leaf: LeafIndex)] = []
  /// Executors that have lied: what they say of their own runs nobody else can know.
  var liars: [Principal] = []
  /// Restrictions that people have begun to lift.
  var lifted: [String] = []
  /// Restrictions that an operator was told are in force, and since when.
  var restrictions: [(entry: RestrictionList.Entry, since: UInt64)] = []
  /// Hashes of what clients have said.
  var seen: Set<Digest> = []
  /// Tokens with a receipt that is final.
  var proven: Set<String> = []
  /// The content of results that executors have reported, by their salted hashes.
  var results: [Digest: Digest] = [:]

  /// The parameters in what a run reads on its standard input.
  static func parameters(of order: RunOrder) -> [UInt8] {
    guard !order.inputs.isEmpty else { return order.parameters }
    return (try? JSON.parse(order.parameters))?["parameters"]?.canonicalBytes() ?? []
  }

  /// An execution whose approval no honest node has shown to be final yet.
  struct Unaudited: Sendable {
    let decision: Decision
    let leaf: LeafIndex
    let what: String
  }
  /// In the order of their starts.
  var unaudited: [Unaudited] = []

  static func key(_ agent: Principal, _ requestID: String) -> String { "\(agent.path) \(requestID)" }
}

extension Oracles {
  /// A client says this to the cluster.
  mutating func said(_ payload: [UInt8], _ type: RecordType, by caller: Principal) {
    guard execution.seen.insert(SHA256.hash(payload)).inserted,
      let request = try? StatementRequest(decoding: payload),
      case .object(var object)? = try? JSON.parse(request.statement)
    else { return }
    object["type"] = .string(type.rawValue)
    object["at"] = .string(Timestamp.epoch.text)
    switch (try? Record(.object(object)))?.body {
    case .proposal(let signed):
      // What somebody says in another's name, the other did not say.
      guard signed.content.requestedBy == caller else { return }
      // An agent that reuses a request id says something new, and means the old.
      let parameters = (try? Attachment(parsing: request.attachment))?["parameters"]?.value ?? .null
      let key = ExecutionKnowledge.key(signed.content.requestedBy, signed.content.requestID)
      if execution.proposals[key] == nil {
        execution.proposals[key] = .init(
          content: signed.content.json, parameters: parameters.canonicalBytes())
      }
    // What one operator alone says lifts nothing.
    case .incident(let signed) where signed.signatures.count > 1:
      signed.content.lifts.forEach { lifting($0) }
    case .ballot(let signed) where signed.content.vote == .approve:
      let hash = signed.content.proposalHash
      if execution.approvers[hash]?.contains(signed.content.voter) != true {
        execution.approvers[hash, default: []].append(signed.content.voter)
      }
    default: break
    }
  }

  /// A machine is about to be started.
  mutating func starting(_ order: RunOrder, by host: ExecutorHost, offers: [JobOffer], at time: UInt64) {
    let token = order.id.token
    count(start: token, order, host, at: time)
    evaluated("valid approvals only")
    guard let (decision, leaf) = approval(of: order, by: host, offers: offers) else {
      fail(
        "valid approvals only", "\(host.principal.path) starts \(token) without a valid approval for it",
        at: time)
      return
    }
    execution.decisions[token] = decision
    execution.lastStart.removeAll { $0.decision.grant?.executorID == host.principal }
    execution.lastStart.append((decision, leaf))
    if let grant = decision.grant {
      // Leases carry the time of day of a note; most clocks are right to within two seconds, and notes of liars to
      // within the five that honest parties allow.
      let skew = Interval.seconds(liars.isEmpty ? 2 : 7)
      if wall(time).since(grant.expiresAt) > skew {
        fail(
          "valid approvals only",
          "\(host.principal.path) starts \(token), which expired at \(grant.expiresAt.text), at \(wall(time).text)",
          at: time)
      }
    }
    evaluated("policy in force")
    if let bundle = host.bundles[token], bundle != decision.policyBundleHash {
      fail(
        "policy in force",
        "\(host.principal.path) starts \(token), approved under a bundle that its lease did not name any more",
        at: time)
    }
    execution.unaudited.append(
      .init(decision: decision, leaf: leaf, what: "\(host.principal.path) starts \(token)"))
    auditStarts(at: time)
    evaluated("executed as proposed")
    if !order.inputs.isEmpty { evaluated("inputs as proposed") }
    if let objection = difference(between: order, and: decision, offers) {
      fail("executed as proposed", "\(host.principal.path) starts \(token): \(objection)", at: time)
    }
    reads(order, decision, at: time)
    evaluated("no start without a lease")
    if let objection = host.shadow.objection(
      to: token, decision, on: host.principal, at: host.uptime(time))
    {
      fail("no start without a lease", "\(host.principal.path) starts \(token) under \(objection)", at: time)
    }
    holdAgainstRestrictions(order, decision, host, at: time)
  }

  private mutating func count(start token: String, _ order: RunOrder, _ host: ExecutorHost, at time: UInt64) {
    evaluated("single execution")
    guard var known = execution.starts[token] else {
      execution.starts[token] = .init(
        executor: host.principal, life: host.life, began: host.shadow.time(at: host.uptime(time)),
        attempt: order.id.attempt, ending: nil)
      if order.id.attempt != 1 {
        fail("single execution", "token \(token) begins with try \(order.id.attempt)", at: time)
      }
      return
    }
    // Another try is no second execution: in the same life, after the one before has failed.
    let isRetry =
      known.executor == host.principal && known.life == host.life && order.id.attempt == known.attempt + 1
      && known.ending != nil && !known.succeeded
      && order.id.attempt <= 1 + SimulatedPolicy.maximumRetries
    if !isRetry {
      fail(
        "single execution",
        "token \(token) ran twice: on \(known.executor.path) in life \(known.life), and on "
          + "\(host.principal.path) in life \(host.life), try \(order.id.attempt)", at: time)
    }
    known.attempt = order.id.attempt
    known.ending = nil
    execution.starts[token] = known
  }

  /// Holds what was started against the ledger, as far as the leaves before its approval are known: an executor may have a
  /// note before any honest node has it.
  mutating func auditStarts(at time: UInt64) {
    guard let audit else { return }
    for start in execution.unaudited where start.leaf.value < walked {
      if let objection = audit.objection(to: start.decision) ?? labels.objection(to: start.decision) {
        fail("ledger follows its rules", "\(start.what), and \(objection)", at: time)
      }
    }
    execution.unaudited.removeAll { $0.leaf.value < walked }
  }

  /// Long after everything: what was started is in the final history.
  mutating func checkAudited(at time: UInt64) {
    guard let start = execution.unaudited.first else { return }
    fail(
      "ledger follows its rules", "\(start.what), and its approval, leaf \(start.leaf), never became final",
      at: time)
  }

  /// The decision of an offer that a stranger would accept for this executor in this incarnation, and its leaf.
  private func approval(
    of order: RunOrder, by host: ExecutorHost, offers: [JobOffer]
  ) -> (decision: Decision, leaf: LeafIndex)? {
    for offer in offers {
      guard let proof = try? LedgerProof(parsing: offer.token),
        let (record, checkpoint) = try? host.credentials.keys.chain.verify(proof),
        case .decision(let decision) = record.body, decision.decisionType == .approve,
        let grant = decision.grant, grant.tokenID == order.id.token,
        grant.executorID == host.principal, grant.executorIncarnation == host.incarnation,
        checkpoint.consent?.covers(proof.index) == true
      else { continue }
      return (decision, proof.index)
    }
    return nil
  }

  private func difference(
    between order: RunOrder, and decision: Decision, _ offers: [JobOffer]
  ) -> String? {
    let key = ExecutionKnowledge.key(decision.requestedBy, decision.requestID)
    guard let proposed = execution.proposals[key] else { return "nobody proposed \(key)" }
    guard proposed.parameters == ExecutionKnowledge.parameters(of: order) else {
      return "other parameters than were proposed"
    }
    guard
      let leaf = offers.map(\.proposal).first(where: { TreeHash.leaf($0) == decision.proposalHash }),
      case .proposal(let signed)? = (try? Record(parsing: leaf))?.body,
      signed.content.json == proposed.content
    else { return "another proposal than its agent signed" }
    guard order.arguments == ["/action", signed.content.action] else { return "another action" }
    guard order.inputs.map({ SHA256.hash($0.content) }) == signed.content.inputs else {
      return "other inputs than were proposed"
    }
    switch signed.content.action {
    case "echo", "digest", "remember", "spend", SimulatedReach.action, SimulatedReach.verified: return nil
    case "deploy":
      let count = execution.approvers[decision.proposalHash]?.count ?? 0
      return count >= 2 ? nil : "\(count) people approved what needs two"
    default: return "an action that policy forbids"
    }
  }

  private mutating func holdAgainstRestrictions(
    _ order: RunOrder, _ decision: Decision, _ host: ExecutorHost, at time: UInt64
  ) {
    let standing = execution.restrictions.filter { $0.since + 1_000_000_000 < time }.map(\.entry)
    guard !standing.isEmpty else { return }
    evaluated("acknowledged restrictions hold")
    if let entry = RestrictionList(standing).forbids(
      tokenID: order.id.token, tenant: decision.tenantID, agent: decision.requestedBy,
      executor: host.principal)
    {
      fail(
        "acknowledged restrictions hold",
        "\(order.id.token) runs on \(host.principal.path) although \(entry.incidentID) was acknowledged",
        at: time)
    }
  }

  /// A machine runs, and nobody has told it to stop.
  mutating func running(_ order: RunOrder, by host: ExecutorHost, offers: [JobOffer], at time: UInt64) {
    guard let decision = execution.decisions[order.id.token] else { return }
    evaluated("no run past a lease")
    if let objection = host.shadow.objection(
      to: order.id.token, decision, on: host.principal, at: host.uptime(time))
    {
      fail(
        "no run past a lease", "\(host.principal.path) goes on with \(order.id.token) under \(objection)",
        at: time)
    }
    holdAgainstRestrictions(order, decision, host, at: time)
  }

  mutating func ended(
    _ run: RunID, _ order: RunOrder?, _ outcome: RunOutcome, on host: ExecutorHost, at time: UInt64
  ) {
    if let order, let decision = execution.decisions[run.token] {
      gives(outcome.output, order, for: decision.requestedBy, at: time)
    }
    execution.starts[run.token]?.succeeded =
      outcome.ending == .completed(exitStatus: 0)
      && order.map { outcome.guest?.answers($0.challenge) == true } ?? false
    execution.starts[run.token]?.ending = outcome.ending
    execution.starts[run.token]?.ended = host.shadow.time(at: host.uptime(time))
    execution.starts[run.token]?.output = outcome.output
  }

  mutating func reported(_ draft: ReceiptDraft, at time: UInt64) {
    let receipt = draft.receipt
    if execution.reported[receipt.tokenID]?.contains(receipt) != true {
      execution.reported[receipt.tokenID, default: []].append(receipt)
      holdResult(draft, at: time)
    }
  }

  /// A receipt is final, and its executor's own key signed it.
  mutating func final(_ receipt: Receipt, at time: UInt64) {
    evaluated("receipts tell what happened")
    guard execution.reported[receipt.tokenID]?.contains(receipt) == true else {
      fail(
        "receipts tell what happened",
        "a receipt for \(receipt.tokenID) is final that \(receipt.executorID.path) never gave", at: time)
      return
    }
    execution.proven.insert(receipt.tokenID)
    if execution.liars.contains(receipt.executorID) { return }
    flags(receipt, at: time)
    if receipt.status == .succeeded {
      evaluated("images are the approved ones")
      if receipt.provenance != SimulatedReach.provenance(of: receipt.imageDigest) {
        fail(
          "images are the approved ones",
          "the receipt of \(receipt.tokenID) does not say where \(receipt.imageDigest) came from", at: time)
      }
    }
    let start = execution.starts[receipt.tokenID]
    if receipt.status == .succeeded, let start, let objection = objection(toTimes: receipt, start) {
      fail("receipts tell what happened", "the receipt of \(receipt.tokenID) \(objection)", at: time)
    }
    let isTrue =
      switch receipt.status {
      case .succeeded: start?.succeeded == true
      case .failed: start?.ending != nil && start?.succeeded == false
      case .refused: start == nil
      case .aborted: start == nil || start?.ending != nil
      case .unknown: true
      }
    if !isTrue {
      fail(
        "receipts tell what happened",
        "the receipt of \(receipt.tokenID) says \(receipt.status.rawValue), and its run: "
          + (start.map { "\($0.ending.map { "\($0)" } ?? "no end")" } ?? "none"), at: time)
    }
  }

  /// Long after everything: what ran has an outcome, and what has no receipt is unknown.
  mutating func settled(
    _ token: String, _ status: ProposalStatus, isSameLife: (Principal, UInt64) -> Bool, at time: UInt64
  ) {
    evaluated("every run has an outcome")
    // An executor that lives, and saw its run end, has a receipt for it.
    if let start = execution.starts[token], start.ending != nil, status == .unknown,
      !execution.liars.contains(start.executor), !execution.proven.contains(token),
      isSameLife(start.executor, start.life)
    {
      fail(
        "every run has an outcome", "\(token) ended on \(start.executor.path), which has no receipt for it",
        at: time)
    }
    switch status {
    case .completed, .failed, .aborted, .unknown: break
    case .pending, .approved, .denied, .withdrawn:
      fail(
        "every run has an outcome", "token \(token) ran, and its proposal is \(status.rawValue) for good",
        at: time)
    }
  }

  /// Long after everything: the receipt that counts for a proposal is one that its executor gave for it.
  mutating func counts(_ receipt: LeafIndex?, for proposal: UInt64, at time: UInt64) {
    guard let receipt else { return }
    evaluated("only the named executor's receipt counts")
    if let objection = audit?.objection(toReceipt: receipt.value, of: proposal) {
      fail("only the named executor's receipt counts", objection, at: time)
    }
  }

  // MARK: Restrictions

  /// An operator was told by an honest node that a restriction is in force everywhere.
  mutating func acknowledged(_ entry: RestrictionList.Entry, at time: UInt64) {
    execution.restrictions.append((entry, time))
  }

  /// An operator begins to take a restriction back.
  mutating func lifting(_ incidentID: String) {
    execution.lifted.append(incidentID)
    execution.restrictions.removeAll { $0.entry.incidentID == incidentID }
  }
}
