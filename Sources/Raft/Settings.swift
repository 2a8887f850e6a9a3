/// The limits and times of one instance. All nodes of a cluster should run the same.
public struct Settings: Hashable, Sendable {
  /// The least election timeout; each is drawn anew from here to twice as long (Raft §5.2). A node that
  /// heard from a leader within it ignores requests for votes (Raft §6).
  public let electionTimeout: Nanoseconds
  /// How often a leader speaks to every peer.
  public let heartbeatInterval: Nanoseconds
  /// A leader that has not heard from a quorum for so long steps down. Below `electionTimeout`: a
  /// leader that is cut off must be gone before another can be elected.
  public let leaderLease: Nanoseconds
  /// A leader whose oldest write is not durable after so long steps down.
  public let storageDeadline: Nanoseconds
  /// The most that one append request carries, in bytes by ``Entry/cost``; one entry always goes.
  public let maxAppendBytes: Int
  /// The largest payload of one entry, in bytes.
  public let maxEntryBytes: Int
  /// How many append requests with entries may be unanswered, for each peer.
  public let maxInflightMessages: Int
  /// How many bytes of entries may be unanswered, for each peer; one entry may exceed it.
  public let maxInflightBytes: Int
  /// How many bytes of entries a leader holds above its commit index before it refuses proposals.
  public let maxUncommittedBytes: Int
  /// How many bytes a node hands to storage before it waits for some to be durable.
  public let maxUnpersistedBytes: Int
  /// A peer that lacks more final entries than so many is sent a snapshot, though the log has the entries: it is of use
  /// after the state alone, and may fetch the history from anyone.
  public let snapshotLag: UInt64

  /// Defaults suit nodes within one region.
  public init(
    electionTimeout: Nanoseconds = .milliseconds(1_000),
    heartbeatInterval: Nanoseconds = .milliseconds(100),
    leaderLease: Nanoseconds = .milliseconds(900),
    storageDeadline: Nanoseconds = .milliseconds(3_000),
    maxAppendBytes: Int = 1 << 20,
    maxEntryBytes: Int = 1 << 20,
    maxInflightMessages: Int = 64,
    maxInflightBytes: Int = 8 << 20,
    maxUncommittedBytes: Int = 16 << 20,
    maxUnpersistedBytes: Int = 32 << 20,
    snapshotLag: UInt64 = 100_000
  ) throws(SettingsFault) {
    guard electionTimeout <= .seconds(3_600) else { throw .electionTimeoutTooLong }
    guard leaderLease < electionTimeout else { throw .leaseNotBelowElectionTimeout }
    guard .zero < heartbeatInterval, heartbeatInterval + heartbeatInterval <= leaderLease else {
      throw .heartbeatNotWithinLease
    }
    guard .zero < storageDeadline else { throw .notPositive("storageDeadline") }
    for (name, value) in [
      ("maxAppendBytes", maxAppendBytes), ("maxEntryBytes", maxEntryBytes),
      ("maxInflightMessages", maxInflightMessages), ("maxInflightBytes", maxInflightBytes),
      ("maxUncommittedBytes", maxUncommittedBytes), ("maxUnpersistedBytes", maxUnpersistedBytes),
    ] {
      guard value > 0 else { throw .notPositive(name) }
      guard value <= 1 << 40 else { throw .tooLarge(name) }
    }
    guard snapshotLag > 0 else { throw .notPositive("snapshotLag") }
    self.electionTimeout = electionTimeout
    self.heartbeatInterval = heartbeatInterval
    self.leaderLease = leaderLease
    self.storageDeadline = storageDeadline
    self.maxAppendBytes = maxAppendBytes
    self.maxEntryBytes = maxEntryBytes
    self.maxInflightMessages = maxInflightMessages
    self.maxInflightBytes = maxInflightBytes
    self.maxUncommittedBytes = maxUncommittedBytes
    self.maxUnpersistedBytes = maxUnpersistedBytes
    self.snapshotLag = snapshotLag
  }
}

/// Why settings cannot be used.
public enum SettingsFault: Error, Hashable, Sendable, CustomStringConvertible {
  case leaseNotBelowElectionTimeout
  case heartbeatNotWithinLease
  case electionTimeoutTooLong
  case notPositive(String)
  case tooLarge(String)

  public var description: String {
    switch self {
    case .leaseNotBelowElectionTimeout: "leaderLease must be below electionTimeout"
    case .heartbeatNotWithinLease: "heartbeatInterval must be above 0 and at most half of leaderLease"
    case .electionTimeoutTooLong: "electionTimeout must be at most an hour"
    case .notPositive(let name): "\(name) must be above 0"
    case .tooLarge(let name): "\(name) must be at most 2^40"
    }
  }
}
