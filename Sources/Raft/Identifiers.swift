/// A member of the cluster. Never 0, so that 0 can mean "nobody" on disk and on the wire.
public struct NodeID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64

  /// Nil for 0.
  public init?(rawValue: UInt64) {
    guard rawValue != 0 else { return nil }
    self.rawValue = rawValue
  }

  public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }

  public var description: String { "node \(rawValue)" }
}

/// Raft's logical clock (Raft §5.1). Term 0 precedes every election.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = Term(rawValue: 0)

  /// No term from outside is believed above this; it leaves arithmetic far from overflow.
  public static let limit = Term(rawValue: 1 << 62)

  /// One message moves a node's term by at most this much. A lying peer would otherwise end all
  /// elections with one message of the highest term; a node that is truly so far behind gets there in
  /// several steps.
  static let longestAdvance: UInt64 = 1 << 20

  /// The term after this one.
  public var next: Term { Term(rawValue: rawValue + 1) }

  public static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }

  public var description: String { "term \(rawValue)" }
}

/// A position in the log, counted from 1; 0 stands before the first entry.
public struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = LogIndex(rawValue: 0)

  /// "Everything": what an empty quorum has committed.
  public static let max = LogIndex(rawValue: .max)

  /// No index from outside is believed above this; it leaves arithmetic far from overflow.
  public static let limit = LogIndex(rawValue: 1 << 62)

  /// The position after this one.
  public var next: LogIndex { LogIndex(rawValue: rawValue + 1) }

  /// The position before this one; 0 has none and stays 0.
  public var previous: LogIndex { LogIndex(rawValue: rawValue == 0 ? 0 : rawValue - 1) }

  public static func < (left: LogIndex, right: LogIndex) -> Bool { left.rawValue < right.rawValue }

  public var description: String { "index \(rawValue)" }
}
