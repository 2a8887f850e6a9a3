import ClawLedger
import Raft
import Records
import Wire

// A leaf that this node's disk no longer gives back as it was written is fetched again, from whoever has it: its
// hash stands in the tree. Nothing else of the member is touched. What is lost above the last note comes back from
// the leader, and the node neither stands nor votes as though it had never been (`Raft`, Loss.swift).

/// Leaves that are read again, and those that were found damaged.
struct Repairs: Sendable {
  /// The next leaf to look at; all are looked at again and again.
  var next: UInt64 = 0
  /// Between two tours nothing is looked at until then.
  var resumes = Instant(nanoseconds: 0)
  /// Ascending; bounded.
  private(set) var damaged: [UInt64] = []
  /// Whom this node asked last, and when.
  var asked: NodeID?
  var askedAt = Instant(nanoseconds: 0)
  var turns = Turns()

  /// Leaves looked at with each pulse: some hundred a second.
  static var perPulse: UInt64 { 16 }
  /// Between the end of a tour and the next: a short ledger is not read without end.
  static var rest: Nanoseconds { .milliseconds(10_000) }
  static var maximum: Int { 1024 }
  static var pause: Nanoseconds { .milliseconds(200) }
  /// Leaves asked for at a time, and bytes of them that are shown.
  static var batch: Int { 16 }
  static var shownBytes: Int { 2 << 20 }

  /// Notes a damaged leaf; true where that is news.
  mutating func found(_ leaf: UInt64) -> Bool {
    guard damaged.count < Self.maximum, !damaged.contains(leaf) else { return false }
    damaged.append(leaf)
    damaged.sort()
    return true
  }

  mutating func mended(_ leaf: UInt64) { damaged.removeAll { $0 == leaf } }
}

extension GovernanceNode {
  /// Reads some leaves again, and asks for those that are damaged. Called with every pulse.
  mutating func pursueRepairs(into effects: inout NodeEffects) {
    lookAtLeaves(into: &effects)
    guard !repairs.damaged.isEmpty, repairs.askedAt + Repairs.pause + Repairs.pause <= now.monotonic else {
      return
    }
    let order = peers.sorted()
    guard let peer = order.first(where: { $0 > repairs.asked ?? raft.id }) ?? order.first else { return }
    repairs.asked = peer
    repairs.askedAt = now.monotonic
    let wanted = LeavesWanted(leaves: Array(repairs.damaged.prefix(Repairs.batch)))
    effects.messages.append((peer, PeerMessage.leavesWanted(wanted)))
  }

  private mutating func lookAtLeaves(into effects: inout NodeEffects) {
    guard repairs.resumes <= now.monotonic else { return }
    let end = min(finality.size, repairs.next + Repairs.perPulse)
    while repairs.next < end {
      if !raft.log.isIntact(LeafIndex(repairs.next)), repairs.found(repairs.next) {
        effects.notices.append(
          .warning("leaf \(repairs.next) cannot be read as it was written; it is fetched again"))
      }
      repairs.next += 1
    }
    if repairs.next >= finality.size {
      repairs.next = 0
      repairs.resumes = now.monotonic + Repairs.rest
    }
  }

  /// Shows final leaves, as many of those wanted as fit.
  mutating func onLeavesWanted(_ wanted: LeavesWanted, from sender: NodeID, into effects: inout NodeEffects) {
    guard repairs.turns.serves(sender, at: now.monotonic, pause: Repairs.pause) else { return }
    var bytes = 0
    for leaf in wanted.leaves.prefix(Repairs.batch) where leaf < finality.size && bytes < Repairs.shownBytes {
      guard let payload = raft.log.payload(at: LeafIndex(leaf)) else { continue }
      bytes += payload.count
      effects.messages.append((sender, PeerMessage.leafShown(LeafShown(leaf: leaf, payload: payload))))
    }
  }

  mutating func onLeafShown(_ shown: LeafShown, from sender: NodeID, into effects: inout NodeEffects) {
    guard repairs.damaged.contains(shown.leaf) else { return }
    guard let batch = raft.log.mending(LeafIndex(shown.leaf), with: shown.payload) else {
      // What stands before it may be damaged too, and comes first.
      if repairs.damaged.first == shown.leaf {
        effects.notices.append(
          .warning("\(sender) showed a leaf \(shown.leaf) that is not the one in the tree"))
      }
      return
    }
    effects.writes.append((.repair(leaf: shown.leaf), batch))
  }

  mutating func onMended(_ leaf: UInt64, into effects: inout NodeEffects) {
    guard repairs.damaged.contains(leaf), raft.log.isIntact(LeafIndex(leaf)) else { return }
    repairs.mended(leaf)
    effects.notices.append(.warning("leaf \(leaf) is whole again"))
  }

  /// Once all that was lost is back, there is nothing to remember of it.
  mutating func noteRecovery(into effects: inout NodeEffects) {
    guard remembersLoss, raft.lost == nil else { return }
    remembersLoss = false
    effects.writes.append((.recovery, raft.log.recovery))
    effects.notices.append(.warning("what this node's storage had lost is back"))
  }
}
