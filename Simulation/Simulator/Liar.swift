import Canonical
import ClawLedger
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// One way in which a governance party lies.
public enum Lie: String, Sendable, CaseIterable {
  /// Leads with two contents for one index, to different peers.
  case equivocate
  /// Shares that are none.
  case garbageShares
  /// Declines whatever it is asked to sign, and names every leaf.
  case declineAll
  /// Withholds some kinds of messages from some peers.
  case censor
  /// Sends old messages again, to whomever.
  case replay
  /// Its clock is far off: log time and note times with it.
  case falseTime
  /// Spoils what it offers to executors.
  case spoilJobs
  /// Names terms that nobody has reached.
  case higherTerms
  /// Says that it holds what it does not, and roots that are none.
  case falseAcknowledgements
  /// Forges statements that it forwards, notes and restrictions.
  case forge
  /// Forwards proposals that no agent made.
  case invent
  /// Asks for two shares with the same nonces.
  case askTwice
  /// Coordinates notes of a root that nobody has; this one and the next two in the build for mutants alone, since the
  /// node itself has to lie.
  case falseRoot
  /// Coordinates notes of a state that nobody derives.
  case falseState
  /// Coordinates consent to every approval, void or not.
  case falseConsent
  // What no seed draws either: exact lies of scenarios.

  /// Leads with two contents for one index, each time: peers with an odd number get the last entry a nanosecond later.
  case twoStories
  /// Leads with something else attached to the last entry, for peers with an odd number.
  case otherAttachments
  /// Leaves a cell out of the states that it sends.
  case spoilStates
  /// Goes back to the disk that it had at the beginning, at the end: its vote, its log and what it signed since never were.
  case forget
  /// Names a term one higher than its own, each time that it answers a leader.
  case oneTermMore
  /// Shows a note that it has signed with its own share of the first key and those of parties that have left or do the same.
  case oldShares
  /// Shows everybody all restrictions that operators have ever signed.
  case oldRestrictions
  /// Names numbers that are as large as they can be, whatever they count; drawn by seeds too.
  case extremeNumbers
  /// Shows everybody refusals of nodes' and operators' certificates that one operator alone has signed, and one of nobody's
  /// that two have; drawn by seeds that have late restrictions.
  case lockOut

  /// What seeds draw.
  static let drawn = allCases.prefix { $0 != .falseRoot } + [.extremeNumbers]

  /// What is counted when a lie is told.
  static let faultNames = [
    "lie: ask twice", "lie: censor", "lie: decline", "lie: equivocate", "lie: extreme number",
    "lie: false acknowledgement",
    "lie: false time",
    "lie: forgery", "lie: garbage share", "lie: higher term", "lie: invented proposal", "lie: lock-out",
    "lie: replay",
    "lie: spoiled job",
    "lie: spoiled lease",
  ]
}

/// An adversarial shell around an honest node: rewrites what leaves it. It holds the party's own keys, and
/// nobody else's.
struct Liar {
  let id: NodeID
  /// How it lies at the moment: each lie once for every item of the schedule that says so.
  private var lies: [Lie] = []
  private let partyKey: SigningKeyBox
  /// The agent in whose name it invents.
  private let victim: Enrolment
  private let cluster: Digest
  /// One for each kind of lie: that one is not told changes nothing about another.
  private var randoms: Randoms
  private var history: [PeerMessage] = []
  private var offers: [JobOffer] = []
  private var leases: [LeaseResponse] = []
  /// What is withheld, by kind of message, and from whom.
  private let censored: [(kind: Int, peer: UInt64)]

  /// A party's key, which cannot be copied.
  final class SigningKeyBox {
    let key: SigningKey
    init(_ key: consuming SigningKey) { self.key = key }
  }

  init(
    id: NodeID, key: SigningKeyBox, victim: Enrolment, cluster: Digest, nodes: Int, seed: UInt64,
    log: DeterminismLog?
  ) {
    self.id = id
    partyKey = key
    self.victim = victim
    self.cluster = cluster
    randoms = Randoms(id: id, seed: seed, log: log)
    var censored: [(kind: Int, peer: UInt64)] = []
    for _ in 0..<(1 + randoms[.censor].below(6)) {
      censored.append((Int(randoms[.censor].below(12)), 1 + randoms[.censor].below(UInt64(nodes))))
    }
    self.censored = censored
  }

  /// A generator for each kind of lie.
  private struct Randoms {
    private var all: [SeededRandom]

    init(id: NodeID, seed: UInt64, log: DeterminismLog?) {
      all = Lie.allCases.indices.map { kind in
        SeededRandom(seed: seed, for: .liar, named: id.rawValue << 8 | UInt64(kind), log: log)
      }
    }

    private static func place(_ lie: Lie) -> Int { Lie.allCases.firstIndex(of: lie) ?? 0 }

    subscript(lie: Lie) -> SeededRandom {
      get { all[Self.place(lie)] }
      set { all[Self.place(lie)] = newValue }
    }
  }

  /// Whether it lies at all.
  var isActive: Bool { !lies.isEmpty }

  func tells(_ lie: Lie) -> Bool { lies.contains(lie) }

  /// Begins to lie in this way. Returns how far its clock is off, in nanoseconds, where that is the lie.
  mutating func begin(_ lie: Lie) -> Int64 {
    lies.append(lie)
    guard lie == .falseTime else { return 0 }
    let offset = Int64(1_000_000_000 + randoms[.falseTime].below(59_000_000_000))
    return randoms[.falseTime].chance(600_000) ? offset : -offset
  }

  mutating func end(_ lie: Lie) {
    if let position = lies.firstIndex(of: lie) { lies.remove(at: position) }
  }

  mutating func endAll() { lies = [] }

  // MARK: To peers

  /// What goes out instead of `message`.
  mutating func rewrite(
    _ message: PeerMessage, to peer: NodeID, oracles: inout Oracles
  ) -> [(to: NodeID, message: PeerMessage)] {
    guard isActive else { return [(peer, message)] }
    if tells(.censor), let kind = Self.kind(message),
      censored.contains(where: { $0.kind == kind && $0.peer == peer.rawValue })
    {
      oracles.count(fault: "lie: censor")
      return []
    }
    var out = message
    if tells(.equivocate) { equivocate(&out, peer, &oracles) }
    if tells(.twoStories) || tells(.otherAttachments) { tellOtherwise(&out, peer) }
    if tells(.spoilStates) { spoilState(&out) }
    if tells(.garbageShares) { spoilShare(&out, &oracles) }
    if tells(.declineAll) { decline(&out, &oracles) }
    if tells(.higherTerms) { raiseTerm(&out, &oracles) }
    if tells(.oneTermMore), case .appendAnswer(var answer) = out {
      answer.term += 1
      out = .appendAnswer(answer)
    }
    if tells(.falseAcknowledgements) { acknowledgeFalsely(&out, &oracles) }
    if tells(.forge) { forge(&out, &oracles) }
    if tells(.extremeNumbers), randoms[.extremeNumbers].chance(100_000),
      let extreme = try? PeerMessage(
        decoding: ExtremeNumbers.placed(in: out.encode(), using: &randoms[.extremeNumbers]))
    {
      oracles.count(fault: "lie: extreme number")
      out = extreme
    }
    var sent = [(to: peer, message: out)]
    if tells(.invent), randoms[.invent].chance(20_000) {
      oracles.count(fault: "lie: invented proposal")
      sent.append((peer, invention()))
    }
    if tells(.askTwice), let call = message.signCall, randoms[.askTwice].chance(300_000) {
      oracles.count(fault: "lie: ask twice")
      sent.append((peer, Self.askedAgain(call)))
    }
    if tells(.replay) {
      if history.count < 256 {
        history.append(message)
      } else if randoms[.replay].chance(50_000) {
        history[Int(randoms[.replay].below(256))] = message
      }
      if randoms[.replay].chance(100_000) {
        oracles.count(fault: "lie: replay")
        sent.append((peer, history[Int(randoms[.replay].below(UInt64(history.count)))]))
      }
    }
    return sent
  }

  private static func kind(_ message: PeerMessage) -> Int? {
    if message.appendCall != nil { return 0 }
    if message.appendAnswer != nil { return 1 }
    if message.voteAnswer != nil { return 2 }
    if message.durable != nil { return 3 }
    if message.nonces != nil { return 4 }
    if message.signCall != nil { return 5 }
    if message.signAnswer != nil { return 6 }
    if message.note != nil { return 7 }
    if message.forwardCall != nil || message.forwardAnswer != nil { return 8 }
    if message.restriction != nil || message.restrictionBound != nil { return 9 }
    if message.challenge != nil { return 10 }
    if message.noteWanted != nil { return 11 }
    return nil
  }

  /// Peers with an odd number get another last entry: the same record at another time.
  private mutating func equivocate(_ message: inout PeerMessage, _ peer: NodeID, _ oracles: inout Oracles) {
    guard peer.rawValue % 2 == 1, var call = message.appendCall, !call.entries.isEmpty,
      randoms[.equivocate].chance(100_000)
    else { return }
    let last = call.entries.count - 1
    guard let payload = try? EntryPayload(parsing: call.entries[last].payload),
      let record = try? Record(parsing: payload.record)
    else { return }
    oracles.count(fault: "lie: equivocate")
    if randoms[.equivocate].chance(200_000), !payload.attachment.isEmpty {
      // The same leaf, with something else attached.
      call.entries[last].payload = EntryPayload(record: payload.record, attachment: spoiledParameters()).bytes
      message = .appendCall(call)
      return
    }
    let isSame = randoms[.equivocate].chance(500_000)
    let other = Record(
      at: record.at.advanced(by: Interval(nanoseconds: 1)), body: isSame ? record.body : .tick)
    call.entries[last].payload =
      EntryPayload(record: other.bytes, attachment: isSame ? payload.attachment : []).bytes
    message = .appendCall(call)
  }

  private mutating func tellOtherwise(_ message: inout PeerMessage, _ peer: NodeID) {
    guard peer.rawValue % 2 == 1, var call = message.appendCall, !call.entries.isEmpty else { return }
    let last = call.entries.count - 1
    guard let payload = try? EntryPayload(parsing: call.entries[last].payload),
      let record = try? Record(parsing: payload.record)
    else { return }
    if tells(.twoStories) {
      let other = Record(at: record.at.advanced(by: Interval(nanoseconds: 1)), body: record.body)
      call.entries[last].payload = EntryPayload(record: other.bytes, attachment: payload.attachment).bytes
    } else if !payload.attachment.isEmpty {
      call.entries[last].payload = EntryPayload(record: payload.record, attachment: spoiledParameters()).bytes
    }
    message = .appendCall(call)
  }

  private func spoilState(_ message: inout PeerMessage) {
    guard var piece = message.snapshotPiece,
      let position = piece.names.firstIndex(where: { $0.hasPrefix("proposal/") })
    else { return }
    piece.names.remove(at: position)
    piece.cells.remove(at: position)
    message = .snapshotPiece(piece)
  }

  private mutating func spoilShare(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: garbage share")
    switch randoms[.garbageShares].below(3) {
    case 0: answer.share = randoms[.garbageShares].bytes(answer.share.count)
    // After the party's two bytes: another scalar.
    case 1: answer.share[2] ^= 1
    default: answer.share = []
    }
    message = .signAnswer(answer)
  }

  private mutating func decline(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: decline")
    answer.share = []
    answer.declined = ["consent", "lease", "other", "spent"][Int(randoms[.declineAll].below(4))]
    answer.except = (0..<64).map { $0 + randoms[.declineAll].below(512) }
    answer.signature = []
    answer.signature =
      partyKey.key.sign(
        Array("openexec/v1/decline\n\(cluster.hex)\n".utf8) + answer.encode()
      ).bytes
    message = .signAnswer(answer)
  }

  private mutating func raiseTerm(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.higherTerms].chance(10_000) else { return }
    let step =
      randoms[.higherTerms].chance(100_000)
      ? randoms[.higherTerms].next() >> 1 : 1 + randoms[.higherTerms].below(20)
    func raised(_ term: UInt64) -> UInt64 { term.addingReportingOverflow(step).partialValue }
    switch message {
    case .voteCall(var call):
      call.term = raised(call.term)
      call.preVote = randoms[.higherTerms].chance(500_000)
      call.isTransfer = randoms[.higherTerms].chance(500_000)
      message = .voteCall(call)
    case .voteAnswer(var answer):
      answer.term = raised(answer.term)
      message = .voteAnswer(answer)
    case .appendCall(var call):
      call.term = raised(call.term)
      message = .appendCall(call)
    case .appendAnswer(var answer):
      answer.term = raised(answer.term)
      message = .appendAnswer(answer)
    case .signCall(var call):
      call.term = raised(call.term)
      message = .signCall(call)
    case .durable(var durable):
      durable.term = raised(durable.term)
      message = .durable(durable)
    default: return
    }
    oracles.count(fault: "lie: higher term")
  }

  /// The same question about a note a little later, under another name.
  private static func askedAgain(_ call: SignCall) -> PeerMessage {
    var again = call
    again.session += 1
    if var note = try? CheckpointNote(parsing: String(decoding: call.text, as: UTF8.self)) {
      note.time = note.time.advanced(by: .milliseconds(1))
      again.text = Array(note.text.utf8)
    }
    return PeerMessage.signCall(again)
  }

  private mutating func acknowledgeFalsely(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.falseAcknowledgements].chance(50_000) else { return }
    if var answer = message.appendAnswer {
      answer.outcome = UInt32(1 + randoms[.falseAcknowledgements].below(5))
      let shift = randoms[.falseAcknowledgements].below(8)
      answer.index =
        randoms[.falseAcknowledgements].chance(500_000)
        ? answer.index + shift : answer.index - min(answer.index, shift)
      answer.hint = randoms[.falseAcknowledgements].below(answer.index + 8)
      message = .appendAnswer(answer)
    } else if var durable = message.durable {
      durable.size += randoms[.falseAcknowledgements].below(8)
      if randoms[.falseAcknowledgements].chance(500_000) {
        durable.root = randoms[.falseAcknowledgements].bytes(32)
      }
      message = .durable(durable)
    } else {
      return
    }
    oracles.count(fault: "lie: false acknowledgement")
  }

  private mutating func forge(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.forge].chance(100_000) else { return }
    if var call = message.forwardCall {
      Self.spoil(&call.statement, using: &randoms[.forge])
      message = .forwardCall(call)
    } else if var answer = message.forwardAnswer {
      answer.index = randoms[.forge].below(answer.index + 16)
      message = .forwardAnswer(answer)
    } else if var shown = message.note {
      var bytes = Array(shown.note.utf8)
      Self.spoil(&bytes, using: &randoms[.forge])
      shown.note = String(decoding: bytes, as: UTF8.self)
      message = .note(shown)
    } else if var shown = message.restriction {
      Self.spoil(&shown.statement, using: &randoms[.forge])
      message = .restriction(shown)
    } else if var call = message.signCall {
      switch randoms[.forge].below(3) {
      case 0: Self.spoil(&call.text, using: &randoms[.forge])
      case 1: call.restrictions = Array("[]".utf8)
      default: call.commitments.reverse()
      }
      message = .signCall(call)
    } else if var challenge = message.challenge {
      challenge.challenge = randoms[.forge].bytes(32)
      message = .challenge(challenge)
    } else if message.noteWanted != nil {
      message = .noteWanted(NoteWanted(size: 0, leaves: [randoms[.forge].below(64), .max]))
    } else {
      return
    }
    oracles.count(fault: "lie: forgery")
  }

  /// A proposal in an agent's name, signed with the one key that it has.
  private mutating func invention() -> PeerMessage {
    let number = randoms[.invent].next()
    let agent = victim.principal
    let item = Attachment.Item(
      salt: randoms[.invent].bytes(16), value: .object([("text", "nobody asked for this")]))
    let content = Proposal(
      traceID: "invented-\(number)", requestID: "invented-\(number)", tenantID: victim.tenantID,
      workspaceID: "main",
      requestedBy: agent, action: "echo", parametersHash: item.hash, scopes: ["text"],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low),
      validUntil: (Timestamp(nanoseconds: simulatedEpoch) ?? .epoch).advanced(by: .seconds(7200)))
    // It names the agent's key, and has its own alone.
    let bytes = Statement.bytes(.proposal, cluster: cluster, content: content.json)
    let line = StatementSignature(by: agent, key: victim.key, signature: partyKey.key.sign(bytes))
    let signed = Signed(content: content, signatures: [line])
    // What an honest node takes for the agent's, if it looks at the name alone.
    return .forwardCall(
      ForwardCall(
        id: number, type: RecordType.proposal.rawValue, statement: statementBytes(signed),
        attachment: Attachment("parameters", item).bytes))
  }

  /// One digit or letter becomes another.
  private static func spoil(_ bytes: inout [UInt8], using random: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    let position = Int(random.below(UInt64(bytes.count)))
    bytes[position] = bytes[position] == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
  }

  // MARK: To executors and other callers

  mutating func rewrite(_ answer: Answer, isExecutor: Bool, oracles: inout Oracles) -> [Answer] {
    if tells(.extremeNumbers), randoms[.extremeNumbers].chance(100_000) {
      oracles.count(fault: "lie: extreme number")
      return [answer.changed { ExtremeNumbers.placed(in: $0, using: &randoms[.extremeNumbers]) }]
    }
    guard tells(.spoilJobs), isExecutor else { return [answer] }
    switch answer {
    case .item(let key, let payload):
      guard var offer = try? JobOffer(decoding: payload) else { return [answer] }
      if offers.count < 64 { offers.append(offer) }
      let old = offers[Int(randoms[.spoilJobs].below(UInt64(offers.count)))]
      oracles.count(fault: "lie: spoiled job")
      switch randoms[.spoilJobs].below(8) {
      case 0: offer.attachment = spoiledParameters()
      case 1: offer.attachment = old.attachment
      case 2:
        offer.proposal = old.proposal
        offer.attachment = old.attachment
      case 3: offer.token = old.token
      case 4:
        var bytes = Array(offer.token.utf8)
        Self.spoil(&bytes, using: &randoms[.spoilJobs])
        offer.token = String(decoding: bytes, as: UTF8.self)
      case 5: offer.lease = leases.first ?? offer.lease
      case 6: offer.lease?.restrictions = Array("[]".utf8)
      default: break
      }
      let replayed = Answer.item(key, payload: old.encode())
      return [.item(key, payload: offer.encode()), replayed]
    case .respond(let key, let status, let payload):
      guard status.code == .ok, var lease = try? LeaseResponse(decoding: payload), !lease.note.isEmpty else {
        return [answer]
      }
      if leases.count < 32 { leases.append(lease) }
      switch randoms[.spoilJobs].below(4) {
      case 0: lease = leases[Int(randoms[.spoilJobs].below(UInt64(leases.count)))]
      case 1: lease.restrictions = Array("[]".utf8)
      case 2: lease.bundle = Array("{}".utf8)
      default: return [answer]
      }
      oracles.count(fault: "lie: spoiled lease")
      return [.respond(key, status, payload: lease.encode())]
    }
  }

  private mutating func spoiledParameters() -> [UInt8] {
    let item = Attachment.Item(
      salt: randoms[.spoilJobs].bytes(16), value: .object([("text", "something else")]))
    return Attachment("parameters", item).bytes
  }
}

extension Answer {
  fileprivate func changed(_ change: ([UInt8]) -> [UInt8]) -> Answer {
    switch self {
    case .respond(let key, let status, let payload): .respond(key, status, payload: change(payload))
    case .item(let key, let payload): .item(key, payload: change(payload))
    }
  }
}
