import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// The restrictions that bind this party at once: kill, quarantine and revoke, validly signed, from the
/// moment they are shown, whatever the leader does. Which of them bind is the state's to say (`standing`), so that no two
/// parties that hold the same ones list different ones.
struct BoundRestrictions: Sendable {
  struct Bound: Sendable {
    let restriction: ProvenRestriction
    let statement: StatementRequest
    /// When this process was bound; zero of what it was bound by when it started.
    let since: Instant
    var isDurable: Bool
    /// Who waits for an acknowledgement of this party's.
    var asking: [NodeID]

    var act: IncidentAct { restriction.act }
  }

  /// An operator's call that waits until *t* parties are bound and a lease lifetime has passed.
  struct Vigil: Sendable {
    let key: CallKey
    let incidentID: String
    /// Of what was signed: another restriction may have the same id.
    let contentHash: Digest
    /// Whether leases name it: where they do not, no earlier one need end.
    let isListed: Bool
    var bound: [NodeID]
    /// When *t* parties were bound.
    var since: Instant?
  }

  /// What binds nobody any more although the log does not hold it, and why.
  struct Void: Sendable {
    let act: IncidentAct
    let why: Refusal
  }

  private(set) var bound: [Bound] = []
  /// How many have bound this party since it started.
  private(set) var taken = 0
  var vigils: [Vigil] = []
  /// When it was last looked at which of them the log lacks.
  var lastBrought = Instant(nanoseconds: 0)

  private static let prefix = Array("restriction/".utf8)
  static var maximumBound: Int { RestrictionList.maximumEntries }

  /// The restrictions that this party was bound by when it stopped.
  init(ledger: Ledger, cluster: Digest) {
    guard let rows = try? ledger.store.scan(.meta, from: Self.prefix, limit: .max) else { return }
    for row in rows {
      guard row.key.starts(with: Self.prefix) else { break }
      guard let statement = try? StatementRequest(decoding: row.value),
        let act = try? Statements.incident(statement.statement),
        let restriction = ProvenRestriction(act, cluster: cluster)
      else { continue }
      bound.append(
        Bound(
          restriction: restriction, statement: statement, since: Instant(nanoseconds: 0), isDurable: true,
          asking: []))
    }
  }

  /// The largest statement, with its reason, that binds: all that a party holds must fit into its memory, and each into a
  /// message beside what else that says.
  static var maximumBytes: Int { 16 << 10 }
  /// About how many bytes of them one message proves.
  private static var provenBytes: Int { 1 << 20 }
  /// Where the next proofs begin.
  private var nextProof = 0

  /// What proves them to others, as many as one message holds; the next call goes on after them, so that whoever asks often
  /// enough is shown all.
  mutating func proofs() -> [StatementRequest] {
    var out: [StatementRequest] = []
    var bytes = 0
    for _ in bound.indices {
      if nextProof >= bound.count { nextProof = 0 }
      let statement = bound[nextProof].statement
      bytes += statement.statement.count + statement.attachment.count
      guard out.isEmpty || bytes <= Self.provenBytes else { break }
      out.append(statement)
      nextProof += 1
    }
    return out
  }

  func contains(_ id: String) -> Bool { held(id) != nil }
  func held(_ id: String) -> ProvenRestriction? { bound.first { $0.act.incidentID == id }?.restriction }
  func isDurable(_ act: IncidentAct) -> Bool { bound.contains { $0.act == act && $0.isDurable } }

  /// Whether a state says that it binds.
  private static func binds(_ restriction: ProvenRestriction, by state: ShieldState) -> Bool {
    #if SIMULATION
    if Mutant.liftForgotten.isActive, state.isLifted(restriction.act.incidentID) { return true }
    #endif
    return state.standing(of: restriction) == .binding
  }

  /// Everything in force that executors must know: by the log, and by what binds at once.
  func list(with state: ShieldState) -> RestrictionList {
    #if SIMULATION
    if Mutant.killForgotten.isActive { return state.restrictions }
    #endif
    let immediate = bound.filter { $0.act.target.concernsExecutors && Self.binds($0.restriction, by: state) }
    return RestrictionList(
      state.restrictions.entries
        + immediate.map { RestrictionList.Entry(incidentID: $0.act.incidentID, target: $0.act.target) })
  }

  /// Binds; the write that makes it durable, nil where it is bound already or there is no room. What is held under the same
  /// id gives way where it binds nobody by `state`.
  mutating func bind(
    _ restriction: ProvenRestriction, _ statement: StatementRequest, by state: ShieldState, at now: Instant
  ) -> WriteBatch? {
    if let known = held(restriction.act.incidentID) {
      guard !Self.binds(known, by: state) else { return nil }
      bound.removeAll { $0.act.incidentID == restriction.act.incidentID }
    }
    guard bound.count < Self.maximumBound else { return nil }
    bound.append(
      Bound(restriction: restriction, statement: statement, since: now, isDurable: false, asking: []))
    taken += 1
    var batch = WriteBatch()
    batch.put(.meta, Self.prefix + Array(restriction.act.incidentID.utf8), statement.encode())
    return batch
  }

  mutating func ask(_ act: IncidentAct, by peer: NodeID) {
    for position in bound.indices where bound[position].act == act && !bound[position].asking.contains(peer) {
      bound[position].asking.append(peer)
    }
  }

  /// The write is on disk: who waits to hear of it.
  mutating func durable(_ id: String) -> [NodeID] {
    guard let position = bound.firstIndex(where: { $0.act.incidentID == id }) else { return [] }
    bound[position].isDurable = true
    let asking = bound[position].asking
    bound[position].asking = []
    return asking
  }

  /// Forgets what the final state has settled, which binds through the log or was lifted, and what it makes void: others who
  /// hold that list it no more either, and should it bind again, they show it again. The write that forgets them; nil where
  /// there are none.
  mutating func reconcile(with state: ShieldState) -> (batch: WriteBatch?, void: [Void]) {
    var batch = WriteBatch()
    var void: [Void] = []
    #if SIMULATION
    if Mutant.liftForgotten.isActive { return (nil, []) }
    #endif
    bound.removeAll { entry in
      guard entry.isDurable else { return false }
      switch state.standing(of: entry.restriction) {
      case .binding: return false
      case .settled:
        if let why = state.displacement(of: entry.restriction) { void.append(Void(act: entry.act, why: why)) }
      case .void(let why): void.append(Void(act: entry.act, why: why))
      }
      batch.delete(.meta, Self.prefix + Array(entry.act.incidentID.utf8))
      return true
    }
    return (batch.isEmpty ? nil : batch, void)
  }

  /// Since when certificates of somebody are taken: by the log, and by what binds at once.
  func oldestCertificate(of principal: Principal, with state: ShieldState) -> Timestamp? {
    var oldest = state.oldestCertificate(of: principal)
    for entry in bound {
      guard case .certificates(principal, let before) = entry.act.target,
        Self.binds(entry.restriction, by: state)
      else { continue }
      oldest = max(oldest ?? before, before)
    }
    return oldest
  }

  func showAll(to peer: NodeID, into effects: inout NodeEffects) {
    for entry in bound {
      let shown = RestrictionShown(
        statement: entry.statement.statement, attachment: entry.statement.attachment)
      effects.messages.append((peer, PeerMessage.restriction(shown)))
    }
  }
}

extension GovernanceNode {
  /// Since when certificates of somebody are taken here; nil where any is that an authority has issued.
  public func oldestCertificate(of principal: Principal) -> Timestamp? {
    restrictions.oldestCertificate(of: principal, with: overlay.final)
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
    effects.writes.append((.restriction(id: restriction.act.incidentID), batch))
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
    _ id: String, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let waiting = restrictions.durable(id)
    guard let hash = restrictions.held(id)?.contentHash else { return }
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
        refuse(
          call.key, .resourceExhausted,
          "\(act.incidentID) names another restriction here, or more than \(BoundRestrictions.maximumBound) wait for the "
            + "log: halt everything instead, or try again", into: &effects)
        return false
      }
    }
    let own = isFinal || restrictions.isDurable(act) ? [raft.id] : []
    restrictions.vigils.append(
      BoundRestrictions.Vigil(
        key: call.key, incidentID: act.incidentID, contentHash: signed.contentHash,
        isListed: act.target.concernsExecutors, bound: own,
        since: nil))
    let shown = RestrictionShown(statement: request.statement, attachment: request.attachment)
    for peer in peers { effects.messages.append((peer, PeerMessage.restriction(shown))) }
    return true
  }

  /// Answers the vigils whose time has come.
  mutating func pursueRestrictions(into effects: inout NodeEffects) {
    let lifetime = Nanoseconds.seconds(UInt64(LeaseLine.standardSeconds))
    var open: [BoundRestrictions.Vigil] = []
    for vigil in restrictions.vigils {
      guard let since = vigil.since, since + (vigil.isListed ? lifetime : .zero) <= now.monotonic else {
        open.append(vigil)
        continue
      }
      let response = ActResponse(
        finalSize: finality.size, acknowledged: UInt32(vigil.bound.count),
        message: "bound by \(vigil.bound.count) parties"
          + (vigil.isListed ? "; leases given before have ended" : ""))
      effects.answers.append(.respond(vigil.key, .ok, payload: response.encode()))
    }
    restrictions.vigils = open
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
