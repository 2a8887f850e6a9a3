import ClawLedger
import Crypto
import FROST
import GovernanceNode
import Merkle
import Raft
import Records
import Wire

/// One governance node in the simulated world: the node as the programs run it, over a simulated disk.
final class NodeHost {
  let id: NodeID
  let disk = SimulatedDisk()
  private let keySeed: [UInt8]
  /// The founding share; nil for a party that came later.
  private let share: SecretMemory?
  /// Nodes that it was told of by hand.
  var contacts: [NodeID] = []
  /// Nil while the node is down.
  var node: GovernanceNode<Ed25519SHA512, SimulatedDisk>?
  /// Counts the lives of the process: what an earlier life asked for does not reach this one.
  private(set) var life: UInt64 = 0
  var random: SeededRandom
  /// How far this node's clock is off, in nanoseconds.
  var clockOffset: Int64
  /// Why the node stopped itself.
  private(set) var fatal: String?

  init(
    id: NodeID, keySeed: [UInt8], share: consuming SecretMemory?, genesis: GenesisShown, clockOffset: Int64,
    random: SeededRandom
  ) throws {
    self.id = id
    cluster = TreeHash.leaf(genesis.leaf)
    self.keySeed = keySeed
    self.share = share
    self.clockOffset = clockOffset
    self.random = random
    disk.sync(try genesis.batch())
  }

  var isUp: Bool { node != nil }

  func moment(_ time: UInt64) -> Moment {
    let wall = World.epoch + Int64(time) + clockOffset
    return Moment(
      monotonic: Instant(nanoseconds: time), wall: Timestamp(nanoseconds: wall) ?? .epoch)
  }

  func start(at time: UInt64) throws {
    life += 1
    fatal = nil
    var seed = keySeed
    var storage = [UInt8](repeating: 7, count: 32)
    guard let key = SigningKey(seed: &seed), let storageKey = SymmetricKey(consuming: &storage) else {
      throw SimulationError.setup("a party's key")
    }
    let recovered = try Ledger.open(disk)
    if let repair = recovered.repair { disk.sync(repair) }
    let lock = disk.lock.flatMap { SigningLock(parsing: $0) } ?? .none
    node = try GovernanceNode(
      identity: NodeIdentity(id: id, partyKey: key, storageKey: storageKey, contacts: contacts),
      memory: NodeMemory(lock: lock, boot: random.next()), recovered: recovered,
      foundingShare: try founding(), settings: try Settings(),
      at: moment(time), using: &random)
  }

  private func founding() throws -> PartyShare<Ed25519SHA512>? {
    switch share {
    case .some(let memory): PartyShare(try KeyPackage(serialized: memory))
    case .none: nil
    }
  }

  func crash() { node = nil }

  func step(_ event: NodeEvent, at time: UInt64, into effects: inout NodeEffects) {
    guard node != nil else { return }
    node?.step(event, at: moment(time), using: &random, into: &effects)
    if let reason = effects.fatal {
      fatal = reason
      node = nil
    }
  }

  /// The cluster's id.
  let cluster: Digest

  /// A final leaf's record; nil where it is not final here.
  func record(at index: UInt64) -> Record? { node?.finalRecord(at: LeafIndex(index)) }

  var nextDeadline: UInt64? { node?.nextDeadline.nanoseconds }
  var view: NodeView? { node?.view }
}

/// Why a world could not be set up.
public enum SimulationError: Error, Equatable, Sendable {
  case setup(String)
}
