/// How many bytes of entries stand above the commit index.
struct UncommittedBytes: Sendable {
  private struct Piece: Sendable {
    let last: LogIndex
    let bytes: Int
  }

  /// One piece for what earlier leaders left, then one for each proposal. Invariant: ascending.
  private var pieces: [Piece] = []
  private(set) var total = 0

  /// Counts the tail that a new leader takes over, no further than `limit`. It is one piece, because it
  /// is committed as one, with the first entry of the term.
  mutating func inherit(from log: some RaftLog, after commitIndex: LogIndex, limit: Int) {
    var bytes = 0
    var next = max(commitIndex.next, log.firstIndex)
    while next <= log.lastIndex, bytes < limit {
      let page = log.entries(from: next, through: log.lastIndex, maxBytes: 1 << 20)
      guard let last = page.last else { break }
      bytes += page.reduce(0) { $0 + $1.cost }
      next = last.index.next
    }
    if bytes > 0 { add(last: log.lastIndex, bytes: bytes) }
  }

  mutating func add(last: LogIndex, bytes: Int) {
    pieces.append(Piece(last: last, bytes: bytes))
    total += bytes
  }

  mutating func release(through commitIndex: LogIndex) {
    let released = pieces.prefix { $0.last <= commitIndex }
    total -= released.reduce(0) { $0 + $1.bytes }
    pieces.removeFirst(released.count)
  }
}

extension RaftInstance {
  /// Whether ``propose(_:at:into:)`` can succeed: this node leads, has opened its term, and hands over to nobody.
  public var mayPropose: Bool {
    role == .leader && leading.termRecord != nil && leading.transfer == nil
  }

  /// Appends the first entry of the term, once, after ``RoleChange/becameLeader(term:)``. What earlier
  /// leaders left uncommitted is committed with it (Raft §8). Not subject to back-pressure.
  public mutating func proposeTermRecord(
    _ payload: [UInt8], at now: Instant, into effects: inout Effects
  ) throws(ProposalRefusal) -> LogIndex {
    guard role == .leader else { throw .notLeader(leader: leader) }
    guard leading.termRecord == nil else { throw .termEntryAppended }
    guard payload.count <= settings.maxEntryBytes else {
      throw .tooLarge(position: 0, limit: settings.maxEntryBytes)
    }
    let indices = appendOwn([payload], at: now, into: &effects)
    leading.termRecord = indices.lowerBound
    return indices.lowerBound
  }

  /// Appends entries of this leader's and sends them on, all or none; they leave in parallel with this
  /// node's own write. They take effect when committed, which may never happen.
  ///
  /// With `isHeld` they stay in the log until ``sendHeld(at:into:)`` in the same step: a record and those that
  /// follow from it then share one message and one write.
  ///
  /// - Returns: the indices, one for each payload.
  public mutating func propose(
    _ payloads: [[UInt8]], isHeld: Bool = false, at now: Instant, into effects: inout Effects
  ) throws(ProposalRefusal) -> ClosedRange<LogIndex> {
    guard role == .leader else { throw .notLeader(leader: leader) }
    guard leading.termRecord != nil else { throw .termEntryPending }
    if let pending = leading.transfer { throw .transferPending(to: pending.target) }
    guard !payloads.isEmpty else { throw .empty }
    if let position = payloads.firstIndex(where: { $0.count > settings.maxEntryBytes }) {
      throw .tooLarge(position: position, limit: settings.maxEntryBytes)
    }
    let bytes = payloads.reduce(0) { $0 + Entry(term: .zero, index: .zero, payload: $1).cost }
    guard bytes <= settings.maxUncommittedBytes else {
      throw .tooLarge(position: nil, limit: settings.maxUncommittedBytes)
    }
    guard leading.uncommitted.total + bytes <= settings.maxUncommittedBytes,
      persistence.unpersistedBytes < settings.maxUnpersistedBytes
    else { throw .busy }
    return appendOwn(payloads, isHeld: isHeld, at: now, into: &effects)
  }

  /// Sends and writes what was proposed and held; nothing where this node does not lead.
  public mutating func sendHeld(at now: Instant, into effects: inout Effects) {
    guard role == .leader else { return }
    replicateToAll(into: &effects)
    flush(at: now, into: &effects)
  }

  private mutating func appendOwn(
    _ payloads: [[UInt8]], isHeld: Bool = false, at now: Instant, into effects: inout Effects
  ) -> ClosedRange<LogIndex> {
    let first = log.lastIndex.next
    var entries: [Entry] = []
    entries.reserveCapacity(payloads.count)
    for payload in payloads {
      entries.append(
        Entry(
          term: currentTerm, index: LogIndex(rawValue: first.rawValue + UInt64(entries.count)),
          payload: payload))
    }
    log.append(entries)
    persistence.append(entries)
    leading.uncommitted.add(last: log.lastIndex, bytes: entries.reduce(0) { $0 + $1.cost })
    followConfiguration(at: now, into: &effects)
    if !isHeld { sendHeld(at: now, into: &effects) }
    return first...log.lastIndex
  }
}
