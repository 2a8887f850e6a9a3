import GovernanceNode
import Raft
import Wire

#if SIMULATION
import Mutants
#endif

// What goes between nodes, and what comes of it on the way.
extension World {
  func canTalk(_ a: NodeID, _ b: NodeID) -> Bool {
    (sideOne.isEmpty || sideOne.contains(a) == sideOne.contains(b)) && network.isOpen(a, b)
  }

  /// How long a message between a node and somebody outside takes.
  func delay(_ id: NodeID) -> UInt64 {
    guard let host = host(id) else { return conditions.minimumDelay }
    return conditions.minimumDelay + host.diskRandom.below(conditions.meanDelay + 1)
  }

  func send(_ sent: PeerMessage, from sender: NodeID, to receiver: NodeID) {
    var message = sent
    tamper?(sender, receiver, &message)
    guard canTalk(sender, receiver), host(receiver) != nil else { return }
    let fate = network.send(MessageKind(message), from: sender, to: receiver, at: time) {
      oracles.count(fault: "\($0)")
    }
    switch fate {
    case .lost: timeline?.lost(message, from: sender, to: receiver, at: time)
    case .arrives(let times):
      timeline?.sent(message, from: sender, to: receiver, at: time, arriving: times.first)
      for at in times { queue.schedule(.deliver(from: sender, to: receiver, message), at: at) }
    case .corrupted(let at):
      #if SIMULATION
      if Mutant.frameUnchecked.isActive, let spoiled = message.spoiled(at: time) {
        queue.schedule(.deliver(from: sender, to: receiver, spoiled), at: at)
        return
      }
      #endif
      timeline?.lost(message, from: sender, to: receiver, at: time)
      queue.schedule(.broken(from: sender, to: receiver), at: at)
    }
  }

  /// Both ends see that the connection is gone, and open another one.
  func breakConnection(_ a: NodeID, _ b: NodeID) {
    for (id, peer) in [(a, b), (b, a)] { step(id, .unreachable(peer)) }
    guard canTalk(a, b), host(a)?.isUp == true, host(b)?.isUp == true else { return }
    for (id, peer) in [(a, b), (b, a)] { step(id, .connected(peer)) }
  }

  func reconnect() {
    for host in hosts where host.isUp {
      for peer in hosts where peer.id != host.id && canTalk(host.id, peer.id) {
        step(host.id, .connected(peer.id))
      }
    }
  }
}

#if SIMULATION
extension PeerMessage {
  /// What comes of it where one bit turns over on the way and nothing finds it; nil where it cannot be read any more.
  fileprivate func spoiled(at time: UInt64) -> PeerMessage? {
    var bytes = encode()
    guard !bytes.isEmpty else { return nil }
    bytes[Int(time % UInt64(bytes.count))] ^= 1 << UInt8(time / 7 % 8)
    return try? PeerMessage(decoding: bytes)
  }
}
#endif
