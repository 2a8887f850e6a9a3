import ClawLedger
import Crypto
import Raft

/// Who a node is.
public struct NodeIdentity: ~Copyable, Sendable {
  /// Its party's id: Raft node id and FROST identifier.
  public let id: NodeID
  /// Signs declines and acknowledgements.
  public let partyKey: SigningKey
  /// Seals artifacts and shares at rest.
  public let storageKey: SymmetricKey
  /// The nodes that its operator told it of, for as long as the ledger here does not.
  public let contacts: [NodeID]

  /// An identity.
  public init(
    id: NodeID, partyKey: consuming SigningKey, storageKey: consuming SymmetricKey, contacts: [NodeID] = []
  ) {
    self.id = id
    self.partyKey = partyKey
    self.storageKey = storageKey
    self.contacts = contacts
  }
}

/// What a node keeps besides its ledger, and finds again when it starts.
public struct NodeMemory: ~Copyable, Sendable {
  /// The signing lock, from its file.
  public var lock: SigningLock
  /// Drawn at random for each life of the process.
  public var boot: UInt64

  /// A memory.
  public init(lock: SigningLock, boot: UInt64) {
    self.lock = lock
    self.boot = boot
  }
}

/// Why a node cannot start from what its storage holds.
public enum NodeFault: Error, Equatable, Sendable, CustomStringConvertible {
  case ledger(LedgerFault)
  case state(String)
  case identity(String)

  public var description: String {
    switch self {
    case .ledger(let fault): fault.description
    case .state(let what): "state: \(what)"
    case .identity(let what): "identity: \(what)"
    }
  }
}
