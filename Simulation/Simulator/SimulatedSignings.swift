import Canonical
import Crypto
import GovernanceNode
import Records
import Wire

/// An operator who is enrolled to sign one restriction, and removed when it is handed in.
final class Leaver {
  let name: String
  let key: SigningKey
  let entry: RestrictionList.Entry
  let kind: IncidentKind
  let length: UInt64

  init(
    name: String, key: consuming SigningKey, entry: RestrictionList.Entry, kind: IncidentKind,
    length: UInt64
  ) {
    self.name = name
    self.key = key
    self.entry = entry
    self.kind = kind
    self.length = length
  }

  var principal: Principal { .operator(name) }
}

/// What operators have signed of restrictions, as far as leases need not name it: what is about certificates that
/// executors do not meet, what a later refusal of theirs goes beyond, and what somebody signed whom they have removed.
struct Signings: Sendable {
  private var entries: [RestrictionList.Entry] = []
  /// Signed by whom they remove: binding by the log alone, if it came there first.
  var dismissed: [(id: String, by: Principal)] = []

  mutating func note(_ entry: RestrictionList.Entry) {
    if !entries.contains(entry) { entries.append(entry) }
  }

  /// Whether it takes two of them: a node's certificates. They refuse no other operator's.
  func takesTwo(_ target: IncidentTarget) -> Bool {
    if case .certificates(of: .node, before: _) = target { true } else { false }
  }

  func isRefusal(_ entry: RestrictionList.Entry) -> Bool {
    if case .certificates = entry.target { true } else { false }
  }

  /// What no lease need name, whatever the log says.
  var unlisted: [String] {
    entries.filter { entry in !entry.target.concernsExecutors || isOutdone(entry) }.map(\.incidentID)
  }

  private func isOutdone(_ entry: RestrictionList.Entry) -> Bool {
    guard case .certificates(let principal, let before) = entry.target else { return false }
    return entries.contains { other in
      guard other != entry, case .certificates(principal, let later) = other.target else { return false }
      return later >= before
    }
  }
}

extension SimulatedOperators {
  /// Restricts something, and lifts it `length` after it is in force.
  func restrict(
    _ kind: IncidentKind, _ target: IncidentTarget, _ manner: SigningManner = .usual, length: UInt64,
    number: Int, wall: Timestamp
  ) {
    let entry = RestrictionList.Entry(incidentID: "incident-\(number)", target: target)
    if case .leaver = manner { return hire(for: entry, kind, length: length, number: number, wall: wall) }
    signings.note(entry)
    var valid: UInt64 = 3_600_000_000_000
    if case .brief(let length) = manner { valid = length }
    let (act, attachment) = incident(kind, entry, valid: valid, wall: wall)
    let alone = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
    let payload = statement(signings.takesTwo(target) ? signed(act) : alone, attachment)
    guard case .usual = manner else {
      // Whether it was taken in time they learn by asking on; where not, it may bind late, and they lift it.
      return add(.restrict(entry, length: length), kind.method, payload)
    }
    if signings.takesTwo(target) { refuseAlone(kind, entry, wall: wall) }
    add(.restrict(entry, length: length), kind.method, payload, at: wall) { [unowned self] in
      restrict(kind, target, length: length, number: number, wall: $0)
    }
  }

  private func incident(
    _ kind: IncidentKind, _ entry: RestrictionList.Entry, valid: UInt64, wall: Timestamp
  ) -> (IncidentAct, Attachment) {
    let reason = Attachment.Item(salt: random.bytes(16), value: "a bad day")
    let act = IncidentAct(
      incidentID: entry.incidentID, kind: kind, target: entry.target, severity: 2, reasonHash: reason.hash,
      signedAt: wall, validUntil: wall.advanced(by: Interval(nanoseconds: Int64(valid))))
    return (act, Attachment("reason", reason))
  }

  /// One of them alone tries what takes two.
  private func refuseAlone(_ kind: IncidentKind, _ entry: RestrictionList.Entry, wall: Timestamp) {
    let own = RestrictionList.Entry(incidentID: "alone-\(entry.incidentID)", target: entry.target)
    let (act, attachment) = incident(kind, own, valid: 3_600_000_000_000, wall: wall)
    let alone = Signed.sign(act, cluster: second.cluster, as: second.principal, with: second.key)
    add(.restrictAlone(own.incidentID), kind.method, statement(alone, attachment))
  }

  /// What a liar shows of one of them alone, and of a node that nobody knows.
  func lockOuts(nodes: Int, wall: Timestamp) -> [(id: String, StatementRequest)] {
    let before = wall.advanced(by: .seconds(-1))
    var holders = (1...nodes).map { Principal.node("node\($0)") }
    holders += [second.principal, .node("nobody")]
    return holders.enumerated().map { number, holder in
      nextAct += 1
      let target = IncidentTarget.certificates(
        of: holder,
        before: Timestamp(nanoseconds: before.nanoseconds / 1_000_000_000 * 1_000_000_000) ?? .epoch)
      let entry = RestrictionList.Entry(incidentID: "forged-\(nextAct)-\(number)", target: target)
      let (act, attachment) = incident(.revoke, entry, valid: 3_600_000_000_000, wall: wall)
      let alone = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
      let body = holder == .node("nobody") ? signed(act) : alone
      return (
        entry.incidentID,
        StatementRequest(statement: statementBytes(body), attachment: attachment.bytes)
      )
    }
  }

  // MARK: Who leaves

  /// Enrols somebody who is to sign a restriction.
  private func hire(
    for entry: RestrictionList.Entry, _ kind: IncidentKind, length: UInt64, number: Int, wall: Timestamp
  ) {
    hire(
      Leaver(
        name: "leaver\(number)", key: SigningKey.generate(using: &random), entry: entry,
        kind: kind, length: length), wall: wall)
  }

  /// By a statement that they sign anew where all hosts sleep for longer than it is valid.
  private func hire(_ leaver: Leaver, wall: Timestamp) {
    nextAct += 1
    let enrolment = Enrolment(
      principal: leaver.principal, key: leaver.key.publicKey, owner: leaver.name,
      expiresAt: .distantFuture)
    let act = EnrolmentAct(
      actID: "act-\(nextAct)", enrol: enrolment, validUntil: wall.advanced(by: .seconds(80_000)))
    add(.hire(leaver), .enrol, statement(signed(act), Attachment()), at: wall) { [unowned self] in
      hire(leaver, wall: $0)
    }
  }

  /// Hands in what the leaver has signed, and removes it.
  func dismiss(_ leaver: Leaver, wall: Timestamp) {
    signings.note(leaver.entry)
    signings.dismissed.append((leaver.entry.incidentID, leaver.principal))
    let (act, attachment) = incident(leaver.kind, leaver.entry, valid: 3_600_000_000_000, wall: wall)
    let signed = Signed.sign(act, cluster: first.cluster, as: leaver.principal, with: leaver.key)
    add(.restrict(leaver.entry, length: leaver.length), leaver.kind.method, statement(signed, attachment))
    remove(leaver.principal, wall: wall)
  }

  private func remove(_ leaver: Principal, wall: Timestamp, isAgain: Bool = false) {
    nextAct += 1
    let removal = EnrolmentAct(
      actID: "act-\(nextAct)", revoke: leaver, validUntil: wall.advanced(by: .seconds(80_000)))
    add(.dismiss(isAgain: isAgain), .enrol, statement(signed(removal), Attachment()), at: wall) {
      [unowned self] in remove(leaver, wall: $0, isAgain: true)
    }
  }
}

extension IncidentKind {
  /// The call that takes it.
  var method: Method {
    switch self {
    case .kill: .kill
    case .quarantine: .quarantine
    case .revoke: .revoke
    case .lift: .lift
    case .erase: .erase
    }
  }
}
