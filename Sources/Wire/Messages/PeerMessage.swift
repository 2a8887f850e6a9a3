// `openexec.v1.PeerMessage` of Docs/Protocol/peer.proto.

/// What one governance node says to another. Where several members are set on the wire the last one counts, as in a
/// `oneof`; one that this program does not know leaves `unknown`.
public indirect enum PeerMessage: WireMessage {
  case voteCall(VoteCall)
  case voteAnswer(VoteAnswer)
  case appendCall(AppendCall)
  case appendAnswer(AppendAnswer)
  case durable(DurableLog)
  case nonces(NonceBatch)
  case signCall(SignCall)
  case signAnswer(SignAnswer)
  case note(NoteShown)
  case noteWanted(NoteWanted)
  case forwardCall(ForwardCall)
  case forwardAnswer(ForwardAnswer)
  case restriction(RestrictionShown)
  case restrictionBound(RestrictionBound)
  case challenge(ChallengeNote)
  case artifactPush(ArtifactPush)
  case artifactHeld(ArtifactHeld)
  case snapshotPiece(SnapshotPiece)
  case snapshotTaken(SnapshotTaken)
  case keyRoundOne(KeyRoundOne)
  case keyRoundTwo(KeyRoundTwo)
  case keySignature(KeySignature)
  case genesis(GenesisShown)
  case timeoutNow(TimeoutNowCall)
  case readCall(ReadCall)
  case readAnswer(ReadAnswer)
  case transferWanted(TransferRequest)
  case witnessCall(ForwardCall)
  case historyWanted(HistoryWanted)
  case historyShown(HistoryShown)
  case artifactWanted(ArtifactWanted)
  case artifactFound(ArtifactFound)
  case leavesWanted(LeavesWanted)
  case leafShown(LeafShown)
  case keySession(KeySessionCall)
  case keyApproved(KeyApproved)
  case keyFailed(KeyFailed)
  case membersShown(MembersShown)
  case repairStep(ShareRepairStep)
  case advert(ProgramAdvert)
  case earlierWanted(EarlierWanted)
  case earlierShown(EarlierShown)
  case declineShown(DeclineShown)
  /// None that this program knows.
  case unknown

  public init() { self = .unknown }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: self = .voteCall(try reader.message())
    case 2: self = .voteAnswer(try reader.message())
    case 3: self = .appendCall(try reader.message())
    case 4: self = .appendAnswer(try reader.message())
    case 5: self = .durable(try reader.message())
    case 6: self = .nonces(try reader.message())
    case 7: self = .signCall(try reader.message())
    case 8: self = .signAnswer(try reader.message())
    case 9: self = .note(try reader.message())
    case 10: self = .noteWanted(try reader.message())
    case 11: self = .forwardCall(try reader.message())
    case 12: self = .forwardAnswer(try reader.message())
    case 13: self = .restriction(try reader.message())
    case 14: self = .restrictionBound(try reader.message())
    case 15: self = .challenge(try reader.message())
    case 16: self = .artifactPush(try reader.message())
    case 17: self = .artifactHeld(try reader.message())
    case 18: self = .snapshotPiece(try reader.message())
    case 19: self = .snapshotTaken(try reader.message())
    case 20: self = .keyRoundOne(try reader.message())
    case 21: self = .keyRoundTwo(try reader.message())
    case 22: self = .keySignature(try reader.message())
    case 23: self = .genesis(try reader.message())
    case 24: self = .timeoutNow(try reader.message())
    case 25: self = .readCall(try reader.message())
    case 26: self = .readAnswer(try reader.message())
    case 27: self = .transferWanted(try reader.message())
    case 28: self = .witnessCall(try reader.message())
    case 29: self = .historyWanted(try reader.message())
    case 30: self = .historyShown(try reader.message())
    case 31: self = .artifactWanted(try reader.message())
    case 32: self = .artifactFound(try reader.message())
    case 33: self = .leavesWanted(try reader.message())
    case 34: self = .leafShown(try reader.message())
    case 35: self = .keySession(try reader.message())
    case 36: self = .keyApproved(try reader.message())
    case 37: self = .keyFailed(try reader.message())
    case 38: self = .membersShown(try reader.message())
    case 39: self = .repairStep(try reader.message())
    case 40: self = .advert(try reader.message())
    case 41: self = .earlierWanted(try reader.message())
    case 42: self = .earlierShown(try reader.message())
    case 43: self = .declineShown(try reader.message())
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    switch self {
    case .voteCall(let part): writer.message(1, part)
    case .voteAnswer(let part): writer.message(2, part)
    case .appendCall(let part): writer.message(3, part)
    case .appendAnswer(let part): writer.message(4, part)
    case .durable(let part): writer.message(5, part)
    case .nonces(let part): writer.message(6, part)
    case .signCall(let part): writer.message(7, part)
    case .signAnswer(let part): writer.message(8, part)
    case .note(let part): writer.message(9, part)
    case .noteWanted(let part): writer.message(10, part)
    case .forwardCall(let part): writer.message(11, part)
    case .forwardAnswer(let part): writer.message(12, part)
    case .restriction(let part): writer.message(13, part)
    case .restrictionBound(let part): writer.message(14, part)
    case .challenge(let part): writer.message(15, part)
    case .artifactPush(let part): writer.message(16, part)
    case .artifactHeld(let part): writer.message(17, part)
    case .snapshotPiece(let part): writer.message(18, part)
    case .snapshotTaken(let part): writer.message(19, part)
    case .keyRoundOne(let part): writer.message(20, part)
    case .keyRoundTwo(let part): writer.message(21, part)
    case .keySignature(let part): writer.message(22, part)
    case .genesis(let part): writer.message(23, part)
    case .timeoutNow(let part): writer.message(24, part)
    case .readCall(let part): writer.message(25, part)
    case .readAnswer(let part): writer.message(26, part)
    case .transferWanted(let part): writer.message(27, part)
    case .witnessCall(let part): writer.message(28, part)
    case .historyWanted(let part): writer.message(29, part)
    case .historyShown(let part): writer.message(30, part)
    case .artifactWanted(let part): writer.message(31, part)
    case .artifactFound(let part): writer.message(32, part)
    case .leavesWanted(let part): writer.message(33, part)
    case .leafShown(let part): writer.message(34, part)
    case .keySession(let part): writer.message(35, part)
    case .keyApproved(let part): writer.message(36, part)
    case .keyFailed(let part): writer.message(37, part)
    case .membersShown(let part): writer.message(38, part)
    case .repairStep(let part): writer.message(39, part)
    case .advert(let part): writer.message(40, part)
    case .earlierWanted(let part): writer.message(41, part)
    case .earlierShown(let part): writer.message(42, part)
    case .declineShown(let part): writer.message(43, part)
    case .unknown: break
    }
  }
}

extension PeerMessage {
  /// Bytes of the largest message that a frame holds; what is longer is never sent. Whoever builds a message that
  /// grows with what others bring keeps it below that: entries and history go in pieces of a mebibyte or one entry,
  /// artifacts have three, a call for a share proves a mebibyte of restrictions beside a list of at most 6,145
  /// entries, and each of these has at most 512 bytes.
  public static var maximumCount: Int { Frame.maximumPayloadCount }

  /// The name of its kind, such as `signCall`, for logs.
  public var kind: String { Mirror(reflecting: self).children.first?.label ?? "unknown" }
}

// What it is, for those who ask about one kind alone.
extension PeerMessage {
  public var voteCall: VoteCall? { if case .voteCall(let part) = self { part } else { nil } }
  public var voteAnswer: VoteAnswer? { if case .voteAnswer(let part) = self { part } else { nil } }
  public var appendCall: AppendCall? { if case .appendCall(let part) = self { part } else { nil } }
  public var appendAnswer: AppendAnswer? { if case .appendAnswer(let part) = self { part } else { nil } }
  public var durable: DurableLog? { if case .durable(let part) = self { part } else { nil } }
  public var nonces: NonceBatch? { if case .nonces(let part) = self { part } else { nil } }
  public var signCall: SignCall? { if case .signCall(let part) = self { part } else { nil } }
  public var signAnswer: SignAnswer? { if case .signAnswer(let part) = self { part } else { nil } }
  public var note: NoteShown? { if case .note(let part) = self { part } else { nil } }
  public var noteWanted: NoteWanted? { if case .noteWanted(let part) = self { part } else { nil } }
  public var forwardCall: ForwardCall? { if case .forwardCall(let part) = self { part } else { nil } }
  public var forwardAnswer: ForwardAnswer? { if case .forwardAnswer(let part) = self { part } else { nil } }
  public var restriction: RestrictionShown? { if case .restriction(let part) = self { part } else { nil } }
  public var restrictionBound: RestrictionBound? {
    if case .restrictionBound(let part) = self { part } else { nil }
  }
  public var challenge: ChallengeNote? { if case .challenge(let part) = self { part } else { nil } }
  public var artifactPush: ArtifactPush? { if case .artifactPush(let part) = self { part } else { nil } }
  public var artifactHeld: ArtifactHeld? { if case .artifactHeld(let part) = self { part } else { nil } }
  public var snapshotPiece: SnapshotPiece? { if case .snapshotPiece(let part) = self { part } else { nil } }
  public var snapshotTaken: SnapshotTaken? { if case .snapshotTaken(let part) = self { part } else { nil } }
  public var keyRoundOne: KeyRoundOne? { if case .keyRoundOne(let part) = self { part } else { nil } }
  public var keyRoundTwo: KeyRoundTwo? { if case .keyRoundTwo(let part) = self { part } else { nil } }
  public var keySignature: KeySignature? { if case .keySignature(let part) = self { part } else { nil } }
  public var genesis: GenesisShown? { if case .genesis(let part) = self { part } else { nil } }
  public var timeoutNow: TimeoutNowCall? { if case .timeoutNow(let part) = self { part } else { nil } }
  public var readCall: ReadCall? { if case .readCall(let part) = self { part } else { nil } }
  public var readAnswer: ReadAnswer? { if case .readAnswer(let part) = self { part } else { nil } }
  public var transferWanted: TransferRequest? {
    if case .transferWanted(let part) = self { part } else { nil }
  }
  public var witnessCall: ForwardCall? { if case .witnessCall(let part) = self { part } else { nil } }
  public var historyWanted: HistoryWanted? { if case .historyWanted(let part) = self { part } else { nil } }
  public var historyShown: HistoryShown? { if case .historyShown(let part) = self { part } else { nil } }
  public var artifactWanted: ArtifactWanted? {
    if case .artifactWanted(let part) = self { part } else { nil }
  }
  public var artifactFound: ArtifactFound? { if case .artifactFound(let part) = self { part } else { nil } }
  public var leavesWanted: LeavesWanted? { if case .leavesWanted(let part) = self { part } else { nil } }
  public var leafShown: LeafShown? { if case .leafShown(let part) = self { part } else { nil } }
  public var keySession: KeySessionCall? { if case .keySession(let part) = self { part } else { nil } }
  public var keyApproved: KeyApproved? { if case .keyApproved(let part) = self { part } else { nil } }
  public var keyFailed: KeyFailed? { if case .keyFailed(let part) = self { part } else { nil } }
  public var membersShown: MembersShown? { if case .membersShown(let part) = self { part } else { nil } }
  public var repairStep: ShareRepairStep? { if case .repairStep(let part) = self { part } else { nil } }
  public var advert: ProgramAdvert? { if case .advert(let part) = self { part } else { nil } }
  public var earlierWanted: EarlierWanted? { if case .earlierWanted(let part) = self { part } else { nil } }
  public var earlierShown: EarlierShown? { if case .earlierShown(let part) = self { part } else { nil } }
  public var declineShown: DeclineShown? { if case .declineShown(let part) = self { part } else { nil } }
}
