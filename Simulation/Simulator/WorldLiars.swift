import Crypto
import FROST
import GovernanceNode
import Raft
import Records
import Wire

// The lying parties' part of the world.
extension World {
  func enlistLiars(_ parties: [Foundation<Suite>.PartyMaterial], victim: Enrolment?) throws {
    guard let victim else { throw SimulationError.setup("an agent") }
    for number in schedule.liars {
      guard let party = parties.first(where: { $0.id.rawValue == number }) else { continue }
      var seed = party.keySeed
      guard let key = SigningKey(seed: &seed) else { throw SimulationError.setup("a party's key") }
      liars.append(
        Liar(
          id: party.id, key: Liar.SigningKeyBox(key), victim: victim, cluster: cluster, nodes: parties.count,
          seed: conditions.seed, log: log))
    }
    oracles.liars = liars.map(\.id.rawValue)
    operators.liars = oracles.liars
  }

  func beginLie(_ party: UInt64, _ lie: Lie) {
    guard let position = liars.firstIndex(where: { $0.id.rawValue == party }) else { return }
    let offset = liars[position].begin(lie)
    host(party)?.coordinates(lie, isLying: true)
    switch lie {
    case .forget: host(party)?.rememberDisk()
    case .oldShares: showOldKeysNote(by: party)
    case .oldRestrictions: showOldRestrictions(by: party)
    case .lockOut: showLockOuts(by: party)
    default: break
    }
    guard lie == .falseTime else { return }
    oracles.count(fault: "lie: false time")
    host(party)?.clock.offset = offset
  }

  private func showOldRestrictions(by party: UInt64) {
    guard let host = host(party) else { return }
    for peer in hosts where peer.id != host.id {
      for signed in signedRestrictions {
        let shown = RestrictionShown(statement: signed.statement, attachment: signed.attachment)
        send(PeerMessage.restriction(shown), from: host.id, to: peer.id)
      }
    }
  }

  /// One operator's word alone, which a liar has: it must bind nobody.
  private func showLockOuts(by party: UInt64) {
    guard let host = host(party) else { return }
    oracles.count(fault: "lie: lock-out")
    let forged = operators.lockOuts(nodes: hosts.count, wall: wall())
    restrictions.forged += forged.map(\.id)
    for peer in hosts where peer.id != host.id {
      for (_, signed) in forged {
        let shown = RestrictionShown(statement: signed.statement, attachment: signed.attachment)
        send(PeerMessage.restriction(shown), from: host.id, to: peer.id)
      }
    }
  }

  func endLie(_ party: UInt64, _ lie: Lie) {
    guard let position = liars.firstIndex(where: { $0.id.rawValue == party }) else { return }
    liars[position].end(lie)
    host(party)?.coordinates(lie, isLying: false)
    if lie == .falseTime { host(party)?.clock.offset = 0 }
    if lie == .forget, let host = host(party), host.isUp {
      stop(host, keeping: 0, until: time + 1_000_000)
      host.forgetDisk()
    }
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
      let isExecutor = answer.connection >= executorConnections
      for given in liars[position].rewrite(answer, isExecutor: isExecutor, oracles: &oracles) {
        queue.schedule(.answer(from: id, given), at: time + delay(id))
      }
    }
    mix(.tick, UInt64(raised.messages.count), UInt64(raised.answers.count))
    // One that stops itself comes back; it is no witness of anything.
    if raised.fatal != nil { queue.schedule(.restart(id), at: time + 1_000_000_000) }
  }

  /// Lying parties become honest, but for one that the conditions leave: progress is promised while at most n − t
  /// are lying or down.
  func healLiars() {
    for position in liars.indices {
      let isLeft =
        conditions.left.map { $0.fault == .lying && $0.node == liars[position].id.rawValue } ?? false
      if !isLeft {
        liars[position].endAll()
        host(liars[position].id)?.endFalseNotes()
      }
    }
  }

  /// Whether a host speaks for the history that counts.
  func isHonest(_ host: NodeHost<Suite>) -> Bool { !liars.contains { $0.id == host.id } }
}
