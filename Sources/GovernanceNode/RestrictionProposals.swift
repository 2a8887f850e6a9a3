import ClawShield
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

// What binds a party has to come into the log. The operator's call brings it once; the node that took it may stop, its
// leader may change or hold it back. So whoever is bound by what its log lacks goes on proposing it: a leader by itself,
// the others by forwarding it, as they do what clients bring, with the same consequences for a leader that does not take
// it (`Censorship.swift`).

extension GovernanceNode {
  /// How often it is looked at what the log lacks.
  static var bringingPause: Nanoseconds { .milliseconds(500) }
  /// How long the node that an operator called has to bring it by itself.
  static var bringingPatience: Nanoseconds { .seconds(1) }
  /// How many are brought at a time: each costs a look at its signatures.
  static var broughtAtOnce: Int { 32 }

  /// Brings what binds this party into the log, where that lacks it.
  mutating func bringRestrictions(into effects: inout NodeEffects) {
    guard restrictions.lastBrought + Self.bringingPause <= now.monotonic else { return }
    restrictions.lastBrought = now.monotonic
    #if SIMULATION
    if Mutant.lateRestrictionRefused.isActive { return }
    #endif
    let (head, latest) = (overlay.head, now.monotonic)
    let missing = restrictions.bound.lazy.filter { entry in
      entry.since + Self.bringingPatience <= latest && head.standing(of: entry.restriction) == .binding
    }
    for entry in Array(missing.prefix(Self.broughtAtOnce)) {
      guard let signed = try? Statements.incident(entry.statement.statement),
        let attachment = try? Attachment(parsing: entry.statement.attachment),
        !clients.isForwarding(Statements.bytes(.incident(signed)))
      else { continue }
      submit(Submission(body: .incident(signed), attachment: attachment, purpose: nil), into: &effects)
    }
  }
}
