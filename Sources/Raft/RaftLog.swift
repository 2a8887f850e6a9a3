/// The log as consensus sees it.
///
/// Reads are synchronous. Changes alter what is read at once; durability comes later, by
/// ``Effects/persist``, in the order in which the requests were issued.
public protocol RaftLog {
  /// The first entry that can be read: 1, or the one after the snapshot.
  var firstIndex: LogIndex { get }

  /// The last entry; ``firstIndex``` - 1` where there is none.
  var lastIndex: LogIndex { get }

  /// The term of an entry, defined from `firstIndex - 1` to `lastIndex`; 0 at index 0; nil elsewhere.
  func term(at index: LogIndex) -> Term?

  /// The root over entries 1 to `index`, defined in the same range as ``term(at:)``.
  func root(at index: LogIndex) -> LogRoot?

  /// The entries from `first` through `last` in order, as many as fit in `maxBytes` counted by
  /// ``Entry/cost``, but at least one if there is any. Bounds outside of the log are clipped.
  func entries(from first: LogIndex, through last: LogIndex, maxBytes: Int) -> [Entry]

  /// Whether an entry of the log can be sent to nobody any more, since part of what it was is erased: who lacks it gets a
  /// snapshot.
  func isErased(at index: LogIndex) -> Bool

  /// The newest configuration that an entry through `index` holds, or the log began with; nil where there
  /// is none. `index` lies in the range of ``term(at:)``.
  func configuration(at index: LogIndex) -> ConfigurationPoint?

  /// Whether a follower may append `entry`. Asked when everything before it is in the log already.
  func admission(of entry: Entry) -> Admission

  /// Appends entries that follow ``lastIndex`` without a gap.
  mutating func append(_ entries: [Entry])

  /// Removes all entries after `index`, which is at least `firstIndex - 1`.
  mutating func truncate(after index: LogIndex)

  /// Empties the log and makes it begin after `snapshot`.
  mutating func reset(to snapshot: SnapshotPoint)
}

/// A follower's judgement of an entry before it appends it.
public enum Admission: Hashable, Sendable {
  case accept
  /// The entry's log time is too far ahead of this node's clock. It may be accepted later.
  case ahead
  /// The owner has not judged the entry yet. It is sent again, and nobody is to blame.
  case later
  /// The entry can't be in an honest leader's log, for this reason.
  case refuse(reason: String)
}

extension RaftLog {
  /// Nothing is erased in a log that says nothing else.
  public func isErased(at index: LogIndex) -> Bool { false }

  /// The last readable index, up to `bound`, whose term is at most `limit`; nil if there is none.
  ///
  /// Terms never decrease along a log, so a binary search finds it: a follower far off costs the leader
  /// a logarithm, not a scan.
  func lastIndex(upTo bound: LogIndex, withTermAtMost limit: Term) -> LogIndex? {
    var low = firstIndex.previous.rawValue
    var high = min(bound, lastIndex).rawValue
    guard low <= high, let first = term(at: LogIndex(rawValue: low)), first <= limit else { return nil }
    while low < high {
      let middle = high - (high - low) / 2
      guard let term = term(at: LogIndex(rawValue: middle)) else { return nil }
      if term <= limit { low = middle } else { high = middle - 1 }
    }
    return LogIndex(rawValue: low)
  }
}
