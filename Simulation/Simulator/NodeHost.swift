import ClawLedger
import Crypto
import FROST
import GovernanceNode
import Merkle
import Raft
import Records
import Wire

/// One governance node in the simulated world: the node as the programs run it, over a simulated disk.
final class NodeHost<Suite: CipherSuite> {
  let id: NodeID
  let disk = SimulatedDisk()
  let keySeed: [UInt8]
  /// The founding share; nil for a party that came later.
  private let share: SecretMemory?
  /// Nodes that it was told of by hand.
  var contacts: [NodeID] = []
  /// Nil while the node is down.
  var node: GovernanceNode<Suite>?
  /// Counts the lives of the process: what an earlier life asked for does not reach this one.
  private(set) var life: UInt64 = 0
  var random: SeededRandom
  var clock = SimulatedClock()
  /// Why the node stopped itself.
  private(set) var fatal: String?
  /// Until when the process stands still.
  var pausedUntil: UInt64 = 0
  /// Until when what came while it stood still may yet be on its way to it.
  var catchesUpUntil: UInt64 = 0
  /// Its disk's faults.
  var diskFaults: [(item: Int, fault: DiskFault, until: UInt64)] = []
  /// When its disk is free again: writes become durable in order.
  var diskFree: UInt64 = 0
  /// Its process was asked to end.
  var parting: Parting?
  var diskRandom: SeededRandom
  /// The newest semantics that its program applies.
  var newestSemantics = Semantics.newest
  #if SIMULATION
  /// How it lies as a coordinator.
  fileprivate var falseNote: FalseNote?
  #endif
  /// Whether an older program has ever taken a newer one's place: what it said of itself before may still be believed.
  var wasRolledBack = false
  /// Not to be started again before this time.
  var downUntil: UInt64 = 0

  init(
    id: NodeID, keySeed: [UInt8], share: consuming SecretMemory?, genesis: GenesisShown, random: SeededRandom,
    diskRandom: SeededRandom
  ) throws {
    self.id = id
    cluster = TreeHash.leaf(genesis.leaf)
    self.keySeed = keySeed
    self.share = share
    self.random = random
    self.diskRandom = diskRandom
    disk.sync(try genesis.batch())
  }

  var isUp: Bool { node != nil }
  /// How many final entries a peer may lack before it is sent a snapshot; counts from the next start on.
  var snapshotLag: UInt64 = 100_000
  /// What it holds uncommitted as a leader; counts from the next start on.
  var maxUncommittedBytes = 16 << 20

  func moment(_ time: UInt64) -> Moment {
    Moment(
      monotonic: Instant(nanoseconds: clock.monotonic(time)),
      wall: Timestamp(nanoseconds: clock.wall(time, epoch: simulatedEpoch)) ?? .epoch)
  }

  func start(at time: UInt64) throws {
    life += 1
    fatal = nil
    var seed = keySeed
    var storage = [UInt8](repeating: 7, count: 32)
    guard let key = SigningKey(seed: &seed), let storageKey = SymmetricKey(consuming: &storage) else {
      throw SimulationError.setup("a party's key")
    }
    let files = disk.keys.sorted { $0.key < $1.key }.map { (name: $0.key, bytes: $0.value) }
    // Not from the node's own chance: what it draws besides stays what it was without tenants' keys.
    let drawn = SHA256.hash(Array("tenant keys \(life)\n".utf8) + keySeed)
    let recovered = try Ledger.open(
      disk, keys: try TenantKeys(stored: files, wrapping: storageKey, seed: drawn.bytes))
    if let repair = recovered.repair { disk.sync(repair) }
    let lock = disk.lock.flatMap { SigningLock(parsing: $0) } ?? .none
    node = try GovernanceNode(
      identity: NodeIdentity(id: id, partyKey: key, storageKey: storageKey, contacts: contacts),
      memory: NodeMemory(lock: lock, boot: random.next()), recovered: recovered,
      foundingShare: try founding(),
      settings: try Settings(
        maxUncommittedBytes: maxUncommittedBytes, snapshotLag: snapshotLag),
      newestSemantics: newestSemantics, at: moment(time), using: &random)
    #if SIMULATION
    node?.falseNote = falseNote
    #endif
  }

  private func founding() throws -> PartyShare<Suite>? {
    switch share {
    case .some(let memory): PartyShare(try KeyPackage(serialized: memory))
    case .none: nil
    }
  }

  /// Nothing happens for so long: what is under way takes as much longer.
  func sleep(_ length: UInt64) {
    clock.correction -= Int64(length) / 1_000_000 * clock.drift
    diskFree += length
    for position in diskFaults.indices { diskFaults[position].until += length }
  }

  /// The process dies. Returns how many writes were lost.
  @discardableResult
  func crash(keeping kept: UInt64 = 0) -> Int {
    node = nil
    return disk.crash(keeping: kept)
  }

  func step(_ event: NodeEvent, at time: UInt64, into effects: inout NodeEffects) {
    guard node != nil else { return }
    node?.step(event, at: moment(time), using: &random, into: &effects)
    for change in effects.keys { disk.sync(change) }
    if let reason = effects.fatal {
      fatal = reason
      node = nil
      _ = disk.crash(keeping: 0)
    }
  }

  /// The cluster's id.
  let cluster: Digest

  /// A final leaf's record; nil where it is not final here.
  func record(at index: UInt64) -> Record? { node?.finalRecord(at: LeafIndex(index)) }

  /// When the node must be stepped, in virtual time.
  var nextDeadline: UInt64? { (node?.nextDeadline.nanoseconds).map(clock.time) }
  var view: NodeView? { node?.view }
  /// How far it knows the ledger to be final; 0 while it is down.
  var finalSize: UInt64 { node?.view.finalSize ?? 0 }
}

/// Virtual time 0, as a time of day.
let simulatedEpoch: Int64 = 1_800_000_000_000_000_000

/// Why a world could not be set up.
public enum SimulationError: Error, Equatable, Sendable {
  case setup(String)
}

extension NodeHost {
  /// Its disk as it is now is what it will go back to.
  func rememberDisk() { disk.remember() }
  func forgetDisk() { disk.goBack() }

  /// Its share of the key of the beginning; nil for a party that came later.
  func foundingPackage() -> KeyPackage<Suite>? {
    switch share {
    case .some(let memory): try? KeyPackage(serialized: memory)
    case .none: nil
    }
  }

  /// What it sends to a peer as though that lacked what its own log has no more.
  func offerSnapshot(to peer: NodeID) -> [(to: NodeID, message: PeerMessage)] {
    var effects = NodeEffects()
    node?.sendSnapshot(to: peer, into: &effects)
    return effects.messages
  }
  /// The root over the first `size` entries of its log; nil where it does not have them.
  func logRoot(ofSize size: UInt64) -> Digest? { node?.logRoot(ofSize: size) }
  /// The term of the last of the first `size` entries.
  func logTerm(ofSize size: UInt64) -> Term? { node?.logTerm(ofSize: size) }
}

extension NodeHost {
  /// Its node begins or ends to lie as a coordinator, where that is the lie; other builds have no such node.
  func coordinates(_ lie: Lie, isLying: Bool) {
    #if SIMULATION
    let kind: FalseNote? =
      switch lie {
      case .falseRoot: .root
      case .falseState: .state
      case .falseConsent: .consent
      case .equivocate, .garbageShares, .declineAll, .censor, .replay, .falseTime, .spoilJobs, .higherTerms,
        .falseAcknowledgements, .forge, .invent, .askTwice, .twoStories, .otherAttachments, .spoilStates,
        .forget, .oneTermMore, .oldShares, .oldRestrictions, .extremeNumbers, .lockOut:
        nil
      }
    guard let kind else { return }
    falseNote = isLying ? kind : nil
    node?.falseNote = falseNote
    #endif
  }

  func endFalseNotes() {
    #if SIMULATION
    falseNote = nil
    node?.falseNote = nil
    #endif
  }
}
