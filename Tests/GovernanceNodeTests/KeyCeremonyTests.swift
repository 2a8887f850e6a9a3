import Canonical
import Crypto
import FROST
import GovernanceNode
import Raft
import Records
import Simulator
import Testing
import Wire

/// A ceremony's parties around a table; a box, since ceremonies are not copied.
private final class Chair {
  let id: NodeID
  var ceremony: KeyCeremony<Ed25519SHA512>
  var genesis: GenesisShown?
  var fatal: String?
  var sealed = false

  init(_ id: NodeID, _ ceremony: consuming KeyCeremony<Ed25519SHA512>) {
    self.id = id
    self.ceremony = ceremony
  }
}

private struct Table {
  var chairs: [Chair] = []
  var random: SeededRandom
  private var clock: UInt64 = 0
  private var mail: [(from: NodeID, to: NodeID, message: PeerMessage)] = []

  init(seed: UInt64, bundle text: String = Table.registry, secondBundle: String? = nil) throws {
    random = SeededRandom(seed: seed)
    var seeds: [[UInt8]] = []
    var seats: [CeremonyConfiguration.Seat] = []
    for id in 1...5 {
      let seed = random.bytes(32)
      var consumed = seed
      guard let key = SigningKey(seed: &consumed) else { return }
      seeds.append(seed)
      seats.append(CeremonyConfiguration.Seat(id: id, name: "n\(id)", key: key.publicKey))
    }
    for (position, seat) in seats.enumerated() {
      let registry = position == 4 ? secondBundle ?? text : text
      let configuration = CeremonyConfiguration(
        clusterName: "t", seats: seats, threshold: 4,
        bundle: try PolicyBundle(files: [(PolicyBundle.registryPath, registry)]), enrolments: [],
        createdAt: .epoch)
      var seed = seeds[position]
      guard let key = SigningKey(seed: &seed), let id = NodeID(rawValue: UInt64(seat.id)) else { return }
      chairs.append(
        Chair(id, try KeyCeremony(id: id, configuration: configuration, partyKey: key, using: &random)))
    }
  }

  static let registry = """
    {"bundle_version":"1","constitution_version":"1","actions":[],"approvals":[],"breakers":
    {"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":1,"repeats_per_minute":1,"maximum_depth":0}}
    """

  mutating func take(_ effects: CeremonyEffects, of chair: Chair) {
    mail += effects.messages.map { (chair.id, $0.to, $0.message) }
    if let reason = effects.fatal { chair.fatal = reason }
    if let genesis = effects.genesis { chair.genesis = genesis }
    if effects.sealKey {
      chair.sealed = true
      var more = CeremonyEffects()
      chair.ceremony.keySealed(into: &more)
      take(more, of: chair)
    }
  }

  /// Runs `rounds` of ticks; `loss` in millionths; `tamper` may change a message on its way.
  mutating func run(
    rounds: Int, loss: UInt64 = 0, silent: [NodeID] = [],
    tamper: (NodeID, NodeID, inout PeerMessage) -> Void = { _, _, _ in }
  ) {
    for _ in 0..<rounds {
      clock += 1_000_000_000
      for chair in chairs where !silent.contains(chair.id) && chair.fatal == nil {
        var effects = CeremonyEffects()
        chair.ceremony.tick(at: Instant(nanoseconds: clock), into: &effects)
        take(effects, of: chair)
      }
      while !mail.isEmpty {
        let letters = mail
        mail = []
        for var letter in letters where !random.chance(loss) && !silent.contains(letter.from) {
          guard let chair = chairs.first(where: { $0.id == letter.to }), chair.fatal == nil,
            !silent.contains(chair.id)
          else { continue }
          tamper(letter.from, letter.to, &letter.message)
          var effects = CeremonyEffects()
          chair.ceremony.receive(letter.message, from: letter.from, into: &effects)
          take(effects, of: chair)
        }
      }
    }
  }
}

struct KeyCeremonyTests {
  @Test("all parties end with one genesis, though two messages in five are lost")
  func lossy() throws {
    for seed in 0..<8 as Range<UInt64> {
      var table = try Table(seed: seed)
      table.run(rounds: 60, loss: 400_000)
      let leaves = Set(table.chairs.map { $0.genesis?.leaf ?? [] })
      #expect(leaves.count == 1, "seed \(seed)")
      #expect(table.chairs.allSatisfy { $0.genesis != nil && $0.sealed })
      let attachments = Set(table.chairs.map { $0.genesis?.attachment ?? [] })
      #expect(attachments.count == 1)
      let keys = try Set(table.chairs.map { try $0.ceremony.publicKeys().encoding })
      #expect(keys.count == 1)
    }
  }

  @Test("with one party silent there is no genesis: all must sign")
  func silent() throws {
    var table = try Table(seed: 1)
    table.run(rounds: 10, silent: [table.chairs[4].id])
    #expect(table.chairs.allSatisfy { $0.genesis == nil })
  }

  @Test("a laggard is served the genesis by those that have it")
  func laggard() throws {
    var table = try Table(seed: 2)
    // Every signature to the last party is lost until the others are done.
    let last = table.chairs[4].id
    table.run(rounds: 6) { _, to, message in
      if to == last, message.keySignature != nil || message.genesis != nil { message = PeerMessage() }
    }
    #expect(table.chairs[4].genesis == nil)
    #expect(table.chairs[..<4].allSatisfy { $0.genesis != nil })
    table.run(rounds: 6)
    #expect(table.chairs[4].genesis?.leaf == table.chairs[0].genesis?.leaf)
  }

  @Test("a party that shows different commitments to different parties is caught before anything is signed")
  func equivocation() throws {
    var other = try Table(seed: 77)
    var table = try Table(seed: 3)
    let liar = table.chairs[0].id
    let victim = table.chairs[1].id
    var substitute: KeyRoundOne?
    other.run(rounds: 1) { from, _, message in
      if from == liar, let round = message.keyRoundOne { substitute = round }
    }
    table.run(rounds: 6) { from, to, message in
      if from == liar, to == victim, let round = message.keyRoundOne, let substitute {
        message = PeerMessage.keyRoundOne(
          KeyRoundOne(configuration: round.configuration, package: substitute.package))
      }
    }
    #expect(table.chairs.allSatisfy { $0.genesis == nil })
    #expect(table.chairs.contains { $0.fatal != nil })
  }

  @Test("a share that does not fit its sender's commitment names the sender")
  func wrongShare() throws {
    var table = try Table(seed: 4)
    let liar = table.chairs[2].id
    table.run(rounds: 6) { from, _, message in
      if from == liar, var round = message.keyRoundTwo {
        round.share[round.share.count - 1] ^= 1
        message = PeerMessage.keyRoundTwo(round)
      }
    }
    #expect(table.chairs.allSatisfy { $0.genesis == nil })
    #expect(table.chairs.filter { $0.id != liar }.allSatisfy { $0.fatal != nil })
  }

  @Test("a party that was given another configuration takes no part")
  func otherConfiguration() throws {
    let other = Table.registry.replacing("\"bundle_version\":\"1\"", with: "\"bundle_version\":\"2\"")
    var table = try Table(seed: 5, secondBundle: other)
    table.run(rounds: 6)
    #expect(table.chairs.allSatisfy { $0.genesis == nil })
  }
}
