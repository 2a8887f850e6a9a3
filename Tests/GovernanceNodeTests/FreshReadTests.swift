import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Reads that are no older than the question.
struct FreshReadTests {
  private let world: World
  private let leader: NodeHost
  private let follower: NodeHost

  init() throws {
    world = try World(seed: 5, nodes: 5, threshold: 4, faults: .none)
    world.run(until: 2_000_000_000)
    leader = try #require(world.hosts.first { $0.view?.role == .leader })
    follower = try #require(world.hosts.first { $0.view?.role == .follower })
  }

  private func ask(_ host: NodeHost, fresh: Bool = true, number: UInt64 = 1) {
    let call = ClientCall(
      key: CallKey(connection: 99, call: number), caller: .auditor("a"), method: Method.checkpoint.path,
      payload: CheckpointRequest(fresh: fresh).encode())
    world.step(host.id, .call(call))
  }

  /// What it is answered within so many milliseconds.
  private func answers(within milliseconds: UInt64) -> [StatusCode] {
    var codes: [StatusCode] = []
    world.overhears = { answer in
      if case .respond(_, let status, _) = answer { codes.append(status.code) }
    }
    let end = world.time + milliseconds * 1_000_000
    while codes.isEmpty, world.time < end { world.run(until: world.time + 1_000_000) }
    world.overhears = nil
    return codes
  }

  @Test("a leader and a follower answer when all that was committed before the question is final there")
  func answered() throws {
    for host in [leader, follower] {
      let committed = try #require(leader.view?.commitSize)
      ask(host)
      #expect(answers(within: 4_000) == [.ok])
      #expect((host.view?.finalSize ?? 0) >= committed)
    }
  }

  @Test("a leader that is cut off, and knows nothing of its successor, does not answer from what it has")
  func deposed() throws {
    world.sideOne = [leader.id]
    ask(leader, fresh: false)
    #expect(answers(within: 100) == [.ok], "the control: it answers from what it has")
    ask(leader)
    #expect(answers(within: 6_000) == [.unavailable])
  }

  @Test("who asks is bounded, and who has gone is forgotten")
  func bounded() throws {
    world.isIgnored = { [leader] receiver, _ in receiver == leader.id }
    for number in 1...UInt64(FreshReads.maximum) { ask(leader, number: number) }
    ask(leader, number: 5000)
    #expect(answers(within: 20) == [.resourceExhausted])
    world.step(leader.id, .cancelled(CallKey(connection: 99, call: 1)))
    ask(leader, number: 5001)
    #expect(answers(within: 20).isEmpty)
  }
}
