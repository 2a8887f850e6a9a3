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

/// `openexec.v1.EarlierWanted`.
public struct EarlierWanted: WireMessage {
  /// The first leaf that the sender lacks.
  public var first: UInt64 = 0
  /// The size of the snapshot that its log began with.
  public var end: UInt64 = 0

  public init() {}

  public init(first: UInt64, end: UInt64) {
    self.first = first
    self.end = end
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: first = try reader.uint64()
    case 2: end = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, first)
    writer.uint64(2, end)
  }
}

/// `openexec.v1.EarlierShown`.
public struct EarlierShown: WireMessage {
  /// Leaf index of the first payload.
  public var first: UInt64 = 0
  /// As consensus carries them, in order; none where the sender does not have them.
  public var payloads: [[UInt8]] = []
  /// That the tree which ends with the last of them is a prefix of the snapshot's.
  public var proof: [[UInt8]] = []
  /// Notes of the sizes that these leaves reach, ascending.
  public var notes: [String] = []
  /// As it was asked: the size to which the proof leads.
  public var end: UInt64 = 0

  public init() {}

  public init(
    first: UInt64, end: UInt64, payloads: [[UInt8]] = [], proof: [[UInt8]] = [], notes: [String] = []
  ) {
    self.first = first
    self.payloads = payloads
    self.proof = proof
    self.notes = notes
    self.end = end
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: first = try reader.uint64()
    case 2: payloads.append(try reader.bytes())
    case 3: proof.append(try reader.bytes())
    case 4: notes.append(try reader.string())
    case 5: end = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, first)
    writer.byteStrings(2, payloads)
    writer.byteStrings(3, proof)
    writer.strings(4, notes)
    writer.uint64(5, end)
  }
}

/// `openexec.v1.LeavesWanted`.
public struct LeavesWanted: WireMessage {
  /// Ascending; final leaves that the sender's disk has lost.
  public var leaves: [UInt64] = []

  public init() {}

  public init(leaves: [UInt64]) { self.leaves = leaves }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.uint64s(into: &leaves)
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.uint64s(1, leaves) }
}

/// `openexec.v1.LeafShown`.
public struct LeafShown: WireMessage {
  public var leaf: UInt64 = 0
  /// As consensus carries it.
  public var payload: [UInt8] = []

  public init() {}

  public init(leaf: UInt64, payload: [UInt8]) {
    self.leaf = leaf
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: leaf = try reader.uint64()
    case 2: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, leaf)
    writer.bytes(2, payload)
  }
}
