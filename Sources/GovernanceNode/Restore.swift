import Crypto
import Raft
import Wire

// A ledger that comes back from a backup: taken in as history is from a peer, against the notes that vouch for it.
// Nothing else comes back; whose ledger it is has no vote to remember, since it is a party that never was one.

extension GovernanceNode {
  /// A run of leaves and the note that covers them. What does not follow, or is not vouched for, changes nothing but a
  /// notice.
  mutating func onRestored(
    _ shown: HistoryShown, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard shown.first == finality.size, !shown.payloads.isEmpty, !shown.payloads.contains(where: \.isEmpty)
    else { return }
    let incoming = HistoryKeeper.Incoming(from: raft.id, first: shown.first, payloads: shown.payloads)
    _ = adopt(incoming, shown.note, using: &random, into: &effects)
  }

  /// A content that a final record names.
  mutating func onRestoredContent(
    tenant: String, _ content: [UInt8], using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    let digest = SHA256.hash(content)
    guard overlay.final.artifact(tenant: tenant, digest: digest) != nil, !isHeld(tenant, digest) else {
      return
    }
    keeper.settle(tenant, digest)
    write(content, tenant: tenant, digest: digest.hex, using: &random, into: &effects)
  }
}
