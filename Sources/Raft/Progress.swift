/// What a leader knows of one peer's log (Raft figure 2: nextIndex, matchIndex).
struct Progress: Sendable {
  enum State: Hashable, Sendable {
    /// Where the logs agree is unknown. One empty request at a time, one more with each heartbeat.
    /// Can transition to: replicate, snapshot.
    case probe
    /// Requests go out as entries come, within the window.
    /// Can transition to: probe, snapshot.
    case replicate
    /// The peer needs entries that are gone from the log, or so many that their state is sooner there; the owner
    /// streams a snapshot.
    /// Can transition to: probe, replicate.
    case snapshot(through: LogIndex)
  }

  let peer: NodeID
  var state: State
  /// The highest index known to be durable there. Decreases only where the peer says that its storage lost
  /// entries. Invariant: match < next.
  var match: LogIndex
  /// The next entry to send.
  var next: LogIndex
  /// In `probe`: an unanswered probe is out, and the next waits for a heartbeat.
  var isProbing: Bool
  /// In `replicate`: what was sent and not acknowledged.
  var window: InflightWindow
  /// The commit index last told in this state.
  var toldCommit: LogIndex
  /// When the peer last answered in this term.
  var lastContact: Instant
  /// The latest heartbeat that it has answered.
  var answeredRound: UInt64
  /// The entry that it will not append, until it has.
  var unwillingAt: LogIndex?
  /// Heartbeats in a row, the last of them this round, in answer to which it denied what it had acknowledged.
  var denials = (count: 0, round: UInt64(0))
  /// Transfers of snapshots that came to nothing since the last that helped.
  var snapshotFailures = 0

  init(peer: NodeID, next: LogIndex, at now: Instant) {
    self.peer = peer
    state = .probe
    match = .zero
    self.next = next
    isProbing = false
    window = InflightWindow()
    toldCommit = .zero
    lastContact = now
    answeredRound = 0
    unwillingAt = nil
  }

  mutating func becomeProbe(next: LogIndex) {
    enter(.probe)
    self.next = max(next, match.next)
  }

  mutating func becomeReplicate() {
    enter(.replicate)
    next = match.next
  }

  mutating func becomeSnapshot(through index: LogIndex) { enter(.snapshot(through: index)) }

  private mutating func enter(_ state: State) {
    self.state = state
    isProbing = false
    window.removeAll()
    toldCommit = .zero
  }

  /// Records an acknowledgement; a late one changes nothing.
  mutating func acknowledge(through index: LogIndex) {
    if index >= match { denials.count = 0 }
    match = max(match, index)
    next = max(next, match.next)
    window.free(through: match)
    if let refused = unwillingAt, refused <= match { unwillingAt = nil }
  }
}

/// The append requests with entries that a peer has not acknowledged, oldest first.
struct InflightWindow: Hashable, Sendable {
  private struct Sent: Hashable, Sendable {
    let last: LogIndex
    let bytes: Int
  }

  /// Invariant: ascending by `last`; never longer than `maxInflightMessages`.
  private var sent: [Sent] = []
  private(set) var bytes = 0

  var count: Int { sent.count }

  /// How many bytes may still go out; 0 where the window is full.
  func room(_ settings: Settings) -> Int {
    sent.count < settings.maxInflightMessages ? max(0, settings.maxInflightBytes - bytes) : 0
  }

  mutating func add(last: LogIndex, bytes: Int) {
    precondition(sent.last.map { $0.last < last } ?? true, "the window ascends")
    sent.append(Sent(last: last, bytes: bytes))
    self.bytes += bytes
  }

  mutating func free(through index: LogIndex) {
    let freed = sent.prefix { $0.last <= index }
    bytes -= freed.reduce(0) { $0 + $1.bytes }
    sent.removeFirst(freed.count)
  }

  mutating func removeAll() {
    sent.removeAll(keepingCapacity: true)
    bytes = 0
  }
}

/// What a leader's owner may see of a peer.
public struct PeerStatus: Hashable, Sendable {
  public let peer: NodeID
  /// The highest index known to be durable there.
  public let match: LogIndex
  public let next: LogIndex
  public let lastContact: Instant
  public let needsSnapshot: Bool
  /// The entry that it answers `ahead` or `refused` to.
  public let unwillingAt: LogIndex?
}
