// The leader's side of log replication (Raft §5.3).

extension RaftInstance {
  /// Speaks to every peer: an empty request just before what it lacks, which shows a healthy peer that the
  /// leader lives and makes one that lost a message say so.
  mutating func heartbeat(at now: Instant, into effects: inout Effects) {
    leading.round += 1
    leading.heartbeatDue = now + settings.heartbeatInterval
    leading.pace.mark(log.lastIndex, at: now, settings)
    leading.transfer?.isAsked = false
    for position in leading.progress.indices {
      leading.progress[position].isProbing = false
      sendEmpty(to: position, into: &effects)
    }
  }

  /// Sends what the peer lacks, as far as its state and window allow.
  mutating func replicate(to position: Int, into effects: inout Effects) {
    switch leading.progress[position].state {
    case .snapshot: break
    case .probe:
      if !leading.progress[position].isProbing { sendEmpty(to: position, into: &effects) }
    case .replicate: sendEntries(to: position, into: &effects)
    }
  }

  mutating func replicateToAll(into effects: inout Effects) {
    for position in leading.progress.indices { replicate(to: position, into: &effects) }
  }

  /// Pipelines requests without waiting for answers until the window is full.
  private mutating func sendEntries(to position: Int, into effects: inout Effects) {
    while leading.progress[position].next <= log.lastIndex {
      let room = leading.progress[position].window.room(settings)
      guard room > 0 else { return }
      let next = leading.progress[position].next
      guard next >= log.firstIndex else {
        askForSnapshot(for: position, into: &effects)
        return
      }
      let entries = log.entries(
        from: next, through: log.lastIndex, maxBytes: min(settings.maxAppendBytes, room))
      if entries.isEmpty, next <= finalIndex, log.isErased(at: next) {
        askForSnapshot(for: position, into: &effects)
        return
      }
      guard let last = entries.last, send(entries, after: next.previous, to: position, into: &effects)
      else { return }
      leading.progress[position].window.add(
        last: last.index, bytes: entries.reduce(0) { $0 + $1.cost })
      leading.progress[position].next = last.index.next
    }
  }

  mutating func sendEmpty(to position: Int, into effects: inout Effects) {
    switch leading.progress[position].state {
    case .snapshot: break
    case .probe, .replicate:
      if leading.progress[position].next < log.firstIndex { askForSnapshot(for: position, into: &effects) }
    }
    let previous: LogIndex
    switch leading.progress[position].state {
    case .probe:
      leading.progress[position].isProbing = true
      previous = leading.progress[position].next.previous
    case .replicate: previous = leading.progress[position].next.previous
    case .snapshot: previous = log.firstIndex.previous
    }
    _ = send([], after: previous, to: position, into: &effects)
  }

  /// False where the log cannot read what precedes the entries.
  private mutating func send(
    _ entries: [Entry], after previous: LogIndex, to position: Int, into effects: inout Effects
  ) -> Bool {
    guard let term = log.term(at: previous), let root = log.root(at: previous) else { return false }
    let request = AppendRequest(
      term: currentTerm, previousIndex: previous, previousTerm: term, previousRoot: root, entries: entries,
      leaderCommit: commitIndex, round: leading.round, transferee: transferee)
    leading.progress[position].toldCommit = commitIndex
    effects.messages.append(Envelope(to: leading.progress[position].peer, message: .appendRequest(request)))
    return true
  }

  /// Tells the new commit index to those who will not hear it with entries.
  mutating func tellCommit(into effects: inout Effects) {
    for position in leading.progress.indices where leading.progress[position].state == .replicate {
      sendEntries(to: position, into: &effects)
      if leading.progress[position].state == .replicate, leading.progress[position].toldCommit < commitIndex {
        sendEmpty(to: position, into: &effects)
      }
    }
  }

  mutating func onAppendResponse(
    _ response: AppendResponse, from peer: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard role == .leader, response.term == currentTerm, let position = leading.position(of: peer)
    else { return }
    leading.progress[position].lastContact = max(leading.progress[position].lastContact, now)
    leading.progress[position].answeredRound = max(
      leading.progress[position].answeredRound, min(response.round, leading.round))
    switch response.outcome {
    case .matched(let index): onMatched(index, position: position, at: now, into: &effects)
    case .rejected(let previous, let hint, let hintTerm):
      if !believes(response.round, denying: previous, hint: hint, position: position, into: &effects) {
        onRejected(previous: previous, hint: hint, hintTerm: hintTerm, position: position, into: &effects)
      }
    case .ahead(let index), .refused(let index):
      onUnwilling(at: index, position: position, at: now, into: &effects)
    case .lost(let index): onLost(after: index, position: position, into: &effects)
    }
    guard role == .leader else { return }
    confirmReads(into: &effects)
    pursueTransfer(into: &effects)
  }

  private mutating func onMatched(
    _ index: LogIndex, position: Int, at now: Instant, into effects: inout Effects
  ) {
    guard index <= log.lastIndex else {
      report(
        .impossibleAcknowledgement(
          from: leading.progress[position].peer, index: index, lastIndex: log.lastIndex), into: &effects)
      return
    }
    leading.progress[position].acknowledge(through: index)
    switch leading.progress[position].state {
    case .probe, .replicate:
      if isFarBehind(leading.progress[position]) {
        askForSnapshot(for: position, into: &effects)
      } else if leading.progress[position].state == .probe {
        leading.progress[position].becomeReplicate()
      }
    case .snapshot(let through):
      if index >= through { leading.progress[position].becomeReplicate() }
    }
    advanceCommit(at: now, into: &effects)
    // What was committed may have been its own removal.
    guard role == .leader else { return }
    replicate(to: position, into: &effects)
  }

  /// The peer lacks what preceded a request: look further back, where its hint says.
  ///
  /// A rejection that was overtaken by an acknowledgement or by another probe is stale and changes nothing.
  private mutating func onRejected(
    previous: LogIndex, hint: LogIndex, hintTerm: Term, position: Int, into effects: inout Effects
  ) {
    let progress = leading.progress[position]
    switch progress.state {
    case .snapshot: return
    case .replicate: guard previous > progress.match else { return }
    case .probe: guard previous == progress.next.previous else { return }
    }
    let agreed = log.lastIndex(upTo: hint, withTermAtMost: hintTerm)
    leading.progress[position].becomeProbe(next: agreed?.next ?? progress.match.next)
    // The same question again would get the same answer: it waits for the next heartbeat.
    leading.progress[position].isProbing = leading.progress[position].next.previous == previous
    replicate(to: position, into: &effects)
  }

  /// Whether a rejection is believed against what the peer has acknowledged itself. One alone may be late, and
  /// changes nothing; a peer that denies it in answer to three heartbeats in a row does not have it: it has
  /// discarded its tail for a note, or what acknowledged in its name was a lie.
  private mutating func believes(
    _ round: UInt64, denying previous: LogIndex, hint: LogIndex, position: Int, into effects: inout Effects
  ) -> Bool {
    let progress = leading.progress[position]
    guard previous <= progress.match, hint < progress.match, round == leading.round,
      round != progress.denials.round
    else { return false }
    leading.progress[position].denials = (progress.denials.count + 1, round)
    guard progress.denials.count + 1 >= 3 else { return false }
    leading.progress[position].denials.count = 0
    onLost(after: hint, position: position, into: &effects)
    return true
  }

  /// The peer's storage lost what was counted on. What was committed with it stays so, since the peer votes as
  /// though it still had it; from here on it counts for what it has.
  private mutating func onLost(after claimed: LogIndex, position: Int, into effects: inout Effects) {
    let progress = leading.progress[position]
    // Beyond the end of this log nobody has anything to lose, whatever number stands in the answer.
    let index = min(claimed, log.lastIndex)
    if index < progress.match {
      report(
        .acknowledgedAndLost(from: progress.peer, after: index, acknowledged: progress.match), into: &effects)
      leading.progress[position].match = index
    }
    switch progress.state {
    case .snapshot: return
    case .replicate, .probe: leading.progress[position].becomeProbe(next: index.next)
    }
    replicate(to: position, into: &effects)
  }

  /// The peer will not append an entry. It is asked again with each heartbeat.
  private mutating func onUnwilling(
    at index: LogIndex, position: Int, at now: Instant, into effects: inout Effects
  ) {
    guard index > leading.progress[position].match, index <= log.lastIndex else { return }
    leading.progress[position].unwillingAt = index
    switch leading.progress[position].state {
    case .snapshot: break
    case .probe, .replicate:
      leading.progress[position].becomeProbe(next: index)
      leading.progress[position].isProbing = true
    }
    stepDownIfUnwilling(at: now, into: &effects)
  }

  /// Entries in flight are lost; what the peer has must be found again.
  mutating func onUnreachable(peer: NodeID, into effects: inout Effects) {
    guard role == .leader, let position = leading.position(of: peer) else { return }
    abortTransfer(to: peer, into: &effects)
    switch leading.progress[position].state {
    case .replicate: leading.progress[position].becomeProbe(next: leading.progress[position].match.next)
    case .probe, .snapshot: break
    }
  }
}
