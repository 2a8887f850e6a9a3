import Crypto
import Records

#if SIMULATION
import Mutants
#endif

// Which restrictions bind, by the state alone (Decision 030). The log asks it when it takes one, and every party when it
// makes or signs a lease: what one party lists, no other may be kept by its own clock from listing. So nothing here
// reads a time that is not in the statement itself.

/// A restriction, and those of its signatures that verify: they are looked at once, and held against every state after.
public struct ProvenRestriction: Sendable {
  /// What it says.
  public let act: IncidentAct
  public let contentHash: Digest
  let lines: [StatementSignature]

  /// Whether any of its signatures verifies.
  public var isSigned: Bool { !lines.isEmpty }

  /// Checks the signatures; nil where the act restricts nothing.
  public init?(_ signed: Signed<IncidentAct>, cluster: Digest) {
    guard signed.content.kind.isRestriction else { return nil }
    act = signed.content
    contentHash = signed.contentHash
    lines = signed.verifiedSignatures(cluster: cluster)
  }
}

/// What a state says of a restriction.
public enum RestrictionStanding: Equatable, Sendable {
  /// The log has its id, and says what holds: this restriction, another of that name, or that it was lifted.
  case settled
  /// The log will take it, whenever it comes: whoever holds it is bound by it.
  case binding
  /// The log does not take it, as this state is: it binds nobody.
  case void(Refusal)
}

extension ShieldState {
  /// What this state says of a restriction; the same at every party, and at every time.
  public func standing(of restriction: ProvenRestriction) -> RestrictionStanding {
    guard incident(restriction.act.incidentID) == nil else { return .settled }
    if let refusal = voids(restriction) { return .void(refusal) }
    return .binding
  }

  /// Why a restriction that this state has settled binds nobody, although nobody lifted it or after somebody did: its id is
  /// another's, or was lifted. Nil where the log holds this one.
  public func displacement(of restriction: ProvenRestriction) -> Refusal? {
    do throws(Refusal) {
      _ = try knownRestriction(restriction.act.incidentID, restriction.contentHash)
      return nil
    } catch {
      return error
    }
  }

  /// Why a client may not bring a restriction at `time`, by the clock of the node that it comes to; nil where it may.
  /// Here alone it is asked whether the statement is still valid, and whether its signers' enrolments are.
  public func refusal(toBringing restriction: ProvenRestriction, at time: Timestamp) -> Refusal? {
    do throws(Refusal) {
      try requirePeople(restriction, at: time)
      try requireValidity(restriction.act.validUntil, at: time)
      _ = try knownRestriction(restriction.act.incidentID, restriction.contentHash)
      if isLifted(restriction.act.incidentID) {
        throw Refusal(
          .failedPrecondition, "\(restriction.act.incidentID) was lifted, and a lifted id never binds again")
      }
      if let refusal = voids(restriction) ?? notYet(restriction.act, at: time) { throw refusal }
      try requireIncidentRoom(for: restriction.act.target, among: capacity.incidents)
      return nil
    } catch {
      return error
    }
  }

  /// Why certificates of a time to come are not refused; nil where it has come. The one thing that a clock says of a
  /// restriction that a party brings: it says it for as long as clocks differ.
  public func notYet(_ act: IncidentAct, at time: Timestamp) -> Refusal? {
    guard case .certificates(_, let before) = act.target, before > time else { return nil }
    return Refusal(
      .invalidArgument,
      "expected a time that has come, found \(before.text): certificates that are issued now would be refused too"
    )
  }

  /// Since semantics 4 the log takes a restriction however late it comes.
  func admit(_ restriction: ProvenRestriction, at time: Timestamp) throws(Refusal) -> Admittance {
    if let leaf = try knownRestriction(restriction.act.incidentID, restriction.contentHash) {
      return .known(leaf)
    }
    if let refusal = voids(restriction) ?? notYet(restriction.act, at: time) { throw refusal }
    #if SIMULATION
    if Mutant.lateRestrictionRefused.isActive { try requireValidity(restriction.act.validUntil, at: time) }
    #endif
    return .accept
  }

  private func voids(_ restriction: ProvenRestriction) -> Refusal? {
    do throws(Refusal) {
      // By whoever was enrolled when they signed, as they say: that their time ends later takes nothing back. Who was
      // enrolled no more a day before says so in vain: no statement is valid for longer.
      let dayBefore = logTime.advanced(by: Interval(nanoseconds: -Floor.maximumValidity.nanoseconds))
      try requirePeople(restriction, at: max(restriction.act.signedAt, dayBefore))
      if let refusal = certificatesRefusal(restriction.act) { throw refusal }
      try requireIncidentRoom(for: restriction.act.target, among: capacity.boundIncidents(semantics))
      return nil
    } catch {
      return error
    }
  }

  // MARK: People

  /// That enough people have signed: one operator for all that stops something, and for their own certificates. Of a
  /// node's or another operator's certificates two, since whoever refuses them keeps the others from undoing it.
  private func requirePeople(_ restriction: ProvenRestriction, at time: Timestamp) throws(Refusal) {
    let people = operators(signing: restriction.lines, at: time)
    try requireCount(people, needed(for: restriction.act.target, of: people))
  }

  private func needed(for target: IncidentTarget, of people: [Enrolment]) -> Int {
    #if SIMULATION
    if Mutant.lockoutByOne.isActive { return 1 }
    #endif
    switch target {
    case .certificates(of: .node, before: _): return 2
    case .certificates(of: let principal, before: _):
      guard case .operator = principal else { return 1 }
      let owner = enrolment(of: principal)?.owner
      return people.contains { $0.principal == principal || $0.owner == owner } ? 1 : 2
    case .all, .tenant, .principal, .token: return 1
    }
  }

  // MARK: Ids and room

  /// The leaf that holds a restriction of this id and content; refused where the id is taken.
  func knownRestriction(_ id: String, _ hash: Digest) throws(Refusal) -> LeafIndex? {
    guard let known = incident(id) else { return nil }
    if known.origin == .signed(hash) { return known.leaf }
    throw Refusal(
      known.origin == .unseen ? .failedPrecondition : .alreadyExists,
      known.liftedBy == nil
        ? "the id \(id) is in use by another statement, at leaf \(known.leaf.value)"
        : "\(id) was lifted, and a lifted id never binds again")
  }

  /// That the state remembers fewer incidents than `limit`; a halt of everything has room always.
  func requireIncidentRoom(for target: IncidentTarget, among limit: Int) throws(Refusal) {
    guard indexes.incidents < limit || target == .all else {
      throw Refusal(.resourceExhausted, "too many restrictions: halt everything instead")
    }
  }
}
