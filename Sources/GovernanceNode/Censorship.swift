import ClawShield
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

// A leader that keeps a record out of the log, or gets nothing of it final, is voted out (DESIGN, "Consensus").
//
// A forwarder whom the leader has not answered for a while shows the record to all peers. They forward it too, and
// whoever finds it absent for long enough, admissible by its own state, lets go of the leader: it votes as
// though it had none, and the forwarder stands. An answer is an index that the log then reaches, back-pressure, or a refusal that
// this node's own state confirms.

extension GovernanceNode {
  /// A record that the leader has not taken for so long is shown to the others.
  static var showAfter: Nanoseconds { .milliseconds(2_500) }
  /// A leader that has not taken a record for so long is let go of; by a witness, after half of it.
  static var censorshipDeadline: Nanoseconds { .seconds(5) }

  /// How many forwards are looked at at a time: to judge one is to check its signature, and one is enough.
  static var examined: Int { 32 }

  /// Looks at what the leader owes, and acts on it. Called with every pulse, looks twice a second.
  mutating func pursueCensorship(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard lastLook + .milliseconds(500) <= now.monotonic else { return }
    lastLook = now.monotonic
    executors.prune(at: now.monotonic)
    #if SIMULATION
    if Mutant.censorTolerated.isActive { return }
    #endif
    var reason: String?
    var mayStand = false
    if let leader = raft.leader, leader != raft.id {
      for forward in clients.overdue(for: Self.showAfter, at: now.monotonic, limit: Self.examined) {
        guard isMissing(forward, into: &effects) else { continue }
        if !forward.isWitnessed, forward.shownAt.map({ $0 + .seconds(1) <= now.monotonic }) ?? true {
          show(forward, into: &effects)
        }
        let patience = forward.isWitnessed ? Self.showAfter : Self.censorshipDeadline
        let waited = max(forward.since, leaderSince) + patience
        guard waited <= now.monotonic else { continue }
        reason = "has not taken a record for too long"
        // What binds all parties all of them bring.
        let delay = forward.submission.purpose == nil ? standingDelay(after: leader) : .zero
        if !forward.isWitnessed, waited + delay <= now.monotonic { mayStand = true }
      }
      if let stalled = stalledSince, stalled <= now.monotonic {
        reason = raft.log.size > finality.size ? "makes nothing final" : "gives no lease"
        if stalled + standingDelay(after: leader) <= now.monotonic { mayStand = true }
      }
    }
    if (reason != nil) != raft.distrustsLeader {
      raft.setDistrust(reason != nil)
      if let reason {
        effects.notices.append(.warning("the leader, \(raft.leader.map { "\($0)" } ?? "?"), \(reason)"))
      }
    }
    // Witnesses vote; if they stood as well, they would split the votes.
    guard mayStand, lastChallenge + .seconds(1) <= now.monotonic else { return }
    lastChallenge = now.monotonic
    raft.challengeLeader(at: now.monotonic, into: &raftEffects)
    takeUp(using: &random, into: &effects)
  }

  /// Since when this leader has been given up that takes records and gets nothing of them final, as one does that
  /// told different stories to different nodes; or that gets executors no lease, as one does whose clock the others take for
  /// wrong. Nil where all is final and nobody waits for a lease. Each leader without success is given twice as long as the one
  /// before, since it may not be the leader that is to blame.
  private var stalledSince: Instant? {
    guard let owed = noteOwedSince else { return nil }
    let patience = Nanoseconds.seconds(10 << UInt64(min(finality.fruitlessLeaders, 4)))
    return max(owed, leaderSince) + patience
  }

  /// Since when something waits for a note: records, or executors for a lease.
  var noteOwedSince: Instant? {
    if raft.log.size > finality.size { return finality.lastAdvance }
    let leased = finality.lease?.leasedChallenges ?? []
    return executors.unservedSince(beyond: leased, at: now.monotonic).map { max($0, finality.lastNote) }
  }

  /// Whether executors wait for longer than two leases are apart.
  var isLeaseOverdue: Bool {
    noteOwedSince.map { $0 + Self.leaseInterval + Self.leaseInterval <= now.monotonic } ?? false
  }

  /// All find out at once; they stand one after another.
  private func standingDelay(after leader: NodeID) -> Nanoseconds {
    let order = raft.configuration.voters.map(\.rawValue)
    guard let own = order.firstIndex(of: raft.id.rawValue), let first = order.firstIndex(of: leader.rawValue)
    else { return .zero }
    return .milliseconds(1_500 * UInt64((own - first + order.count) % order.count - 1))
  }

  /// Whether the record is admissible and absent, by this node's own state. Ends the forward if not.
  private mutating func isMissing(_ forward: ClientTable.Forward, into effects: inout NodeEffects) -> Bool {
    if let promised = forward.promised, promised.value < raft.log.size {
      clients.endForward(forward.id)
      return false
    }
    let submission = forward.submission
    switch admits(submission.body, attachment: submission.attachment) {
    case .accept: return true
    case .known(let index):
      clients.endForward(forward.id)
      if forward.promised == nil { wait(submission, at: index, into: &effects) }
    case .refuse(let refusal):
      clients.endForward(forward.id)
      if forward.promised == nil, let purpose = submission.purpose {
        refuse(purpose.key, refusal, into: &effects)
      }
    }
    return false
  }

  private mutating func show(_ forward: ClientTable.Forward, into effects: inout NodeEffects) {
    let now = now.monotonic
    clients.change(forward.id) { $0.shownAt = now }
    let call = ForwardCall(
      id: 0, type: forward.submission.body.type.rawValue,
      statement: forward.statement,
      attachment: forward.submission.attachment.bytes)
    for peer in peers where peer != raft.leader {
      effects.messages.append((peer, PeerMessage.witnessCall(call)))
    }
  }

  /// A peer shows a record that it has forwarded in vain: this node forwards it as well.
  mutating func onWitnessCall(
    _ call: ForwardCall, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let (body, attachment) = forwarded(call),
      !clients.isForwarding(call.statement),
      case .accept = admits(body, attachment: attachment)
    else { return }
    let submission = Submission(body: body, attachment: attachment, purpose: nil)
    if raft.mayPropose {
      submit(submission, into: &effects)
      takeUp(using: &random, into: &effects)
    } else if clients.forward(submission, isWitnessed: true, at: now.monotonic) {
      sendForwards(into: &effects)
    }
  }
}
