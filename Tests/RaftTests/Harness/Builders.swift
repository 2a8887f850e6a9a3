import Raft

// Short names for what tests write often. Integer literals stand for the module's own quantities here and
// nowhere else.

extension NodeID: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) {
    guard let node = NodeID(rawValue: value) else { preconditionFailure("no node has the id 0") }
    self = node
  }
}

extension Term: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(rawValue: value) }
}

extension LogIndex: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(rawValue: value) }
}

extension Entry {
  /// An entry whose payload tells where and when it was made, and `mark` apart from others made there.
  init(_ term: Term, _ index: LogIndex, mark: UInt8 = 0) {
    self.init(
      term: term, index: index,
      payload: [UInt8(truncatingIfNeeded: term.rawValue), UInt8(truncatingIfNeeded: index.rawValue), mark])
  }
}

extension Configuration {
  /// As a payload, for a log whose rule is ``read(_:)``.
  var payload: [UInt8] {
    var bytes: [UInt8] = [0xcf]
    for list in [voters, outgoing, learners] {
      bytes.append(UInt8(list.count))
      bytes += list.map { UInt8($0.rawValue) }
    }
    return bytes
  }

  @Sendable static func read(_ entry: Entry) -> Configuration? {
    guard entry.payload.first == 0xcf else { return nil }
    var lists: [[NodeID]] = []
    var rest = entry.payload.dropFirst()
    for _ in 0..<3 {
      guard let count = rest.popFirst() else { return nil }
      lists.append(rest.prefix(Int(count)).compactMap { NodeID(rawValue: UInt64($0)) })
      rest = rest.dropFirst(Int(count))
    }
    return Configuration(voters: lists[0], outgoing: lists[1], learners: lists[2])
  }
}

extension MemoryLog {
  /// An empty log that reads configurations from its entries.
  static var withConfigurations: MemoryLog {
    var log = MemoryLog()
    log.configurationRule = Configuration.read
    return log
  }

  /// A log whose entries have these terms, from index 1.
  init(terms: [Term]) {
    self.init()
    for term in terms { append([Entry(term, lastIndex.next)]) }
  }

  var terms: [UInt64] {
    entries(from: firstIndex, through: lastIndex, maxBytes: .max).map(\.term.rawValue)
  }

  var all: [Entry] { entries(from: firstIndex, through: lastIndex, maxBytes: .max) }

  /// An append request that a leader with this log sends.
  func request(
    term: Term, after previous: LogIndex, through last: LogIndex? = nil, commit: LogIndex = 0,
    round: UInt64 = 1
  ) -> Message {
    guard let previousTerm = self.term(at: previous), let root = root(at: previous) else {
      preconditionFailure("\(previous) is not in the log")
    }
    return .appendRequest(
      AppendRequest(
        term: term, previousIndex: previous, previousTerm: previousTerm, previousRoot: root,
        entries: entries(from: previous.next, through: last ?? lastIndex, maxBytes: .max),
        leaderCommit: commit, round: round))
  }

  func point(at index: LogIndex) -> SnapshotPoint {
    guard let term = term(at: index), let root = root(at: index) else {
      preconditionFailure("\(index) is not in the log")
    }
    return SnapshotPoint(index: index, term: term, root: root, configuration: configuration(at: index))
  }
}

extension Settings {
  /// Round numbers: election timeout 100–200 ms, heartbeat 20 ms, lease 80 ms, storage deadline 300 ms.
  static func testing(
    maxAppendBytes: Int = 4_096, maxInflightMessages: Int = 8, maxInflightBytes: Int = 16_384,
    maxUncommittedBytes: Int = 65_536, maxUnpersistedBytes: Int = 262_144, snapshotLag: UInt64 = 100_000
  ) -> Settings {
    do {
      return try Settings(
        electionTimeout: .milliseconds(100), heartbeatInterval: .milliseconds(20),
        leaderLease: .milliseconds(80), storageDeadline: .milliseconds(300), maxAppendBytes: maxAppendBytes,
        maxEntryBytes: 4_096, maxInflightMessages: maxInflightMessages, maxInflightBytes: maxInflightBytes,
        maxUncommittedBytes: maxUncommittedBytes, maxUnpersistedBytes: maxUnpersistedBytes,
        snapshotLag: snapshotLag)
    } catch {
      preconditionFailure("\(error)")
    }
  }
}

/// SplitMix64: a whole run follows from one number.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int {
    bound <= 0 ? 0 : Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  mutating func chance(perMille: Int) -> Bool { below(1_000) < perMille }
}

extension Instant {
  static func ms(_ count: UInt64) -> Instant { Instant(nanoseconds: 0) + .milliseconds(count) }
}
