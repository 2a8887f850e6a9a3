import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Records

/// What a node's storage holds at its start, checked.
struct Beginning {
  let cluster: Digest
  let genesis: Genesis
  let state: ShieldState

  init(
    _ recovered: borrowing RecoveredLedger, _ identity: borrowing NodeIdentity,
    newestSemantics: Int
  ) throws(NodeFault) {
    let ledger = recovered.ledger
    guard let leaf = ledger.leaf(at: LeafIndex(0)), let entry = ledger.parsedEntry(at: LeafIndex(0)),
      case .genesis(let genesis) = entry.record.body
    else { throw .state("the ledger does not begin with a genesis") }
    cluster = TreeHash.leaf(leaf)
    self.genesis = genesis
    do {
      state = try Beginning.finalState(of: recovered, genesis: entry, leaf: leaf)
    } catch {
      throw .state("\(error)")
    }
    let semantics = Beginning.semantics(of: ledger, after: state)
    guard semantics <= newestSemantics else {
      throw .state(outgrown(by: semantics, newest: newestSemantics, "this store's ledger has"))
    }
    let id = identity.id.rawValue
    let key = identity.partyKey.publicKey
    // One that comes later, or has gone, is told of others by hand.
    let seat =
      (state.membership.known + genesis.parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) })
      .first { UInt64($0.id) == id }
    guard seat.map({ $0.key == key }) ?? !identity.contacts.isEmpty else {
      throw .identity(
        "expected party \(id) with key \(key.hex.prefix(16))… in the genesis; this store is of another cluster"
      )
    }
  }

  /// The highest semantics that the log has, final or not: no entry was appended that its own program could not apply.
  private static func semantics(of ledger: Ledger, after state: ShieldState) -> Int {
    var highest = state.semantics
    for index in state.size..<max(state.size, ledger.size) {
      if case .version(let act)? = ledger.parsedEntry(at: LeafIndex(index))?.record.body {
        highest = max(highest, act.content.semantics)
      }
    }
    return highest
  }

  /// The state at the last note: from its cells where there are any, else from the genesis.
  private static func finalState(
    of recovered: borrowing RecoveredLedger, genesis: ParsedEntry, leaf: [UInt8]
  ) throws -> ShieldState {
    var cells: [(name: String, bytes: [UInt8])] = []
    var next: [UInt8] = []
    while true {
      let page = try recovered.ledger.store.scan(.state, from: next, limit: 4096)
      cells += page.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }
      guard page.count == 4096, let last = page.last else { break }
      next = last.key + [0]
    }
    guard !cells.isEmpty else {
      return try ShieldState.initial(
        genesisLeaf: leaf, record: genesis.record, attachment: genesis.attachment)
    }
    let state = try ShieldState(restoring: cells)
    if let note = recovered.lastNote {
      let checkpoint = try CheckpointNote(parsing: note.text)
      let expected = recovered.standing.map(\.stateRoot) ?? checkpoint.stateRoot
      guard state.stateRoot == expected else {
        throw LedgerFault.inconsistent("the stored state is not the one of the last note")
      }
    }
    return state
  }
}
