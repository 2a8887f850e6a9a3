import ClawLedger
import Crypto
import Raft
import Records
import Wire

/// A point in time by both of a node's clocks.
public struct Moment: Hashable, Sendable {
  /// Never runs backwards; for timers and lifetimes.
  public let monotonic: Instant
  /// The time of day; for log time and notes.
  public let wall: Timestamp

  /// A moment.
  public init(monotonic: Instant, wall: Timestamp) {
    self.monotonic = monotonic
    self.wall = wall
  }
}

/// One call of one connection.
public struct CallKey: Hashable, Sendable {
  public let connection: UInt64
  public let call: UInt64
  /// A call.
  public init(connection: UInt64, call: UInt64) {
    self.connection = connection
    self.call = call
  }
}

/// A client's call, its frame already read and its identity authenticated.
public struct ClientCall: Sendable {
  public let key: CallKey
  /// Whom the certificate names.
  public let caller: Principal
  /// `/openexec.v1.<Service>/<Method>`.
  public let method: String
  public let payload: [UInt8]

  /// A call.
  public init(key: CallKey, caller: Principal, method: String, payload: [UInt8]) {
    self.key = key
    self.caller = caller
    self.method = method
    self.payload = payload
  }
}

/// What a write makes durable; its completion comes back under the same name.
public enum WriteName: Hashable, Sendable {
  /// A request of consensus.
  case log(ticket: UInt64)
  /// A note and the state under it.
  case note(size: UInt64)
  /// A restriction that binds this party at once; another may come under the same id before it is written.
  case restriction(id: String, contentHash: Digest)
  /// A veto of this party's own.
  case veto(proposal: UInt64)
  /// This party's share of a key that is being made.
  case share(session: Digest)
  /// An artifact's sealed content.
  case artifact(tenant: String, digest: String)
  /// That contents without a record are gone.
  case artifactsRemoved
  /// A damaged leaf, put back.
  case repair(leaf: UInt64)
  /// That nothing is lost any more.
  case recovery
  /// Leaves from before a snapshot; `size` is how far they reach.
  case earlier(size: UInt64)
  /// That this party has halted, or what operators say to stand.
  case conflict
}

/// What happens to a node.
public enum NodeEvent: Sendable {
  /// `nextDeadline` has come.
  case tick
  case peer(from: NodeID, PeerMessage)
  /// A run of a backup's ledger, in order.
  case restored(HistoryShown)
  /// The content of an artifact, from a backup.
  case restoredContent(tenant: String, [UInt8])
  /// A channel to this peer is open.
  case connected(NodeID)
  /// Messages to this peer were lost.
  case unreachable(NodeID)
  case call(ClientCall)
  /// The caller no longer waits.
  case cancelled(CallKey)
  /// The caller's connection is full: a stream says no more for now.
  case full(CallKey)
  /// The caller's connection takes more again.
  case writable(CallKey)
  /// The batch of this name, and all before it, are on stable storage.
  case written(WriteName)
  /// The signing lock of this ticket, and all before it, are on stable storage.
  case locked(ticket: UInt64)
  /// The process is asked to end; it does once ``GovernanceNode/mayEnd`` says so.
  case parting
}

/// What a node says to a caller.
public enum Answer: Equatable, Sendable {
  /// Ends the call.
  case respond(CallKey, CallStatus, payload: [UInt8])
  /// One item of a stream.
  case item(CallKey, payload: [UInt8])
}

/// What a node wants done. One buffer, reused.
///
/// The contract of order: carry out `keys`, synced, then hand `writes` and `locks` to storage in order, then send `messages`, then give
/// `answers`. What depends on durability is held inside the node until `written` or `locked` says so, so
/// nothing here waits. `fatal` ends the process after the rest is done.
public struct NodeEffects: Sendable {
  /// Files of tenants' keys that are to be kept or destroyed, in this order.
  public var keys: [TenantKeyChange] = []
  /// Each batch atomic and synced, in this order.
  public var writes: [(name: WriteName, batch: WriteBatch)] = []
  /// The signing lock's new contents, each synced.
  public var locks: [(ticket: UInt64, bytes: [UInt8])] = []
  /// Losing, doubling and delaying them is allowed.
  public var messages: [(to: NodeID, message: PeerMessage)] = []
  public var answers: [Answer] = []
  public var notices: [Notice] = []
  /// Who takes part has changed: the owner looks at `connections` and `seats` again.
  public var membersChanged = false
  /// The share of the ceremony is of a key that signs no more: the owner destroys its file.
  public var retiresFoundingShare = false
  /// Why this node must stop.
  public var fatal: String?

  /// Nothing to do.
  public init() {}

  /// Empties the buffer and keeps its memory.
  public mutating func clear() {
    keys.removeAll(keepingCapacity: true)
    writes.removeAll(keepingCapacity: true)
    locks.removeAll(keepingCapacity: true)
    messages.removeAll(keepingCapacity: true)
    answers.removeAll(keepingCapacity: true)
    notices.removeAll(keepingCapacity: true)
    membersChanged = false
    retiresFoundingShare = false
    fatal = nil
  }
}
