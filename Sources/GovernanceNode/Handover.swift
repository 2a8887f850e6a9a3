import Raft
import Wire

/// Operators who wait for leadership to move.
struct Handovers: Sendable {
  private struct Waiting: Sendable {
    let key: CallKey
    let target: NodeID
    let deadline: Instant
  }

  private var waiting: [Waiting] = []
  /// When this node, as leader, last began one for somebody else's caller: a node that asks for more than
  /// this is asking for no operator.
  var lastForwarded: Instant?

  static var patience: Nanoseconds { .seconds(5) }
  static var leastGap: Nanoseconds { .seconds(10) }
  static var maximum: Int { 64 }

  var isFull: Bool { waiting.count >= Self.maximum }

  mutating func wait(_ key: CallKey, for target: NodeID, at now: Instant) {
    waiting.append(Waiting(key: key, target: target, deadline: now + Self.patience))
  }

  mutating func remove(_ key: CallKey) { waiting.removeAll { $0.key == key } }

  /// Those whose wait is over, and whether they have what they waited for.
  mutating func settled(leader: NodeID?, at now: Instant) -> [(key: CallKey, target: NodeID, isDone: Bool)] {
    let over = waiting.filter { $0.target == leader || $0.deadline <= now }
    waiting.removeAll { $0.target == leader || $0.deadline <= now }
    return over.map { ($0.key, $0.target, $0.target == leader) }
  }
}

extension GovernanceNode {
  /// `Admin/Transfer`: hands leadership to a node, here or through the leader; answered when this node
  /// follows the new one.
  mutating func onTransfer(_ call: ClientCall, _ request: TransferRequest, into effects: inout NodeEffects) {
    guard let target = NodeID(rawValue: UInt64(request.node)),
      let party = overlay.head.parties.first(where: { $0.id == Int(request.node) })
    else {
      refuse(
        call.key, .invalidArgument,
        "expected one of the parties' numbers, \(overlay.head.parties.map { "\($0.id)" }.joined(separator: ", "))",
        into: &effects)
      return
    }
    guard !handovers.isFull else {
      refuse(call.key, .resourceExhausted, "too many operators wait for a handover", into: &effects)
      return
    }
    guard let leader = raft.leader else {
      refuse(call.key, .unavailable, "there is no leader at the moment; try again", into: &effects)
      return
    }
    handovers.wait(call.key, for: target, at: now.monotonic)
    effects.notices.append(.warning("\(call.caller.path) hands leadership to \(party.name)"))
    if leader == target {
      settleHandovers(into: &effects)
    } else if leader == raft.id {
      do {
        try raft.transferLeadership(to: target, at: now.monotonic, into: &raftEffects)
      } catch {
        handovers.remove(call.key)
        refuse(call.key, .failedPrecondition, "no handover to \(party.name): \(error)", into: &effects)
      }
    } else {
      effects.messages.append((leader, PeerMessage.transferWanted(request)))
    }
  }

  /// Another node's operator wants a handover. A node that only says so gains little: one handover in ten
  /// seconds.
  mutating func onTransferWanted(
    _ request: TransferRequest, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let target = NodeID(rawValue: UInt64(request.node)), raft.role == .leader else { return }
    if let last = handovers.lastForwarded, now.monotonic < last + Handovers.leastGap { return }
    guard (try? raft.transferLeadership(to: target, at: now.monotonic, into: &raftEffects)) != nil else {
      return
    }
    handovers.lastForwarded = now.monotonic
    takeUp(using: &random, into: &effects)
  }

  mutating func settleHandovers(into effects: inout NodeEffects) {
    for (key, target, isDone) in handovers.settled(leader: raft.leader, at: now.monotonic) {
      guard isDone else {
        let others = raft.leader.flatMap { leader in
          leader == raft.id
            ? nil
            : "; or \(leader), which leads, has handed over for another node within ten seconds: ask it itself, with --node"
        }
        refuse(
          key, .deadlineExceeded,
          "\(target) did not take over within five seconds: it may be behind, cut off or down\(others ?? "")",
          into: &effects)
        continue
      }
      let response = TransferResponse(leader: UInt32(target.rawValue), term: raft.currentTerm.rawValue)
      effects.answers.append(.respond(key, .ok, payload: response.encode()))
    }
  }
}
