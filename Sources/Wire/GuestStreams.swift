// Byte streams between an action and its executor's proxy, side by side on the one channel of a machine.

/// `openexec.v1.GuestStream`: what is said of one stream.
public struct GuestStream: WireMessage {
  public enum Kind: UInt32, Sendable {
    /// Guest only: a new stream.
    case open = 1
    /// Bytes, no more than the other side has room for.
    case data = 2
    /// The other side may send so many bytes more.
    case credit = 3
    /// No more bytes come from this side.
    case end = 4
    /// The stream is gone, in both directions.
    case reset = 5
  }

  /// Counted from 1 and never used twice in a run.
  public var stream: UInt32 = 0
  public var kind = Kind.open
  public var bytes: [UInt8] = []
  public var credit: UInt32 = 0

  /// Most bytes in one frame.
  public static let maximumCount = 16 << 10

  public init() {}
  public init(_ stream: UInt32, _ kind: Kind, bytes: [UInt8] = [], credit: UInt32 = 0) {
    self.stream = stream
    self.kind = kind
    self.bytes = bytes
    self.credit = credit
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: stream = try reader.uint32()
    case 2:
      guard let known = Kind(rawValue: try reader.uint32()) else {
        throw .refused(field: 2, expected: "1 for open, 2 data, 3 credit, 4 end or 5 reset")
      }
      kind = known
    case 3:
      bytes = try reader.bytes()
      guard bytes.count <= GuestStream.maximumCount else {
        throw .refused(field: 3, expected: "at most \(GuestStream.maximumCount) bytes")
      }
    case 4: credit = try reader.uint32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, stream)
    writer.uint32(2, kind.rawValue)
    writer.bytes(3, bytes)
    writer.uint32(4, credit)
  }
}

/// What the other side did that its rules forbid.
public struct StreamViolation: Error, Equatable, Sendable {
  public let what: String
}

/// One side's view of all streams: who may send how much. A value, the same on both sides.
///
/// Each direction of a stream has a window of `window` bytes: a side sends no more than that before the other has
/// given credit for what it has passed on. So neither holds more than a window for each direction of each stream,
/// whatever the other does, and a stream that nobody reads holds up no other.
public struct GuestStreams: Sendable {
  /// Bytes.
  public static let window = 64 << 10
  /// Most streams at once.
  public static let maximumStreams = 16

  /// Most resets that wait to be said: who opens streams and does not read is stopped.
  private static let maximumResets = 1_024

  /// What a frame means for its stream.
  public enum Event: Equatable, Sendable {
    case opened(UInt32)
    case data(UInt32, [UInt8])
    /// There is room again for what waits here.
    case credited(UInt32)
    case ended(UInt32)
    case reset(UInt32)
  }

  private struct Stream {
    var id: UInt32
    /// Waits to be sent, at most a window.
    var outgoing: [UInt8] = []
    /// Bytes that the other side has room for.
    var credit = GuestStreams.window
    /// Bytes that the other side may still send.
    var allowance = GuestStreams.window
    /// Bytes passed on for which no credit was given yet.
    var owed = 0
    var isOpening: Bool
    var endsAfterOutgoing = false
    var hasSentEnd = false
    var hasReceivedEnd = false
  }

  /// Ascending by id.
  private var streams: [Stream] = []
  /// To be said once, of streams that are gone here.
  private var resets: [UInt32] = []
  private var lastID: UInt32 = 0
  /// Whose turn it is: each frame is another stream's.
  private var turn = 0
  private let opens: Bool

  /// The guest's side opens streams, the executor's side takes them.
  public init(opens: Bool) { self.opens = opens }

  public var count: Int { streams.count }
  public var ids: [UInt32] { streams.map(\.id) }

  // MARK: From here

  /// A new stream; nil where there are as many as there may be.
  public mutating func open() -> UInt32? {
    guard opens, streams.count < Self.maximumStreams, lastID < .max else { return nil }
    lastID += 1
    streams.append(Stream(id: lastID, isOpening: true))
    return lastID
  }

  /// How many more bytes can wait here for a stream; 0 for one that is gone or has ended.
  public func room(_ id: UInt32) -> Int {
    guard let index = index(id), !streams[index].endsAfterOutgoing else { return 0 }
    return Self.window - streams[index].outgoing.count
  }

  /// Puts bytes on their way; never more than `room`.
  public mutating func send(_ bytes: [UInt8], on id: UInt32) {
    guard let index = index(id) else { return }
    precondition(bytes.count <= room(id), "no more bytes than there is room for")
    streams[index].outgoing += bytes
  }

  /// What came was passed on; the other side may send as much again.
  public mutating func consumed(_ count: Int, of id: UInt32) {
    if let index = index(id) { streams[index].owed += count }
  }

  /// No more bytes come from here, after those that wait.
  public mutating func end(_ id: UInt32) {
    if let index = index(id) { streams[index].endsAfterOutgoing = true }
  }

  /// Gives a stream up, with all that waits.
  public mutating func reset(_ id: UInt32) {
    guard let index = index(id) else { return }
    streams.remove(at: index)
    resets.append(id)
  }

  /// Whether anything is to be said now.
  public var hasNext: Bool { !resets.isEmpty || streams.contains(where: Self.isReady) }

  private static func isReady(_ stream: Stream) -> Bool {
    stream.isOpening || (stream.owed >= window / 4) || (!stream.outgoing.isEmpty && stream.credit > 0)
      || (stream.endsAfterOutgoing && stream.outgoing.isEmpty && !stream.hasSentEnd)
  }

  /// The next frame to be sent, stream after stream in turn; nil where nothing can be said now.
  public mutating func nextFrame() -> GuestStream? {
    if !resets.isEmpty { return GuestStream(resets.removeFirst(), .reset) }
    // In the order of their names, which the other side counts.
    if let index = streams.firstIndex(where: \.isOpening) { return frame(index) }
    for _ in streams.indices {
      turn = turn + 1 < streams.count ? turn + 1 : 0
      if Self.isReady(streams[turn]) { return frame(turn) }
    }
    return nil
  }

  private mutating func frame(_ index: Int) -> GuestStream {
    let id = streams[index].id
    if streams[index].isOpening {
      streams[index].isOpening = false
      return GuestStream(id, .open)
    }
    if streams[index].owed >= Self.window / 4 {
      let credit = streams[index].owed
      streams[index].owed = 0
      streams[index].allowance += credit
      return GuestStream(id, .credit, credit: UInt32(credit))
    }
    if !streams[index].outgoing.isEmpty {
      let count = min(GuestStream.maximumCount, streams[index].credit, streams[index].outgoing.count)
      let bytes = Array(streams[index].outgoing[..<count])
      streams[index].outgoing.removeFirst(count)
      streams[index].credit -= count
      return GuestStream(id, .data, bytes: bytes)
    }
    streams[index].hasSentEnd = true
    forgetIfDone(index)
    return GuestStream(id, .end)
  }

  // MARK: From there

  /// Takes what the other side said. A stream that is gone here may still be spoken of for a while, and is passed over.
  public mutating func take(_ frame: GuestStream) throws(StreamViolation) -> Event? {
    if frame.kind == .open { return try opened(frame.stream) }
    guard let index = index(frame.stream) else {
      guard frame.stream > 0, frame.stream <= lastID else {
        throw StreamViolation(what: "stream \(frame.stream) was never opened")
      }
      return nil
    }
    switch frame.kind {
    case .open: return nil
    case .data:
      guard !streams[index].hasReceivedEnd, !frame.bytes.isEmpty,
        frame.bytes.count <= streams[index].allowance
      else { throw StreamViolation(what: "more bytes on stream \(frame.stream) than it may send") }
      streams[index].allowance -= frame.bytes.count
      return .data(frame.stream, frame.bytes)
    case .credit:
      guard frame.credit > 0, Int(frame.credit) <= Self.window - streams[index].credit else {
        throw StreamViolation(what: "credit on stream \(frame.stream) for what was never sent")
      }
      streams[index].credit += Int(frame.credit)
      return .credited(frame.stream)
    case .end:
      guard !streams[index].hasReceivedEnd else {
        throw StreamViolation(what: "two ends of stream \(frame.stream)")
      }
      streams[index].hasReceivedEnd = true
      forgetIfDone(index)
      return .ended(frame.stream)
    case .reset:
      streams.remove(at: index)
      return .reset(frame.stream)
    }
  }

  private mutating func opened(_ id: UInt32) throws(StreamViolation) -> Event {
    guard !opens, id == lastID &+ 1, id != 0 else {
      throw StreamViolation(what: "stream \(id) opened out of turn")
    }
    guard streams.count < Self.maximumStreams else {
      throw StreamViolation(what: "more than \(Self.maximumStreams) streams")
    }
    guard resets.count < Self.maximumResets else {
      throw StreamViolation(what: "streams opened faster than their resets are read")
    }
    lastID = id
    streams.append(Stream(id: id, isOpening: false))
    return .opened(id)
  }

  private mutating func forgetIfDone(_ index: Int) {
    if streams[index].hasSentEnd, streams[index].hasReceivedEnd { streams.remove(at: index) }
  }

  private func index(_ id: UInt32) -> Int? { streams.firstIndex { $0.id == id } }
}
