// The messages of Docs/Protocol/approval.proto.

/// `openexec.v1.ListPendingRequest`.
public struct ListPendingRequest: WireMessage {
  /// Only what this role may decide; empty for all roles of the caller.
  public var role: String = ""

  public init() {}

  public init(
    role: String = ""
  ) {
    self.role = role
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: role = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, role)
  }
}

/// A proposal that waits for people.
public struct PendingItem: WireMessage {
  public var proposal: UInt64 = 0
  /// Hash of the proposal's leaf.
  public var proposalHash: String = ""
  /// The proposal's leaf.
  public var leaf: [UInt8] = []
  /// Its attachment: what exactly is asked for.
  public var attachment: [UInt8] = []
  public var demands: [Demand] = []
  public var deadline: String = ""
  public var policyBundleHash: String = ""
  public var rules: [Rule] = []

  public init() {}

  public init(
    proposal: UInt64 = 0, proposalHash: String = "", leaf: [UInt8] = [], attachment: [UInt8] = [],
    demands: [Demand] = [], deadline: String = "", policyBundleHash: String = "", rules: [Rule] = []
  ) {
    self.proposal = proposal
    self.proposalHash = proposalHash
    self.leaf = leaf
    self.attachment = attachment
    self.demands = demands
    self.deadline = deadline
    self.policyBundleHash = policyBundleHash
    self.rules = rules
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: proposal = try reader.uint64()
    case 2: proposalHash = try reader.string()
    case 3: leaf = try reader.bytes()
    case 4: attachment = try reader.bytes()
    case 5: demands.append(try reader.message())
    case 6: deadline = try reader.string()
    case 7: policyBundleHash = try reader.string()
    case 8: rules.append(try reader.message())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, proposal)
    writer.string(2, proposalHash)
    writer.bytes(3, leaf)
    writer.bytes(4, attachment)
    writer.messages(5, demands)
    writer.string(6, deadline)
    writer.string(7, policyBundleHash)
    writer.messages(8, rules)
  }
}

/// `openexec.v1.ListPendingResponse`.
public struct ListPendingResponse: WireMessage {
  public var items: [PendingItem] = []

  public init() {}

  public init(
    items: [PendingItem] = []
  ) {
    self.items = items
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: items.append(try reader.message())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.messages(1, items)
  }
}
