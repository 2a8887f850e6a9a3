import Crypto
import GovernanceNode
import Raft
import Records

// The lying parties' part of the world.
extension World {
  func enlistLiars(_ parties: [Foundation.PartyMaterial], using random: inout SeededRandom) throws {
    guard !faults.lies.isEmpty else { return }
    let most = 2 * genesis.threshold - genesis.parties.count - 1
    precondition(faults.lies.count <= most, "no more liars than the cluster withstands")
    var candidates = parties
    for lies in faults.lies {
      let party = candidates.remove(at: Int(random.below(UInt64(candidates.count))))
      var seed = party.keySeed
      guard let key = SigningKey(seed: &seed) else { throw SimulationError.setup("a party's key") }
      liars.append(
        Liar(
          id: party.id, lies: lies, key: Liar.SigningKeyBox(key), cluster: cluster, nodes: parties.count,
          random: random.split()))
      guard lies.contains(.falseTime), let host = host(party.id) else { continue }
      oracles.count(fault: "lie: false time")
      let offset = Int64(1_000_000_000 + random.below(59_000_000_000))
      host.clockOffset = random.chance(600_000) ? offset : -offset
    }
    oracles.liars = liars.map(\.id.rawValue)
    operators.liars = oracles.liars
  }

  /// What a liar's node wanted done, as the liar does it.
  func lie(_ position: Int, _ raised: NodeEffects) {
    let id = liars[position].id
    for (receiver, message) in raised.messages {
      for sent in liars[position].rewrite(message, to: receiver, oracles: &oracles) {
        send(sent.message, from: id, to: sent.to)
      }
    }
    for answer in raised.answers {
      let isExecutor = answer.connection >= World.executorConnections
      for given in liars[position].rewrite(answer, isExecutor: isExecutor, oracles: &oracles) {
        queue.schedule(.answer(from: id, given), at: time + delay())
      }
    }
    // One that stops itself comes back; it is no witness of anything.
    if raised.fatal != nil { queue.schedule(.restart(id), at: time + 1_000_000_000) }
  }

  /// Lying parties become honest, but for one where that was drawn: progress is promised while at most n − t
  /// are lying or down.
  func healLiars() {
    for position in liars.indices where !(faults.liesOn && position == 0) {
      liars[position].isActive = false
      guard liars[position].lies.contains(.falseTime) else { continue }
      host(liars[position].id)?.clockOffset = 0
    }
  }

  /// Whether a host speaks for the history that counts.
  func isHonest(_ host: NodeHost) -> Bool { !liars.contains { $0.id == host.id } }
}

extension Answer {
  var connection: UInt64 {
    switch self {
    case .respond(let key, _, _), .item(let key, _): key.connection
    }
  }
}
