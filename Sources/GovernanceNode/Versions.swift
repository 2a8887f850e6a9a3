import Canonical
import ClawLedger
import ClawShield
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

// Rolling upgrades. Every node tells its peers the newest semantics that its program applies, on each connection and
// again from time to time. Two operators put newer ones in force by a `version` record, which a leader takes once
// every member has advertised them. A follower whose program cannot apply them does not append the record: it stops,
// with its log as it was, and goes on from there when a newer program is started. Until the record is in the log every
// node may go back to the program that it had.

extension GovernanceNode {
  /// Tells a peer what this program can apply.
  func advertise(to peer: NodeID, into effects: inout NodeEffects) {
    effects.messages.append((peer, PeerMessage.advert(ProgramAdvert(semantics: UInt32(newestSemantics)))))
  }

  /// Says it again from time to time: a message may be lost.
  mutating func advertiseAgain(into effects: inout NodeEffects) {
    guard lastAdvertised.map({ $0 + .seconds(2) <= now.monotonic }) ?? true else { return }
    lastAdvertised = now.monotonic
    for peer in peers { advertise(to: peer, into: &effects) }
  }

  mutating func onAdvert(_ advert: ProgramAdvert, from sender: NodeID, into effects: inout NodeEffects) {
    let semantics = Int(advert.semantics)
    let before = adverts.first { $0.peer == sender }?.semantics
    adverts.removeAll { $0.peer == sender }
    // A peer is known by the configuration or by an act; both are bounded, and so is this.
    adverts.append((sender, semantics))
    guard before != semantics, semantics < overlay.final.semantics else { return }
    effects.notices.append(
      .warning(
        "\(sender) runs a program that applies semantics up to \(semantics); \(overlay.final.semantics) are in force: "
          + "it takes no part until a newer one is started"))
  }

  /// What the state says of a record before it is appended, and what a leader holds against it beyond that.
  func admits(_ body: RecordBody, attachment: Attachment) -> Admittance {
    let admittance = overlay.head.admits(body, attachment: attachment, at: now.wall)
    guard case .accept = admittance, let objection = leadersObjection(to: body) else { return admittance }
    return .refuse(Refusal(.failedPrecondition, objection))
  }

  private func leadersObjection(to body: RecordBody) -> String? {
    switch body {
    case .version(let act): objection(toActivating: act.content.semantics)
    case .members(let act, _): objection(toChanging: act.content)
    default: nil
    }
  }

  /// Why the members cannot apply these semantics yet; nil where they can.
  private func objection(toActivating semantics: Int) -> String? {
    #if SIMULATION
    if Mutant.activatedUnready.isActive { return nil }
    #endif
    var lacking: [String] = []
    for member in raft.configuration.members {
      let known = advertised(by: member)
      guard known.map({ $0 < semantics }) ?? true else { continue }
      lacking.append(known.map { "\(member) up to \($0)" } ?? "\(member) has not been heard of")
    }
    guard !lacking.isEmpty else { return nil }
    return
      "expected every member's program to apply semantics \(semantics): \(lacking.joined(separator: ", "))"
  }

  /// The newest semantics of a member's program, as far as this node has been told.
  private func advertised(by member: NodeID) -> Int? {
    member == raft.id ? newestSemantics : adverts.first { $0.peer == member }?.semantics
  }

  /// Why this program cannot go on after `entry`; nil where it can. Only an act that takes effect counts.
  func shortcoming(before entry: ParsedEntry) -> String? {
    guard case .version(let act) = entry.record.body, act.content.semantics > newestSemantics,
      objection(to: entry) == nil
    else { return nil }
    return outgrown(
      by: act.content.semantics, newest: newestSemantics, "leaf \(overlay.size) puts")
  }

  /// The part of `Admin/Status` that says which semantics are in force and who could apply newer ones.
  var semanticsStatus: JSON {
    .object([
      ("in_force", .integer(overlay.final.semantics)), ("newest", .integer(newestSemantics)),
      (
        "members",
        .array(
          raft.configuration.members.map { member in
            .object([
              ("node", .integer(Int(member.rawValue))),
              ("newest", advertised(by: member).map(JSON.integer) ?? .null),
            ])
          })
      ),
    ])
  }
}

/// Why a program cannot go on, in words for its operator.
func outgrown(by semantics: Int, newest: Int, _ what: String) -> String {
  "\(what) semantics \(semantics) in force, and this program applies them up to \(newest): start a newer one"
}
