import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// What this party does not consent to of its own accord: what its people have vetoed, and what its own
/// bundle objects to. None of it is state; it binds this party's share alone.
struct Vetoes: Sendable {
  private struct Order: Sendable {
    let content: VetoOrder
    var isDurable: Bool
    /// Who waits to hear that it is.
    var asking: [CallKey]
  }

  private var orders: [Order] = []
  /// The party's own bundle; nil where it has none.
  let policy: LocalPolicy?
  /// What that bundle has said of decisions, by their names: nil where it objects to nothing.
  private var said: [String: String?] = [:]
  /// Their names, oldest first.
  private var asked: [String] = []
  /// As leader: what parties have declined, each one's word once.
  private var gathered: [(decision: LeafIndex, declines: [PartySigned<Decline>])] = []
  /// When this party last told the leader.
  var lastShown = Instant(nanoseconds: 0)

  private static let prefix = Array("veto/".utf8)
  private static let stored = StoredRows(what: "the vetoes that this party was told of", prefix: prefix)
  static var maximumOrders: Int { 1024 }
  private static var maximumAsked: Int { 4096 }
  private static var maximumGathered: Int { 1024 }
  static var interval: Nanoseconds { .seconds(1) }

  /// The vetoes that stood when this party stopped.
  init(ledger: Ledger, policy: LocalPolicy?) throws(NodeFault) {
    self.policy = policy
    for row in try Self.stored.read(ledger) {
      guard let signed = try? PartySigned<VetoOrder>(parsing: row.value) else {
        throw Self.stored.damaged(row.name)
      }
      orders.append(Order(content: signed.content, isDurable: true, asking: []))
    }
  }

  var isFull: Bool { orders.count >= Self.maximumOrders }
  var isEmpty: Bool { orders.isEmpty && policy == nil }
  /// In the order in which they came.
  var standing: [VetoOrder] { orders.map(\.content) }

  // MARK: By hand

  private static func key(_ proposal: LeafIndex) -> [UInt8] {
    let digits = String(proposal.value)
    return prefix + Array((String(repeating: "0", count: max(0, 20 - digits.count)) + digits).utf8)
  }

  /// Whether the veto on a proposal stands, on disk.
  func stands(on proposal: LeafIndex) -> Bool {
    orders.contains { $0.content.proposal == proposal && $0.isDurable }
  }

  /// Takes an order up; the write that makes it durable, nil where one is on its way already.
  mutating func take(_ order: PartySigned<VetoOrder>, asked key: CallKey) -> WriteBatch? {
    if let position = orders.firstIndex(where: { $0.content.proposal == order.content.proposal }) {
      orders[position].asking.append(key)
      return nil
    }
    orders.append(Order(content: order.content, isDurable: false, asking: [key]))
    var batch = WriteBatch()
    batch.put(.meta, Self.key(order.content.proposal), order.bytes)
    return batch
  }

  /// The write is on disk: who waits to hear of it.
  mutating func durable(_ proposal: LeafIndex) -> [CallKey] {
    guard let position = orders.firstIndex(where: { $0.content.proposal == proposal }) else { return [] }
    orders[position].isDurable = true
    let asking = orders[position].asking
    orders[position].asking = []
    return asking
  }

  mutating func remove(_ key: CallKey) {
    for position in orders.indices { orders[position].asking.removeAll { $0 == key } }
  }

  /// What is over needs no veto any more. The write that forgets those; nil where there are none.
  mutating func reconcile(with state: ShieldState) -> WriteBatch? {
    var batch = WriteBatch()
    orders.removeAll { order in
      guard order.isDurable else { return false }
      switch state.status(at: order.content.proposal) {
      case .pending, .approved: return false
      case .denied, .withdrawn, .completed, .failed, .aborted, .unknown, nil: break
      }
      batch.delete(.meta, Self.key(order.content.proposal))
      return true
    }
    gathered.removeAll { state.status(ofDecision: $0.decision) != .approved }
    return batch.isEmpty ? nil : batch
  }

  // MARK: What it comes to

  /// Why this party gives no share to a decision; nil where it does. The bundle must have been asked.
  func objection(to decision: Decision) -> String? {
    #if SIMULATION
    if Mutant.partyVetoIgnored.isActive { return nil }
    #endif
    if let order = orders.first(where: { $0.content.proposal == decision.proposal }) {
      return order.content.reason
    }
    // What the bundle was not asked about, as where the proposal is not here yet, it cannot have let pass.
    guard knows(decision) else { return "the local policy could not be asked" }
    return said[Self.name(decision)] ?? nil
  }

  /// Another leader may name another executor in the same decision, and a bundle may have something against that one.
  private static func name(_ decision: Decision) -> String {
    "\(decision.decisionID) \(decision.grant?.executorID.path ?? "")"
  }

  func knows(_ decision: Decision) -> Bool { policy == nil || said[Self.name(decision)] != nil }

  mutating func note(_ objection: String?, of decision: Decision) {
    let name = Self.name(decision)
    guard said.updateValue(objection, forKey: name) == nil else { return }
    asked.append(name)
    if asked.count > Self.maximumAsked { said[asked.removeFirst()] = nil }
  }

  // MARK: As leader

  /// Takes a party's word; everything that is known of that decision then.
  mutating func gather(_ decline: PartySigned<Decline>) -> [PartySigned<Decline>] {
    let decision = decline.content.decision
    guard let position = gathered.firstIndex(where: { $0.decision == decision }) else {
      gathered.append((decision, [decline]))
      if gathered.count > Self.maximumGathered { gathered.removeFirst() }
      return [decline]
    }
    var declines = gathered[position].declines.filter { $0.content.party != decline.content.party }
    declines.append(decline)
    declines.sort { $0.content.party < $1.content.party }
    gathered[position].declines = declines
    return declines
  }

  /// Decisions that more than `spare` of these parties have declined: no round of them can consent to those.
  func hopeless(beyond spare: Int, of parties: [NodeID]) -> [LeafIndex] {
    gathered.filter { entry in
      entry.declines.count { signed in parties.contains { Int($0.rawValue) == signed.content.party } } > spare
    }.map(\.decision)
  }

  /// Every decline that is known here.
  var declines: [Decline] { gathered.flatMap { $0.declines.map(\.content) } }
}

extension GovernanceNode {
  /// `Admin/Veto`: this party's own order, whoever brings it.
  mutating func onVeto(
    _ call: ClientCall, _ request: StatementRequest, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) throws {
    let order = try PartySigned<VetoOrder>(parsing: request.statement)
    let content = order.content
    guard content.party == Int(raft.id.rawValue),
      order.isSigned(by: identity.partyKey.publicKey, cluster: cluster)
    else {
      throw Refusal(
        .permissionDenied,
        "expected an order of party \(raft.id.rawValue), signed by its party key for this cluster")
    }
    guard Statement.isInForce(until: content.validUntil, at: now.wall) else {
      throw Refusal(.permissionDenied, "valid until \(content.validUntil.text), and it is \(now.wall.text)")
    }
    guard let view = overlay.final.proposalView(at: content.proposal) else {
      throw Refusal(.notFound, "no proposal is remembered at leaf \(content.proposal.value)")
    }
    guard view.leafHash == content.proposalHash else {
      throw Refusal(
        .failedPrecondition, "the order binds another proposal than leaf \(content.proposal.value)")
    }
    guard view.status == .pending || view.status == .approved else {
      throw Refusal(
        .failedPrecondition, "the proposal is \(view.status.rawValue): there is nothing to withhold")
    }
    if let approval = view.approval, !finality.unconsented.contains(approval) {
      throw Refusal(
        .failedPrecondition,
        "it is consented to already: an operator can still make the token void (claw revoke-token)")
    }
    guard !vetoes.stands(on: content.proposal) else {
      return answerVeto(call.key, on: content.proposal, into: &effects)
    }
    guard !vetoes.isFull else {
      throw Refusal(.resourceExhausted, "\(Vetoes.maximumOrders) vetoes stand here already")
    }
    guard let batch = vetoes.take(order, asked: call.key) else { return }
    takeBackShares(about: content.proposal, using: &random, into: &effects)
    effects.writes.append((.veto(proposal: content.proposal.value), batch))
    effects.notices.append(
      .warning("this party vetoes the proposal at leaf \(content.proposal.value), for \(call.caller.path)"))
  }

  mutating func onVetoDurable(_ proposal: UInt64, into effects: inout NodeEffects) {
    for key in vetoes.durable(LeafIndex(proposal)) {
      answerVeto(key, on: LeafIndex(proposal), into: &effects)
    }
  }

  /// Shares that were made before the veto and wait for their locks are not given any more; who asked for them hears
  /// what this party would say now.
  private mutating func takeBackShares(
    about proposal: LeafIndex, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let approval = overlay.head.proposalView(at: proposal)?.approval else { return }
    for share in signer.takeBack(consentTo: approval) {
      var answer = share.answer
      answer.share = []
      answer.declined = "consent"
      answer.except = [approval.value]
      answer.signature = identity.partyKey.sign(declineStatement(answer)).bytes
      deliver(answer, to: share.coordinator, using: &random, into: &effects)
    }
  }

  private func answerVeto(_ key: CallKey, on proposal: LeafIndex, into effects: inout NodeEffects) {
    let isLate =
      overlay.head.proposalView(at: proposal)?.approval.map { signer.hasGiven(consentTo: $0) } ?? false
    let response = ActResponse(
      finalSize: finality.size, acknowledged: 1,
      message: "party \(raft.id.rawValue) gives no \(isLate ? "further " : "")share; the others go on if "
        + "\(epoch.threshold) remain"
        + (isLate ? "; a share that it gave before this came may still be used" : ""))
    effects.answers.append(.respond(key, .ok, payload: response.encode()))
  }

  // MARK: Own objections

  /// Why this party gives no share to the approval at a leaf; nil where it does.
  func ownObjection(to leaf: LeafIndex) -> String? {
    guard !vetoes.isEmpty, case .decision(let decision)? = raft.log.record(at: leaf)?.body,
      decision.decisionType == .approve
    else { return nil }
    return vetoes.objection(to: decision)
  }

  /// Asks the party's own bundle about approvals that it was not asked about yet.
  mutating func consultLocalPolicy(about leaves: [LeafIndex], _ state: ShieldState) {
    guard let policy = vetoes.policy else { return }
    for leaf in leaves {
      guard case .decision(let decision)? = raft.log.record(at: leaf)?.body, !vetoes.knows(decision),
        case .proposal(let proposal)? = raft.log.record(at: decision.proposal)?.body
      else { continue }
      let parameters = raft.log.attachment(at: decision.proposal)?["parameters"]?.value
      vetoes.note(
        state.objection(to: decision, about: proposal.content, parameters: parameters, by: policy),
        of: decision)
    }
  }

  /// Before a call is judged: the party's own bundle about what it would consent to.
  mutating func consultLocalPolicy(about call: SignCall) {
    guard vetoes.policy != nil, let text = String(validating: call.text, as: UTF8.self),
      let note = try? CheckpointNote(parsing: text), let consent = note.consent,
      let state = overlay.state(at: note.size)
    else { return }
    let leaves = state.approvals(in: consent.first.value...consent.last.value)
    consultLocalPolicy(about: leaves.filter { state.isLiveApproval(at: $0, time: note.time) }, state)
  }

  /// Tells the leader, from time to time, what final approvals this party gives no share to.
  mutating func showDeclines(into effects: inout NodeEffects) {
    guard !vetoes.isEmpty, !finality.unconsented.isEmpty, let leader = raft.leader,
      vetoes.lastShown + Vetoes.interval <= now.monotonic
    else { return }
    vetoes.lastShown = now.monotonic
    let leaves = Array(finality.unconsented.prefix(ConsentLine.maximumExceptions))
    consultLocalPolicy(about: leaves, overlay.final)
    for leaf in leaves {
      guard let reason = ownObjection(to: leaf),
        case .decision(let decision)? = raft.log.record(at: leaf)?.body
      else { continue }
      let decline = Decline(
        party: Int(raft.id.rawValue), decision: leaf, decisionID: decision.decisionID, reason: reason,
        declinedAt: now.wall)
      let signed = PartySigned(decline, cluster: cluster, with: identity.partyKey)
      if leader == raft.id {
        take(signed, into: &effects)
      } else {
        effects.messages.append((leader, PeerMessage.declineShown(DeclineShown(statement: signed.bytes))))
      }
    }
  }

  mutating func onDeclineShown(_ shown: DeclineShown, from sender: NodeID, into effects: inout NodeEffects) {
    guard raft.role == .leader, let signed = try? PartySigned<Decline>(parsing: shown.statement),
      signed.content.party == Int(sender.rawValue)
    else { return }
    guard overlay.final.isDecline(signed) else {
      if let key = partyKey(of: sender), !signed.isSigned(by: key, cluster: cluster) {
        effects.notices.append(.evidence("\(sender) showed a decline without its signature"))
      }
      return
    }
    take(signed, into: &effects)
  }

  /// As leader: writes down that an approval is withheld, once as many parties decline it as sign.
  private mutating func take(_ decline: PartySigned<Decline>, into effects: inout NodeEffects) {
    let declines = vetoes.gather(decline)
    guard declines.count >= epoch.threshold, raft.mayPropose,
      let incident = overlay.head.withheld(decline.content.decision, declines: declines)
    else { return }
    _ = append(.derivedIncident(incident), Attachment(), into: &effects)
  }
}
