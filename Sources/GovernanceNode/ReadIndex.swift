import Raft
import Wire

// A read at a node shows what is final there, which may be a little old. Who wants no less than what was committed
// when it asked, calls Checkpoint with `fresh` first: answered once this node has as much as final (read index,
// dissertation §6.4). It is a promise under crash faults: a lying leader may name too low an index, and what it
// withholds shows in the age of the note.

/// Callers who wait until a node is up to date.
struct FreshReads: Sendable {
  private struct Waiting: Sendable {
    let ticket: UInt64
    let key: CallKey
    let deadline: Instant
    /// What must be final; nil until a leader has been confirmed.
    var index: LogIndex?
  }

  private var waiting: [Waiting] = []
  private var nextTicket: UInt64 = 1

  static var patience: Nanoseconds { .seconds(5) }
  static var maximum: Int { 1024 }

  /// The ticket to ask consensus with; nil where too many wait.
  mutating func wait(_ key: CallKey, at now: Instant) -> UInt64? {
    guard waiting.count < Self.maximum else { return nil }
    let ticket = nextTicket
    nextTicket += 1
    waiting.append(Waiting(ticket: ticket, key: key, deadline: now + Self.patience, index: nil))
    return ticket
  }

  /// Takes an outcome in; the caller who is to be told that nobody could be confirmed as leader.
  mutating func take(_ outcome: ReadOutcome) -> CallKey? {
    guard let position = waiting.firstIndex(where: { $0.ticket == outcome.ticket }) else { return nil }
    guard let index = outcome.index else { return waiting.remove(at: position).key }
    waiting[position].index = index
    return nil
  }

  mutating func remove(_ key: CallKey) { waiting.removeAll { $0.key == key } }

  /// Those whose wait is over, and whether they have what they waited for.
  mutating func settled(size: UInt64, at now: Instant) -> [(key: CallKey, isDone: Bool)] {
    guard !waiting.isEmpty else { return [] }
    func isDone(_ waiting: Waiting) -> Bool { waiting.index.map { $0.rawValue <= size } ?? false }
    let over = waiting.filter { isDone($0) || $0.deadline <= now }
    waiting.removeAll { isDone($0) || $0.deadline <= now }
    return over.map { ($0.key, isDone($0)) }
  }
}

extension GovernanceNode {
  /// `Ledger/Checkpoint` with `fresh`.
  mutating func onFreshCheckpoint(_ call: ClientCall, into effects: inout NodeEffects) {
    guard let ticket = freshReads.wait(call.key, at: now.monotonic) else {
      refuse(
        call.key, .resourceExhausted, "\(FreshReads.maximum) callers wait for a fresh state; try again",
        into: &effects)
      return
    }
    raft.requestRead(ticket, at: now.monotonic, into: &raftEffects)
  }

  mutating func onReadOutcome(_ outcome: ReadOutcome, into effects: inout NodeEffects) {
    guard let key = freshReads.take(outcome) else { return }
    refuse(
      key, .unavailable, "no leader could be confirmed; try again, or at another node", into: &effects)
  }

  /// Answers those whose state is here now. Called whenever something has changed.
  mutating func settleFreshReads(into effects: inout NodeEffects) {
    for (key, isDone) in freshReads.settled(size: finality.size, at: now.monotonic) {
      guard isDone else {
        refuse(
          key, .unavailable,
          "what is committed did not become final within five seconds; try again", into: &effects)
        continue
      }
      checkpoint(key, into: &effects)
    }
  }
}
