import ClawLedger
import Crypto
import Raft

/// What the parties say of their own durable logs, each directly to this one.
///
/// A party signs only at a size whose root *t* parties have acknowledged to it in its current term. An
/// acknowledgement of a longer log counts for a shorter one where the roots show it to be a prefix.
struct DurableAcks: Sendable {
  private struct Ack: Sendable {
    let term: Term
    let size: UInt64
    let root: Digest
  }

  private struct Party: Sendable {
    let party: NodeID
    /// Its newest acknowledgements, oldest first; bounded.
    var history: [Ack] = []
  }

  private var acks: [Party]

  private static var historyLength: Int { 64 }

  init(parties: [NodeID]) { acks = parties.map { Party(party: $0) } }

  /// Other nodes take part from here on; what those who stay have said stands.
  mutating func follow(_ parties: [NodeID]) {
    acks = parties.map { party in acks.first { $0.party == party } ?? Party(party: party) }
  }

  /// Takes an acknowledgement, by a party whose term this node is in (`current`) or not. One of the current
  /// term ends whatever the party said of later terms: nobody has reached them, and an honest party that had
  /// would say so again.
  mutating func record(_ party: NodeID, term: Term, size: UInt64, root: Digest, current: Term) {
    guard let position = acks.firstIndex(where: { $0.party == party }) else { return }
    if term == current { acks[position].history.removeAll { $0.term > current } }
    // One of an earlier term that comes late says nothing new. A smaller one of the same term may: the larger one
    // may have been a lie, or of entries that are gone.
    guard
      !acks[position].history.contains(where: {
        $0.term > term || ($0.term == term && $0.size == size && $0.root == root)
      })
    else { return }
    // Acknowledgements of earlier terms say nothing about this one's log.
    acks[position].history.removeAll { $0.term < term }
    acks[position].history.append(Ack(term: term, size: size, root: root))
    if acks[position].history.count > Self.historyLength { acks[position].history.removeFirst() }
  }

  /// What this node acknowledged last.
  func own(_ id: NodeID) -> (term: Term, size: UInt64)? {
    acks.first { $0.party == id }?.history.last.map { ($0.term, $0.size) }
  }

  /// The largest size at which the party's log is known to be a prefix-equal of `ledger`, in `term`.
  private func verifiedSize(_ position: Int, term: Term, ledger: Ledger) -> UInt64 {
    var verified: UInt64 = 0
    var next = acks[position].history.count
    while next > 0 {
      next -= 1
      let ack = acks[position].history[next]
      guard ack.term == term, ack.size <= ledger.size, ack.size > verified else { continue }
      if ledger.rootHash(ofSize: ack.size) == ack.root { verified = ack.size }
    }
    return verified
  }

  /// The largest size that at least `threshold` of `parties` hold durably with this ledger's content.
  func acknowledgedSize(
    by threshold: Int, of parties: [NodeID], term: Term, ledger: Ledger
  ) -> UInt64 {
    var sizes: [UInt64] = []
    for position in acks.indices where parties.contains(acks[position].party) {
      sizes.append(verifiedSize(position, term: term, ledger: ledger))
    }
    sizes.sort()
    return threshold <= sizes.count ? sizes[sizes.count - threshold] : 0
  }

  /// The parties that hold at least `size` leaves of this ledger, in the order of the parties.
  func holders(of size: UInt64, term: Term, ledger: Ledger) -> [NodeID] {
    acks.indices.filter { verifiedSize($0, term: term, ledger: ledger) >= size }.map { acks[$0].party }
  }
}
