import Canonical
import ClawShield
import Crypto
import Raft
import Records
import Wire

// How the members and the key stand, for operators.
extension GovernanceNode {
  /// The part of `Admin/Status` that says who takes part, by what is final here; and what Raft has in force.
  var membersStatus: JSON {
    let members = overlay.final.membership
    func ids(_ nodes: [NodeID]) -> JSON { .array(nodes.map { .integer(Int($0.rawValue)) }) }
    var value: [(String, JSON)] = [
      (
        "parties",
        .array(
          members.parties.map {
            .object([("id", .integer($0.id)), ("name", .string($0.name)), ("key", .string($0.key.hex))])
          })
      ), ("voters", ids(raft.configuration.voters)), ("outgoing", ids(raft.configuration.outgoing)),
      ("learners", ids(raft.configuration.learners)), ("is_joint", .bool(raft.configuration.isJoint)),
      ("group_key", .string(members.groupKey.hex)),
      ("signs_from", .string(String(members.keyedFrom))),
      ("keys", .integer(members.epochs.count)), ("holds_share", .bool(signer.share != nil)),
    ]
    if let change = members.change ?? overlay.head.membership.change {
      value.append(
        (
          "change",
          .object([
            ("act_id", .string(change.actID)), ("stage", .string(change.stage.rawValue)),
            ("parties", .array(change.parties.map { .integer($0.id) })),
            ("threshold", .integer(change.threshold)),
            ("waits_for", .string(waitsFor(change))),
          ])
        ))
    }
    return .object(value)
  }

  /// What a change waits for, as this node sees it.
  private func waitsFor(_ change: MembersChange) -> String {
    guard change.since.value < finality.size else { return "its record to be final" }
    switch change.stage {
    case .learning, .keyed, .returning:
      guard raft.role == .leader else { return leadersWord }
      guard let next = overlay.head.membership.next,
        let fault = raft.fault(in: Configuration(next.configuration), at: now.monotonic)
      else { return "the leader's next record" }
      return "\(fault)"
    case .joint:
      guard let keyRound else { return "the new parties' key" }
      let missing = change.parties.filter { seat in
        !keyRound.approvals.contains { $0.party.rawValue == UInt64(seat.id) }
      }
      return "the key's approval by \(missing.map(\.name).joined(separator: ", "))"
    }
  }

  /// What a follower says of a step that the leader takes: how far the others' logs are, which is what a step waits for, is seen by
  /// the leader alone.
  private var leadersWord: String {
    guard let leader = raft.leader else { return "a leader, which is not known here" }
    let name = overlay.head.membership.known.first { UInt64($0.id) == leader.rawValue }?.name
    return "what the leader alone knows: ask \(name ?? "\(leader)")"
  }

  /// `Admin/Keys`: every key from the genesis on, who shares the newest, and the links that prove it.
  func answerKeys(_ key: CallKey, into effects: inout NodeEffects) {
    let members = overlay.final.membership
    let value = JSON.object([
      ("cluster", .string(cluster.hex)), ("threshold", .integer(members.threshold)),
      (
        "keys",
        .array(
          members.epochs.map {
            .object([
              ("group_key", .string($0.key.hex)), ("first_size", .string(String($0.firstSize))),
            ])
          })
      ), ("parties", .array(members.parties.map(\.json))),
      ("seats", .array(seats.map(\.json))), ("members", membersStatus),
      ("semantics", .integer(overlay.final.semantics)),
    ])
    let response = KeysResponse(json: value.canonicalBytes(), links: anchoredLinks(after: 0))
    effects.answers.append(.respond(key, .ok, payload: response.encode()))
  }
}
