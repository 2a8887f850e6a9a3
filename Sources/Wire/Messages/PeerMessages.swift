// The messages of Docs/Protocol/peer.proto.

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
  public var timeoutNow: TimeoutNowCall?
  public var readCall: ReadCall?
  public var readAnswer: ReadAnswer?
  public var transferWanted: TransferRequest?
  public var witnessCall: ForwardCall?
  public var historyWanted: HistoryWanted?
  public var historyShown: HistoryShown?
  public var artifactWanted: ArtifactWanted?
  public var artifactFound: ArtifactFound?
  public var leavesWanted: LeavesWanted?
  public var leafShown: LeafShown?
  public var keySession: KeySessionCall?
  public var keyApproved: KeyApproved?
  public var keyFailed: KeyFailed?
  public var membersShown: MembersShown?
  public var repairStep: ShareRepairStep?
  public var advert: ProgramAdvert?
  public var earlierWanted: EarlierWanted?
  public var earlierShown: EarlierShown?

  public init() {}

  public init(
    voteCall: VoteCall? = nil, voteAnswer: VoteAnswer? = nil, appendCall: AppendCall? = nil,
    appendAnswer: AppendAnswer? = nil, durable: DurableLog? = nil, nonces: NonceBatch? = nil,
    signCall: SignCall? = nil, signAnswer: SignAnswer? = nil, note: NoteShown? = nil,
    noteWanted: NoteWanted? = nil, forwardCall: ForwardCall? = nil, forwardAnswer: ForwardAnswer? = nil,
    restriction: RestrictionShown? = nil, restrictionBound: RestrictionBound? = nil,
    challenge: ChallengeNote? = nil, artifactPush: ArtifactPush? = nil, artifactHeld: ArtifactHeld? = nil,
    snapshotPiece: SnapshotPiece? = nil, snapshotTaken: SnapshotTaken? = nil, keyRoundOne: KeyRoundOne? = nil,
    keyRoundTwo: KeyRoundTwo? = nil, keySignature: KeySignature? = nil, genesis: GenesisShown? = nil,
    timeoutNow: TimeoutNowCall? = nil, readCall: ReadCall? = nil, readAnswer: ReadAnswer? = nil,
    transferWanted: TransferRequest? = nil, witnessCall: ForwardCall? = nil,
    historyWanted: HistoryWanted? = nil, historyShown: HistoryShown? = nil,
    artifactWanted: ArtifactWanted? = nil, artifactFound: ArtifactFound? = nil,
    leavesWanted: LeavesWanted? = nil, leafShown: LeafShown? = nil,
    keySession: KeySessionCall? = nil, keyApproved: KeyApproved? = nil, keyFailed: KeyFailed? = nil,
    membersShown: MembersShown? = nil, repairStep: ShareRepairStep? = nil,
    advert: ProgramAdvert? = nil, earlierWanted: EarlierWanted? = nil, earlierShown: EarlierShown? = nil
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
    self.timeoutNow = timeoutNow
    self.readCall = readCall
    self.readAnswer = readAnswer
    self.transferWanted = transferWanted
    self.witnessCall = witnessCall
    self.historyWanted = historyWanted
    self.historyShown = historyShown
    self.artifactWanted = artifactWanted
    self.artifactFound = artifactFound
    self.leavesWanted = leavesWanted
    self.leafShown = leafShown
    self.keySession = keySession
    self.keyApproved = keyApproved
    self.keyFailed = keyFailed
    self.membersShown = membersShown
    self.repairStep = repairStep
    self.advert = advert
    self.earlierWanted = earlierWanted
    self.earlierShown = earlierShown
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
    case 24: try reader.message(into: &timeoutNow)
    case 25: try reader.message(into: &readCall)
    case 26: try reader.message(into: &readAnswer)
    case 27: try reader.message(into: &transferWanted)
    case 28: try reader.message(into: &witnessCall)
    case 29: try reader.message(into: &historyWanted)
    case 30: try reader.message(into: &historyShown)
    case 31: try reader.message(into: &artifactWanted)
    case 32: try reader.message(into: &artifactFound)
    case 33: try reader.message(into: &leavesWanted)
    case 34: try reader.message(into: &leafShown)
    case 35: try reader.message(into: &keySession)
    case 36: try reader.message(into: &keyApproved)
    case 37: try reader.message(into: &keyFailed)
    case 38: try reader.message(into: &membersShown)
    case 39: try reader.message(into: &repairStep)
    case 40: try reader.message(into: &advert)
    case 41: try reader.message(into: &earlierWanted)
    case 42: try reader.message(into: &earlierShown)
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
    writer.message(24, timeoutNow)
    writer.message(25, readCall)
    writer.message(26, readAnswer)
    writer.message(27, transferWanted)
    writer.message(28, witnessCall)
    writer.message(29, historyWanted)
    writer.message(30, historyShown)
    writer.message(31, artifactWanted)
    writer.message(32, artifactFound)
    writer.message(33, leavesWanted)
    writer.message(34, leafShown)
    writer.message(35, keySession)
    writer.message(36, keyApproved)
    writer.message(37, keyFailed)
    writer.message(38, membersShown)
    writer.message(39, repairStep)
    writer.message(40, advert)
    writer.message(41, earlierWanted)
    writer.message(42, earlierShown)
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
  /// Its owner's signed statement.
  public var statement: [UInt8] = []
  /// In plain, over the peers' channel; every node seals it for itself.
  public var content: [UInt8] = []

  public init() {}

  public init(statement: [UInt8] = [], content: [UInt8] = []) {
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

/// `openexec.v1.ArtifactWanted`.
public struct ArtifactWanted: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""

  public init() {}

  public init(tenant: String = "", digest: String = "") {
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

/// `openexec.v1.ArtifactFound`.
public struct ArtifactFound: WireMessage {
  public var tenant: String = ""
  public var digest: String = ""
  /// In plain, over the peers' channel; every node seals it for itself.
  public var content: [UInt8] = []

  public init() {}

  public init(tenant: String = "", digest: String = "", content: [UInt8] = []) {
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
  /// The links of the chain of keys, with the first piece.
  public var links: [String] = []

  public init() {}

  public init(
    note: String = "", term: UInt64 = 0, peaks: [[UInt8]] = [], logTime: String = "", names: [String] = [],
    cells: [[UInt8]] = [], piece: UInt64 = 0, last: Bool = false, links: [String] = []
  ) {
    self.note = note
    self.term = term
    self.peaks = peaks
    self.logTime = logTime
    self.names = names
    self.cells = cells
    self.piece = piece
    self.last = last
    self.links = links
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
    case 9: links.append(try reader.string())
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
    writer.strings(9, links)
  }
}

/// `openexec.v1.SnapshotTaken`.
public struct SnapshotTaken: WireMessage {
  public var size: UInt64 = 0
  public var accepted: Bool = false
  /// Pieces that have come so far; 0 where the transfer is over.
  public var pieces: UInt64 = 0

  public init() {}

  public init(size: UInt64 = 0, accepted: Bool = false, pieces: UInt64 = 0) {
    self.size = size
    self.accepted = accepted
    self.pieces = pieces
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: size = try reader.uint64()
    case 2: accepted = try reader.bool()
    case 3: pieces = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, size)
    writer.bool(2, accepted)
    writer.uint64(3, pieces)
  }
}

/// `openexec.v1.ProgramAdvert`.
public struct ProgramAdvert: WireMessage {
  /// The newest semantics that the sender's program applies.
  public var semantics: UInt32 = 0

  public init() {}

  public init(semantics: UInt32 = 0) { self.semantics = semantics }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: semantics = try reader.uint32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.uint32(1, semantics) }
}
