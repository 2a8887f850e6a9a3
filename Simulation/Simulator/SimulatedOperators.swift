import Canonical
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// Two operators at one desk: they restrict things on bad days and lift the restriction together, and enrol
/// executors anew whose journals are gone. They ask again until they are told.
final class SimulatedOperators: SimulatedClient {
  enum Purpose {
    case enrol(Principal, incarnation: Int)
    case restrict(RestrictionList.Entry, length: UInt64)
    /// By one of them alone what takes two.
    case restrictAlone(String)
    case hire(Leaver)
    /// `isAgain`: signed anew, after a statement whose answer they have not heard.
    case dismiss(isAgain: Bool)
    case lift(String)
    case members(String)
    case version(Int)
    /// Of a bundle that no author has signed its number and semantics: newer semantics want one.
    case policy(String, unsigned: (number: UInt64, semantics: Int)?)
    case erase(String)
    /// One of them alone: nobody honest lifts anything for it.
    case liftAlone(String)
    case transfer(UInt64)
    case veto(VetoOrder)
  }

  private struct Open {
    let purpose: Purpose
    let method: Method
    let payload: [UInt8]
    /// Until when it is valid, in virtual time.
    var until: UInt64 = .max
    /// Has them sign the same again; nil for what they let be.
    var again: ((Timestamp) -> Void)?
    /// Whether they have signed it again: then the first may have been taken.
    var isAgain = false
    var call: UInt64
    /// The node that was asked last; 0 for none yet.
    var node: UInt64
    /// When it was asked for first, and last; 0 for not yet.
    var askedAt: UInt64 = 0
    var sentAt: UInt64
    var lastAnswer = "no answer"
  }

  let principal: Principal
  let pace: UInt64 = 300_000_000
  let first: Credentials
  let second: Credentials
  var random: SeededRandom
  private var open: [Open] = []
  private var nextCall: UInt64 = 1
  var nextAct = 0
  /// Restrictions in force, and when they are to be lifted.
  private var standing: [(entry: RestrictionList.Entry, until: UInt64)] = []
  /// What the oracles must know of what they have signed.
  var signings = Signings()
  /// What their bundles have.
  var parts = SimulatedPolicy.Parts()
  /// Whether bad days still come.
  var isActive = true
  /// Nodes whose word is not to be believed.
  var liars: [UInt64] = []
  /// Enrolments that have become final, for the hosts to take up.
  private(set) var enrolled: [(executor: Principal, incarnation: Int)] = []

  init(_ first: Credentials, _ second: Credentials, random: SeededRandom) {
    self.first = first
    self.second = second
    self.random = random
    principal = first.principal
  }

  /// Whether nothing is restricted and nothing waits.
  var isSettled: Bool { open.isEmpty && standing.isEmpty }

  var waitingFor: String {
    (open.map { "\($0.purpose) (\($0.lastAnswer))" } + standing.map { "standing \($0.entry.incidentID)" })
      .joined(separator: ", ")
  }

  func takeEnrolled() -> [(executor: Principal, incarnation: Int)] {
    defer { enrolled = [] }
    return enrolled
  }

  /// An executor cannot go on under its old incarnation.
  func enrol(_ enrolment: Enrolment, wall: Timestamp) {
    let isAsked = open.contains {
      if case .enrol(let known, let incarnation) = $0.purpose {
        return known == enrolment.principal && incarnation == enrolment.incarnation
      }
      return false
    }
    guard !isAsked else { return }
    nextAct += 1
    let act = EnrolmentAct(
      actID: "act-\(nextAct)", enrol: enrolment, validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
      .cosigned(cluster: first.cluster, as: second.principal, with: second.key)
    add(
      .enrol(enrolment.principal, incarnation: enrolment.incarnation), .enrol,
      statement(signed, Attachment()), at: wall
    ) { [unowned self] in enrol(enrolment, wall: $0) }
  }

  /// Whether they have ever asked for other members.
  private(set) var haveChangedMembers = false

  /// Whether an act of theirs is not final yet.
  var isChangingMembers: Bool {
    open.contains { if case .members = $0.purpose { true } else { false } }
  }

  /// The parties are to be others.
  func change(
    _ parties: [PartySeat], threshold: Int, rotate: Bool = false, takesBack: String? = nil, wall: Timestamp
  ) {
    haveChangedMembers = true
    nextAct += 1
    let act = MembersAct(
      actID: "members-\(nextAct)", parties: parties, threshold: threshold, rotate: rotate,
      takesBack: takesBack, validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
      .cosigned(cluster: first.cluster, as: second.principal, with: second.key)
    add(.members(act.actID), .members, statement(signed, Attachment()), at: wall, again: nil)
  }

  /// The newest semantics that they have asked for.
  private(set) var newestSemantics = 1

  /// Newer semantics are to be in force.
  func activate(_ semantics: Int, wall: Timestamp) {
    newestSemantics = max(newestSemantics, semantics)
    nextAct += 1
    let act = VersionAct(
      actID: "version-\(nextAct)", semantics: semantics, validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
      .cosigned(cluster: first.cluster, as: second.principal, with: second.key)
    add(.version(semantics), .version, statement(signed, Attachment()), at: wall) { [unowned self] in
      activate(semantics, wall: $0)
    }
  }

  /// What still waits for a party's newer program waits no longer.
  func giveUpVersions() {
    open.removeAll { if case .version = $0.purpose { true } else { false } }
  }

  /// What both of them have signed.
  func signed<Content: StatementContent>(_ content: Content) -> Signed<Content> {
    Signed.sign(content, cluster: first.cluster, as: principal, with: first.key)
      .cosigned(cluster: first.cluster, as: second.principal, with: second.key)
  }

  /// Another bundle is to be in force: the same rules under another name.
  func activate(bundle number: UInt64, semantics: Int, wall: Timestamp) {
    activate(bundle: number, semantics: semantics, isSigned: semantics >= Semantics.people, wall: wall)
  }

  private func activate(bundle number: UInt64, semantics: Int, isSigned: Bool, wall: Timestamp) {
    guard
      let plain = try? SimulatedPolicy.bundle(
        number, semantics: semantics, parts),
      let bundle = isSigned ? try? plain.authored(by: principal, with: first.key) : plain
    else { return }
    nextAct += 1
    let item = Attachment.Item(salt: random.bytes(16), value: bundle.json)
    let act = PolicyAct(
      actID: "policy-\(nextAct)", policyBundleHash: bundle.hash, bundleHash: item.hash,
      bundleVersion: bundle.bundleVersion, constitutionVersion: bundle.constitutionVersion,
      killRunning: number % 2 == 1, validUntil: wall.advanced(by: .seconds(3600)))
    add(
      .policy(act.actID, unsigned: isSigned ? nil : (number, semantics)), .policy,
      statement(signed(act), Attachment("bundle", item)), at: wall
    ) { [unowned self] in activate(bundle: number, semantics: semantics, isSigned: isSigned, wall: $0) }
  }

  func add(_ purpose: Purpose, _ method: Method, _ payload: [UInt8]) {
    open.append(Open(purpose: purpose, method: method, payload: payload, call: 0, node: 0, sentAt: 0))
  }

  /// Asks for something by a statement that is valid for an hour from `wall`, and signs it again after that.
  func add(
    _ purpose: Purpose, _ method: Method, _ payload: [UInt8], at wall: Timestamp,
    again: ((Timestamp) -> Void)?
  ) {
    add(purpose, method, payload)
    let end = wall.advanced(by: .seconds(3600)).since(Timestamp(nanoseconds: simulatedEpoch) ?? .epoch)
    open[open.count - 1].until = UInt64(max(0, end.nanoseconds))
    open[open.count - 1].again = again
  }

  /// What is valid no longer is signed again, or let be.
  private func renew(at time: UInt64, wall: Timestamp) {
    let late = open.filter { $0.until < time }
    open.removeAll { $0.until < time }
    for call in late {
      let count = open.count
      call.again?(wall)
      for position in count..<open.count { open[position].isAgain = true }
    }
  }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    // An operator who waits for a handover in vain lets it be.
    open.removeAll { call in
      switch call.purpose {
      case .transfer: call.askedAt != 0 && call.askedAt + 6_000_000_000 < time
      case .veto: call.askedAt != 0 && call.askedAt + 6_000_000_000 < time
      case .liftAlone: call.askedAt != 0 && call.askedAt + 3_000_000_000 < time
      case .restrictAlone: call.askedAt != 0 && call.askedAt + 20_000_000_000 < time
      case .enrol, .restrict, .hire, .dismiss, .lift, .erase, .members, .version, .policy: false
      }
    }
    renew(at: time, wall: wall)
    for entry in standing where entry.until <= time || !isActive { lift(entry.entry, wall: wall) }
    standing.removeAll { $0.until <= time || !isActive }
    var out: [OutgoingCall] = []
    for position in open.indices
    where open[position].sentAt == 0 || open[position].sentAt + wait(position) < time {
      nextCall += 1
      open[position].call = nextCall
      // Like `claw`, they ask the next node where one has not helped.
      let last = open[position].node
      open[position].node = last == 0 ? 1 + random.below(nodes) : 1 + last % nodes
      if case .veto(let order) = open[position].purpose { open[position].node = UInt64(order.party) }
      if open[position].askedAt == 0 { open[position].askedAt = time }
      open[position].sentAt = time
      out.append(
        OutgoingCall(
          node: open[position].node, call: nextCall, method: open[position].method,
          payload: open[position].payload))
    }
    return out
  }

  /// A restriction is answered after a lease's life; everything else at once.
  private func wait(_ position: Int) -> UInt64 {
    switch open[position].purpose {
    case .restrict, .restrictAlone: 14_000_000_000
    default: 2_000_000_000
    }
  }

  /// What a tenant had so far is to be erased.
  func erase(_ tenant: String, wall: Timestamp) {
    nextAct += 1
    let reason = Attachment.Item(salt: random.bytes(16), value: "it asked for that")
    let act = IncidentAct(
      incidentID: "erase-\(nextAct)", kind: .erase, target: .tenant(tenant), severity: 3,
      reasonHash: reason.hash,
      signedAt: wall, validUntil: wall.advanced(by: .seconds(3600)))
    add(.erase(tenant), .erase, statement(signed(act), Attachment("reason", reason)), at: wall) {
      [unowned self] in erase(tenant, wall: $0)
    }
  }

  /// Vetoes that their parties have said to stand, for the oracle to take up.
  private var vetoed: [VetoOrder] = []

  func takeVetoes() -> [VetoOrder] {
    defer { vetoed = [] }
    return vetoed
  }

  /// Brings a party's order to its node.
  func veto(_ order: PartySigned<VetoOrder>) {
    open.append(
      Open(
        purpose: .veto(order.content), method: .veto,
        payload: StatementRequest(statement: order.bytes).encode(),
        call: 0, node: 0, sentAt: 0))
  }

  /// Asks that a node lead.
  func transfer(to node: UInt64) {
    add(.transfer(node), .transfer, TransferRequest(node: UInt32(truncatingIfNeeded: node)).encode())
  }

  private func lift(_ entry: RestrictionList.Entry, wall: Timestamp, isAlone: Bool = false) {
    let reason = Attachment.Item(salt: random.bytes(16), value: "it is over")
    let act = IncidentAct(
      incidentID: (isAlone ? "alone-" : "lift-") + entry.incidentID, kind: .lift, target: .all,
      severity: 2,
      reasonHash: reason.hash, lifts: [entry.incidentID], signedAt: wall,
      validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(act, cluster: first.cluster, as: principal, with: first.key)
    guard !isAlone else {
      add(.liftAlone(entry.incidentID), .lift, statement(signed, Attachment("reason", reason)))
      return
    }
    let both = signed.cosigned(cluster: first.cluster, as: second.principal, with: second.key)
    add(.lift(entry.incidentID), .lift, statement(both, Attachment("reason", reason)), at: wall) {
      [unowned self] in lift(entry, wall: $0)
    }
  }

  func take(_ answer: Answer, at time: UInt64, from node: UInt64, isLiar: Bool, oracles: inout Oracles) {
    guard case .respond(let key, let status, _) = answer,
      let position = open.firstIndex(where: { $0.call == key.call })
    else { return }
    open[position].lastAnswer = "\(status)"
    if case .policy(_, let unsigned?) = open[position].purpose, status.code == .permissionDenied,
      !liars.contains(open[position].node)
    {
      // Semantics that came into force meanwhile want an author: it is signed and asked for again.
      open.remove(at: position)
      let wall = Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch
      activate(bundle: unsigned.number, semantics: unsigned.semantics, isSigned: true, wall: wall)
      return
    }
    if case .policy = open[position].purpose, [.failedPrecondition, .alreadyExists].contains(status.code) {
      // That one is in force already.
      open.remove(at: position)
      return
    }
    if case .members = open[position].purpose, [.failedPrecondition, .alreadyExists].contains(status.code) {
      // Another change came before it.
      open.remove(at: position)
      return
    }
    if case .liftAlone(let id) = open[position].purpose, !liars.contains(open[position].node) {
      guard status.code == .ok || status.code == .permissionDenied else { return }
      oracles.relaxed(byOne: status.code == .ok, "one operator alone lifted \(id)", at: time)
      open.remove(at: position)
      return
    }
    if case .dismiss(isAgain: true) = open[position].purpose, status.code == .notFound,
      !liars.contains(open[position].node)
    {
      // What they signed before has done it.
      open.remove(at: position)
      return
    }
    if case .veto = open[position].purpose, [.failedPrecondition, .notFound].contains(status.code) {
      // Too late: it is consented to, or over.
      if status.code == .failedPrecondition { open.remove(at: position) }
      return
    }
    if case .restrictAlone(let id) = open[position].purpose, !liars.contains(open[position].node) {
      guard [.ok, .permissionDenied, .alreadyExists].contains(status.code) else { return }
      oracles.lockedOut(byOne: status.code == .ok, "one operator alone was told that \(id) binds", at: time)
      open.remove(at: position)
      return
    }
    if case .restrict(let entry, _) = open[position].purpose,
      open[position].again == nil || signings.isRefusal(entry),
      [.permissionDenied, .failedPrecondition, .alreadyExists].contains(status.code),
      !liars.contains(open[position].node)
    {
      // Too late for this node; another may have taken it in time, and then it binds all.
      open.remove(at: position)
      standing.append((entry, until: time))
      return
    }
    if open[position].isAgain, [.failedPrecondition, .alreadyExists].contains(status.code),
      !liars.contains(open[position].node)
    {
      // The first was taken after all.
      open.remove(at: position)
      return
    }
    guard status.code == .ok, !liars.contains(open[position].node) else { return }
    switch open.remove(at: position).purpose {
    case .enrol(let executor, let incarnation): enrolled.append((executor, incarnation))
    case .restrict(let entry, let length):
      oracles.count(fault: "restriction")
      oracles.acknowledged(entry, at: time)
      standing.append((entry, until: time + length))
      lift(entry, wall: Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch, isAlone: true)
    case .veto(let order): vetoed.append(order)
    case .erase: oracles.count(fault: "tenant erased")
    case .hire(let leaver):
      dismiss(leaver, wall: Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch)
    case .lift, .liftAlone, .restrictAlone, .dismiss, .transfer, .members, .version, .policy: break
    }
  }
}
