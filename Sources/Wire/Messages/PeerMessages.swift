// The messages of Docs/Protocol/peer.proto.

/// A statement on its way to the leader.
public struct ForwardCall: WireMessage {
  public var id: UInt64 = 0
  public var type: String = ""
  public var statement: [UInt8] = []
  public var attachment: [UInt8] = []

  public init() {}

  public init(
    id: UInt64 = 0, type: String = "", statement: [UInt8] = [], attachment: [UInt8] = []
  ) {
    self.id = id
    self.type = type
    self.statement = statement
    self.attachment = attachment
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.uint64()
    case 2: type = try reader.string()
    case 3: statement = try reader.bytes()
    case 4: attachment = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, id)
    writer.string(2, type)
    writer.bytes(3, statement)
    writer.bytes(4, attachment)
  }
}

/// `openexec.v1.ForwardAnswer`.
public struct ForwardAnswer: WireMessage {
  public var id: UInt64 = 0
  /// 0 where the leader appended it or knows it.
  public var code: UInt32 = 0
  public var message: String = ""
  public var index: UInt64 = 0

  public init() {}

  public init(
    id: UInt64 = 0, code: UInt32 = 0, message: String = "", index: UInt64 = 0
  ) {
    self.id = id
    self.code = code
    self.message = message
    self.index = index
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.uint64()
    case 2: code = try reader.uint32()
    case 3: message = try reader.string()
    case 4: index = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, id)
    writer.uint32(2, code)
    writer.string(3, message)
    writer.uint64(4, index)
  }
}

/// `openexec.v1.RestrictionShown`.
public struct RestrictionShown: WireMessage {
  public var statement: [UInt8] = []
  public var attachment: [UInt8] = []

  public init() {}

  public init(
    statement: [UInt8] = [], attachment: [UInt8] = []
  ) {
    self.statement = statement
    self.attachment = attachment
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: statement = try reader.bytes()
    case 2: attachment = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, statement)
    writer.bytes(2, attachment)
  }
}

/// `openexec.v1.RestrictionBound`.
public struct RestrictionBound: WireMessage {
  public var incidentID: String = ""
  /// The party's signature over the incident's id and the content's hash.
  public var signature: [UInt8] = []
  /// Which restriction of that id: the hash of its content. Empty from programs that acknowledge an id alone.
  public var contentHash: [UInt8] = []

  public init() {}

  public init(
    incidentID: String = "", signature: [UInt8] = [], contentHash: [UInt8] = []
  ) {
    self.incidentID = incidentID
    self.signature = signature
    self.contentHash = contentHash
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: incidentID = try reader.string()
    case 2: signature = try reader.bytes()
    case 3: contentHash = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, incidentID)
    writer.bytes(2, signature)
    writer.bytes(3, contentHash)
  }
}

/// `openexec.v1.DeclineShown`.
public struct DeclineShown: WireMessage {
  /// Canonical JSON; see Docs/Protocol/Records.md.
  public var statement: [UInt8] = []

  public init() {}

  public init(statement: [UInt8] = []) { self.statement = statement }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: statement = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.bytes(1, statement) }
}

/// `openexec.v1.ArtifactPush`.
public struct ArtifactPush: WireMessage {
  /// Its owner's signed statement.
  public var statement: [UInt8] = []
  /// In plain, over the peers' channel; every node seals it for itself.
  public var content: [UInt8] = []

  public init() {}

  public init(statement: [UInt8] = [], content: [UInt8] = []) {
    self.statement = statement
    self.content = content
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: statement = try reader.bytes()
    case 2: content = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, statement)
    writer.bytes(2, content)
  }
}

/// `openexec.v1.ArtifactHeld`.
public struct ArtifactHeld: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""

  public init() {}

  public init(
    tenant: String = "", digest: String = ""
  ) {
    self.tenant = tenant
    self.digest = digest
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: tenant = try reader.string()
    case 2: digest = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, tenant)
    writer.string(2, digest)
  }
}

/// `openexec.v1.ArtifactWanted`.
public struct ArtifactWanted: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""

  public init() {}

  public init(tenant: String = "", digest: String = "") {
    self.tenant = tenant
    self.digest = digest
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: tenant = try reader.string()
    case 2: digest = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, tenant)
    writer.string(2, digest)
  }
}

/// `openexec.v1.ArtifactFound`.
public struct ArtifactFound: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""
  /// In plain, over the peers' channel; every node seals it for itself.
  public var content: [UInt8] = []

  public init() {}

  public init(tenant: String = "", digest: String = "", content: [UInt8] = []) {
    self.tenant = tenant
    self.digest = digest
    self.content = content
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: tenant = try reader.string()
    case 2: digest = try reader.string()
    case 3: content = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, tenant)
    writer.string(2, digest)
    writer.bytes(3, content)
  }
}

/// `openexec.v1.SnapshotPiece`.
public struct SnapshotPiece: WireMessage {
  /// The note that vouches for the state.
  public var note: String = ""
  public var term: UInt64 = 0
  /// Peaks of the tree at the note's size, largest first.
  public var peaks: [[UInt8]] = []
  /// Log time of the last leaf, RFC 3339.
  public var logTime: String = ""
  public var names: [String] = []
  public var cells: [[UInt8]] = []
  public var piece: UInt64 = 0
  public var last: Bool = false
  /// The links of the chain of keys, with the first piece.
  public var links: [String] = []

  public init() {}

  public init(
    note: String = "", term: UInt64 = 0, peaks: [[UInt8]] = [], logTime: String = "", names: [String] = [],
    cells: [[UInt8]] = [], piece: UInt64 = 0, last: Bool = false, links: [String] = []
  ) {
    self.note = note
    self.term = term
    self.peaks = peaks
    self.logTime = logTime
    self.names = names
    self.cells = cells
    self.piece = piece
    self.last = last
    self.links = links
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: note = try reader.string()
    case 2: term = try reader.uint64()
    case 3: peaks.append(try reader.bytes())
    case 4: logTime = try reader.string()
    case 5: names.append(try reader.string())
    case 6: cells.append(try reader.bytes())
    case 7: piece = try reader.uint64()
    case 8: last = try reader.bool()
    case 9: links.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, note)
    writer.uint64(2, term)
    writer.byteStrings(3, peaks)
    writer.string(4, logTime)
    writer.strings(5, names)
    writer.byteStrings(6, cells)
    writer.uint64(7, piece)
    writer.bool(8, last)
    writer.strings(9, links)
  }
}

/// `openexec.v1.SnapshotTaken`.
public struct SnapshotTaken: WireMessage {
  public var size: UInt64 = 0
  public var accepted: Bool = false
  /// Pieces that have come so far; 0 where the transfer is over.
  public var pieces: UInt64 = 0

  public init() {}

  public init(size: UInt64 = 0, accepted: Bool = false, pieces: UInt64 = 0) {
    self.size = size
    self.accepted = accepted
    self.pieces = pieces
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: size = try reader.uint64()
    case 2: accepted = try reader.bool()
    case 3: pieces = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, size)
    writer.bool(2, accepted)
    writer.uint64(3, pieces)
  }
}

/// `openexec.v1.ProgramAdvert`.
public struct ProgramAdvert: WireMessage {
  /// The newest semantics that the sender's program applies.
  public var semantics: UInt32 = 0

  public init() {}

  public init(semantics: UInt32 = 0) { self.semantics = semantics }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: semantics = try reader.uint32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.uint32(1, semantics) }
}
