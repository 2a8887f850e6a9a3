import Canonical
import ClawLedger
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// An adversarial shell around an honest node: rewrites what leaves it. It holds the party's own keys, and
/// nobody else's. How each lie is told the files beside this one say, by what it is about.
struct Liar {
  let id: NodeID
  /// How it lies at the moment: each lie once for every item of the schedule that says so.
  private var lies: [Lie] = []
  let partyKey: SigningKeyBox
  /// The agent in whose name it invents.
  let victim: Enrolment
  let cluster: Digest
  /// One for each kind of lie: that one is not told changes nothing about another. Invariant: whatever a lie leaves to
  /// chance, it draws from its own.
  var randoms: Randoms
  private var history: [PeerMessage] = []
  private var offers = SpoiledOffers()
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
  struct Randoms {
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

  // MARK: To executors and other callers

  mutating func rewrite(_ answer: Answer, isExecutor: Bool, oracles: inout Oracles) -> [Answer] {
    if tells(.extremeNumbers), randoms[.extremeNumbers].chance(100_000) {
      oracles.count(fault: "lie: extreme number")
      return [answer.changed { ExtremeNumbers.placed(in: $0, using: &randoms[.extremeNumbers]) }]
    }
    guard tells(.spoilJobs), isExecutor else { return [answer] }
    return offers.spoil(answer, using: &randoms[.spoilJobs], oracles: &oracles)
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
