import Records

// Somebody's earlier certificates, refused by everybody once another has taken their place (Decision 028). Of each
// principal one such restriction is in force at most: a later one takes the place of the one before it.

extension ShieldState {
  /// Since when certificates of somebody are taken, by the log alone; nil where any is that an authority has issued.
  public func oldestCertificate(of principal: Principal) -> Timestamp? {
    certificateRestriction(on: principal)?.before
  }

  /// The restrictions on nodes' certificates, ascending by node, with the leaves that hold them.
  public var nodeCertificates: [(principal: Principal, before: Timestamp, leaf: LeafIndex)] {
    let prefix = IncidentTarget.certificates(of: .node(""))
    var out: [(principal: Principal, before: Timestamp, leaf: LeafIndex)] = []
    // `certificates/node/` and what follows it.
    let start = String(prefix.dropLast())
    indexes.restrictions.forEach(from: TargetKey(target: start, incidentID: "")) { key, _ in
      guard key.target.hasPrefix(start) else { return false }
      if case .certificates(let principal, let before)? = IncidentTarget(text: key.target),
        let cell = incident(key.incidentID)
      {
        out.append((principal, before, cell.leaf))
      }
      return true
    }
    return out
  }

  /// Why an act on certificates means nothing at `time`; nil where it does, or is about something else.
  public func certificatesRefusal(_ act: IncidentAct, at time: Timestamp) -> Refusal? {
    guard case .certificates(let principal, let before) = act.target else { return nil }
    guard semantics >= Semantics.certificates else {
      return Refusal(
        .failedPrecondition,
        "refusing certificates needs semantics \(Semantics.certificates): see claw version")
    }
    guard before <= time else {
      return Refusal(
        .invalidArgument,
        "expected a time that has come, found \(before.text): certificates that are issued now would be refused too"
      )
    }
    if let known = certificateRestriction(on: principal), known.before >= before {
      return Refusal(
        .alreadyExists,
        "\(known.incidentID) refuses certificates of \(principal.path) from before \(known.before.text) already"
      )
    }
    return nil
  }

  private func certificateRestriction(
    on principal: Principal
  ) -> (incidentID: String, before: Timestamp)? {
    let prefix = IncidentTarget.certificates(of: principal)
    var found: (incidentID: String, before: Timestamp)?
    indexes.restrictions.forEach(from: TargetKey(target: prefix, incidentID: "")) { key, _ in
      if key.target.hasPrefix(prefix),
        case .certificates(principal, let before)? = IncidentTarget(text: key.target)
      {
        found = (key.incidentID, before)
      }
      return false
    }
    return found
  }

  /// Takes back the restriction that `cell` goes beyond; or `cell` itself, where one goes as far already: both were
  /// judged before either was in the log.
  mutating func replaceCertificates(of principal: Principal, before: Timestamp, by cell: inout IncidentCell) {
    guard let known = certificateRestriction(on: principal), var old = incident(known.incidentID) else {
      return
    }
    guard known.before < before else {
      cell.liftedBy = cell.leaf
      return
    }
    old.liftedBy = cell.leaf
    setIncident(old)
  }
}
