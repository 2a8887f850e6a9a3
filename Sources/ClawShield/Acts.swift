import Canonical
import Crypto
import Records

extension ShieldState {
  // MARK: Enrolment

  /// Who may act changes by at least two distinct people (INV-020), also while everything is halted.
  func admit(_ signed: Signed<EnrolmentAct>, at time: Timestamp) throws(Refusal) -> Admittance {
    let act = signed.content
    try requireOperators(2, of: signed, at: time)
    if let leaf = try knownAct(.enrol, act.actID, signed.contentHash) { return .known(leaf) }
    try requireValidity(act.validUntil, at: time)
    if let new = act.enrol {
      if let refusal = objection(to: new, at: time) { throw refusal }
      try requireOperatorsRemain(replacing: new.principal, with: new, at: time)
    } else if let principal = act.revoke {
      guard enrolment(of: principal) != nil else {
        throw Refusal(.notFound, "\(principal.path) is not enrolled")
      }
      try requireOperatorsRemain(replacing: principal, with: nil, at: time)
    }
    return .accept
  }

  /// Why an enrolment is not acceptable; nil where it is.
  func objection(to new: Enrolment, at time: Timestamp) -> Refusal? {
    if case .node = new.principal {
      return Refusal(.invalidArgument, "nodes are parties of the genesis; they are not enrolled")
    }
    guard new.expiresAt > time else {
      return Refusal(.invalidArgument, "expires_at is \(new.expiresAt.text), and it is \(time.text)")
    }
    guard new.secondKey != new.key else {
      return Refusal(.invalidArgument, "the second key must differ from the first")
    }
    for key in [new.key] + (new.secondKey.map { [$0] } ?? []) {
      if let other = indexes.keys[key], other != new.principal {
        return Refusal(
          .alreadyExists, "key \(key.hex) is enrolled for \(other.path): distinct people, distinct keys")
      }
    }
    if let old = enrolmentCell(of: new.principal) {
      let least = old.isRevoked ? old.enrolment.incarnation + 1 : old.enrolment.incarnation
      guard new.incarnation >= least else {
        return Refusal(
          .invalidArgument, "expected incarnation \(least) or higher, found \(new.incarnation)")
      }
    }
    if indexes.enrolments >= capacity.enrolments, enrolmentCell(of: new.principal) == nil {
      return Refusal(.resourceExhausted, "more than \(capacity.enrolments) enrolments")
    }
    return nil
  }

  /// Nobody is locked out: where two people can act as operators, two can afterwards.
  private func requireOperatorsRemain(
    replacing principal: Principal, with new: Enrolment?, at time: Timestamp
  ) throws(Refusal) {
    guard case .operator = principal, enrolment(of: principal, at: time) != nil else { return }
    var owners: [String] = []
    indexes.operators.forEach { known, _ in
      if known != principal, let person = enrolment(of: known, at: time), !owners.contains(person.owner) {
        owners.append(person.owner)
      }
      return owners.count < 2
    }
    if let new, !owners.contains(new.owner) { owners.append(new.owner) }
    guard owners.count >= 2 else {
      throw Refusal(.failedPrecondition, "fewer than two people would remain who can act as operators")
    }
  }

  mutating func take(_ signed: Signed<EnrolmentAct>, at index: LeafIndex) {
    let act = signed.content
    if let new = act.enrol {
      setEnrolment(EnrolmentCell(leaf: index, enrolment: new), of: new.principal)
    } else if let principal = act.revoke {
      var left: EnrolmentCell?
      if case .executor = principal, let old = enrolmentCell(of: principal) {
        left = EnrolmentCell(leaf: index, enrolment: old.enrolment, isRevoked: true)
      }
      setEnrolment(left, of: principal)
    }
    addAct(
      ActCell(
        type: .enrol, actID: act.actID, contentHash: signed.contentHash, leaf: index,
        validUntil: act.validUntil))
  }

  /// The leaf of the same act; refused where the id is taken by another.
  func knownAct(_ type: RecordType, _ id: String, _ hash: Digest) throws(Refusal) -> LeafIndex? {
    guard let known = act(type, id) else { return nil }
    guard known.contentHash == hash else {
      throw Refusal(.alreadyExists, "act \(id) has other content at leaf \(known.leaf.value)")
    }
    return known.leaf
  }

  // MARK: Policy

  /// A new bundle: two distinct people, the bundle whose hash they signed, and one that can be enforced
  /// (POL-4, POL-6, POL-7).
  func admit(_ signed: Signed<PolicyAct>, _ attachment: Attachment, at time: Timestamp)
    throws(Refusal) -> Admittance
  {
    let act = signed.content
    try requireOperators(2, of: signed, at: time)
    if let leaf = try knownAct(.policy, act.actID, signed.contentHash) { return .known(leaf) }
    try requireValidity(act.validUntil, at: time)
    guard act.mode == .activate || semantics >= Semantics.people else {
      throw Refusal(.failedPrecondition, "shadows and amendments need semantics \(Semantics.people)")
    }
    guard act.mode != .unshadow else {
      guard shadow?.bundle.hash == act.policyBundleHash else {
        throw Refusal(
          .failedPrecondition,
          "expected the bundle that is asked beside the one in force, "
            + (shadow.map { $0.bundle.hash.hex } ?? "and there is none"))
      }
      return .accept
    }
    let bundle = try compile(act, attachment)
    if semantics >= Semantics.people { try requireAuthor(of: bundle.bundle, at: time) }
    if semantics >= Semantics.constitution { try requireConstitution(bundle.bundle.constitution, act.mode) }
    return .accept
  }

  /// That a person who is enrolled has signed the bundle as its author; a signature that was stripped is
  /// none. The first bundle needs no author: every party has signed for it.
  private func requireAuthor(of bundle: PolicyBundle, at time: Timestamp) throws(Refusal) {
    guard let author = bundle.author else {
      guard bundle.hash == genesis.policyBundleHash else {
        throw Refusal(
          .permissionDenied,
          "expected a bundle that its author has signed (\(BundleAuthor.path)): claw policy sign")
      }
      return
    }
    switch author.by {
    case .approver, .operator: break
    case .agent, .executor, .node, .auditor:
      throw Refusal(.permissionDenied, "people write bundles, not \(author.by.path)")
    }
    guard let known = enrolment(of: author.by, at: time),
      author.key == known.key || author.key == known.secondKey
    else {
      throw Refusal(
        .permissionDenied,
        "the bundle's author, \(author.by.path), is not enrolled with the key that signed it")
    }
    guard bundle.isAuthentic else {
      throw Refusal(.permissionDenied, "the author's signature is over other contents than the bundle has")
    }
  }

  private func compile(_ act: PolicyAct, _ attachment: Attachment) throws(Refusal) -> CompiledBundle {
    let bundle: PolicyBundle
    do {
      bundle = try PolicyBundle(attachment["bundle"]?.value ?? .null)
    } catch {
      throw Refusal(.invalidArgument, "policy bundle: \(error.description)")
    }
    guard bundle.hash == act.policyBundleHash, bundle.bundleVersion == act.bundleVersion,
      bundle.constitutionVersion == act.constitutionVersion
    else {
      throw Refusal(.invalidArgument, "the bundle is not the one whose hash and versions are signed")
    }
    guard bundle.leastSemantics <= semantics else {
      throw Refusal(
        .failedPrecondition,
        "the bundle needs semantics \(bundle.leastSemantics), and \(semantics) is in force: see claw version")
    }
    // What was in force before more was asked of bundles decided as well as it does now: on a bad day it may come back (IR-7).
    if semantics >= Semantics.inferredKinds, !wasInForce(bundle.hash),
      let objection = evaluator.objection(to: bundle)
    {
      throw Refusal(.invalidArgument, "policy bundle: \(objection)")
    }
    do {
      return try CompiledBundle(bundle, evaluator: evaluator)
    } catch {
      throw Refusal(.invalidArgument, error.description)
    }
  }

  /// Puts the bundle in force at this leaf. Tokens not yet burned and open ballots are void with it
  /// (ruling 3); what waits is decided again; what runs goes on, unless the act kills it.
  mutating func take(_ signed: Signed<PolicyAct>, _ attachment: Attachment, at index: LeafIndex) {
    let act = signed.content
    addAct(
      ActCell(
        type: .policy, actID: act.actID, contentHash: signed.contentHash, leaf: index,
        validUntil: act.validUntil))
    guard act.mode != .unshadow else { return setShadow(nil, at: index) }
    // Admitted a moment ago, so it compiles.
    guard let bundle = try? compile(act, attachment) else { return }
    guard act.mode.isInForce else { return setShadow(bundle, at: index) }
    if act.mode == .amend { keepConstitution(until: index) }
    if bundle.bundle.hash != compiled.bundle.hash { keepBundle(until: index) }
    activate(bundle, at: index)
    if shadow?.bundle.hash == bundle.bundle.hash { setShadow(nil, at: index) }
    if act.killRunning { killRunning(cause: index) }
    for proposal in undecided() { decideAgain(proposal, cause: index) }
  }

  private mutating func killRunning(cause: LeafIndex) {
    for proposal in outstandingProposals() {
      guard let old = self.proposal(proposal), old.voided == nil else { continue }
      var cell = old
      cell.voided = "policy change at leaf \(cause.value)"
      cell.relate(cause)
      change(old, to: cell)
    }
  }

  private func outstandingProposals() -> [LeafIndex] {
    var out: [LeafIndex] = []
    indexes.outstanding.forEach { _, proposal in
      out.append(proposal)
      return true
    }
    return out
  }

  /// A denial stays; everything else is judged under the new bundle, without the old one's ballots.
  private mutating func decideAgain(_ index: LeafIndex, cause: LeafIndex) {
    guard let old = proposal(index), old.verdict.type != .deny else { return }
    var cell = old
    // The reservation is given back first, so that the proposal does not compete with itself.
    if let reservation = cell.reservation {
      settle(reservation, tenant: cell.content.tenantID, cost: .zero)
      cell.reservation = nil
    }
    let subject = Subject(
      proposal: cell.content, repeatKey: cell.repeatKey,
      parameters: .remembered(schema: cell.schemaHash), isNew: false)
    let judgement = judge(subject, cause: cause, at: logTime)
    cell.votes = []
    cell.previewHash = judgement.verdict.type == .deny ? nil : previewResult(cell.content)
    cell.previewed = judgement.verdict.type == .deny ? nil : previewedResult(cell.content)
    cell.mayDiffer = cell.previewed == nil ? [] : mayDiffer(cell.content)
    if cell.verification?.runs.isEmpty == false {
      let message = "another bundle came into force between the runs of its executors"
      supersede(&cell, with: denial(cell, rule: "execution.verification", message: message, cause: cause))
      return change(old, to: cell)
    }
    supersede(&cell, with: judgement.verdict)
    change(old, to: cell)
    if !judgement.tripped.isEmpty { trip(judgement.tripped, by: cell, cause: cause) }
  }
}
