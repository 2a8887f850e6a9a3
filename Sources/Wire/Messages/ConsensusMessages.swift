// Consensus: Raft between peers.

/// `openexec.v1.LogEntry`.
public struct LogEntry: WireMessage {
  public var term: UInt64 = 0
  public var payload: [UInt8] = []

  public init() {}

  public init(
    term: UInt64 = 0, payload: [UInt8] = []
  ) {
    self.term = term
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.bytes(2, payload)
  }
}

/// `openexec.v1.VoteCall`.
public struct VoteCall: WireMessage {
  public var term: UInt64 = 0
  public var lastIndex: UInt64 = 0
  public var lastTerm: UInt64 = 0
  public var preVote: Bool = false
  public var isTransfer: Bool = false

  public init() {}

  public init(
    term: UInt64 = 0, lastIndex: UInt64 = 0, lastTerm: UInt64 = 0, preVote: Bool = false,
    isTransfer: Bool = false
  ) {
    self.term = term
    self.lastIndex = lastIndex
    self.lastTerm = lastTerm
    self.preVote = preVote
    self.isTransfer = isTransfer
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: lastIndex = try reader.uint64()
    case 3: lastTerm = try reader.uint64()
    case 4: preVote = try reader.bool()
    case 5: isTransfer = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, lastIndex)
    writer.uint64(3, lastTerm)
    writer.bool(4, preVote)
    writer.bool(5, isTransfer)
  }
}

/// `openexec.v1.VoteAnswer`.
public struct VoteAnswer: WireMessage {
  public var term: UInt64 = 0
  public var granted: Bool = false
  public var preVote: Bool = false

  public init() {}

  public init(
    term: UInt64 = 0, granted: Bool = false, preVote: Bool = false
  ) {
    self.term = term
    self.granted = granted
    self.preVote = preVote
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: granted = try reader.bool()
    case 3: preVote = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.bool(2, granted)
    writer.bool(3, preVote)
  }
}

/// `openexec.v1.AppendCall`.
public struct AppendCall: WireMessage {
  public var term: UInt64 = 0
  public var previousIndex: UInt64 = 0
  public var previousTerm: UInt64 = 0
  public var previousRoot: [UInt8] = []
  public var entries: [LogEntry] = []
  public var leaderCommit: UInt64 = 0
  public var round: UInt64 = 0
  /// To whom the leader hands over; 0 for nobody.
  public var transferee: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0, previousIndex: UInt64 = 0, previousTerm: UInt64 = 0, previousRoot: [UInt8] = [],
    entries: [LogEntry] = [], leaderCommit: UInt64 = 0, round: UInt64 = 0,
    transferee: UInt64 = 0
  ) {
    self.term = term
    self.previousIndex = previousIndex
    self.previousTerm = previousTerm
    self.previousRoot = previousRoot
    self.entries = entries
    self.leaderCommit = leaderCommit
    self.round = round
    self.transferee = transferee
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: previousIndex = try reader.uint64()
    case 3: previousTerm = try reader.uint64()
    case 4: previousRoot = try reader.bytes()
    case 5: entries.append(try reader.message())
    case 6: leaderCommit = try reader.uint64()
    case 7: round = try reader.uint64()
    case 8: transferee = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, previousIndex)
    writer.uint64(3, previousTerm)
    writer.bytes(4, previousRoot)
    writer.messages(5, entries)
    writer.uint64(6, leaderCommit)
    writer.uint64(7, round)
    writer.uint64(8, transferee)
  }
}

/// `openexec.v1.AppendAnswer`.
public struct AppendAnswer: WireMessage {
  public var term: UInt64 = 0
  public var round: UInt64 = 0
  /// 1 matched, 2 rejected, 3 ahead, 4 refused, 5 lost.
  public var outcome: UInt32 = 0
  public var index: UInt64 = 0
  public var outcomeTerm: UInt64 = 0
  public var hint: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0, round: UInt64 = 0, outcome: UInt32 = 0, index: UInt64 = 0, outcomeTerm: UInt64 = 0,
    hint: UInt64 = 0
  ) {
    self.term = term
    self.round = round
    self.outcome = outcome
    self.index = index
    self.outcomeTerm = outcomeTerm
    self.hint = hint
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: round = try reader.uint64()
    case 3: outcome = try reader.uint32()
    case 4: index = try reader.uint64()
    case 5: outcomeTerm = try reader.uint64()
    case 6: hint = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, round)
    writer.uint32(3, outcome)
    writer.uint64(4, index)
    writer.uint64(5, outcomeTerm)
    writer.uint64(6, hint)
  }
}

/// The sender's log is durable through `size` in `term`, with this root.
public struct DurableLog: WireMessage {
  public var term: UInt64 = 0
  public var size: UInt64 = 0
  public var root: [UInt8] = []

  public init() {}

  public init(
    term: UInt64 = 0, size: UInt64 = 0, root: [UInt8] = []
  ) {
    self.term = term
    self.size = size
    self.root = root
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: size = try reader.uint64()
    case 3: root = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, size)
    writer.bytes(3, root)
  }
}

/// The leader asks the receiver to stand for election at once.
public struct TimeoutNowCall: WireMessage {
  public var term: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0
  ) {
    self.term = term
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
  }
}

/// A follower asks the leader from which index on a read is linearizable.
public struct ReadCall: WireMessage {
  public var term: UInt64 = 0
  /// Never used twice.
  public var context: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0, context: UInt64 = 0
  ) {
    self.term = term
    self.context = context
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: context = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, context)
  }
}

/// The answer to a `ReadCall`.
public struct ReadAnswer: WireMessage {
  public var term: UInt64 = 0
  public var context: UInt64 = 0
  public var index: UInt64 = 0
  /// False where the leader could not say.
  public var isKnown: Bool = false

  public init() {}

  public init(
    term: UInt64 = 0, context: UInt64 = 0, index: UInt64 = 0, isKnown: Bool = false
  ) {
    self.term = term
    self.context = context
    self.index = index
    self.isKnown = isKnown
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: context = try reader.uint64()
    case 3: index = try reader.uint64()
    case 4: isKnown = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, context)
    writer.uint64(3, index)
    writer.bool(4, isKnown)
  }
}
