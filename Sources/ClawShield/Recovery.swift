import Crypto
import Merkle
import Records

// What stands, by the word of as many operators as the threshold names parties: where notes conflict, and where too
// few shares of the key are left for the ledger to go on under it.
extension ShieldState {
  /// How many distinct people a recovery takes.
  public var recoveryOperators: Int { max(2, membership.threshold) }

  /// Also while everything is halted. A record that brings a key is no submission: each of the new parties is handed it.
  func admit(_ record: RecoveryRecord, at time: Timestamp) throws(Refusal) -> Admittance {
    let act = record.act.content
    try requireOperators(recoveryOperators, of: record.act, at: time)
    if let leaf = try knownAct(.recovery, act.actID, record.act.contentHash) { return .known(leaf) }
    try requireValidity(act.validUntil, at: time)
    guard act.key == nil else {
      throw Refusal(
        .failedPrecondition, "a recovery that brings a key is handed to each node of the new parties")
    }
    guard act.size <= size else {
      throw Refusal(.failedPrecondition, "expected a size of at most \(size), found \(act.size)")
    }
    return .accept
  }

  /// Whether the recovery of this id took effect at a leaf.
  public func hasRecovery(_ actID: String, at leaf: LeafIndex) -> Bool { act(.recovery, actID)?.leaf == leaf }

  mutating func take(_ record: RecoveryRecord, at index: LeafIndex) {
    let act = record.act.content
    addAct(
      ActCell(
        type: .recovery, actID: act.actID, contentHash: record.act.contentHash, leaf: index,
        validUntil: act.validUntil))
  }

  // MARK: Going on under another key

  /// Why the ledger cannot go on with this record after this state; nil where it can.
  public func objection(toContinuing record: RecoveryRecord) -> String? {
    let act = record.act.content
    guard let key = record.key, let time = act.continuedAt else { return "expected a key" }
    guard act.size == size, act.stateRoot == stateRoot else {
      return "expected what stands to be size \(size) with the state root \(stateRoot.hex); "
        + "found size \(act.size), \(act.stateRoot.hex)"
    }
    guard time >= logTime, act.isInForce(at: time)
    else { return "expected a time from \(logTime.text) on, valid for at most a day after it" }
    let people = operators(of: record.act, at: time)
    // No more either: from a statement with more of them anybody makes several leaves, each of which counts.
    guard people.count == recoveryOperators, record.act.signatures.count == people.count else {
      return "expected signatures of exactly \(recoveryOperators) distinct operators with enrolled keys, "
        + "found \(record.act.signatures.count), of which \(people.count) count"
    }
    guard membership.epochs.count < MembersCell.maximumEpochs, key.content.groupKey != membership.groupKey
    else { return "expected another key than before" }
    for party in key.content.parties {
      let old = membership.parties.first { $0.id == party.id }
      let isSame = old.map { $0.key == party.key && $0.name == party.name }
      let isUsed =
        membership.retired.contains { $0.id == party.id || $0.name == party.name }
        || membership.parties.contains { $0.id != party.id && ($0.name == party.name || $0.key == party.key) }
      guard isSame ?? true, !isUsed, indexes.keys[party.key] == nil else {
        return "party \(party.id), \(party.name): an id, name or key that was used is not used again"
      }
    }
    if let party = key.unsigned(cluster: cluster) { return "expected party \(party.id)'s own signature" }
    return nil
  }

  /// The new parties take over: who is none of them never comes back, and a change that was on its way is over.
  public mutating func continueUnder(_ record: RecoveryRecord, at index: LeafIndex) {
    guard let content = record.act.content.key else { return }
    var cell = membership
    let staying = content.parties.map(\.id)
    cell.retire(cell.seats + (cell.change?.parties ?? []), staying: staying)
    cell.seats = content.parties.map { party in
      cell.seats.first { $0.id == party.id } ?? PartySeat(id: party.id, name: party.name, key: party.key)
    }
    cell.parties = content.parties
    cell.threshold = content.threshold
    cell.epochs.append(KeyChain.Epoch(key: content.groupKey, firstSize: index.value + 1))
    cell.configuration = MemberList(voters: staying)
    cell.configuredAt = index
    cell.change = nil
    setMembership(cell)
    take(record, at: index)
  }
}
