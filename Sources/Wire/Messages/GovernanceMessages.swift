// The messages of Docs/Protocol/governance.proto.

/// A signed statement, canonical JSON {"content":…,"signatures":[…]}, and its attachment.
public struct StatementRequest: WireMessage {
  public var statement: [UInt8] = []
  /// Canonical JSON; see Docs/Protocol/Records.md.
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

/// One proposal, by its agent and request id, or by its leaf.
public struct ProposalRequest: WireMessage {
  public var requestID: String = ""
  /// The agent's principal; empty for the caller.
  public var agent: String = ""
  /// Used where request_id is empty.
  public var proposal: UInt64 = 0

  public init() {}

  public init(
    requestID: String = "", agent: String = "", proposal: UInt64 = 0
  ) {
    self.requestID = requestID
    self.agent = agent
    self.proposal = proposal
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: requestID = try reader.string()
    case 2: agent = try reader.string()
    case 3: proposal = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, requestID)
    writer.string(2, agent)
    writer.uint64(3, proposal)
  }
}

/// A rule that had its say.
public struct Rule: WireMessage {
  public var rule: String = ""
  public var effect: String = ""
  public var message: String = ""

  public init() {}

  public init(
    rule: String = "", effect: String = "", message: String = ""
  ) {
    self.rule = rule
    self.effect = effect
    self.message = message
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: rule = try reader.string()
    case 2: effect = try reader.string()
    case 3: message = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, rule)
    writer.string(2, effect)
    writer.string(3, message)
  }
}

/// What people must still do.
public struct Demand: WireMessage {
  public var role: String = ""
  public var count: UInt32 = 0
  public var approved: UInt32 = 0
  /// Whose people they are; empty for those of the proposal's tenant and those who serve all.
  public var tenant: String = ""

  public init() {}

  public init(
    role: String = "", count: UInt32 = 0, approved: UInt32 = 0, tenant: String = ""
  ) {
    self.tenant = tenant
    self.role = role
    self.count = count
    self.approved = approved
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: role = try reader.string()
    case 2: count = try reader.uint32()
    case 3: approved = try reader.uint32()
    case 4: tenant = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, role)
    writer.uint32(2, count)
    writer.uint32(3, approved)
    writer.string(4, tenant)
  }
}

/// Where a proposal stands, by what is final.
public struct Outcome: WireMessage {
  /// approved, pending, denied, withdrawn, completed, failed, aborted or unknown.
  public var status: String = ""
  public var proposal: UInt64 = 0
  /// In words for people.
  public var message: String = ""
  public var rules: [Rule] = []
  public var demands: [Demand] = []
  /// RFC 3339; until when people may act, while pending.
  public var deadline: String = ""
  /// tlog-proof of the last decision; for an approval, the token.
  public var decisionProof: String = ""
  /// tlog-proof of the receipt, once there is one.
  public var receiptProof: String = ""
  /// The receipt's attachment: salt and result.
  public var result: [UInt8] = []
  /// Size of the newest note, and its time: the age of this answer.
  public var finalSize: UInt64 = 0
  public var finalTime: String = ""
  public var decisionID: String = ""
  public var traceID: String = ""
  public var tokenID: String = ""
  /// Whether the person who answers for the agent has yet to confirm it with a second key, while pending.
  public var unconfirmed: Bool = false

  public init() {}

  public init(
    status: String = "", proposal: UInt64 = 0, message: String = "", rules: [Rule] = [],
    demands: [Demand] = [], deadline: String = "", decisionProof: String = "", receiptProof: String = "",
    result: [UInt8] = [], finalSize: UInt64 = 0, finalTime: String = "", decisionID: String = "",
    traceID: String = "", tokenID: String = "", unconfirmed: Bool = false
  ) {
    self.unconfirmed = unconfirmed
    self.status = status
    self.proposal = proposal
    self.message = message
    self.rules = rules
    self.demands = demands
    self.deadline = deadline
    self.decisionProof = decisionProof
    self.receiptProof = receiptProof
    self.result = result
    self.finalSize = finalSize
    self.finalTime = finalTime
    self.decisionID = decisionID
    self.traceID = traceID
    self.tokenID = tokenID
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: status = try reader.string()
    case 2: proposal = try reader.uint64()
    case 3: message = try reader.string()
    case 4: rules.append(try reader.message())
    case 5: demands.append(try reader.message())
    case 6: deadline = try reader.string()
    case 7: decisionProof = try reader.string()
    case 8: receiptProof = try reader.string()
    case 9: result = try reader.bytes()
    case 10: finalSize = try reader.uint64()
    case 11: finalTime = try reader.string()
    case 12: decisionID = try reader.string()
    case 13: traceID = try reader.string()
    case 14: tokenID = try reader.string()
    case 15: unconfirmed = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, status)
    writer.uint64(2, proposal)
    writer.string(3, message)
    writer.messages(4, rules)
    writer.messages(5, demands)
    writer.string(6, deadline)
    writer.string(7, decisionProof)
    writer.string(8, receiptProof)
    writer.bytes(9, result)
    writer.uint64(10, finalSize)
    writer.string(11, finalTime)
    writer.string(12, decisionID)
    writer.string(13, traceID)
    writer.string(14, tokenID)
    writer.bool(15, unconfirmed)
  }
}

/// `openexec.v1.ListActionsRequest`.
public struct ListActionsRequest: WireMessage {

  public init() {}

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {}

  public func write(into writer: inout ProtobufWriter) {}
}

/// The active bundle's registry.
public struct ListActionsResponse: WireMessage {
  public var policyBundleHash: String = ""
  public var constitutionVersion: String = ""
  /// Canonical JSON of each action's definition.
  public var actions: [[UInt8]] = []

  public init() {}

  public init(
    policyBundleHash: String = "", constitutionVersion: String = "", actions: [[UInt8]] = []
  ) {
    self.policyBundleHash = policyBundleHash
    self.constitutionVersion = constitutionVersion
    self.actions = actions
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: policyBundleHash = try reader.string()
    case 2: constitutionVersion = try reader.string()
    case 3: actions.append(try reader.bytes())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, policyBundleHash)
    writer.string(2, constitutionVersion)
    writer.byteStrings(3, actions)
  }
}
