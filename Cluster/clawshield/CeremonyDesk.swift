import ClawLedger
import Crypto
import EventLoop
import FROST
import GovernanceNode
import Host
import Raft
import Wire

/// Where a party's share of the key is sealed.
enum ShareFile {
  /// What the share is sealed for: it opens for nothing else.
  static let purpose = Array("openexec/v1/frost-share".utf8)
}

/// The shell of the key generation: before there is a log, over the same channels.
final class CeremonyDesk {
  private unowned let station: Station
  private var ceremony: KeyCeremony<Ed25519SHA512>
  private var random = SystemRandom()
  private var isOver = false

  init(station: Station, _ plan: CeremonyConfiguration) throws {
    self.station = station
    let configuration = station.configuration
    ceremony = try KeyCeremony(
      id: configuration.id, configuration: plan,
      partyKey: try KeyFile.readSigningKey(configuration.partyKey), using: &random)
  }

  func tick() {
    guard !isOver else { return }
    var effects = CeremonyEffects()
    ceremony.tick(at: Instant(nanoseconds: station.loop.now.nanoseconds), into: &effects)
    carryOut(effects)
    guard !isOver else { return }
    do {
      _ = try station.loop.schedule(after: .milliseconds(200)) { [weak self] in self?.tick() }
    } catch {
      station.fail("\(error)")
    }
  }

  func receive(_ message: PeerMessage, from peer: NodeID) {
    guard !isOver else { return }
    var effects = CeremonyEffects()
    ceremony.receive(message, from: peer, into: &effects)
    carryOut(effects)
  }

  private func carryOut(_ effects: CeremonyEffects) {
    for (peer, message) in effects.messages { station.send(message, to: peer) }
    for notice in effects.notices {
      var line = notice.line
      line.event = "ceremony"
      station.log.write(line, at: station.wall.text)
    }
    if let reason = effects.fatal {
      isOver = true
      station.fail("key generation: \(reason)")
      return
    }
    do {
      if effects.sealKey { try seal() }
      if let genesis = effects.genesis { try finish(genesis) }
    } catch {
      isOver = true
      station.fail("key generation: \(error)")
    }
  }

  /// The share is sealed and synced before this party signs the genesis.
  private func seal() throws {
    let data = station.configuration.data
    let key = try KeyFile.readSymmetricKey(station.configuration.storageKey)
    let package = try ceremony.keyPackage()
    let sealed = SealedSecret.seal(
      package.serialized(), for: ShareFile.purpose, key: key, using: &random)
    try Files.write(sealed, to: data + "/share.sealed", mode: 0o600)
    var effects = CeremonyEffects()
    ceremony.keySealed(into: &effects)
    carryOut(effects)
  }

  private func finish(_ genesis: GenesisShown) throws {
    isOver = true
    try station.store.write([try genesis.batch()])
    station.note(.info, "genesis", [])
    try station.startNode()
  }
}
