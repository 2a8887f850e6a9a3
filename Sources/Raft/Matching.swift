#if SIMULATION
import Mutants
#endif

// The follower's side of log replication (Raft §5.3, figure 2 "AppendEntries RPC, receiver").

/// How a follower's log compares with the current term's leader's; forgotten when the term changes.
struct Following: Hashable, Sendable {
  /// Equal to the leader's through here, durable or not. A leader never changes its own log, so nothing
  /// through here may change within the term.
  var matched = LogIndex.zero
  /// What the leader was last told to be durable.
  var acknowledged = LogIndex.zero
  /// The highest heartbeat round seen.
  var round: UInt64 = 0
  /// To whom the leader said that it hands over.
  var transferee: NodeID?
}

// Commit is provisional here (DESIGN, "Parties, faults, finality"): between honest nodes nothing committed ever
// conflicts, but a leader that lied may have left two stories of one index and term behind. The leader of a later
// term, who has one of them in good faith, may replace the other above what is final and what this party has
// signed: otherwise nobody could ever lead those two stories' holders again.

extension RaftInstance {
  /// Nothing through here gives way to what a leader sends.
  private var protectedIndex: LogIndex { max(finalIndex, lockedIndex, following.matched) }

  mutating func onAppendRequest(
    _ request: AppendRequest, from sender: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard request.term == currentTerm else {
      // A deposed leader learns of its successor's term (Raft §5.1).
      answer(
        .rejected(previousIndex: request.previousIndex, hint: log.lastIndex, hintTerm: .zero), to: sender)
      return
    }
    if let first = leader, first != sender {
      report(.secondLeader(term: currentTerm, first: first, second: sender), into: &effects)
      return
    }
    if let fault = request.malformation(limit: settings.maxEntryBytes) {
      report(.malformed(from: sender, fault), into: &effects)
      return
    }
    if role != .follower || leader != sender {
      becomeFollower(term: currentTerm, leader: sender, at: now, into: &effects)
    }
    leaderContact = now
    electionTimer.restart(at: now)
    following.round = max(following.round, request.round)
    following.transferee = request.transferee
    guard precedes(request, from: sender, into: &effects) else { return }
    take(request, from: sender, into: &effects)
    noteRecovery()
    followConfiguration(at: now, into: &effects)
  }

  /// Whether the log holds what precedes the entries: equal index, term and root. Answers if not.
  private mutating func precedes(
    _ request: AppendRequest, from sender: NodeID, into effects: inout Effects
  ) -> Bool {
    let previous = request.previousIndex
    guard previous >= log.firstIndex.previous else {
      #if SIMULATION
      if Mutant.purgedIsConflict.isActive { giveWay(from: log.firstIndex) }
      #endif
      // What is gone was committed. That is no conflict; the leader asks again where it can be compared.
      reject(request, hint: commitIndex, to: sender)
      return false
    }
    guard previous <= log.lastIndex, let term = log.term(at: previous), let root = log.root(at: previous)
    else {
      guard lost == nil else {
        answer(.lost(after: log.lastIndex), to: sender)
        return false
      }
      reject(request, hint: log.lastIndex, to: sender)
      return false
    }
    guard term == request.previousTerm else {
      if previous <= protectedIndex {
        refuse(
          .protectedConflict(
            from: sender, index: previous, kept: term, received: request.previousTerm,
            protectedThrough: protectedIndex), at: previous, to: sender, into: &effects)
      } else if previous <= commitIndex {
        report(
          .protectedConflict(
            from: sender, index: previous, kept: term, received: request.previousTerm,
            protectedThrough: commitIndex), into: &effects)
        reject(request, hint: protectedIndex, to: sender)
      } else {
        reject(
          request, hint: log.lastIndex(upTo: previous, withTermAtMost: request.previousTerm) ?? commitIndex,
          to: sender)
      }
      return false
    }
    guard root == request.previousRoot else {
      #if SIMULATION
      let mayGiveWay = !Mutant.neverGivesWay.isActive
      #else
      let mayGiveWay = true
      #endif
      if term < currentTerm, previous > protectedIndex, mayGiveWay {
        // Two stories of an earlier term. Where they part is above what is protected: go on from there.
        report(.twoStories(index: previous, term: term, shownBy: sender), into: &effects)
        reject(request, hint: protectedIndex, to: sender)
        return false
      }
      refuse(
        .conflictingRoot(
          from: sender, index: previous, term: term, kept: root, received: request.previousRoot),
        at: previous, to: sender, into: &effects)
      return false
    }
    return true
  }

  /// Appends what is new of a request whose predecessor matches, and answers.
  private mutating func take(
    _ request: AppendRequest, from sender: NodeID, into effects: inout Effects
  ) {
    var matched = request.previousIndex
    var isFinished = false
    for entry in request.entries where !isFinished {
      switch place(entry, from: sender, into: &effects) {
      case .present: matched = entry.index
      case .later: isFinished = true
      case .answered:
        noteMatch(through: matched, leaderCommit: request.leaderCommit, into: &effects)
        return
      }
    }
    noteMatch(through: matched, leaderCommit: request.leaderCommit, into: &effects)
    #if SIMULATION
    if Mutant.matchingSuffixTruncated.isActive, !request.entries.isEmpty, log.lastIndex > matched {
      giveWay(from: matched.next)
    }
    #endif
    let durable = acknowledgeable
    if request.entries.isEmpty || durable >= matched {
      following.acknowledged = durable
      answer(.matched(durable), to: sender)
    }
  }

  private enum Placement {
    /// The log holds the entry.
    case present
    /// Storage has enough to do, or the owner has not judged the entry; it will be sent again.
    case later
    /// The leader was told why not.
    case answered
  }

  /// Brings one entry into the log, unless it is there. An old or repeated request finds its entries
  /// present, and removes nothing that follows them.
  private mutating func place(
    _ entry: Entry, from sender: NodeID, into effects: inout Effects
  ) -> Placement {
    if entry.index <= log.lastIndex, let term = log.term(at: entry.index) {
      guard isAnother(entry, than: term) else { return .present }
      guard mayGiveWay(to: entry, of: term, from: sender, into: &effects) else { return .answered }
      giveWay(from: entry.index)
    }
    guard persistence.unpersistedBytes < settings.maxUnpersistedBytes else { return .later }
    switch log.admission(of: entry) {
    case .accept:
      log.append([entry])
      persistence.append([entry])
      return .present
    case .ahead:
      answer(.ahead(entry.index), to: sender)
      return .answered
    case .later: return .later
    case .refuse(let reason):
      refuse(
        .refusedEntry(from: sender, index: entry.index, term: entry.term, reason: reason), at: entry.index,
        to: sender, into: &effects)
      return .answered
    }
  }

  func isAnother(_ entry: Entry, than term: Term) -> Bool {
    guard term == entry.term else { return true }
    return log.entries(from: entry.index, through: entry.index, maxBytes: 0).first?.payload != entry.payload
  }

  /// Whether what the log holds at the entry's index, of `term`, may be replaced by it. Tells the leader if
  /// not. One index and term can have one content only: of two, the first that was seen is kept as long as
  /// the leader of that term speaks, and the second is evidence against it.
  private mutating func mayGiveWay(
    to entry: Entry, of term: Term, from sender: NodeID, into effects: inout Effects
  ) -> Bool {
    let index = entry.index
    if term == entry.term {
      #if SIMULATION
      let isKept = term == currentTerm || index <= protectedIndex || Mutant.neverGivesWay.isActive
      #else
      let isKept = term == currentTerm || index <= protectedIndex
      #endif
      guard isKept else {
        report(.twoStories(index: index, term: term, shownBy: sender), into: &effects)
        return true
      }
      if let kept = log.entries(from: index, through: index, maxBytes: 0).first {
        refuse(
          .conflictingEntry(from: sender, kept: kept, received: entry), at: index, to: sender, into: &effects)
      }
      return false
    }
    let conflict = Evidence.protectedConflict(
      from: sender, index: index, kept: term, received: entry.term,
      protectedThrough: max(commitIndex, protectedIndex))
    guard index > protectedIndex else {
      refuse(conflict, at: index, to: sender, into: &effects)
      return false
    }
    if index <= commitIndex { report(conflict, into: &effects) }
    return true
  }

  /// Removes the tail from `index` on. What of it was committed was so by a leader's lie.
  private mutating func giveWay(from index: LogIndex) {
    log.truncate(after: index.previous)
    persistence.truncate(after: index.previous)
    commitIndex = min(commitIndex, index.previous)
    reportedDurable = min(reportedDurable, index.previous)
    following.acknowledged = min(following.acknowledged, index.previous)
  }

  /// Raft figure 2: commitIndex = min(leaderCommit, index of last new entry), where "new" reaches no
  /// further than this request has shown to match.
  private mutating func noteMatch(
    through index: LogIndex, leaderCommit: LogIndex, into effects: inout Effects
  ) {
    following.matched = max(following.matched, index)
    #if SIMULATION
    if Mutant.commitBeyondMatch.isActive {
      commit(through: min(leaderCommit, log.lastIndex), into: &effects)
    }
    #endif
    commit(through: min(leaderCommit, index), into: &effects)
  }

  /// Equal to the leader's log, and durable.
  private var acknowledgeable: LogIndex {
    #if SIMULATION
    if Mutant.acknowledgedBeyondReceived.isActive { return persistence.durableIndex }
    if Mutant.acknowledgedBeforeSync.isActive { return min(following.matched, log.lastIndex) }
    #endif
    return min(following.matched, persistence.durableIndex)
  }

  /// Tells the leader what has become durable of its log.
  mutating func acknowledgeProgress() {
    guard let leader else { return }
    let durable = acknowledgeable
    guard durable > following.acknowledged else { return }
    following.acknowledged = durable
    answer(.matched(durable), to: leader)
  }

  private mutating func reject(_ request: AppendRequest, hint: LogIndex, to sender: NodeID) {
    answer(
      .rejected(previousIndex: request.previousIndex, hint: hint, hintTerm: log.term(at: hint) ?? .zero),
      to: sender)
  }

  private mutating func refuse(
    _ evidence: Evidence, at index: LogIndex, to sender: NodeID, into effects: inout Effects
  ) {
    report(evidence, into: &effects)
    answer(.refused(index), to: sender)
  }

  private mutating func answer(_ outcome: AppendResponse.Outcome, to sender: NodeID) {
    say(
      .appendResponse(AppendResponse(term: currentTerm, outcome: outcome, round: following.round)), to: sender
    )
  }
}

extension AppendRequest {
  /// What is wrong with the request by itself, checked before its numbers are used.
  func malformation(limit maxEntryBytes: Int) -> Malformation? {
    guard previousIndex <= .limit else { return .indexBeyondLimit }
    guard previousTerm <= term else { return .entryOfLaterTerm }
    var index = previousIndex
    var latest = previousTerm
    for entry in entries {
      guard entry.index == index.next else { return .entriesNotContiguous }
      guard entry.term >= latest else { return .termsNotAscending }
      guard entry.term <= term else { return .entryOfLaterTerm }
      guard entry.payload.count <= maxEntryBytes else { return .entryTooLarge }
      index = entry.index
      latest = entry.term
    }
    return nil
  }
}
