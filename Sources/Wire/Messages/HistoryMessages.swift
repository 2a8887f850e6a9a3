// What is final, from one node to another (Docs/Protocol/peer.proto).

/// `openexec.v1.HistoryWanted`.
public struct HistoryWanted: WireMessage {
  /// The first leaf that the sender lacks.
  public var first: UInt64 = 0

  public init() {}

  public init(first: UInt64) { self.first = first }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: first = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.uint64(1, first) }
}

/// `openexec.v1.HistoryShown`.
public struct HistoryShown: WireMessage {
  /// Leaf index of the first payload.
  public var first: UInt64 = 0
  /// As consensus carries them, in order.
  public var payloads: [[UInt8]] = []
  /// The note whose size ends with the last payload; empty where more pieces follow.
  public var note: String = ""

  public init() {}

  public init(first: UInt64, payloads: [[UInt8]], note: String = "") {
    self.first = first
    self.payloads = payloads
    self.note = note
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: first = try reader.uint64()
    case 2: payloads.append(try reader.bytes())
    case 3: note = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, first)
    writer.byteStrings(2, payloads)
    writer.string(3, note)
  }
}
