/// One entry of the replicated log. The payload is opaque to consensus.
public struct Entry: Hashable, Sendable {
  /// The term of the leader that created it (Raft §5.3).
  public let term: Term
  public let index: LogIndex
  public let payload: [UInt8]

  public init(term: Term, index: LogIndex, payload: [UInt8]) {
    self.term = term
    self.index = index
    self.payload = payload
  }

  /// What every limit in bytes counts: the payload and 32 bytes for its frame, so that empty entries
  /// are bounded as well.
  public var cost: Int { payload.count + 32 }
}

/// Thirty-two opaque bytes that stand for all entries from 1 to an index: the root of the Merkle tree
/// whose leaves they are.
public struct LogRoot: Hashable, Sendable {
  let words: (UInt64, UInt64, UInt64, UInt64)

  init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// Copies exactly 32 bytes; nil for any other length.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    var words: [UInt64] = [0, 0, 0, 0]
    for (position, byte) in bytes.enumerated() {
      words[position / 8] = words[position / 8] << 8 | UInt64(byte)
    }
    self.words = (words[0], words[1], words[2], words[3])
  }

  /// The bytes, in order.
  public var bytes: [UInt8] {
    [words.0, words.1, words.2, words.3].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
    }
  }

  public static func == (left: LogRoot, right: LogRoot) -> Bool {
    left.words.0 == right.words.0 && left.words.1 == right.words.1
      && left.words.2 == right.words.2 && left.words.3 == right.words.3
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }
}

/// Where a snapshot stands in the log: it replaces all entries through `index`.
public struct SnapshotPoint: Hashable, Sendable {
  public let index: LogIndex
  /// The term of the entry at `index`.
  public let term: Term
  /// The root over entries 1 to `index`.
  public let root: LogRoot
  /// The newest configuration in those entries; nil where none holds one.
  public let configuration: ConfigurationPoint?

  public init(index: LogIndex, term: Term, root: LogRoot, configuration: ConfigurationPoint? = nil) {
    self.index = index
    self.term = term
    self.root = root
    self.configuration = configuration
  }
}

/// What a server keeps on stable storage besides its log (Raft figure 2). Always written as a whole: a
/// crash between two writes of its halves would let a node vote twice in a term.
public struct HardState: Hashable, Sendable {
  public var currentTerm: Term
  public var votedFor: NodeID?

  public init(currentTerm: Term = .zero, votedFor: NodeID? = nil) {
    self.currentTerm = currentTerm
    self.votedFor = votedFor
  }
}
