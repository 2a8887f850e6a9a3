// The messages of Docs/Protocol/peer.proto.

/// `openexec.v1.LogEntry`.
public struct LogEntry: WireMessage {
  public var term: UInt64 = 0
  public var payload: [UInt8] = []

  public init() {}

  public init(
    term: UInt64 = 0, payload: [UInt8] = []
  ) {
    self.term = term
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.bytes(2, payload)
  }
}

/// `openexec.v1.VoteCall`.
public struct VoteCall: WireMessage {
  public var term: UInt64 = 0
  public var lastIndex: UInt64 = 0
  public var lastTerm: UInt64 = 0
  public var preVote: Bool = false

  public init() {}

  public init(
    term: UInt64 = 0, lastIndex: UInt64 = 0, lastTerm: UInt64 = 0, preVote: Bool = false
  ) {
    self.term = term
    self.lastIndex = lastIndex
    self.lastTerm = lastTerm
    self.preVote = preVote
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: lastIndex = try reader.uint64()
    case 3: lastTerm = try reader.uint64()
    case 4: preVote = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, lastIndex)
    writer.uint64(3, lastTerm)
    writer.bool(4, preVote)
  }
}

/// `openexec.v1.VoteAnswer`.
public struct VoteAnswer: WireMessage {
  public var term: UInt64 = 0
  public var granted: Bool = false
  public var preVote: Bool = false

  public init() {}

  public init(
    term: UInt64 = 0, granted: Bool = false, preVote: Bool = false
  ) {
    self.term = term
    self.granted = granted
    self.preVote = preVote
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: granted = try reader.bool()
    case 3: preVote = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.bool(2, granted)
    writer.bool(3, preVote)
  }
}

/// `openexec.v1.AppendCall`.
public struct AppendCall: WireMessage {
  public var term: UInt64 = 0
  public var previousIndex: UInt64 = 0
  public var previousTerm: UInt64 = 0
  public var previousRoot: [UInt8] = []
  public var entries: [LogEntry] = []
  public var leaderCommit: UInt64 = 0
  public var round: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0, previousIndex: UInt64 = 0, previousTerm: UInt64 = 0, previousRoot: [UInt8] = [],
    entries: [LogEntry] = [], leaderCommit: UInt64 = 0, round: UInt64 = 0
  ) {
    self.term = term
    self.previousIndex = previousIndex
    self.previousTerm = previousTerm
    self.previousRoot = previousRoot
    self.entries = entries
    self.leaderCommit = leaderCommit
    self.round = round
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: previousIndex = try reader.uint64()
    case 3: previousTerm = try reader.uint64()
    case 4: previousRoot = try reader.bytes()
    case 5: entries.append(try reader.message())
    case 6: leaderCommit = try reader.uint64()
    case 7: round = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, previousIndex)
    writer.uint64(3, previousTerm)
    writer.bytes(4, previousRoot)
    writer.messages(5, entries)
    writer.uint64(6, leaderCommit)
    writer.uint64(7, round)
  }
}

/// `openexec.v1.AppendAnswer`.
public struct AppendAnswer: WireMessage {
  public var term: UInt64 = 0
  public var round: UInt64 = 0
  /// 1 matched, 2 rejected, 3 ahead, 4 refused.
  public var outcome: UInt32 = 0
  public var index: UInt64 = 0
  public var outcomeTerm: UInt64 = 0
  public var hint: UInt64 = 0

  public init() {}

  public init(
    term: UInt64 = 0, round: UInt64 = 0, outcome: UInt32 = 0, index: UInt64 = 0, outcomeTerm: UInt64 = 0,
    hint: UInt64 = 0
  ) {
    self.term = term
    self.round = round
    self.outcome = outcome
    self.index = index
    self.outcomeTerm = outcomeTerm
    self.hint = hint
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: round = try reader.uint64()
    case 3: outcome = try reader.uint32()
    case 4: index = try reader.uint64()
    case 5: outcomeTerm = try reader.uint64()
    case 6: hint = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, round)
    writer.uint32(3, outcome)
    writer.uint64(4, index)
    writer.uint64(5, outcomeTerm)
    writer.uint64(6, hint)
  }
}

/// The sender's log is durable through `size` in `term`, with this root.
public struct DurableLog: WireMessage {
  public var term: UInt64 = 0
  public var size: UInt64 = 0
  public var root: [UInt8] = []

  public init() {}

  public init(
    term: UInt64 = 0, size: UInt64 = 0, root: [UInt8] = []
  ) {
    self.term = term
    self.size = size
    self.root = root
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: term = try reader.uint64()
    case 2: size = try reader.uint64()
    case 3: root = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, term)
    writer.uint64(2, size)
    writer.bytes(3, root)
  }
}

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

  public init() {}

  public init(
    executor: String = "", incarnation: UInt32 = 0, challenge: [UInt8] = []
  ) {
    self.executor = executor
    self.incarnation = incarnation
    self.challenge = challenge
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: executor = try reader.string()
    case 2: incarnation = try reader.uint32()
    case 3: challenge = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, executor)
    writer.uint32(2, incarnation)
    writer.bytes(3, challenge)
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
  /// The party's signature over the incident id.
  public var signature: [UInt8] = []

  public init() {}

  public init(
    incidentID: String = "", signature: [UInt8] = []
  ) {
    self.incidentID = incidentID
    self.signature = signature
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: incidentID = try reader.string()
    case 2: signature = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, incidentID)
    writer.bytes(2, signature)
  }
}

/// `openexec.v1.ArtifactPush`.
public struct ArtifactPush: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""
  /// Sealed for the tenant.
  public var content: [UInt8] = []

  public init() {}

  public init(
    tenant: String = "", digest: String = "", content: [UInt8] = []
  ) {
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

  public init() {}

  public init(
    note: String = "", term: UInt64 = 0, peaks: [[UInt8]] = [], logTime: String = "", names: [String] = [],
    cells: [[UInt8]] = [], piece: UInt64 = 0, last: Bool = false
  ) {
    self.note = note
    self.term = term
    self.peaks = peaks
    self.logTime = logTime
    self.names = names
    self.cells = cells
    self.piece = piece
    self.last = last
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
  }
}

/// `openexec.v1.SnapshotTaken`.
public struct SnapshotTaken: WireMessage {
  public var size: UInt64 = 0
  public var accepted: Bool = false

  public init() {}

  public init(
    size: UInt64 = 0, accepted: Bool = false
  ) {
    self.size = size
    self.accepted = accepted
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: size = try reader.uint64()
    case 2: accepted = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, size)
    writer.bool(2, accepted)
  }
}

/// Exactly one is set.
public struct PeerMessage: WireMessage {
  public var voteCall: VoteCall?
  public var voteAnswer: VoteAnswer?
  public var appendCall: AppendCall?
  public var appendAnswer: AppendAnswer?
  public var durable: DurableLog?
  public var nonces: NonceBatch?
  public var signCall: SignCall?
  public var signAnswer: SignAnswer?
  public var note: NoteShown?
  public var noteWanted: NoteWanted?
  public var forwardCall: ForwardCall?
  public var forwardAnswer: ForwardAnswer?
  public var restriction: RestrictionShown?
  public var restrictionBound: RestrictionBound?
  public var challenge: ChallengeNote?
  public var artifactPush: ArtifactPush?
  public var artifactHeld: ArtifactHeld?
  public var snapshotPiece: SnapshotPiece?
  public var snapshotTaken: SnapshotTaken?
  public var keyRoundOne: KeyRoundOne?
  public var keyRoundTwo: KeyRoundTwo?
  public var keySignature: KeySignature?
  public var genesis: GenesisShown?

  public init() {}

  public init(
    voteCall: VoteCall? = nil, voteAnswer: VoteAnswer? = nil, appendCall: AppendCall? = nil,
    appendAnswer: AppendAnswer? = nil, durable: DurableLog? = nil, nonces: NonceBatch? = nil,
    signCall: SignCall? = nil, signAnswer: SignAnswer? = nil, note: NoteShown? = nil,
    noteWanted: NoteWanted? = nil, forwardCall: ForwardCall? = nil, forwardAnswer: ForwardAnswer? = nil,
    restriction: RestrictionShown? = nil, restrictionBound: RestrictionBound? = nil,
    challenge: ChallengeNote? = nil, artifactPush: ArtifactPush? = nil, artifactHeld: ArtifactHeld? = nil,
    snapshotPiece: SnapshotPiece? = nil, snapshotTaken: SnapshotTaken? = nil, keyRoundOne: KeyRoundOne? = nil,
    keyRoundTwo: KeyRoundTwo? = nil, keySignature: KeySignature? = nil, genesis: GenesisShown? = nil
  ) {
    self.voteCall = voteCall
    self.voteAnswer = voteAnswer
    self.appendCall = appendCall
    self.appendAnswer = appendAnswer
    self.durable = durable
    self.nonces = nonces
    self.signCall = signCall
    self.signAnswer = signAnswer
    self.note = note
    self.noteWanted = noteWanted
    self.forwardCall = forwardCall
    self.forwardAnswer = forwardAnswer
    self.restriction = restriction
    self.restrictionBound = restrictionBound
    self.challenge = challenge
    self.artifactPush = artifactPush
    self.artifactHeld = artifactHeld
    self.snapshotPiece = snapshotPiece
    self.snapshotTaken = snapshotTaken
    self.keyRoundOne = keyRoundOne
    self.keyRoundTwo = keyRoundTwo
    self.keySignature = keySignature
    self.genesis = genesis
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.message(into: &voteCall)
    case 2: try reader.message(into: &voteAnswer)
    case 3: try reader.message(into: &appendCall)
    case 4: try reader.message(into: &appendAnswer)
    case 5: try reader.message(into: &durable)
    case 6: try reader.message(into: &nonces)
    case 7: try reader.message(into: &signCall)
    case 8: try reader.message(into: &signAnswer)
    case 9: try reader.message(into: &note)
    case 10: try reader.message(into: &noteWanted)
    case 11: try reader.message(into: &forwardCall)
    case 12: try reader.message(into: &forwardAnswer)
    case 13: try reader.message(into: &restriction)
    case 14: try reader.message(into: &restrictionBound)
    case 15: try reader.message(into: &challenge)
    case 16: try reader.message(into: &artifactPush)
    case 17: try reader.message(into: &artifactHeld)
    case 18: try reader.message(into: &snapshotPiece)
    case 19: try reader.message(into: &snapshotTaken)
    case 20: try reader.message(into: &keyRoundOne)
    case 21: try reader.message(into: &keyRoundTwo)
    case 22: try reader.message(into: &keySignature)
    case 23: try reader.message(into: &genesis)
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.message(1, voteCall)
    writer.message(2, voteAnswer)
    writer.message(3, appendCall)
    writer.message(4, appendAnswer)
    writer.message(5, durable)
    writer.message(6, nonces)
    writer.message(7, signCall)
    writer.message(8, signAnswer)
    writer.message(9, note)
    writer.message(10, noteWanted)
    writer.message(11, forwardCall)
    writer.message(12, forwardAnswer)
    writer.message(13, restriction)
    writer.message(14, restrictionBound)
    writer.message(15, challenge)
    writer.message(16, artifactPush)
    writer.message(17, artifactHeld)
    writer.message(18, snapshotPiece)
    writer.message(19, snapshotTaken)
    writer.message(20, keyRoundOne)
    writer.message(21, keyRoundTwo)
    writer.message(22, keySignature)
    writer.message(23, genesis)
  }
}

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

  public init() {}

  public init(
    share: [UInt8] = [], transcript: [UInt8] = []
  ) {
    self.share = share
    self.transcript = transcript
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: share = try reader.bytes()
    case 2: transcript = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, share)
    writer.bytes(2, transcript)
  }
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
