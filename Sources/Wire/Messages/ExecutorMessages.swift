// The messages of Docs/Protocol/executor.proto.

/// `openexec.v1.EnlistRequest`.
public struct EnlistRequest: WireMessage {
  public var incarnation: UInt32 = 0
  /// 16 to 32 random bytes, fresh for each lease.
  public var challenge: [UInt8] = []
  /// Isolation classes that are active on this host.
  public var isolationClasses: [String] = []
  /// How many links of the chain of keys the executor has.
  public var knownLinks: UInt32 = 0
  /// Whether the executor declares itself compliant: nothing of a runtime's requirements is off.
  public var compliant: Bool = false
  /// What is off, as `name: why`.
  public var shortcomings: [String] = []
  /// The executor's, over what it says of its host with this challenge; without it that counts as not said.
  public var signature: [UInt8] = []
  /// When it says so (RFC 3339, UTC): the cluster's time as it knows it, or its own clock's before its first lease.
  public var declaredAt: String = ""

  public init() {}

  public init(
    incarnation: UInt32 = 0, challenge: [UInt8] = [], isolationClasses: [String] = [], knownLinks: UInt32 = 0,
    compliant: Bool = false, shortcomings: [String] = [], signature: [UInt8] = [], declaredAt: String = ""
  ) {
    self.signature = signature
    self.declaredAt = declaredAt
    self.incarnation = incarnation
    self.challenge = challenge
    self.isolationClasses = isolationClasses
    self.knownLinks = knownLinks
    self.compliant = compliant
    self.shortcomings = shortcomings
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: incarnation = try reader.uint32()
    case 2: challenge = try reader.bytes()
    case 3: isolationClasses.append(try reader.string())
    case 4: knownLinks = try reader.uint32()
    case 5: compliant = try reader.bool()
    case 6: shortcomings.append(try reader.string())
    case 7: signature = try reader.bytes()
    case 8: declaredAt = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, incarnation)
    writer.bytes(2, challenge)
    writer.strings(3, isolationClasses)
    writer.uint32(4, knownLinks)
    writer.bool(5, compliant)
    writer.strings(6, shortcomings)
    writer.bytes(7, signature)
    writer.string(8, declaredAt)
  }
}

/// A lease: the newest note that has a lease line, and what it commits to.
public struct LeaseResponse: WireMessage {
  public var note: String = ""
  /// Audit path of this executor's challenge, and its place in the challenge tree.
  public var challengePath: [[UInt8]] = []
  public var challengeIndex: UInt64 = 0
  public var challengeCount: UInt64 = 0
  /// Canonical JSON of the restriction list.
  public var restrictions: [UInt8] = []
  /// Canonical JSON of the active bundle's files; empty where the executor's is active.
  public var bundle: [UInt8] = []
  /// Links of the chain of keys that the executor lacks: tlog-proofs of the key records.
  public var links: [String] = []

  public init() {}

  public init(
    note: String = "", challengePath: [[UInt8]] = [], challengeIndex: UInt64 = 0, challengeCount: UInt64 = 0,
    restrictions: [UInt8] = [], bundle: [UInt8] = [], links: [String] = []
  ) {
    self.note = note
    self.challengePath = challengePath
    self.challengeIndex = challengeIndex
    self.challengeCount = challengeCount
    self.restrictions = restrictions
    self.bundle = bundle
    self.links = links
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: note = try reader.string()
    case 2: challengePath.append(try reader.bytes())
    case 3: challengeIndex = try reader.uint64()
    case 4: challengeCount = try reader.uint64()
    case 5: restrictions = try reader.bytes()
    case 6: bundle = try reader.bytes()
    case 7: links.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, note)
    writer.byteStrings(2, challengePath)
    writer.uint64(3, challengeIndex)
    writer.uint64(4, challengeCount)
    writer.bytes(5, restrictions)
    writer.bytes(6, bundle)
    writer.strings(7, links)
  }
}

/// `openexec.v1.JobsRequest`.
public struct JobsRequest: WireMessage {
  public var incarnation: UInt32 = 0
  /// How many links of the chain of keys the executor has.
  public var knownLinks: UInt32 = 0

  public init() {}

  public init(
    incarnation: UInt32 = 0, knownLinks: UInt32 = 0
  ) {
    self.incarnation = incarnation
    self.knownLinks = knownLinks
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: incarnation = try reader.uint32()
    case 2: knownLinks = try reader.uint32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, incarnation)
    writer.uint32(2, knownLinks)
  }
}

/// An approval for this executor.
public struct JobOffer: WireMessage {
  /// tlog-proof of the decision: the token.
  public var token: String = ""
  /// The proposal's leaf and attachment.
  public var proposal: [UInt8] = []
  public var attachment: [UInt8] = []
  /// The newest lease that answers this executor, where the node has one: an approval is not run under an
  /// older one.
  public var lease: LeaseResponse?
  /// Links of the chain of keys; an offer may bring nothing else.
  public var links: [String] = []

  public init() {}

  public init(
    token: String = "", proposal: [UInt8] = [], attachment: [UInt8] = [],
    lease: LeaseResponse? = nil, links: [String] = []
  ) {
    self.token = token
    self.proposal = proposal
    self.attachment = attachment
    self.lease = lease
    self.links = links
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: token = try reader.string()
    case 2: proposal = try reader.bytes()
    case 3: attachment = try reader.bytes()
    case 5: try reader.message(into: &lease)
    case 6: links.append(try reader.string())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, token)
    writer.bytes(2, proposal)
    writer.bytes(3, attachment)
    writer.message(5, lease)
    writer.strings(6, links)
  }
}

/// `openexec.v1.ReportResponse`.
public struct ReportResponse: WireMessage {
  /// tlog-proof of the receipt.
  public var proof: String = ""

  public init() {}

  public init(
    proof: String = ""
  ) {
    self.proof = proof
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: proof = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, proof)
  }
}
