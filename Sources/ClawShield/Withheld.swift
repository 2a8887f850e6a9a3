import Crypto
import Records

/// Approvals that as many parties decline as sign a note: they are over, and the ledger says who would not,
/// and why.
///
/// The record brings the parties' own signatures, since what a party thinks does not follow from the log.
/// With fewer declines than that nothing is recorded: an approval that nobody consents to ends with its
/// token.
extension ShieldState {
  /// The record that these declines make of a decision; nil where it is no outstanding approval, or too few
  /// parties of the key in force have signed. What others have said, as a party that has left, is left out. Every node
  /// derives the same from the same declines, which come ascending by party.
  public func withheld(_ decision: LeafIndex, declines: [PartySigned<Decline>]) -> DerivedIncident? {
    guard semantics >= Semantics.people, let cell = approvedCell(decision), let grant = cell.grant else {
      return nil
    }
    let counted = declines.filter { isDecline($0, of: decision, cell) }
    guard counted.count >= threshold,
      zip(counted, counted.dropFirst()).allSatisfy({ $0.content.party < $1.content.party })
    else { return nil }
    let names = counted.map { "\($0.content.party)" }.joined(separator: ", ")
    return DerivedIncident(
      incidentID: DerivedID.make("withheld", cluster: cluster, cause: decision, about: cell.index),
      kind: .withheld, cause: decision, about: decision, tenantID: cell.content.tenantID,
      target: .token(grant.tokenID),
      message: plain(
        "parties \(names) withhold their shares: \(counted.first?.content.reason ?? "")",
        limit: FiredRules.maximumMessage), declines: counted)
  }

  /// Whether a decline is about that decision, by a party that signs, with its key.
  public func isDecline(_ signed: PartySigned<Decline>) -> Bool {
    approvedCell(signed.content.decision).map { isDecline(signed, of: signed.content.decision, $0) } ?? false
  }

  private func approvedCell(_ decision: LeafIndex) -> ProposalCell? {
    guard let index = indexes.decisions[decision], let cell = proposal(index), cell.approval == decision,
      cell.isOutstanding, cell.voided == nil
    else { return nil }
    return cell
  }

  private func isDecline(_ signed: PartySigned<Decline>, of decision: LeafIndex, _ cell: ProposalCell) -> Bool
  {
    let decline = signed.content
    guard decline.decision == decision, decline.decisionID == decisionID(cell, cell.verdict),
      let party = parties.first(where: { $0.id == decline.party })
    else { return false }
    return signed.isSigned(by: party.key, cluster: cluster)
  }

  /// The token is void from here on. Nobody knows whether shares were given before, so that an outcome is
  /// still waited for, as with every other token that an incident ends.
  mutating func takeWithheld(_ incident: DerivedIncident, at index: LeafIndex) -> Applied {
    guard withheld(incident.about, declines: incident.declines) == incident,
      var cell = approvedCell(incident.about)
    else { return .divergent(expected: "an outstanding approval and the declines of \(threshold) parties") }
    let old = cell
    cell.voided = plain(incident.message, limit: FiredRules.maximumMessage)
    cell.relate(index)
    change(old, to: cell)
    return .effective
  }
}
