import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A note for another root than this node's log has.
struct ForeignNoteTests {
  @Test("a note for another root takes nothing that is committed: what it contradicts stands above")
  func committedStays() throws {
    // A deposed leader, and one follower that it goes on to reach: both hold entries that nobody else has.
    let before = try World(seed: 9, nodes: 5, threshold: 3, faults: .none)
    before.run(until: 2_000_000_000)
    let first = try #require(before.hosts.first { $0.view?.role == .leader }).id
    let flood = (0..<4 as Range<UInt64>).map { index in
      Schedule.Item(
        at: 3_510_000_000 + index * 20_000_000,
        .agent(2, .flood(64, request: 5_000 + 64 * index), at: first.rawValue))
    }
    let world = try World(seed: 9, nodes: 5, threshold: 3, faults: Faults(items: flood))
    world.run(until: 2_000_000_000)
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    let follower = try #require(world.hosts.last { $0.view?.role == .follower })
    let held = follower.id
    // First it learns what is committed, and not what is final.
    world.isIgnored = { receiver, message in
      receiver == held && (message.note != nil || message.historyShown != nil)
    }
    world.run(until: world.time + 1_500_000_000)
    let final = follower.view?.finalSize ?? 0
    let committed = follower.view?.commitSize ?? 0
    #expect(committed > final, "\(committed) entries are committed, \(final) final")
    world.sideOne = [leader.id, held]
    // The others go on. Their note of a size that this log reaches comes before any entry of theirs does.
    let other = try #require(world.hosts.first { $0.id != held && $0.id != leader.id })
    let end = world.time + 6_000_000_000
    while (other.view?.finalSize ?? 0) <= committed, world.time < end {
      world.run(until: world.time + 1_000_000)
    }
    #expect(follower.view?.commitSize == committed && follower.view?.finalSize == final)
    let tail = follower.view?.logSize ?? 0
    #expect(tail > committed, "the deposed leader's own entries")
    let size = try #require(other.view?.finalSize)
    #expect(size <= tail, "the note covers no more than this log holds")
    let note = try #require(other.node?.finality.note)
    var effects = NodeEffects()
    let shown = PeerMessage.note(NoteShown(note: note.encoded))
    follower.step(.peer(from: other.id, shown), at: world.time, into: &effects)
    #expect(follower.fatal == nil)
    #expect(follower.view?.commitSize == committed)
    #expect((follower.view?.logSize ?? 0) < tail, "what it contradicts is gone")
    // And it takes part again.
    world.sideOne = []
    world.isIgnored = nil
    world.reconnect()
    world.run(until: world.time + 4_000_000_000)
    #expect((follower.view?.finalSize ?? 0) > size)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  @Test("what has a receipt is not told as undecided where the note of consent is missing")
  func endedIsNotUndecided() throws {
    let world = try World(seed: 9, nodes: 5, threshold: 4, faults: .none)
    let blind = try #require(world.hosts.last).id
    // Nothing that consents reaches it; what is final it learns from the other notes.
    world.isIgnored = { receiver, message in
      guard receiver == blind, let shown = message.note,
        let note = try? SignedNote(parsing: Array(shown.note.utf8))
      else { return false }
      return (try? CheckpointNote(parsing: note.text))?.consent != nil
    }
    world.run(until: 8_000_000_000)
    var told: [UInt64: (code: StatusCode, status: String)] = [:]
    world.overhears = { answer in
      guard case .respond(let key, let status, let payload) = answer else { return }
      told[key.call] = (status.code, (try? Outcome(decoding: payload))?.status ?? "")
    }
    let seeing = try #require(world.hosts.first).id
    for number in 1...20 as ClosedRange<UInt64> {
      for (key, node) in [(number, seeing), (100 + number, blind)] {
        let request = ProposalRequest(requestID: "agent1-\(number)")
        let call = ClientCall(
          key: CallKey(connection: 99, call: key), caller: .agent(tenant: "acme", name: "agent1"),
          method: Method.get.path, payload: request.encode())
        world.step(node, .call(call))
      }
    }
    world.run(until: world.time + 100_000_000)
    let completed = told.keys.filter { $0 <= 20 && told[$0]?.status == "completed" }.sorted()
    #expect(!completed.isEmpty, "\(told)")
    for number in completed {
      #expect(told[100 + number]?.code == .unavailable, "\(told[100 + number]?.status ?? "")")
    }
    world.isIgnored = nil
    world.run(until: world.time + 2_000_000_000)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }
}
