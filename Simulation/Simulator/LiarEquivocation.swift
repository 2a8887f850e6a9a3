import ClawLedger
import GovernanceNode
import Raft
import Records
import Wire

// Two contents for one index: what a leader that lies appends at its peers.
extension Liar {
  /// Peers with an odd number get another last entry: the same record at another time.
  mutating func equivocate(_ message: inout PeerMessage, _ peer: NodeID, _ oracles: inout Oracles) {
    guard peer.rawValue % 2 == 1, var call = message.appendCall, !call.entries.isEmpty,
      randoms[.equivocate].chance(100_000)
    else { return }
    let last = call.entries.count - 1
    guard let payload = try? EntryPayload(parsing: call.entries[last].payload),
      let record = try? Record(parsing: payload.record)
    else { return }
    oracles.count(fault: "lie: equivocate")
    if randoms[.equivocate].chance(200_000), !payload.attachment.isEmpty {
      // The same leaf, with something else attached.
      let other = SpoiledOffers.parameters(using: &randoms[.spoilJobs])
      call.entries[last].payload = EntryPayload(record: payload.record, attachment: other).bytes
      message = .appendCall(call)
      return
    }
    let isSame = randoms[.equivocate].chance(500_000)
    let other = Record(
      at: record.at.advanced(by: Interval(nanoseconds: 1)), body: isSame ? record.body : .tick)
    call.entries[last].payload =
      EntryPayload(record: other.bytes, attachment: isSame ? payload.attachment : []).bytes
    message = .appendCall(call)
  }

  /// The exact lies of scenarios, for the same peers and each time: another time of the last entry, or else something
  /// else attached to it.
  mutating func tellOtherwise(_ message: inout PeerMessage, _ peer: NodeID) {
    guard peer.rawValue % 2 == 1, var call = message.appendCall, !call.entries.isEmpty else { return }
    let last = call.entries.count - 1
    guard let payload = try? EntryPayload(parsing: call.entries[last].payload),
      let record = try? Record(parsing: payload.record)
    else { return }
    if tells(.twoStories) {
      let other = Record(at: record.at.advanced(by: Interval(nanoseconds: 1)), body: record.body)
      call.entries[last].payload = EntryPayload(record: other.bytes, attachment: payload.attachment).bytes
    } else if !payload.attachment.isEmpty {
      let other = SpoiledOffers.parameters(using: &randoms[.spoilJobs])
      call.entries[last].payload = EntryPayload(record: payload.record, attachment: other).bytes
    }
    message = .appendCall(call)
  }
}
