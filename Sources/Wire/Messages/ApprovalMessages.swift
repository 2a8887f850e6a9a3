// The messages of Docs/Protocol/approval.proto.

/// `openexec.v1.ListPendingRequest`.
public struct ListPendingRequest: WireMessage {
  /// Only what this role may decide; empty for all roles of the caller.
  public var role: String = ""
  /// Only proposals after this leaf: the next page.
  public var after: UInt64 = 0
  /// Only this proposal, with its attachment in full; 0 for all.
  public var proposal: UInt64 = 0

  public init() {}

  public init(
    role: String = "", after: UInt64 = 0, proposal: UInt64 = 0
  ) {
    self.role = role
    self.after = after
    self.proposal = proposal
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: role = try reader.string()
    case 2: after = try reader.uint64()
    case 3: proposal = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, role)
    writer.uint64(2, after)
    writer.uint64(3, proposal)
  }
}

/// A proposal that waits for people.
public struct PendingItem: WireMessage {
  public var proposal: UInt64 = 0
  /// Hash of the proposal's leaf.
  public var proposalHash: String = ""
  /// The proposal's leaf.
  public var leaf: [UInt8] = []
  /// Its attachment: what exactly is asked for. Left out of a list where it has more than 16 KiB; asked for
  /// by its leaf, the proposal comes with it.
  public var attachment: [UInt8] = []
  public var demands: [Demand] = []
  public var deadline: String = ""
  public var policyBundleHash: String = ""
  public var rules: [Rule] = []
  /// How many bytes of attachment were left out; 0 where none were.
  public var attachmentLeftOut: UInt64 = 0
  /// The leaf of the decision that waits: its type, effective risk, demands with their filters, how many
  /// rejections deny, and the challenge of a confirmation.
  public var decision: [UInt8] = []
  /// The person who answers for the agent.
  public var responsible: String = ""
  /// Whether that person has yet to confirm.
  public var unconfirmed: Bool = false
  /// The leaf of the receipt of the action's dry run, and its attachment; empty where the action has none.
  public var preview: [UInt8] = []
  public var previewResult: [UInt8] = []

  public init() {}

  public init(
    proposal: UInt64 = 0, proposalHash: String = "", leaf: [UInt8] = [], attachment: [UInt8] = [],
    demands: [Demand] = [], deadline: String = "", policyBundleHash: String = "", rules: [Rule] = [],
    attachmentLeftOut: UInt64 = 0, decision: [UInt8] = [], responsible: String = "",
    unconfirmed: Bool = false, preview: [UInt8] = [], previewResult: [UInt8] = []
  ) {
    self.decision = decision
    self.responsible = responsible
    self.unconfirmed = unconfirmed
    self.preview = preview
    self.previewResult = previewResult
    self.proposal = proposal
    self.proposalHash = proposalHash
    self.leaf = leaf
    self.attachment = attachment
    self.demands = demands
    self.deadline = deadline
    self.policyBundleHash = policyBundleHash
    self.rules = rules
    self.attachmentLeftOut = attachmentLeftOut
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
    case 9: attachmentLeftOut = try reader.uint64()
    case 10: decision = try reader.bytes()
    case 11: responsible = try reader.string()
    case 12: unconfirmed = try reader.bool()
    case 13: preview = try reader.bytes()
    case 14: previewResult = try reader.bytes()
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
    writer.uint64(9, attachmentLeftOut)
    writer.bytes(10, decision)
    writer.string(11, responsible)
    writer.bool(12, unconfirmed)
    writer.bytes(13, preview)
    writer.bytes(14, previewResult)
  }
}

/// `openexec.v1.ListPendingResponse`.
public struct ListPendingResponse: WireMessage {
  /// Ascending by leaf; about 256 KiB of them.
  public var items: [PendingItem] = []
  /// More wait after the last of them.
  public var more: Bool = false

  public init() {}

  public init(
    items: [PendingItem] = [], more: Bool = false
  ) {
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
