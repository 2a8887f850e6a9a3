// The messages of Docs/Protocol/admin.proto.

/// `openexec.v1.StatusRequest`.
public struct StatusRequest: WireMessage {
  /// Also how this principal is enrolled; empty for nobody.
  public var principal: String = ""
  /// Also what the node knows of these incidents, by their ids; at most `maximumIncidents`.
  public var incidents: [String] = []

  /// Most incidents that one request asks after.
  public static let maximumIncidents = 64

  public init() {}

  public init(principal: String = "", incidents: [String] = []) {
    self.principal = principal
    self.incidents = incidents
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: principal = try reader.string()
    case 2: incidents.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, principal)
    writer.strings(2, incidents)
  }
}

/// Canonical JSON, described in Docs/Operations.md.
public struct StatusResponse: WireMessage {
  public var json: [UInt8] = []

  public init() {}

  public init(
    json: [UInt8] = []
  ) {
    self.json = json
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: json = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, json)
  }
}

/// A governed act that is final.
public struct ActResponse: WireMessage {
  public var index: UInt64 = 0
  public var finalSize: UInt64 = 0
  /// Parties that acknowledged a restriction with their signatures.
  public var acknowledged: UInt32 = 0
  public var message: String = ""
  /// Of a restriction that is final: the proof (C2SP tlog-proof) of the leaf that holds it.
  public var proof: String = ""

  public init() {}

  public init(
    index: UInt64 = 0, finalSize: UInt64 = 0, acknowledged: UInt32 = 0, message: String = "",
    proof: String = ""
  ) {
    self.index = index
    self.finalSize = finalSize
    self.acknowledged = acknowledged
    self.message = message
    self.proof = proof
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: index = try reader.uint64()
    case 2: finalSize = try reader.uint64()
    case 3: acknowledged = try reader.uint32()
    case 4: message = try reader.string()
    case 5: proof = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, index)
    writer.uint64(2, finalSize)
    writer.uint32(3, acknowledged)
    writer.string(4, message)
    writer.string(5, proof)
  }
}

/// `openexec.v1.TransferRequest`.
public struct TransferRequest: WireMessage {
  /// The party whose node is to lead.
  public var node: UInt32 = 0

  public init() {}

  public init(node: UInt32 = 0) { self.node = node }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: node = try reader.uint32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.uint32(1, node) }
}

/// `openexec.v1.TransferResponse`.
public struct TransferResponse: WireMessage {
  public var leader: UInt32 = 0
  public var term: UInt64 = 0

  public init() {}

  public init(leader: UInt32 = 0, term: UInt64 = 0) {
    self.leader = leader
    self.term = term
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: leader = try reader.uint32()
    case 2: term = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, leader)
    writer.uint64(2, term)
  }
}

/// `openexec.v1.KeysRequest`.
public struct KeysRequest: WireMessage {
  /// The node's party has lost its share, and wants it back from the others before it answers.
  public var repair: Bool = false

  public init() {}

  public init(repair: Bool) { self.repair = repair }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: repair = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.bool(1, repair) }
}

/// Who shares which key, and how a change of it stands.
public struct KeysResponse: WireMessage {
  /// Canonical JSON, described in Docs/Operations.md.
  public var json: [UInt8] = []
  /// The chain of keys from the genesis on: tlog-proofs of the key records.
  public var links: [String] = []

  public init() {}

  public init(json: [UInt8] = [], links: [String] = []) {
    self.json = json
    self.links = links
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: json = try reader.bytes()
    case 2: links.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, json)
    writer.strings(2, links)
  }
}
