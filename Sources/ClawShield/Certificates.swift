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

  /// Why an act on certificates means nothing here; nil where it does, or is about something else.
  func certificatesRefusal(_ act: IncidentAct) -> Refusal? {
    guard case .certificates(let principal, let before) = act.target else { return nil }
    guard semantics >= Semantics.certificates else {
      return Refusal(
        .failedPrecondition,
        "refusing certificates needs semantics \(Semantics.certificates): see claw version")
    }
    guard remembers(principal) else {
      return Refusal(
        .notFound,
        "expected a node that is or was a member, or a principal that is enrolled; found \(principal.path): whoever is "
          + "enrolled no more is served nothing, and certificates are refused before an enrolment is revoked")
    }
    if let known = certificateRestriction(on: principal), known.before >= before {
      return Refusal(
        .alreadyExists,
        "\(known.incidentID) refuses certificates of \(principal.path) from before \(known.before.text) already"
      )
    }
    return nil
  }

  /// Whether somebody has this name, or a node had it: of nodes that have left the names are remembered, and so are
  /// executors; of others the state forgets who is enrolled no more.
  private func remembers(_ principal: Principal) -> Bool {
    guard case .node(let name) = principal else { return enrolmentCell(of: principal) != nil }
    return membership.known.contains { $0.name == name } || membership.retired.contains { $0.name == name }
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

  /// Puts `cell`, which goes further, in the place of the restriction that is in force. A lift of the later one brings the
  /// earlier one back (`relink`).
  mutating func replaceCertificates(of principal: Principal, by cell: inout IncidentCell) {
    guard let known = certificateRestriction(on: principal), var old = incident(known.incidentID) else {
      return
    }
    old.replacedBy = cell.incidentID
    cell.replaces = old.incidentID
    setIncident(old)
  }

  /// What stood between two refusals of one principal's certificates was lifted: each is next to the other now. An earlier
  /// one that has none after it is in force again, and of those between which others were lifted none is passed over.
  mutating func relink(_ earlier: String?, _ later: String?) {
    if let later, var cell = incident(later) {
      cell.replaces = earlier
      setIncident(cell)
    }
    if let earlier, var cell = incident(earlier) {
      cell.replacedBy = later
      setIncident(cell)
    }
  }
}
