import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

extension GovernanceNode {
  /// Since when certificates of somebody are taken here; nil where any is that an authority has issued.
  public func oldestCertificate(of principal: Principal) -> Timestamp? {
    restrictions.oldestCertificate(of: principal, with: overlay.final)
  }

  /// Restrictions that this party may have acknowledged, that its store does not give back and that the log does not
  /// know: while there are any it gives no share, since it cannot say what its lists lack. One goes when somebody
  /// shows the restriction again or signs another of its id, or when the log has the id, as by a lift.
  public var unreadableRestrictions: [String] {
    restrictions.unreadable.filter { !overlay.final.hasIncident($0) }
  }

  /// Binds this party at once to a restriction that another party, or a client whose statement is still valid, shows. It
  /// does so however late it comes: a party that was away is bound by what the others have taken in time, and so it is not
  /// its clock that keeps it from a lease with them (Decision 030). Whether it is bound by something new.
  @discardableResult
  mutating func bind(statement: [UInt8], attachment: [UInt8], into effects: inout NodeEffects) -> Bool {
    guard statement.count + attachment.count <= BoundRestrictions.maximumBytes,
      let signed = try? Statements.incident(statement), signed.content.kind.isRestriction,
      mayBind(signed.content.incidentID), let restriction = ProvenRestriction(signed, cluster: cluster)
    else { return false }
    #if SIMULATION
    if Mutant.lateRestrictionRefused.isActive, signed.content.validUntil <= now.wall { return false }
    #endif
    // The final state may lag behind the one that a lease is made by. What is held of the same id, such as this statement
    // by others, stays where it binds as well.
    let known = restrictions.held(restriction.act.incidentID)
    let state = [overlay.final, overlay.head].first { state in
      isBinding(restriction, by: state) && known.map { !isBinding($0, by: state) } ?? true
    }
    guard let state, overlay.final.notYet(restriction.act, at: now.wall) == nil,
      let attached = try? Attachment(parsing: attachment),
      (try? attached.check(against: .incident(signed))) != nil
    else { return false }
    let request = StatementRequest(statement: statement, attachment: attachment)
    guard let batch = restrictions.bind(restriction, request, by: state, at: now.monotonic) else {
      return false
    }
    effects.writes.append(
      (.restriction(id: restriction.act.incidentID, contentHash: restriction.contentHash), batch))
    effects.notices.append(
      .warning(
        "bound by \(restriction.act.kind.rawValue) \(restriction.act.incidentID) of \(restriction.act.target.text)"
      ))
    return true
  }

  /// Whether a restriction of this id could bind this party anew; asked before its signatures are looked at, since what
  /// binds is shown again with every lease.
  private func mayBind(_ id: String) -> Bool {
    #if SIMULATION
    if Mutant.liftForgotten.isActive { return !restrictions.contains(id) }
    #endif
    guard !overlay.final.hasIncident(id) else { return false }
    guard let known = restrictions.held(id) else { return true }
    return overlay.final.standing(of: known) != .binding || overlay.head.standing(of: known) != .binding
  }

  private func isBinding(_ restriction: ProvenRestriction, by state: ShieldState) -> Bool {
    #if SIMULATION
    if Mutant.liftForgotten.isActive, state.isLifted(restriction.act.incidentID) { return true }
    #endif
    return state.standing(of: restriction) == .binding
  }

  mutating func onRestrictionShown(
    _ shown: RestrictionShown, from sender: NodeID, into effects: inout NodeEffects
  ) {
    bind(statement: shown.statement, attachment: shown.attachment, into: &effects)
    guard let act = try? Statements.incident(shown.statement) else { return }
    if restrictions.isDurable(act.content)
      || overlay.final.isRestricted(by: act.content.incidentID, contentHash: act.contentHash)
    {
      acknowledgeRestriction(act.content.incidentID, act.contentHash, to: sender, into: &effects)
    } else {
      restrictions.ask(act.content, by: sender)
    }
  }

  mutating func onRestrictionDurable(
    _ id: String, _ hash: Digest, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let waiting = restrictions.durable(id, hash) else { return }
    for peer in waiting { acknowledgeRestriction(id, hash, to: peer, into: &effects) }
    noteBound(id, hash, by: raft.id)
  }

  /// What a party signs: the id, and which restriction of that id. Programs before said the id alone.
  private func boundStatement(_ id: String, _ contentHash: [UInt8]) -> [UInt8] {
    let named = contentHash.isEmpty ? "" : "\n\(Hex.encode(contentHash))"
    return Array("openexec/v1/bound\n\(cluster.hex)\n\(id)\(named)".utf8)
  }

  private func acknowledgeRestriction(
    _ id: String, _ contentHash: Digest, to peer: NodeID, into effects: inout NodeEffects
  ) {
    let signature = identity.partyKey.sign(boundStatement(id, contentHash.bytes))
    let message = RestrictionBound(
      incidentID: id, signature: signature.bytes, contentHash: contentHash.bytes)
    effects.messages.append((peer, PeerMessage.restrictionBound(message)))
  }

  mutating func onRestrictionBound(
    _ bound: RestrictionBound, from sender: NodeID, into effects: inout NodeEffects
  ) {
    // Of a party that is known by hand alone nothing can be judged yet, and nothing counts.
    guard let key = partyKey(of: sender) else { return }
    guard let signature = Signature(bound.signature),
      bound.contentHash.isEmpty || Digest(bound.contentHash) != nil,
      key.verifies(signature, over: boundStatement(bound.incidentID, bound.contentHash))
    else {
      effects.notices.append(.evidence("\(sender) acknowledged a restriction without its signature"))
      return
    }
    noteBound(bound.incidentID, Digest(bound.contentHash), by: sender)
  }

  /// A party is bound by a restriction; by any of its id, where an older program does not say by which.
  private mutating func noteBound(_ id: String, _ contentHash: Digest?, by party: NodeID) {
    for position in restrictions.vigils.indices
    where restrictions.vigils[position].incidentID == id
      && contentHash.map({ $0 == restrictions.vigils[position].contentHash }) ?? true
      && !restrictions.vigils[position].bound.contains(party)
    {
      restrictions.vigils[position].bound.append(party)
      let signers = restrictions.vigils[position].bound.count(where: epoch.parties.contains)
      if signers >= epoch.threshold, restrictions.vigils[position].since == nil {
        restrictions.vigils[position].since = now.monotonic
      }
    }
  }

  /// An operator's restriction: binds here, goes to every node, and is answered when *t* parties have
  /// acknowledged it with signatures and one lease lifetime has passed. False where it is refused.
  mutating func onRestrict(
    _ call: ClientCall, _ request: StatementRequest, _ signed: Signed<IncidentAct>,
    into effects: inout NodeEffects
  ) -> Bool {
    let act = signed.content
    guard request.statement.count + request.attachment.count <= BoundRestrictions.maximumBytes else {
      refuse(
        call.key, .invalidArgument,
        "expected a restriction of at most \(BoundRestrictions.maximumBytes) bytes with its reason, found "
          + "\(request.statement.count + request.attachment.count)", into: &effects)
      return false
    }
    if case .principal(let principal) = act.target, !principal.isRestrictable {
      refuse(
        call.key, .invalidArgument,
        "expected all, a tenant, an agent, an executor or an approver as target; a restriction of \(principal.path) "
          + "would stop nothing", into: &effects)
      return false
    }
    // An operator who was not answered asks again: by now the restriction may be final, and binds through
    // the log.
    let isFinal = overlay.final.isRestricted(by: act.incidentID, contentHash: signed.contentHash)
    if !isFinal, restrictions.held(act.incidentID)?.act != act {
      guard let restriction = ProvenRestriction(signed, cluster: cluster) else { return false }
      if let refusal = overlay.final.refusal(toBringing: restriction, at: now.wall) {
        refuse(call.key, refusal, into: &effects)
        return false
      }
      guard bind(statement: request.statement, attachment: request.attachment, into: &effects) else {
        if restrictions.contains(act.incidentID) {
          refuse(
            call.key, .alreadyExists,
            "the id \(act.incidentID) is in use by another statement, which binds this party: sign this one under "
              + "another id",
            into: &effects)
        } else {
          refuse(
            call.key, .resourceExhausted,
            "more than \(BoundRestrictions.maximumBound) restrictions wait for the log here: halt everything instead, "
              + "or try again", into: &effects)
        }
        return false
      }
    }
    let own = isFinal || restrictions.isDurable(act) ? [raft.id] : []
    restrictions.vigils.append(
      BoundRestrictions.Vigil(
        key: call.key, incidentID: act.incidentID, contentHash: signed.contentHash,
        target: act.target, bound: own, since: nil))
    let shown = RestrictionShown(statement: request.statement, attachment: request.attachment)
    for peer in peers { effects.messages.append((peer, PeerMessage.restriction(shown))) }
    return true
  }

  /// Answers the vigils whose time has come. What has become final meanwhile binds as many parties as sign, whoever
  /// has acknowledged it here: they have signed the note that covers it, and no lease after that is without it.
  mutating func pursueRestrictions(into effects: inout NodeEffects) {
    let lifetime = Nanoseconds.seconds(UInt64(LeaseLine.standardSeconds))
    var open: [BoundRestrictions.Vigil] = []
    for var vigil in restrictions.vigils {
      if overlay.final.isDisplaced(vigil.incidentID, contentHash: vigil.contentHash) {
        answerDisplaced(vigil, into: &effects)
        continue
      }
      let leaf = overlay.final.leaf(ofRestriction: vigil.incidentID, contentHash: vigil.contentHash)
      if leaf != nil, vigil.since == nil { vigil.since = now.monotonic }
      // What the log has under its id and is not final yet may end it: nobody says before that it binds.
      guard let since = vigil.since, since + (vigil.isListed ? lifetime : .zero) <= now.monotonic,
        !overlay.head.isDisplaced(vigil.incidentID, contentHash: vigil.contentHash)
      else {
        open.append(vigil)
        continue
      }
      let count = max(vigil.bound.count, leaf == nil ? 0 : epoch.threshold)
      let response = ActResponse(
        index: leaf?.value ?? 0, finalSize: finality.size, acknowledged: UInt32(count),
        message: "bound by \(count) parties"
          + (vigil.isListed ? "; leases given before have ended" : "")
          + remark(on: vigil.target),
        proof: leaf.flatMap { proof(of: $0)?.encoded } ?? "")
      effects.answers.append(.respond(vigil.key, .ok, payload: response.encode()))
    }
    restrictions.vigils = open
  }

  /// What somebody waits for to bind never will: its id was lifted meanwhile, or is another statement's.
  private func answerDisplaced(_ vigil: BoundRestrictions.Vigil, into effects: inout NodeEffects) {
    if overlay.final.isLifted(vigil.incidentID) {
      refuse(
        vigil.key, .failedPrecondition, "\(vigil.incidentID) was lifted meanwhile: it binds nobody any more",
        into: &effects)
    } else {
      refuse(
        vigil.key, .alreadyExists,
        "the log has another statement under the id \(vigil.incidentID): sign this one under another id",
        into: &effects)
    }
  }

  /// Says that what is restricted or erased is nobody's, as a typing error makes it, or is remembered no more.
  func remark(on target: IncidentTarget) -> String {
    guard !overlay.final.knows(target) else { return "" }
    return switch target {
    case .all, .certificates: ""
    case .tenant: "; NOTE: nobody is enrolled in \(target.text), and nothing is remembered of it"
    case .principal: "; NOTE: nobody is enrolled as \(target.text)"
    case .token(let id): "; NOTE: no token \(id) is remembered"
    }
  }

  /// What is final may settle or void what binds this party: it lets go of both, and says so of what binds nobody any more,
  /// to its own people and to whoever waits for it.
  mutating func reconcileRestrictions(into effects: inout NodeEffects) {
    let (batch, void) = restrictions.reconcile(with: overlay.final)
    if let batch { effects.writes.append((.note(size: finality.size), batch)) }
    for (act, why) in void.map({ ($0.act, $0.why) }) {
      let what = "\(act.kind.rawValue) \(act.incidentID) of \(act.target.text) binds nobody any more"
      effects.notices.append(.warning("\(what): \(why.message)"))
      for vigil in restrictions.vigils where vigil.incidentID == act.incidentID {
        refuse(vigil.key, why.code.status, "\(what): \(why.message)", into: &effects)
      }
      restrictions.vigils.removeAll { $0.incidentID == act.incidentID }
    }
  }
}
