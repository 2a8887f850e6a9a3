// Handing leadership over on purpose (dissertation §3.10).

/// Whom a leader hands over to, and until when it waits.
struct Transfer: Hashable, Sendable {
  let target: NodeID
  let deadline: Instant
  /// The target was asked to stand.
  var isAsked = false
}

extension RaftInstance {
  /// Whom this leader is handing over to.
  public var transferee: NodeID? { leading.transfer?.target }

  /// Hands leadership to a voter: no proposal is taken until it has everything and is told to stand, or until
  /// an election timeout has passed; then this leader goes on (``RoleChange/transferAborted(to:)``).
  ///
  /// Every append request names the transferee, so that the others, who are loyal to a leader they hear, vote
  /// for it and for nobody else who might claim to have been asked.
  public mutating func transferLeadership(
    to target: NodeID, at now: Instant, into effects: inout Effects
  ) throws(ProposalRefusal) {
    guard role == .leader else { throw .notLeader(leader: leader) }
    if let pending = leading.transfer { throw .transferPending(to: pending.target) }
    guard target != id, configuration.voters.contains(target) else {
      throw .invalidChange(.notTransferable(target))
    }
    leading.transfer = Transfer(target: target, deadline: now + settings.electionTimeout)
    announceTransfer(into: &effects)
    flush(at: now, into: &effects)
  }

  /// Hands leadership to the voter that needs least for it, for a process that is about to end; an owner that waits for
  /// ``leader`` to be another, or for ``transferee`` to be nil, ends without an election timeout between two leaders.
  /// Returns whom; nil where this node does not lead, or where no voter but `failed` keeps up.
  public mutating func handOver(
    except failed: NodeID? = nil, at now: Instant, into effects: inout Effects
  ) -> NodeID? {
    guard role == .leader else { return nil }
    if let pending = leading.transfer { return pending.target }
    guard let successor = successor(except: failed, at: now),
      (try? transferLeadership(to: successor, at: now, into: &effects)) != nil
    else { return nil }
    return successor
  }

  /// Of the other voters that are connected, answer, and append what they are sent, the one that has most.
  func successor(except failed: NodeID? = nil, at now: Instant) -> NodeID? {
    leading.progress.filter { progress in
      configuration.voters.contains(progress.peer) && progress.peer != failed && progress.state == .replicate
        && progress.unwillingAt == nil && now < progress.lastContact + settings.electionTimeout
    }.max { $0.match < $1.match }?.peer
  }

  /// Names the transferee to everyone, and asks it to stand if it has everything.
  mutating func announceTransfer(into effects: inout Effects) {
    for position in leading.progress.indices { sendEmpty(to: position, into: &effects) }
    pursueTransfer(into: &effects)
  }

  /// Asks the transferee to stand when its log is as long as this one: once, and once more after each heartbeat, since what it
  /// was asked may be lost.
  mutating func pursueTransfer(into effects: inout Effects) {
    guard let transfer = leading.transfer, !transfer.isAsked,
      let position = leading.position(of: transfer.target),
      leading.progress[position].match == log.lastIndex
    else { return }
    leading.transfer?.isAsked = true
    effects.messages.append(
      Envelope(to: transfer.target, message: .timeoutNow(TimeoutNow(term: currentTerm))))
  }

  /// Gives a transfer up that has taken too long.
  mutating func expireTransfer(at now: Instant, into effects: inout Effects) {
    guard let transfer = leading.transfer, transfer.deadline <= now else { return }
    abortTransfer(to: transfer.target, into: &effects)
  }

  /// Gives a transfer up; nothing where there is none to `target`.
  mutating func abortTransfer(to target: NodeID, into effects: inout Effects) {
    guard let transfer = leading.transfer, transfer.target == target else { return }
    leading.transfer = nil
    effects.roleChanges.append(.transferAborted(to: transfer.target))
  }

  /// The leader asks this node to stand. It does so at once, without asking around first.
  mutating func onTimeoutNow(
    _ request: TimeoutNow, from sender: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard role == .follower, leader == sender, request.term == currentTerm, mayCampaign else { return }
    campaign(isTransfer: true, at: now, into: &effects)
  }
}
