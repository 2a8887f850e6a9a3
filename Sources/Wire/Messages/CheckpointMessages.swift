// Checkpoints: shares, notes, and what they commit to.

/// FROST nonce commitments, published ahead.
public struct NonceBatch: WireMessage {
  public var commitments: [[UInt8]] = []
  /// Asks the receiver for a batch of its own.
  public var wanted: Bool = false

  public init() {}

  public init(
    commitments: [[UInt8]] = [], wanted: Bool = false
  ) {
    self.commitments = commitments
    self.wanted = wanted
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: commitments.append(try reader.bytes())
    case 2: wanted = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.byteStrings(1, commitments)
    writer.bool(2, wanted)
  }
}

/// A coordinator asks for a share of a checkpoint.
public struct SignCall: WireMessage {
  public var term: UInt64 = 0
  /// Numbers the coordinator's rounds within its term.
  public var round: UInt64 = 0
  public var session: UInt64 = 0
  /// The text of the note.
  public var text: [UInt8] = []
  public var commitments: [[UInt8]] = []
  /// Canonical JSON of the restriction list that a lease line commits to.
  public var restrictions: [UInt8] = []
  /// Statements that prove restrictions which the receiver may not know.
  public var proofs: [StatementRequest] = []

  public init() {}

  public init(
    term: UInt64 = 0, round: UInt64 = 0, session: UInt64 = 0, text: [UInt8] = [], commitments: [[UInt8]] = [],
    restrictions: [UInt8] = [], proofs: [StatementRequest] = []
  ) {
    self.term = term
    self.round = round
    self.session = session
    self.text = text
    self.commitments = commitments
    self.restrictions = restrictions
    self.proofs = proofs
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: round = try reader.uint64()
    case 3: session = try reader.uint64()
    case 4: text = try reader.bytes()
    case 5: commitments.append(try reader.bytes())
    case 6: restrictions = try reader.bytes()
    case 7: proofs.append(try reader.message())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, round)
    writer.uint64(3, session)
    writer.bytes(4, text)
    writer.byteStrings(5, commitments)
    writer.bytes(6, restrictions)
    writer.messages(7, proofs)
  }
}

/// `openexec.v1.SignAnswer`.
public struct SignAnswer: WireMessage {
  public var term: UInt64 = 0
  public var round: UInt64 = 0
  public var session: UInt64 = 0
  /// Empty where the party declines.
  public var share: [UInt8] = []
  /// spent, consent, lease, busy or other; empty with a share.
  public var declined: String = ""
  /// Leaves that this party does not consent to.
  public var except: [UInt64] = []
  /// Restrictions that the note lacks.
  public var restrictions: [StatementRequest] = []
  /// The party's signature over its decline.
  public var signature: [UInt8] = []

  public init() {}

  public init(
    term: UInt64 = 0, round: UInt64 = 0, session: UInt64 = 0, share: [UInt8] = [], declined: String = "",
    except: [UInt64] = [], restrictions: [StatementRequest] = [], signature: [UInt8] = []
  ) {
    self.term = term
    self.round = round
    self.session = session
    self.share = share
    self.declined = declined
    self.except = except
    self.restrictions = restrictions
    self.signature = signature
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: round = try reader.uint64()
    case 3: session = try reader.uint64()
    case 4: share = try reader.bytes()
    case 5: declined = try reader.string()
    case 6: try reader.uint64s(into: &except)
    case 7: restrictions.append(try reader.message())
    case 8: signature = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, round)
    writer.uint64(3, session)
    writer.bytes(4, share)
    writer.string(5, declined)
    writer.uint64s(6, except)
    writer.messages(7, restrictions)
    writer.bytes(8, signature)
  }
}

/// `openexec.v1.ChallengeNote`.
public struct ChallengeNote: WireMessage {
  public var executor: String = ""
  public var incarnation: UInt32 = 0
  public var challenge: [UInt8] = []
  /// As in EnlistRequest; not beside a note.
  public var compliant: Bool = false
  public var shortcomings: [String] = []
  public var isolationClasses: [String] = []
  public var signature: [UInt8] = []
  public var declaredAt: String = ""

  public init() {}

  public init(
    executor: String = "", incarnation: UInt32 = 0, challenge: [UInt8] = [], compliant: Bool = false,
    shortcomings: [String] = [], isolationClasses: [String] = [], signature: [UInt8] = [],
    declaredAt: String = ""
  ) {
    self.signature = signature
    self.declaredAt = declaredAt
    self.executor = executor
    self.incarnation = incarnation
    self.challenge = challenge
    self.compliant = compliant
    self.shortcomings = shortcomings
    self.isolationClasses = isolationClasses
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: executor = try reader.string()
    case 2: incarnation = try reader.uint32()
    case 3: challenge = try reader.bytes()
    case 4: compliant = try reader.bool()
    case 5: shortcomings.append(try reader.string())
    case 6: isolationClasses.append(try reader.string())
    case 7: signature = try reader.bytes()
    case 8: declaredAt = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, executor)
    writer.uint32(2, incarnation)
    writer.bytes(3, challenge)
    writer.bool(4, compliant)
    writer.strings(5, shortcomings)
    writer.strings(6, isolationClasses)
    writer.bytes(7, signature)
    writer.string(8, declaredAt)
  }
}

/// A signed note, and what its lease line commits to.
public struct NoteShown: WireMessage {
  public var note: String = ""
  public var challenges: [ChallengeNote] = []
  public var restrictions: [UInt8] = []

  public init() {}

  public init(
    note: String = "", challenges: [ChallengeNote] = [], restrictions: [UInt8] = []
  ) {
    self.note = note
    self.challenges = challenges
    self.restrictions = restrictions
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: note = try reader.string()
    case 2: challenges.append(try reader.message())
    case 3: restrictions = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, note)
    writer.messages(2, challenges)
    writer.bytes(3, restrictions)
  }
}

/// `openexec.v1.NoteWanted`.
public struct NoteWanted: WireMessage {
  /// Wanted where the receiver has a note of a larger size.
  public var size: UInt64 = 0
  /// Approvals that the sender lacks a consenting note for.
  public var leaves: [UInt64] = []

  public init() {}

  public init(size: UInt64 = 0, leaves: [UInt64] = []) {
    self.size = size
    self.leaves = leaves
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: size = try reader.uint64()
    case 2: try reader.uint64s(into: &leaves)
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, size)
    writer.uint64s(2, leaves)
  }
}
