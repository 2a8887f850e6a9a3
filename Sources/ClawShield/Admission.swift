import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// Limits on what the state remembers (every queue is bounded). What they refuse is refused with
/// `resourceExhausted` before it is in the log, and is void in it. They are part of the rules by which
/// every node derives the same state: another value is another version.
struct Capacity: Sendable {
  /// Proposals that are remembered: undecided ones, outstanding ones, and those whose request id is still
  /// taken.
  var proposals = 1 << 18
  /// Of one agent, so that none can use up what is everybody's.
  var proposalsPerAgent = 1 << 16
  /// Proposals that are over and whose request id is free again stay until there are this many.
  var settled = 1 << 14
  var artifacts = 1 << 18
  /// Of one tenant, which every node keeps a copy of: 16,384 artifacts, and 4 GiB of contents.
  var artifactsPerTenant = 1 << 14
  var artifactBytesPerTenant = 1 << 32
  /// Files that were let go of and of which the state still says so; of older ones the ledger does.
  var dropped = 1 << 14
  /// That one approval has as its results, since semantics 2.
  var resultsPerApproval = 16
  var enrolments = 1 << 16
  /// Signed restrictions are never forgotten; beyond this many only lifts and `kill all` are taken.
  var incidents = 1 << 18
  /// Of restrictions that parties were bound by before there were that many the log takes as many again, which is as many
  /// as 64 parties hold: who was told that a restriction binds is not told otherwise by others'.
  func boundIncidents(_ semantics: Int) -> Int {
    semantics >= Semantics.lateRestrictions ? 2 * incidents : incidents
  }
  /// Tenants that have ever been erased: they are never forgotten.
  var erasures = 1 << 14
}

extension ShieldState {
  /// What the state says of a record before it is appended, at `time` (the leader's clock; log time when
  /// it is applied). `apply` asks the same question, so the two agree: what is refused here is a void leaf
  /// there.
  ///
  /// A proposal that is well signed by an enrolled agent but forbidden is accepted: it gets a decision
  /// record that denies it (INV-014). The attachment must match the record already.
  public func admits(_ body: RecordBody, attachment: Attachment, at time: Timestamp) -> Admittance {
    do throws(Refusal) {
      switch body {
      case .proposal(let proposal): return try admit(proposal, attachment, at: time)
      case .ballot(let ballot): return try admit(ballot, at: time)
      case .withdrawal(let withdrawal): return try admit(withdrawal, at: time)
      case .receipt(let receipt): return try admit(receipt, at: time)
      case .incident(let act): return try admit(act, at: time)
      case .enrol(let act): return try admit(act, at: time)
      case .version(let act): return try admit(act, at: time)
      case .policy(let act): return try admit(act, attachment, at: time)
      case .members(let act, _): return try admit(act, at: time)
      case .artifact(let note): return try admit(note, at: time)
      case .recovery(let record): return try admit(record, at: time)
      case .genesis, .term, .tick, .decision, .derivedIncident, .derivedMembers, .key:
        throw Refusal(.invalidArgument, "a \(body.type.rawValue) record is written by the leader alone")
      }
    } catch {
      return .refuse(error)
    }
  }

  // MARK: Who signed

  /// The enrolment of the one principal who signed, whose key verifies. At most two signatures: a person's
  /// first and second key.
  func signer<Content>(
    of signed: Signed<Content>, expected: Principal, at time: Timestamp, needsFirstKey: Bool = true
  ) throws(Refusal) -> (enrolment: Enrolment, hasSecondKey: Bool) {
    guard signed.signatures.count <= 2, signed.signatures.allSatisfy({ $0.by == expected }) else {
      throw Refusal(.permissionDenied, "expected the signature of \(expected.path) alone")
    }
    guard let known = enrolment(of: expected, at: time) else {
      throw Refusal(
        .permissionDenied, "\(expected.path) is not enrolled, or its enrolment has ended: ask two operators")
    }
    let keys = signed.signatures.map(\.key)
    guard keys.contains(known.key) || !needsFirstKey,
      keys.allSatisfy({ $0 == known.key || $0 == known.secondKey })
    else {
      throw Refusal(
        .permissionDenied, "expected a signature by the key that is enrolled for \(expected.path)")
    }
    #if SIMULATION
    if Mutant.signatureNotVerified.isActive { return (known, keys.contains { $0 != known.key }) }
    #endif
    guard signed.verifiedSignatures(cluster: cluster).count == signed.signatures.count else {
      throw Refusal(
        .permissionDenied, "the signature does not verify over this statement for cluster \(cluster.hex)")
    }
    return (known, keys.contains { $0 != known.key })
  }

  /// The enrolled, distinct people who signed as operators: distinct owners with distinct keys.
  func operators<Content>(of signed: Signed<Content>, at time: Timestamp) -> [Enrolment] {
    operators(signing: signed.verifiedSignatures(cluster: cluster), at: time)
  }

  /// The same of signatures that verify.
  func operators(signing lines: [StatementSignature], at time: Timestamp) -> [Enrolment] {
    var people: [Enrolment] = []
    for line in lines {
      guard case .operator = line.by, let known = enrolment(of: line.by, at: time), known.key == line.key,
        !people.contains(where: { $0.owner == known.owner })
      else { continue }
      people.append(known)
    }
    return people
  }

  func requireOperators<Content>(_ count: Int, of signed: Signed<Content>, at time: Timestamp) throws(Refusal)
  {
    try requireCount(operators(of: signed, at: time), count)
  }

  func requireCount(_ people: [Enrolment], _ count: Int) throws(Refusal) {
    guard people.count >= count else {
      throw Refusal(
        .permissionDenied,
        "expected signatures of \(count) distinct operators with enrolled keys, found \(people.count)")
    }
  }

  /// A statement must be valid now and for at most a day (the bound on what must be remembered of it).
  func requireValidity(_ validUntil: Timestamp, at time: Timestamp) throws(Refusal) {
    guard validUntil > time else {
      throw Refusal(.permissionDenied, "valid until \(validUntil.text), and it is \(time.text)")
    }
    guard validUntil <= time.advanced(by: Floor.maximumValidity) else {
      throw Refusal(
        .invalidArgument,
        "valid_until may be at most 24 hours ahead of \(time.text), found \(validUntil.text)")
    }
  }
}
