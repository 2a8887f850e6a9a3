// Entries that a group-signed note vouches for (DESIGN, "Parties, faults, finality"). What is final is in the log
// of every leader to come, so that it does not matter who brings it: a node that its leader starves, or that
// reaches peers and not the leader, takes it from anyone.

extension RaftInstance {
  /// Takes up `entries`, contiguous and verified by the owner against a note that makes the last of them final.
  /// What the log holds instead of them goes (``discardTail(after:at:into:)``). They are committed at once; the owner
  /// reports them final by ``setFinal(_:)``.
  ///
  /// - Returns: false where they do not follow what the log holds, where storage has enough to do, or where
  ///   the log refuses one; those before it are taken.
  public mutating func takeVouched(_ entries: [Entry], at now: Instant, into effects: inout Effects) -> Bool {
    guard let first = entries.first, let last = entries.last, last.index > commitIndex || role != .leader,
      first.index > finalIndex, first.index >= log.firstIndex, first.index <= log.lastIndex.next,
      let before = log.term(at: first.index.previous),
      follows(entries, index: first.index.previous, term: before),
      persistence.unpersistedBytes < settings.maxUnpersistedBytes
    else { return false }
    let present = entries.prefix { entry in
      guard entry.index <= log.lastIndex, let term = log.term(at: entry.index) else { return false }
      return !isAnother(entry, than: term)
    }.count
    let isNews = present < entries.count
    if last.term > currentTerm {
      becomeFollower(term: last.term, leader: nil, at: now, into: &effects)
    } else if isNews, role != .follower {
      // A leader without what is final leads nobody; votes that were asked for with the old log say nothing now.
      becomeFollower(term: currentTerm, leader: nil, at: now, into: &effects)
    }
    if isNews, entries[present].index <= log.lastIndex,
      !discardTail(after: entries[present].index.previous, at: now, into: &effects)
    {
      return false
    }
    for entry in entries[present...] {
      // The clock's word does not count against a note: `ahead` is no objection here.
      if case .refuse = log.admission(of: entry) { break }
      log.append([entry])
      persistence.append([entry])
    }
    commit(through: min(last.index, log.lastIndex), into: &effects)
    followConfiguration(at: now, into: &effects)
    flush(at: now, into: &effects)
    return log.lastIndex >= last.index
  }

  private func follows(_ entries: [Entry], index: LogIndex, term: Term) -> Bool {
    var (index, term) = (index, term)
    for entry in entries {
      guard entry.index == index.next, entry.index <= .limit, entry.term >= term, entry.term <= .limit,
        entry.payload.count <= settings.maxEntryBytes
      else { return false }
      (index, term) = (entry.index, entry.term)
    }
    return true
  }
}
