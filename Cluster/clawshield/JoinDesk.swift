import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Wire

/// The shell of a party that comes later, before it has a ledger: it asks the parties that its operator told it of
/// for the genesis. They answer once two operators have added it.
final class JoinDesk {
  private unowned let station: Station
  private let cluster: Digest
  private var isOver = false

  init(station: Station, cluster: Digest) {
    self.station = station
    self.cluster = cluster
  }

  func tick() {
    guard !isOver else { return }
    // What a party says that generates its key: to one that has it, a laggard.
    let question = PeerMessage.keyRoundOne(KeyRoundOne(configuration: cluster.bytes))
    for peer in station.configuration.peers { station.send(question, to: peer.id) }
    do {
      _ = try station.loop.schedule(after: .milliseconds(500)) { [weak self] in self?.tick() }
    } catch {
      station.fail("\(error)")
    }
  }

  func receive(_ message: PeerMessage, from peer: NodeID) {
    guard !isOver, let genesis = message.genesis else { return }
    guard TreeHash.leaf(genesis.leaf) == cluster else {
      station.note(
        .error, "join", [("reason", .string("\(peer) shows the genesis of another cluster than was named"))])
      return
    }
    do {
      let entry = try ParsedEntry(EntryPayload(record: genesis.leaf, attachment: genesis.attachment))
      _ = try ShieldState.initial(
        genesisLeaf: genesis.leaf, record: entry.record, attachment: entry.attachment)
      isOver = true
      try station.store.write([try genesis.batch()])
      station.note(.info, "genesis", [])
      try station.startNode()
    } catch {
      isOver = true
      station.fail("join: \(error)")
    }
  }
}
