// The messages of Docs/Protocol/artifact.proto.

/// `openexec.v1.ArtifactPutRequest`.
public struct ArtifactPutRequest: WireMessage {
  /// The signed `artifact` statement that names the content.
  public var statement: [UInt8] = []
  /// At most 3 MiB.
  public var content: [UInt8] = []

  public init() {}

  public init(
    statement: [UInt8] = [], content: [UInt8] = []
  ) {
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

/// `openexec.v1.ArtifactRequest`.
public struct ArtifactRequest: WireMessage {
  public var tenant: String = ""
  /// SHA-256 of the content, hexadecimal.
  public var digest: String = ""
  /// Empty: the first workspace of the tenant that has it.
  public var workspace: String = ""
  /// From an executor: the approval's leaf, whose input it fetches.
  public var decision: UInt64 = 0

  public init() {}

  public init(
    tenant: String = "", digest: String = "", workspace: String = "", decision: UInt64 = 0
  ) {
    self.tenant = tenant
    self.digest = digest
    self.workspace = workspace
    self.decision = decision
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: tenant = try reader.string()
    case 2: digest = try reader.string()
    case 3: workspace = try reader.string()
    case 4: decision = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, tenant)
    writer.string(2, digest)
    writer.string(3, workspace)
    writer.uint64(4, decision)
  }
}

/// `openexec.v1.ArtifactStat`.
public struct ArtifactStat: WireMessage {
  public var digest: String = ""
  public var size: UInt64 = 0
  public var mediaType: String = ""
  public var labels: [String] = []
  /// The artifact's leaf.
  public var index: UInt64 = 0
  public var workspace: String = ""
  /// What people call it; may be empty.
  public var name: String = ""
  /// The principal who put it.
  public var owner: String = ""
  /// When its content was let go of by the rules of retention, RFC 3339; empty while it is kept.
  public var droppedAt: String = ""
  /// The leaf of the record that says so; 0 while there is none.
  public var droppedIndex: UInt64 = 0

  public init() {}

  public init(
    digest: String = "", size: UInt64 = 0, mediaType: String = "", labels: [String] = [], index: UInt64 = 0,
    workspace: String = "", name: String = "", owner: String = "", droppedAt: String = "",
    droppedIndex: UInt64 = 0
  ) {
    self.droppedAt = droppedAt
    self.droppedIndex = droppedIndex
    self.digest = digest
    self.size = size
    self.mediaType = mediaType
    self.labels = labels
    self.index = index
    self.workspace = workspace
    self.name = name
    self.owner = owner
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: digest = try reader.string()
    case 2: size = try reader.uint64()
    case 3: mediaType = try reader.string()
    case 4: labels.append(try reader.string())
    case 5: index = try reader.uint64()
    case 6: workspace = try reader.string()
    case 7: name = try reader.string()
    case 8: owner = try reader.string()
    case 9: droppedAt = try reader.string()
    case 10: droppedIndex = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, digest)
    writer.uint64(2, size)
    writer.string(3, mediaType)
    writer.strings(4, labels)
    writer.uint64(5, index)
    writer.string(6, workspace)
    writer.string(7, name)
    writer.string(8, owner)
    writer.string(9, droppedAt)
    writer.uint64(10, droppedIndex)
  }
}

/// `openexec.v1.ArtifactContent`.
public struct ArtifactContent: WireMessage {
  public var stat: ArtifactStat?
  public var content: [UInt8] = []
  /// To an executor: a proof of the artifact's leaf, which says what the content is.
  public var proof: String = ""

  public init() {}

  public init(
    stat: ArtifactStat? = nil, content: [UInt8] = [], proof: String = ""
  ) {
    self.stat = stat
    self.content = content
    self.proof = proof
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.message(into: &stat)
    case 2: content = try reader.bytes()
    case 3: proof = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.message(1, stat)
    writer.bytes(2, content)
    writer.string(3, proof)
  }
}

/// `openexec.v1.ArtifactListRequest`.
public struct ArtifactListRequest: WireMessage {
  public var tenant: String = ""
  public var workspace: String = ""
  /// Only artifacts whose leaf is after this one; 0 for the first page, since leaf 0 is the genesis.
  public var after: UInt64 = 0

  public init() {}

  public init(tenant: String = "", workspace: String = "", after: UInt64 = 0) {
    self.tenant = tenant
    self.workspace = workspace
    self.after = after
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: tenant = try reader.string()
    case 2: workspace = try reader.string()
    case 3: after = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, tenant)
    writer.string(2, workspace)
    writer.uint64(3, after)
  }
}

/// `openexec.v1.ArtifactListResponse`.
public struct ArtifactListResponse: WireMessage {
  /// By leaf, ascending.
  public var items: [ArtifactStat] = []
  /// Whether there are more after the last.
  public var more: Bool = false

  public init() {}

  public init(items: [ArtifactStat] = [], more: Bool = false) {
    self.items = items
    self.more = more
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: items.append(try reader.message())
    case 2: more = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.messages(1, items)
    writer.bool(2, more)
  }
}
