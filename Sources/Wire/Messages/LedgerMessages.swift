// The messages of Docs/Protocol/ledger.proto.

/// `openexec.v1.CheckpointRequest`.
public struct CheckpointRequest: WireMessage {
  /// Wanted once everything that is committed now is final at the node.
  public var fresh: Bool = false
  /// Incidents by which the caller refuses certificates, to be told of their lifts; not where `fresh` is wanted.
  public var held: [String] = []

  /// How many of `held` a node looks at.
  public static let maximumHeld = 64

  public init() {}

  public init(fresh: Bool = false, held: [String] = []) {
    self.fresh = fresh
    self.held = held
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: fresh = try reader.bool()
    case 2: held.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bool(1, fresh)
    writer.strings(2, held)
  }
}

/// `openexec.v1.CheckpointResponse`.
public struct CheckpointResponse: WireMessage {
  /// The newest signed note.
  public var note: String = ""
  public var cluster: String = ""
  public var groupKey: String = ""
  public var crashOnly: Bool = false
  /// The chain of keys from the group key on: tlog-proofs of the key records.
  public var links: [String] = []
  /// Which certificates of nodes are refused: tlog-proofs of the incidents, of each node the last.
  public var refusedCertificates: [String] = []
  /// Of the incidents that the caller holds, the lifts: tlog-proofs.
  public var lifts: [String] = []

  public init() {}

  public init(
    note: String = "", cluster: String = "", groupKey: String = "", crashOnly: Bool = false,
    links: [String] = [], refusedCertificates: [String] = [], lifts: [String] = []
  ) {
    self.note = note
    self.cluster = cluster
    self.groupKey = groupKey
    self.crashOnly = crashOnly
    self.links = links
    self.refusedCertificates = refusedCertificates
    self.lifts = lifts
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: note = try reader.string()
    case 2: cluster = try reader.string()
    case 3: groupKey = try reader.string()
    case 4: crashOnly = try reader.bool()
    case 5: links.append(try reader.string())
    case 6: refusedCertificates.append(try reader.string())
    case 7: lifts.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, note)
    writer.string(2, cluster)
    writer.string(3, groupKey)
    writer.bool(4, crashOnly)
    writer.strings(5, links)
    writer.strings(6, refusedCertificates)
    writer.strings(7, lifts)
  }
}

/// `openexec.v1.EntryRequest`.
public struct EntryRequest: WireMessage {
  public var index: UInt64 = 0

  public init() {}

  public init(
    index: UInt64 = 0
  ) {
    self.index = index
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: index = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, index)
  }
}

/// `openexec.v1.EntryResponse`.
public struct EntryResponse: WireMessage {
  public var leaf: [UInt8] = []
  public var attachment: [UInt8] = []
  /// tlog-proof under the newest note.
  public var proof: String = ""
  /// The leaf of the erasure by which the attachment went; 0 where it did not.
  public var erasedBy: UInt64 = 0

  public init() {}

  public init(
    leaf: [UInt8] = [], attachment: [UInt8] = [], proof: String = "", erasedBy: UInt64 = 0
  ) {
    self.leaf = leaf
    self.attachment = attachment
    self.proof = proof
    self.erasedBy = erasedBy
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: leaf = try reader.bytes()
    case 2: attachment = try reader.bytes()
    case 3: proof = try reader.string()
    case 4: erasedBy = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, leaf)
    writer.bytes(2, attachment)
    writer.string(3, proof)
    writer.uint64(4, erasedBy)
  }
}

/// `openexec.v1.ProofRequest`.
public struct ProofRequest: WireMessage {
  public var index: UInt64 = 0
  /// Tree size; for a consistency proof, `index` is the old size.
  public var size: UInt64 = 0

  public init() {}

  public init(
    index: UInt64 = 0, size: UInt64 = 0
  ) {
    self.index = index
    self.size = size
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: index = try reader.uint64()
    case 2: size = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, index)
    writer.uint64(2, size)
  }
}

/// `openexec.v1.ProofResponse`.
public struct ProofResponse: WireMessage {
  public var hashes: [[UInt8]] = []

  public init() {}

  public init(
    hashes: [[UInt8]] = []
  ) {
    self.hashes = hashes
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: hashes.append(try reader.bytes())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.byteStrings(1, hashes)
  }
}

/// `openexec.v1.TraceRequest`.
public struct TraceRequest: WireMessage {
  public var traceID: String = ""
  /// Only records after this leaf: the next page.
  public var after: UInt64 = 0
  /// Instead of a trace, the decisions about what this tenant's agents asked for.
  public var tenant: String = ""

  public init() {}

  public init(
    traceID: String = "", after: UInt64 = 0, tenant: String = ""
  ) {
    self.traceID = traceID
    self.after = after
    self.tenant = tenant
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: traceID = try reader.string()
    case 2: after = try reader.uint64()
    case 3: tenant = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, traceID)
    writer.uint64(2, after)
    writer.string(3, tenant)
  }
}

/// `openexec.v1.TraceResponse`.
public struct TraceResponse: WireMessage {
  public var indices: [UInt64] = []
  public var leaves: [[UInt8]] = []
  /// There are more after the last of them.
  public var more: Bool = false

  public init() {}

  public init(
    indices: [UInt64] = [], leaves: [[UInt8]] = [], more: Bool = false
  ) {
    self.indices = indices
    self.leaves = leaves
    self.more = more
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.uint64s(into: &indices)
    case 2: leaves.append(try reader.bytes())
    case 3: more = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64s(1, indices)
    writer.byteStrings(2, leaves)
    writer.bool(3, more)
  }
}

/// `openexec.v1.ExportRequest`.
public struct ExportRequest: WireMessage {
  /// First leaf.
  public var first: UInt64 = 0

  public init() {}

  public init(
    first: UInt64 = 0
  ) {
    self.first = first
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: first = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, first)
  }
}

/// A piece of the export's text.
public struct ExportChunk: WireMessage {
  public var text: [UInt8] = []

  public init() {}

  public init(
    text: [UInt8] = []
  ) {
    self.text = text
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: text = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, text)
  }
}
