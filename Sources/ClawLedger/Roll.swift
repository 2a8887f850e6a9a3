import Crypto
import Records

/// Who may sign at a leaf of an export: the genesis's people, and the changes that two operators signed and that the
/// parties had to count.
struct Roll {
  private(set) var people: [Enrolment]
  /// Ids of acts that were taken, with the end of their validity: until then none is taken again, and after it none counts.
  private var taken: [(id: String, validUntil: Timestamp)] = []

  init(_ genesis: Genesis) { people = genesis.enrolments }

  /// Takes an enrolment up that two operators signed, in its time, and once: who was revoked does not come back with
  /// the act that enrolled them. False where it says nothing.
  @discardableResult
  mutating func take(_ act: Signed<EnrolmentAct>, at time: Timestamp, _ cluster: Digest) -> Bool {
    let content = act.content
    guard Statement.isInForce(until: content.validUntil, at: time),
      !taken.contains(where: { $0.id == content.actID && $0.validUntil > time }),
      operators(of: act, at: time, cluster).count >= 2
    else { return false }
    taken.removeAll { $0.validUntil <= time }
    taken.append((content.actID, content.validUntil))
    let principal = content.enrol?.principal ?? content.revoke
    people.removeAll { $0.principal == principal }
    if let enrolment = content.enrol { people.append(enrolment) }
    return true
  }

  /// The distinct people who signed as operators with enrolled keys: their owners' names.
  func operators(
    of act: Signed<some StatementContent>, at time: Timestamp, _ cluster: Digest
  ) -> [String] {
    var owners: [String] = []
    for line in act.verifiedSignatures(cluster: cluster) {
      guard case .operator = line.by,
        let known = people.first(where: { $0.principal == line.by && $0.key == line.key }),
        known.expiresAt > time, !owners.contains(known.owner)
      else { continue }
      owners.append(known.owner)
    }
    return owners
  }
}
