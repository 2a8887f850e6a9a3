import Crypto
import Testing

@testable import FROST

/// How a simulated signer behaves.
enum Behaviour: CaseIterable {
  case honest
  case silent
  case lying
  case slow
  case unwilling
  case forgetful
}

/// A coordinator with its signers: requests and answers travel in an order drawn from a seed, and a
/// silent or slow signer is passed over when nothing else moves.
struct CoordinationRun<Suite: CipherSuite> {
  var coordinator: Coordinator<Suite>
  var book: CommitmentBook<Suite>
  let parties: [TestParty<Suite>]
  let behaviours: [Behaviour]
  var random: SeededRandom
  var inFlight: [Coordinator<Suite>.Event] = []
  /// Answers of slow signers, delivered only when nothing else is left.
  var late: [Coordinator<Suite>.Event] = []
  var culprits: [Culprit] = []
  var signature: SchnorrSignature<Suite>?
  var requests = 0
  var openSessionsSeen = 0

  init(
    _ parties: [TestParty<Suite>], _ publicKeys: PublicKeyPackage<Suite>,
    _ behaviours: [Behaviour], seed: UInt64
  ) throws {
    coordinator = try Coordinator(publicKeys: publicKeys, message: Array("note".utf8))
    book = CommitmentBook(parties: publicKeys.parties)
    self.parties = parties
    self.behaviours = behaviours
    random = SeededRandom(seed)
    for party in parties {
      try book.add(
        party.pool.publish(8, for: party.key, using: &random), from: party.identifier)
    }
  }

  /// Runs until signed or until nothing can move; the number of steps is bounded.
  mutating func run() throws {
    try step(.commitmentsAvailable)
    for _ in 0..<1000 {
      if signature != nil { return }
      if !inFlight.isEmpty {
        let index = Int.random(in: 0..<inFlight.count, using: &random)
        try step(inFlight.remove(at: index))
      } else if !late.isEmpty, Bool.random(using: &random) {
        try step(late.removeFirst())
      } else if let waiting = coordinator.pending.first(where: { !passedOver.contains($0) }) {
        passedOver.append(waiting)
        try step(.passOver(waiting))
      } else if !late.isEmpty {
        try step(late.removeFirst())
      } else {
        return
      }
    }
  }

  private var passedOver: [Identifier] = []

  private mutating func step(_ event: Coordinator<Suite>.Event) throws {
    var effects: [Coordinator<Suite>.Effect] = []
    coordinator.step(event, book: &book, into: &effects)
    openSessionsSeen = max(openSessionsSeen, coordinator.openSessions)
    #expect(Set(coordinator.pending).count == coordinator.pending.count)
    for effect in effects {
      switch effect {
      case .request(let party, let session, let package):
        requests += 1
        passedOver.removeAll { $0 == party }
        try answer(party, session, package)
      case .culprit(let culprit): culprits.append(culprit)
      case .signed(let result): signature = result
      case .needCommitments(let identifier):
        for party in parties where party.identifier == identifier {
          try book.add(
            party.pool.publish(8, for: party.key, using: &random), from: identifier)
        }
        inFlight.append(.commitmentsAvailable)
      case .stuck: break
      }
    }
  }

  private mutating func answer(
    _ identifier: Identifier, _ session: Int, _ package: SigningPackage<Suite>
  ) throws {
    guard let index = parties.firstIndex(where: { $0.identifier == identifier }) else { return }
    let party = parties[index]
    switch behaviours[index] {
    case .silent: return
    case .unwilling: inFlight.append(.declined(identifier))
    case .forgetful: inFlight.append(.nonceSpent(identifier, session: session))
    case .lying:
      let share = SignatureShare<Suite>(party: identifier, response: .random(using: &random))
      inFlight.append(.share(share, session: session, from: identifier))
    case .honest, .slow:
      let round = try party.key.prepare(package)
      guard case .share(let share) = try party.pool.sign(round, with: party.key) else {
        throw TestFailure.unexpected("the coordinator repeated a commitment")
      }
      let event = Coordinator<Suite>.Event.share(share, session: session, from: identifier)
      if behaviours[index] == .slow { late.append(event) } else { inFlight.append(event) }
    }
  }
}

@Suite("Robust coordination")
struct CoordinatorTests {
  typealias S = TinySuite

  @Test("any t honest, responsive signers finish, whatever the others do", arguments: 1...400)
  func finishes(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let count = Int.random(in: 2...7, using: &random)
    let threshold = Int.random(in: 1...count, using: &random)
    let (parties, publicKeys) = try generateKey(
      count, threshold: threshold, seed: seed, suite: S.self)
    var behaviours = [Behaviour](repeating: .honest, count: count)
    for index in 0..<count - threshold {
      behaviours[index] =
        Behaviour.allCases[Int.random(in: 0..<Behaviour.allCases.count, using: &random)]
    }
    behaviours.shuffle(using: &random)
    var run = try CoordinationRun(parties, publicKeys, behaviours, seed: seed)
    try run.run()
    guard let signature = run.signature else {
      Issue.record("no signature: \(behaviours), threshold \(threshold)")
      return
    }
    #expect(publicKeys.verifies(signature, over: Array("note".utf8)))
    #expect(run.openSessionsSeen <= count - threshold + 1)
    #expect(Set(run.culprits.map(\.party)).count == run.culprits.count)
    for culprit in run.culprits {
      #expect(behaviours[Int(culprit.party.value) - 1] == .lying)
    }
  }

  @Test("without t willing signers there is no signature, and only liars are named", arguments: 1...100)
  func stuck(seed: UInt64) throws {
    var random = SeededRandom(seed)
    let (parties, publicKeys) = try generateKey(5, threshold: 4, seed: seed, suite: S.self)
    var behaviours: [Behaviour] = [.honest, .honest, .honest, .lying, .silent]
    if seed % 2 == 0 { behaviours[4] = .unwilling }
    behaviours.shuffle(using: &random)
    var run = try CoordinationRun(parties, publicKeys, behaviours, seed: seed)
    try run.run()
    #expect(run.signature == nil)
    for culprit in run.culprits {
      #expect(behaviours[Int(culprit.party.value) - 1] == .lying)
    }
  }

  @Test("with everyone honest one session of exactly t requests suffices")
  func oneSession() throws {
    let (parties, publicKeys) = try generateKey(5, threshold: 4, seed: 1, suite: S.self)
    var run = try CoordinationRun(
      parties, publicKeys, [Behaviour](repeating: .honest, count: 5), seed: 1)
    try run.run()
    #expect(run.signature != nil)
    #expect(run.requests == 4)
    #expect(run.culprits.isEmpty)
  }

  @Test("the real suite: a liar and a silent party among seven do not stop five")
  func realSuite() throws {
    let (parties, publicKeys) = try generateKey(
      7, threshold: 5, seed: 2, suite: Ed25519SHA512.self)
    var run = try CoordinationRun(
      parties, publicKeys, [.lying, .silent, .honest, .honest, .honest, .honest, .honest], seed: 3)
    try run.run()
    #expect(run.signature != nil)
    #expect(run.culprits == [Culprit(identifiers(7)[0], .invalidSignatureShare)])
  }

  @Test("preferred parties are asked first, and stuck says how many are missing, once")
  func preferenceAndStuck() throws {
    let (parties, publicKeys) = try generateKey(4, threshold: 3, seed: 4, suite: S.self)
    var random = SeededRandom(4)
    let ids = identifiers(4)
    var book = CommitmentBook<S>(parties: ids)
    var coordinator = try Coordinator(
      publicKeys: publicKeys, message: [], preferred: [ids[3], ids[2]])
    var effects: [Coordinator<S>.Effect] = []
    coordinator.step(.passOver(ids[0]), book: &book, into: &effects)
    #expect(effects == ids.map { .needCommitments(party: $0) } + [.stuck(missing: 3)])
    effects = []
    coordinator.step(.passOver(ids[1]), book: &book, into: &effects)
    #expect(effects == [])
    for party in parties {
      try book.add(party.pool.publish(1, for: party.key, using: &random), from: party.identifier)
    }
    coordinator.step(.commitmentsAvailable, book: &book, into: &effects)
    let asked = effects.compactMap {
      if case .request(let party, _, _) = $0 { party } else { nil }
    }
    #expect(asked == [ids[0], ids[2], ids[3]])
    #expect(coordinator.pendingRequests == effects)
  }

  @Test("a decline closes the session at once and others are asked; willing brings the party back")
  func decline() throws {
    let (parties, publicKeys) = try generateKey(3, threshold: 2, seed: 5, suite: S.self)
    var random = SeededRandom(5)
    let ids = identifiers(3)
    var book = CommitmentBook<S>(parties: ids)
    for party in parties {
      try book.add(party.pool.publish(4, for: party.key, using: &random), from: party.identifier)
    }
    var coordinator = try Coordinator(publicKeys: publicKeys, message: [])
    var effects: [Coordinator<S>.Effect] = []
    coordinator.step(.commitmentsAvailable, book: &book, into: &effects)
    #expect(coordinator.pending == [ids[0], ids[1]])
    coordinator.step(.declined(ids[0]), book: &book, into: &effects)
    #expect(coordinator.pending == [ids[1], ids[2]])
    effects = []
    coordinator.step(.declined(ids[1]), book: &book, into: &effects)
    #expect(effects.last == .stuck(missing: 1))
    coordinator.step(.willing(ids[0]), book: &book, into: &effects)
    #expect(coordinator.pending == [ids[0], ids[2]])
    #expect(coordinator.culprits.isEmpty)
  }

  @Test("the book hands each commitment out once and refuses repeats, strangers and former boots")
  func bookRefusesRepeats() throws {
    let (parties, publicKeys) = try generateKey(2, threshold: 2, seed: 6, suite: S.self)
    var random = SeededRandom(6)
    let party = parties[0]
    let first = party.pool.publish(3, for: party.key, using: &random)
    var book = CommitmentBook<S>(parties: publicKeys.parties)
    try book.add(first, from: party.identifier)
    let repeated = FROSTError.culprits([Culprit(party.identifier, .repeatedCommitment)])
    #expect(throws: repeated) { try book.add([first[2]], from: party.identifier) }
    #expect(book.take(from: party.identifier) == first[0])
    #expect(throws: repeated) { try book.add([first[0]], from: party.identifier) }
    #expect(
      throws: FROSTError.culprits([Culprit(parties[1].identifier, .commitmentMismatch)])
    ) { try book.add([first[1]], from: parties[1].identifier) }

    var restarted = NoncePool<S>(party: party.identifier, boot: 2)
    let second = restarted.publish(2, for: party.key, using: &random)
    try book.add(second, from: party.identifier)
    #expect(book.available(of: party.identifier) == 2)
    #expect(throws: repeated) { try book.add([first[1]], from: party.identifier) }
    #expect(book.take(from: party.identifier) == second[0])

    // The same elements under a new counter.
    guard
      let disguised = NonceCommitment<S>(
        nonce: NonceID(party: party.identifier, boot: 2, counter: 9), hiding: second[1].hiding,
        binding: second[1].binding)
    else { throw TestFailure.unexpected("no commitment") }
    #expect(throws: repeated) { try book.add([disguised], from: party.identifier) }
  }
}
