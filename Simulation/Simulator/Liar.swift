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

  /// What is counted when a lie is told.
  static let faultNames = [
    "lie: censor", "lie: decline", "lie: equivocate", "lie: false acknowledgement", "lie: false time",
    "lie: forgery", "lie: garbage share", "lie: higher term", "lie: replay", "lie: spoiled job",
    "lie: spoiled lease",
  ]
}

/// An adversarial shell around an honest node: rewrites what leaves it. It holds the party's own keys, and
/// nobody else's.
struct Liar {
  let id: NodeID
  let lies: [Lie]
  /// Until it is healed.
  var isActive = true
  private let partyKey: SigningKeyBox
  private let cluster: Digest
  private var random: SeededRandom
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

  init(id: NodeID, lies: [Lie], key: SigningKeyBox, cluster: Digest, nodes: Int, random: SeededRandom) {
    self.id = id
    self.lies = lies
    partyKey = key
    self.cluster = cluster
    self.random = random
    var censored: [(kind: Int, peer: UInt64)] = []
    for _ in 0..<(1 + self.random.below(6)) {
      censored.append((Int(self.random.below(12)), 1 + self.random.below(UInt64(nodes))))
    }
    self.censored = censored
  }

  private func tells(_ lie: Lie) -> Bool { isActive && lies.contains(lie) }

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
    if tells(.garbageShares) { spoilShare(&out, &oracles) }
    if tells(.declineAll) { decline(&out, &oracles) }
    if tells(.higherTerms) { raiseTerm(&out, &oracles) }
    if tells(.falseAcknowledgements) { acknowledgeFalsely(&out, &oracles) }
    if tells(.forge) { forge(&out, &oracles) }
    var sent = [(to: peer, message: out)]
    if tells(.replay) {
      if history.count < 256 {
        history.append(message)
      } else if random.chance(50_000) {
        history[Int(random.below(256))] = message
      }
      if random.chance(100_000) {
        oracles.count(fault: "lie: replay")
        sent.append((peer, history[Int(random.below(UInt64(history.count)))]))
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
      random.chance(100_000)
    else { return }
    let last = call.entries.count - 1
    guard let payload = try? EntryPayload(parsing: call.entries[last].payload),
      let record = try? Record(parsing: payload.record)
    else { return }
    oracles.count(fault: "lie: equivocate")
    let isSame = random.chance(500_000)
    let other = Record(
      at: record.at.advanced(by: Interval(nanoseconds: 1)), body: isSame ? record.body : .tick)
    call.entries[last].payload =
      EntryPayload(record: other.bytes, attachment: isSame ? payload.attachment : []).bytes
    message.appendCall = call
  }

  private mutating func spoilShare(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: garbage share")
    switch random.below(3) {
    case 0: answer.share = random.bytes(answer.share.count)
    case 1: answer.share[0] ^= 1
    default: answer.share = []
    }
    message.signAnswer = answer
  }

  private mutating func decline(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: decline")
    answer.share = []
    answer.declined = ["consent", "lease", "other", "spent"][Int(random.below(4))]
    answer.except = (0..<64).map { $0 + random.below(512) }
    answer.signature = []
    answer.signature =
      partyKey.key.sign(
        Array("openexec/v1/decline\n\(cluster.hex)\n".utf8) + answer.encode()
      ).bytes
    message.signAnswer = answer
  }

  private mutating func raiseTerm(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard random.chance(10_000) else { return }
    let step = random.chance(100_000) ? random.next() >> 1 : 1 + random.below(20)
    func raised(_ term: UInt64) -> UInt64 { term.addingReportingOverflow(step).partialValue }
    func raise<Part>(_ part: WritableKeyPath<PeerMessage, Part?>, _ term: WritableKeyPath<Part, UInt64>)
      -> Bool
    {
      guard var changed = message[keyPath: part] else { return false }
      changed[keyPath: term] = raised(changed[keyPath: term])
      message[keyPath: part] = changed
      return true
    }
    guard
      raise(\.voteCall, \.term) || raise(\.voteAnswer, \.term) || raise(\.appendCall, \.term)
        || raise(\.appendAnswer, \.term) || raise(\.signCall, \.term) || raise(\.durable, \.term)
    else { return }
    message.voteCall?.preVote = random.chance(500_000)
    message.voteCall?.isTransfer = random.chance(500_000)
    oracles.count(fault: "lie: higher term")
  }

  private mutating func acknowledgeFalsely(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard random.chance(50_000) else { return }
    if var answer = message.appendAnswer {
      answer.outcome = UInt32(1 + random.below(5))
      let shift = random.below(8)
      answer.index = random.chance(500_000) ? answer.index + shift : answer.index - min(answer.index, shift)
      answer.hint = random.below(answer.index + 8)
      message.appendAnswer = answer
    } else if var durable = message.durable {
      durable.size += random.below(8)
      if random.chance(500_000) { durable.root = random.bytes(32) }
      message.durable = durable
    } else {
      return
    }
    oracles.count(fault: "lie: false acknowledgement")
  }

  private mutating func forge(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard random.chance(100_000) else { return }
    if var call = message.forwardCall {
      Self.spoil(&call.statement, using: &random)
      message.forwardCall = call
    } else if var answer = message.forwardAnswer {
      answer.index = random.below(answer.index + 16)
      message.forwardAnswer = answer
    } else if var shown = message.note {
      var bytes = Array(shown.note.utf8)
      Self.spoil(&bytes, using: &random)
      shown.note = String(decoding: bytes, as: UTF8.self)
      message.note = shown
    } else if var shown = message.restriction {
      Self.spoil(&shown.statement, using: &random)
      message.restriction = shown
    } else if var call = message.signCall {
      switch random.below(3) {
      case 0: Self.spoil(&call.text, using: &random)
      case 1: call.restrictions = Array("[]".utf8)
      default: call.commitments.reverse()
      }
      message.signCall = call
    } else if var challenge = message.challenge {
      challenge.challenge = random.bytes(32)
      message.challenge = challenge
    } else if message.noteWanted != nil {
      message.noteWanted = NoteWanted(size: 0, leaves: [random.below(64), .max])
    } else {
      return
    }
    oracles.count(fault: "lie: forgery")
  }

  /// One digit or letter becomes another.
  private static func spoil(_ bytes: inout [UInt8], using random: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    let position = Int(random.below(UInt64(bytes.count)))
    bytes[position] = bytes[position] == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
  }

  // MARK: To executors and other callers

  mutating func rewrite(_ answer: Answer, isExecutor: Bool, oracles: inout Oracles) -> [Answer] {
    guard tells(.spoilJobs), isExecutor else { return [answer] }
    switch answer {
    case .item(let key, let payload):
      guard var offer = try? JobOffer(decoding: payload) else { return [answer] }
      if offers.count < 64 { offers.append(offer) }
      let old = offers[Int(random.below(UInt64(offers.count)))]
      oracles.count(fault: "lie: spoiled job")
      switch random.below(8) {
      case 0: offer.attachment = spoiledParameters()
      case 1: offer.attachment = old.attachment
      case 2:
        offer.proposal = old.proposal
        offer.attachment = old.attachment
      case 3: offer.token = old.token
      case 4:
        var bytes = Array(offer.token.utf8)
        Self.spoil(&bytes, using: &random)
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
      switch random.below(4) {
      case 0: lease = leases[Int(random.below(UInt64(leases.count)))]
      case 1: lease.restrictions = Array("[]".utf8)
      case 2: lease.bundle = Array("{}".utf8)
      default: return [answer]
      }
      oracles.count(fault: "lie: spoiled lease")
      return [.respond(key, status, payload: lease.encode())]
    }
  }

  private mutating func spoiledParameters() -> [UInt8] {
    let item = Attachment.Item(salt: random.bytes(16), value: .object([("text", "something else")]))
    return Attachment("parameters", item).bytes
  }
}
