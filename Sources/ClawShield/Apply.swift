import Canonical
import Crypto
import Records

extension ShieldState {
  /// Applies the next leaf. What the passing of its `at` brings about comes first, then what it says.
  ///
  /// The attachment must match the record already (`Attachment.check`). A leaf that is void, or that
  /// differs from what was owed, changes nothing but size and time.
  public mutating func apply(
    _ record: Record, leafHash: Digest, attachment: Attachment, at index: LeafIndex
  ) -> Applied {
    guard index.value == size else {
      return .void(reason: "expected leaf \(size), found leaf \(index.value)")
    }
    let objection: String? =
      if case .recovery(let recovery) = record.body, recovery.key != nil {
        recovery.act.content.continuedAt == record.at
          ? objection(toContinuing: recovery) : "the time that the operators signed"
      } else { nil }
    let isInOrder = record.at >= logTime
    advance(to: size + 1, time: max(logTime, record.at))
    expire(cause: index)
    guard isInOrder else {
      if case .decision(let decision) = record.body, decision.decisionType == .approve {
        markApproval(index)
      }
      return .divergent(expected: "a time not before \(logTime.text), found \(record.at.text)")
    }
    switch record.body {
    case .genesis: return .divergent(expected: "one genesis, at leaf 0")
    case .term, .tick: return .effective
    case .decision(let decision): return take(decision, at: index)
    case .derivedIncident(let incident): return take(incident, at: index)
    case .derivedMembers(let step): return take(step, at: index)
    case .key(let record): return take(record, at: index)
    case .recovery(let recovery) where recovery.key != nil:
      if let objection { return .divergent(expected: objection) }
      continueUnder(recovery, at: index)
      return .effective
    case .members, .version, .policy, .enrol, .artifact, .proposal, .ballot, .withdrawal, .receipt, .incident,
      .recovery:
      break
    }
    switch admits(record.body, attachment: attachment, at: logTime) {
    case .accept: break
    case .known(let leaf): return .void(reason: "the same content is at leaf \(leaf.value)")
    case .refuse(let refusal): return .void(reason: refusal.message)
    }
    switch record.body {
    case .proposal(let proposal):
      take(proposal, leafHash: leafHash, attachment: attachment, at: index)
    case .ballot(let ballot): take(ballot, at: index)
    case .withdrawal(let withdrawal): take(withdrawal, at: index)
    case .receipt(let receipt): take(receipt, attachment, at: index)
    case .incident(let act): take(act, at: index)
    case .enrol(let act): take(act, at: index)
    case .version(let act): take(act, at: index)
    case .policy(let act): take(act, attachment, at: index)
    case .members(let act, let configuration): return take(act, configuration, at: index)
    case .artifact(let note): take(note, at: index)
    case .recovery(let recovery): take(recovery, at: index)
    case .genesis, .term, .tick, .decision, .derivedIncident, .derivedMembers, .key: break
    }
    return .effective
  }
}
