// The ceremony that makes the group key.

/// Key generation, first round: commitment and proof of possession.
public struct KeyRoundOne: WireMessage {
  /// Hash of the configuration that the party was given.
  public var configuration: [UInt8] = []
  public var package: [UInt8] = []
  /// Set by a party that has finished and answers a laggard: it wants no answer itself.
  public var isAnswer: Bool = false

  public init() {}

  public init(configuration: [UInt8] = [], package: [UInt8] = [], isAnswer: Bool = false) {
    self.configuration = configuration
    self.package = package
    self.isAnswer = isAnswer
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: configuration = try reader.bytes()
    case 2: package = try reader.bytes()
    case 3: isAnswer = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, configuration)
    writer.bytes(2, package)
    writer.bool(3, isAnswer)
  }
}

/// Key generation, second round: the receiver's secret share.
public struct KeyRoundTwo: WireMessage {
  public var share: [UInt8] = []
  /// The transcript that the sender saw.
  public var transcript: [UInt8] = []
  /// The session of a change of members; empty in the ceremony.
  public var session: [UInt8] = []

  public init() {}

  public init(
    share: [UInt8] = [], transcript: [UInt8] = [], session: [UInt8] = []
  ) {
    self.share = share
    self.transcript = transcript
    self.session = session
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: share = try reader.bytes()
    case 2: transcript = try reader.bytes()
    case 3: session = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, share)
    writer.bytes(2, transcript)
    writer.bytes(3, session)
  }
}

/// `openexec.v1.KeySessionCall`: the leader asks the new parties of a change to make their key.
public struct KeySessionCall: WireMessage {
  /// The leader's term, and its attempt in it: with the joint record they name the session.
  public var term: UInt64 = 0
  public var attempt: UInt64 = 0
  /// The leaf of the joint record.
  public var joint: UInt64 = 0

  public init() {}

  public init(term: UInt64 = 0, attempt: UInt64 = 0, joint: UInt64 = 0) {
    self.term = term
    self.attempt = attempt
    self.joint = joint
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: attempt = try reader.uint64()
    case 3: joint = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, attempt)
    writer.uint64(3, joint)
  }
}

/// `openexec.v1.KeyApproved`: a new party has its share sealed, and signs the key.
public struct KeyApproved: WireMessage {
  public var session: [UInt8] = []
  /// The group's public keys.
  public var keys: [UInt8] = []
  public var transcript: [UInt8] = []
  /// By the party's own key.
  public var signature: [UInt8] = []
  /// That it holds its share.
  public var shareProof: [UInt8] = []

  public init() {}

  public init(
    session: [UInt8] = [], keys: [UInt8] = [], transcript: [UInt8] = [], signature: [UInt8] = [],
    shareProof: [UInt8] = []
  ) {
    self.session = session
    self.keys = keys
    self.transcript = transcript
    self.signature = signature
    self.shareProof = shareProof
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: session = try reader.bytes()
    case 2: keys = try reader.bytes()
    case 3: transcript = try reader.bytes()
    case 4: signature = try reader.bytes()
    case 5: shareProof = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, session)
    writer.bytes(2, keys)
    writer.bytes(3, transcript)
    writer.bytes(4, signature)
    writer.bytes(5, shareProof)
  }
}

/// `openexec.v1.KeyFailed`: the session came to nothing at the sender.
public struct KeyFailed: WireMessage {
  public var session: [UInt8] = []
  /// Why, and who is to blame where that is known.
  public var reason: String = ""

  public init() {}

  public init(session: [UInt8] = [], reason: String = "") {
    self.session = session
    self.reason = reason
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: session = try reader.bytes()
    case 2: reason = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, session)
    writer.string(2, reason)
  }
}

/// `openexec.v1.ShareRepairStep`: a step of the repair of a lost share.
public struct ShareRepairStep: WireMessage {
  /// 32 bytes, fresh for each repair.
  public var nonce: [UInt8] = []
  /// The smallest size that the key signs: which key it is.
  public var firstSize: UInt64 = 0
  /// Who helps, ascending; empty while the party asks who is willing, and in the answer to that.
  public var helpers: [UInt64] = []
  /// Among helpers: who lost its share.
  public var lost: UInt64 = 0
  /// The sender's commitment to its summands.
  public var commitment: [UInt8] = []
  /// For the receiver alone.
  public var summand: [UInt8] = []
  /// The sum of what the sender got, for the party that lost its share.
  public var sum: [UInt8] = []

  public init() {}

  public init(
    nonce: [UInt8] = [], firstSize: UInt64 = 0, helpers: [UInt64] = [], lost: UInt64 = 0,
    commitment: [UInt8] = [], summand: [UInt8] = [], sum: [UInt8] = []
  ) {
    self.nonce = nonce
    self.firstSize = firstSize
    self.helpers = helpers
    self.lost = lost
    self.commitment = commitment
    self.summand = summand
    self.sum = sum
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: nonce = try reader.bytes()
    case 2: firstSize = try reader.uint64()
    case 3: try reader.uint64s(into: &helpers)
    case 4: lost = try reader.uint64()
    case 5: commitment = try reader.bytes()
    case 6: summand = try reader.bytes()
    case 7: sum = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, nonce)
    writer.uint64(2, firstSize)
    writer.uint64s(3, helpers)
    writer.uint64(4, lost)
    writer.bytes(5, commitment)
    writer.bytes(6, summand)
    writer.bytes(7, sum)
  }
}

/// `openexec.v1.MembersShown`: a signed act that names parties which the receiver may not know yet.
public struct MembersShown: WireMessage {
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

/// A party's signature over the genesis leaf.
public struct KeySignature: WireMessage {
  public var genesisHash: [UInt8] = []
  public var signature: [UInt8] = []

  public init() {}

  public init(
    genesisHash: [UInt8] = [], signature: [UInt8] = []
  ) {
    self.genesisHash = genesisHash
    self.signature = signature
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: genesisHash = try reader.bytes()
    case 2: signature = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, genesisHash)
    writer.bytes(2, signature)
  }
}

/// The complete genesis, for a laggard.
public struct GenesisShown: WireMessage {
  public var leaf: [UInt8] = []
  public var attachment: [UInt8] = []

  public init() {}

  public init(
    leaf: [UInt8] = [], attachment: [UInt8] = []
  ) {
    self.leaf = leaf
    self.attachment = attachment
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: leaf = try reader.bytes()
    case 2: attachment = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, leaf)
    writer.bytes(2, attachment)
  }
}
