import Canonical
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
/// moment they are shown, whatever the leader does.
struct BoundRestrictions: Sendable {
  private struct Bound: Sendable {
    let act: IncidentAct
    let statement: StatementRequest
    var isDurable: Bool
    /// Who waits for an acknowledgement of this party's.
    var asking: [NodeID]
  }

  /// An operator's call that waits until *t* parties are bound and a lease lifetime has passed.
  struct Vigil: Sendable {
    let key: CallKey
    let incidentID: String
    var bound: [NodeID]
    /// When *t* parties were bound.
    var since: Instant?
  }

  private var bound: [Bound] = []
  /// How many have bound this party since it started.
  private(set) var taken = 0
  var vigils: [Vigil] = []

  private static let prefix = Array("restriction/".utf8)
  static var maximumBound: Int { RestrictionList.maximumEntries }

  /// The restrictions that this party was bound by when it stopped.
  init(ledger: Ledger) {
    guard let rows = try? ledger.store.scan(.meta, from: Self.prefix, limit: .max) else { return }
    for row in rows {
      guard row.key.starts(with: Self.prefix) else { break }
      guard let statement = try? StatementRequest(decoding: row.value),
        let act = try? Statements.incident(statement.statement)
      else { continue }
      bound.append(Bound(act: act.content, statement: statement, isDurable: true, asking: []))
    }
  }

  /// What proves them to others.
  var statements: [StatementRequest] { bound.map(\.statement) }

  func contains(_ id: String) -> Bool { bound.contains { $0.act.incidentID == id } }
  func isDurable(_ id: String) -> Bool { bound.contains { $0.act.incidentID == id && $0.isDurable } }

  /// Everything in force: by the log, and by what binds at once.
  func list(with state: ShieldState, at time: Timestamp) -> RestrictionList {
    #if SIMULATION
    if Mutant.killForgotten.isActive { return state.restrictions }
    #endif
    #if SIMULATION
    let isForgotten = Mutant.liftForgotten.isActive
    #else
    let isForgotten = false
    #endif
    let immediate = bound.filter {
      (isForgotten || !state.isLifted($0.act.incidentID)) && !Self.isOutdone($0.act, by: state)
    }.map {
      RestrictionList.Entry(incidentID: $0.act.incidentID, target: $0.act.target)
    }
    return RestrictionList(state.restrictions.entries + immediate)
  }

  /// Whether the log refuses as many of somebody's certificates, or more: then it takes this one no more, and who is not
  /// bound by it yet never will be. Parties that named it in leases and parties that did not could sign none together.
  private static func isOutdone(_ act: IncidentAct, by state: ShieldState) -> Bool {
    guard case .certificates(let principal, let before) = act.target, !state.isRestricted(by: act.incidentID)
    else { return false }
    return state.oldestCertificate(of: principal).map { $0 >= before } ?? false
  }

  /// Binds; the write that makes it durable, nil where it is bound already or there is no room.
  mutating func bind(_ act: IncidentAct, _ statement: StatementRequest) -> WriteBatch? {
    guard !contains(act.incidentID), bound.count < Self.maximumBound else { return nil }
    bound.append(Bound(act: act, statement: statement, isDurable: false, asking: []))
    taken += 1
    var batch = WriteBatch()
    batch.put(.meta, Self.prefix + Array(act.incidentID.utf8), statement.encode())
    return batch
  }

  mutating func ask(_ id: String, by peer: NodeID) {
    for position in bound.indices
    where bound[position].act.incidentID == id && !bound[position].asking.contains(peer) {
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

  /// What has been lifted never binds again, and what is final in the log binds through it, or through what goes beyond it:
  /// neither need be kept. The write that forgets them; nil where there are none.
  mutating func reconcile(with state: ShieldState) -> WriteBatch? {
    var batch = WriteBatch()
    bound.removeAll { entry in
      let id = entry.act.incidentID
      #if SIMULATION
      if Mutant.liftForgotten.isActive { return false }
      #endif
      guard entry.isDurable,
        state.isLifted(id) || state.isRestricted(by: id) || Self.isOutdone(entry.act, by: state)
      else { return false }
      batch.delete(.meta, Self.prefix + Array(id.utf8))
      return true
    }
    return batch.isEmpty ? nil : batch
  }

  /// Since when certificates of somebody are taken: by the log, and by what binds at once.
  func oldestCertificate(of principal: Principal, with state: ShieldState) -> Timestamp? {
    var oldest = state.oldestCertificate(of: principal)
    for entry in bound where !state.isLifted(entry.act.incidentID) {
      guard case .certificates(principal, let before) = entry.act.target else { continue }
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

/// Statements as calls carry them.
enum Statements {
  static func incident(_ bytes: [UInt8]) throws(RecordError) -> Signed<IncidentAct> {
    guard case .incident(let act) = try body(.incident, bytes) else {
      throw .field("statement", expected: "a signed incident act")
    }
    return act
  }

  /// Reads `{"content":…,"signatures":[…]}` as the body of a record of `type`.
  static func body(_ type: RecordType, _ bytes: [UInt8]) throws(RecordError) -> RecordBody {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    guard case .object(var object) = value else {
      throw .field("statement", expected: "an object, found \(value.kind)")
    }
    guard object["type"] == nil, object["at"] == nil, object["configuration"] == nil else {
      throw .field("statement", expected: "content and signatures only")
    }
    // Who takes part from the record on is for the leader to write beside it.
    if type == .members { object["configuration"] = MemberList(voters: [1]).json }
    object["type"] = .string(type.rawValue)
    object["at"] = .string(Timestamp.epoch.text)
    return try Record(.object(object)).body
  }

  /// The statement of a body that carries signatures, canonical.
  static func bytes(_ body: RecordBody) -> [UInt8] {
    guard case .object(var object) = Record(at: .epoch, body: body).json else { return [] }
    object["type"] = nil
    object["at"] = nil
    object["configuration"] = nil
    return JSON.object(object).canonicalBytes()
  }
}

extension GovernanceNode {
  /// Since when certificates of somebody are taken here; nil where any is that an authority has issued.
  public func oldestCertificate(of principal: Principal) -> Timestamp? {
    restrictions.oldestCertificate(of: principal, with: overlay.final)
  }

  /// Binds this party to a restriction at once, if it is one and validly signed.
  mutating func bind(statement: [UInt8], attachment: [UInt8], into effects: inout NodeEffects) {
    #if SIMULATION
    let isForgotten = Mutant.liftForgotten.isActive
    #else
    let isForgotten = false
    #endif
    // What is old news does not bind: a statement binds while it is valid, and from then on until it is lifted.
    guard let act = try? Statements.incident(statement), act.content.kind.isRestriction,
      act.content.validUntil > now.wall, overlay.final.certificatesRefusal(act.content, at: now.wall) == nil,
      !overlay.final.isRestricted(by: act.content.incidentID),
      isForgotten || !overlay.final.isLifted(act.content.incidentID), isByOperator(act),
      let attached = try? Attachment(parsing: attachment),
      (try? attached.check(against: .incident(act))) != nil
    else { return }
    let request = StatementRequest(statement: statement, attachment: attachment)
    guard let batch = restrictions.bind(act.content, request) else { return }
    effects.writes.append((.restriction(id: act.content.incidentID), batch))
    effects.notices.append(
      .warning(
        "bound by \(act.content.kind.rawValue) \(act.content.incidentID) of \(act.content.target.text)"))
  }

  private func isByOperator(_ act: Signed<IncidentAct>) -> Bool {
    act.verifiedSignatures(cluster: cluster).contains { line in
      guard case .operator = line.by, let known = overlay.final.enrolment(of: line.by, at: now.wall) else {
        return false
      }
      return known.key == line.key
    }
  }

  mutating func onRestrictionShown(
    _ shown: RestrictionShown, from sender: NodeID, into effects: inout NodeEffects
  ) {
    bind(statement: shown.statement, attachment: shown.attachment, into: &effects)
    guard let act = try? Statements.incident(shown.statement) else { return }
    let id = act.content.incidentID
    if restrictions.isDurable(id) || overlay.final.isRestricted(by: id) {
      acknowledgeRestriction(id, to: sender, into: &effects)
    } else {
      restrictions.ask(id, by: sender)
    }
  }

  mutating func onRestrictionDurable(
    _ id: String, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    for peer in restrictions.durable(id) { acknowledgeRestriction(id, to: peer, into: &effects) }
    noteBound(id, by: raft.id)
  }

  private func boundStatement(_ id: String) -> [UInt8] {
    Array("openexec/v1/bound\n\(cluster.hex)\n\(id)".utf8)
  }

  private func acknowledgeRestriction(_ id: String, to peer: NodeID, into effects: inout NodeEffects) {
    let signature = identity.partyKey.sign(boundStatement(id))
    let message = RestrictionBound(incidentID: id, signature: signature.bytes)
    effects.messages.append((peer, PeerMessage.restrictionBound(message)))
  }

  mutating func onRestrictionBound(
    _ bound: RestrictionBound, from sender: NodeID, into effects: inout NodeEffects
  ) {
    // Of a party that is known by hand alone nothing can be judged yet, and nothing counts.
    guard let key = partyKey(of: sender) else { return }
    guard let signature = Signature(bound.signature),
      key.verifies(signature, over: boundStatement(bound.incidentID))
    else {
      effects.notices.append(.evidence("\(sender) acknowledged a restriction without its signature"))
      return
    }
    noteBound(bound.incidentID, by: sender)
  }

  private mutating func noteBound(_ id: String, by party: NodeID) {
    for position in restrictions.vigils.indices
    where restrictions.vigils[position].incidentID == id
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
  /// acknowledged it with signatures and one lease lifetime has passed.
  mutating func onRestrict(
    _ call: ClientCall, _ request: StatementRequest, _ act: Signed<IncidentAct>,
    into effects: inout NodeEffects
  ) {
    bind(statement: request.statement, attachment: request.attachment, into: &effects)
    let id = act.content.incidentID
    // An operator who was not answered asks again: by now the restriction may be final, and binds through
    // the log.
    let isFinal = overlay.final.isRestricted(by: id)
    if !isFinal, !restrictions.contains(id),
      let refusal = overlay.final.certificatesRefusal(act.content, at: now.wall)
    {
      refuse(call.key, refusal.code.status, refusal.message, into: &effects)
      return
    }
    guard restrictions.contains(id) || isFinal else {
      refuse(
        call.key, .permissionDenied, "expected a restriction signed by an enrolled operator",
        into: &effects)
      return
    }
    let own = isFinal || restrictions.isDurable(id) ? [raft.id] : []
    restrictions.vigils.append(BoundRestrictions.Vigil(key: call.key, incidentID: id, bound: own, since: nil))
    let shown = RestrictionShown(statement: request.statement, attachment: request.attachment)
    for peer in peers { effects.messages.append((peer, PeerMessage.restriction(shown))) }
  }

  /// Answers the vigils whose time has come.
  mutating func pursueRestrictions(into effects: inout NodeEffects) {
    let lifetime = Nanoseconds.seconds(UInt64(LeaseLine.standardSeconds))
    var open: [BoundRestrictions.Vigil] = []
    for vigil in restrictions.vigils {
      guard let since = vigil.since, since + lifetime <= now.monotonic else {
        open.append(vigil)
        continue
      }
      let response = ActResponse(
        finalSize: finality.size, acknowledged: UInt32(vigil.bound.count),
        message: "bound by \(vigil.bound.count) parties; leases given before have ended")
      effects.answers.append(.respond(vigil.key, .ok, payload: response.encode()))
    }
    restrictions.vigils = open
  }
}
