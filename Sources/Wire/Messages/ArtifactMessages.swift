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

/// `openexec.v1.ArtifactStat`.
public struct ArtifactStat: WireMessage {
  public var digest: String = ""
  public var size: UInt64 = 0
  public var mediaType: String = ""
  public var labels: [String] = []
  /// The artifact's leaf.
  public var index: UInt64 = 0

  public init() {}

  public init(
    digest: String = "", size: UInt64 = 0, mediaType: String = "", labels: [String] = [], index: UInt64 = 0
  ) {
    self.digest = digest
    self.size = size
    self.mediaType = mediaType
    self.labels = labels
    self.index = index
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: digest = try reader.string()
    case 2: size = try reader.uint64()
    case 3: mediaType = try reader.string()
    case 4: labels.append(try reader.string())
    case 5: index = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, digest)
    writer.uint64(2, size)
    writer.string(3, mediaType)
    writer.strings(4, labels)
    writer.uint64(5, index)
  }
}

/// `openexec.v1.ArtifactContent`.
public struct ArtifactContent: WireMessage {
  public var stat: ArtifactStat?
  public var content: [UInt8] = []

  public init() {}

  public init(
    stat: ArtifactStat? = nil, content: [UInt8] = []
  ) {
    self.stat = stat
    self.content = content
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.message(into: &stat)
    case 2: content = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.message(1, stat)
    writer.bytes(2, content)
  }
}
