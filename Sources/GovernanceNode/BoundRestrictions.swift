import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// A row with its own hash, since signatures do not cover all of it: a member of the message with a number that no program reads,
/// so that one from before reads the row as well. A row without it is of such a program.
enum Checked {
  /// Member 15, 32 bytes.
  private static let mark: [UInt8] = [0x7A, 32]

  static func row(_ content: [UInt8]) -> [UInt8] { content + mark + SHA256.hash(content).bytes }

  /// What was written; nil where the row is not that.
  static func content(_ row: [UInt8]) -> [UInt8]? {
    let content = Array(row.dropLast(mark.count + 32))
    guard row.count > mark.count + 32, row.dropFirst(content.count).starts(with: mark) else { return row }
    return row == Checked.row(content) ? content : nil
  }
}

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
    let target: IncidentTarget
    /// Whether leases name it: where they do not, no earlier one need end.
    var isListed: Bool { target.concernsExecutors }
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
  /// Ids of restrictions that this party may have acknowledged and that its store does not give back as they were
  /// written.
  private(set) var unreadable: [String] = []
  /// How many have bound this party since it started.
  private(set) var taken = 0
  var vigils: [Vigil] = []
  /// When it was last looked at which of them the log lacks.
  var lastBrought = Instant(nanoseconds: 0)

  private static let prefix = Array("restriction/".utf8)
  private static let stored = StoredRows(
    what: "the restrictions that this party has acknowledged", prefix: prefix)
  static var maximumBound: Int { RestrictionList.maximumEntries }

  /// Nothing but what cannot be read.
  init(unreadable: [String]) { self.unreadable = unreadable }

  /// The restrictions that this party was bound by when it stopped. One that the store gives back and that is none
  /// any more is `unreadable`; a store that gives none back, or one under no id, is a fault: nobody can say then what
  /// this party has acknowledged.
  init(ledger: Ledger, cluster: Digest) throws(NodeFault) {
    for row in try Self.stored.read(ledger) {
      guard let id = String(validating: row.name, as: UTF8.self), Identifier.isValid(id) else {
        throw Self.stored.damaged(row.name)
      }
      guard let (restriction, statement) = Self.read(row.value, of: id, cluster: cluster) else {
        unreadable.append(id)
        continue
      }
      bound.append(
        Bound(
          restriction: restriction, statement: statement, since: Instant(nanoseconds: 0), isDurable: true,
          asking: []))
    }
  }

  /// What a row holds; nil where that is not what was written.
  static func read(_ row: [UInt8], of id: String, cluster: Digest) -> (
    ProvenRestriction, StatementRequest
  )? {
    guard let written = Checked.content(row), let statement = try? StatementRequest(decoding: written),
      let act = try? Statements.incident(statement.statement), act.content.incidentID == id,
      let restriction = ProvenRestriction(act, cluster: cluster), restriction.isSigned,
      let attachment = try? Attachment(parsing: statement.attachment),
      (try? attachment.check(against: .incident(act))) != nil
    else { return nil }
    return (restriction, statement)
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
  /// id gives way where it binds nobody by `state`. What could not be read under that id is here again.
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
    unreadable.removeAll { $0 == restriction.act.incidentID }
    var batch = WriteBatch()
    batch.put(.meta, Self.prefix + Array(restriction.act.incidentID.utf8), Checked.row(statement.encode()))
    return batch
  }

  mutating func ask(_ act: IncidentAct, by peer: NodeID) {
    for position in bound.indices where bound[position].act == act && !bound[position].asking.contains(peer) {
      bound[position].asking.append(peer)
    }
  }

  /// The write is on disk: who waits to hear of it; nil where it is held no more, or another of its id is.
  mutating func durable(_ id: String, _ contentHash: Digest) -> [NodeID]? {
    guard
      let position = bound.firstIndex(where: {
        $0.act.incidentID == id && $0.restriction.contentHash == contentHash
      })
    else { return nil }
    bound[position].isDurable = true
    let asking = bound[position].asking
    bound[position].asking = []
    return asking
  }

  /// Forgets what the final state has settled, which binds through the log or was lifted, and what it makes void: others who
  /// hold that list it no more either, and should it bind again, they show it again. The write that forgets them; nil where
  /// there are none. Of what could not be read the log says what holds, once it has the id.
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
    unreadable.removeAll { id in
      guard state.hasIncident(id) else { return false }
      batch.delete(.meta, Self.prefix + Array(id.utf8))
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
